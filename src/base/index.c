/* SPDX-License-Identifier: MIT */
/* Open addressing with linear probing and backward-shift deletion. */
#include "base/index.h"
#include <stdlib.h>
#include <string.h>

struct index_entry {
    uint64_t hash;
    void *item; /* NULL: free */
};

enum { MIN_CAPACITY = 16 };

void index_init(struct index *index)
{
    *index = (struct index){ .count = 0 };
}

void index_clear(struct index *index)
{
    free(index->entries);
    index_init(index);
}

static size_t next_of(const struct index *index, size_t at)
{
    return (at + 1) & (index->capacity - 1);
}

static size_t home(const struct index *index, uint64_t hash)
{
    return (size_t)hash & (index->capacity - 1);
}

static void put(struct index *index, struct index_entry entry)
{
    size_t at = home(index, entry.hash);

    while (index->entries[at].item)
        at = next_of(index, at);
    index->entries[at] = entry;
}

static bool grow(struct index *index)
{
    struct index old = *index;
    size_t capacity = old.capacity ? old.capacity * 2 : MIN_CAPACITY;
    struct index_entry *entries = calloc(capacity, sizeof(*entries));

    if (!entries)
        return false;
    index->entries = entries;
    index->capacity = capacity;
    for (size_t i = 0; i < old.capacity; i++)
        if (old.entries[i].item)
            put(index, old.entries[i]);
    free(old.entries);
    return true;
}

void *index_find(const struct index *index, uint64_t hash, index_match match,
                 const void *key)
{
    if (index->count == 0)
        return NULL;
    for (size_t at = home(index, hash); index->entries[at].item;
         at = next_of(index, at))
        if (index->entries[at].hash == hash &&
            match(index->entries[at].item, key))
            return index->entries[at].item;
    return NULL;
}

bool index_add(struct index *index, uint64_t hash, void *item)
{
    ASSERT(item);
    if ((index->count + 1) * 4 > index->capacity * 3 && !grow(index))
        return false;
    put(index, (struct index_entry){ hash, item });
    index->count++;
    return true;
}

/* Close the gap at |at|: move back what probed past it. */
static void close_gap(struct index *index, size_t at)
{
    size_t mask = index->capacity - 1;

    for (size_t next = next_of(index, at); index->entries[next].item;
         next = next_of(index, next)) {
        size_t wanted = home(index, index->entries[next].hash);

        if (((next - wanted) & mask) < ((next - at) & mask))
            continue; /* it is at home between the gap and here */
        index->entries[at] = index->entries[next];
        at = next;
    }
    index->entries[at] = (struct index_entry){ 0, NULL };
}

void index_remove(struct index *index, uint64_t hash, const void *item)
{
    if (index->count == 0)
        return;
    for (size_t at = home(index, hash); index->entries[at].item;
         at = next_of(index, at)) {
        if (index->entries[at].item != item)
            continue;
        close_gap(index, at);
        index->count--;
        return;
    }
}

/* FNV-1a, and then mixed: it is the low bits that count. */
uint64_t index_hash(const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    hash = (hash ^ (hash >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    return hash ^ (hash >> 33);
}

uint64_t index_hash_text(const char *text)
{
    return index_hash(text, strlen(text));
}
