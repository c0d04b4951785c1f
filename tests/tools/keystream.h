/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_KEYSTREAM_H
#define TOOLS_KEYSTREAM_H
#include <stddef.h>
#include <stdint.h>

/*
 * Bytes that only one place can have: a function of the key (one for each
 * direction of each transfer) and the offset.  A byte that was lost, came
 * twice, was moved or belongs to another stream shows at its offset.
 */
void keystream_fill(uint64_t key, uint64_t offset, uint8_t *bytes,
                    size_t length);

/* How many of |bytes| are right, from the first one on. */
size_t keystream_match(uint64_t key, uint64_t offset, const uint8_t *bytes,
                       size_t length);
#endif
