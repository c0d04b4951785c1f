/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_ANNOUNCEMENT_H
#define DISCOVERY_ANNOUNCEMENT_H
#include "base/check.h"
#include "base/status.h"
#include "discovery/source.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * The other side of a source: "here I am", told to a registry for as long as
 * the announcement is open, and again whenever the registry has forgotten it.
 * When it is closed in order it is taken back at once; when the process dies
 * the registry finds out by itself.
 *
 *   zookeeper:SERVER,SERVER/PATH    a child of the node, ephemeral
 *   mdns:_SERVICE._tcp              on the local network, without a daemon
 */
struct announcement;

struct announcement_options {
    const char *text;
    const struct source_world *world; /* borrowed */
    const char *name;   /* ours among those who announce the same service */
    const char *host;   /* IP or name; NULL: ours as the registry sees us */
    sa_family_t family; /* of our own address; AF_UNSPEC: either will do */
    uint16_t port;
    uint16_t weight;
    uint16_t priority;
    /* What is reported has changed.  From the loop.  May be NULL. */
    void (*changed)(void *context, struct announcement *announcement);
    void *context;
};

struct announcement_report {
    bool is_announced; /* the registry has it now, as far as we know */
    char as[256];      /* what it is called there; "" */
    char failure[256]; /* why it has it not; "" */
};

/* As source_is_valid(). */
MUST_CHECK bool announcement_is_valid(const char *text, char *error,
                                      size_t size);

/* Whether |text|, which is valid, can tell IP addresses but no names. */
bool announcement_needs_ip(const char *text);

/* A name every registry takes: 1 to 63 bytes, printable, no '/'. */
MUST_CHECK bool announcement_is_name(const char *name);

/* STATUS_CONFIG: the text, the name, the host or the port cannot be. */
MUST_CHECK enum status
announcement_open(const struct announcement_options *options,
                  struct announcement **announcement);
void announcement_close(struct announcement *announcement); /* accepts NULL */

/*
 * From now on another host, family, port, weight or priority is told, in place
 * of what was: those who look never see us gone, except that multicast DNS
 * cannot change an address so.  Everything else of |options| is ignored.  What
 * is the same already is not told again.  STATUS_CONFIG as above; then, and
 * without memory, nothing changes.
 */
MUST_CHECK enum status
announcement_change(struct announcement *announcement,
                    const struct announcement_options *options);

const char *announcement_text(const struct announcement *announcement);
void announcement_report(const struct announcement *announcement,
                         struct announcement_report *report);
#endif
