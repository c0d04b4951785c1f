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
 * Priorities are tiers: only the first that has a usable endpoint counts, and
 * the next as well while too few of a tier are fit.  Weight is a share; one of
 * weight 0 is taken only if no other is usable.
 */
struct candidate {
    bool usable;       /* by who asks */
    bool fit;          /* by somebody, though maybe not by who asks, or full */
    uint32_t priority; /* lower first */
    uint32_t weight;
    uint32_t active;     /* connections it has now */
    uint64_t latency_us; /* smoothed; 0: not known */
    uint64_t key;        /* of the endpoint, for BALANCE_HASH */
    int64_t current;     /* of BALANCE_ROUND_ROBIN, kept between calls */
    uint64_t order;      /* of BALANCE_ROUND_ROBIN: who is first among equals */
    bool is_in_turn;     /* set by balance_choose(): its tier counts */
    bool counts;         /* likewise: one to choose among */
    uint32_t told_load;  /* connections it says that it has; or 0 */
};

#define BALANCE_NONE SIZE_MAX

struct balance_rule {
    enum service_balance balance;
    /* Percent of a tier that must be fit for it to do alone; 0: one will do. */
    uint32_t min_healthy;
};

/*
 * The index of the chosen one, or BALANCE_NONE if none is usable.  |client|
 * says who asks, for BALANCE_HASH; |random| is any number, new for each call.
 */
size_t balance_choose(const struct balance_rule *rule,
                      struct candidate *candidates, size_t count,
                      uint64_t client, uint64_t random);

/* Whether too few are fit in every tier, so that there is none to turn to. */
bool balance_is_short(const struct balance_rule *rule,
                      const struct candidate *candidates, size_t count);

/*
 * Why |other|, which is usable, came after |chosen| in balance_choose(): half a
 * sentence, static.
 */
const char *balance_why_not(const struct balance_rule *rule,
                            const struct candidate *chosen,
                            const struct candidate *other);
#endif
