/* SPDX-License-Identifier: MIT */
#include "base/random.h"
#include "base/check.h"
#include <sys/random.h>

struct random random_from_seed(uint64_t seed)
{
    return (struct random){ .state = seed };
}

uint64_t random_seed(void)
{
    uint64_t seed;

    ASSERT(getrandom(&seed, sizeof(seed), 0) == (ssize_t)sizeof(seed));
    return seed;
}

/* SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom numbers). */
uint64_t random_next(struct random *random)
{
    uint64_t mixed = random->state += UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

uint64_t random_below(struct random *random, uint64_t limit)
{
    /* The bias of a plain remainder is below 2^-32 for limits we use. */
    return limit ? random_next(random) % limit : 0;
}
