/* SPDX-License-Identifier: MIT */
#include "support/wire/raw_peer.h"
#include "wire/session_internal.h"
#include <stdio.h>

static int owner; /* of every stream: somebody */

void raw_start(struct raw_peer *raw, enum session_role role,
               const struct limits *limits)
{
    struct session_options options = { .role = role,
                                       .limits = LIMITS_DEFAULT,
                                       .pool = &raw->pool,
                                       .hello = raw_hello(),
                                       .seed = 42 };

    memset(raw, 0, sizeof(*raw));
    raw->role = role;
    raw->now_us = options.now_us = CLOCK_SECOND;
    raw->out = bytes_writer(raw->bytes, sizeof(raw->bytes));
    if (limits)
        options.limits = *limits;
    chunk_pool_init(&raw->pool, 64 << 20);
    raw->session = session_new(&options);
    assert_non_null(raw->session);
}

void raw_start_ready(struct raw_peer *raw, enum session_role role,
                     const struct limits *limits)
{
    struct hello hello = raw_hello();
    struct raw_frame ping;

    raw_start(raw, role, limits);
    raw_put_hello(raw, &hello);
    (void)raw_expect(raw, SESSION_READY);
    (void)raw_expect_frame(raw, FRAME_HELLO, 0);
    ping = raw_expect_frame(raw, FRAME_PING, 0);
    frame_put_ping(&raw->out, ping.number, true);
    raw_expect_nothing(raw);
    raw_expect_no_frame(raw);
    raw->delivered_bytes = raw->pulled_bytes = 0;
}

void raw_stop(struct raw_peer *raw)
{
    session_free(raw->session);
    assert_int_equal(raw->pool.used_bytes, 0);
    chunk_pool_clear(&raw->pool);
}

/* ---- to put ---- */

struct hello raw_hello(void)
{
    return (struct hello){ .instance = { 1, 2, 3 },
                           .max_streams = 1000,
                           .credit = 65536,
                           .version = "raw 1",
                           .node = "raw" };
}

void raw_put_hello(struct raw_peer *raw, const struct hello *hello)
{
    uint8_t payload[512];
    struct bytes_writer writer = bytes_writer(payload, sizeof(payload));

    hello_encode(hello, &writer);
    frame_encode_header(&raw->out, FRAME_HELLO, 0, bytes_written(&writer), 0);
    bytes_put(&raw->out, payload, bytes_written(&writer));
}

uint32_t raw_id(const struct raw_peer *raw, uint32_t index)
{
    return 2 * index + (raw->role == SESSION_DIALER ? 2 : 1);
}

uint32_t raw_own_id(const struct raw_peer *raw, uint32_t index)
{
    return 2 * index + (raw->role == SESSION_DIALER ? 1 : 2);
}

void raw_put_open(struct raw_peer *raw, uint32_t id)
{
    struct metadata metadata = { .class = CLASS_AUTO, .service = "echo" };
    uint8_t payload[128];
    struct bytes_writer writer = bytes_writer(payload, sizeof(payload));

    metadata_encode(&metadata, &writer);
    frame_encode_header(&raw->out, FRAME_OPEN, 0, bytes_written(&writer), id);
    bytes_put(&raw->out, payload, bytes_written(&writer));
}

void raw_put_data(struct raw_peer *raw, uint32_t id, uint64_t offset,
                  size_t length, bool fin)
{
    frame_put_data_header(&raw->out, id, offset, length, fin);
    for (size_t i = 0; i < length; i++)
        bytes_put_u8(&raw->out, (uint8_t)(offset + i));
}

void raw_put_offers(struct raw_peer *raw, uint32_t count, uint32_t load)
{
    uint8_t bytes[FRAME_MAX_OFFERS];
    struct bytes_writer writer = bytes_writer(bytes, sizeof(bytes));
    struct offer offer = { .is_usable = true, .load = load };

    for (uint32_t i = 0; i < count; i++) {
        snprintf(offer.name, sizeof(offer.name), "s%u", i);
        if (!offers_put(&writer, &offer))
            break;
    }
    frame_put_offers(&raw->out, bytes, bytes_written(&writer), false);
}

void raw_put_zeros(struct raw_peer *raw, uint8_t type, uint8_t flags,
                   size_t length, uint32_t stream)
{
    bytes_put_u8(&raw->out, type);
    bytes_put_u8(&raw->out, flags);
    bytes_put_u16(&raw->out, (uint16_t)length);
    bytes_put_u32(&raw->out, stream);
    for (size_t i = 0; i < length; i++)
        bytes_put_u8(&raw->out, 0);
}

/* ---- to deliver ---- */

enum status raw_deliver(struct raw_peer *raw, struct session_event *event)
{
    size_t written = bytes_written(&raw->out);
    struct session_input input = { .at = raw->bytes + raw->taken,
                                   .length = written - raw->taken };
    enum status status;

    assert_false(raw->out.failed);
    status = session_receive(raw->session, &input, raw->now_us, event);
    raw->delivered_bytes += (size_t)(input.at - raw->bytes) - raw->taken;
    raw->taken = (size_t)(input.at - raw->bytes);
    raw->events += event->type != SESSION_NOTHING;
    if (raw->taken == written || status != STATUS_OK) {
        raw->taken = 0;
        raw->out.at = raw->out.start;
    }
    if (raw->reads)
        (void)raw_drop_frames(raw);
    return status;
}

struct session_event raw_expect(struct raw_peer *raw,
                                enum session_event_type type)
{
    struct session_event event;

    if (raw_deliver(raw, &event) != STATUS_OK)
        fail_msg("%s", session_failure(raw->session));
    assert_int_equal(event.type, type);
    return event;
}

void raw_deliver_data(struct raw_peer *raw, uint32_t id, uint64_t offset,
                      size_t length, bool fin)
{
    raw_put_data(raw, id, offset, length, fin);
    (void)raw_expect(raw, SESSION_DATA);
}

void raw_expect_nothing(struct raw_peer *raw)
{
    (void)raw_expect(raw, SESSION_NOTHING);
}

void raw_expect_broken(struct raw_peer *raw, const char *why)
{
    struct session_event event;
    struct raw_frame frame;

    raw->reads = false;
    assert_int_equal(raw_deliver(raw, &event), STATUS_PROTOCOL);
    assert_string_equal(session_failure(raw->session), why);
    do {
        assert_true(raw_pull(raw, &frame));
    } while (frame.type != FRAME_CLOSE);
    assert_int_equal(frame.code, CODE_PROTOCOL);
    assert_int_equal(frame.length, strlen(why));
    assert_memory_equal(frame.bytes, why, frame.length);
    raw_expect_no_frame(raw);
    assert_true(session_is_finished(raw->session));
    frame_put_ping(&raw->out, 1, false); /* it takes nothing more */
    assert_int_equal(raw_deliver(raw, &event), STATUS_PROTOCOL);
    raw_expect_no_frame(raw);
}

bool raw_flood(struct raw_peer *raw)
{
    struct session_event event;

    do {
        if (raw_deliver(raw, &event) != STATUS_OK)
            return false;
    } while (event.type != SESSION_NOTHING);
    return true;
}

/* ---- what comes back ---- */

static bool next_record(struct raw_peer *raw)
{
    struct session_record record;

    if (raw->record_at < raw->record_length)
        return true;
    if (!session_pull(raw->session, raw->now_us, &record))
        return false;
    assert_in_range(record.length, FRAME_HEADER, FRAME_MAX);
    memcpy(raw->record, record.bytes, record.length);
    record.bytes[record.length] = 0xee; /* as sealing does */
    raw->record_at = 0;
    raw->record_length = record.length;
    raw->pulled_bytes += record.length;
    return true;
}

bool raw_pull(struct raw_peer *raw, struct raw_frame *frame)
{
    size_t length;

    if (!next_record(raw))
        return false;
    length = raw_frame_parse(frame, raw->record + raw->record_at,
                             raw->record_length - raw->record_at);
    assert_true(length > 0); /* no record has half of one */
    raw->record_at += length;
    return true;
}

struct raw_frame raw_expect_frame(struct raw_peer *raw, enum frame_type type,
                                  uint32_t stream)
{
    struct raw_frame frame;

    assert_true(raw_pull(raw, &frame));
    assert_int_equal(frame.type, type);
    assert_int_equal(frame.stream, stream);
    return frame;
}

void raw_expect_no_frame(struct raw_peer *raw)
{
    struct raw_frame frame;

    assert_false(raw_pull(raw, &frame));
}

size_t raw_drop_frames(struct raw_peer *raw)
{
    struct raw_frame frame;
    uint64_t before = raw->pulled_bytes;

    while (raw_pull(raw, &frame))
        ;
    return raw->pulled_bytes - before;
}

/* ---- streams ---- */

struct stream *raw_accept(struct raw_peer *raw, uint32_t index)
{
    struct session_event event;

    raw_put_open(raw, raw_id(raw, index));
    event = raw_expect(raw, SESSION_OPENED);
    event.stream->owner = &owner;
    return event.stream;
}

struct stream *raw_open(struct raw_peer *raw)
{
    struct metadata metadata = { .service = "echo" };
    struct stream *stream;

    assert_int_equal(session_open(raw->session, &metadata, &owner, NULL,
                                  raw->now_us, &stream),
                     STATUS_OK);
    (void)raw_expect_frame(raw, FRAME_OPEN, stream->id);
    return stream;
}

struct stream *raw_start_accepted(struct raw_peer *raw)
{
    raw_start_ready(raw, SESSION_ACCEPTOR, NULL);
    return raw_accept(raw, 0);
}

struct stream *raw_start_opened(struct raw_peer *raw)
{
    raw_start_ready(raw, SESSION_DIALER, NULL);
    return raw_open(raw);
}

size_t raw_write(struct raw_peer *raw, struct stream *stream, size_t bytes)
{
    size_t written = 0;

    while (written < bytes) {
        struct iovec parts[16];
        int count = session_prepare(raw->session, stream, parts, 16);
        size_t part = 0;

        for (int i = 0; i < count; i++)
            for (size_t j = 0; j < parts[i].iov_len && written < bytes;
                 j++, written++, part++)
                ((uint8_t *)parts[i].iov_base)[j] =
                    (uint8_t)(stream->written + part);
        if (count == 0)
            break;
        session_commit(raw->session, stream, part, raw->now_us);
    }
    return written;
}

size_t raw_memory(const struct raw_peer *raw)
{
    const struct session *session = raw->session;
    const struct offers *offers = session->peer_offers;

    return raw->pool.used_bytes + sizeof(*session) + FRAME_MAX +
           (offers ? sizeof(*offers) + offers->length : 0) +
           session->streams.count *
               (sizeof(struct stream) + sizeof(struct metadata)) +
           session->streams.capacity * 2 * sizeof(void *);
}
