/* SPDX-License-Identifier: MIT */
#ifndef BASE_CHUNK_H
#define BASE_CHUNK_H
#include "base/check.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Memory for the bytes of streams.  A pool has its maximum from birth; a chunk
 * belongs to whoever took it, until given back to the same pool.  Large chunks
 * are all of one size and kept for reuse; smaller ones are cut to measure, so
 * that a short message does not hold a large chunk.
 *
 * Around its bytes a chunk keeps CHUNK_HEADROOM in front and CHUNK_TAILROOM
 * behind, so that a frame can be completed and sealed where it lies.
 */
#define CHUNK_HEADROOM 16u
#define CHUNK_TAILROOM 1u
#define CHUNK_LARGE                                                         \
    16368u               /* bytes in a large chunk: what one record carries \
                          */
#define CHUNK_SMALL 512u /* no chunk is smaller */

struct chunk {
    struct chunk *next;
    uint64_t offset;   /* of the first byte in its stream, for the owner */
    uint32_t capacity; /* bytes it can hold */
    uint32_t start;    /* bytes already taken from its front */
    uint32_t end;      /* bytes put into it, those taken included */
    uint8_t room[];    /* headroom, capacity, tailroom */
};

struct chunk_pool {
    size_t max_bytes;
    size_t used_bytes; /* memory of all chunks that are out */
    struct chunk *spare;
    size_t spare_count;
    size_t max_spares;
};

void chunk_pool_init(struct chunk_pool *pool, size_t max_bytes);

/* Frees the spares; every chunk must have come back. */
void chunk_pool_clear(struct chunk_pool *pool);

/* How full the pool is, in 1/256. */
unsigned chunk_pool_fill(const struct chunk_pool *pool);

/* A chunk for at least |bytes| (at most CHUNK_LARGE), or NULL. */
MUST_CHECK struct chunk *chunk_new(struct chunk_pool *pool, size_t bytes);

/* Accepts NULL. */
void chunk_free(struct chunk_pool *pool, struct chunk *chunk);

static inline uint8_t *chunk_bytes(struct chunk *chunk)
{
    return chunk->room + CHUNK_HEADROOM;
}

/* A first-in, first-out queue of bytes in chunks. */
struct chunk_queue {
    struct chunk *head;
    struct chunk *tail;
    size_t bytes;
};

void chunk_queue_append(struct chunk_queue *queue, struct chunk *chunk);

/*
 * Copy |length| bytes to the end of |queue|.  False, with nothing changed, if
 * the pool cannot hold them.
 */
MUST_CHECK bool chunk_queue_copy(struct chunk_queue *queue,
                                 struct chunk_pool *pool, const uint8_t *bytes,
                                 size_t length);

/* The same, to the front. */
MUST_CHECK bool chunk_queue_put_first(struct chunk_queue *queue,
                                      struct chunk_pool *pool,
                                      const uint8_t *bytes, size_t length);

/* Drop |bytes| (at most what there is) from the front. */
void chunk_queue_consume(struct chunk_queue *queue, struct chunk_pool *pool,
                         size_t bytes);

void chunk_queue_clear(struct chunk_queue *queue, struct chunk_pool *pool);
#endif
