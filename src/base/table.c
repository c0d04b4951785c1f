/* SPDX-License-Identifier: MIT */
/* Open addressing with linear probing and backward-shift deletion. */
#include "base/table.h"
#include <stdlib.h>

struct table_entry {
    uint64_t key; /* 0: free */
    void *value;
};

enum { MIN_CAPACITY = 16 };

void table_init(struct table *table, size_t max_count, uint64_t seed)
{
    *table = (struct table){ .max_count = max_count, .multiplier = seed | 1 };
}

void table_clear(struct table *table)
{
    free(table->entries);
    table->entries = NULL;
    table->capacity = table->count = 0;
}

static size_t home(const struct table *table, uint64_t key)
{
    uint64_t mixed = key * table->multiplier;

    mixed ^= mixed >> 32;
    return (size_t)mixed & (table->capacity - 1);
}

/* The place of |key|, or the free place where it would go. */
static size_t place(const struct table *table, uint64_t key)
{
    size_t at = home(table, key);

    while (table->entries[at].key != 0 && table->entries[at].key != key)
        at = (at + 1) & (table->capacity - 1);
    return at;
}

static bool resize(struct table *table, size_t capacity)
{
    struct table old = *table;
    struct table_entry *entries = calloc(capacity, sizeof(*entries));

    if (!entries)
        return false;
    table->entries = entries;
    table->capacity = capacity;
    for (size_t i = 0; i < old.capacity; i++)
        if (old.entries[i].key)
            entries[place(table, old.entries[i].key)] = old.entries[i];
    free(old.entries);
    return true;
}

void *table_find(const struct table *table, uint64_t key)
{
    return table->capacity ? table->entries[place(table, key)].value : NULL;
}

bool table_add(struct table *table, uint64_t key, void *value)
{
    size_t at;

    ASSERT(key != 0 && value);
    if (table->count >= table->max_count)
        return false;
    if ((table->count + 1) * 4 > table->capacity * 3 &&
        !resize(table, table->capacity ? table->capacity * 2 : MIN_CAPACITY))
        return false;
    at = place(table, key);
    ASSERT(table->entries[at].key == 0);
    table->entries[at] = (struct table_entry){ key, value };
    table->count++;
    return true;
}

/* Close the gap at |at|: move back what probed past it. */
static void close_gap(struct table *table, size_t at)
{
    size_t mask = table->capacity - 1, next = at;

    for (;;) {
        size_t wanted;

        next = (next + 1) & mask;
        if (table->entries[next].key == 0)
            break;
        wanted = home(table, table->entries[next].key);
        if (((next - wanted) & mask) < ((next - at) & mask))
            continue; /* it is at home between the gap and here */
        table->entries[at] = table->entries[next];
        at = next;
    }
    table->entries[at] = (struct table_entry){ 0, NULL };
}

void *table_remove(struct table *table, uint64_t key)
{
    size_t at;
    void *value;

    if (!table->capacity)
        return NULL;
    at = place(table, key);
    value = table->entries[at].value;
    if (!value)
        return NULL;
    close_gap(table, at);
    table->count--;
    if (table->capacity > MIN_CAPACITY && table->count * 8 < table->capacity)
        (void)resize(table, table->capacity / 2); /* may stay large */
    return value;
}

void *table_next(const struct table *table, size_t *position)
{
    while (*position < table->capacity) {
        void *value = table->entries[(*position)++].value;

        if (value)
            return value;
    }
    return NULL;
}
