/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_BALANCE_H
#define SERVICE_BALANCE_H
#include "service/options.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Which of several endpoints gets the next connection.  Pure: a function of
 * what is known of them and a random number, so its distribution can be
 * tested.
 *
 * Priorities are tiers: only the first that has a usable endpoint counts.
 * Weight is a share; one of weight 0 is taken only if no other is usable.
 */
struct candidate {
    bool usable;
    uint32_t priority; /* lower first */
    uint16_t weight;
    uint32_t active;     /* connections it has now */
    uint64_t latency_us; /* smoothed; 0: not known */
    uint64_t key;        /* of the endpoint, for BALANCE_HASH */
    int64_t current;     /* of BALANCE_ROUND_ROBIN, kept between calls */
    uint32_t told_load;  /* connections it says that it has; or 0 */
};

#define BALANCE_NONE SIZE_MAX

/*
 * The index of the chosen one, or BALANCE_NONE if none is usable.  |client|
 * says who asks, for BALANCE_HASH; |random| is any number, new for each call.
 */
size_t balance_choose(enum service_balance balance,
                      struct candidate *candidates, size_t count,
                      uint64_t client, uint64_t random);

/* A well-mixed number for an address or name. */
uint64_t balance_key(const void *bytes, size_t length);
#endif
