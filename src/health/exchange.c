/* SPDX-License-Identifier: MIT */
#include "health/exchange_internal.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct exchange_kind *kind_of(const struct exchange *exchange)
{
    switch (exchange->rules->protocol) {
    case HEALTH_HTTP:
        return &exchange_http;
    case HEALTH_REDIS:
        return &exchange_redis;
    case HEALTH_POSTGRES:
        return &exchange_postgres;
    case HEALTH_MYSQL:
        return &exchange_mysql;
    case HEALTH_NONE:
    case HEALTH_TCP:
        break;
    }
    return NULL;
}

void exchange_begin(struct exchange *exchange, const struct health_rules *rules,
                    const char *host)
{
    *exchange = (struct exchange){ .rules = rules };
    if (kind_of(exchange))
        kind_of(exchange)->begin(exchange, host);
    else
        exchange->verdict = EXCHANGE_FIT; /* that it answers is all */
}

void exchange_receive(struct exchange *exchange, const uint8_t *bytes,
                      size_t length)
{
    if (exchange->verdict != EXCHANGE_GOES_ON)
        return;
    exchange->received += length;
    if (exchange->received > EXCHANGE_MAX_BYTES)
        exchange_decide(exchange, EXCHANGE_UNFIT, "its answer does not end");
    else
        kind_of(exchange)->receive(exchange, bytes, length);
}

void exchange_end(struct exchange *exchange)
{
    if (exchange->verdict == EXCHANGE_GOES_ON && kind_of(exchange)->end)
        kind_of(exchange)->end(exchange);
    if (exchange->verdict != EXCHANGE_GOES_ON)
        return;
    if (*exchange->reason) /* of what it had said against itself */
        exchange->verdict = EXCHANGE_UNFIT;
    else
        exchange_decide(exchange, EXCHANGE_UNFIT,
                        "it closed the connection without an answer");
}

/* ---- for the protocols ---- */

void exchange_say(struct exchange *exchange, const void *bytes, size_t length)
{
    ASSERT(length <= EXCHANGE_OUTPUT - exchange->output_length);
    memcpy(exchange->output + exchange->output_length, bytes, length);
    exchange->output_length += length;
}

void exchange_decide(struct exchange *exchange, enum exchange_verdict verdict,
                     const char *format, ...)
{
    va_list arguments;

    exchange->verdict = verdict;
    va_start(arguments, format);
    (void)vsnprintf(exchange->reason, sizeof(exchange->reason), format,
                    arguments);
    va_end(arguments);
}

void exchange_broken(struct exchange *exchange, const char *protocol)
{
    exchange_decide(exchange, EXCHANGE_UNFIT, "it does not speak %s", protocol);
}

void exchange_clean(char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}
