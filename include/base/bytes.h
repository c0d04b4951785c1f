/* SPDX-License-Identifier: MIT */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Cursors over memory that cannot overrun it; numbers are big-endian.  A
 * reader or writer that ran out stays failed and gives zeros or drops bytes,
 * so a parser reads like the message it parses and asks once, at the end.
 */
struct bytes_reader {
    const uint8_t *at; /* borrowed */
    const uint8_t *end;
    bool failed;
};

struct bytes_writer {
    uint8_t *start; /* borrowed */
    uint8_t *at;
    uint8_t *end;
    bool failed;
};

static inline struct bytes_reader bytes_reader(const void *bytes, size_t length)
{
    const uint8_t *start = bytes;

    return (struct bytes_reader){ .at = start,
                                  .end = start ? start + length : start };
}

static inline size_t bytes_left(const struct bytes_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

/* The next |length| bytes in place, or NULL (and failed) if there are fewer. */
static inline const uint8_t *bytes_take(struct bytes_reader *reader,
                                        size_t length)
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

static inline uint8_t bytes_take_u8(struct bytes_reader *reader)
{
    const uint8_t *bytes = bytes_take(reader, 1);

    return bytes ? *bytes : 0;
}

static inline uint16_t bytes_take_u16(struct bytes_reader *reader)
{
    const uint8_t *bytes = bytes_take(reader, sizeof(uint16_t));
    uint16_t value = 0;

    if (bytes)
        memcpy(&value, bytes, sizeof(value));
    return be16toh(value);
}

static inline uint32_t bytes_take_u32(struct bytes_reader *reader)
{
    const uint8_t *bytes = bytes_take(reader, sizeof(uint32_t));
    uint32_t value = 0;

    if (bytes)
        memcpy(&value, bytes, sizeof(value));
    return be32toh(value);
}

static inline uint64_t bytes_take_u64(struct bytes_reader *reader)
{
    const uint8_t *bytes = bytes_take(reader, sizeof(uint64_t));
    uint64_t value = 0;

    if (bytes)
        memcpy(&value, bytes, sizeof(value));
    return be64toh(value);
}

static inline struct bytes_writer bytes_writer(void *bytes, size_t capacity)
{
    uint8_t *start = bytes;

    return (struct bytes_writer){ .start = start,
                                  .at = start,
                                  .end = start ? start + capacity : start };
}

static inline size_t bytes_written(const struct bytes_writer *writer)
{
    return (size_t)(writer->at - writer->start);
}

static inline void bytes_put(struct bytes_writer *writer, const void *bytes,
                             size_t length)
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

static inline void bytes_put_u8(struct bytes_writer *writer, uint8_t value)
{
    bytes_put(writer, &value, sizeof(value));
}

static inline void bytes_put_u16(struct bytes_writer *writer, uint16_t value)
{
    value = htobe16(value);
    bytes_put(writer, &value, sizeof(value));
}

static inline void bytes_put_u32(struct bytes_writer *writer, uint32_t value)
{
    value = htobe32(value);
    bytes_put(writer, &value, sizeof(value));
}

static inline void bytes_put_u64(struct bytes_writer *writer, uint64_t value)
{
    value = htobe64(value);
    bytes_put(writer, &value, sizeof(value));
}
#endif
