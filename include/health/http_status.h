/* SPDX-License-Identifier: MIT */
#ifndef HEALTH_HTTP_STATUS_H
#define HEALTH_HTTP_STATUS_H
#include "base/check.h"
#include <stddef.h>
#include <stdint.h>

/*
 * The status of an answer of HTTP/1, as it comes in pieces: the first that is
 * final, behind any that are not (1xx) and their fields.  Pure.
 */
struct http_status {
    unsigned place;    /* in the status line */
    unsigned code;     /* as far as it is read */
    unsigned newlines; /* in a row, in the fields of an answer not final */
};

enum http_progress { HTTP_MORE, HTTP_STATUS, HTTP_BROKEN };

void http_status_init(struct http_status *status);

/* HTTP_STATUS: |status->code| is it, from 200 to 599. */
MUST_CHECK enum http_progress http_status_read(struct http_status *status,
                                               const uint8_t *bytes,
                                               size_t length);
#endif
