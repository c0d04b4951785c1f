/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_ENDPOINT_FILE_H
#define DISCOVERY_ENDPOINT_FILE_H
#include "base/check.h"
#include "base/status.h"
#include "discovery/target.h"
#include <stddef.h>

/*
 * A list of endpoints as a file holds it.  Lines:
 *
 *   # comment
 *   db-1.example.com:7411
 *   10.0.0.2:7411  weight=2 priority=1
 *   none                                   alone: there is decidedly none
 *
 * or YAML (and so JSON), a list of such addresses or of mappings with the
 * keys address, weight and priority; "[]" says that there is none.  All of it
 * is good, or none.
 */
enum endpoint_file_format { ENDPOINT_FILE_LINES, ENDPOINT_FILE_YAML };

enum { ENDPOINT_FILE_MAX_BYTES = 1024 * 1024 };

struct endpoint_file {
    size_t count;
    struct target *items; /* released by free() */
};

/* By the end of the path: .yaml, .yml and .json are YAML. */
enum endpoint_file_format endpoint_file_format(const char *path);

/*
 * STATUS_CONFIG: |error| (of |size| bytes) says in which line what was
 * expected.
 */
MUST_CHECK enum status endpoint_file_parse(struct endpoint_file *file,
                                           enum endpoint_file_format format,
                                           const char *bytes, size_t length,
                                           char *error, size_t size);
#endif
