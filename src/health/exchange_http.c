/* SPDX-License-Identifier: MIT */
/* GET, and the status of the answer; what else it says is not read. */
#include "base/text.h"
#include "health/exchange_internal.h"
#include <string.h>

static void begin(struct exchange *exchange, const char *host)
{
    const struct health_rules *rules = exchange->rules;
    char request[EXCHANGE_OUTPUT];

    http_status_init(&exchange->http);
    /* Path and host are far shorter than that. */
    ASSERT(text_format(request, sizeof(request),
                       "GET %s HTTP/1.1\r\n"
                       "Host: %s\r\n"
                       "User-Agent: entente\r\n"
                       "Accept: */*\r\n"
                       "Connection: close\r\n\r\n",
                       rules->path, *rules->host ? rules->host : host));
    exchange_say(exchange, request, strlen(request));
}

static void judge(struct exchange *exchange, unsigned code)
{
    unsigned expected = exchange->rules->expect;
    bool is_good = expected ? code == expected : code >= 200 && code < 400;

    if (is_good)
        exchange_decide(exchange, EXCHANGE_FIT, "%s", "");
    else if (expected)
        exchange_decide(exchange, EXCHANGE_UNFIT,
                        "it answers %u, not %u as expected", code, expected);
    else
        exchange_decide(exchange, EXCHANGE_UNFIT, "it answers %u", code);
}

static void receive(struct exchange *exchange, const uint8_t *bytes,
                    size_t length)
{
    enum http_progress progress =
        http_status_read(&exchange->http, bytes, length);

    if (progress == HTTP_STATUS)
        judge(exchange, exchange->http.code);
    else if (progress == HTTP_BROKEN)
        exchange_broken(exchange, "HTTP");
}

const struct exchange_kind exchange_http = { .begin = begin,
                                             .receive = receive };
