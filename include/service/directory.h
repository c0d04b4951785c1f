/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_DIRECTORY_H
#define SERVICE_DIRECTORY_H
#include "base/check.h"
#include "base/status.h"
#include "base/text.h"
#include "discovery/source.h"
#include <stddef.h>

/*
 * Where one service is: the answers of its sources, added up, those of its
 * fallback in a tier of their own, behind the others.  On the main thread,
 * which hands every new sum to the workers.  "inbound:" is no source to ask: it
 * is passed over here and heeded by the switchboard.
 */
struct directory;

struct directory_options {
    const struct text_list *sources;  /* copied */
    const struct text_list *fallback; /* likewise */
    const struct source_world *world;
    /* The sum changed; |endpoints| are borrowed. */
    void (*changed)(void *context, const struct endpoints *endpoints);
    void *context;
};

MUST_CHECK enum status directory_open(const struct directory_options *options,
                                      struct directory **directory);
void directory_close(struct directory *directory); /* accepts NULL */

/* The sum now; never NULL. */
const struct endpoints *directory_endpoints(const struct directory *directory);

/* One of the sources, the fallback's last, or NULL past the last. */
const struct source *directory_source(const struct directory *directory,
                                      size_t index);

/* Whether that one is of the fallback. */
bool directory_is_fallback(const struct directory *directory, size_t index);

/* The text of the source that named |address|, or "". */
const char *directory_source_of(const struct directory *directory,
                                const struct address *address);
#endif
