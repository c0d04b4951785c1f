/* SPDX-License-Identifier: MIT */
#ifndef ADMIN_ANSWER_H
#define ADMIN_ANSWER_H
#include "base/check.h"
#include "base/status.h"
#include <stdbool.h>
#include <stddef.h>

/*
 * The head of an HTTP/1 answer, as strictly as can be: it comes from our own
 * server, so anything unusual is not ours.  Pure.
 */
struct answer {
    size_t head_bytes; /* 0: not all of the head is there yet */
    int code;          /* 200 to 599 */
    bool has_length;   /* otherwise the body ends with the connection */
    size_t body_bytes; /* if it has; less than 2^32 */
};

enum { ANSWER_MAX_HEAD_BYTES = 16 * 1024 };

/*
 * Read |length| bytes, from the beginning of the answer.  STATUS_PROTOCOL: it
 * is none, or of a kind that our server does not send.
 */
MUST_CHECK enum status answer_parse(const char *bytes, size_t length,
                                    struct answer *answer);
#endif
