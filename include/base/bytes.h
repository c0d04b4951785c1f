/* SPDX-License-Identifier: MIT */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

struct bytes_reader bytes_reader(const void *bytes, size_t length);
size_t bytes_left(const struct bytes_reader *reader);
uint8_t bytes_take_u8(struct bytes_reader *reader);
uint16_t bytes_take_u16(struct bytes_reader *reader);
uint32_t bytes_take_u32(struct bytes_reader *reader);
uint64_t bytes_take_u64(struct bytes_reader *reader);

/* The next |length| bytes in place, or NULL (and failed) if there are fewer. */
const uint8_t *bytes_take(struct bytes_reader *reader, size_t length);

struct bytes_writer bytes_writer(void *bytes, size_t capacity);
size_t bytes_written(const struct bytes_writer *writer);
void bytes_put_u8(struct bytes_writer *writer, uint8_t value);
void bytes_put_u16(struct bytes_writer *writer, uint16_t value);
void bytes_put_u32(struct bytes_writer *writer, uint32_t value);
void bytes_put_u64(struct bytes_writer *writer, uint64_t value);
void bytes_put(struct bytes_writer *writer, const void *bytes, size_t length);
#endif
