/* SPDX-License-Identifier: MIT */
#include "discovery/level_watch.h"
#include <poll.h>

/* The edge only says that it is worth asking. */
static void on_edge(struct loop_watch *edge, unsigned what)
{
    struct level_watch *watch = CONTAINER_OF(edge, struct level_watch, edge);

    (void)what;
    loop_schedule(watch->loop, &watch->task);
}

static void run(struct loop_task *task)
{
    struct level_watch *watch = CONTAINER_OF(task, struct level_watch, task);
    struct pollfd state = { .fd = watch->fd };
    unsigned what = 0;

    if (watch->wanted & LOOP_READABLE)
        state.events |= POLLIN;
    if (watch->wanted & LOOP_WRITABLE)
        state.events |= POLLOUT;
    if (poll(&state, 1, 0) <= 0)
        return;
    if (state.revents & (POLLIN | POLLERR | POLLHUP))
        what |= LOOP_READABLE;
    if (state.revents & (POLLOUT | POLLERR | POLLHUP))
        what |= LOOP_WRITABLE;
    what &= watch->wanted;
    if (what == 0)
        return;
    loop_schedule(watch->loop, task);
    watch->ready(watch, what);
}

enum status level_watch_start(struct loop *loop, struct level_watch *watch,
                              int fd, unsigned wanted,
                              void (*ready)(struct level_watch *, unsigned))
{
    enum status status;

    *watch = (struct level_watch){
        .loop = loop, .fd = fd, .wanted = wanted, .ready = ready
    };
    loop_task_init(&watch->task, run);
    status = loop_watch_start(loop, &watch->edge, fd, on_edge);
    if (status != STATUS_OK) {
        watch->fd = -1;
        watch->loop = NULL;
    }
    return status;
}

void level_watch_want(struct level_watch *watch, unsigned wanted)
{
    watch->wanted = wanted;
    loop_schedule(watch->loop, &watch->task);
}

void level_watch_stop(struct level_watch *watch)
{
    if (!watch->loop)
        return;
    loop_watch_stop(&watch->edge);
    loop_task_cancel(&watch->task);
    watch->loop = NULL;
    watch->fd = -1;
}
