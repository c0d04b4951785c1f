/* SPDX-License-Identifier: MIT */
/*
 * Two sessions from HELLO to CLOSE: streams are opened with bytes that waited
 * and without, refused and opened again, carry bytes both ways, finish, are
 * reset and released.  Whatever allocation fails: nothing leaks, and no reader
 * sees an end of file that is not behind the last byte.
 */
#include "base/clock.h"
#include "fault/failing.h"
#include "support/wire/session_invariants.h"
#include <string.h>

enum { FLOWS = 5, BYTES = 60000, EARLY = 20000, TURNS = 400 };

/* One end of a flow. */
struct end {
    struct stream *stream;
    uint64_t written, got;
    bool ended, saw_fin, saw_reset;
};

static struct {
    struct session *sessions[2];
    struct chunk_pool pools[2];
    struct end ends[FLOWS * 2];
    uint64_t now_us;
    bool refused; /* the flow that is refused once */
    bool lost;    /* a session could not go on: the tunnel is gone */
} world;

static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)(offset * 13 + (offset >> 8));
}

static bool start(void)
{
    memset(&world, 0, sizeof(world));
    world.now_us = CLOCK_SECOND;
    for (int side = 0; side < 2; side++) {
        struct session_options options = {
            .role = side ? SESSION_ACCEPTOR : SESSION_DIALER,
            .limits = LIMITS_DEFAULT,
            .pool = &world.pools[side],
            .seed = 5,
            .now_us = world.now_us,
        };

        chunk_pool_init(&world.pools[side], 1 << 20);
        world.sessions[side] = session_new(&options);
    }
    return world.sessions[0] && world.sessions[1];
}

static void stop(void)
{
    for (int side = 0; side < 2; side++) {
        session_free(world.sessions[side]);
        chunk_pool_clear(&world.pools[side]); /* asserts that all is back */
    }
}

/* ---- owners ---- */

static void let_go(struct end *end, int side)
{
    struct stream *stream = end->stream;

    end->stream = NULL;
    session_release(world.sessions[side], stream, CODE_RESET);
}

static void open_flow(int flow, struct chunk_queue *early)
{
    struct metadata metadata = { .service = { (char)('a' + flow) } };
    int side = flow & 1;
    struct end *end = &world.ends[2 * flow + side];

    if (session_open(world.sessions[side], &metadata, end, early, world.now_us,
                     &end->stream) != STATUS_OK) {
        end->stream = NULL;
        chunk_queue_clear(early, &world.pools[side]);
    }
}

static void open_all(void)
{
    uint8_t bytes[EARLY];

    for (size_t i = 0; i < EARLY; i++)
        bytes[i] = byte_at(i);
    for (int flow = 0; flow < FLOWS; flow++) {
        struct chunk_queue early = { 0 };

        if (flow % 2 == 0 && chunk_queue_copy(&early, &world.pools[flow & 1],
                                              bytes, sizeof(bytes)))
            world.ends[2 * flow + (flow & 1)].written = EARLY;
        open_flow(flow, &early);
    }
}

static void write_some(struct end *end, int side)
{
    struct session *session = world.sessions[side];
    struct iovec parts[4];
    int count;
    size_t bytes = 0;

    if (end->ended)
        return;
    if (end->written >= BYTES) {
        end->ended = true;
        session_finish(session, end->stream, world.now_us);
        return;
    }
    count = session_prepare(session, end->stream, parts, 4);
    if (count == 0)
        return;
    for (int i = 0; i < count; i++)
        for (size_t j = 0; j < parts[i].iov_len; j++)
            ((uint8_t *)parts[i].iov_base)[j] = byte_at(end->written + bytes++);
    session_commit(session, end->stream, bytes, world.now_us);
    end->written += bytes;
}

/* Each flow has its own end: flow 3 is reset, flow 4 let go in the middle. */
static void act(int turn)
{
    for (int i = 0; i < FLOWS * 2; i++) {
        struct end *end = &world.ends[i];

        if (end->stream && i / 2 == 3 && turn == 3) {
            end->ended = true;
            session_reset(world.sessions[i & 1], end->stream, CODE_RESET);
        }
        if (end->stream && i / 2 == 4 && turn == 4)
            let_go(end, i & 1);
        if (end->stream)
            write_some(end, i & 1);
        if (end->stream && end->ended && (end->saw_fin || end->saw_reset))
            let_go(end, i & 1);
    }
}

/* ---- what arrives ---- */

static void take_data(struct end *end, const struct session_event *event,
                      int side)
{
    const struct end *writer = &world.ends[(end - world.ends) ^ 1];

    for (size_t i = 0; i < event->length; i++)
        ASSERT(event->bytes[i] == byte_at(end->got + i));
    end->got += event->length;
    session_consumed(world.sessions[side], event->stream, event->length,
                     world.now_us);
    if (!event->finished)
        return;
    ASSERT(writer->ended && end->got == writer->written);
    end->saw_fin = true;
    session_fin_consumed(world.sessions[side], event->stream, world.now_us);
}

static void take_open(const struct session_event *event, int side)
{
    int flow = event->metadata->service[0] - 'a';

    if (flow == 2 && !world.refused) {
        world.refused = true;
        session_refuse(world.sessions[side], event->stream, CODE_REFUSED,
                       false);
        return;
    }
    world.ends[2 * flow + side].stream = event->stream;
    event->stream->owner = &world.ends[2 * flow + side];
}

static void take_refusal(struct end *end, int side)
{
    struct chunk_queue bytes = { 0 };

    session_take_back(world.sessions[side], end->stream, &bytes);
    let_go(end, side);
    open_flow((int)(end - world.ends) / 2, &bytes);
    ASSERT(bytes.bytes == 0);
}

static void react(const struct session_event *event, int side)
{
    struct end *end = event->stream ? event->stream->owner : NULL;

    if (event->type == SESSION_OPENED)
        take_open(event, side);
    if (event->type == SESSION_DATA)
        take_data(end, event, side);
    if (event->type == SESSION_OPEN_FAILED)
        take_refusal(end, side);
    if (event->type == SESSION_RESET)
        end->saw_reset = true;
    if (event->type == SESSION_STOPPED)
        end->ended = true;
}

/* In pieces, for a frame to be put together. */
static bool receive(int side, const uint8_t *bytes, size_t length)
{
    while (length > 0 && !world.lost) {
        size_t piece = length < 5000 ? length : 5000;
        struct session_input input = { .at = bytes, .length = piece };
        struct session_event event;

        do {
            enum status status = session_receive(world.sessions[side], &input,
                                                 world.now_us, &event);

            ASSERT(status == STATUS_OK || status == STATUS_NO_MEMORY);
            world.lost = status != STATUS_OK;
            react(&event, side);
        } while (!world.lost && event.type != SESSION_NOTHING);
        bytes += piece;
        length -= piece;
    }
    return true;
}

static bool move(int side)
{
    static uint8_t copy[1 << 20];
    struct session_record record;
    size_t length = 0;

    while (length + FRAME_MAX <= sizeof(copy) &&
           session_pull(world.sessions[side], world.now_us, &record)) {
        memcpy(copy + length, record.bytes, record.length);
        length += record.length;
    }
    return length > 0 && receive(!side, copy, length);
}

/* ---- the scenario ---- */

static bool all_is_over(void)
{
    return session_stream_count(world.sessions[0]) == 0 &&
           session_stream_count(world.sessions[1]) == 0;
}

static void check(void)
{
    for (int side = 0; side < 2; side++) {
        const char *broken = session_broken(world.sessions[side]);

        if (broken)
            check_failed(broken, __FILE__, __LINE__);
    }
}

/* Without memory it is told later; whoever has a list has all of it. */
static void offer(int side, uint32_t load)
{
    uint8_t bytes[64];
    struct bytes_writer writer = bytes_writer(bytes, sizeof(bytes));
    const struct offer offer = { "redis", true, load };
    struct offers offers = { .bytes = bytes };
    const struct offers *heard = session_peer_offers(world.sessions[side]);

    ASSERT(offers_put(&writer, &offer));
    offers.length = bytes_written(&writer);
    (void)!session_offer(world.sessions[side], &offers);
    ASSERT(!heard || heard->length == offers.length);
}

/* Whether it came to its end. */
static bool run(void)
{
    for (int turn = 0; turn < TURNS && !world.lost; turn++) {
        bool moved = move(0);

        moved = (!world.lost && move(1)) || moved;
        if (turn == 0)
            open_all();
        act(turn);
        if (turn % 4 == 0)
            offer(turn / 4 % 2, (uint32_t)turn);
        check();
        world.now_us += 30 * CLOCK_MS;
        for (int side = 0; side < 2; side++)
            (void)!session_tick(world.sessions[side], world.now_us);
        while (session_next_writable(world.sessions[turn & 1]))
            ;
        if (turn > 5 && !moved && all_is_over())
            break;
    }
    if (world.lost || !all_is_over())
        return false;
    session_close(world.sessions[0], CODE_NONE, "done");
    (void)move(0);
    return session_is_finished(world.sessions[0]);
}

static bool from_hello_to_close(void)
{
    bool came_to_its_end = start() && run();

    stop();
    return came_to_its_end;
}

int main(void)
{
    failing_sweep("session", from_hello_to_close, 0);
    return 0;
}
