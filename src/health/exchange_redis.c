/* SPDX-License-Identifier: MIT */
/*
 * PING, which a server that is loading or has lost its master refuses; and
 * ROLE, which it does not, so both are asked and ROLE's word counts more.
 */
#include "health/exchange_internal.h"
#include <string.h>

enum { PING_ANSWER, ROLE_ANSWER, ROLE_WORD };

static const char ping[] = "*1\r\n$4\r\nPING\r\n";
static const char role[] = "*1\r\n$4\r\nROLE\r\n";

static bool wants_master(const struct exchange *exchange)
{
    return exchange->rules->role != HEALTH_ANY_ROLE;
}

static void begin(struct exchange *exchange, const char *host)
{
    (void)host;
    resp_init(&exchange->resp);
    exchange_say(exchange, ping, sizeof(ping) - 1);
    if (wants_master(exchange))
        exchange_say(exchange, role, sizeof(role) - 1);
}

static bool says(const struct resp_element *element, const char *word)
{
    size_t length = strlen(word);

    return strncmp(element->text, word, length) == 0 &&
           (element->text[length] == ' ' || element->text[length] == '\0');
}

static void take_ping(struct exchange *exchange, struct resp_element *element)
{
    bool is_locked = element->type == RESP_ERROR && says(element, "NOAUTH");

    if (element->type == RESP_SIMPLE && says(element, "PONG")) {
        exchange->reason[0] = '\0';
    } else if (element->type != RESP_ERROR) {
        exchange_broken(exchange, "Redis");
    } else if (is_locked && wants_master(exchange)) {
        exchange_decide(exchange, EXCHANGE_WRONG_ROLE,
                        "it wants a password to tell its role");
    } else if (!is_locked) { /* kept: ROLE may still say more */
        exchange_clean(element->text);
        exchange_decide(exchange, EXCHANGE_GOES_ON, "it says \"%.80s\"",
                        element->text);
    }
    if (exchange->verdict != EXCHANGE_GOES_ON)
        return;
    if (!wants_master(exchange))
        exchange->verdict = *exchange->reason ? EXCHANGE_UNFIT : EXCHANGE_FIT;
    exchange->step = ROLE_ANSWER;
}

static void take_role(struct exchange *exchange, struct resp_element *element)
{
    if (element->type == RESP_ARRAY && element->number > 0) {
        exchange->step = ROLE_WORD;
        return;
    }
    if (element->type != RESP_ERROR) {
        exchange_broken(exchange, "Redis");
        return;
    }
    exchange_clean(element->text);
    exchange_decide(exchange, EXCHANGE_WRONG_ROLE,
                    "it does not tell its role: \"%.60s\"", element->text);
}

static void take_role_word(struct exchange *exchange,
                           struct resp_element *element)
{
    if (element->type != RESP_BULK) {
        exchange_broken(exchange, "Redis");
    } else if (strcmp(element->text, "master") == 0) {
        exchange->verdict = *exchange->reason ? EXCHANGE_UNFIT : EXCHANGE_FIT;
    } else if (strcmp(element->text, "slave") == 0) {
        exchange_decide(exchange, EXCHANGE_WRONG_ROLE, "it is a replica");
    } else {
        exchange_clean(element->text);
        exchange_decide(exchange, EXCHANGE_WRONG_ROLE,
                        "it is no master but \"%.40s\"", element->text);
    }
}

static void take(struct exchange *exchange, struct resp_element *element)
{
    if (exchange->step == PING_ANSWER)
        take_ping(exchange, element);
    else if (exchange->step == ROLE_ANSWER)
        take_role(exchange, element);
    else
        take_role_word(exchange, element);
}

static void receive(struct exchange *exchange, const uint8_t *bytes,
                    size_t length)
{
    while (length > 0 && exchange->verdict == EXCHANGE_GOES_ON) {
        size_t used;
        enum resp_progress progress =
            resp_read(&exchange->resp, bytes, length, &used);

        bytes += used;
        length -= used;
        if (progress == RESP_BROKEN)
            exchange_broken(exchange, "Redis");
        else if (progress == RESP_READ)
            take(exchange, &exchange->resp.element);
    }
}

const struct exchange_kind exchange_redis = { .begin = begin,
                                              .receive = receive };
