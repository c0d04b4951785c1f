/* SPDX-License-Identifier: MIT */
/*
 * Two sessions and a link between them; the input is what their owners do and
 * when bytes move, three bytes an operation.  No byte may come wrong, no end of
 * file early, no frame odd; and when all is released, nothing may be left.
 */
#include "base/clock.h"
#include "support/wire/session_invariants.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLOWS = 6, LINK_BYTES = 1 << 16, POOL_BYTES = 1 << 21 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct end {
    struct stream *stream;
    unsigned generation; /* which of those that its flow opened */
    uint64_t written, got, held;
    bool finished;  /* FIN wanted behind what is written */
    bool may_reset; /* something happened that ends in a reset */
    bool saw_fin;
};

static struct {
    struct chunk_pool pools[2];
    struct session *sessions[2];
    struct end ends[FLOWS * 2];   /* two of each flow, by side */
    uint8_t links[2][LINK_BYTES]; /* from side i */
    size_t starts[2], lengths[2];
    unsigned generations[FLOWS]; /* how many streams each opened */
    uint64_t now_us;
    uint64_t offered_us[2];
    bool closed;
} world;

static void start(uint8_t habits)
{
    memset(&world, 0, sizeof(world));
    world.now_us = CLOCK_SECOND;
    for (int side = 0; side < 2; side++) {
        struct session_options options = {
            .role = side ? SESSION_ACCEPTOR : SESSION_DIALER,
            .limits = LIMITS_DEFAULT,
            .pool = &world.pools[side],
            .seed = 1,
            .now_us = world.now_us,
        };

        chunk_pool_init(&world.pools[side], POOL_BYTES);
        options.limits.reserve_bytes = 1024u << (habits & 3);
        options.limits.pool_bytes = habits & 4 ? 65536 : 2 << 20;
        options.limits.max_unsent_bytes = habits & 16 ? 4096 : 1 << 20;
        options.limits.max_retained_bytes = habits & 32 ? 8192 : 65536;
        options.limits.max_streams = habits & 64 ? 2 : 20;
        world.sessions[side] = session_new(&options);
        ASSERT(world.sessions[side]);
    }
}

static uint8_t byte_at(const struct end *end, uint64_t offset)
{
    return (uint8_t)(offset * 31 + (offset >> 9) +
                     (uint64_t)(end - world.ends));
}

static struct end *other(struct end *end)
{
    ptrdiff_t index = end - world.ends;

    return &world.ends[index ^ 1];
}

static void let_go(struct end *end, int side)
{
    struct stream *stream = end->stream;

    end->stream = NULL;
    end->may_reset = other(end)->may_reset = true;
    session_release(world.sessions[side], stream, CODE_RESET);
}

/* ---- what arrives ---- */

static void take_data(struct end *end, const struct session_event *event,
                      int side)
{
    struct end *writer = other(end);

    for (size_t i = 0; i < event->length; i++)
        ASSERT(event->bytes[i] == byte_at(writer, end->got + i));
    end->got += event->length;
    end->held += event->length;
    ASSERT(end->got <= writer->written && !end->saw_fin);
    if (!event->finished)
        return;
    ASSERT(writer->finished && end->got == writer->written);
    end->saw_fin = true;
    if (end->held == 0)
        session_fin_consumed(world.sessions[side], end->stream, world.now_us);
}

static void take_open(const struct session_event *event, int side)
{
    int flow = event->metadata->service[0] - 'a';
    unsigned generation = (unsigned)atoi(event->metadata->service + 1);
    struct end *end;

    ASSERT(flow >= 0 && flow < FLOWS);
    end = &world.ends[2 * flow + side];
    if (end->stream || generation != other(end)->generation ||
        event->metadata->class == CLASS_BULK) {
        session_refuse(world.sessions[side], event->stream, CODE_DENIED, false);
        return;
    }
    *end = (struct end){ .stream = event->stream,
                         .generation = generation,
                         .may_reset = other(end)->may_reset };
    event->stream->owner = end;
}

static void take_refusal(struct end *end, int side)
{
    struct chunk_queue bytes = { 0 };

    ASSERT(end->got == 0);
    session_take_back(world.sessions[side], end->stream, &bytes);
    ASSERT(bytes.bytes == end->written || end->may_reset);
    chunk_queue_clear(&bytes, &world.pools[side]);
    let_go(end, side);
}

static void react(const struct session_event *event, int side)
{
    struct end *end = event->stream ? event->stream->owner : NULL;

    switch (event->type) {
    case SESSION_OPENED:
        take_open(event, side);
        break;
    case SESSION_DATA:
        take_data(end, event, side);
        break;
    case SESSION_OPEN_FAILED:
        take_refusal(end, side);
        break;
    case SESSION_RESET:
    case SESSION_STOPPED:
        ASSERT(end->may_reset);
        break;
    case SESSION_CLOSED:
        world.closed = true;
        break;
    case SESSION_NOTHING:
    case SESSION_READY:
    case SESSION_ANSWERED:
    case SESSION_GOING_AWAY:
    case SESSION_OFFERS:
        break;
    }
}

/* ---- the link ---- */

static bool send_records(int side, int count)
{
    struct session_record record;
    uint8_t *link = world.links[side];
    bool sent = false;

    memmove(link, link + world.starts[side], world.lengths[side]);
    world.starts[side] = 0;
    while (count-- > 0 && LINK_BYTES - world.lengths[side] >= FRAME_MAX &&
           session_pull(world.sessions[side], world.now_us, &record)) {
        memcpy(link + world.lengths[side], record.bytes, record.length);
        record.bytes[record.length] = 0xee;
        world.lengths[side] += record.length;
        sent = true;
    }
    return sent;
}

static bool receive_bytes(int side, size_t length)
{
    struct session_input input = { .at = world.links[!side] +
                                         world.starts[!side] };
    struct session_event event;

    if (length > world.lengths[!side])
        length = world.lengths[!side];
    input.length = length;
    world.starts[!side] += length;
    world.lengths[!side] -= length;
    do {
        ASSERT(session_receive(world.sessions[side], &input, world.now_us,
                               &event) == STATUS_OK);
        react(&event, side);
    } while (event.type != SESSION_NOTHING);
    return length > 0;
}

static void pass_time(uint64_t us)
{
    world.now_us += us;
    for (int side = 0; side < 2; side++)
        if (session_deadline(world.sessions[side]) <= world.now_us)
            (void)!session_tick(world.sessions[side], world.now_us);
}

/* ---- what owners do ---- */

static void open_stream(int flow, int side, size_t amount)
{
    struct metadata metadata = {
        .class = amount > 200 ? CLASS_BULK : CLASS_AUTO,
    };
    struct end *end = &world.ends[2 * flow + side];

    if (end->stream || other(end)->stream)
        return;
    *end = (struct end){ .generation = ++world.generations[flow] };
    snprintf(metadata.service, sizeof(metadata.service), "%c%u", 'a' + flow,
             end->generation);
    if (session_open(world.sessions[side], &metadata, end, NULL, world.now_us,
                     &end->stream) != STATUS_OK)
        end->stream = NULL;
}

static void write_bytes(struct end *end, int side, size_t amount)
{
    struct iovec parts[4];
    int count = session_prepare(world.sessions[side], end->stream, parts, 4);
    size_t bytes = 0, wanted = amount * amount;

    for (int i = 0; i < count; i++)
        for (size_t j = 0; j < parts[i].iov_len && bytes < wanted; j++)
            ((uint8_t *)parts[i].iov_base)[j] =
                byte_at(end, end->written + bytes++);
    if (count > 0)
        session_commit(world.sessions[side], end->stream, bytes, world.now_us);
    end->written += bytes;
}

static void consume(struct end *end, int side, size_t amount)
{
    size_t bytes = amount * amount < end->held ? amount * amount : end->held;

    session_consumed(world.sessions[side], end->stream, bytes, world.now_us);
    end->held -= bytes;
    if (end->saw_fin && end->held == 0)
        session_fin_consumed(world.sessions[side], end->stream, world.now_us);
}

static void use_stream(struct end *end, int side, uint8_t what, size_t amount)
{
    struct session *session = world.sessions[side];

    switch (what % 10) {
    case 0:
    case 1:
        write_bytes(end, side, amount);
        break;
    case 2:
        consume(end, side, amount);
        break;
    case 3:
        end->finished = end->finished || end->stream->sending == SENDING_OPEN;
        session_finish(session, end->stream, world.now_us);
        break;
    case 4:
        end->may_reset = other(end)->may_reset = true;
        session_reset(session, end->stream, CODE_RESET);
        break;
    case 5:
        end->may_reset = other(end)->may_reset = true;
        session_reset_behind(session, end->stream, CODE_RESET, world.now_us);
        break;
    case 6:
        end->may_reset = other(end)->may_reset = true;
        session_stop(session, end->stream, CODE_RESET);
        break;
    case 7:
        let_go(end, side);
        break;
    case 8:
        session_accept(session, end->stream, world.now_us);
        break;
    default:
        if (session_is_ours(session, end->stream->id) || end->written > 0)
            break;
        session_refuse(session, end->stream, CODE_REFUSED, false);
        let_go(end, side);
    }
}

/* Another list, as seldom as a peer welcomes; the longest fills its frame. */
static void offer(int side, size_t amount)
{
    uint8_t bytes[FRAME_MAX_OFFERS];
    struct bytes_writer writer = bytes_writer(bytes, sizeof(bytes));
    struct offer offer = { .load = (uint32_t)amount };
    struct offers offers = { .bytes = bytes };

    if (world.now_us < world.offered_us[side] + CLOCK_SECOND / 10)
        return;
    world.offered_us[side] = world.now_us;
    for (size_t i = 0; i < amount * amount; i++) {
        snprintf(offer.name, sizeof(offer.name), "service-%zu", i);
        if (!offers_put(&writer, &offer))
            offers.is_partial = true;
    }
    offers.length = bytes_written(&writer);
    ASSERT(session_offer(world.sessions[side], &offers) == STATUS_OK);
}

static void operate(const uint8_t *op)
{
    int side = op[1] & 1;
    struct end *end = &world.ends[(op[1] >> 1) % FLOWS * 2 + side];

    switch (op[0] % 8) {
    case 0:
        open_stream((op[1] >> 1) % FLOWS, side, op[2]);
        break;
    case 1:
        (void)send_records(side, 1 + op[2] % 8);
        break;
    case 2:
        (void)receive_bytes(side, (size_t)op[2] * op[2] + 1);
        break;
    case 3:
        pass_time((uint64_t)op[2] * op[2] * 100);
        break;
    case 4:
        if (op[2] == 255)
            session_go_away(world.sessions[side], CODE_DRAINING);
        else if (op[2] > 200)
            offer(side, op[2] - 201);
        else
            while (session_next_writable(world.sessions[side]))
                ;
        break;
    default:
        if (end->stream)
            use_stream(end, side, op[0] / 8, op[2]);
    }
}

static void check(void)
{
    for (int side = 0; side < 2; side++) {
        const char *broken = session_broken(world.sessions[side]);
        struct session_stats stats;

        if (broken)
            check_failed(broken, __FILE__, __LINE__);
        session_stats(world.sessions[side], &stats);
        ASSERT(stats.glitches == 0);
    }
}

/* Let go of everything, and let everything come to its end. */
static void end_all(void)
{
    bool moved = true;
    int quiet = 0;

    for (int i = 0; i < FLOWS * 2; i++)
        if (world.ends[i].stream)
            let_go(&world.ends[i], i & 1);
    for (int i = 0; quiet < 3; i++) {
        ASSERT(i < 100000);
        moved = send_records(0, 1000);
        moved = send_records(1, 1000) || moved;
        moved = receive_bytes(0, LINK_BYTES) || moved;
        moved = receive_bytes(1, LINK_BYTES) || moved;
        for (int j = 0; j < FLOWS * 2; j++)
            if (world.ends[j].stream) /* OPEN was on its way */
                let_go(&world.ends[j], j & 1);
        pass_time(30 * CLOCK_MS);
        quiet = moved ? 0 : quiet + 1;
    }
    for (int side = 0; side < 2; side++) {
        const struct offers *told = session_offered(world.sessions[side]);
        const struct offers *heard = session_peer_offers(world.sessions[!side]);

        ASSERT(told ? heard && offers_equal(told, heard) : !heard);
        ASSERT(session_stream_count(world.sessions[side]) == 0);
        ASSERT(world.pools[side].used_bytes == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    start(data[0]);
    for (size_t at = 1; at + 3 <= size; at += 3) {
        operate(data + at);
        check();
    }
    end_all();
    for (int side = 0; side < 2; side++) {
        session_free(world.sessions[side]);
        chunk_pool_clear(&world.pools[side]);
    }
    return 0;
}
