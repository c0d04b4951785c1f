/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_SPIFFE_H
#define CRYPTO_SPIFFE_H
#include "base/check.h"
#include <stdbool.h>
#include <stddef.h>

/*
 * Identities as SPIFFE writes them, spiffe://trust-domain/path (SPIFFE-ID.md
 * section 2), and patterns over them.  Pure.
 *
 * Trust domain: lower-case letters, digits, '.', '-', '_'.  Path: segments of
 * letters, digits, '.', '-', '_', none empty, "." or "..", at least one.
 * Nothing is decoded or normalised: what is not exactly so is refused.
 *
 * In a pattern '*' stands for one whole segment of the path ("spiffe://a/" +
 * "*" + "/b") or for the end of one ("spiffe://a/web-*"; it matches at least
 * one character).  Elsewhere it is refused.
 */
#define SPIFFE_MAX_LENGTH 2048u

struct spiffe {
    char text[SPIFFE_MAX_LENGTH + 1];
};

/* |length| bytes of |text|, which may hold anything. */
MUST_CHECK bool spiffe_parse(struct spiffe *spiffe, const char *text,
                             size_t length);
MUST_CHECK bool spiffe_pattern_is_valid(const char *pattern);

/* |pattern| must be valid. */
bool spiffe_matches(const struct spiffe *spiffe, const char *pattern);

/*
 * What a CA may carry: a trust domain alone, "spiffe://acme", which is the
 * identity of nobody.
 */
MUST_CHECK bool spiffe_parse_trust_domain(struct spiffe *spiffe,
                                          const char *text, size_t length);

/* Whether both, with a path or without, are in one trust domain. */
bool spiffe_same_trust_domain(const struct spiffe *a, const struct spiffe *b);
#endif
