/* SPDX-License-Identifier: MIT */
#ifndef HEALTH_EXCHANGE_INTERNAL_H
#define HEALTH_EXCHANGE_INTERNAL_H
#include "health/exchange.h"

/* What the protocols' files share. */
struct exchange_kind {
    void (*begin)(struct exchange *exchange, const char *host);
    void (*receive)(struct exchange *exchange, const uint8_t *bytes,
                    size_t length);
    void (*end)(struct exchange *exchange); /* NULL: it gave no answer */
};

extern const struct exchange_kind exchange_http;
extern const struct exchange_kind exchange_redis;
extern const struct exchange_kind exchange_postgres;
extern const struct exchange_kind exchange_mysql;

/* |bytes| go to the endpoint. */
void exchange_say(struct exchange *exchange, const void *bytes, size_t length);

/* The verdict, with a |format| for its reason ("" for EXCHANGE_FIT). */
void exchange_decide(struct exchange *exchange, enum exchange_verdict verdict,
                     const char *format, ...) PRINTF_LIKE(3, 4);

/* It speaks something else. */
void exchange_broken(struct exchange *exchange, const char *protocol);

/* |text| as a reason may have it: no control characters, nothing but ASCII. */
void exchange_clean(char *text);
#endif
