/* SPDX-License-Identifier: MIT */
/*
 * dns+srv:NAME: the targets of SRV records (RFC 2782), asked for again by
 * their time to live.  Whatever goes wrong, the targets of the last good
 * answer stay, and their addresses are kept up to date.
 */
#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "discovery/backoff.h"
#include "discovery/kind.h"
#include "discovery/resolver.h"
#include "discovery/targets.h"
#include <stdlib.h>
#include <string.h>

static const uint64_t doubt_us = CLOCK_SECOND;

struct srv_watcher {
    struct watcher watcher;
    char name[DNS_NAME];
    struct targets *targets;
    struct random random;
    struct lookup *lookup;
    struct loop_timer timer;
    struct backoff backoff;
    uint64_t asked_us;
    bool failing;         /* the last question for the records failed */
    size_t useless_count; /* records of the last answer */
};

static bool srv_is_valid(const char *rest, char *error, size_t size)
{
    if (address_is_host_name(rest))
        return true;
    text_format(error, size,
                "expected dns+srv:_SERVICE._tcp.DOMAIN without a port, got %s",
                rest);
    return false;
}

static void on_targets(void *context, const struct targets_report *report)
{
    struct srv_watcher *self = context;

    if (!self->failing && !report->failure && self->useless_count > 0)
        source_answered(self->watcher.source, report->items, report->count,
                        "the target of some SRV records is no name, or their "
                        "port is 0");
    else if (!self->failing)
        source_tell(self->watcher.source, report);
    else if (!report->all_failed && report->count > 0)
        source_revised(self->watcher.source, report->items, report->count);
}

static void on_lookup(void *context, const struct lookup_result *result);

static void fail(struct srv_watcher *self, const char *reason)
{
    self->failing = true;
    loop_timer_start(&self->timer, backoff_next(&self->backoff, &self->random));
    source_failed(self->watcher.source, "%s: %s", self->name, reason);
}

static void ask(struct srv_watcher *self)
{
    const struct source_world *world = source_world(self->watcher.source);
    struct lookup_options options = { .kind = LOOKUP_TARGETS,
                                      .name = self->name,
                                      .done = on_lookup,
                                      .context = self };

    self->asked_us = loop_now_us(world->loop);
    self->lookup = lookup_start(world->resolver, &options);
    if (!self->lookup)
        fail(self, "out of memory");
}

static void on_timer(struct loop_timer *timer)
{
    struct srv_watcher *self = CONTAINER_OF(timer, struct srv_watcher, timer);

    if (!self->lookup)
        ask(self);
}

/* The names of records are whole: the last dot keeps search domains away. */
static bool make_targets(const struct dns_answer *answer,
                         struct target **targets)
{
    *targets = calloc(answer->target_count + 1, sizeof(**targets));
    if (!*targets)
        return false;
    for (size_t i = 0; i < answer->target_count; i++) {
        const struct dns_target *from = &answer->targets[i];
        struct target *to = &(*targets)[i];

        text_format(to->host, sizeof(to->host), "%s.", from->host);
        to->port = from->port;
        to->priority = from->priority;
        to->weight = from->weight;
    }
    return true;
}

static void on_lookup(void *context, const struct lookup_result *result)
{
    struct srv_watcher *self = context;
    struct target *targets = NULL;
    enum status status = STATUS_NO_MEMORY;

    self->lookup = NULL;
    if (result->outcome != LOOKUP_FOUND && result->outcome != LOOKUP_DECLINED) {
        fail(self, result->reason);
        return;
    }
    if (make_targets(&result->answer, &targets))
        status = targets_set(self->targets, targets,
                             result->answer.target_count, &result->answer);
    free(targets);
    if (status != STATUS_OK) {
        fail(self, "out of memory");
        return;
    }
    self->failing = false;
    self->useless_count = result->answer.useless_count;
    backoff_reset(&self->backoff);
    loop_timer_start(&self->timer,
                     backoff_refresh(result->answer.ttl_s, &self->random));
}

static void srv_doubt(struct watcher *watcher)
{
    struct srv_watcher *self =
        CONTAINER_OF(watcher, struct srv_watcher, watcher);
    uint64_t since_us =
        loop_now_us(source_world(watcher->source)->loop) - self->asked_us;

    targets_doubt(self->targets);
    if (!self->lookup)
        loop_timer_start(&self->timer,
                         since_us < doubt_us ? doubt_us - since_us : 0);
}

static void srv_close(struct watcher *watcher)
{
    struct srv_watcher *self =
        CONTAINER_OF(watcher, struct srv_watcher, watcher);

    lookup_cancel(self->lookup);
    loop_timer_stop(&self->timer);
    targets_free(self->targets);
    free(self);
}

static enum status srv_open(struct source *source, const char *rest,
                            struct watcher **watcher)
{
    const struct source_world *world = source_world(source);
    struct srv_watcher *self = calloc(1, sizeof(*self));
    struct targets_options options = { .loop = world->loop,
                                       .resolver = world->resolver,
                                       .changed = on_targets,
                                       .context = self };

    if (!self)
        return STATUS_NO_MEMORY;
    self->watcher.source = source;
    self->random = random_from_seed(random_seed());
    loop_timer_init(world->loop, &self->timer, on_timer);
    self->targets = targets_new(&options);
    if (!self->targets || !text_copy(self->name, sizeof(self->name), rest)) {
        srv_close(&self->watcher);
        return STATUS_NO_MEMORY;
    }
    ask(self);
    *watcher = &self->watcher;
    return STATUS_OK;
}

const struct source_kind dns_srv_kind = { .scheme = "dns+srv",
                                          .form = "dns+srv:NAME",
                                          .interval_us = CLOCK_SECOND,
                                          .may_flap = true,
                                          .is_valid = srv_is_valid,
                                          .open = srv_open,
                                          .close = srv_close,
                                          .doubt = srv_doubt };
