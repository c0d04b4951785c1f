/* SPDX-License-Identifier: MIT */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H
#include "base/check.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A map from a number other than 0 to a pointer, with a maximum from birth.
 * It grows and shrinks with what it holds.  Keys are spread by a secret
 * multiplier, so a peer that chooses them cannot make them collide.
 */
struct table {
    struct table_entry *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    size_t max_count;
    uint64_t multiplier;
};

void table_init(struct table *table, size_t max_count, uint64_t seed);

/* Frees the map, not what its values point to. */
void table_clear(struct table *table);

void *table_find(const struct table *table, uint64_t key);

/*
 * |key| must be new and |value| not NULL.  False, with nothing changed, if the
 * table is full or memory is short.
 */
MUST_CHECK bool table_add(struct table *table, uint64_t key, void *value);

/* Returns what was there, or NULL. */
void *table_remove(struct table *table, uint64_t key);

/*
 * Walk in no order: start with |position| 0; NULL at the end.  Nothing may be
 * added or removed in between.
 */
void *table_next(const struct table *table, size_t *position);
#endif
