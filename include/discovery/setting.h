/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_SETTING_H
#define DISCOVERY_SETTING_H
#include "base/check.h"
#include "base/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Endpoints that an operator has set, and which count instead of what sources
 * say: lines as of an endpoint_file, at least one of them an endpoint.  As a
 * source they are SETTING_SCHEME and the lines; that is for `entente set` only,
 * no configuration may have it.  Kept over a restart they are a small file of
 * their own, one for a |key|: the same lines and a mark at the end, so that
 * half a file is told from a whole one.
 */
#define SETTING_SCHEME "set:"

enum { SETTING_MAX_BYTES = 64 * 1024 };

/* If not, |error| (of |size| bytes) says what was expected. */
MUST_CHECK bool setting_is_valid(const char *text, char *error, size_t size);

/* |key| is like a file's name.  STATUS_CONFIG: it cannot; errno tells why. */
MUST_CHECK enum status setting_save(const char *directory, const char *key,
                                    const char *text);
/* Harmless if there is none. */
MUST_CHECK enum status setting_forget(const char *directory, const char *key);

/*
 * |text| is malloc()ed; |at|: when it was saved, in seconds since 1970.
 * STATUS_CLOSED: there is none.  STATUS_PROTOCOL: what is there is damaged.
 */
MUST_CHECK enum status setting_load(const char *directory, const char *key,
                                    char **text, int64_t *at);

/* The same for the bytes of a file. */
MUST_CHECK enum status setting_decode(const char *bytes, size_t length,
                                      char **text);
#endif
