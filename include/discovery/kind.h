/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_KIND_H
#define DISCOVERY_KIND_H
#include "base/check.h"
#include "base/status.h"
#include "discovery/endpoint.h"
#include "discovery/source.h"
#include "discovery/targets.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What one kind of source has to do, for source.c and the files of the kinds
 * only.  A kind asks its registry and tells source.c what it said; the last
 * good answer, damping, memory and notification are source.c's.
 */
struct watcher {
    struct source *source; /* borrowed: it owns the watcher */
};

struct source_kind {
    const char *scheme;   /* "dns" */
    const char *form;     /* "dns:NAME:PORT"; NULL: not for configurations */
    uint64_t interval_us; /* between two changes that are applied */
    bool may_flap;        /* several servers may give several answers */
    bool tells_changes;   /* until it fails, its last answer is true */
    /* |rest| is the text behind "scheme:" in all of these. */
    bool (*is_valid)(const char *rest, char *error, size_t size);
    enum status (*open)(struct source *source, const char *rest,
                        struct watcher **watcher);
    void (*close)(struct watcher *watcher);
    void (*doubt)(struct watcher *watcher); /* NULL: it cannot be asked */
    /* Whether the text alone says all: then nothing is kept on disk. */
    bool (*is_fixed)(const char *rest); /* NULL: never */
};

extern const struct source_kind list_kind;
extern const struct source_kind file_kind;
extern const struct source_kind dns_kind;
extern const struct source_kind dns_srv_kind;
extern const struct source_kind zookeeper_kind;
extern const struct source_kind mdns_kind;
extern const struct source_kind setting_kind; /* the last: without a form */

const struct source_world *source_world(const struct source *source);

/*
 * The registry says that these are all.  |remark| (or NULL) is what it said
 * besides that we could not use.  No items: it says so plainly, and the
 * source has none from now on.
 */
void source_answered(struct source *source, const struct endpoint *items,
                     size_t count, const char *remark);

/*
 * What is known of the endpoints has changed though the registry is silent: a
 * name among them has other addresses.
 */
void source_revised(struct source *source, const struct endpoint *items,
                    size_t count);

/* What became of the targets that are all the registry says. */
void source_tell(struct source *source, const struct targets_report *report);

/* The registry said nothing we can use, for this reason. */
void source_failed(struct source *source, const char *format, ...)
    PRINTF_LIKE(2, 3);
#endif
