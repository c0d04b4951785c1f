/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_WIRE_RAW_FRAME_H
#define SUPPORT_WIRE_RAW_FRAME_H
#include "base/bytes.h"
#include "base/check.h"
#include "wire/frame.h"

/* A frame that an end under test sent, with what its type has. */
struct raw_frame {
    enum frame_type type;
    uint8_t flags;
    uint32_t stream;
    uint16_t code;        /* OPEN_FAIL, RESET, STOP, GOAWAY, CLOSE */
    uint8_t delivered;    /* OPEN_FAIL */
    uint64_t offset;      /* DATA, RESET */
    uint64_t consumed;    /* WINDOW */
    uint64_t limit;       /* WINDOW */
    uint64_t number;      /* PING, STREAMS */
    const uint8_t *bytes; /* the rest of the payload, where it was parsed */
    size_t length;
};

/*
 * The first frame of the |length| bytes at |bytes|, and how many it has; 0 if
 * some are still to come.  It must be well formed.
 */
size_t raw_frame_parse(struct raw_frame *frame, const uint8_t *bytes,
                       size_t length);
#endif
