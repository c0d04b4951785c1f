/* SPDX-License-Identifier: MIT */
#include "config/origins.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void origins_free(struct origins *origins)
{
    if (!origins)
        return;
    for (size_t i = 0; i < origins->group_count; i++) {
        for (size_t j = 0; j < origins->groups[i].count; j++)
            free(origins->groups[i].items[j].text);
        free(origins->groups[i].items);
    }
    free(origins->groups);
    free(origins->file);
    free(origins);
}

/* Of |service|, or of the ambassador: SIZE_MAX + 1 is 0. */
static size_t group_index(size_t service)
{
    return service + 1;
}

static struct origin *find(const struct origins *origins, const struct key *key,
                           size_t service, size_t item)
{
    size_t index = group_index(service);
    const struct origin_group *group;

    if (index >= origins->group_count)
        return NULL;
    group = &origins->groups[index];
    for (size_t i = 0; i < group->count; i++)
        if (group->items[i].key == key && group->items[i].item == item)
            return &group->items[i];
    return NULL;
}

const char *origins_find(const struct origins *origins, const struct key *key,
                         size_t service, size_t item)
{
    const struct origin *origin = find(origins, key, service, item);

    return origin ? origin->text : NULL;
}

/* NULL without memory. */
static struct origin_group *need_group(struct origins *origins, size_t service)
{
    size_t count = group_index(service) + 1;
    struct origin_group *groups;

    if (count > origins->group_count) {
        groups = realloc(origins->groups, count * sizeof(*groups));
        if (!groups)
            return NULL;
        memset(groups + origins->group_count, 0,
               (count - origins->group_count) * sizeof(*groups));
        origins->groups = groups;
        origins->group_count = count;
    }
    return &origins->groups[count - 1];
}

static bool make_room(struct origin_group *group)
{
    size_t capacity = group->capacity ? group->capacity * 2 : 8;
    struct origin *items;

    if (group->count < group->capacity)
        return true;
    items = realloc(group->items, capacity * sizeof(*items));
    if (!items)
        return false;
    group->items = items;
    group->capacity = capacity;
    return true;
}

bool origins_add(struct origins *origins, const struct key *key, size_t service,
                 size_t item, const char *text)
{
    struct origin *known = find(origins, key, service, item);
    struct origin_group *group = need_group(origins, service);
    char *copy = strdup(text);

    if (!copy || !group || (!known && !make_room(group))) {
        free(copy);
        return false;
    }
    if (known) {
        free(known->text);
        known->text = copy;
    } else {
        group->items[group->count++] =
            (struct origin){ .key = key, .item = item, .text = copy };
    }
    return true;
}

void origins_remove(struct origins *origins, const struct key *key,
                    size_t service)
{
    size_t index = group_index(service), kept = 0;
    struct origin_group *group;

    if (index >= origins->group_count)
        return;
    group = &origins->groups[index];
    for (size_t i = 0; i < group->count; i++) {
        if (group->items[i].key == key)
            free(group->items[i].text);
        else
            group->items[kept++] = group->items[i];
    }
    group->count = kept;
}

/* ---- saying so ---- */

enum status origins_refuse(struct config_error *error, const char *origin,
                           const char *format, ...)
{
    size_t used = 0;
    va_list arguments;

    error->is_incomplete = false;
    error->text[0] = '\0';
    if (origin) {
        /* A long path must not push out what is wrong. */
        (void)text_format(error->text, sizeof(error->text), "%.500s: ", origin);
        used = strlen(error->text);
    }
    va_start(arguments, format);
    (void)vsnprintf(error->text + used, sizeof(error->text) - used, format,
                    arguments);
    va_end(arguments);
    return STATUS_CONFIG;
}

enum status origins_no_memory(struct config_error *error)
{
    (void)origins_refuse(error, NULL, "out of memory");
    return STATUS_NO_MEMORY;
}

const char *origins_quote(const char *text, char *quoted)
{
    static const char hexadecimal[] = "0123456789abcdef";
    size_t used = 0;

    quoted[used++] = '"';
    for (; *text != '\0' && used < ORIGINS_QUOTE - 10; text++) {
        unsigned char byte = (unsigned char)*text;

        if (byte >= ' ' && byte < 0x7f) {
            quoted[used++] = *text;
            continue;
        }
        quoted[used++] = '\\';
        quoted[used++] = 'x';
        quoted[used++] = hexadecimal[byte >> 4];
        quoted[used++] = hexadecimal[byte & 15];
    }
    for (int dots = 0; *text != '\0' && dots < 3; dots++)
        quoted[used++] = '.';
    quoted[used++] = '"';
    quoted[used] = '\0';
    return quoted;
}
