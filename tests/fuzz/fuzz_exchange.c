/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the answers of an endpoint that is checked.  The first byte
 * says by which protocol and role, the second how long the pieces are.
 */
#include "health/exchange.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_sound(const struct exchange *exchange)
{
    size_t length = strnlen(exchange->reason, EXCHANGE_REASON);

    ASSERT(length < EXCHANGE_REASON);
    ASSERT(exchange->output_length <= EXCHANGE_OUTPUT);
    ASSERT((exchange->verdict != EXCHANGE_FIT) || length == 0);
    ASSERT((exchange->verdict != EXCHANGE_UNFIT &&
            exchange->verdict != EXCHANGE_WRONG_ROLE) ||
           length > 0);
    for (size_t i = 0; i < length; i++)
        ASSERT(exchange->reason[i] >= ' ' && exchange->reason[i] <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct health_rules health = { .path = "/", .user = "entente" };
    struct exchange exchange;
    size_t piece;

    if (size < 2)
        return 0;
    health.protocol = (enum health_protocol)(data[0] % (HEALTH_MYSQL + 1));
    health.role = data[0] & 0x10 ? HEALTH_PRIMARY : HEALTH_ANY_ROLE;
    piece = (size_t)data[1] + 1;
    exchange_begin(&exchange, &health, "192.0.2.1:80");
    for (size_t at = 2; at < size; at += piece) {
        exchange_receive(&exchange, data + at,
                         size - at < piece ? size - at : piece);
        assert_sound(&exchange);
        exchange.output_length = 0; /* it was sent */
    }
    exchange_end(&exchange);
    assert_sound(&exchange);
    ASSERT(exchange.verdict != EXCHANGE_GOES_ON);
    return 0;
}
