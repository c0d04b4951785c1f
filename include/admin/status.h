/* SPDX-License-Identifier: MIT */
#ifndef ADMIN_STATUS_H
#define ADMIN_STATUS_H
#include "admin/set_status.h"
#include "base/check.h"
#include "discovery/announcement.h"
#include "discovery/source.h"
#include "service/report.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * The document behind `entente status --json` (DESIGN.md section 9 says what
 * it has at least), and its rendering for people.
 */

/* A certificate of ours: leaf, roots, revocation list. */
struct certificate_status {
    const char *what;     /* "identity", "trust" */
    const char *identity; /* or "" */
    int64_t expires;      /* seconds since 1970 */
};

/* Where a service is announced, or is to be. */
struct announcement_status {
    const char *text;
    struct announcement_report report;
};

/* What the main thread knows of a service. */
struct service_status {
    const char *name;
    enum service_role role;
    const char *const *listen; /* addresses in use, NULL-terminated */
    const struct source_report *sources;
    const char *const *source_texts;
    const bool *are_idle; /* sources that do not count; NULL: all do */
    size_t source_count;
    const struct announcement_status *announcements;
    size_t announcement_count;
    const struct set_status *set; /* or NULL */
};

/* Everything, borrowed from those who know it. */
struct status_document {
    const char *node;
    const char *version;
    uint64_t uptime_us;
    bool is_ready;
    bool is_draining;
    const char *const *tunnel_listen; /* NULL-terminated */
    const struct service_status *services;
    size_t service_count;
    const struct board_report *const *boards; /* one for each worker */
    size_t board_count;
    const struct certificate_status *certificates;
    size_t certificate_count;
    uint64_t now_us;
};

/*
 * JSON, malloc()ed; NULL without memory.  An endpoint of several workers is
 * one: up if any of them has seen it so, otherwise as bad as the worst one
 * says, its counts added up.  Services of our own making ("*") are left out.
 */
MUST_CHECK char *status_to_json(const struct status_document *document);

/*
 * For people, from that JSON (which came from another process): first what is
 * wrong, then tables.  Nothing in it can steer a terminal.  STATUS_PROTOCOL,
 * and nothing written, if it is not what it should be.
 */
MUST_CHECK enum status status_print(const char *json, FILE *to);
#endif
