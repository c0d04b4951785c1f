/* SPDX-License-Identifier: MIT */
#ifndef BASE_INDEX_H
#define BASE_INDEX_H
#include "base/check.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Finds objects by something they have, like an address or a name, without
 * looking at each: a hash table that owns none of them.  Different things may
 * share a hash, so who searches says what is meant.  It grows with what it
 * holds.
 */
struct index {
    struct index_entry *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

/* Whether |item| is what |key| means. */
typedef bool (*index_match)(const void *item, const void *key);

void index_init(struct index *index);
/* Forgets the objects and keeps them. */
void index_clear(struct index *index);

/* The first that |match| takes, or NULL. */
void *index_find(const struct index *index, uint64_t hash, index_match match,
                 const void *key);

/* |item| is not NULL.  False, with nothing changed, without memory. */
MUST_CHECK bool index_add(struct index *index, uint64_t hash, void *item);

/* |item|, added with |hash|; harmless if it is not there. */
void index_remove(struct index *index, uint64_t hash, const void *item);

/* A well-mixed number for some bytes, and for a text. */
uint64_t index_hash(const void *bytes, size_t length);
uint64_t index_hash_text(const char *text);
#endif
