/* SPDX-License-Identifier: MIT */
#ifndef APP_WINDOW_SOURCES_H
#define APP_WINDOW_SOURCES_H
#include "admin/set_status.h"
#include "service/directory.h"

/*
 * What is asked where a service is, as `status` and `explain` tell it.  What an
 * operator has set is a source by the name "set" and comes first.  All that is
 * handed out is the directory's, until it changes.
 */
enum { MAX_SOURCES = 64 };

struct asked_source {
    const struct source *source;
    const char *text;
    bool is_fallback;
    bool is_idle; /* watched, but it does not count */
};

/* MAX_SOURCES of them at most; returns how many. */
size_t window_sources(const struct directory *directory,
                      struct asked_source asked[MAX_SOURCES]);

/* What was set last; NULL: nothing is.  |set| is where it is put. */
const struct set_status *window_setting(const struct directory *directory,
                                        struct set_status *set);
#endif
