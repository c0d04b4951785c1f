/* SPDX-License-Identifier: MIT */
#include "config/keys.h"
#include <string.h>

/* Whether |path| is |key|'s, with any name for the '*'. */
static bool has_path(const struct key *key, const char *path, const char **name,
                     size_t *name_length)
{
    const char *star = strchr(key->path, '*');
    size_t head = star ? (size_t)(star - key->path) : 0;
    size_t tail = star ? strlen(star + 1) : 0;
    size_t length = strlen(path);

    *name = path;
    *name_length = 0;
    if (!star)
        return strcmp(key->path, path) == 0;
    if (length <= head + tail || memcmp(path, key->path, head) != 0 ||
        strcmp(path + length - tail, star + 1) != 0)
        return false;
    *name = path + head;
    *name_length = length - head - tail;
    return true;
}

const struct key *key_find(const char *path, const char **name,
                           size_t *name_length)
{
    size_t count;
    const struct key *keys = keys_all(&count), *found = NULL;
    const char *some_name;
    size_t some_length;

    /*
     * Names may have dots: of "consume.a.health.every" the name is "a" once
     * there is a key health.every, so the longest key is meant.
     */
    for (size_t i = 0; i < count; i++)
        if (has_path(&keys[i], path, &some_name, &some_length) &&
            (!found || some_length < *name_length)) {
            found = &keys[i];
            *name = some_name;
            *name_length = some_length;
        }
    return found;
}

const struct key *key_at(const char *path)
{
    size_t count;
    const struct key *keys = keys_all(&count);

    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i].path, path) == 0)
            return &keys[i];
    return NULL;
}

/* What follows |section| in |path|; NULL if it is not below it. */
static const char *below(const char *path, const char *section)
{
    size_t length = strlen(section);

    if (length == 0)
        return path;
    return strncmp(path, section, length) == 0 && path[length] == '.'
               ? path + length + 1
               : NULL;
}

bool key_is_section(const char *path)
{
    size_t count;
    const struct key *keys = keys_all(&count);

    for (size_t i = 0; i < count; i++)
        if (below(keys[i].path, path))
            return true;
    return false;
}

const char *key_next_word(const char *section, size_t *position, size_t *length)
{
    size_t count;
    const struct key *keys = keys_all(&count);

    while (*position < count) {
        const struct key *key = &keys[(*position)++];
        const char *word = below(key->path, section);

        if (!word || key->type == KEY_LATER)
            continue;
        *length = strcspn(word, ".");
        /* Rows of one section follow each other: pass over the rest of it. */
        while (*position < count) {
            const char *next = below(keys[*position].path, section);

            if (!next || strncmp(next, word, *length) != 0 ||
                (next[*length] != '.' && next[*length] != '\0'))
                break;
            (*position)++;
        }
        return word;
    }
    return NULL;
}
