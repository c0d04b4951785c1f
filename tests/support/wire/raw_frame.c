/* SPDX-License-Identifier: MIT */
#include "support/wire/raw_frame.h"

static void parse(struct raw_frame *frame, struct bytes_reader *reader)
{
    switch (frame->type) {
    case FRAME_OPEN_FAIL:
        frame->code = bytes_take_u16(reader);
        frame->delivered = bytes_take_u8(reader);
        break;
    case FRAME_DATA:
        frame->offset = bytes_take_u64(reader);
        break;
    case FRAME_WINDOW:
        frame->consumed = bytes_take_u64(reader);
        frame->limit = bytes_take_u64(reader);
        break;
    case FRAME_RESET:
        frame->code = bytes_take_u16(reader);
        frame->offset = bytes_take_u64(reader);
        break;
    case FRAME_STREAMS:
        frame->number = bytes_take_u32(reader);
        break;
    case FRAME_PING:
        frame->number = bytes_take_u64(reader);
        break;
    case FRAME_STOP:
    case FRAME_GOAWAY:
    case FRAME_CLOSE:
        frame->code = bytes_take_u16(reader);
        break;
    case FRAME_HELLO:
    case FRAME_OPEN:
    case FRAME_OFFERS:
        break;
    }
}

size_t raw_frame_parse(struct raw_frame *frame, const uint8_t *bytes,
                       size_t length)
{
    struct frame_header header;
    struct bytes_reader reader;

    if (length < FRAME_HEADER)
        return 0;
    header = frame_decode_header(bytes);
    ASSERT(!frame_fault(&header) && frame_is_known(&header));
    if (length < FRAME_HEADER + header.length)
        return 0;
    *frame = (struct raw_frame){ .type = (enum frame_type)header.type,
                                 .flags = header.flags,
                                 .stream = header.stream };
    reader = bytes_reader(bytes + FRAME_HEADER, header.length);
    parse(frame, &reader);
    ASSERT(!reader.failed);
    frame->bytes = reader.at;
    frame->length = bytes_left(&reader);
    return FRAME_HEADER + header.length;
}
