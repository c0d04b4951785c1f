/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"
#include <string.h>

struct bytes_reader bytes_reader(const void *bytes, size_t length)
{
    const uint8_t *start = bytes;

    return (struct bytes_reader){ .at = start,
                                  .end = start ? start + length : start };
}

size_t bytes_left(const struct bytes_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

const uint8_t *bytes_take(struct bytes_reader *reader, size_t length)
{
    const uint8_t *taken = reader->at;

    if (reader->failed || length > bytes_left(reader)) {
        reader->failed = true;
        return NULL;
    }
    if (length > 0)
        reader->at += length;
    return taken;
}

static uint64_t take_number(struct bytes_reader *reader, size_t width)
{
    const uint8_t *bytes = bytes_take(reader, width);
    uint64_t value = 0;

    for (size_t i = 0; bytes && i < width; i++)
        value = value << 8 | bytes[i];
    return value;
}

uint8_t bytes_take_u8(struct bytes_reader *reader)
{
    return (uint8_t)take_number(reader, 1);
}

uint16_t bytes_take_u16(struct bytes_reader *reader)
{
    return (uint16_t)take_number(reader, 2);
}

uint32_t bytes_take_u32(struct bytes_reader *reader)
{
    return (uint32_t)take_number(reader, 4);
}

uint64_t bytes_take_u64(struct bytes_reader *reader)
{
    return take_number(reader, 8);
}

struct bytes_writer bytes_writer(void *bytes, size_t capacity)
{
    uint8_t *start = bytes;

    return (struct bytes_writer){ .start = start,
                                  .at = start,
                                  .end = start ? start + capacity : start };
}

size_t bytes_written(const struct bytes_writer *writer)
{
    return (size_t)(writer->at - writer->start);
}

void bytes_put(struct bytes_writer *writer, const void *bytes, size_t length)
{
    if (writer->failed || length > (size_t)(writer->end - writer->at)) {
        writer->failed = true;
        return;
    }
    if (length > 0) {
        memcpy(writer->at, bytes, length);
        writer->at += length;
    }
}

static void put_number(struct bytes_writer *writer, uint64_t value,
                       size_t width)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < width; i++)
        bytes[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
    bytes_put(writer, bytes, width);
}

void bytes_put_u8(struct bytes_writer *writer, uint8_t value)
{
    put_number(writer, value, 1);
}

void bytes_put_u16(struct bytes_writer *writer, uint16_t value)
{
    put_number(writer, value, 2);
}

void bytes_put_u32(struct bytes_writer *writer, uint32_t value)
{
    put_number(writer, value, 4);
}

void bytes_put_u64(struct bytes_writer *writer, uint64_t value)
{
    put_number(writer, value, 8);
}
