/* SPDX-License-Identifier: MIT */
/*
 * Headers and fixed frames: what passes has the shape that docs/PROTOCOL.md
 * gives its type, and is exactly what we would have put ourselves.
 */
#include "wire/frame.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_of_session(uint8_t type)
{
    return type == FRAME_HELLO || type >= FRAME_STREAMS; /* OFFERS too */
}

/* The frame again, from its fields; false if its type has none that are fixed.
 */
static bool put_again(const struct frame_header *header,
                      struct bytes_reader *reader, struct bytes_writer *writer)
{
    uint64_t first, second;

    switch (header->type) {
    case FRAME_OPEN_FAIL:
        first = bytes_take_u16(reader);
        second = bytes_take_u8(reader);
        frame_put_open_fail(writer, header->stream, (uint16_t)first, second);
        return second <= 1;
    case FRAME_DATA:
        first = bytes_take_u64(reader);
        second = bytes_left(reader);
        frame_put_data_header(writer, header->stream, first, (size_t)second,
                              header->flags);
        bytes_put(writer, bytes_take(reader, (size_t)second), (size_t)second);
        return true;
    case FRAME_WINDOW:
        first = bytes_take_u64(reader);
        second = bytes_take_u64(reader);
        frame_put_window(writer, header->stream, first, second);
        return true;
    case FRAME_RESET:
        first = bytes_take_u16(reader);
        second = bytes_take_u64(reader);
        frame_put_reset(writer, header->stream, (uint16_t)first, second);
        return true;
    case FRAME_STOP:
        frame_put_stop(writer, header->stream, bytes_take_u16(reader));
        return true;
    case FRAME_STREAMS:
        frame_put_streams(writer, bytes_take_u32(reader));
        return true;
    case FRAME_PING:
        frame_put_ping(writer, bytes_take_u64(reader),
                       header->flags & FRAME_FLAG_ANSWER);
        return true;
    case FRAME_OFFERS:
        second = bytes_left(reader);
        frame_put_offers(writer, bytes_take(reader, (size_t)second),
                         (size_t)second, header->flags & FRAME_FLAG_PARTIAL);
        return true;
    case FRAME_GOAWAY:
        frame_put_goaway(writer, bytes_take_u16(reader));
        return true;
    default:
        return false;
    }
}

static void check_known(const struct frame_header *header, const uint8_t *frame)
{
    struct bytes_reader reader =
        bytes_reader(frame + FRAME_HEADER, header->length);
    uint8_t again[FRAME_MAX];
    struct bytes_writer writer = bytes_writer(again, sizeof(again));

    ASSERT(is_of_session(header->type) == (header->stream == 0));
    ASSERT(header->length > 0 || header->type == FRAME_OFFERS);
    if (!put_again(header, &reader, &writer))
        return;
    ASSERT(!reader.failed && bytes_left(&reader) == 0 && !writer.failed);
    ASSERT(bytes_written(&writer) == (size_t)FRAME_HEADER + header->length);
    ASSERT(memcmp(again, frame, bytes_written(&writer)) == 0);
#ifdef ENTENTE_PLANTED_BUG
    /* For the test of the fuzzer: it must find this. */
    ASSERT(header->type != FRAME_RESET || header->stream != 0x00c0ffee);
#endif
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    while (size >= FRAME_HEADER) {
        struct frame_header header = frame_decode_header(data);
        uint8_t again[FRAME_HEADER];
        struct bytes_writer writer = bytes_writer(again, sizeof(again));

        if (frame_fault(&header)) {
            data++, size--; /* perhaps there is a frame further on */
            continue;
        }
        ASSERT(header.length <= FRAME_MAX_PAYLOAD);
        ASSERT(header.type >= FRAME_FIRST_OPTIONAL || frame_is_known(&header));
        frame_encode_header(&writer, (enum frame_type)header.type, header.flags,
                            header.length, header.stream);
        ASSERT(memcmp(again, data, FRAME_HEADER) == 0);
        if (size - FRAME_HEADER < header.length)
            break;
        if (frame_is_known(&header))
            check_known(&header, data);
        data += FRAME_HEADER + header.length;
        size -= FRAME_HEADER + header.length;
    }
    return 0;
}
