/* SPDX-License-Identifier: MIT */
#include "health/rules.h"
#include "base/clock.h"
#include <string.h>

void health_rules_init(struct health_rules *rules)
{
    *rules = (struct health_rules){ .every_us = 2 * CLOCK_SECOND,
                                    .timeout_us = CLOCK_SECOND,
                                    .rise = 2,
                                    .fall = 3,
                                    .path = "/",
                                    .user = "entente" };
}

bool health_rules_ask_alike(const struct health_rules *a,
                            const struct health_rules *b)
{
    return a->protocol == b->protocol &&
           (a->role == HEALTH_ANY_ROLE) == (b->role == HEALTH_ANY_ROLE) &&
           strcmp(a->path, b->path) == 0 && strcmp(a->host, b->host) == 0 &&
           a->expect == b->expect && strcmp(a->user, b->user) == 0 &&
           strcmp(a->database, b->database) == 0;
}

bool health_rules_equal(const struct health_rules *a,
                        const struct health_rules *b)
{
    return health_rules_ask_alike(a, b) && a->role == b->role &&
           a->every_us == b->every_us && a->timeout_us == b->timeout_us &&
           a->rise == b->rise && a->fall == b->fall;
}
