/* SPDX-License-Identifier: MIT */
/*
 * The sources whose text says where: static:ADDRESS, where a name will do as
 * well, and dns:NAME:PORT, where it must be one.
 */
#include "base/clock.h"
#include "base/text.h"
#include "discovery/kind.h"
#include "discovery/targets.h"
#include <stdlib.h>

struct list_watcher {
    struct watcher watcher;
    struct targets *targets;
};

static bool list_is_valid(const char *rest, char *error, size_t size)
{
    struct target target;

    return target_parse(&target, rest, error, size);
}

static bool list_is_fixed(const char *rest)
{
    struct address address;

    return address_parse(&address, rest);
}

static bool name_is_valid(const char *rest, char *error, size_t size)
{
    struct target target;
    struct address address;

    if (!target_parse(&target, rest, error, size))
        return false;
    if (target.port != 0 && !address_from_ip(&address, target.host, 1))
        return true;
    text_format(error, size, "dns: wants a name; for an address: static:%s",
                rest);
    return false;
}

static void on_targets(void *context, const struct targets_report *report)
{
    struct list_watcher *self = context;

    source_tell(self->watcher.source, report);
}

static void list_close(struct watcher *watcher)
{
    struct list_watcher *self =
        CONTAINER_OF(watcher, struct list_watcher, watcher);

    targets_free(self->targets);
    free(self);
}

static enum status list_open(struct source *source, const char *rest,
                             struct watcher **watcher)
{
    struct list_watcher *self = calloc(1, sizeof(*self));
    struct targets_options options = { .loop = source_world(source)->loop,
                                       .resolver =
                                           source_world(source)->resolver,
                                       .changed = on_targets,
                                       .context = self };
    enum status status = STATUS_NO_MEMORY;
    struct target target;
    char error[256];

    if (!self)
        return STATUS_NO_MEMORY;
    self->watcher.source = source;
    self->targets = targets_new(&options);
    if (!target_parse(&target, rest, error, sizeof(error)))
        status = STATUS_CONFIG;
    else if (self->targets)
        status = targets_set(self->targets, &target, 1, NULL);
    if (status != STATUS_OK) {
        list_close(&self->watcher);
        return status;
    }
    *watcher = &self->watcher;
    return STATUS_OK;
}

static void list_doubt(struct watcher *watcher)
{
    targets_doubt(CONTAINER_OF(watcher, struct list_watcher, watcher)->targets);
}

const struct source_kind list_kind = { .scheme = "static",
                                       .form = "static:HOST:PORT",
                                       .interval_us = CLOCK_SECOND,
                                       .may_flap = true,
                                       .is_valid = list_is_valid,
                                       .open = list_open,
                                       .close = list_close,
                                       .doubt = list_doubt,
                                       .is_fixed = list_is_fixed };

const struct source_kind dns_kind = { .scheme = "dns",
                                      .form = "dns:NAME:PORT",
                                      .interval_us = CLOCK_SECOND,
                                      .may_flap = true,
                                      .is_valid = name_is_valid,
                                      .open = list_open,
                                      .close = list_close,
                                      .doubt = list_doubt };
