/* SPDX-License-Identifier: MIT */
/*
 * Two sessions joined by two byte queues, with a made-up clock and everything
 * decided by a seed: who opens, writes, reads, stalls, ends and how; how bytes
 * are cut on the way.  After every step the invariants of docs/PROTOCOL.md are
 * checked, and at the end that everything has come to its end.
 */
#include "base/clock.h"
#include "base/random.h"
#include "wire/session_internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_FLOWS = 40,
    MAX_STEPS = 500000,
    LINK_BYTES = 1 << 18,
    POOL_BYTES = 1 << 23
};

/* How a direction of a flow is meant to end. */
enum plan { PLAN_FIN, PLAN_RESET, PLAN_RESET_BEHIND, PLAN_RELEASE };

/* One end of one stream: what an application does there. */
struct end {
    struct flow *flow;
    int side;              /* 0: dialer, 1: acceptor */
    struct stream *stream; /* NULL before it is open and once released */
    enum plan plan;
    uint64_t to_write; /* bytes until the plan ends the direction */
    uint64_t written;
    bool ended;       /* the plan was carried out */
    bool may_write;   /* not refused room since */
    uint64_t got;     /* bytes of the other end's, all of them checked */
    uint64_t pending; /* of them not consumed */
    bool saw_fin, fin_consumed, saw_reset, saw_stop;
    bool stops; /* will want no more at some time */
    bool stopped;
    bool lazy;    /* consumes only a little at a time */
    bool aborted; /* gave up both directions */
};

struct flow {
    struct end ends[2]; /* by side */
    int opener;
    int refusals; /* how often it will be refused yet */
    bool refuse_late;
    bool opened, dead;
    bool reached; /* the other end took it in the end */
    uint32_t key;
};

struct link {
    uint8_t *bytes;
    size_t start, end;
    bool closed;
};

struct world {
    struct random random;
    uint64_t seed, now_us;
    struct chunk_pool pools[2];
    struct session *sessions[2];
    struct link links[2]; /* from side i */
    struct flow flows[MAX_FLOWS];
    int flow_count;
    uint32_t reserve_bytes;
    uint64_t step;
};

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

static void broken(const struct world *world, const char *what, int line)
{
    fprintf(stderr, "sim_session: seed %llu, step %llu, line %d: %s\n",
            (unsigned long long)world->seed, (unsigned long long)world->step,
            line, what);
    dump(world);
    dump_streams(world->sessions[0], 0);
    dump_streams(world->sessions[1], 1);
    exit(1);
}

#define CHECK(world, sentence) \
    ((sentence) ? (void)0 : broken(world, #sentence, __LINE__))

static uint64_t below(struct world *world, uint64_t limit)
{
    return random_below(&world->random, limit);
}

static bool chance(struct world *world, unsigned percent)
{
    return below(world, 100) < percent;
}

/* The byte at |offset| of what |end| writes. */
static uint8_t byte_of(const struct end *end, uint64_t offset)
{
    uint64_t mixed = (offset + end->flow->key) * UINT64_C(0x9e3779b97f4a7c15);

    return (uint8_t)((mixed >> 56) + (uint64_t)end->side);
}

static struct end *other(struct end *end)
{
    return &end->flow->ends[!end->side];
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
    options.limits.pool_bytes = below(world, 1 << 20);
    options.limits.max_unsent_bytes = 20000 + (uint32_t)below(world, 300000);
    chunk_pool_init(&world->pools[side], POOL_BYTES);
    world->sessions[side] = session_new(&options);
    CHECK(world, world->sessions[side]);
}

static void make_world(struct world *world, uint64_t seed)
{
    *world = (struct world){ .random = random_from_seed(seed),
                             .seed = seed,
                             .now_us = CLOCK_SECOND };
    world->reserve_bytes = 1024u << below(world, 6);
    for (int side = 0; side < 2; side++) {
        make_session(world, side);
        world->links[side].bytes = malloc(LINK_BYTES);
        CHECK(world, world->links[side].bytes);
    }
    world->flow_count = 1 + (int)below(world, MAX_FLOWS);
    for (int i = 0; i < world->flow_count; i++)
        make_flow(world, &world->flows[i]);
}

static void free_world(struct world *world)
{
    for (int side = 0; side < 2; side++) {
        session_free(world->sessions[side]);
        chunk_pool_clear(&world->pools[side]);
        free(world->links[side].bytes);
    }
}

/* ---- what applications do ---- */

static void release(struct world *world, struct end *end)
{
    struct stream *stream = end->stream;

    end->stream = NULL;
    session_release(world->sessions[end->side], stream, CODE_RESET);
}

/* An application that gives up: both directions end. */
static void abort_end(struct world *world, struct end *end)
{
    end->aborted = end->ended = true;
    release(world, end);
}

/* Everything this end will ever do or see is done. */
static bool is_done(const struct end *end)
{
    return end->ended && end->pending == 0 &&
           (end->fin_consumed || end->saw_reset || end->stopped);
}

static void maybe_release(struct world *world, struct end *end)
{
    if (end->stream && is_done(end) && chance(world, 50))
        release(world, end);
}

static void open_flow(struct world *world, struct flow *flow,
                      struct chunk_queue *early)
{
    struct end *end = &flow->ends[flow->opener];
    struct session *session = world->sessions[end->side];
    struct metadata metadata = { .service = "echo" };
    enum status status;

    snprintf(metadata.service, sizeof(metadata.service), "f%d",
             (int)(flow - world->flows));
    status = session_open(session, &metadata, end, early, world->now_us,
                          &end->stream);
    if (status != STATUS_OK) {
        CHECK(world, status == STATUS_LIMIT);
        CHECK(world, !session_can_open(session));
        return;
    }
    flow->opened = true;
    end->may_write = true;
    if (early && end->ended && end->plan == PLAN_FIN)
        session_finish(session, end->stream, world->now_us);
}

static void end_by_plan(struct world *world, struct end *end)
{
    struct session *session = world->sessions[end->side];

    end->ended = true;
    switch (end->plan) {
    case PLAN_FIN:
        session_finish(session, end->stream, world->now_us);
        break;
    case PLAN_RESET:
        session_reset(session, end->stream, CODE_RESET);
        break;
    case PLAN_RESET_BEHIND:
        session_reset_behind(session, end->stream, CODE_RESET, world->now_us);
        break;
    case PLAN_RELEASE:
        abort_end(world, end);
        break;
    }
}

static void write_some(struct world *world, struct end *end)
{
    struct session *session = world->sessions[end->side];
    struct iovec parts[16];
    uint64_t wanted = below(world, 100000);
    size_t bytes = 0;
    int count;

    if (end->ended || !end->may_write)
        return;
    if (end->written == end->to_write) {
        end_by_plan(world, end);
        return;
    }
    if (wanted > end->to_write - end->written)
        wanted = end->to_write - end->written;
    count =
        session_prepare(session, end->stream, parts, 1 + (int)below(world, 16));
    end->may_write = count > 0;
    for (int i = 0; i < count; i++)
        for (size_t j = 0; j < parts[i].iov_len && bytes < wanted; j++)
            ((uint8_t *)parts[i].iov_base)[j] =
                byte_of(end, end->written + bytes++);
    if (count > 0)
        session_commit(session, end->stream, bytes, world->now_us);
    end->written += bytes;
}

static void read_some(struct world *world, struct end *end)
{
    struct session *session = world->sessions[end->side];
    uint64_t bytes = end->pending;

    if (end->lazy && bytes > 9000)
        bytes = 1 + below(world, 9000);
    else if (chance(world, 30))
        bytes = below(world, bytes + 1);
    session_consumed(session, end->stream, bytes, world->now_us);
    end->pending -= bytes;
    if (end->saw_fin && end->pending == 0 && !end->fin_consumed) {
        end->fin_consumed = true;
        session_fin_consumed(session, end->stream, world->now_us);
    }
    if (end->stops && !end->stopped && !end->saw_fin && chance(world, 10)) {
        end->stopped = true;
        session_consumed(session, end->stream, end->pending, world->now_us);
        end->pending = 0;
        session_stop(session, end->stream, CODE_STOPPED);
    }
}

/* ---- what arrives ---- */

static void opened(struct world *world, int side,
                   const struct session_event *event)
{
    struct flow *flow;
    int index = atoi(event->metadata->service + 1);

    CHECK(world, index >= 0 && index < world->flow_count);
    flow = &world->flows[index];
    CHECK(world, flow->opener != side);
    if (flow->refusals > 0 && !flow->refuse_late) {
        flow->refusals--;
        session_refuse(world->sessions[side], event->stream, CODE_REFUSED,
                       false);
        return;
    }
    flow->ends[side].stream = event->stream;
    event->stream->owner = &flow->ends[side];
    flow->reached = flow->refusals == 0;
    if (flow->refusals == 0 && chance(world, 50))
        session_accept(world->sessions[side], event->stream, world->now_us);
}

/* A service that could not be reached after all, while bytes came in. */
static void refuse_late(struct world *world, struct end *end)
{
    struct stream *stream = end->stream;

    end->flow->refusals--;
    end->stream = NULL;
    end->got = end->pending = 0;
    end->saw_fin = false;
    /* Once the opener wanted no answer, this ends it instead. */
    if (stream->sending != SENDING_OPEN)
        end->aborted = end->ended = true;
    session_refuse(world->sessions[end->side], stream, CODE_REFUSED, false);
    session_release(world->sessions[end->side], stream, CODE_REFUSED);
}

static void open_failed(struct world *world, struct end *end,
                        const struct session_event *event)
{
    struct chunk_queue bytes = { 0 };
    struct session *session = world->sessions[end->side];

    CHECK(world, !event->delivered);
    CHECK(world, end->got == 0);
    if (end->stopped || (end->ended && end->plan != PLAN_FIN)) {
        end->flow->dead = true;
        end->aborted = true;
        release(world, end);
        return;
    }
    session_take_back(session, event->stream, &bytes);
    CHECK(world, bytes.bytes == end->written);
    release(world, end);
    end->flow->opened = false;
    open_flow(world, end->flow, &bytes);
    if (!end->stream) { /* no room for another stream: give it up */
        chunk_queue_clear(&bytes, &world->pools[end->side]);
        end->flow->dead = end->aborted = true;
    }
}

static void data(struct world *world, struct end *end,
                 const struct session_event *event)
{
    struct end *writer = other(end);

    CHECK(world, !end->saw_fin && !end->saw_reset && !end->stopped);
    for (size_t i = 0; i < event->length; i++)
        CHECK(world, event->bytes[i] == byte_of(writer, end->got + i));
    end->got += event->length;
    end->pending += event->length;
    CHECK(world, end->got <= writer->written);
    if (!event->finished)
        return;
    end->saw_fin = true;
    /* The promise: an end of file only behind every byte. */
    CHECK(world, writer->ended && writer->plan == PLAN_FIN);
    CHECK(world, end->got == writer->to_write);
    if (end->pending == 0 && end->flow->refusals == 0) {
        end->fin_consumed = true;
        session_fin_consumed(world->sessions[end->side], end->stream,
                             world->now_us);
    }
}

static void reset(struct world *world, struct end *end)
{
    struct end *writer = other(end);

    CHECK(world, !end->saw_reset);
    end->saw_reset = true;
    CHECK(world, writer->aborted || writer->saw_stop || end->stopped ||
                     (writer->ended && writer->plan != PLAN_FIN));
    if (writer->plan == PLAN_RESET_BEHIND && writer->ended &&
        !writer->saw_stop && !writer->aborted)
        CHECK(world, end->got == writer->to_write);
}

static void stopped(struct world *world, struct end *end)
{
    CHECK(world, other(end)->stopped || other(end)->aborted);
    end->saw_stop = true;
    end->ended = true;
}

static void react(struct world *world, int side,
                  const struct session_event *event)
{
    struct end *end = event->stream ? event->stream->owner : NULL;

    switch (event->type) {
    case SESSION_NOTHING:
    case SESSION_READY:
    case SESSION_ANSWERED:
        break;
    case SESSION_OPENED:
        opened(world, side, event);
        break;
    case SESSION_OPEN_FAILED:
        open_failed(world, end, event);
        break;
    case SESSION_DATA:
        data(world, end, event);
        break;
    case SESSION_RESET:
        reset(world, end);
        break;
    case SESSION_STOPPED:
        stopped(world, end);
        break;
    case SESSION_GOING_AWAY:
    case SESSION_CLOSED:
        CHECK(world, !"nobody says so here");
    }
}

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
    while (LINK_BYTES - link->end > 2 * 16384 &&
           session_pull(world->sessions[side], world->now_us, &record)) {
        CHECK(world, record.length > 0 && record.length <= 16384);
        memcpy(link->bytes + link->end, record.bytes, record.length);
        record.bytes[record.length] = 0xee; /* as sealing does */
        link->end += record.length;
        if (chance(world, 30))
            break;
    }
    while ((stream = session_next_writable(world->sessions[side])))
        ((struct end *)stream->owner)->may_write = true;
}

static void receive_some(struct world *world, int side)
{
    struct link *link = &world->links[!side];
    size_t length = link->end - link->start;
    struct session_input input = { .at = link->bytes + link->start };
    struct session_event event;

    if (length == 0)
        return;
    input.length = chance(world, 50) ? length : 1 + below(world, length);
    if (chance(world, 5))
        input.length = 1;
    link->start += input.length;
    do {
        enum status status = session_receive(world->sessions[side], &input,
                                             world->now_us, &event);

        if (status != STATUS_OK)
            broken(world, session_failure(world->sessions[side]), __LINE__);
        react(world, side, &event);
    } while (event.type != SESSION_NOTHING);
    CHECK(world, input.length == 0);
}

/* ---- the run ---- */

static void check_invariants(struct world *world)
{
    for (int side = 0; side < 2; side++) {
        struct session_stats stats;

        session_stats(world->sessions[side], &stats);
        CHECK(world, stats.glitches == 0);
        CHECK(world, world->pools[side].used_bytes <= POOL_BYTES);
        CHECK(world, stats.retained_bytes <= world->pools[side].used_bytes);
    }
}

static void act(struct world *world)
{
    struct flow *flow =
        &world->flows[below(world, (uint64_t)world->flow_count)];
    struct end *end = &flow->ends[below(world, 2)];

    if (!flow->opened && !flow->dead) {
        if (session_can_open(world->sessions[flow->opener]))
            open_flow(world, flow, NULL);
        return;
    }
    if (!end->stream)
        return;
    if (flow->refusals > 0 && end->side != flow->opener) {
        if (chance(world, 20))
            refuse_late(world, end);
        return; /* not reached yet: it neither reads nor writes */
    }
    if (chance(world, 60))
        write_some(world, end);
    if (end->stream && chance(world, 60))
        read_some(world, end);
    if (end->stream && chance(world, 1) && chance(world, 20))
        abort_end(world, end);
    maybe_release(world, end);
}

static bool is_over(const struct world *world)
{
    for (int i = 0; i < world->flow_count; i++) {
        const struct flow *flow = &world->flows[i];

        if (!flow->opened && !flow->dead)
            return false;
        if (flow->ends[0].stream || flow->ends[1].stream)
            return false;
    }
    for (int side = 0; side < 2; side++) {
        struct session_stats stats;

        session_stats(world->sessions[side], &stats);
        if (stats.streams > 0)
            return false;
    }
    return true;
}

static void check_end(struct world *world)
{
    for (int i = 0; i < world->flow_count; i++) {
        struct flow *flow = &world->flows[i];

        for (int side = 0; side < 2 && flow->reached; side++) {
            struct end *end = &flow->ends[side], *writer = other(end);

            if (end->aborted || end->stopped || writer->aborted ||
                writer->saw_stop)
                continue;
            if (writer->plan == PLAN_FIN)
                CHECK(world, end->fin_consumed);
            else
                CHECK(world, end->saw_reset);
        }
    }
    for (int side = 0; side < 2; side++)
        CHECK(world, world->pools[side].used_bytes == 0);
}

static void run(uint64_t seed)
{
    struct world world;

    make_world(&world, seed);
    while (!is_over(&world)) {
        if (++world.step > MAX_STEPS)
            broken(&world, "it does not come to an end", __LINE__);
        switch (below(&world, 8)) {
        case 0:
        case 1:
            send_some(&world, (int)below(&world, 2));
            break;
        case 2:
        case 3:
            receive_some(&world, (int)below(&world, 2));
            break;
        case 4:
            world.now_us += below(&world, 30 * CLOCK_MS);
            for (int side = 0; side < 2; side++)
                if (session_deadline(world.sessions[side]) <= world.now_us)
                    CHECK(&world, session_tick(world.sessions[side],
                                               world.now_us) == STATUS_OK ||
                                      world.links[!side].start !=
                                          world.links[!side].end);
            break;
        default:
            act(&world);
        }
        check_invariants(&world);
    }
    check_end(&world);
    free_world(&world);
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
