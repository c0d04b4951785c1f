/* SPDX-License-Identifier: MIT */
#ifndef UNIT_HEALTH_EXCHANGE_TEST_H
#define UNIT_HEALTH_EXCHANGE_TEST_H
/* What the tests of exchanges have in common: answers cut at every byte. */
#include "health/exchange.h"
#include "support/check_test.h"

/* An exchange that was answered by |bytes|, |piece| of them at a time. */
static inline struct exchange play(const struct health_rules *rules,
                                   const char *bytes, size_t length,
                                   size_t piece)
{
    struct exchange exchange;

    exchange_begin(&exchange, rules, "192.0.2.1:80");
    for (size_t at = 0; at < length; at += piece)
        exchange_receive(&exchange, (const uint8_t *)bytes + at,
                         length - at < piece ? length - at : piece);
    return exchange;
}

static inline void assert_judged(const struct health_rules *rules,
                                 const char *bytes, size_t length,
                                 enum exchange_verdict verdict,
                                 const char *reason)
{
    for (size_t piece = 1; piece <= length; piece++) {
        struct exchange exchange = play(rules, bytes, length, piece);

        assert_string_equal(exchange.reason, reason);
        assert_int_equal(exchange.verdict, verdict);
    }
}
#endif
