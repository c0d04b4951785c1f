/* SPDX-License-Identifier: MIT */
#ifndef WIRE_LIMITS_H
#define WIRE_LIMITS_H
#include <stdbool.h>
#include <stdint.h>

/*
 * What a peer can make us hold or do, at most, and a bucket for rates.  Pure.
 */
struct limits {
    uint32_t max_streams;      /* at a time, opened by the peer */
    uint32_t reserve_bytes;    /* of each stream, whatever others hold */
    uint32_t min_window_bytes; /* a stream's first credit */
    uint32_t max_window_bytes;
    uint64_t pool_bytes;         /* of what arrives, beyond reserves */
    uint32_t max_unsent_bytes;   /* queued for the tunnel, of all streams */
    uint64_t max_retained_bytes; /* kept until acknowledged, likewise */
    uint32_t acknowledge_us;     /* how long an acknowledgement may wait */
};

#define LIMITS_DEFAULT                                            \
    {                                                             \
        .max_streams = 10000, .reserve_bytes = 16384,             \
        .min_window_bytes = 262144, .max_window_bytes = 16777216, \
        .pool_bytes = 67108864, .max_unsent_bytes = 1048576,      \
        .max_retained_bytes = 33554432, .acknowledge_us = 25000   \
    }

/* Tokens that come back with time; thousandths of one inside. */
struct bucket {
    uint32_t max_tokens;
    uint32_t tokens_a_second;
    uint64_t millitokens;
    uint64_t filled_us;
};

void bucket_init(struct bucket *bucket, uint32_t max_tokens,
                 uint32_t tokens_a_second, uint64_t now_us);

/* Spend one; false if there is none.  Time that goes back does nothing. */
bool bucket_take(struct bucket *bucket, uint64_t now_us);

/* How many are left. */
uint32_t bucket_tokens(const struct bucket *bucket);
#endif
