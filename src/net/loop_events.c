/* SPDX-License-Identifier: MIT */
/* Watches, timers and signals: libevent's events with a face of ours. */
#include "net/loop_internal.h"

#include "base/clock.h"
#include <errno.h>

/* Two months: longer than any wait that makes sense, and far from overflow. */
static const uint64_t max_delay_us = UINT64_C(60) * 86400 * CLOCK_SECOND;

struct timeval loop_timeval(uint64_t delay_us)
{
    if (delay_us > max_delay_us)
        delay_us = max_delay_us;
    return (struct timeval){
        .tv_sec = (time_t)(delay_us / CLOCK_SECOND),
        .tv_usec = (suseconds_t)(delay_us % CLOCK_SECOND),
    };
}

/* ---- sockets ---- */

static void on_socket(evutil_socket_t fd, short what, void *context)
{
    struct loop_watch *watch = context;
    unsigned told = (what & EV_READ ? LOOP_READABLE : 0u) |
                    (what & EV_WRITE ? LOOP_WRITABLE : 0u) |
                    (what & EV_CLOSED ? LOOP_HUNG_UP : 0u);

    (void)fd;
    loop_begin_events(watch->loop);
    watch->ready(watch, told);
}

enum status loop_watch_start(struct loop *loop, struct loop_watch *watch,
                             int fd,
                             void (*ready)(struct loop_watch *, unsigned))
{
    ASSERT(fd >= 0);
    watch->loop = loop;
    watch->ready = ready;
    event_assign(&watch->event, loop->base, fd,
                 EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST, on_socket,
                 watch);
    errno = 0;
    if (event_add(&watch->event, NULL) == 0)
        return STATUS_OK;
    watch->ready = NULL;
    return errno == ENOSPC ? STATUS_LIMIT : /* epoll's max_user_watches */
               errno ? status_from_errno(errno)
                     : STATUS_NO_MEMORY;
}

void loop_watch_stop(struct loop_watch *watch)
{
    if (!watch->ready)
        return;
    watch->ready = NULL;
    event_del(&watch->event);
}

/* ---- time ---- */

static void arm(struct loop_timer *timer)
{
    uint64_t now_us = loop_now_us(timer->loop);
    struct timeval delay =
        loop_timeval(timer->due_us > now_us ? timer->due_us - now_us : 0);

    list_remove(&timer->node);
    if (event_add(&timer->event, &delay) != 0)
        list_append(&timer->loop->unarmed, &timer->node);
}

void loop_arm_timers(struct loop *loop)
{
    struct list pending;

    list_init(&pending);
    list_splice(&pending, &loop->unarmed);
    while (!list_is_empty(&pending))
        arm(LIST_ITEM(list_first(&pending), struct loop_timer, node));
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct loop_timer *timer = context;

    (void)fd, (void)what;
    loop_begin_events(timer->loop);
    /* libevent's clock is coarse: up to a tick of the kernel early. */
    if (loop_now_us(timer->loop) < timer->due_us) {
        arm(timer);
        return;
    }
    timer->due_us = 0;
    timer->expired(timer);
}

void loop_timer_init(struct loop *loop, struct loop_timer *timer,
                     void (*expired)(struct loop_timer *))
{
    timer->loop = loop;
    timer->due_us = 0;
    timer->expired = expired;
    list_init(&timer->node);
    event_assign(&timer->event, loop->base, -1, 0, on_timer, timer);
}

void loop_timer_start(struct loop_timer *timer, uint64_t delay_us)
{
    if (delay_us > max_delay_us)
        delay_us = max_delay_us;
    timer->due_us = loop_now_us(timer->loop) + delay_us;
    arm(timer);
}

void loop_timer_stop(struct loop_timer *timer)
{
    if (!timer->due_us)
        return;
    timer->due_us = 0;
    list_remove(&timer->node);
    event_del(&timer->event);
}

bool loop_timer_is_running(const struct loop_timer *timer)
{
    return timer->due_us != 0;
}

void loop_visit_init(struct loop_visit *visit,
                     void (*callback)(struct loop_visit *))
{
    list_init(&visit->node);
    visit->visit = callback;
}

void loop_visit_soon(struct loop *loop, struct loop_visit *visit)
{
    if (!list_is_empty(&visit->node))
        return;
    list_append(&loop->visits, &visit->node);
    if (!loop_timer_is_running(&loop->visit_timer))
        loop_timer_start(&loop->visit_timer, LOOP_SOON_US);
}

void loop_visit_cancel(struct loop_visit *visit)
{
    list_remove(&visit->node);
}

/* ---- signals ---- */

static void on_signal(evutil_socket_t number, short what, void *context)
{
    struct loop_signal *signal = context;

    (void)what;
    loop_begin_events(signal->loop);
    signal->received(signal, number);
}

enum status loop_signal_start(struct loop *loop, struct loop_signal *signal,
                              int number,
                              void (*received)(struct loop_signal *, int))
{
    signal->loop = loop;
    signal->received = received;
    event_assign(&signal->event, loop->base, number, EV_SIGNAL | EV_PERSIST,
                 on_signal, signal);
    if (event_add(&signal->event, NULL) == 0)
        return STATUS_OK;
    signal->received = NULL;
    return STATUS_IO;
}

void loop_signal_stop(struct loop_signal *signal)
{
    if (!signal->received)
        return;
    signal->received = NULL;
    event_del(&signal->event);
}

/* ---- the library underneath ---- */

uint32_t loop_library_number(void)
{
    return event_get_version_number();
}

const char *loop_library_version(void)
{
    return event_get_version();
}

/* 2.1.13 mends memory errors in its HTTP server, which admin/ uses. */
static const uint32_t oldest_library = 0x02010d00;

bool loop_library_is_supported(uint32_t version)
{
    /* struct event is part of ours: the minor version must be the same. */
    return version >= oldest_library &&
           version >> 16 == LIBEVENT_VERSION_NUMBER >> 16;
}
