/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_QUEUE_H
#define CRYPTO_QUEUE_H
#include "base/check.h"
#include "base/status.h"
#include <stddef.h>
#include <stdint.h>

/*
 * Bytes in, the same bytes out: what a handshake reads from and writes to.
 * All zeros is an empty queue.
 */
struct queue {
    uint8_t *bytes;
    size_t start;
    size_t end;
    size_t capacity;
};

void queue_clear(struct queue *queue); /* gives the memory back */

/* STATUS_NO_MEMORY, and nothing changed, if there is none. */
MUST_CHECK enum status queue_append(struct queue *queue, const uint8_t *bytes,
                                    size_t length);

/* What is in it; valid until the next change. */
const uint8_t *queue_bytes(const struct queue *queue);
size_t queue_length(const struct queue *queue);

/* Move at most |size| bytes from the front to |to|; returns how many. */
size_t queue_take(struct queue *queue, uint8_t *to, size_t size);

/* Drop |length| bytes, which are there, from the front. */
void queue_consume(struct queue *queue, size_t length);

/* Drop what is behind the first |length| bytes, which are there. */
void queue_cut(struct queue *queue, size_t length);
#endif
