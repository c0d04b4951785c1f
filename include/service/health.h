/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_HEALTH_H
#define SERVICE_HEALTH_H
#include "base/check.h"
#include "base/status.h"
#include "discovery/endpoint.h"
#include "net/loop.h"
#include "service/options.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Asking the endpoints of one service, again and again, whether they are fit:
 * on the main thread, next to the directory, for services that are offered or
 * reached directly.  One check a time and endpoint, at jittered intervals; an
 * endpoint changes its state only after |rise| good or |fall| bad answers in a
 * row, and one that flaps is asked at most once a second.
 */
struct health;

enum health_state {
    HEALTH_UNKNOWN, /* not asked yet: taken as fit */
    HEALTH_FIT,
    HEALTH_UNFIT,  /* it does not answer, or not as it should */
    HEALTH_DEMOTED /* it answers, but has another role than wanted */
};

struct health_options {
    const struct service_health *checks; /* copied; see service/options.h */
    struct loop *loop;
    /* The state of an endpoint changed. */
    void (*changed)(void *context, const struct address *address,
                    enum health_state state);
    void *context;
};

MUST_CHECK enum status health_open(const struct health_options *options,
                                   struct health **health);
void health_close(struct health *health); /* accepts NULL */

/* Ask these from now on; what is known of those that stay is kept. */
MUST_CHECK enum status health_set_endpoints(struct health *health,
                                            const struct endpoints *endpoints);

struct health_report {
    enum health_state state;
    char detail[200];     /* the last answer in words: "role: slave" */
    uint64_t answered_us; /* when; 0: never */
    uint64_t latency_us;
};

/* False if it does not ask |address|. */
MUST_CHECK bool health_report(const struct health *health,
                              const struct address *address,
                              struct health_report *report);

const char *health_state_text(enum health_state state);
#endif
