/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_DIRECTORY_H
#define SERVICE_DIRECTORY_H
#include "base/check.h"
#include "base/status.h"
#include "base/text.h"
#include "discovery/source.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where one service is: the answers of its sources, added up, those of its
 * fallback in a tier of their own, behind the others.  On the main thread,
 * which hands every new sum to the workers.  "inbound:" is no source to ask: it
 * is passed over here and heeded by the switchboard.
 *
 * What an operator sets counts instead of all of them, which go on being
 * watched.  Endpoints that are set with names take over when the first of the
 * names is known; until then everything stays as it was.
 */
struct directory;

struct directory_options {
    const struct text_list *sources;  /* copied */
    const struct text_list *fallback; /* likewise */
    const struct source_world *world; /* borrowed */
    /* The sum changed; |endpoints| are borrowed. */
    void (*changed)(void *context, const struct endpoints *endpoints);
    void *context;
};

MUST_CHECK enum status directory_open(const struct directory_options *options,
                                      struct directory **directory);
void directory_close(struct directory *directory); /* accepts NULL */

/*
 * Ask other sources; those that were asked before go on, with their answers.
 * Until one of them has answered, what the old ones said is still true; else
 * |changed| may be called from in here.  On failure nothing has changed.
 */
MUST_CHECK enum status directory_change(struct directory *directory,
                                        const struct text_list *sources,
                                        const struct text_list *fallback);

/* The sum now; never NULL. */
const struct endpoints *directory_endpoints(const struct directory *directory);

/* The service was not where the sources say: ask them again, soon. */
void directory_doubt(struct directory *directory);

/* One of the sources, the fallback's last, or NULL past the last. */
const struct source *directory_source(const struct directory *directory,
                                      size_t index);

/* Whether that one is of the fallback. */
bool directory_is_fallback(const struct directory *directory, size_t index);

/* ---- what an operator has set ---- */

struct directory_setting {
    struct source *source; /* of what was set, by directory_ask() */
    int64_t at;            /* when, in seconds since 1970 */
    bool is_kept;          /* over a restart */
};

/*
 * A source for what is to be set: lines, as of setting_is_valid().
 * STATUS_CONFIG: they are not.  It belongs to the caller until it is set.
 */
MUST_CHECK enum status directory_ask(struct directory *directory,
                                     const char *text, struct source **source);

/*
 * From now on this counts, and |changed| is called from in here if that is
 * other than what was; or as soon as there is an endpoint, if |may_wait|.
 * Takes the source over.  True if it counts already.
 */
bool directory_set(struct directory *directory,
                   const struct directory_setting *setting, bool may_wait);
/* The sources count again; |changed| is called from in here. */
void directory_unset(struct directory *directory);

/* What counts, or NULL: the sources do. */
const struct directory_setting *
directory_setting(const struct directory *directory);
/* What waits for its first endpoint, or NULL. */
const struct directory_setting *
directory_coming(const struct directory *directory);
#endif
