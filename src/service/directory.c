/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* asprintf() */
#include "service/directory.h"
#include "discovery/setting.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct source_list {
    struct source **items; /* owned; the fallback's after the others */
    size_t count;
    size_t first_fallback;
};

struct directory {
    struct source_list sources;
    struct directory_setting setting; /* counts, if it has a source */
    struct directory_setting coming;  /* will, likewise */
    struct endpoints *endpoints;      /* owned */
    bool is_older;                    /* those of the sources before */
    const struct source_world *world;
    void (*changed)(void *context, const struct endpoints *endpoints);
    void *context;
};

/* ---- the sum ---- */

static const struct endpoints *answer_of(const struct source *source)
{
    struct source_report report;

    source_report(source, &report);
    return report.endpoints;
}

static bool has_endpoint(const struct source *source)
{
    const struct endpoints *answer = answer_of(source);

    return answer && answer->count > 0;
}

/* The sum of all answers; NULL without memory. */
static struct endpoints *add_up(const struct source_list *list)
{
    struct endpoint *items;
    struct endpoints *sum;
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++) {
        const struct endpoints *answer = answer_of(list->items[i]);

        count += answer ? answer->count : 0;
    }
    items = calloc(count + 1, sizeof(*items));
    if (!items)
        return NULL;
    count = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct endpoints *answer = answer_of(list->items[i]);

        for (size_t j = 0; answer && j < answer->count; j++) {
            items[count] = answer->items[j];
            items[count++].tier = i >= list->first_fallback;
        }
    }
    sum = endpoints_new(items, count);
    free(items);
    return sum;
}

static struct endpoints *sum_of(struct directory *directory)
{
    struct source_list set = { .items = &directory->setting.source,
                               .count = 1,
                               .first_fallback = 1 };
    bool is_set = directory->setting.source != NULL;
    struct endpoints *sum = add_up(is_set ? &set : &directory->sources);

    if (sum)
        sum->is_set = is_set;
    return sum;
}

static void look_again(struct directory *directory)
{
    struct endpoints *sum = sum_of(directory);

    if (!sum || endpoints_equal(sum, directory->endpoints)) {
        free(sum); /* without memory what was known stays known */
        return;
    }
    free(directory->endpoints);
    directory->endpoints = sum;
    directory->changed(directory->context, sum);
}

static void clear_setting(struct directory_setting *setting)
{
    source_close(setting->source);
    *setting = (struct directory_setting){ .source = NULL };
}

static bool has_any_answer(const struct source_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (answer_of(list->items[i]))
            return true;
    return false;
}

static void take_coming(struct directory *directory)
{
    clear_setting(&directory->setting);
    directory->setting = directory->coming;
    directory->coming = (struct directory_setting){ .source = NULL };
    look_again(directory);
}

static void source_changed(void *context, struct source *source)
{
    struct directory *directory = context;

    if (source == directory->coming.source) {
        if (has_endpoint(source))
            take_coming(directory);
        return;
    }
    if (!directory->setting.source && directory->is_older) {
        if (!has_any_answer(&directory->sources))
            return; /* it has failed: no news */
        directory->is_older = false;
    }
    look_again(directory);
}

/* ---- sources ---- */

static enum status open_source(struct directory *directory, const char *text,
                               struct source **source)
{
    struct source_options options = { .text = text,
                                      .world = directory->world,
                                      .changed = source_changed,
                                      .context = directory };

    return source_open(&options, source);
}

static bool is_listed(const struct source_list *list,
                      const struct source *source)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i] == source)
            return true;
    return false;
}

/* Close those of |list| that |other| does not have. */
static void close_others(struct source_list *list,
                         const struct source_list *other)
{
    for (size_t i = 0; list->items && i < list->count; i++)
        if (!is_listed(other, list->items[i]))
            source_close(list->items[i]);
    free(list->items);
    *list = (struct source_list){ .count = 0 };
}

/* The one that is watched already, if |list| has not got it; or NULL. */
static struct source *find_watched(const struct directory *directory,
                                   const struct source_list *list,
                                   const char *text)
{
    for (size_t i = 0; i < directory->sources.count; i++) {
        struct source *source = directory->sources.items[i];

        if (strcmp(source_text(source), text) == 0 && !is_listed(list, source))
            return source;
    }
    return NULL;
}

static enum status add_sources(struct directory *directory,
                               struct source_list *list,
                               const struct text_list *texts)
{
    for (size_t i = 0; i < texts->count; i++) {
        const char *text = texts->items[i];
        struct source *source = find_watched(directory, list, text);

        if (strcmp(text, "inbound:") == 0)
            continue;
        if (!source) {
            enum status status = open_source(directory, text, &source);

            if (status != STATUS_OK)
                return status;
        }
        list->items[list->count++] = source;
    }
    return STATUS_OK;
}

/* Those that are watched already, and new ones. */
static enum status open_list(struct directory *directory,
                             struct source_list *list,
                             const struct text_list *sources,
                             const struct text_list *fallback)
{
    enum status status;

    *list = (struct source_list){ .items = calloc(sources->count +
                                                      fallback->count + 1,
                                                  sizeof(struct source *)) };
    if (!list->items)
        return STATUS_NO_MEMORY;
    status = add_sources(directory, list, sources);
    list->first_fallback = list->count;
    if (status == STATUS_OK)
        status = add_sources(directory, list, fallback);
    if (status != STATUS_OK)
        close_others(list, &directory->sources);
    return status;
}

enum status directory_open(const struct directory_options *options,
                           struct directory **opened)
{
    struct directory *directory = calloc(1, sizeof(*directory));
    enum status status = STATUS_NO_MEMORY;

    if (!directory)
        return STATUS_NO_MEMORY;
    directory->world = options->world;
    directory->changed = options->changed;
    directory->context = options->context;
    directory->endpoints = endpoints_new(NULL, 0);
    if (directory->endpoints)
        status = open_list(directory, &directory->sources, options->sources,
                           options->fallback);
    if (status != STATUS_OK) {
        directory_close(directory);
        return status;
    }
    *opened = directory;
    return STATUS_OK;
}

void directory_close(struct directory *directory)
{
    if (!directory)
        return;
    clear_setting(&directory->setting);
    clear_setting(&directory->coming);
    close_others(&directory->sources, &(struct source_list){ .count = 0 });
    free(directory->endpoints);
    free(directory);
}

enum status directory_change(struct directory *directory,
                             const struct text_list *sources,
                             const struct text_list *fallback)
{
    struct source_list list;
    enum status status = open_list(directory, &list, sources, fallback);

    if (status != STATUS_OK)
        return status;
    close_others(&directory->sources, &list);
    directory->sources = list;
    directory->is_older = list.count > 0 && !has_any_answer(&list);
    if (!directory->is_older) /* nobody will say so */
        look_again(directory);
    return STATUS_OK;
}

const struct endpoints *directory_endpoints(const struct directory *directory)
{
    return directory->endpoints;
}

void directory_doubt(struct directory *directory)
{
    for (size_t i = 0; i < directory->sources.count; i++)
        source_doubt(directory->sources.items[i]);
    if (directory->setting.source)
        source_doubt(directory->setting.source);
}

const struct source *directory_source(const struct directory *directory,
                                      size_t index)
{
    return index < directory->sources.count ? directory->sources.items[index]
                                            : NULL;
}

bool directory_is_fallback(const struct directory *directory, size_t index)
{
    return index >= directory->sources.first_fallback;
}

/* ---- what an operator has set ---- */

enum status directory_ask(struct directory *directory, const char *text,
                          struct source **source)
{
    char *whole;
    enum status status;

    if (asprintf(&whole, SETTING_SCHEME "%s", text) < 0)
        return STATUS_NO_MEMORY;
    status = open_source(directory, whole, source);
    free(whole);
    return status;
}

bool directory_set(struct directory *directory,
                   const struct directory_setting *setting, bool may_wait)
{
    clear_setting(&directory->coming);
    if (may_wait && !has_endpoint(setting->source)) {
        directory->coming = *setting;
        return false;
    }
    clear_setting(&directory->setting);
    directory->setting = *setting;
    look_again(directory);
    return true;
}

void directory_unset(struct directory *directory)
{
    clear_setting(&directory->coming);
    clear_setting(&directory->setting);
    look_again(directory);
}

const struct directory_setting *
directory_setting(const struct directory *directory)
{
    return directory->setting.source ? &directory->setting : NULL;
}

const struct directory_setting *
directory_coming(const struct directory *directory)
{
    return directory->coming.source ? &directory->coming : NULL;
}
