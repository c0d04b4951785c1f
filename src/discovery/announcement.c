/* SPDX-License-Identifier: MIT */
#include "discovery/announcement.h"
#include "base/log.h"
#include "base/text.h"
#include "discovery/announcer.h"
#include "discovery/target.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct announcer_kind *const kinds[] = { &zookeeper_announcer_kind,
                                                      &mdns_announcer_kind };

struct announcement {
    const struct announcer_kind *kind;
    struct announcement_options options; /* its texts are ours */
    char *text;
    char *name;
    char *host; /* or NULL */
    struct announcer *announcer;
    struct announcement_report report;
    struct loop_task notify;
};

static const struct announcer_kind *find_kind(const char *text,
                                              const char **rest)
{
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        size_t length = strlen(kinds[i]->scheme);

        if (strncmp(text, kinds[i]->scheme, length) == 0 &&
            text[length] == ':') {
            *rest = text + length + 1;
            return kinds[i];
        }
    }
    return NULL;
}

bool announcement_is_valid(const char *text, char *error, size_t size)
{
    const char *rest;
    const struct announcer_kind *kind = find_kind(text, &rest);
    size_t used = 0;

    if (kind)
        return kind->is_valid(rest, error, size);
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        if (!text_format(error + used, size - used, "%s%s",
                         i == 0 ? "expected " : " or ", kinds[i]->form))
            break;
        used += strlen(error + used);
    }
    return false;
}

bool announcement_needs_ip(const char *text)
{
    const char *rest;
    const struct announcer_kind *kind = find_kind(text, &rest);

    return kind && kind->needs_ip;
}

bool announcement_is_name(const char *name)
{
    size_t length = strlen(name);

    if (length == 0 || length > TEXT_MAX_NAME || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0)
        return false;
    for (size_t i = 0; i < length; i++)
        if (name[i] < ' ' || name[i] > '~' || name[i] == '/')
            return false;
    return true;
}

const char *announcement_text(const struct announcement *announcement)
{
    return announcement->text;
}

const struct announcement_options *
announcement_options(const struct announcement *announcement)
{
    return &announcement->options;
}

void announcement_report(const struct announcement *announcement,
                         struct announcement_report *report)
{
    *report = announcement->report;
}

static void run_notify(struct loop_task *task)
{
    struct announcement *announcement =
        CONTAINER_OF(task, struct announcement, notify);

    announcement->options.changed(announcement->options.context, announcement);
}

static void change(struct announcement *announcement,
                   const struct announcement_report *report)
{
    announcement->report = *report;
    if (announcement->options.changed)
        loop_schedule(announcement->options.world->loop, &announcement->notify);
}

void announcement_made(struct announcement *announcement, const char *as)
{
    struct announcement_report report = { .is_announced = true };

    text_format(report.as, sizeof(report.as), "%s", as);
    if (announcement->report.is_announced &&
        strcmp(announcement->report.as, report.as) == 0)
        return;
    LOG(LOG_INFO, "announced", log_text("announcement", announcement->text),
        log_text("as", as));
    change(announcement, &report);
}

void announcement_failed(struct announcement *announcement, const char *format,
                         ...)
{
    struct announcement_report report = { .is_announced = false };
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(report.failure, sizeof(report.failure), format, arguments);
    va_end(arguments);
    if (!announcement->report.is_announced &&
        strcmp(announcement->report.failure, report.failure) == 0)
        return;
    LOG_LIMITED(10, LOG_WARNING, "announcement_failed",
                log_text("announcement", announcement->text),
                log_text("reason", report.failure));
    change(announcement, &report);
}

static bool can_be(const struct announcement_options *options)
{
    struct target target;
    struct address address;
    char error[256];

    if (!announcement_is_valid(options->text, error, sizeof(error)) ||
        !announcement_is_name(options->name) || options->port == 0)
        return false;
    if (!options->host)
        return true;
    /* An interface's name, as in fe80::1%eth0, means nothing to others. */
    return target_make(&target, options->host, options->port) &&
           !strchr(options->host, '%') &&
           (!announcement_needs_ip(options->text) ||
            address_from_ip(&address, options->host, options->port));
}

/* What is told of us, and may change. */
static bool copy_place(struct announcement *announcement,
                       const struct announcement_options *options)
{
    char *host = options->host ? strdup(options->host) : NULL;

    if (options->host && !host)
        return false;
    free(announcement->host);
    announcement->options.host = announcement->host = host;
    announcement->options.family = options->family;
    announcement->options.port = options->port;
    announcement->options.weight = options->weight;
    announcement->options.priority = options->priority;
    return true;
}

static bool is_same_place(const struct announcement_options *one,
                          const struct announcement_options *other)
{
    return strcmp(one->host ? one->host : "", other->host ? other->host : "") ==
               0 &&
           one->family == other->family && one->port == other->port &&
           one->weight == other->weight && one->priority == other->priority;
}

static bool copy_options(struct announcement *announcement,
                         const struct announcement_options *options)
{
    announcement->options = *options;
    announcement->options.text = announcement->text = strdup(options->text);
    announcement->options.name = announcement->name = strdup(options->name);
    return announcement->text && announcement->name &&
           copy_place(announcement, options);
}

enum status announcement_open(const struct announcement_options *options,
                              struct announcement **result)
{
    struct announcement *announcement;
    enum status status = STATUS_NO_MEMORY;
    const char *rest = NULL;

    if (!can_be(options))
        return STATUS_CONFIG;
    announcement = calloc(1, sizeof(*announcement));
    if (!announcement)
        return STATUS_NO_MEMORY;
    loop_task_init(&announcement->notify, run_notify);
    if (copy_options(announcement, options)) {
        announcement->kind = find_kind(announcement->text, &rest);
        status = announcement->kind->open(announcement, rest,
                                          &announcement->announcer);
    }
    if (status != STATUS_OK) {
        announcement_close(announcement);
        return status;
    }
    *result = announcement;
    return STATUS_OK;
}

enum status announcement_change(struct announcement *announcement,
                                const struct announcement_options *options)
{
    struct announcement_options wanted = *options;

    wanted.text = announcement->text;
    wanted.name = announcement->name;
    if (!can_be(&wanted))
        return STATUS_CONFIG;
    if (is_same_place(&announcement->options, &wanted))
        return STATUS_OK;
    if (!copy_place(announcement, &wanted))
        return STATUS_NO_MEMORY;
    LOG(LOG_INFO, "announcement_changed",
        log_text("announcement", announcement->text),
        log_number("weight", options->weight),
        log_number("priority", options->priority));
    announcement->kind->change(announcement->announcer);
    return STATUS_OK;
}

void announcement_close(struct announcement *announcement)
{
    if (!announcement)
        return;
    if (announcement->announcer)
        announcement->kind->close(announcement->announcer);
    loop_task_cancel(&announcement->notify);
    free(announcement->text);
    free(announcement->name);
    free(announcement->host);
    free(announcement);
}
