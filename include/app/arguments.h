/* SPDX-License-Identifier: MIT */
#ifndef APP_ARGUMENTS_H
#define APP_ARGUMENTS_H
#include "app/admin_address.h"
#include "base/check.h"
#include "base/status.h"
#include "config/config.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * The command line of what makes a configuration.  Flags and ENTENTE_*
 * variables come from the table of keys (config/keys.h): a flag wins over a
 * variable, a variable over the file, whole lists at a time.
 *
 * `--from a b`, `--from a --from b` and `--from=a` are all understood; words
 * are never abbreviated, so a new flag cannot change the meaning of an old
 * command.  A variable's list is separated by white space.
 */
enum arguments_command {
    ARGUMENTS_RUN,
    ARGUMENTS_CHECK,
    ARGUMENTS_CONSUME,
    ARGUMENTS_OFFER
};

struct arguments {
    enum arguments_command command;
    bool wants_help;     /* print the help; nothing else was looked at */
    bool wants_print;    /* check: print what it amounts to */
    bool is_understood;  /* arguments_parse() was content */
    const char *file;    /* run, check; borrowed from argv or environment */
    const char *service; /* consume, offer; borrowed from argv */
    struct argument *settings;
    size_t setting_count;
    char admin[ADMIN_ADDRESS_TEXT]; /* chosen once, where nobody said */
};

/*
 * |argv[0]| is the command's name; |environment| is like environ.
 * STATUS_CONFIG: usage, and |error| says in a line what is wrong.
 * arguments_clear() afterwards in any case.
 */
MUST_CHECK enum status arguments_parse(struct arguments *arguments,
                                       enum arguments_command command, int argc,
                                       char *const argv[],
                                       char *const environment[],
                                       struct config_error *error);

/*
 * The whole configuration, complete and checked, with an admin address; again
 * at every reload.
 */
MUST_CHECK enum status arguments_load(struct arguments *arguments,
                                      struct config **config,
                                      struct config_error *error);

/* The file that run and check read. */
const char *arguments_file(const struct arguments *arguments);

/*
 * After a failure of either: 2 if the command line is not understood, lacks
 * something or contradicts itself, else 1.
 */
int arguments_exit_code(const struct arguments *arguments,
                        const struct config_error *error);

void arguments_clear(struct arguments *arguments);
void arguments_print_help(enum arguments_command command, FILE *to);
#endif
