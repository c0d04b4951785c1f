/* SPDX-License-Identifier: MIT */
#ifndef HEALTH_RESP_H
#define HEALTH_RESP_H
#include "base/check.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads the answers of Redis (RESP 2), as they come in pieces, element by
 * element.  Pure and of fixed size: of a text only its beginning is kept.
 */
enum resp_type {
    RESP_SIMPLE,  /* +text */
    RESP_ERROR,   /* -text */
    RESP_INTEGER, /* :number */
    RESP_BULK,    /* $length, text */
    RESP_ARRAY,   /* *count; its elements follow */
    RESP_NULL     /* a bulk or an array that is none */
};

enum { RESP_TEXT = 127, RESP_MAX_DEPTH = 8 };

struct resp_element {
    enum resp_type type;
    int64_t number;           /* of an integer; elements of an array */
    char text[RESP_TEXT + 1]; /* NUL-terminated; of simple, error and bulk */
    size_t length;            /* of |text| */
    bool is_cut;              /* it was longer */
    unsigned depth;           /* in so many arrays */
    bool is_last;             /* an answer is complete with it */
};

struct resp_reader {
    struct resp_element element;   /* under way */
    uint64_t left[RESP_MAX_DEPTH]; /* elements each open array still has */
    uint64_t bulk_left;            /* bytes, the line end behind included */
    unsigned depth;
    unsigned line_length; /* of what is before CR LF */
    bool is_in_bulk;
    bool had_cr;
};

enum resp_progress {
    RESP_MORE,  /* all bytes are used, no element is complete */
    RESP_READ,  /* reader->element is one */
    RESP_BROKEN /* this is not RESP, or more than we take */
};

void resp_init(struct resp_reader *reader);

/* Read at most one element from |bytes|; |*used| of them are. */
MUST_CHECK enum resp_progress resp_read(struct resp_reader *reader,
                                        const uint8_t *bytes, size_t length,
                                        size_t *used);
#endif
