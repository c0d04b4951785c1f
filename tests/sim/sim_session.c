/* SPDX-License-Identifier: MIT */
/*
 * Two sessions joined by two byte queues, with a made-up clock and everything
 * decided by a seed: who opens, writes, reads, stalls, ends and how; how bytes
 * are cut on the way; who goes away, and when the link breaks.  After every
 * step the invariants of docs/PROTOCOL.md are checked, and at the end that
 * everything has come to its end.
 */
#include "sim_world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the way between ---- */

static void send_some(struct world *world, int side)
{
    struct link *link = &world->links[side];
    struct session_record record;
    struct stream *stream;

    if (link->start > 0) {
        memmove(link->bytes, link->bytes + link->start,
                link->end - link->start);
        link->end -= link->start;
        link->start = 0;
    }
    watch_waiting(world, side);
    while (LINK_BYTES - link->end > 2 * FRAME_MAX &&
           session_pull(world->sessions[side], world->now_us, &record)) {
        CHECK(world, record.length > 0 && record.length <= FRAME_MAX);
        memcpy(link->bytes + link->end, record.bytes, record.length);
        record.bytes[record.length] = 0xee; /* as sealing does */
        watch_record(world, side, link->bytes + link->end, record.length);
        watch_waiting(world, side);
        link->end += record.length;
        if (chance(world, 30))
            break;
    }
    while ((stream = session_next_writable(world->sessions[side])))
        ((struct end *)stream->owner)->may_write = true;
}

static void receive(struct world *world, int side, size_t length)
{
    struct link *link = &world->links[!side];
    struct session_input input = { .at = link->bytes + link->start,
                                   .length = length };
    struct session_event event;

    link->start += length;
    do {
        enum status status = session_receive(world->sessions[side], &input,
                                             world->now_us, &event);

        if (status != STATUS_OK)
            world_broken(world, session_failure(world->sessions[side]),
                         __FILE__, __LINE__);
        application_react(world, side, &event);
    } while (event.type != SESSION_NOTHING);
    CHECK(world, input.length == 0);
}

static void receive_some(struct world *world, int side)
{
    struct link *link = &world->links[!side];
    size_t length = link->end - link->start;

    if (length == 0 || world->step < link->stalled_until)
        return;
    if (chance(world, 5))
        length = 1;
    else if (chance(world, 50))
        length = 1 + below(world, length);
    receive(world, side, length);
}

/* Move everything that can be moved without waiting. */
static void move_all(struct world *world)
{
    bool moved = true;

    for (int i = 0; moved; i++) {
        CHECK(world, i < MAX_STEPS);
        moved = false;
        for (int side = 0; side < 2; side++) {
            struct link *link = &world->links[side];

            send_some(world, side);
            moved = moved || link->end > link->start;
            if (link->end > link->start)
                receive(world, !side, link->end - link->start);
        }
    }
}

/* ---- time ---- */

/* Is there anything that could come to an end that waits for it? */
static bool is_quiet(const struct world *world)
{
    for (int side = 0; side < 2; side++)
        if (world->links[side].start != world->links[side].end ||
            session_wants_to_send(world->sessions[side], world->now_us))
            return false;
    return true;
}

static void pass_time(struct world *world)
{
    world->now_us += below(world, 30 * CLOCK_MS);
    for (int side = 0; side < 2; side++) {
        bool was_quiet = is_quiet(world);

        if (session_deadline(world->sessions[side]) <= world->now_us)
            CHECK(world, session_tick(world->sessions[side], world->now_us) ==
                                 STATUS_OK ||
                             !was_quiet);
    }
}

/* Nothing happens for long, and both ends see that the other is there. */
static void pass_long_time(struct world *world)
{
    for (int side = 0; side < 2; side++)
        world->links[side].stalled_until = 0;
    move_all(world);
    world->now_us += below(world, 30 * CLOCK_SECOND);
    for (int i = 0; i < 3; i++) {
        for (int side = 0; side < 2; side++)
            CHECK(world, session_tick(world->sessions[side], world->now_us) ==
                             STATUS_OK);
        move_all(world);
        world->now_us += below(world, CLOCK_SECOND);
    }
}

/* ---- what happens seldom ---- */

/* Another list, as seldom as a peer welcomes. */
static void offer(struct world *world, int side)
{
    uint8_t bytes[FRAME_MAX_OFFERS];
    struct bytes_writer writer = bytes_writer(bytes, sizeof(bytes));
    struct offers offers = { .bytes = bytes, .is_partial = chance(world, 10) };
    uint64_t count = below(world, chance(world, 10) ? 1000 : 4);

    if (world->now_us < world->offered_us[side] + CLOCK_SECOND / 10)
        return;
    world->offered_us[side] = world->now_us;
    for (uint64_t i = 0; i < count; i++) {
        struct offer one = { .is_usable = chance(world, 50),
                             .load = (uint32_t)below(world, 100) };

        snprintf(one.name, sizeof(one.name), "service-%llu",
                 (unsigned long long)i);
        if (!offers_put(&writer, &one))
            offers.is_partial = true;
    }
    offers.length = bytes_written(&writer);
    CHECK(world, session_offer(world->sessions[side], &offers) == STATUS_OK);
}

/* Whatever came between, the other end has the last list. */
static void check_offers(struct world *world)
{
    for (int side = 0; side < 2; side++) {
        const struct offers *told = session_offered(world->sessions[side]);
        const struct offers *heard =
            session_peer_offers(world->sessions[!side]);

        CHECK(world, told ? heard && offers_equal(told, heard) : !heard);
    }
}

static void something_seldom(struct world *world)
{
    int side = (int)below(world, 2);

    switch (below(world, 8)) {
    case 0:
        if (world->step > 2000 && seldom(world, 4)) {
            world->goes_away[side] = true;
            session_go_away(world->sessions[side], CODE_DRAINING);
        }
        break;
    case 1:
    case 2:
        pass_long_time(world);
        break;
    case 3:
        offer(world, side);
        break;
    default:
        world->links[side].stalled_until = world->step + below(world, 3000);
    }
}

/* ---- the run ---- */

static void step(struct world *world)
{
    switch (below(world, 8)) {
    case 0:
    case 1:
        send_some(world, (int)below(world, 2));
        break;
    case 2:
    case 3:
        receive_some(world, (int)below(world, 2));
        break;
    case 4:
        pass_time(world);
        break;
    default:
        application_act(world);
    }
    if (seldom(world, 1500))
        something_seldom(world);
    world_check(world, world->step % 16 == 0);
}

/* The link is gone: every owner is found, and all memory comes back. */
static void check_cut(struct world *world)
{
    for (int side = 0; side < 2; side++) {
        size_t position = 0, owners = 0;
        const struct stream *stream;

        while (
            (stream = session_next_stream(world->sessions[side], &position))) {
            CHECK(world, ((struct end *)stream->owner)->stream == stream);
            owners++;
        }
        for (int i = 0; i < world->flow_count; i++)
            owners -= world->flows[i].ends[side].stream != NULL;
        CHECK(world, owners == 0);
    }
}

/* All streams are over: both ends say so. */
static void close_both(struct world *world)
{
    int first = (int)below(world, 2);

    move_all(world);
    check_offers(world);
    session_close(world->sessions[first], CODE_NONE, "done");
    move_all(world);
    CHECK(world, session_is_finished(world->sessions[first]));
    CHECK(world, world->closed[!first] && !world->closed[first]);
    session_close(world->sessions[!first], CODE_NONE, "done too");
    move_all(world);
    CHECK(world, session_is_finished(world->sessions[!first]));
    CHECK(world, world->closed[first]);
    world_check(world, true);
}

static void run(uint64_t seed)
{
    static struct world world;

    world_make(&world, seed);
    while (!application_is_over(&world) && world.step != world.cut_at) {
        if (++world.step > MAX_STEPS)
            world_broken(&world, "it does not come to an end", __FILE__,
                         __LINE__);
        step(&world);
    }
    if (application_is_over(&world)) {
        application_check_end(&world);
        close_both(&world);
    } else {
        check_cut(&world);
    }
    world_free(&world);
}

int main(int argc, char **argv)
{
    unsigned long long first = 1, last = 100;

    if (argc == 3 && strcmp(argv[1], "--seed") == 0) {
        first = last = strtoull(argv[2], NULL, 10);
    } else if (argc == 3 && strcmp(argv[1], "--seeds") == 0 &&
               sscanf(argv[2], "%llu-%llu", &first, &last) == 2) {
    } else if (argc != 1) {
        fprintf(stderr, "usage: sim_session [--seed N | --seeds FROM-TO]\n");
        return 2;
    }
    for (unsigned long long seed = first; seed <= last; seed++)
        run(seed);
    printf("sim_session: %llu seeds passed\n", last - first + 1);
    return 0;
}
