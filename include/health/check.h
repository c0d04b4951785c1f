/* SPDX-License-Identifier: MIT */
#ifndef HEALTH_CHECK_H
#define HEALTH_CHECK_H
#include "base/check.h"
#include "health/rules.h"
#include "net/address.h"
#include "net/loop.h"
#include <stdbool.h>

/*
 * One health check of one endpoint: connect, ask, judge, all of it before one
 * deadline.
 */
struct check;

enum check_verdict {
    CHECK_FIT,
    CHECK_UNFIT,
    CHECK_WRONG_ROLE, /* it answers, but is not known to be the primary */
    CHECK_UNKNOWN     /* we could not ask: no memory, no descriptor */
};

struct check_options {
    const struct health_rules *rules; /* borrowed: outlives the check */
    bool proxy_protocol; /* it wants to hear first whose connection it is */
    struct address address;
    /*
     * Called once, never from inside check_start(), the check gone by then.
     * |reason| is "" for CHECK_FIT.
     */
    void (*done)(void *context, enum check_verdict verdict, const char *reason);
    void *context;
};

/* NULL if there is no memory; |done| is not called then. */
MUST_CHECK struct check *check_start(struct loop *loop,
                                     const struct check_options *options);
void check_cancel(struct check *check); /* |done| is not called; accepts NULL */
#endif
