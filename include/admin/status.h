/* SPDX-License-Identifier: MIT */
#ifndef ADMIN_STATUS_H
#define ADMIN_STATUS_H
#include "base/check.h"
#include "discovery/source.h"
#include "service/report.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* What the main thread knows of a service. */
struct service_status {
    const char *name;
    enum service_role role;
    const char *const *listen; /* addresses in use, NULL-terminated */
    const struct source_report *sources;
    const char *const *source_texts;
    size_t source_count;
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

/* JSON, malloc()ed; NULL without memory. */
MUST_CHECK char *status_to_json(const struct status_document *document);

/*
 * A table for people, from that JSON (which came from another process), to
 * standard output.  STATUS_PROTOCOL if it is not what it should be.
 */
MUST_CHECK enum status status_print(const char *json);
#endif
