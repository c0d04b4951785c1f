/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H
#include "base/check.h"
#include "base/list.h"
#include "net/loop.h"
#include "service/budget.h"
#include "service/options.h"
#include "service/pool.h"
#include "tunnel/host.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * One service on one worker, in any of the three roles, and what the roles
 * have in common: the places where it may be, the connections on their way
 * through it, and those that wait because no place can be had right now.
 * Owned by the switchboard.
 */
struct service;
struct passage;

/* What can be done with a passage; every role, and a probe, has its own. */
struct passage_kind {
    /* Try to go on; called for a waiting passage when something changed. */
    void (*retry)(struct passage *passage);
    /* Give up: nothing was found in time. */
    void (*give_up)(struct passage *passage);
    /* Reset it on both sides. */
    void (*abort)(struct passage *passage);
    /* It is being dialled: try elsewhere; NULL: that must take its course. */
    void (*leave)(struct passage *passage);
    /* The tunnel it goes through, or NULL; may be NULL itself. */
    struct tunnel *(*tunnel_of)(struct passage *passage);
};

struct service {
    struct list node;               /* in the switchboard */
    struct service_options options; /* owned */
    /* What stands in the way of a place; NULL: nothing ever does. */
    pool_obstacle_finder find_obstacle;
    /* It may be elsewhere by now: at most once a second.  May be NULL. */
    void (*doubted)(struct service *service);
    uint64_t doubted_us;       /* when that was called last; 0: never */
    struct switchboard *board; /* borrowed */
    struct host *host;         /* borrowed */
    struct pool pool;
    struct budget budget;     /* of retries */
    struct list passages;     /* every one */
    struct list waiting;      /* those that wait, the first to give up first */
    struct loop_timer timer;  /* of those that wait */
    struct loop_timer moving; /* of those that are left behind */
    uint32_t active;
    uint32_t waiting_count;
    uint32_t left_behind; /* connections: service/moving.h */
    bool is_removed;      /* goes with its last passage */
    bool was_usable;      /* as last told */
    bool is_set;          /* where it is, by an operator: nowhere else */
    bool is_look_due;     /* |timer| is about to expire for those that wait */

    bool has_none; /* for whoever asks: so it was found the last time */

    bool is_offered_nowhere; /* consumed: they say so at every place */

    /* Ever. */
    uint64_t connections;
    uint64_t failed; /* found no place */
    uint64_t denied; /* were not allowed */
    uint64_t ended_in_order;
    uint64_t ended_by_reset;
    uint64_t lost; /* with their tunnel */
    uint64_t up_bytes;
    uint64_t down_bytes;
};

/* One connection on its way through a service; embedded by each role. */
struct passage {
    const struct passage_kind *kind;
    struct list node;        /* in service.passages */
    struct list waiting;     /* in service.waiting */
    struct service *service; /* borrowed */
    struct place *place;     /* where it goes, or NULL */
    uint32_t rank;           /* of the place when it was chosen */
    bool is_there;           /* it was reached */
    bool is_left_behind;     /* since |left_us| */
    bool is_cut;             /* for that: it ends */
    uint64_t left_us;
    struct pool_request request;
    uint64_t began_us;
    uint64_t until_us;   /* it may wait until then */
    const char *failure; /* of the last place tried; static text */
    bool is_retry;       /* it failed at a place, and was not on hold since */
};

/* ---- for the roles ---- */

/* False, and nothing begun, if the service has all the connections it may. */
MUST_CHECK bool passage_begin(struct passage *passage,
                              const struct passage_kind *kind,
                              struct service *service, uint64_t client);
/* Whether it found no place, and one has as many as it may. */
bool passage_found_full(const struct passage *passage);
/* The end, in any way. */
void passage_end(struct passage *passage);

/*
 * The next place not tried yet; it is |passage->place| then.  False if there
 * is none, of which |passage->request.obstacle| knows more, or no budget for a
 * retry.
 */
MUST_CHECK bool passage_choose(struct passage *passage);
/* It did not work out there. |is_fault|: of the place. */
void passage_failed_there(struct passage *passage, const char *failure,
                          bool is_fault);
/* It is well there, and has as many connections as it may. */
void passage_found_no_room(struct passage *passage, const char *failure);
void passage_reached(struct passage *passage, uint64_t latency_us);

/*
 * No place now: wait for one, and try each again.  False if it may wait no
 * longer, or too many do.
 */
MUST_CHECK bool passage_wait(struct passage *passage);

/* Something changed: let those that wait try again, in their order. */
void service_retry(struct service *service);

/* Is there a place that can be used now? */
bool service_is_usable(struct service *service);

/* Reset every connection: the service goes. */
void service_abort(struct service *service);
/* Reset those through peers that none of |patterns| matches any more. */
void service_cut(struct service *service, const struct text_list *patterns);

/* Does any of |patterns| match |identity|? */
struct spiffe;
bool service_matches(const struct text_list *patterns,
                     const struct spiffe *identity);
#endif
