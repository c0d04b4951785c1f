/* SPDX-License-Identifier: MIT */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H
#include <stdint.h>

/*
 * A small, fast generator for jitter and choices, never for secrets.  Its
 * state is a value, so that pure code can be replayed from a seed.
 */
struct random {
    uint64_t state;
};

struct random random_from_seed(uint64_t seed);

/* A seed from the kernel; aborts if the kernel has none to give. */
uint64_t random_seed(void);

uint64_t random_next(struct random *random);

/* A number below |limit|; 0 if |limit| is 0. */
uint64_t random_below(struct random *random, uint64_t limit);
#endif
