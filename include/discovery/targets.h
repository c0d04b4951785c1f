/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_TARGETS_H
#define DISCOVERY_TARGETS_H
#include "base/check.h"
#include "base/status.h"
#include "discovery/dns_message.h"
#include "discovery/endpoint.h"
#include "discovery/resolver.h"
#include "discovery/target.h"
#include "net/loop.h"
#include <stdbool.h>
#include <stddef.h>

/*
 * A set of targets: it keeps the names among them resolved, by their times to
 * live and when in doubt, and tells the endpoints they stand for.  A name that
 * was resolved once keeps its addresses until DNS gives others.
 */
struct targets;

struct targets_report {
    const struct endpoint *items; /* borrowed for the call */
    size_t count;
    const char *failure; /* names that could not be resolved and why, or that
                          * there are too many; or NULL */
    bool all_failed;     /* every one: this tells nothing new */
};

struct targets_options {
    struct loop *loop;
    struct resolver *resolver;
    /* Called from the loop, never from inside the functions below. */
    void (*changed)(void *context, const struct targets_report *report);
    void *context;
};

MUST_CHECK struct targets *targets_new(const struct targets_options *options);
void targets_free(struct targets *targets); /* accepts NULL */

/*
 * These are all, from now on; |known| (or NULL) has addresses for some of
 * them by their index.  STATUS_NO_MEMORY: nothing has changed.
 */
MUST_CHECK enum status targets_set(struct targets *targets,
                                   const struct target *items, size_t count,
                                   const struct dns_answer *known);

/* Resolve all names again, soon. */
void targets_doubt(struct targets *targets);
#endif
