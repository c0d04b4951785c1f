/* SPDX-License-Identifier: MIT */
/* What Avahi wants of an event loop: watches as poll() has them, timeouts. */
#include "base/clock.h"
#include "discovery/level_watch.h"
#include "discovery/mdns_server.h"
#include <stdlib.h>
#include <sys/time.h>

struct AvahiWatch {
    struct level_watch watch;
    AvahiWatchEvent happened;
    AvahiWatchCallback callback;
    void *context;
};

struct AvahiTimeout {
    struct loop_timer timer;
    AvahiTimeoutCallback callback;
    void *context;
};

static unsigned wanted_of(AvahiWatchEvent events)
{
    return (events & AVAHI_WATCH_IN ? LOOP_READABLE : 0u) |
           (events & AVAHI_WATCH_OUT ? LOOP_WRITABLE : 0u);
}

static void on_ready(struct level_watch *level, unsigned what)
{
    AvahiWatch *watch = CONTAINER_OF(level, AvahiWatch, watch);
    int happened = (what & LOOP_READABLE ? AVAHI_WATCH_IN : 0) |
                   (what & LOOP_WRITABLE ? AVAHI_WATCH_OUT : 0);

    watch->happened = (AvahiWatchEvent)happened;
    watch->callback(watch, level->fd, watch->happened, watch->context);
}

static AvahiWatch *watch_new(const AvahiPoll *api, int fd,
                             AvahiWatchEvent events,
                             AvahiWatchCallback callback, void *context)
{
    AvahiWatch *watch = calloc(1, sizeof(*watch));

    if (!watch)
        return NULL;
    watch->callback = callback;
    watch->context = context;
    if (level_watch_start(api->userdata, &watch->watch, fd, wanted_of(events),
                          on_ready) != STATUS_OK) {
        free(watch);
        return NULL;
    }
    return watch;
}

static void watch_update(AvahiWatch *watch, AvahiWatchEvent events)
{
    level_watch_want(&watch->watch, wanted_of(events));
}

static AvahiWatchEvent watch_get_events(AvahiWatch *watch)
{
    return watch->happened;
}

static void watch_free(AvahiWatch *watch)
{
    level_watch_stop(&watch->watch);
    free(watch);
}

static void on_expired(struct loop_timer *timer)
{
    AvahiTimeout *timeout = CONTAINER_OF(timer, AvahiTimeout, timer);

    timeout->callback(timeout, timeout->context);
}

/* Avahi's times are of the day. */
static void timeout_update(AvahiTimeout *timeout, const struct timeval *at)
{
    struct timeval now;
    int64_t wait_us;

    if (!at) {
        loop_timer_stop(&timeout->timer);
        return;
    }
    gettimeofday(&now, NULL);
    wait_us = ((int64_t)at->tv_sec - now.tv_sec) * (int64_t)CLOCK_SECOND +
              (at->tv_usec - now.tv_usec);
    loop_timer_start(&timeout->timer, wait_us > 0 ? (uint64_t)wait_us : 0);
}

static AvahiTimeout *timeout_new(const AvahiPoll *api, const struct timeval *at,
                                 AvahiTimeoutCallback callback, void *context)
{
    AvahiTimeout *timeout = calloc(1, sizeof(*timeout));

    if (!timeout)
        return NULL;
    timeout->callback = callback;
    timeout->context = context;
    loop_timer_init(api->userdata, &timeout->timer, on_expired);
    timeout_update(timeout, at);
    return timeout;
}

static void timeout_free(AvahiTimeout *timeout)
{
    loop_timer_stop(&timeout->timer);
    free(timeout);
}

void mdns_poll_init(AvahiPoll *api, struct loop *loop)
{
    *api = (AvahiPoll){ .userdata = loop,
                        .watch_new = watch_new,
                        .watch_update = watch_update,
                        .watch_get_events = watch_get_events,
                        .watch_free = watch_free,
                        .timeout_new = timeout_new,
                        .timeout_update = timeout_update,
                        .timeout_free = timeout_free };
}
