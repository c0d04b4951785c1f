/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_LEVEL_WATCH_H
#define DISCOVERY_LEVEL_WATCH_H
#include "base/check.h"
#include "base/status.h"
#include "net/loop.h"

/*
 * A descriptor of a library that expects to be told again and again for as
 * long as it is ready, as poll() does: the loop itself tells only once.
 */
struct level_watch {
    struct loop *loop;
    struct loop_watch edge;
    struct loop_task task;
    int fd; /* borrowed; -1: stopped */
    unsigned wanted;
    void (*ready)(struct level_watch *watch, unsigned what);
};

/*
 * |wanted| and |what| are of LOOP_READABLE and LOOP_WRITABLE; a failed
 * descriptor is ready for what is wanted.  |ready| may stop the watch.
 */
MUST_CHECK enum status
level_watch_start(struct loop *loop, struct level_watch *watch, int fd,
                  unsigned wanted,
                  void (*ready)(struct level_watch *, unsigned));
void level_watch_want(struct level_watch *watch, unsigned wanted);
/* Before the descriptor is closed.  Harmless for a zeroed or stopped one. */
void level_watch_stop(struct level_watch *watch);
#endif
