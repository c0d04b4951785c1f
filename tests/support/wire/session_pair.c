/* SPDX-License-Identifier: MIT */
#include "support/wire/session_pair.h"
#include "wire/frame.h"

void pair_start(struct session_pair *pair, const struct limits *limits)
{
    memset(pair, 0, sizeof(*pair));
    pair->now_us = CLOCK_SECOND;
    for (int side = 0; side < 2; side++) {
        struct pair_end *end = &pair->ends[side];
        struct session_options options = {
            .role = side == 0 ? SESSION_DIALER : SESSION_ACCEPTOR,
            .limits = LIMITS_DEFAULT,
            .pool = &end->pool,
            .seed = (uint64_t)side + 7,
            .now_us = pair->now_us,
        };

        if (limits)
            options.limits = *limits;
        chunk_pool_init(&end->pool, 64 << 20);
        end->session = session_new(&options);
        assert_non_null(end->session);
    }
    pair_run(pair);
    assert_non_null(session_peer(pair->ends[0].session));
    assert_non_null(session_peer(pair->ends[1].session));
}

void pair_stop(struct session_pair *pair)
{
    for (int side = 0; side < 2; side++) {
        session_free(pair->ends[side].session);
        assert_int_equal(pair->ends[side].pool.used_bytes, 0);
        chunk_pool_clear(&pair->ends[side].pool);
    }
}

/* The byte at |offset| of every stream. */
static uint8_t pattern(uint64_t offset)
{
    return (uint8_t)(offset * 7 + (offset >> 8));
}

static void take_data(struct session_pair *pair, struct pair_end *end,
                      const struct session_event *event)
{
    uint64_t start = event->stream->received - event->length;

    for (size_t i = 0; i < event->length; i++)
        if (event->bytes[i] != pattern(start + i))
            fail_msg("a wrong byte at %llu", (unsigned long long)(start + i));
    end->got += event->length;
    end->got_fin = end->got_fin || event->finished;
    if (end->holds)
        return;
    session_consumed(end->session, event->stream, event->length, pair->now_us);
    if (event->finished)
        session_fin_consumed(end->session, event->stream, pair->now_us);
}

static void take_event(struct session_pair *pair, struct pair_end *end,
                       const struct session_event *event)
{
    if (event->type == SESSION_OPENED) {
        event->stream->owner = end;
        end->stream = event->stream;
    }
    if (event->type == SESSION_DATA)
        take_data(pair, end, event);
    end->answers += event->type == SESSION_ANSWERED;
}

static void receive(struct session_pair *pair, struct pair_end *end,
                    const uint8_t *bytes, size_t length)
{
    struct session_input input = { .at = bytes, .length = length };
    struct session_event event;

    do {
        if (session_receive(end->session, &input, pair->now_us, &event) !=
            STATUS_OK)
            fail_msg("%s", session_failure(end->session));
        take_event(pair, end, &event);
    } while (event.type != SESSION_NOTHING);
    assert_int_equal(input.length, 0);
}

bool pair_turn(struct session_pair *pair, int from)
{
    struct session_record record;
    static uint8_t copy[1 << 22]; /* what a turn moves */
    size_t length = 0;

    while (length + FRAME_MAX <= sizeof(copy) &&
           session_pull(pair->ends[from].session, pair->now_us, &record)) {
        memcpy(copy + length, record.bytes, record.length);
        record.bytes[record.length] = 0xee; /* as sealing does */
        length += record.length;
    }
    pair->now_us += pair->delay_us;
    if (length > 0)
        receive(pair, &pair->ends[!from], copy, length);
    return length > 0;
}

void pair_run(struct session_pair *pair)
{
    for (int quiet = 0, turns = 0; quiet < 2; turns++) {
        bool moved = pair_turn(pair, 0);

        assert_in_range(turns, 0, 100000);
        moved = pair_turn(pair, 1) || moved;
        quiet = moved ? 0 : quiet + 1;
        if (!moved) /* acknowledgements wait for company */
            pair->now_us += 30 * CLOCK_MS;
    }
}

struct stream *pair_open(struct session_pair *pair, int side)
{
    struct metadata metadata = { .service = "echo" };
    struct pair_end *end = &pair->ends[side];
    struct stream *stream;

    assert_int_equal(session_open(end->session, &metadata, end, NULL,
                                  pair->now_us, &stream),
                     STATUS_OK);
    pair_run(pair);
    end->stream = stream;
    assert_int_equal(pair->ends[!side].stream->id, stream->id);
    return stream;
}

size_t pair_write(struct session_pair *pair, int side, struct stream *stream,
                  size_t bytes)
{
    struct session *session = pair->ends[side].session;
    size_t written = 0;

    while (written < bytes) {
        struct iovec parts[16];
        int count = session_prepare(session, stream, parts, 16);
        size_t part = 0;

        for (int i = 0; i < count; i++)
            for (size_t j = 0; j < parts[i].iov_len && written < bytes;
                 j++, written++, part++)
                ((uint8_t *)parts[i].iov_base)[j] =
                    pattern(stream->written + part);
        if (count == 0)
            break;
        session_commit(session, stream, part, pair->now_us);
    }
    return written;
}
