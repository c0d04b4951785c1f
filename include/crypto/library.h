/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_LIBRARY_H
#define CRYPTO_LIBRARY_H
#include "base/check.h"
#include "base/status.h"
#include "crypto/identity.h"
#include <stdbool.h>
#include <stddef.h>

/*
 * The libraries underneath.  library_start() comes before anything else of
 * this layer and before any thread of ours; it may be called again, from any
 * thread.  Randomness is the kernel's, so fork() and copied machines are safe.
 *
 * STATUS_CONFIG if a library is older than the floor below which it has holes
 * that reach us; STATUS_IO if the system gives no randomness.  |error| is one
 * sentence.
 */
MUST_CHECK enum status library_start(struct crypto_error *error);

struct library_version {
    const char *name;
    const char *version; /* what runs, not what we were compiled with */
    const char *floor;
};

/* The |index|-th library of this layer, or NULL behind the last. */
const struct library_version *library_version(size_t index);

/*
 * Whether |version| ("3.6.7", perhaps with a suffix) is at least |floor|.  For
 * the other layers' libraries too.
 */
MUST_CHECK bool library_is_recent(const char *version, const char *floor);
#endif
