/* SPDX-License-Identifier: MIT */
#include "discovery/setting.h"
#include "base/text.h"
#include "discovery/endpoint_file.h"
#include "discovery/kind.h"
#include "discovery/small_file.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* To the reader of lines a comment. */
static const char end_mark[] = "\n# end\n";

/* ---- the lines ---- */

static enum status parse(const char *text, struct endpoint_file *file,
                         char *error, size_t size)
{
    static const char line[] = "line ";
    char reason[256];
    enum status status =
        endpoint_file_parse(file, ENDPOINT_FILE_LINES, text, strlen(text),
                            reason, sizeof(reason));
    bool says_line =
        status == STATUS_CONFIG && strncmp(reason, line, sizeof(line) - 1) == 0;

    if (status == STATUS_OK && file->count > 0)
        return STATUS_OK;
    if (status == STATUS_OK) { /* "none" */
        free(file->items);
        text_format(error, size, "no endpoint");
        return STATUS_CONFIG;
    }
    if (says_line) /* to whoever typed them they are no lines */
        text_format(error, size, "endpoint %s", reason + sizeof(line) - 1);
    else
        text_format(error, size, "%s", status_text(status));
    return status;
}

bool setting_is_valid(const char *text, char *error, size_t size)
{
    struct endpoint_file file;

    if (text[strspn(text, " \t\r\n")] == '\0') {
        text_format(error, size, "no endpoint");
        return false;
    }
    if (strlen(text) > SETTING_MAX_BYTES - sizeof(end_mark)) {
        text_format(error, size, "more than %d bytes of endpoints",
                    SETTING_MAX_BYTES - (int)sizeof(end_mark));
        return false;
    }
    if (parse(text, &file, error, size) != STATUS_OK)
        return false;
    free(file.items);
    return true;
}

/* ---- a source of them ---- */

struct setting_watcher {
    struct watcher watcher;
    struct targets *targets; /* NULL: no name is among them */
};

/* False if |target| is a name, which has to be looked up. */
static bool make_endpoint(struct endpoint *endpoint,
                          const struct target *target)
{
    *endpoint = (struct endpoint){ .priority = target->priority,
                                   .weight = target->weight };
    target_name(target, endpoint->name, sizeof(endpoint->name));
    return target->port == 0 ? address_parse(&endpoint->address, target->host)
                             : address_from_ip(&endpoint->address, target->host,
                                               target->port);
}

/* All of |file| if none is a name; NULL if one is, or without memory. */
static struct endpoint *make_endpoints(const struct endpoint_file *file)
{
    struct endpoint *items = calloc(file->count, sizeof(*items));

    for (size_t i = 0; items && i < file->count; i++)
        if (!make_endpoint(&items[i], &file->items[i])) {
            free(items);
            return NULL;
        }
    return items;
}

static bool is_fixed(const char *rest)
{
    struct endpoint_file file;
    struct endpoint *items;
    char error[256];

    if (parse(rest, &file, error, sizeof(error)) != STATUS_OK)
        return false;
    items = make_endpoints(&file);
    free(file.items);
    free(items);
    return items != NULL;
}

static void on_targets(void *context, const struct targets_report *report)
{
    struct setting_watcher *self = context;

    source_tell(self->watcher.source, report);
}

static enum status watch(struct setting_watcher *self,
                         const struct endpoint_file *file)
{
    const struct source_world *world = source_world(self->watcher.source);
    struct targets_options options = { .loop = world->loop,
                                       .resolver = world->resolver,
                                       .changed = on_targets,
                                       .context = self };

    self->targets = targets_new(&options);
    if (!self->targets)
        return STATUS_NO_MEMORY;
    return targets_set(self->targets, file->items, file->count, NULL);
}

static void close_setting(struct watcher *watcher)
{
    struct setting_watcher *self =
        CONTAINER_OF(watcher, struct setting_watcher, watcher);

    targets_free(self->targets);
    free(self);
}

/* Without a name the answer is there at once: nobody need wait for it. */
static enum status open_setting(struct source *source, const char *rest,
                                struct watcher **watcher)
{
    struct setting_watcher *self = calloc(1, sizeof(*self));
    struct endpoint_file file = { .count = 0 };
    enum status status = STATUS_NO_MEMORY;
    struct endpoint *items;
    char error[256];

    if (!self)
        return STATUS_NO_MEMORY;
    self->watcher.source = source;
    status = parse(rest, &file, error, sizeof(error));
    if (status != STATUS_OK) {
        free(self);
        return status;
    }
    items = make_endpoints(&file);
    if (items)
        source_answered(source, items, file.count, NULL);
    else
        status = watch(self, &file);
    free(items);
    free(file.items);
    if (status != STATUS_OK) {
        close_setting(&self->watcher);
        return status;
    }
    *watcher = &self->watcher;
    return STATUS_OK;
}

static void doubt(struct watcher *watcher)
{
    struct setting_watcher *self =
        CONTAINER_OF(watcher, struct setting_watcher, watcher);

    if (self->targets)
        targets_doubt(self->targets);
}

const struct source_kind setting_kind = { .scheme = "set",
                                          .form = NULL,
                                          .interval_us = UINT64_C(1000000),
                                          .may_flap = true,
                                          .is_valid = setting_is_valid,
                                          .open = open_setting,
                                          .close = close_setting,
                                          .doubt = doubt,
                                          .is_fixed = is_fixed };

/* ---- the disk ---- */

enum { NAME = 96 };

static bool file_name(char name[NAME], const char *key)
{
    return text_format(name, NAME, "set-%s.list", key);
}

enum status setting_save(const char *directory, const char *key,
                         const char *text)
{
    char name[NAME], content[SETTING_MAX_BYTES + 1];

    if (!file_name(name, key) ||
        !text_format(content, sizeof(content), "%s%s", text, end_mark)) {
        errno = ENAMETOOLONG;
        return STATUS_CONFIG;
    }
    return small_file_replace(directory, name, content);
}

enum status setting_forget(const char *directory, const char *key)
{
    char name[NAME], path[PATH_MAX];

    if (!file_name(name, key) ||
        !text_format(path, sizeof(path), "%s/%s", directory, name))
        return STATUS_OK; /* nor could it be saved */
    return unlink(path) == 0 || errno == ENOENT || errno == ENOTDIR
               ? STATUS_OK
               : STATUS_CONFIG;
}

enum status setting_decode(const char *bytes, size_t length, char **text)
{
    size_t mark = sizeof(end_mark) - 1;
    char error[256], *copy;

    if (length < mark || length > SETTING_MAX_BYTES ||
        memcmp(bytes + length - mark, end_mark, mark) != 0 ||
        memchr(bytes, '\0', length))
        return STATUS_PROTOCOL;
    copy = strndup(bytes, length - mark);
    if (!copy)
        return STATUS_NO_MEMORY;
    if (!setting_is_valid(copy, error, sizeof(error))) {
        free(copy);
        return STATUS_PROTOCOL;
    }
    *text = copy;
    return STATUS_OK;
}

enum status setting_load(const char *directory, const char *key, char **text,
                         int64_t *at)
{
    enum status status;
    char name[NAME], *bytes;
    size_t length;

    if (!file_name(name, key))
        return STATUS_CLOSED;
    status = small_file_read(directory, name, SETTING_MAX_BYTES, &bytes,
                             &length, at);
    if (status != STATUS_OK)
        return status;
    status = setting_decode(bytes, length, text);
    free(bytes);
    return status;
}
