/* SPDX-License-Identifier: MIT */
#ifndef HEALTH_RULES_H
#define HEALTH_RULES_H
#include <stdbool.h>
#include <stdint.h>

/* How the endpoints of a service are asked whether they are fit: */
enum health_protocol {
    HEALTH_NONE, /* not at all: only connections show */
    HEALTH_TCP,
    HEALTH_HTTP,
    HEALTH_REDIS,
    HEALTH_POSTGRES,
    HEALTH_MYSQL
};

/* Which of them takes connections; the last two mean the same. */
enum health_role { HEALTH_ANY_ROLE, HEALTH_PRIMARY, HEALTH_MASTER };

struct health_rules {
    enum health_protocol protocol;
    enum health_role role; /* redis, postgres */
    uint64_t every_us;
    uint64_t timeout_us; /* of one check */
    uint32_t rise;       /* good answers in a row that make it fit */
    uint32_t fall;       /* bad ones that make it unfit */
    char path[256];      /* http */
    char host[256];      /* http; "": the endpoint's address */
    uint32_t expect;     /* http: the code; 0: any from 200 to 399 */
    char user[64];       /* postgres, mysql: to log in as, without a password */
    char database[64];   /* postgres; "": the user's */
};

/* The defaults: no endpoint is asked. */
void health_rules_init(struct health_rules *rules);

bool health_rules_equal(const struct health_rules *a,
                        const struct health_rules *b);
/* They ask the same: what is known by one of them is true for the other. */
bool health_rules_ask_alike(const struct health_rules *a,
                            const struct health_rules *b);
#endif
