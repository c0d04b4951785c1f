/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_SECRET_H
#define CRYPTO_SECRET_H
#include "base/check.h"
#include "base/status.h"
#include <stddef.h>
#include <stdint.h>

/*
 * Memory for keys and passwords: between guard pages, locked against swapping
 * where the system allows, left out of core dumps, wiped when it goes back.
 * Each piece costs some pages, so keep together what lives together.  Only
 * after library_start().
 */

/* |size| zero bytes, aligned to 64; NULL if there are none. */
MUST_CHECK void *secret_new(size_t size);
void secret_free(void *secret); /* accepts NULL; wipes */

/* Wipe memory that is not ours to free, like a buffer on the stack. */
void secret_wipe(void *bytes, size_t length);

/*
 * The bytes of a regular file of at most |max_bytes|, in memory of
 * secret_new(), a NUL behind them.  STATUS_LIMIT if it is larger, STATUS_IO if
 * it cannot be read (or changes meanwhile); errno says why.
 */
MUST_CHECK enum status secret_read(const char *path, size_t max_bytes,
                                   uint8_t **bytes, size_t *length);
#endif
