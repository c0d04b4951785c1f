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
    char *const *services; /* words that are no options */
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
    int (*run)(const struct control *control);
};

/*
 * |argv| is reordered: services come to its end.  False if it is not
 * understood: a line on stderr says why.
 */
MUST_CHECK bool control_parse(struct control *control,
                              const struct control_command *command, int argc,
                              char **argv);
void control_print_help(const struct control_command *command, FILE *to);
#endif
