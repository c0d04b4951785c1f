/* SPDX-License-Identifier: MIT */
#ifndef APP_CONTROL_INTERNAL_H
#define APP_CONTROL_INTERNAL_H
#include "base/check.h"
#include "base/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What control.c (asking) and control_arguments.c (its command line) share. */
enum { EXIT_DONE, EXIT_REFUSED, EXIT_USAGE };

struct control {
    const char *admin;  /* --admin; NULL: not said; borrowed, as all here */
    const char *config; /* --config */
    uint64_t timeout_us;
    const char *client; /* --client */
    bool wants_json;
    bool wants_help;
    bool wants_keep;       /* set --keep */
    bool wants_sources;    /* set --sources */
    const char *role;      /* set --role */
    char *const *services; /* words that are no options; set: then endpoints */
    size_t service_count;
};

struct control_command {
    const char *name;
    const char *usage; /* what follows "entente NAME" */
    const char *help;  /* sentences */
    uint64_t timeout_us;
    bool has_json;
    bool has_client;
    bool has_services;
    bool has_one_service; /* and no more */
    bool has_endpoints;   /* behind one service */
    int (*run)(const struct control *control);
};

/*
 * |argv| is reordered: services come to its end.  False if it is not
 * understood: a line on stderr says why.
 */
MUST_CHECK bool control_parse(struct control *control,
                              const struct control_command *command, int argc,
                              char **argv);
int control_complain(const char *about, const char *text);
/*
 * POST |target| and return the exit code; what is accepted and not done yet
 * (202) is told, if |tells|.  |about| begins a complaint.
 */
int control_order(const struct control *control, const char *target,
                  const char *about, bool tells);
void control_print_help(const struct control_command *command, FILE *to);

/* ---- control_set.c ---- */

/* After control_parse(): do the words fit together?  As that. */
MUST_CHECK bool control_set_check(const struct control *control);
int control_set_run(const struct control *control);
#endif
