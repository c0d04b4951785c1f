/* SPDX-License-Identifier: MIT */
#ifndef HEALTH_EXCHANGE_H
#define HEALTH_EXCHANGE_H
#include "base/check.h"
#include "health/http_status.h"
#include "health/mysql_packet.h"
#include "health/postgres_message.h"
#include "health/resp.h"
#include "health/rules.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What is said between us and an endpoint to find out whether it is fit, in
 * the protocol of its service.  Pure: bytes in, bytes out, a verdict at last.
 * Everything that comes is foreign and bounded; what of it gets into a reason
 * is printable.
 */
enum exchange_verdict {
    EXCHANGE_GOES_ON,
    EXCHANGE_FIT,
    EXCHANGE_UNFIT,     /* it does not serve, now */
    EXCHANGE_WRONG_ROLE /* it answers, but is not known to be the primary */
};

enum { EXCHANGE_REASON = 96, EXCHANGE_OUTPUT = 1024 };
/* Nobody needs more to answer. */
enum { EXCHANGE_MAX_BYTES = 256 * 1024 };

struct exchange {
    const struct health_rules *rules; /* borrowed */
    enum exchange_verdict verdict;
    char reason[EXCHANGE_REASON]; /* why it is not fit */
    uint8_t output[EXCHANGE_OUTPUT];
    size_t output_length; /* to be sent; the caller sets it to 0 */
    size_t received;      /* bytes, in all */
    unsigned step;        /* as the protocol counts */
    union {
        struct http_status http;
        struct resp_reader resp;
        struct postgres_reader postgres;
        struct mysql_reader mysql;
    };
};

/*
 * The endpoint was reached.  It may be fit by that; otherwise it may be our
 * turn to speak.  |host| names it in HTTP unless |rules| says otherwise.
 */
void exchange_begin(struct exchange *exchange, const struct health_rules *rules,
                    const char *host);

/* Bytes of the endpoint; nothing happens once there is a verdict. */
void exchange_receive(struct exchange *exchange, const uint8_t *bytes,
                      size_t length);

/* It ended the connection. */
void exchange_end(struct exchange *exchange);
#endif
