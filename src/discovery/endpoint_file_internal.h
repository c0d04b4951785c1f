/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_ENDPOINT_FILE_INTERNAL_H
#define DISCOVERY_ENDPOINT_FILE_INTERNAL_H
#include "discovery/endpoint_file.h"
#include <stdbool.h>

/* Shared by endpoint_file.c (lines) and endpoint_yaml.c. */
struct file_reader {
    struct endpoint_file *file;
    size_t line; /* of the text, from 1 */
    char *error; /* borrowed */
    size_t error_size;
    bool is_none; /* it says that there is none */
};

/* False, so that it can be returned; |format| is told with the line. */
bool file_reader_refuse(struct file_reader *reader, const char *format, ...)
    PRINTF_LIKE(2, 3);

/* Append an endpoint of |address|; NULL and refused if it is none. */
struct target *file_reader_add(struct file_reader *reader, const char *address);

/* "weight" or "priority" of |target|. */
MUST_CHECK bool file_reader_set(struct file_reader *reader,
                                struct target *target, const char *key,
                                const char *value);

MUST_CHECK bool file_reader_yaml(struct file_reader *reader, const char *bytes,
                                 size_t length);
#endif
