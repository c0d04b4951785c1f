/* SPDX-License-Identifier: MIT */
#include "base/chunk.h"
#include <stdlib.h>
#include <string.h>

static size_t footprint(size_t capacity)
{
    return sizeof(struct chunk) + CHUNK_HEADROOM + capacity + CHUNK_TAILROOM;
}

void chunk_pool_init(struct chunk_pool *pool, size_t max_bytes)
{
    *pool = (struct chunk_pool){ .max_bytes = max_bytes, .max_spares = 64 };
}

void chunk_pool_clear(struct chunk_pool *pool)
{
    ASSERT(pool->used_bytes == 0);
    while (pool->spare) {
        struct chunk *chunk = pool->spare;

        pool->spare = chunk->next;
        free(chunk);
    }
    pool->spare_count = 0;
}

unsigned chunk_pool_fill(const struct chunk_pool *pool)
{
    return (unsigned)(pool->used_bytes / (pool->max_bytes / 256 + 1));
}

struct chunk *chunk_new(struct chunk_pool *pool, size_t bytes)
{
    size_t capacity = bytes < CHUNK_SMALL ? CHUNK_SMALL : bytes;
    struct chunk *chunk;

    ASSERT(bytes <= CHUNK_LARGE);
    /* Two sizes in three quarters of the range would save nothing. */
    if (capacity > CHUNK_LARGE / 4)
        capacity = CHUNK_LARGE;
    if (footprint(capacity) > pool->max_bytes - pool->used_bytes)
        return NULL;
    if (capacity == CHUNK_LARGE && pool->spare) {
        chunk = pool->spare;
        pool->spare = chunk->next;
        pool->spare_count--;
    } else {
        chunk = malloc(footprint(capacity));
        if (!chunk)
            return NULL;
    }
    chunk->next = NULL;
    chunk->offset = 0;
    chunk->capacity = (uint32_t)capacity;
    chunk->start = chunk->end = 0;
    pool->used_bytes += footprint(capacity);
    return chunk;
}

void chunk_free(struct chunk_pool *pool, struct chunk *chunk)
{
    if (!chunk)
        return;
    ASSERT(pool->used_bytes >= footprint(chunk->capacity));
    pool->used_bytes -= footprint(chunk->capacity);
    if (chunk->capacity == CHUNK_LARGE &&
        pool->spare_count < pool->max_spares) {
        chunk->next = pool->spare;
        pool->spare = chunk;
        pool->spare_count++;
        return;
    }
    free(chunk);
}

void chunk_queue_append(struct chunk_queue *queue, struct chunk *chunk)
{
    chunk->next = NULL;
    if (queue->tail)
        queue->tail->next = chunk;
    else
        queue->head = chunk;
    queue->tail = chunk;
    queue->bytes += chunk->end - chunk->start;
}

static size_t tail_room(const struct chunk_queue *queue)
{
    return queue->tail ? queue->tail->capacity - queue->tail->end : 0;
}

/* Put empty chunks for |length| bytes in |fresh|; all or none. */
static bool take_chunks(struct chunk_queue *fresh, struct chunk_pool *pool,
                        size_t length)
{
    while (length > 0) {
        size_t part = length < CHUNK_LARGE ? length : CHUNK_LARGE;
        struct chunk *chunk = chunk_new(pool, part);

        if (!chunk)
            return false;
        chunk_queue_append(fresh, chunk);
        length -= part;
    }
    return true;
}

bool chunk_queue_copy(struct chunk_queue *queue, struct chunk_pool *pool,
                      const uint8_t *bytes, size_t length)
{
    struct chunk_queue fresh = { 0 };
    size_t room = tail_room(queue);

    if (length > room && !take_chunks(&fresh, pool, length - room)) {
        chunk_queue_clear(&fresh, pool);
        return false;
    }
    while (length > 0) {
        size_t part = tail_room(queue);

        if (part == 0) {
            struct chunk *chunk = fresh.head;

            fresh.head = chunk->next;
            chunk_queue_append(queue, chunk);
            continue;
        }
        if (part > length)
            part = length;
        memcpy(chunk_bytes(queue->tail) + queue->tail->end, bytes, part);
        queue->tail->end += (uint32_t)part;
        queue->bytes += part;
        bytes += part;
        length -= part;
    }
    return true;
}

bool chunk_queue_put_first(struct chunk_queue *queue, struct chunk_pool *pool,
                           const uint8_t *bytes, size_t length)
{
    struct chunk_queue first = { 0 };

    if (!chunk_queue_copy(&first, pool, bytes, length))
        return false;
    if (length == 0)
        return true;
    first.tail->next = queue->head;
    if (queue->tail)
        first.tail = queue->tail;
    first.bytes += queue->bytes;
    *queue = first;
    return true;
}

void chunk_queue_consume(struct chunk_queue *queue, struct chunk_pool *pool,
                         size_t bytes)
{
    ASSERT(bytes <= queue->bytes);
    queue->bytes -= bytes;
    while (queue->head) {
        struct chunk *head = queue->head;
        size_t held = head->end - head->start;

        if (bytes < held) {
            head->start += (uint32_t)bytes;
            return;
        }
        bytes -= held;
        queue->head = head->next;
        if (!queue->head)
            queue->tail = NULL;
        chunk_free(pool, head);
    }
}

void chunk_queue_clear(struct chunk_queue *queue, struct chunk_pool *pool)
{
    chunk_queue_consume(queue, pool, queue->bytes);
}
