/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_FAILURE_H
#define CRYPTO_FAILURE_H
#include "base/check.h"
#include "base/status.h"
#include "crypto/alert.h"
#include <stdbool.h>

/*
 * Why something of this layer came to its end: for the operator in words, for
 * the peer as an alert.  The first reason stays.
 */
struct failure {
    enum status status; /* STATUS_OK: nothing failed */
    int alert;          /* ours to send, or the peer's; ALERT_NONE */
    bool is_theirs;     /* the peer refused us */
    char text[512];
};

/* Returns the status that stands, which is the first one. */
enum status failure_set(struct failure *failure, enum status status, int alert,
                        const char *format, ...) PRINTF_LIKE(4, 5);

/* The peer's fatal |alert|. */
enum status failure_set_theirs(struct failure *failure, int alert);
#endif
