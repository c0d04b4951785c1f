/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_SOURCE_H
#define DISCOVERY_SOURCE_H
#include "base/check.h"
#include "base/status.h"
#include "discovery/endpoint.h"
#include "net/loop.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where something is, as one word of the configuration says it: "static:...",
 * "file:...", "dns:...".  A source watches its registry for as long as it
 * lives and tells when its answer changes.  Each kind is one file behind this
 * interface; source.c has the table of them.
 *
 * A source that has answered keeps its last good answer, whatever becomes of
 * the registry; only a registry that says so plainly takes an endpoint away.
 */
struct source;

/*
 * What the sources of one process share; borrowed by each of them.  They live
 * in one loop: the ZooKeeper library is not made for several threads.
 */
struct source_world {
    struct loop *loop;
    struct resolver *resolver;
    const char *state_directory; /* NULL: nothing is kept over a restart */
};

struct source_options {
    const char *text; /* "dns:redis.internal:6379" */
    const struct source_world *world;
    /* The answer, or what is known of the registry, has changed. */
    void (*changed)(void *context, struct source *source);
    void *context;
};

/* What is known, for `status` and `explain`. */
struct source_report {
    const struct endpoints *endpoints; /* borrowed; NULL: no answer ever */
    uint64_t answered_us;              /* when it last did (loop time); 0 */
    int64_t answered_at; /* the same in seconds since 1970, and 0 */
    bool is_stale;       /* the registry has failed since */
    bool is_remembered;  /* answered before this process, from the disk */
    char failure[256];   /* how, or "" */
    uint64_t failed_us;  /* when that was told (loop time); 0: no failure */
    const struct endpoints
        *held;              /* newer, held back since it flaps; borrowed */
    uint64_t held_until_us; /* (loop time) */
};

/*
 * Whether |text| is a source we know how to watch.  If not, |error| (of
 * |size| bytes) says what was expected.
 */
MUST_CHECK bool source_is_valid(const char *text, char *error, size_t size);

/*
 * Begins to watch; |changed| is called from the loop, never from in here.
 * STATUS_CONFIG: |text| is not valid.
 */
MUST_CHECK enum status source_open(const struct source_options *options,
                                   struct source **source);
void source_close(struct source *source); /* accepts NULL */

const char *source_text(const struct source *source);
void source_report(const struct source *source, struct source_report *report);

/*
 * An endpoint of this source could not be reached: ask the registry again,
 * soon, if it can be asked.
 */
void source_doubt(struct source *source);
#endif
