/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_POOL_H
#define SERVICE_POOL_H
#include "base/check.h"
#include "base/index.h"
#include "base/list.h"
#include "base/random.h"
#include "base/status.h"
#include "discovery/endpoint.h"
#include "service/balance.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The places where a service may be, as one worker knows them: how many
 * connections each has, how it has been doing, and which gets the next.
 * Pure, but for memory.
 *
 * A place that fails rests, longer with each failure that follows another
 * within seconds, so one that flaps is tried once a second at most.  When the
 * rest is over, one connection tries it, and only its success brings the
 * others.
 */
struct peer;
struct tunnel;

/* What the ambassador at a place says of the service. */
enum place_told { TOLD_NOTHING, TOLD_NOT_OFFERED, TOLD_DOWN, TOLD_UP };

struct place {
    struct list node;  /* in pool.places or in pool.removed */
    struct pool *pool; /* borrowed: it owns the place */
    struct endpoint endpoint;
    struct peer *peer;     /* consumed: the ambassador we dial; borrowed */
    struct tunnel *tunnel; /* consumed: the one that dialled us; borrowed */
    uint32_t number;       /* never given again */
    uint64_t key;          /* of its address, for BALANCE_HASH */
    uint32_t active;       /* connections it has */
    uint64_t connections;  /* it ever had */
    uint64_t failures;     /* to get there, ever */
    uint32_t failed_in_a_row;
    uint32_t strikes;    /* failures that followed one another, but for rests */
    uint64_t failed_us;  /* the last */
    uint64_t ripened_us; /* its share grows since then: slow start */
    uint64_t rest_until_us;
    uint64_t latency_us; /* to reach it, smoothed, as of |chosen_us| */
    uint64_t chosen_us;  /* when it last got a connection */
    int64_t current;     /* of round robin */
    uint64_t order;      /* drawn: who is first among equals */
    const char *failure; /* the last, static text; "" */
    char unfit[96];      /* what its health check says against it; "" */
    bool is_probed;      /* one connection tries it after a rest */
    bool is_removed;     /* gone with its last connection */
    bool is_wanted;      /* among the endpoints that are being placed */
    bool is_demoted;     /* it has lost the role that is wanted */
    uint32_t moved;      /* connections, while service/moving counts them */

    /* Consumed: what is said there. */
    enum place_told told;
    uint32_t told_load;           /* streams, those of others too */
    const struct tunnel *told_by; /* by whose peer; only compared */
    uint64_t vetted;              /* the number of the tunnel that was; 0 */
    bool is_accepted;             /* its peer may claim to offer the service */
};

/* What an operator says about choosing. */
struct pool_policy {
    struct balance_rule rule;
    uint64_t slow_start_us; /* until a new place has its whole share; 0 */
    uint32_t max_per_place; /* connections at a time; 0: any number */
    bool needs_role;        /* none is better than one found unfit */
};

struct pool {
    struct list places;
    struct list removed; /* they have connections still */
    struct index index;  /* of both, by address */
    size_t count;        /* of places */
    struct pool_policy policy;
    struct random random;
    uint32_t next_number;
    struct candidate *candidates; /* of the last choice or survey */
    struct place **chosen_from;   /* whose they are, in the same order */
    bool is_listed;               /* they are those of |places| */
    size_t room;
};

void pool_init(struct pool *pool, const struct pool_policy *policy,
               uint64_t seed);
/* Every connection has ended. */
void pool_clear(struct pool *pool);

/*
 * Add one, or take one away: it is freed when its last connection ends, which
 * may be now.  One that comes back before is the same place again.  NULL
 * without memory.
 */
MUST_CHECK struct place *
pool_add(struct pool *pool, const struct endpoint *endpoint, uint64_t now_us);
void pool_remove(struct pool *pool, struct place *place);
struct place *pool_find(const struct pool *pool, const struct address *address);

/* Lower is better: no priority in a fallback beats one in the list before. */
uint32_t pool_rank(const struct place *place);

enum { POOL_MAX_TRIED = 8 };

/* The obstacle of a place that has all the connections it may. */
extern const char pool_full[];
/* That of one whose health check says so; place.unfit tells why. */
extern const char pool_unfit[];

/* Why |place| cannot be used now, in a few static words; NULL: it can. */
typedef const char *(*pool_obstacle_finder)(void *context,
                                            const struct place *place);

/* Who wants a place, and where it has been. */
struct pool_request {
    bool takes_unfit; /* set by pool_choose(): so few are fit */
    bool is_probe;    /* set by pool_choose(): it tries one after a rest */
    /* Set by pool_choose(): pool_full if one is, or of any other; or NULL. */
    const char *obstacle;
    uint64_t now_us;
    uint64_t client;                /* index_hash() of who asks */
    uint32_t tried[POOL_MAX_TRIED]; /* numbers of places */
    uint32_t tried_count;
    /* What stands in the way of a place besides; NULL: nothing ever does. */
    pool_obstacle_finder find_obstacle;
    void *context;
};

/*
 * Why |place| gets no connection of |request| now, in a few static words; NULL
 * if it may have one.
 */
const char *pool_obstacle(const struct pool *pool, const struct place *place,
                          const struct pool_request *request);

/* A place to try, marked as tried in |request|; NULL if there is none now. */
struct place *pool_choose(struct pool *pool, struct pool_request *request);

/*
 * Whom pool_choose() would choose for |request| now, or NULL.  Asking changes
 * nothing: the next choice is the one it would have been.  What was chosen from
 * is in |pool->candidates| until then.
 */
struct place *pool_survey(struct pool *pool, struct pool_request *request);

/* When a rest ends that lets pool_choose() choose again; UINT64_MAX: none. */
uint64_t pool_next_us(const struct pool *pool, uint64_t now_us);

/* A connection goes to |place|; it ends by pool_end(). */
void pool_begin(struct place *place);
/* It got there, in |latency_us|. */
void pool_reached(struct place *place, uint64_t latency_us, uint64_t now_us);
/* It did not, because of |failure| (static text). */
void pool_failed(struct place *place, const char *failure, uint64_t now_us);
/* Nor did it, since there was no room: that is no reason for longer rests. */
void pool_crowded(struct place *place, const char *failure, uint64_t now_us);
/* It ends; |was_probe|: it was the one that tried it, and nobody knows yet. */
void pool_end(struct place *place, bool was_probe);

/*
 * A health check found that it is fit (|unfit| is ""), or why it is not.  What
 * becomes fit need not rest any longer.
 */
void pool_judge(struct place *place, const char *unfit, uint64_t now_us);

/* "up", "unfit", "resting" or "down". */
const char *pool_state_of(const struct place *place, uint64_t now_us);
#endif
