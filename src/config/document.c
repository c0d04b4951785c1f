/* SPDX-License-Identifier: MIT */
/*
 * libyaml's events, read by recursive descent into a tree.  What a program may
 * ignore, but an operator did not mean to be ignored, is refused here: second
 * documents, anchors, aliases, tags, keys that come twice.
 */
#include "base/text.h"
#include "config/document_internal.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void document_free(struct document_node *node)
{
    struct document_node *child;

    if (!node)
        return;
    while ((child = node->children)) {
        node->children = child->next;
        document_free(child);
    }
    free(node->key);
    free(node->text);
    free(node);
}

/* ---- reading ---- */

/* Look at the next event. */
static enum status advance(struct document_reader *reader)
{
    yaml_event_delete(&reader->event);
    if (!yaml_parser_parse(&reader->parser, &reader->event))
        return document_refuse_yaml(reader);
    return STATUS_OK;
}

static struct document_place here(const struct document_reader *reader)
{
    return document_place_of(reader->event.start_mark);
}

/* Things of YAML that have no meaning for us. */
static enum status check_plain(struct document_reader *reader)
{
    static const char anchor_text[] = "anchors are not supported";
    static const char tag_text[] = "tags are not supported";
    const yaml_event_t *event = &reader->event;
    const yaml_char_t *anchor = NULL, *tag = NULL;

    if (event->type == YAML_ALIAS_EVENT)
        return document_refuse(reader, here(reader),
                               "aliases are not supported");
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor || tag)
        return document_refuse(reader, here(reader),
                               anchor ? anchor_text : tag_text);
    return STATUS_OK;
}

/* Put back what replace_colon() took. */
static void restore_colons(char *text)
{
    char *at;

    while ((at = strstr(text, COLON))) {
        *at = ':';
        memmove(at + 1, at + COLON_BYTES, strlen(at + COLON_BYTES) + 1);
        text = at + 1;
    }
}

/* The scalar we look at, as a text of ours. */
static enum status take_text(struct document_reader *reader, char **text)
{
    const char *value = (const char *)reader->event.data.scalar.value;
    size_t length = reader->event.data.scalar.length;

    if (memchr(value, '\0', length))
        return document_refuse(reader, here(reader),
                               "a zero byte is not allowed");
    *text = strdup(value);
    if (!*text)
        return document_no_memory(reader);
    if (reader->has_colons)
        restore_colons(*text);
    return STATUS_OK;
}

static bool is_nothing(const yaml_event_t *event)
{
    static const char *const words[] = { "", "~", "null", "Null", "NULL" };

    if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
        if (strcmp((const char *)event->data.scalar.value, words[i]) == 0)
            return true;
    return false;
}

static enum status read_node(struct document_reader *reader, unsigned depth,
                             struct document_node *node);

/* What |*end| hangs on, and the new end. */
static enum status add_child(struct document_reader *reader,
                             struct document_node ***end)
{
    struct document_node *child;

    if (++reader->node_count > DOCUMENT_MAX_NODES)
        return document_refuse(reader, here(reader),
                               "the file says too many things");
    child = calloc(1, sizeof(*child));
    if (!child)
        return document_no_memory(reader);
    **end = child;
    *end = &child->next;
    return STATUS_OK;
}

static enum status read_list(struct document_reader *reader, unsigned depth,
                             struct document_node *list)
{
    struct document_node **end = &list->children, **child;
    enum status status = advance(reader);

    while (!status && reader->event.type != YAML_SEQUENCE_END_EVENT) {
        child = end;
        status = add_child(reader, &end);
        if (!status)
            status = read_node(reader, depth + 1, *child);
        if (!status)
            status = advance(reader);
    }
    return status;
}

/* The key we look at, and after it the event of its value. */
static enum status read_key(struct document_reader *reader,
                            struct document_node *node)
{
    enum status status = check_plain(reader);

    if (status)
        return status;
    if (reader->event.type != YAML_SCALAR_EVENT)
        return document_refuse(reader, here(reader),
                               "a key must be a plain word");
    node->key_place = here(reader);
    status = take_text(reader, &node->key);
    return status ? status : advance(reader);
}

static int compare_places(const struct document_place *a,
                          const struct document_place *b)
{
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return (a->column > b->column) - (a->column < b->column);
}

static int compare_keys(const void *a, const void *b)
{
    const struct document_node *first = *(struct document_node *const *)a;
    const struct document_node *second = *(struct document_node *const *)b;
    int order = strcmp(first->key, second->key);

    return order ? order
                 : compare_places(&first->key_place, &second->key_place);
}

static void refuse_twice(struct document_reader *reader,
                         const struct document_node *first,
                         const struct document_node *second)
{
    char text[128];

    (void)text_format(text, sizeof(text),
                      "the same key is at line %zu, column %zu",
                      first->key_place.line, first->key_place.column);
    (void)document_refuse(reader, second->key_place, text);
}

/* Sorted, so that a hostile map costs no more than its size. */
static enum status check_keys(struct document_reader *reader,
                              const struct document_node *map, size_t count)
{
    struct document_node **sorted, **end, **second = NULL;

    if (count < 2)
        return STATUS_OK;
    end = sorted = calloc(count, sizeof(struct document_node *));
    if (!sorted)
        return document_no_memory(reader);
    for (struct document_node *node = map->children; node; node = node->next)
        *end++ = node;
    qsort(sorted, count, sizeof(*sorted), compare_keys);
    for (end = sorted + 1; end < sorted + count; end++)
        if (strcmp(end[-1]->key, end[0]->key) == 0 &&
            (!second ||
             compare_places(&end[0]->key_place, &second[0]->key_place) < 0))
            second = end;
    if (second)
        refuse_twice(reader, second[-1], second[0]);
    free(sorted);
    return second ? STATUS_CONFIG : STATUS_OK;
}

static enum status read_map(struct document_reader *reader, unsigned depth,
                            struct document_node *map)
{
    struct document_node **end = &map->children, **child;
    enum status status = advance(reader);
    size_t count = 0;

    for (; !status && reader->event.type != YAML_MAPPING_END_EVENT; count++) {
        child = end;
        status = add_child(reader, &end);
        if (!status)
            status = read_key(reader, *child);
        if (!status)
            status = read_node(reader, depth + 1, *child);
        if (!status)
            status = advance(reader);
    }
    return status ? status : check_keys(reader, map, count);
}

/* From the event we look at to the last one of |node|. */
static enum status read_node(struct document_reader *reader, unsigned depth,
                             struct document_node *node)
{
    enum status status = check_plain(reader);

    if (status)
        return status;
    node->place = here(reader);
    if (depth > DOCUMENT_MAX_DEPTH)
        return document_refuse(reader, node->place,
                               "this is nested too deeply");
    if (reader->event.type == YAML_MAPPING_START_EVENT) {
        node->kind = DOCUMENT_MAP;
        return read_map(reader, depth, node);
    }
    if (reader->event.type == YAML_SEQUENCE_START_EVENT) {
        node->kind = DOCUMENT_LIST;
        return read_list(reader, depth, node);
    }
    ASSERT(reader->event.type == YAML_SCALAR_EVENT);
    if (is_nothing(&reader->event))
        return STATUS_OK;
    node->kind = DOCUMENT_TEXT;
    return take_text(reader, &node->text);
}

static enum status read_stream(struct document_reader *reader,
                               struct document_node *root)
{
    enum status status = advance(reader); /* the start of the stream */

    if (!status)
        status = advance(reader);
    root->place = (struct document_place){ 1, 1 };
    if (status || reader->event.type == YAML_STREAM_END_EVENT)
        return status;
    status = advance(reader); /* past the start of the document */
    if (!status)
        status = read_node(reader, 0, root);
    if (!status)
        status = advance(reader);
    if (!status)
        status = advance(reader); /* past the end of the document */
    if (!status && reader->event.type != YAML_STREAM_END_EVENT)
        status =
            document_refuse(reader, here(reader),
                            "a second document begins here; one is allowed");
    return status;
}

/* One attempt at |reader|'s text; |*root| is the caller's on success. */
static enum status read_text(struct document_reader *reader,
                             struct document_node **root)
{
    struct document_node *node = calloc(1, sizeof(*node));
    enum status status;

    reader->stopped_at_colon = false;
    reader->node_count = 0;
    if (!node || !yaml_parser_initialize(&reader->parser)) {
        free(node);
        return document_no_memory(reader);
    }
    yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader->parser,
                                 (const unsigned char *)reader->text,
                                 reader->length);
    status = read_stream(reader, node);
    yaml_event_delete(&reader->event);
    yaml_parser_delete(&reader->parser);
    if (status) {
        document_free(node);
        return status;
    }
    *root = node;
    return STATUS_OK;
}

/* A copy of the text with COLON where |reader| stopped; NULL: no memory. */
static char *replace_colon(const struct document_reader *reader)
{
    char *copy = malloc(reader->length + COLON_BYTES);
    size_t rest = reader->length - reader->colon - 1;

    if (!copy)
        return NULL;
    memcpy(copy, reader->text, reader->colon);
    memcpy(copy + reader->colon, COLON, COLON_BYTES);
    memcpy(copy + reader->colon + COLON_BYTES, reader->text + reader->colon + 1,
           rest);
    return copy;
}

static bool has_colon(const char *text, size_t length)
{
    for (size_t i = 0; i + COLON_BYTES <= length; i++)
        if (memcmp(text + i, COLON, COLON_BYTES) == 0)
            return true;
    return false;
}

enum status document_parse(const char *text, size_t length,
                           struct document_node **root,
                           struct document_error *error)
{
    struct document_reader reader = { .text = text,
                                      .length = length,
                                      .error = error };
    char *mine = NULL, *copy;
    enum status status;

    if (length > DOCUMENT_MAX_BYTES)
        return document_refuse(&reader, (struct document_place){ 0, 0 },
                               "the file is larger than 1 MiB");
    status = read_text(&reader, root);
    if (status && has_colon(text, length))
        return status; /* we could not tell theirs from ours */
    for (int i = 0; status && reader.stopped_at_colon && i < MAX_COLONS; i++) {
        copy = replace_colon(&reader);
        free(mine);
        mine = copy;
        if (!copy)
            return document_no_memory(&reader);
        reader.text = copy;
        reader.length += COLON_BYTES - 1;
        reader.has_colons = true;
        status = read_text(&reader, root);
    }
    free(mine);
    return status;
}
