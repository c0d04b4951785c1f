/* SPDX-License-Identifier: MIT */
/* What applications at both ends do, and what they must see. */
#include "sim_world.h"
#include <stdio.h>
#include <stdlib.h>

/* The byte at |offset| of what |end| writes. */
static uint8_t byte_of(const struct end *end, uint64_t offset)
{
    uint64_t mixed = (offset + end->flow->key) * UINT64_C(0x9e3779b97f4a7c15);

    return (uint8_t)((mixed >> 56) + (uint64_t)end->side);
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
        /* That the peer goes away may be on its way; that we do is no bar. */
        CHECK(world,
              status == (world->goes_away[!end->side] ? STATUS_CLOSED
                                                      : STATUS_LIMIT) ||
                  (status == STATUS_LIMIT &&
                   (world->goes_away[end->side] || !session_is_worn(session))));
        CHECK(world, !session_can_open(session) ||
                         (early && early->bytes > world->reserve_bytes));
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
    CHECK(world, flow->opener != side && !world->goes_away[side]);
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
    if (event->code != CODE_OVERLOAD || chance(world, 70))
        open_flow(world, end->flow, &bytes);
    if (!end->stream) { /* no room for another stream: give it up */
        chunk_queue_clear(&bytes, &world->pools[end->side]);
        end->flow->dead = end->aborted = true;
    }
}

static void data(struct world *world, struct end *end,
                 const struct session_event *event)
{
    struct end *writer = other_end(end);

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
    struct end *writer = other_end(end);

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
    CHECK(world, other_end(end)->stopped || other_end(end)->aborted);
    end->saw_stop = true;
    end->ended = true;
}

void application_react(struct world *world, int side,
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
        CHECK(world, world->goes_away[!side]);
        break;
    case SESSION_OFFERS:
        CHECK(world, world->offered_us[!side] > 0);
        break;
    case SESSION_CLOSED:
        CHECK(world, event->code == CODE_NONE && !world->closed[side]);
        world->closed[side] = true;
        break;
    }
}

void application_act(struct world *world)
{
    struct flow *flow =
        &world->flows[below(world, (uint64_t)world->flow_count)];
    struct end *end = &flow->ends[below(world, 2)];

    if (!flow->opened && !flow->dead) {
        if (session_can_open(world->sessions[flow->opener]))
            open_flow(world, flow, NULL);
        flow->dead = session_is_worn(world->sessions[flow->opener]);
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

bool application_is_over(const struct world *world)
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

void application_check_end(struct world *world)
{
    for (int i = 0; i < world->flow_count; i++) {
        struct flow *flow = &world->flows[i];

        for (int side = 0; side < 2 && flow->reached; side++) {
            struct end *end = &flow->ends[side], *writer = other_end(end);

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
