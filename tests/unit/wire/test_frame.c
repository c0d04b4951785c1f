/* SPDX-License-Identifier: MIT */
#include "support/check_test.h"
#include "wire/frame.h"

/* What frame_fault() says of a header made of these. */
static const char *fault(uint8_t type, uint8_t flags, uint16_t length,
                         uint32_t stream)
{
    struct frame_header header = {
        .type = type, .flags = flags, .length = length, .stream = stream
    };

    return frame_fault(&header);
}

#define ASSERT_PASSES(...) assert_null(fault(__VA_ARGS__))
#define ASSERT_FAULT(why, ...) assert_string_equal(fault(__VA_ARGS__), why)

static void a_header_is_eight_bytes_big_endian(void **state)
{
    const uint8_t bytes[] = { 0x04, 0x01, 0x12, 0x34, 0xa0, 0xb1, 0xc2, 0xd3 };
    struct frame_header header = frame_decode_header(bytes);
    uint8_t encoded[FRAME_HEADER];
    struct bytes_writer writer = bytes_writer(encoded, sizeof(encoded));

    (void)state;
    assert_int_equal(header.type, FRAME_DATA);
    assert_int_equal(header.flags, FRAME_FLAG_FIN);
    assert_int_equal(header.length, 0x1234);
    assert_int_equal(header.stream, 0xa0b1c2d3);
    frame_encode_header(&writer, FRAME_DATA, FRAME_FLAG_FIN, 0x1234,
                        0xa0b1c2d3);
    assert_int_equal(bytes_written(&writer), FRAME_HEADER);
    assert_memory_equal(encoded, bytes, sizeof(bytes));
}

static void the_largest_frame_fills_a_record_exactly(void **state)
{
    (void)state;
    assert_int_equal(FRAME_MAX, 16384);
    ASSERT_PASSES(FRAME_DATA, 0, FRAME_MAX_PAYLOAD, 1);
    ASSERT_FAULT("frame too long", FRAME_DATA, 0, FRAME_MAX_PAYLOAD + 1, 1);
    ASSERT_PASSES(0xff, 0, FRAME_MAX_PAYLOAD, 1);
    ASSERT_FAULT("frame too long", 0xff, 0, FRAME_MAX_PAYLOAD + 1, 1);
    ASSERT_FAULT("frame too long", FRAME_DATA, 0, UINT16_MAX, 1);
}

/* Each type with its shortest and its longest, and one less and one more. */
static void each_type_has_its_lengths(void **state)
{
    static const struct {
        uint8_t type, flags;
        uint16_t min, max;
        uint32_t stream;
    } types[] = {
        { FRAME_HELLO, 0, 1, 512, 0 },
        { FRAME_OPEN, 0, 1, 1024, 1 },
        { FRAME_OPEN_FAIL, 0, 3, 3, 1 },
        { FRAME_DATA, FRAME_FLAG_FIN, 8, FRAME_MAX_PAYLOAD, 1 },
        { FRAME_WINDOW, 0, 16, 16, 1 },
        { FRAME_RESET, 0, 10, 10, 1 },
        { FRAME_STOP, 0, 2, 2, 1 },
        { FRAME_STREAMS, 0, 4, 4, 0 },
        { FRAME_PING, 0, 8, 8, 0 },
        { FRAME_GOAWAY, 0, 2, 2, 0 },
        { FRAME_CLOSE, 0, 2, 130, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        uint8_t type = types[i].type, flags = types[i].flags;
        uint32_t stream = types[i].stream;

        ASSERT_PASSES(type, flags, types[i].min, stream);
        ASSERT_PASSES(type, flags, types[i].max, stream);
        ASSERT_FAULT("frame of a wrong length", type, flags,
                     (uint16_t)(types[i].min - 1), stream);
        if (types[i].max < FRAME_MAX_PAYLOAD)
            ASSERT_FAULT("frame of a wrong length", type, flags,
                         (uint16_t)(types[i].max + 1), stream);
    }
    ASSERT_PASSES(FRAME_OFFERS, 0, 0, 0); /* nothing is offered */
    ASSERT_PASSES(FRAME_OFFERS, 0, FRAME_MAX_OFFERS, 0);
    ASSERT_FAULT("frame of a wrong length", FRAME_OFFERS, 0,
                 FRAME_MAX_OFFERS + 1, 0);
}

static void each_type_belongs_to_a_stream_or_to_the_session(void **state)
{
    (void)state;
    ASSERT_PASSES(FRAME_STOP, 0, 2, 1);
    ASSERT_FAULT("frame on a wrong stream", FRAME_STOP, 0, 2, 0);
    ASSERT_PASSES(FRAME_GOAWAY, 0, 2, 0);
    ASSERT_FAULT("frame on a wrong stream", FRAME_GOAWAY, 0, 2, 1);
    ASSERT_FAULT("frame on a wrong stream", FRAME_HELLO, 0, 30, UINT32_MAX);
    ASSERT_FAULT("frame on a wrong stream", FRAME_PING, 0, 8, 2);
    ASSERT_FAULT("frame on a wrong stream", FRAME_CLOSE, 0, 2, 2);
    ASSERT_FAULT("frame on a wrong stream", FRAME_STREAMS, 0, 4, 2);
    ASSERT_FAULT("frame on a wrong stream", FRAME_OFFERS, 0, 0, 2);
    for (uint8_t type = FRAME_OPEN; type <= FRAME_STOP; type++)
        ASSERT_FAULT("frame on a wrong stream", type, 0,
                     type == FRAME_OPEN        ? 5
                     : type == FRAME_OPEN_FAIL ? 3
                     : type == FRAME_DATA      ? 9
                     : type == FRAME_WINDOW    ? 16
                     : type == FRAME_RESET     ? 10
                                               : 2,
                     0);
}

static void a_flag_that_is_not_defined_is_refused(void **state)
{
    (void)state;
    ASSERT_PASSES(FRAME_DATA, FRAME_FLAG_FIN, 9, 1);
    ASSERT_PASSES(FRAME_PING, FRAME_FLAG_ANSWER, 8, 0);
    ASSERT_PASSES(FRAME_DATA, FRAME_FLAG_WAITS, 9, 1);
    ASSERT_FAULT("unknown flag", FRAME_PING, 2, 8, 0);
    for (uint8_t bit = 4; bit; bit = (uint8_t)(bit << 1)) {
        ASSERT_FAULT("unknown flag", FRAME_DATA, bit, 9, 1);
        ASSERT_FAULT("unknown flag", FRAME_PING, bit, 8, 0);
    }
    ASSERT_FAULT("unknown flag", FRAME_WINDOW, 1, 16, 1);
    ASSERT_FAULT("unknown flag", FRAME_OPEN, 1, 16, 1);
    ASSERT_FAULT("unknown flag", FRAME_HELLO, 1, 16, 0);
    ASSERT_FAULT("unknown flag", FRAME_CLOSE, 0x80, 2, 0);
    ASSERT_PASSES(FRAME_OFFERS, FRAME_FLAG_PARTIAL, 0, 0);
    ASSERT_FAULT("unknown flag", FRAME_OFFERS, 0x02, 0, 0);
}

static void data_without_bytes_must_be_a_fin(void **state)
{
    (void)state;
    ASSERT_PASSES(FRAME_DATA, FRAME_FLAG_FIN, 8, 1);
    ASSERT_PASSES(FRAME_DATA, 0, 9, 1);
    ASSERT_FAULT("data without bytes", FRAME_DATA, 0, 8, 1);
    ASSERT_FAULT("data without bytes", FRAME_DATA, FRAME_FLAG_WAITS, 8, 1);
}

static void unknown_types_pass_only_if_they_are_optional(void **state)
{
    (void)state;
    ASSERT_FAULT("unknown frame", 0x00, 0, 0, 0);
    ASSERT_FAULT("unknown frame", FRAME_CLOSE + 1, 0, 0, 0);
    ASSERT_FAULT("unknown frame", FRAME_FIRST_OPTIONAL - 1, 0, 0, 0);
    ASSERT_PASSES(FRAME_OFFERS + 1, 0, 0, 1);
    ASSERT_PASSES(0xff, 0xff, 0, UINT32_MAX);
    for (unsigned type = 0; type < 256; type++) {
        struct frame_header header = { .type = (uint8_t)type };

        assert_int_equal(frame_is_known(&header),
                         (type >= FRAME_HELLO && type <= FRAME_CLOSE) ||
                             type == FRAME_OFFERS);
    }
}

/* A frame as it was put, for a look at it. */
struct put {
    uint8_t bytes[256];
    struct bytes_writer writer;
};

static void start(struct put *put)
{
    put->writer = bytes_writer(put->bytes, sizeof(put->bytes));
}

static void assert_put(const struct put *put, const uint8_t *expected,
                       size_t length)
{
    struct frame_header header = frame_decode_header(put->bytes);

    assert_false(put->writer.failed);
    assert_int_equal(bytes_written(&put->writer), length);
    assert_memory_equal(put->bytes, expected, length);
    assert_int_equal(header.length, length - FRAME_HEADER);
    assert_null(frame_fault(&header));
}

#define ASSERT_PUT(put, ...)                         \
    do {                                             \
        const uint8_t expected[] = { __VA_ARGS__ };  \
        assert_put(put, expected, sizeof(expected)); \
    } while (0)

static void frames_of_streams_are_as_the_protocol_says(void **state)
{
    struct put put;

    (void)state;
    start(&put);
    frame_put_open_fail(&put.writer, 3, 0x0506, true);
    ASSERT_PUT(&put, 3, 0, 0, 3, 0, 0, 0, 3, 5, 6, 1);
    start(&put);
    frame_put_open_fail(&put.writer, 3, 0x0506, false);
    ASSERT_PUT(&put, 3, 0, 0, 3, 0, 0, 0, 3, 5, 6, 0);
    start(&put);
    frame_put_window(&put.writer, 4, 0x0102030405060708, 0x1112131415161718);
    ASSERT_PUT(&put, 5, 0, 0, 16, 0, 0, 0, 4, 1, 2, 3, 4, 5, 6, 7, 8, 0x11,
               0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18);
    start(&put);
    frame_put_reset(&put.writer, 5, 4, 0x0102030405060708);
    ASSERT_PUT(&put, 6, 0, 0, 10, 0, 0, 0, 5, 0, 4, 1, 2, 3, 4, 5, 6, 7, 8);
    start(&put);
    frame_put_stop(&put.writer, 6, 12);
    ASSERT_PUT(&put, 7, 0, 0, 2, 0, 0, 0, 6, 0, 12);
}

static void data_is_its_offset_and_then_its_bytes(void **state)
{
    struct put put;

    (void)state;
    start(&put);
    frame_put_data_header(&put.writer, 7, 0x0102030405060708, 2, false);
    bytes_put(&put.writer, "hi", 2);
    ASSERT_PUT(&put, 4, 0, 0, 10, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 'h', 'i');
    start(&put);
    frame_put_data_header(&put.writer, 7, 0, 0, true);
    ASSERT_PUT(&put, 4, 1, 0, 8, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0);
}

static void frames_of_the_session_are_as_the_protocol_says(void **state)
{
    struct put put;

    (void)state;
    start(&put);
    frame_put_streams(&put.writer, 0x01020304);
    ASSERT_PUT(&put, 8, 0, 0, 4, 0, 0, 0, 0, 1, 2, 3, 4);
    start(&put);
    frame_put_ping(&put.writer, 0x0102030405060708, false);
    ASSERT_PUT(&put, 9, 0, 0, 8, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8);
    start(&put);
    frame_put_ping(&put.writer, 9, true);
    ASSERT_PUT(&put, 9, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9);
    start(&put);
    frame_put_goaway(&put.writer, 7);
    ASSERT_PUT(&put, 10, 0, 0, 2, 0, 0, 0, 0, 0, 7);
    start(&put);
    frame_put_close(&put.writer, 8, "bye");
    ASSERT_PUT(&put, 11, 0, 0, 5, 0, 0, 0, 0, 0, 8, 'b', 'y', 'e');
}

static void a_reason_is_cut_to_what_close_may_carry(void **state)
{
    enum { LARGEST = FRAME_HEADER + 2 + FRAME_MAX_REASON };
    char reason[200];
    struct put put;

    (void)state;
    memset(reason, 'x', sizeof(reason));
    reason[FRAME_MAX_REASON] = '\0';
    start(&put);
    frame_put_close(&put.writer, 0, reason);
    assert_int_equal(bytes_written(&put.writer), LARGEST);
    reason[FRAME_MAX_REASON] = 'y';
    reason[FRAME_MAX_REASON + 1] = '\0';
    start(&put);
    frame_put_close(&put.writer, 0, reason);
    assert_int_equal(bytes_written(&put.writer), LARGEST);
    assert_int_equal(put.bytes[LARGEST - 1], 'x');
}

RUN_TESTS(TEST(a_header_is_eight_bytes_big_endian),
          TEST(the_largest_frame_fills_a_record_exactly),
          TEST(each_type_has_its_lengths),
          TEST(each_type_belongs_to_a_stream_or_to_the_session),
          TEST(a_flag_that_is_not_defined_is_refused),
          TEST(data_without_bytes_must_be_a_fin),
          TEST(unknown_types_pass_only_if_they_are_optional),
          TEST(frames_of_streams_are_as_the_protocol_says),
          TEST(data_is_its_offset_and_then_its_bytes),
          TEST(frames_of_the_session_are_as_the_protocol_says),
          TEST(a_reason_is_cut_to_what_close_may_carry))
