/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_SMALL_FILE_H
#define DISCOVERY_SMALL_FILE_H
#include "base/check.h"
#include "base/status.h"
#include <stddef.h>
#include <stdint.h>

/* Files of the state directory: read and replaced as a whole. */

/*
 * Make |directory|/|name| consist of |text|, and |directory| if it is not
 * there.  A reader sees the old file or the new one.  STATUS_CONFIG: it cannot
 * be written, and nothing has changed; errno tells why.
 *
 * Without fsync(), which may stall the loop for as long as the disk likes:
 * after a power failure the file may be damaged; whoever reads it must tell.
 */
MUST_CHECK enum status small_file_replace(const char *directory,
                                          const char *name, const char *text);

/*
 * At most |max| bytes, malloc()ed and with a NUL behind them, and, if |time|
 * is not NULL, when they were written (seconds since 1970).  STATUS_CLOSED:
 * there is no such file.  STATUS_PROTOCOL: it is longer, or cannot be read.
 */
MUST_CHECK enum status small_file_read(const char *directory, const char *name,
                                       size_t max, char **bytes, size_t *length,
                                       int64_t *time);
#endif
