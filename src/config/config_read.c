/* SPDX-License-Identifier: MIT */
/* A file into a config: the tree of document.c against the table of keys. */
#include "config/config_internal.h"
#include "config/document.h"
#include "config/rule.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    struct config *config;
    const char *name;
    struct config_error *error;
};

enum { ORIGIN_TEXT = 600, PATH_TEXT = 96 };

static const char *format_origin(const struct reading *reading,
                                 struct document_place place, char *origin)
{
    if (place.line == 0)
        (void)text_format(origin, ORIGIN_TEXT, "%.500s", reading->name);
    else
        (void)text_format(origin, ORIGIN_TEXT, "%.500s:%zu:%zu", reading->name,
                          place.line, place.column);
    return origin;
}

static enum status refuse_kind(const struct reading *reading,
                               const struct document_node *node,
                               const char *expected)
{
    char origin[ORIGIN_TEXT], quoted[ORIGINS_QUOTE];
    const char *instead = "";

    switch (node->kind) {
    case DOCUMENT_NOTHING:
        instead = "nothing";
        break;
    case DOCUMENT_TEXT:
        instead = origins_quote(node->text, quoted);
        break;
    case DOCUMENT_LIST:
        instead = "a list";
        break;
    case DOCUMENT_MAP:
        instead = "a map";
        break;
    }
    return origins_refuse(reading->error,
                          format_origin(reading, node->place, origin),
                          "expected %s, not %s", expected, instead);
}

/* ---- values ---- */

/*
 * YAML takes `[inbound:]` for a list of a map of a key without a value; it is
 * the text "inbound:", in |text| then.
 */
static bool is_text_with_colon(const struct document_node *node, char *text)
{
    const struct document_node *only = node->children;

    return node->kind == DOCUMENT_MAP && only && !only->next &&
           only->kind == DOCUMENT_NOTHING &&
           text_format(text, ORIGIN_TEXT, "%s:", only->key);
}

static enum status read_value(const struct reading *reading,
                              const struct document_node *node,
                              const struct key *key, size_t service)
{
    char origin[ORIGIN_TEXT], text[ORIGIN_TEXT], expected[256];
    struct config_place place = { key, service,
                                  format_origin(reading, node->place, origin) };

    if (node->kind == DOCUMENT_TEXT)
        return config_put(reading->config, &place, node->text, reading->error);
    if (is_text_with_colon(node, text))
        return config_put(reading->config, &place, text, reading->error);
    rule_expected(key, expected, sizeof(expected));
    return refuse_kind(reading, node, expected);
}

static enum status read_key(const struct reading *reading,
                            const struct document_node *node,
                            const struct key *key, size_t service)
{
    char origin[ORIGIN_TEXT];
    struct config_place place = {
        key, service, format_origin(reading, node->key_place, origin)
    };
    enum status status =
        config_mention(reading->config, &place, reading->error);

    if (status || node->kind != DOCUMENT_LIST || !key_is_list(key))
        return status ? status : read_value(reading, node, key, service);
    for (node = node->children; node && !status; node = node->next)
        status = read_value(reading, node, key, service);
    return status;
}

/* ---- sections ---- */

static enum status read_section(const struct reading *reading,
                                const struct document_node *map,
                                const char *section, size_t service);

/* "consume:" with all below it commented out is fine; a list is not. */
static enum status check_map(const struct reading *reading,
                             const struct document_node *node,
                             const char *section)
{
    char expected[256] = "a map of ";
    size_t used = strlen(expected), position = 0, length;
    const char *word;

    if (node->kind == DOCUMENT_MAP || node->kind == DOCUMENT_NOTHING)
        return STATUS_OK;
    for (size_t i = 0; (word = key_next_word(section, &position, &length));
         i++) {
        (void)text_format(expected + used, sizeof(expected) - used, "%s%.*s",
                          i > 0 ? ", " : "", (int)length, word);
        used += strlen(expected + used);
    }
    return refuse_kind(reading, node, expected);
}

/* |section| is "consume.*" or "offer.*". */
static enum status read_services(const struct reading *reading,
                                 const struct document_node *map,
                                 const char *section)
{
    bool is_offer = strcmp(section, "offer.*") == 0;
    enum status status = STATUS_OK;
    char origin[ORIGIN_TEXT];
    size_t service;

    if (map->kind != DOCUMENT_MAP && map->kind != DOCUMENT_NOTHING)
        return refuse_kind(reading, map, "a map of services by their names");
    for (const struct document_node *node = map->children; node && !status;
         node = node->next) {
        status =
            config_need_service(reading->config, is_offer, node->key,
                                format_origin(reading, node->key_place, origin),
                                &service, reading->error);
        if (!status)
            status = check_map(reading, node, section);
        if (!status)
            status = read_section(reading, node, section, service);
    }
    return status;
}

/* What |node|'s key means below |section|. */
static enum status read_entry(const struct reading *reading,
                              const struct document_node *node,
                              const char *section, size_t service)
{
    char path[PATH_TEXT], names[PATH_TEXT + 2], origin[ORIGIN_TEXT];
    bool fits = text_format(path, sizeof(path), "%s%s%s", section,
                            section[0] ? "." : "", node->key);
    const struct key *key = fits ? key_at(path) : NULL;
    enum status status;

    /* Those are of the table's paths, not of words. */
    if (!fits || strpbrk(node->key, ".*") || (!key && !key_is_section(path)))
        return config_refuse_word(format_origin(reading, node->key_place,
                                                origin),
                                  section, node->key, reading->error);
    if (key)
        return read_key(reading, node, key, service);
    (void)text_format(names, sizeof(names), "%s.*", path);
    if (key_is_section(names))
        return read_services(reading, node, names);
    status = check_map(reading, node, path);
    return status ? status : read_section(reading, node, path, service);
}

static enum status read_section(const struct reading *reading,
                                const struct document_node *map,
                                const char *section, size_t service)
{
    enum status status = STATUS_OK;

    for (const struct document_node *node = map->children; node && !status;
         node = node->next)
        status = read_entry(reading, node, section, service);
    return status;
}

/* ---- texts and files ---- */

static bool remember_file(struct config *config, const char *name)
{
    char *copy = strdup(name);

    if (!copy)
        return false;
    free(config->origins->file);
    config->origins->file = copy;
    return true;
}

enum status config_add_text(struct config *config, const char *name,
                            const char *text, size_t length,
                            struct config_error *error)
{
    struct reading reading = { config, name, error };
    struct document_error wrong;
    struct document_node *root;
    char origin[ORIGIN_TEXT];
    enum status status;

    if (!remember_file(config, name))
        return origins_no_memory(error);
    status = document_parse(text, length, &root, &wrong);
    if (status == STATUS_CONFIG)
        return origins_refuse(error,
                              format_origin(&reading, wrong.place, origin),
                              "%s", wrong.text);
    if (status)
        return origins_no_memory(error);
    status = check_map(&reading, root, "");
    if (!status)
        status = read_section(&reading, root, "", ORIGINS_AMBASSADOR);
    document_free(root);
    return status;
}

enum status config_parse(const char *name, const char *text, size_t length,
                         struct config **config, struct config_error *error)
{
    struct config *made = config_new();
    enum status status;

    if (!made)
        return origins_no_memory(error);
    status = config_add_text(made, name, text, length, error);
    if (!status)
        status = config_check(made, error);
    if (status) {
        config_free(made);
        return status;
    }
    *config = made;
    return STATUS_OK;
}

static enum status refuse_file(struct config_error *error, const char *path)
{
    (void)origins_refuse(error, path, "cannot be read: %s", strerror(errno));
    return STATUS_IO;
}

enum status config_add_file(struct config *config, const char *path,
                            struct config_error *error)
{
    FILE *file = fopen(path, "re");
    enum status status;
    size_t length;
    char *text;

    if (!file)
        return refuse_file(error, path);
    text = malloc(DOCUMENT_MAX_BYTES + 1); /* one more, to see it is too long */
    if (!text) {
        fclose(file);
        return origins_no_memory(error);
    }
    length = fread(text, 1, DOCUMENT_MAX_BYTES + 1, file);
    if (ferror(file))
        status = refuse_file(error, path);
    else
        status = config_add_text(config, path, text, length, error);
    free(text);
    fclose(file);
    return status;
}

enum status config_load(const char *path, struct config **config,
                        struct config_error *error)
{
    struct config *made = config_new();
    enum status status;

    if (!made)
        return origins_no_memory(error);
    status = config_add_file(made, path, error);
    if (!status)
        status = config_check(made, error);
    if (status) {
        config_free(made);
        return status;
    }
    config_complete(made);
    *config = made;
    return STATUS_OK;
}
