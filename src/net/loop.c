/* SPDX-License-Identifier: MIT */
/*
 * Turns: what happens in which order.  libevent waits and tells of sockets,
 * timers and signals (loop_events.c); tasks, messages and deferred objects
 * are plain lists around it.  Without EPOLL_USE_CHANGELIST: a watch is added
 * once with all it will ever want, so there is nothing to batch, and its
 * removal must reach the kernel before the descriptor is closed.
 */
#include "net/loop_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void on_library_message(int severity, const char *message)
{
    static const enum log_level levels[] = {
        [EVENT_LOG_DEBUG] = LOG_DEBUG,
        [EVENT_LOG_MSG] = LOG_INFO,
        [EVENT_LOG_WARN] = LOG_WARNING,
        [EVENT_LOG_ERR] = LOG_ERROR,
    };

    LOG_LIMITED(10, levels[severity & 3], "event_library_said",
                log_text("message", message));
}

static void set_up_library(void)
{
    event_set_log_callback(on_library_message);
}

/* libevent ends the process if it cannot have the three it wants. */
static bool has_descriptors(void)
{
    int fds[3];
    bool has_them = true;

    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++) {
        fds[i] = eventfd(0, EFD_CLOEXEC);
        has_them = has_them && fds[i] >= 0;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return has_them;
}

static struct event_base *new_base(void)
{
    struct event_config *config;
    struct event_base *base = NULL;

    if (!has_descriptors())
        return NULL;
    config = event_config_new();
    if (!config)
        return NULL;
    if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK |
                                          EVENT_BASE_FLAG_IGNORE_ENV) == 0 &&
        event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_O1 |
                                                  EV_FEATURE_EARLY_CLOSE) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    /* Edge-triggered: each write is an edge, the counter is never read. */
    (void)fd, (void)what;
    loop_begin_events(context);
}

static void on_limit(evutil_socket_t fd, short what, void *context)
{
    (void)fd, (void)what;
    loop_begin_events(context);
}

static void on_visit_timer(struct loop_timer *timer)
{
    struct list due;

    list_init(&due);
    list_splice(&due, &timer->loop->visits);
    while (!list_is_empty(&due)) {
        struct loop_visit *visit =
            LIST_ITEM(list_first(&due), struct loop_visit, node);

        list_remove(&visit->node);
        visit->visit(visit);
    }
}

struct loop *loop_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct loop *loop = calloc(1, sizeof(*loop));

    if (!loop)
        return NULL;
    pthread_once(&once, set_up_library);
    list_init(&loop->tasks);
    list_init(&loop->last_tasks);
    list_init(&loop->deferred);
    list_init(&loop->visits);
    list_init(&loop->unarmed);
    loop->now_us = clock_now_us();
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->base = new_base();
    if (loop->wake_fd < 0 || !loop->base)
        goto fail;
    event_assign(&loop->limit, loop->base, -1, 0, on_limit, loop);
    event_assign(&loop->wake, loop->base, loop->wake_fd,
                 EV_READ | EV_ET | EV_PERSIST, on_wake, loop);
    loop_timer_init(loop, &loop->visit_timer, on_visit_timer);
    if (event_add(&loop->wake, NULL) != 0)
        goto fail;
    return loop;

fail:
    loop_free(loop);
    return NULL;
}

/* ---- messages ---- */

static void wake_up(struct loop *loop)
{
    uint64_t one = 1;

    /* It fails only if 2^64 - 1 wake-ups wait already. */
    while (write(loop->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

void loop_post(struct loop *loop, struct loop_message *message)
{
    struct loop_message *latest =
        atomic_load_explicit(&loop->inbox, memory_order_relaxed);

    do
        message->next = latest;
    while (!atomic_compare_exchange_weak_explicit(&loop->inbox, &latest,
                                                  message, memory_order_release,
                                                  memory_order_relaxed));
    if (!latest)
        wake_up(loop); /* otherwise whoever posted |latest| did or will */
}

static bool has_messages(struct loop *loop)
{
    return atomic_load_explicit(&loop->inbox, memory_order_relaxed);
}

static void deliver_messages(struct loop *loop, bool discarded)
{
    struct loop_message *latest, *first = NULL;

    if (!has_messages(loop))
        return;
    latest = atomic_exchange_explicit(&loop->inbox, NULL, memory_order_acquire);
    while (latest) {
        struct loop_message *earlier = latest->next;

        latest->next = first;
        first = latest;
        latest = earlier;
    }
    while (first) {
        struct loop_message *message = first;

        first = message->next;
        message->deliver(message, discarded);
    }
}

/* ---- tasks ---- */

void loop_task_init(struct loop_task *task, void (*run)(struct loop_task *))
{
    list_init(&task->node);
    task->run = run;
}

void loop_schedule(struct loop *loop, struct loop_task *task)
{
    if (list_is_empty(&task->node))
        list_append(&loop->tasks, &task->node);
}

void loop_schedule_last(struct loop *loop, struct loop_task *task)
{
    if (list_is_empty(&task->node))
        list_append(&loop->last_tasks, &task->node);
}

void loop_task_cancel(struct loop_task *task)
{
    list_remove(&task->node);
}

/* What they schedule in turn goes to |tasks| again, and waits. */
static void run_tasks(struct list *tasks)
{
    struct list running;

    list_init(&running);
    list_splice(&running, tasks);
    while (!list_is_empty(&running)) {
        struct loop_task *task =
            LIST_ITEM(list_first(&running), struct loop_task, node);

        list_remove(&task->node);
        task->run(task);
    }
}

/* ---- the end of objects ---- */

void loop_defer(struct loop *loop, struct loop_deferred *deferred,
                void (*release)(struct loop_deferred *))
{
    deferred->release = release;
    list_append(&loop->deferred, &deferred->node);
}

/* An object's end may defer the end of what it owned. */
static void release_deferred(struct loop *loop)
{
    while (!list_is_empty(&loop->deferred)) {
        struct loop_deferred *deferred =
            LIST_ITEM(list_first(&loop->deferred), struct loop_deferred, node);

        list_remove(&deferred->node);
        deferred->release(deferred);
    }
}

/* ---- turns ---- */

void loop_begin_events(struct loop *loop)
{
    if (!loop->now_us)
        loop->now_us = clock_now_us();
}

uint64_t loop_now_us(const struct loop *loop)
{
    return loop->now_us ? loop->now_us : clock_now_us();
}

static bool has_work(struct loop *loop)
{
    return !list_is_empty(&loop->tasks) || !list_is_empty(&loop->last_tasks) ||
           !list_is_empty(&loop->deferred) || has_messages(loop);
}

/* False if it must not block, for want of time or of memory for a limit. */
static bool limit_wait(struct loop *loop, uint64_t max_wait_us)
{
    struct timeval limit = loop_timeval(max_wait_us);

    loop_arm_timers(loop);
    if (max_wait_us == 0 || !list_is_empty(&loop->unarmed))
        return false;
    return max_wait_us == UINT64_MAX || event_add(&loop->limit, &limit) == 0;
}

static void wait_for_events(struct loop *loop, uint64_t max_wait_us)
{
    int flags = EVLOOP_ONCE;

    if (!limit_wait(loop, max_wait_us))
        flags |= EVLOOP_NONBLOCK;
    loop->now_us = 0;
    /* -1 is a broken epoll: nothing would be noticed any more. */
    ASSERT(event_base_loop(loop->base, flags) >= 0);
    loop_begin_events(loop);
    event_del(&loop->limit);
}

void loop_turn(struct loop *loop, uint64_t max_wait_us)
{
    wait_for_events(loop, has_work(loop) ? 0 : max_wait_us);
    deliver_messages(loop, false);
    run_tasks(&loop->tasks);
    run_tasks(&loop->last_tasks);
    release_deferred(loop);
}

void loop_run(struct loop *loop)
{
    while (!atomic_exchange(&loop->stopping, false))
        loop_turn(loop, UINT64_MAX);
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->stopping, true);
    wake_up(loop);
}

static void forget(struct list *nodes)
{
    while (!list_is_empty(nodes))
        list_remove(list_first(nodes));
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    while (has_messages(loop) || !list_is_empty(&loop->deferred)) {
        deliver_messages(loop, true);
        release_deferred(loop);
    }
    forget(&loop->tasks);
    forget(&loop->last_tasks);
    forget(&loop->visits);
    forget(&loop->unarmed);
    if (loop->base)
        event_base_free(loop->base);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    free(loop);
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}
