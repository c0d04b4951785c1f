/* SPDX-License-Identifier: MIT */
#ifndef NET_LOOP_INTERNAL_H
#define NET_LOOP_INTERNAL_H
#include "net/loop.h"
#include <stdatomic.h>

/* What loop.c (turns) and loop_events.c (libevent's events) share. */
struct loop {
    struct event_base *base;
    struct event wake;  /* of |wake_fd|: a message came in, or a stop */
    struct event limit; /* ends a wait that has an upper bound */
    int wake_fd;        /* an eventfd, written to by any thread */
    uint64_t now_us;    /* 0: this turn's events have not begun */
    struct list tasks;
    struct list last_tasks;
    struct list deferred;
    struct list visits;
    struct list unarmed; /* timers libevent had no memory for yet */
    struct loop_timer visit_timer;
    struct loop_message *_Atomic inbox; /* the latest message first */
    atomic_bool stopping;
};

/* Every event begins with this: the first one of a turn reads the clock. */
void loop_begin_events(struct loop *loop);

/* Give libevent the timers of |unarmed|, as far as there is memory. */
void loop_arm_timers(struct loop *loop);

/* |delay_us| as libevent wants it, cut to what it can hold. */
struct timeval loop_timeval(uint64_t delay_us);
#endif
