/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_ENDPOINT_H
#define DISCOVERY_ENDPOINT_H
#include "base/check.h"
#include "net/address.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One address at which something can be reached. */
struct endpoint {
    struct address address;
    char name[256];    /* as the registry calls it, "db-1.example.com:7411" */
    uint16_t tier;     /* of the list it stands in: 0, or 1 for a fallback */
    uint16_t priority; /* in the tier; lower is tried first */
    uint16_t weight;   /* share among equals; 0: only when nothing else is */
};

/* An answer: immutable, sorted by tier, priority, name and address, no
 * duplicates. */
struct endpoints {
    bool is_set; /* by an operator: whoever dialled us is none of them */
    size_t count;
    struct endpoint items[];
};

/* More than these a source does not hand on: the rest is left out. */
enum { ENDPOINTS_MAX = 8192 };

/*
 * A copy of |items|, sorted and without duplicates: of two with one address
 * the preferred (lower tier, lower priority, higher weight) stays.  NULL
 * without memory.  Released by free().
 */
MUST_CHECK struct endpoints *endpoints_new(const struct endpoint *items,
                                           size_t count);

/*
 * The same endpoints, names, tiers, priorities and weights, set or not; NULL
 * equals empty.
 */
bool endpoints_equal(const struct endpoints *a, const struct endpoints *b);

/* A number that equal answers share and others hardly do. */
uint64_t endpoints_digest(const struct endpoints *endpoints);

/* Whether one of |endpoints| (accepts NULL) has |address|. */
bool endpoints_have(const struct endpoints *endpoints,
                    const struct address *address);

/* How many addresses of |from| are not among |in| (both accept NULL). */
size_t endpoints_missing(const struct endpoints *from,
                         const struct endpoints *in);
#endif
