/* SPDX-License-Identifier: MIT */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H
#include "base/bytes.h"
#include "base/check.h"
#include "base/status.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * Frames on the wire: docs/PROTOCOL.md section 2.  Encodes and decodes, and
 * checks what one frame alone can get wrong; what frames mean together is the
 * session's.  Pure.
 */
enum frame_type {
    FRAME_HELLO = 0x01,
    FRAME_OPEN = 0x02,
    FRAME_OPEN_FAIL = 0x03,
    FRAME_DATA = 0x04,
    FRAME_WINDOW = 0x05,
    FRAME_RESET = 0x06,
    FRAME_STOP = 0x07,
    FRAME_STREAMS = 0x08,
    FRAME_PING = 0x09,
    FRAME_GOAWAY = 0x0a,
    FRAME_CLOSE = 0x0b,
    FRAME_OFFERS = 0x80,
    FRAME_FIRST_OPTIONAL = 0x80 /* who does not know it skips it */
};

enum {
    FRAME_FLAG_FIN = 0x01,    /* of DATA */
    FRAME_FLAG_WAITS = 0x02,  /* of DATA: no more before acknowledgement */
    FRAME_FLAG_ANSWER = 0x01, /* of PING */
    FRAME_FLAG_PARTIAL = 0x01 /* of OFFERS */
};

#define FRAME_HEADER 8u
#define FRAME_MAX 16384u /* header and payload: the plaintext of one record */
#define FRAME_MAX_PAYLOAD (FRAME_MAX - FRAME_HEADER)
#define FRAME_DATA_HEADER 16u /* header and offset */
#define FRAME_MAX_DATA (FRAME_MAX - FRAME_DATA_HEADER)
#define FRAME_MAX_OPEN 1024u /* payload */
#define FRAME_MAX_REASON 128u
#define FRAME_MAX_OFFERS 8192u /* payload: fits in one record with HELLO */
#define FRAME_MAX_OFFSET (UINT64_C(1) << 62)

struct frame_header {
    uint8_t type;
    uint8_t flags;
    uint16_t length; /* of the payload */
    uint32_t stream;
};

/* The eight bytes at |bytes|; anything decodes. */
struct frame_header frame_decode_header(const uint8_t *bytes);
void frame_encode_header(struct bytes_writer *writer, enum frame_type type,
                         uint8_t flags, size_t length, uint32_t stream);

/*
 * What is wrong with |header| by itself, in a few words for a log and for the
 * peer; NULL if nothing.  Unknown optional types pass.
 */
const char *frame_fault(const struct frame_header *header);

/* Whether it is of a type that this end knows. */
bool frame_is_known(const struct frame_header *header);

/* ---- the fixed frames; frame_fault() has passed before a take ---- */

void frame_put_open_fail(struct bytes_writer *writer, uint32_t stream,
                         uint16_t code, bool delivered);
void frame_put_data_header(struct bytes_writer *writer, uint32_t stream,
                           uint64_t offset, size_t length, uint8_t flags);
void frame_put_window(struct bytes_writer *writer, uint32_t stream,
                      uint64_t consumed, uint64_t limit);
void frame_put_reset(struct bytes_writer *writer, uint32_t stream,
                     uint16_t code, uint64_t final_offset);
void frame_put_stop(struct bytes_writer *writer, uint32_t stream,
                    uint16_t code);
void frame_put_streams(struct bytes_writer *writer, uint32_t total);
void frame_put_ping(struct bytes_writer *writer, uint64_t number, bool answer);
void frame_put_goaway(struct bytes_writer *writer, uint16_t code);
void frame_put_close(struct bytes_writer *writer, uint16_t code,
                     const char *reason);
void frame_put_offers(struct bytes_writer *writer, const uint8_t *list,
                      size_t length, bool is_partial);
#endif
