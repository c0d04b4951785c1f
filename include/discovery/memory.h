/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_MEMORY_H
#define DISCOVERY_MEMORY_H
#include "base/check.h"
#include "base/status.h"
#include "discovery/endpoint.h"
#include <stddef.h>
#include <stdint.h>

/*
 * The last good answer of a source on disk, so that an ambassador that starts
 * while the registry is away knows where things were.  One small file a
 * source, replaced atomically, named after the source's text.
 */
enum { MEMORY_MAX_BYTES = 4 * 1024 * 1024, MEMORY_MAX_AGE_S = 7 * 24 * 3600 };

struct memory {
    struct endpoints *endpoints; /* released by free() */
    int64_t answered_at;         /* seconds since 1970 */
};

/* STATUS_CONFIG: it cannot be written there; errno tells why. */
MUST_CHECK enum status memory_save(const char *directory, const char *source,
                                   const struct endpoints *endpoints,
                                   int64_t answered_at);

/*
 * STATUS_CLOSED: there is none, or it is older than MEMORY_MAX_AGE_S at |now|.
 * STATUS_PROTOCOL: what is there is damaged.
 */
MUST_CHECK enum status memory_load(const char *directory, const char *source,
                                   int64_t now, struct memory *memory);

/* The same for the bytes of a file. */
MUST_CHECK enum status memory_decode(const char *bytes, size_t length,
                                     const char *source, int64_t now,
                                     struct memory *memory);
#endif
