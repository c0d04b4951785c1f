/* SPDX-License-Identifier: MIT */
#ifndef HEALTH_HEALTH_H
#define HEALTH_HEALTH_H
#include "base/check.h"
#include "base/status.h"
#include "discovery/endpoint.h"
#include "health/fitness.h"
#include "health/rules.h"
#include "net/loop.h"
#include <stdbool.h>
#include <stddef.h>

/*
 * Watches the endpoints of one service: asks each of them again and again, one
 * question at a time, and tells when what is known of one has changed.  On the
 * main thread, which hands every verdict to the workers.
 *
 * Questions are spread: each comes |every| after the one before, give or take
 * a tenth, and no more are under way than HEALTH_MAX_CHECKS, or half of all
 * endpoints if that is more: those that hang until |timeout| must not keep the
 * others from being asked in time.
 */
struct health;

enum { HEALTH_MAX_CHECKS = 32 };

struct verdict {
    struct address address;
    bool is_demoted;          /* it serves, but in the wrong role */
    char unfit[FITNESS_TEXT]; /* "": it is fit */
};

struct health_options {
    struct loop *loop;
    const char *service;              /* its name, in logs; copied */
    const struct health_rules *rules; /* copied */
    bool proxy_protocol;              /* as in struct check_options */
    /* Never from inside a function of health. */
    void (*judged)(void *context, const struct verdict *verdict);
    void *context;
};

MUST_CHECK enum status health_open(const struct health_options *options,
                                   struct health **health);
void health_close(struct health *health); /* accepts NULL */

/*
 * Ask by other rules.  If they ask something else, nothing is known of any
 * endpoint until it has been asked again.
 */
void health_change(struct health *health, const struct health_rules *rules,
                   bool proxy_protocol);

/* Where the service is now.  STATUS_NO_MEMORY: some are not watched. */
MUST_CHECK enum status health_place(struct health *health,
                                    const struct endpoints *endpoints);

/* What is known: |room| verdicts at most; returns how many there are. */
size_t health_verdicts(const struct health *health, struct verdict *verdicts,
                       size_t room);
#endif
