/* SPDX-License-Identifier: MIT */
/*
 * What all kinds of sources share: the last good answer, when news of it is
 * applied and told, and what is kept of it on disk.
 *
 *   registry --watcher--> answered --damper--> applied --task--> changed()
 *                    \--> failed: applied stays, and is stale
 *   disk ----(no answer in the first second)--> applied, stale
 */
#include "discovery/source.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "discovery/damper.h"
#include "discovery/kind.h"
#include "discovery/memory.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct source_kind *const kinds[] = {
    &list_kind,      &file_kind, &dns_kind,    &dns_srv_kind,
    &zookeeper_kind, &mdns_kind, &setting_kind
};

/* How long the registry has before we believe the disk. */
static const uint64_t patience_us = CLOCK_SECOND;
/* The disk follows a change this late, and an unchanged answer that seldom. */
static const uint64_t save_delay_us = CLOCK_SECOND;
static const int64_t save_again_s = 600;
static const uint64_t save_retry_us = 10 * CLOCK_SECOND;

struct source {
    const struct source_kind *kind;
    struct source_options options; /* its text is ours */
    char *text;
    struct watcher *watcher;
    struct endpoints *applied; /* what we tell; NULL: never an answer */
    struct endpoints *waiting; /* newer, held by the damper; or NULL */
    struct damper damper;
    struct loop_timer apply_timer;
    struct loop_timer patience_timer;
    struct loop_timer save_timer;
    struct loop_task notify;
    uint64_t answered_us;
    int64_t answered_at;
    int64_t saved_at; /* 0: what is applied is not on disk */
    bool is_saving;   /* the timer runs for something that has to be saved */
    bool has_failed_to_save;
    bool has_recalled; /* whatever came of it */
    bool is_stale;
    bool is_remembered;
    char failure[256];
    uint64_t failed_us;     /* when that was told; 0: no failure */
    uint64_t held_until_us; /* what is waiting */
};

static const struct source_kind *find_kind(const char *text, const char **rest)
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

static void list_forms(char *error, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < ARRAY_LENGTH(kinds) && kinds[i]->form; i++) {
        if (!text_format(error + used, size - used, "%s%s",
                         i == 0 ? "expected " : " or ", kinds[i]->form))
            return;
        used += strlen(error + used);
    }
}

bool source_is_valid(const char *text, char *error, size_t size)
{
    const struct source_kind *kind;
    struct address address;
    const char *rest;
    char host[256];
    uint16_t port;

    kind = find_kind(text, &rest);
    if (kind && kind->form)
        return kind->is_valid(rest, error, size);
    if (strncmp(text, "inbound:", 8) == 0)
        text_format(error, size, "inbound: is only for consume.*.from");
    else if (kind)
        text_format(error, size, "%s: is only for entente %s", kind->scheme,
                    kind->scheme);
    else if (address_parse(&address, text) ||
             address_split(text, host, sizeof(host), &port))
        text_format(error, size, "expected static:%s", text);
    else
        list_forms(error, size);
    return false;
}

const char *source_text(const struct source *source)
{
    return source->text;
}

const struct source_world *source_world(const struct source *source)
{
    return source->options.world;
}

void source_report(const struct source *source, struct source_report *report)
{
    *report = (struct source_report){ .endpoints = source->applied,
                                      .answered_us = source->answered_us,
                                      .answered_at = source->answered_at,
                                      .is_stale = source->is_stale,
                                      .is_remembered = source->is_remembered,
                                      .failed_us = source->failed_us,
                                      .held = source->waiting,
                                      .held_until_us = source->held_until_us };
    memcpy(report->failure, source->failure, sizeof(report->failure));
}

static void run_notify(struct loop_task *task)
{
    struct source *source = CONTAINER_OF(task, struct source, notify);

    source->options.changed(source->options.context, source);
}

static void notify(struct source *source)
{
    loop_schedule(source->options.world->loop, &source->notify);
}

static size_t count_of(const struct endpoints *endpoints)
{
    return endpoints ? endpoints->count : 0;
}

/* Takes ownership of |fresh|. */
static void apply(struct source *source, struct endpoints *fresh)
{
    struct endpoints *old = source->applied;

    LOG_LIMITED(50, LOG_INFO, "source_changed",
                log_text("source", source->text),
                log_number("endpoints", (int64_t)fresh->count),
                log_number("added", (int64_t)endpoints_missing(fresh, old)),
                log_number("removed", (int64_t)endpoints_missing(old, fresh)));
    if (old && !source->is_remembered)
        damper_apply(&source->damper, endpoints_digest(old),
                     endpoints_digest(fresh),
                     loop_now_us(source->options.world->loop));
    source->applied = fresh;
    source->is_remembered = false;
    source->saved_at = 0;
    free(old);
    notify(source);
}

/* ---- the disk ---- */

static bool has_memory(const struct source *source)
{
    const struct source_kind *kind = source->kind;

    return source->options.world->state_directory &&
           !(kind->is_fixed && kind->is_fixed(strchr(source->text, ':') + 1));
}

/* What a registry did not take back stands, however long ago it said so. */
static void confirm(struct source *source)
{
    if (!source->kind->tells_changes || source->is_stale ||
        !source->answered_us)
        return;
    source->answered_us = loop_now_us(source->options.world->loop);
    source->answered_at = clock_wall_seconds();
}

static void save(struct source *source)
{
    const char *directory = source->options.world->state_directory;
    bool is_saved;

    confirm(source);
    if (source->saved_at == source->answered_at)
        return;
    errno = ENOMEM; /* unless it is something else */
    is_saved = memory_save(directory, source->text, source->applied,
                           source->answered_at) == STATUS_OK;
    if (is_saved)
        source->saved_at = source->answered_at;
    else if (!source->has_failed_to_save)
        LOG_LIMITED(10, LOG_WARNING, "source_not_saved",
                    log_text("source", source->text),
                    log_text("state", directory),
                    log_text("reason", strerror(errno)));
    source->has_failed_to_save = !is_saved;
}

static void on_save_timer(struct loop_timer *timer)
{
    struct source *source = CONTAINER_OF(timer, struct source, save_timer);

    save(source);
    source->is_saving = source->has_failed_to_save;
    if (source->is_saving)
        loop_timer_start(timer, save_retry_us);
    else if (source->kind->tells_changes)
        loop_timer_start(timer, (uint64_t)save_again_s * CLOCK_SECOND);
}

static void save_later(struct source *source)
{
    if (!has_memory(source) || source->is_saving ||
        source->answered_at - source->saved_at < save_again_s)
        return;
    source->is_saving = true;
    loop_timer_start(&source->save_timer, save_delay_us);
}

static void recall(struct source *source)
{
    struct memory memory = { 0 };
    enum status status;

    loop_timer_stop(&source->patience_timer);
    if (source->applied || source->has_recalled || !has_memory(source))
        return;
    source->has_recalled = true;
    status = memory_load(source->options.world->state_directory, source->text,
                         clock_wall_seconds(), &memory);
    if (status == STATUS_PROTOCOL)
        LOG(LOG_WARNING, "source_memory_damaged",
            log_text("source", source->text));
    if (status != STATUS_OK)
        return;
    LOG(LOG_WARNING, "source_remembered", log_text("source", source->text),
        log_number("endpoints", (int64_t)memory.endpoints->count),
        log_number("age_s", clock_wall_seconds() - memory.answered_at));
    source->applied = memory.endpoints;
    source->answered_at = memory.answered_at;
    source->is_remembered = source->is_stale = true;
    notify(source);
}

static void note_failure(struct source *source, const char *text)
{
    text_format(source->failure, sizeof(source->failure), "%s", text);
    source->failed_us = *text ? loop_now_us(source->options.world->loop) : 0;
}

static void on_patience_timer(struct loop_timer *timer)
{
    struct source *source = CONTAINER_OF(timer, struct source, patience_timer);

    if (source->failure[0] == '\0')
        note_failure(source, "has not answered since the start");
    recall(source);
}

/* ---- what watchers say ---- */

static void forget_waiting(struct source *source)
{
    damper_withdraw(&source->damper);
    loop_timer_stop(&source->apply_timer);
    free(source->waiting);
    source->waiting = NULL;
}

static void on_apply_timer(struct loop_timer *timer)
{
    struct source *source = CONTAINER_OF(timer, struct source, apply_timer);
    struct endpoints *fresh = source->waiting;

    source->waiting = NULL;
    apply(source, fresh);
    save_later(source);
}

/* Takes ownership of |fresh|, which differs from what is applied. */
static void offer(struct source *source, struct endpoints *fresh)
{
    uint64_t now_us = loop_now_us(source->options.world->loop);
    uint64_t at_us =
        damper_offer(&source->damper, endpoints_digest(fresh), now_us);

    if (!source->applied || source->is_remembered || at_us <= now_us) {
        forget_waiting(source);
        apply(source, fresh);
        return;
    }
    if (at_us - now_us > source->kind->interval_us)
        LOG_LIMITED(1, LOG_INFO, "source_flaps",
                    log_text("source", source->text),
                    log_number("held_ms", (int64_t)((at_us - now_us) / 1000)));
    free(source->waiting);
    source->waiting = fresh;
    source->held_until_us = at_us;
    loop_timer_start(&source->apply_timer, at_us - now_us);
}

static void set_remark(struct source *source, const char *remark)
{
    char text[sizeof(source->failure)];

    text_format(text, sizeof(text), "%s", remark ? remark : "");
    if (strcmp(source->failure, text) != 0) {
        if (remark)
            LOG_LIMITED(10, LOG_WARNING, "source_incomplete",
                        log_text("source", source->text),
                        log_text("reason", text));
        notify(source);
    }
    note_failure(source, text);
}

/* Takes ownership of |fresh|. */
static void take(struct source *source, struct endpoints *fresh)
{
    if (source->applied && endpoints_equal(source->applied, fresh)) {
        source->is_remembered = false;
        forget_waiting(source);
        free(fresh);
    } else {
        offer(source, fresh);
    }
    save_later(source);
}

void source_revised(struct source *source, const struct endpoint *items,
                    size_t count)
{
    struct endpoints *fresh = endpoints_new(items, count);

    if (fresh)
        take(source, fresh);
    else
        source_failed(source, "out of memory");
}

void source_answered(struct source *source, const struct endpoint *items,
                     size_t count, const char *remark)
{
    struct endpoints *fresh = endpoints_new(items, count);

    if (!fresh) {
        source_failed(source, "out of memory");
        return;
    }
    loop_timer_stop(&source->patience_timer);
    source->answered_us = loop_now_us(source->options.world->loop);
    source->answered_at = clock_wall_seconds();
    if (source->is_stale) {
        LOG(LOG_INFO, "source_recovered", log_text("source", source->text));
        notify(source);
    }
    source->is_stale = false;
    set_remark(source, remark);
    take(source, fresh);
}

void source_tell(struct source *source, const struct targets_report *report)
{
    if (report->all_failed)
        source_failed(source, "%s", report->failure);
    else
        source_answered(source, report->items, report->count, report->failure);
}

void source_failed(struct source *source, const char *format, ...)
{
    char text[sizeof(source->failure)];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (!source->is_stale || strcmp(source->failure, text) != 0) {
        LOG_LIMITED(10, LOG_WARNING, "source_failed",
                    log_text("source", source->text), log_text("reason", text),
                    log_number("kept", (int64_t)count_of(source->applied)));
        notify(source);
    }
    note_failure(source, text);
    confirm(source);
    source->is_stale = true;
    recall(source);
}

/* ---- life ---- */

enum status source_open(const struct source_options *options,
                        struct source **result)
{
    const char *rest = NULL;
    const struct source_kind *kind = find_kind(options->text, &rest);
    struct loop *loop = options->world->loop;
    struct source *source;
    enum status status;
    char error[256];

    if (!kind || !kind->is_valid(rest, error, sizeof(error)))
        return STATUS_CONFIG;
    source = calloc(1, sizeof(*source));
    if (!source)
        return STATUS_NO_MEMORY;
    source->kind = kind;
    source->options = *options;
    damper_init(&source->damper, kind->interval_us, kind->may_flap);
    loop_timer_init(loop, &source->apply_timer, on_apply_timer);
    loop_timer_init(loop, &source->patience_timer, on_patience_timer);
    loop_timer_init(loop, &source->save_timer, on_save_timer);
    loop_task_init(&source->notify, run_notify);
    source->text = strdup(options->text);
    status = source->text ? kind->open(source, strchr(source->text, ':') + 1,
                                       &source->watcher)
                          : STATUS_NO_MEMORY;
    if (status != STATUS_OK) {
        source_close(source);
        return status;
    }
    if (!source->applied && has_memory(source))
        loop_timer_start(&source->patience_timer, patience_us);
    *result = source;
    return STATUS_OK;
}

void source_close(struct source *source)
{
    if (!source)
        return;
    if (loop_timer_is_running(&source->save_timer))
        save(source);
    if (source->watcher)
        source->kind->close(source->watcher);
    loop_timer_stop(&source->apply_timer);
    loop_timer_stop(&source->patience_timer);
    loop_timer_stop(&source->save_timer);
    loop_task_cancel(&source->notify);
    free(source->applied);
    free(source->waiting);
    free(source->text);
    free(source);
}

void source_doubt(struct source *source)
{
    if (source->kind->doubt)
        source->kind->doubt(source->watcher);
}
