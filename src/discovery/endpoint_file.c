/* SPDX-License-Identifier: MIT */
#include "discovery/endpoint_file.h"
#include "base/text.h"
#include "discovery/endpoint_file_internal.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LINE = 512 };

enum endpoint_file_format endpoint_file_format(const char *path)
{
    static const char *const endings[] = { ".yaml", ".yml", ".json" };
    size_t length = strlen(path);

    for (size_t i = 0; i < ARRAY_LENGTH(endings); i++) {
        size_t end = strlen(endings[i]);

        if (length > end && strcmp(path + length - end, endings[i]) == 0)
            return ENDPOINT_FILE_YAML;
    }
    return ENDPOINT_FILE_LINES;
}

bool file_reader_refuse(struct file_reader *reader, const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (reader->line == 0) /* it has none */
        text_format(reader->error, reader->error_size, "%s", text);
    else
        text_format(reader->error, reader->error_size, "line %zu: %s",
                    reader->line, text);
    return false;
}

struct target *file_reader_add(struct file_reader *reader, const char *address)
{
    struct endpoint_file *file = reader->file;
    struct target *target = &file->items[file->count];
    char error[256];

    if (file->count == TARGETS_MAX) {
        file_reader_refuse(reader, "more than %d endpoints", TARGETS_MAX);
        return NULL;
    }
    if (!target_parse(target, address, error, sizeof(error))) {
        file_reader_refuse(reader, "%s", error);
        return NULL;
    }
    file->count++;
    return target;
}

bool file_reader_set(struct file_reader *reader, struct target *target,
                     const char *key, const char *value)
{
    bool is_weight = strcmp(key, "weight") == 0;
    uint64_t number;

    if (!is_weight && strcmp(key, "priority") != 0)
        return file_reader_refuse(reader, "expected weight or priority, got %s",
                                  key);
    if (!text_parse_number(value, 0, UINT16_MAX, &number))
        return file_reader_refuse(
            reader, "%s: expected a number from 0 to 65535, got %s", key,
            value);
    if (is_weight)
        target->weight = (uint16_t)number;
    else
        target->priority = (uint16_t)number;
    return true;
}

/* ---- lines ---- */

static bool read_option(struct file_reader *reader, struct target *target,
                        char *word)
{
    char *equals = strchr(word, '=');

    if (!equals)
        return file_reader_refuse(reader,
                                  "expected weight=N or priority=N, "
                                  "got %s",
                                  word);
    *equals = '\0';
    return file_reader_set(reader, target, word, equals + 1);
}

static bool read_line(struct file_reader *reader, char *line)
{
    static const char blanks[] = " \t\r";
    char *rest = NULL, *word = strtok_r(line, blanks, &rest);
    struct target *target;

    if (!word || word[0] == '#')
        return true;
    if (strcmp(word, "none") == 0) {
        reader->is_none = true;
        return true;
    }
    target = file_reader_add(reader, word);
    if (!target)
        return false;
    while ((word = strtok_r(NULL, blanks, &rest)) && word[0] != '#')
        if (!read_option(reader, target, word))
            return false;
    return true;
}

static bool read_lines(struct file_reader *reader, const char *bytes,
                       size_t length)
{
    size_t at = 0;

    while (at < length) {
        const char *end = memchr(bytes + at, '\n', length - at);
        size_t used = end ? (size_t)(end - bytes) - at : length - at;
        char line[MAX_LINE];

        reader->line++;
        if (used >= sizeof(line))
            return file_reader_refuse(reader, "longer than %d bytes",
                                      MAX_LINE - 1);
        memcpy(line, bytes + at, used);
        line[used] = '\0';
        if (strlen(line) != used)
            return file_reader_refuse(reader, "not a text");
        if (!read_line(reader, line))
            return false;
        at += used + 1;
    }
    return true;
}

static bool read_file(struct file_reader *reader,
                      enum endpoint_file_format format, const char *bytes,
                      size_t length)
{
    bool whole = format == ENDPOINT_FILE_YAML
                     ? file_reader_yaml(reader, bytes, length)
                     : read_lines(reader, bytes, length);

    if (!whole)
        return false;
    if (reader->is_none != (reader->file->count == 0))
        return file_reader_refuse(
            reader,
            reader->is_none ? "there is none, and there are some"
                            : "no endpoint in it; write %s if there is none",
            format == ENDPOINT_FILE_YAML ? "[]" : "none");
    return true;
}

enum status endpoint_file_parse(struct endpoint_file *file,
                                enum endpoint_file_format format,
                                const char *bytes, size_t length, char *error,
                                size_t size)
{
    struct file_reader reader = { .file = file,
                                  .error = error,
                                  .error_size = size };

    *file = (struct endpoint_file){ .items = calloc(TARGETS_MAX + 1,
                                                    sizeof(*file->items)) };
    if (!file->items)
        return STATUS_NO_MEMORY;
    if (read_file(&reader, format, bytes, length))
        return STATUS_OK;
    free(file->items);
    *file = (struct endpoint_file){ 0 };
    return STATUS_CONFIG;
}
