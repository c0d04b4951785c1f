/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_ANNOUNCER_H
#define DISCOVERY_ANNOUNCER_H
#include "base/check.h"
#include "base/status.h"
#include "discovery/announcement.h"

/*
 * What one kind of announcement has to do, for announcement.c and the files of
 * the kinds only.
 */
struct announcer {
    struct announcement *announcement; /* borrowed: it owns the announcer */
};

struct announcer_kind {
    const char *scheme;
    const char *form;
    bool needs_ip; /* it tells addresses, no names */
    /* |rest| is the text behind "scheme:" in both. */
    bool (*is_valid)(const char *rest, char *error, size_t size);
    enum status (*open)(struct announcement *announcement, const char *rest,
                        struct announcer **announcer);
    /* announcement_options() says something else than it did. */
    void (*change)(struct announcer *announcer);
    void (*close)(struct announcer *announcer);
};

extern const struct announcer_kind zookeeper_announcer_kind;
extern const struct announcer_kind mdns_announcer_kind;

const struct announcement_options *
announcement_options(const struct announcement *announcement);

/* The registry has it, under the name |as|. */
void announcement_made(struct announcement *announcement, const char *as);
/* It has it not, for this reason. */
void announcement_failed(struct announcement *announcement, const char *format,
                         ...) PRINTF_LIKE(2, 3);
#endif
