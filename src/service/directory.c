/* SPDX-License-Identifier: MIT */
#include "service/directory.h"
#include <stdlib.h>
#include <string.h>

struct directory {
    struct source **sources; /* owned; the fallback's after the others */
    size_t count;
    size_t first_fallback;
    struct endpoints *endpoints; /* owned */
    void (*changed)(void *context, const struct endpoints *endpoints);
    void *context;
};

static struct source_report report_of(const struct source *source)
{
    struct source_report report;

    source_report(source, &report);
    return report;
}

/* The sum of all answers; NULL without memory. */
static struct endpoints *add_up(const struct directory *directory)
{
    struct endpoint *items;
    struct endpoints *sum;
    size_t count = 0;

    for (size_t i = 0; i < directory->count; i++) {
        struct source_report report = report_of(directory->sources[i]);

        count += report.endpoints ? report.endpoints->count : 0;
    }
    items = calloc(count + 1, sizeof(*items));
    if (!items)
        return NULL;
    count = 0;
    for (size_t i = 0; i < directory->count; i++) {
        struct source_report report = report_of(directory->sources[i]);

        for (size_t j = 0; report.endpoints && j < report.endpoints->count;
             j++) {
            items[count] = report.endpoints->items[j];
            items[count++].tier = i >= directory->first_fallback;
        }
    }
    sum = endpoints_new(items, count);
    free(items);
    return sum;
}

static void source_changed(void *context, struct source *source)
{
    struct directory *directory = context;
    struct endpoints *sum = add_up(directory);

    (void)source;
    if (!sum || endpoints_equal(sum, directory->endpoints)) {
        free(sum); /* without memory what was known stays known */
        return;
    }
    free(directory->endpoints);
    directory->endpoints = sum;
    directory->changed(directory->context, sum);
}

static enum status open_sources(struct directory *directory,
                                const struct text_list *texts,
                                const struct source_world *world)
{
    for (size_t i = 0; i < texts->count; i++) {
        struct source_options source = { .text = texts->items[i],
                                         .world = world,
                                         .changed = source_changed,
                                         .context = directory };
        enum status status;

        if (strcmp(source.text, "inbound:") == 0)
            continue;
        status = source_open(&source, &directory->sources[directory->count]);
        if (status != STATUS_OK)
            return status;
        directory->count++;
    }
    return STATUS_OK;
}

enum status directory_open(const struct directory_options *options,
                           struct directory **opened)
{
    struct directory *directory = calloc(1, sizeof(*directory));
    enum status status = STATUS_NO_MEMORY;

    if (!directory)
        return STATUS_NO_MEMORY;
    directory->changed = options->changed;
    directory->context = options->context;
    directory->endpoints = endpoints_new(NULL, 0);
    directory->sources =
        calloc(options->sources->count + options->fallback->count + 1,
               sizeof(*directory->sources));
    if (directory->endpoints && directory->sources)
        status = open_sources(directory, options->sources, options->world);
    directory->first_fallback = directory->count;
    if (status == STATUS_OK)
        status = open_sources(directory, options->fallback, options->world);
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
    for (size_t i = 0; directory->sources && i < directory->count; i++)
        source_close(directory->sources[i]);
    free(directory->sources);
    free(directory->endpoints);
    free(directory);
}

const struct endpoints *directory_endpoints(const struct directory *directory)
{
    return directory->endpoints;
}

const struct source *directory_source(const struct directory *directory,
                                      size_t index)
{
    return index < directory->count ? directory->sources[index] : NULL;
}

bool directory_is_fallback(const struct directory *directory, size_t index)
{
    return index >= directory->first_fallback;
}

const char *directory_source_of(const struct directory *directory,
                                const struct address *address)
{
    for (size_t i = 0; i < directory->count; i++) {
        struct source_report report = report_of(directory->sources[i]);

        if (endpoints_have(report.endpoints, address))
            return source_text(directory->sources[i]);
    }
    return "";
}
