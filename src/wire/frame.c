/* SPDX-License-Identifier: MIT */
#include "wire/frame.h"
#include <string.h>

/* What a frame of each type may look like. */
struct shape {
    uint16_t min_length;
    uint16_t max_length;
    uint8_t flags; /* those defined */
    enum { SESSION, STREAM } about;
};

static const struct shape shapes[] = {
    [FRAME_HELLO] = { 1, 512, 0, SESSION },
    [FRAME_OPEN] = { 1, FRAME_MAX_OPEN, 0, STREAM },
    [FRAME_OPEN_FAIL] = { 3, 3, 0, STREAM },
    [FRAME_DATA] = { 8, FRAME_MAX_PAYLOAD, FRAME_FLAG_FIN | FRAME_FLAG_WAITS,
                     STREAM },
    [FRAME_WINDOW] = { 16, 16, 0, STREAM },
    [FRAME_RESET] = { 10, 10, 0, STREAM },
    [FRAME_STOP] = { 2, 2, 0, STREAM },
    [FRAME_STREAMS] = { 4, 4, 0, SESSION },
    [FRAME_PING] = { 8, 8, FRAME_FLAG_ANSWER, SESSION },
    [FRAME_GOAWAY] = { 2, 2, 0, SESSION },
    [FRAME_CLOSE] = { 2, 2 + FRAME_MAX_REASON, 0, SESSION },
    [FRAME_OFFERS] = { 0, FRAME_MAX_OFFERS, FRAME_FLAG_PARTIAL, SESSION },
};

struct frame_header frame_decode_header(const uint8_t *bytes)
{
    struct bytes_reader reader = bytes_reader(bytes, FRAME_HEADER);
    struct frame_header header;

    header.type = bytes_take_u8(&reader);
    header.flags = bytes_take_u8(&reader);
    header.length = bytes_take_u16(&reader);
    header.stream = bytes_take_u32(&reader);
    return header;
}

void frame_encode_header(struct bytes_writer *writer, enum frame_type type,
                         uint8_t flags, size_t length, uint32_t stream)
{
    ASSERT(length <= FRAME_MAX_PAYLOAD);
    bytes_put_u8(writer, (uint8_t)type);
    bytes_put_u8(writer, flags);
    bytes_put_u16(writer, (uint16_t)length);
    bytes_put_u32(writer, stream);
}

bool frame_is_known(const struct frame_header *header)
{
    return header->type < ARRAY_LENGTH(shapes) &&
           shapes[header->type].max_length > 0;
}

const char *frame_fault(const struct frame_header *header)
{
    const struct shape *shape;

    if (header->length > FRAME_MAX_PAYLOAD)
        return "frame too long";
    if (!frame_is_known(header))
        return header->type < FRAME_FIRST_OPTIONAL ? "unknown frame" : NULL;
    shape = &shapes[header->type];
    if (header->length < shape->min_length ||
        header->length > shape->max_length)
        return "frame of a wrong length";
    if (header->flags & ~shape->flags)
        return "unknown flag";
    if ((header->stream == 0) != (shape->about == SESSION))
        return "frame on a wrong stream";
    if (header->type == FRAME_DATA && header->length == 8 &&
        !(header->flags & FRAME_FLAG_FIN))
        return "data without bytes";
    return NULL;
}

void frame_put_open_fail(struct bytes_writer *writer, uint32_t stream,
                         uint16_t code, bool delivered)
{
    frame_encode_header(writer, FRAME_OPEN_FAIL, 0, 3, stream);
    bytes_put_u16(writer, code);
    bytes_put_u8(writer, delivered);
}

void frame_put_data_header(struct bytes_writer *writer, uint32_t stream,
                           uint64_t offset, size_t length, uint8_t flags)
{
    frame_encode_header(writer, FRAME_DATA, flags, 8 + length, stream);
    bytes_put_u64(writer, offset);
}

void frame_put_window(struct bytes_writer *writer, uint32_t stream,
                      uint64_t consumed, uint64_t limit)
{
    frame_encode_header(writer, FRAME_WINDOW, 0, 16, stream);
    bytes_put_u64(writer, consumed);
    bytes_put_u64(writer, limit);
}

void frame_put_reset(struct bytes_writer *writer, uint32_t stream,
                     uint16_t code, uint64_t final_offset)
{
    frame_encode_header(writer, FRAME_RESET, 0, 10, stream);
    bytes_put_u16(writer, code);
    bytes_put_u64(writer, final_offset);
}

void frame_put_stop(struct bytes_writer *writer, uint32_t stream, uint16_t code)
{
    frame_encode_header(writer, FRAME_STOP, 0, 2, stream);
    bytes_put_u16(writer, code);
}

void frame_put_streams(struct bytes_writer *writer, uint32_t total)
{
    frame_encode_header(writer, FRAME_STREAMS, 0, 4, 0);
    bytes_put_u32(writer, total);
}

void frame_put_ping(struct bytes_writer *writer, uint64_t number, bool answer)
{
    frame_encode_header(writer, FRAME_PING, answer ? FRAME_FLAG_ANSWER : 0, 8,
                        0);
    bytes_put_u64(writer, number);
}

void frame_put_goaway(struct bytes_writer *writer, uint16_t code)
{
    frame_encode_header(writer, FRAME_GOAWAY, 0, 2, 0);
    bytes_put_u16(writer, code);
}

void frame_put_close(struct bytes_writer *writer, uint16_t code,
                     const char *reason)
{
    size_t length = strnlen(reason, FRAME_MAX_REASON);

    frame_encode_header(writer, FRAME_CLOSE, 0, 2 + length, 0);
    bytes_put_u16(writer, code);
    bytes_put(writer, reason, length);
}

void frame_put_offers(struct bytes_writer *writer, const uint8_t *list,
                      size_t length, bool is_partial)
{
    frame_encode_header(writer, FRAME_OFFERS,
                        is_partial ? FRAME_FLAG_PARTIAL : 0, length, 0);
    bytes_put(writer, list, length);
}
