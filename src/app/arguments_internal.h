/* SPDX-License-Identifier: MIT */
#ifndef APP_ARGUMENTS_INTERNAL_H
#define APP_ARGUMENTS_INTERNAL_H
#include "app/arguments.h"
#include "config/keys.h"

/* Shared by the files of arguments only. */

/* A value for a key.  Those of variables count before those of flags. */
struct argument {
    const struct key *key;
    bool is_flag;                 /* else a variable */
    char origin[KEY_ENVIRONMENT]; /* "--listen", "ENTENTE_LISTEN" */
    char *value;
};

/* "consume". */
const char *arguments_command_text(enum arguments_command command);
/* Whether its services are in a file, or it names one. */
bool arguments_has_file(enum arguments_command command);
/* Whether |command| has a flag for |key|. */
bool arguments_has_key(enum arguments_command command, const struct key *key);

/* |value| is |length| bytes, and copied. */
MUST_CHECK enum status arguments_add(struct arguments *arguments,
                                     const struct key *key, bool is_flag,
                                     const char *value, size_t length,
                                     struct config_error *error);
MUST_CHECK enum status arguments_read_environment(struct arguments *arguments,
                                                  char *const environment[],
                                                  struct config_error *error);

/* STATUS_CONFIG: for exit code 2. */
enum status arguments_refuse(struct config_error *error, const char *format,
                             ...) PRINTF_LIKE(2, 3);
enum status arguments_no_memory(struct config_error *error);
#endif
