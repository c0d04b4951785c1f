/* SPDX-License-Identifier: MIT */
#include "service/options.h"
#include "base/clock.h"
#include <string.h>

static const char *const role_texts[SERVICE_ROLES] = {
    [SERVICE_CONSUME] = "consume",
    [SERVICE_DIRECT] = "direct",
    [SERVICE_OFFER] = "offer",
};

static const char *const balance_texts[] = {
    [BALANCE_ROUND_ROBIN] = "round-robin",
    [BALANCE_LEAST_LOADED] = "least-loaded",
    [BALANCE_TWO_CHOICES] = "two-choices",
    [BALANCE_HASH] = "hash",
};

void service_options_init(struct service_options *options,
                          enum service_role role)
{
    *options = (struct service_options){
        .role = role,
        .balance = BALANCE_LEAST_LOADED,
        .connect_timeout_us = 3 * CLOCK_SECOND,
        .move_us = SERVICE_MOVE_KEEP,
        .max_connections = 10000,
        .retry_budget = 20,
    };
    health_rules_init(&options->health);
    if (role == SERVICE_OFFER) {
        options->announce_weight = 1;
        return; /* waiting is done where the application is */
    }
    options->hold_us = 10 * CLOCK_SECOND;
    options->max_waiting = 1000;
}

bool service_options_copy(struct service_options *to,
                          const struct service_options *from)
{
    struct service_options copy = *from;

    copy.listen = copy.sources = copy.fallback = copy.peers = copy.allow =
        copy.announce = (struct text_list){ 0 };
    if (!text_list_copy(&copy.listen, &from->listen) ||
        !text_list_copy(&copy.sources, &from->sources) ||
        !text_list_copy(&copy.fallback, &from->fallback) ||
        !text_list_copy(&copy.peers, &from->peers) ||
        !text_list_copy(&copy.allow, &from->allow) ||
        !text_list_copy(&copy.announce, &from->announce)) {
        service_options_clear(&copy);
        service_options_init(to, from->role);
        return false;
    }
    *to = copy;
    return true;
}

bool service_options_equal(const struct service_options *a,
                           const struct service_options *b)
{
    return strcmp(a->name, b->name) == 0 && a->role == b->role &&
           text_list_equal(&a->listen, &b->listen) &&
           text_list_equal(&a->sources, &b->sources) &&
           text_list_equal(&a->fallback, &b->fallback) &&
           text_list_equal(&a->peers, &b->peers) &&
           text_list_equal(&a->allow, &b->allow) &&
           text_list_equal(&a->announce, &b->announce) &&
           a->balance == b->balance && a->hold_us == b->hold_us &&
           a->connect_timeout_us == b->connect_timeout_us &&
           a->move_us == b->move_us && a->slow_start_us == b->slow_start_us &&
           a->max_per_endpoint == b->max_per_endpoint &&
           a->min_healthy == b->min_healthy &&
           a->retry_budget == b->retry_budget &&
           a->proxy_protocol == b->proxy_protocol &&
           a->max_connections == b->max_connections &&
           a->max_waiting == b->max_waiting &&
           a->announce_weight == b->announce_weight &&
           a->announce_priority == b->announce_priority &&
           health_rules_equal(&a->health, &b->health);
}

void service_options_clear(struct service_options *options)
{
    text_list_clear(&options->listen);
    text_list_clear(&options->sources);
    text_list_clear(&options->fallback);
    text_list_clear(&options->peers);
    text_list_clear(&options->allow);
    text_list_clear(&options->announce);
}

const char *service_move_text(uint64_t move_us)
{
    return move_us == SERVICE_MOVE_KEEP    ? "keep"
           : move_us == SERVICE_MOVE_CLOSE ? "close"
                                           : "drain";
}

bool service_options_take_inbound(const struct service_options *options)
{
    for (size_t i = 0; i < options->sources.count; i++)
        if (strcmp(options->sources.items[i], "inbound:") == 0)
            return true;
    return false;
}

const char *service_role_text(enum service_role role)
{
    ASSERT((size_t)role < SERVICE_ROLES);
    return role_texts[role];
}

bool service_role_parse(const char *text, enum service_role *role)
{
    for (size_t i = 0; i < SERVICE_ROLES; i++)
        if (strcmp(text, role_texts[i]) == 0) {
            *role = (enum service_role)i;
            return true;
        }
    return false;
}

const char *service_balance_text(enum service_balance balance)
{
    ASSERT((size_t)balance < ARRAY_LENGTH(balance_texts));
    return balance_texts[balance];
}

bool service_balance_parse(const char *text, enum service_balance *balance)
{
    for (size_t i = 0; i < ARRAY_LENGTH(balance_texts); i++)
        if (strcmp(text, balance_texts[i]) == 0) {
            *balance = (enum service_balance)i;
            return true;
        }
    return false;
}
