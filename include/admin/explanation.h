/* SPDX-License-Identifier: MIT */
#ifndef ADMIN_EXPLANATION_H
#define ADMIN_EXPLANATION_H
#include "admin/set_status.h"
#include "base/check.h"
#include "base/status.h"
#include "discovery/source.h"
#include "service/survey.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * The document behind `entente explain --json` (docs/EXPLAIN.md says what it
 * has), and its rendering for people.
 */

struct explained_source {
    const char *text;
    bool is_fallback;
    bool is_idle; /* watched, but it does not count */
    struct source_report report;
};

/* A service in one role, as the main thread knows it. */
struct explained_service {
    const struct service_options *options;
    const char *const *listen; /* addresses in use, NULL-terminated */
    const struct explained_source *sources;
    size_t source_count;
    bool is_inbound_idle;         /* as a source, if it is one */
    const struct set_status *set; /* or NULL */
    uint32_t next_worker; /* carries the next connection; not of an offer,
                             where that is the worker of the tunnel */
};

/* Everything, borrowed from those who know it. */
struct explanation {
    const char *name;
    const struct explained_service *services;
    size_t service_count;
    const struct board_survey *const *boards; /* of the workers */
    size_t board_count;
    uint64_t now_us;
};

/*
 * JSON, malloc()ed; NULL without memory.  An endpoint of several workers is
 * one, with the views they have of it: one if they agree.
 */
MUST_CHECK char *explanation_to_json(const struct explanation *explanation);

/*
 * For people, from that JSON (which came from another process).  Nothing in it
 * can steer a terminal.  STATUS_PROTOCOL, and nothing written, if it is not
 * what it should be.
 */
MUST_CHECK enum status explanation_print(const char *json, FILE *to);
#endif
