/* SPDX-License-Identifier: MIT */
#include "crypto/queue.h"
#include <stdlib.h>
#include <string.h>

#define MIN_CAPACITY 2048u

void queue_clear(struct queue *queue)
{
    free(queue->bytes);
    *queue = (struct queue){ 0 };
}

/* Room for |length| more bytes at the end. */
static enum status make_room(struct queue *queue, size_t length)
{
    size_t held = queue->end - queue->start;
    size_t capacity = queue->capacity ? queue->capacity : MIN_CAPACITY;
    uint8_t *bytes;

    if (queue->start > 0) {
        memmove(queue->bytes, queue->bytes + queue->start, held);
        queue->start = 0;
        queue->end = held;
    }
    if (length > SIZE_MAX / 4 - held)
        return STATUS_NO_MEMORY;
    while (capacity < held + length)
        capacity *= 2;
    if (capacity == queue->capacity)
        return STATUS_OK;
    bytes = realloc(queue->bytes, capacity);
    if (!bytes)
        return STATUS_NO_MEMORY;
    queue->bytes = bytes;
    queue->capacity = capacity;
    return STATUS_OK;
}

enum status queue_append(struct queue *queue, const uint8_t *bytes,
                         size_t length)
{
    if (length == 0)
        return STATUS_OK;
    if (length > queue->capacity - queue->end) {
        enum status status = make_room(queue, length);

        if (status != STATUS_OK)
            return status;
    }
    memcpy(queue->bytes + queue->end, bytes, length);
    queue->end += length;
    return STATUS_OK;
}

const uint8_t *queue_bytes(const struct queue *queue)
{
    return queue->bytes ? queue->bytes + queue->start : NULL;
}

size_t queue_length(const struct queue *queue)
{
    return queue->end - queue->start;
}

size_t queue_take(struct queue *queue, uint8_t *to, size_t size)
{
    size_t length = queue_length(queue);

    if (length > size)
        length = size;
    if (length > 0)
        memcpy(to, queue_bytes(queue), length);
    queue_consume(queue, length);
    return length;
}

void queue_consume(struct queue *queue, size_t length)
{
    ASSERT(length <= queue_length(queue));
    queue->start += length;
    if (queue->start == queue->end)
        queue->start = queue->end = 0;
}

void queue_cut(struct queue *queue, size_t length)
{
    ASSERT(length <= queue_length(queue));
    queue->end = queue->start + length;
}
