/* SPDX-License-Identifier: MIT */
/* Worlds are made, looked at and taken down. */
#include "sim_world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void dump(const struct world *world)
{
    for (int i = 0; i < world->flow_count; i++)
        for (int side = 0; side < 2; side++) {
            const struct flow *flow = &world->flows[i];
            const struct end *end = &flow->ends[side];

            if (!end->stream && (flow->opened || flow->dead) &&
                (end->fin_consumed || end->saw_reset || end->aborted))
                continue;
            fprintf(stderr,
                    "flow %d side %d%s%s%s plan %d wrote %llu/%llu got %llu "
                    "pending %llu%s%s%s%s%s%s sending %d receiving %d\n",
                    i, side, flow->opener == side ? " opener" : "",
                    flow->opened ? " opened" : "", flow->dead ? " dead" : "",
                    end->plan, (unsigned long long)end->written,
                    (unsigned long long)end->to_write,
                    (unsigned long long)end->got,
                    (unsigned long long)end->pending,
                    end->aborted ? " aborted"
                    : end->ended ? " ended"
                                 : "",
                    end->may_write ? " may_write" : "",
                    end->fin_consumed ? " fin_consumed" : "",
                    end->saw_reset ? " saw_reset" : "",
                    end->stopped ? " stopped" : "",
                    end->saw_stop ? " saw_stop" : "",
                    end->stream ? end->stream->sending : -1,
                    end->stream ? end->stream->receiving : -1);
        }
}

/* Streams the sessions still know, whoever owns them. */
static void dump_streams(const struct session *session, int side)
{
    const struct stream *stream;
    size_t position = 0;

    while ((stream = table_next(&session->streams, &position)))
        fprintf(stderr,
                "side %d stream %u: sending %d receiving %d acknowledged %llu "
                "sent %llu written %llu limit %llu received %llu consumed "
                "%llu limit %llu%s%s%s%s%s%s%s\n",
                side, stream->id, stream->sending, stream->receiving,
                (unsigned long long)stream->acknowledged,
                (unsigned long long)stream->sent,
                (unsigned long long)stream->written,
                (unsigned long long)stream->send_limit,
                (unsigned long long)stream->received,
                (unsigned long long)stream->consumed,
                (unsigned long long)stream->receive_limit,
                stream->owner ? " owned" : "",
                stream->discarding ? " discarding" : "",
                stream->starved ? " starved" : "",
                stream->window_due ? " window_due" : "",
                list_is_empty(&stream->control) ? "" : " in_control",
                list_is_empty(&stream->ring) ? "" : " in_ring",
                list_is_empty(&stream->room) ? "" : " in_room");
}

void world_broken(const struct world *world, const char *what, const char *file,
                  int line)
{
    fprintf(stderr, "sim_session: seed %llu, step %llu, %s:%d: %s\n",
            (unsigned long long)world->seed, (unsigned long long)world->step,
            file, line, what);
    dump(world);
    dump_streams(world->sessions[0], 0);
    dump_streams(world->sessions[1], 1);
    exit(1);
}

/* ---- making a world ---- */

static uint64_t some_size(struct world *world)
{
    switch (below(world, 6)) {
    case 0:
        return 0;
    case 1:
        return 1;
    case 2:
        return below(world, 200);
    case 3:
        return below(world, 20000);
    case 4:
        return CHUNK_LARGE * below(world, 5) + below(world, 3);
    default:
        return below(world, 700000);
    }
}

static enum plan some_plan(struct world *world)
{
    return chance(world, 70) ? PLAN_FIN : (enum plan)(1 + below(world, 3));
}

static void make_flow(struct world *world, struct flow *flow)
{
    *flow = (struct flow){ .opener = (int)below(world, 2),
                           .key = (uint32_t)random_next(&world->random) };
    if (chance(world, 20))
        flow->refusals = 1 + (int)below(world, 2);
    flow->refuse_late = chance(world, 50);
    for (int side = 0; side < 2; side++)
        flow->ends[side] = (struct end){ .flow = flow,
                                         .side = side,
                                         .plan = some_plan(world),
                                         .to_write = some_size(world),
                                         .may_write = true,
                                         .stops = chance(world, 8),
                                         .lazy = chance(world, 15) };
}

/* Memory is plenty, or so little that it runs out all the time. */
static size_t some_pool(struct world *world)
{
    switch (below(world, 4)) {
    case 0:
        return 100000 + below(world, 100000);
    case 1:
        return 300000;
    default:
        return 1 << 23;
    }
}

static void make_session(struct world *world, int side)
{
    struct session_options options = {
        .role = side == 0 ? SESSION_DIALER : SESSION_ACCEPTOR,
        .limits = LIMITS_DEFAULT,
        .pool = &world->pools[side],
        .seed = random_next(&world->random),
        .now_us = world->now_us,
    };

    options.limits.max_streams = 1 + (uint32_t)below(world, 20);
    options.limits.reserve_bytes = world->reserve_bytes;
    options.limits.max_unsent_bytes = 20000 + (uint32_t)below(world, 300000);
    options.limits.pool_bytes = world->pool_bytes;
    options.limits.max_retained_bytes = below(world, world->pool_bytes + 1);
    chunk_pool_init(&world->pools[side], some_pool(world));
    world->sessions[side] = session_new(&options);
    CHECK(world, world->sessions[side]);
}

void world_make(struct world *world, uint64_t seed)
{
    *world = (struct world){ .random = random_from_seed(seed),
                             .seed = seed,
                             .now_us = CLOCK_SECOND };
    world->reserve_bytes = 1024u << below(world, 6);
    world->pool_bytes = chance(world, 70) ? 64 << 20 : below(world, 1 << 20);
    for (int side = 0; side < 2; side++) {
        make_session(world, side);
        world->links[side].bytes = malloc(LINK_BYTES);
        CHECK(world, world->links[side].bytes);
    }
    world->cut_at = chance(world, 10) ? below(world, 5000) : UINT64_MAX;
    world->flow_count = 1 + (int)below(world, MAX_FLOWS);
    for (int i = 0; i < world->flow_count; i++)
        make_flow(world, &world->flows[i]);
}

void world_free(struct world *world)
{
    for (int side = 0; side < 2; side++) {
        session_free(world->sessions[side]);
        chunk_pool_clear(&world->pools[side]);
        free(world->links[side].bytes);
    }
}

/* ---- what always holds ---- */

void world_check(struct world *world, bool closely)
{
    for (int side = 0; side < 2; side++) {
        const struct session *session = world->sessions[side];
        const struct chunk_pool *pool = &world->pools[side];
        const char *what = closely ? session_broken(session) : NULL;
        struct session_stats stats;

        if (what)
            world_broken(world, what, __FILE__, __LINE__);
        session_stats(session, &stats);
        CHECK(world, stats.glitches == 0);
        CHECK(world, pool->used_bytes <= pool->max_bytes);
        CHECK(world, stats.retained_bytes <= pool->used_bytes);
        /* One that comes from another tunnel may bring a first credit. */
        CHECK(world, session->unsent_bytes <=
                         session->limits.max_unsent_bytes +
                             (uint64_t)session->streams.count *
                                 session->limits.min_window_bytes);
    }
}

/* ---- nobody starves ---- */

void watch_waiting(struct world *world, int side)
{
    struct watch *watch = &world->watches[side];
    bool waits[WATCHED] = { false };
    size_t position = 0;
    const struct stream *stream;

    while ((stream = table_next(&world->sessions[side]->streams, &position)))
        if (stream->id < WATCHED)
            waits[stream->id] = !list_is_empty(&stream->ring);
    for (uint32_t id = 1; id < WATCHED; id++) {
        if (watch->waits[id] == waits[id])
            continue;
        watch->waits[id] = waits[id];
        watch->since_us[id] = world->now_us;
        memset(watch->others[id], 0, sizeof(watch->others[0]));
    }
}

/*
 * |sender| has sent |bytes|.  While another waits it may have a turn in each
 * ring, and be interactive for 64 KiB more in each second, but no more.
 */
static void watch_sender(struct world *world, int side, uint32_t sender,
                         uint32_t bytes)
{
    struct watch *watch = &world->watches[side];

    for (uint32_t id = 1; id < WATCHED; id++) {
        uint64_t waited_us = world->now_us - watch->since_us[id];

        if (!watch->waits[id] || id == sender)
            continue;
        watch->others[id][sender] += bytes;
        CHECK(world,
              watch->others[id][sender] <=
                  2 * (65536 + 16384) + 65536 * waited_us / CLOCK_SECOND);
    }
    watch->since_us[sender] = world->now_us;
    memset(watch->others[sender], 0, sizeof(watch->others[0]));
}

void watch_record(struct world *world, int side, const uint8_t *record,
                  size_t length)
{
    for (size_t at = 0; at < length;) {
        struct frame_header header = frame_decode_header(record + at);

        CHECK(world, !frame_fault(&header));
        at += FRAME_HEADER + header.length;
        CHECK(world, at <= length);
        if (header.type == FRAME_DATA && header.stream < WATCHED)
            watch_sender(world, side, header.stream,
                         (uint32_t)FRAME_HEADER + header.length);
    }
}
