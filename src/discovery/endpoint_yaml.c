/* SPDX-License-Identifier: MIT */
/* A list of endpoints in YAML, read from libyaml's events as they come. */
#include "base/text.h"
#include "discovery/endpoint_file_internal.h"
#include <string.h>
#include <yaml.h>

enum { MAX_TEXT = 512 };

struct yaml_reader {
    struct file_reader *reader;
    yaml_parser_t parser;
    yaml_event_t event; /* the current one; zeroed: none */
};

static bool next(struct yaml_reader *yaml)
{
    struct file_reader *reader = yaml->reader;

    yaml_event_delete(&yaml->event);
    if (!yaml_parser_parse(&yaml->parser, &yaml->event)) {
        reader->line = yaml->parser.problem_mark.line + 1;
        return file_reader_refuse(reader, "%s",
                                  yaml->parser.problem ? yaml->parser.problem
                                                       : "not YAML");
    }
    reader->line = yaml->event.start_mark.line + 1;
    return true;
}

/* The current event's text. */
static bool take_text(struct yaml_reader *yaml, char *text, size_t size)
{
    const yaml_event_t *event = &yaml->event;

    if (event->type != YAML_SCALAR_EVENT || event->data.scalar.anchor ||
        event->data.scalar.length >= size)
        return file_reader_refuse(yaml->reader, "expected a text");
    memcpy(text, event->data.scalar.value, event->data.scalar.length);
    text[event->data.scalar.length] = '\0';
    if (strlen(text) != event->data.scalar.length)
        return file_reader_refuse(yaml->reader, "not a text");
    return true;
}

/*
 * A mapping, its start already seen.  The address may come last, so what goes
 * with it is kept until the end.
 */
static bool read_mapping(struct yaml_reader *yaml)
{
    char address[MAX_TEXT] = "", weight[MAX_TEXT] = "", priority[MAX_TEXT] = "";
    char key[MAX_TEXT];
    struct target *target;
    char *value;

    for (;;) {
        if (!next(yaml))
            return false;
        if (yaml->event.type == YAML_MAPPING_END_EVENT)
            break;
        if (!take_text(yaml, key, sizeof(key)))
            return false;
        value = strcmp(key, "address") == 0    ? address
                : strcmp(key, "weight") == 0   ? weight
                : strcmp(key, "priority") == 0 ? priority
                                               : NULL;
        if (!value || value[0] != '\0')
            return file_reader_refuse(
                yaml->reader, "expected address, weight or priority, got %s%s",
                key, value ? " twice" : "");
        if (!next(yaml) || !take_text(yaml, value, MAX_TEXT))
            return false;
    }
    if (address[0] == '\0')
        return file_reader_refuse(yaml->reader, "the key address is missing");
    target = file_reader_add(yaml->reader, address);
    return target &&
           (weight[0] == '\0' ||
            file_reader_set(yaml->reader, target, "weight", weight)) &&
           (priority[0] == '\0' ||
            file_reader_set(yaml->reader, target, "priority", priority));
}

static bool read_item(struct yaml_reader *yaml)
{
    char text[MAX_TEXT];

    if (yaml->event.type == YAML_MAPPING_START_EVENT)
        return read_mapping(yaml);
    return take_text(yaml, text, sizeof(text)) &&
           file_reader_add(yaml->reader, text);
}

static bool expect(struct yaml_reader *yaml, yaml_event_type_t type,
                   const char *what)
{
    if (!next(yaml))
        return false;
    return yaml->event.type == type ||
           file_reader_refuse(yaml->reader, "expected %s", what);
}

static bool read_document(struct yaml_reader *yaml)
{
    static const char list[] = "a list of endpoints, and nothing else";

    if (!expect(yaml, YAML_STREAM_START_EVENT, list) ||
        !expect(yaml, YAML_DOCUMENT_START_EVENT, list) ||
        !expect(yaml, YAML_SEQUENCE_START_EVENT, list))
        return false;
    for (;;) {
        if (!next(yaml))
            return false;
        if (yaml->event.type == YAML_SEQUENCE_END_EVENT)
            break;
        if (!read_item(yaml))
            return false;
    }
    yaml->reader->is_none = yaml->reader->file->count == 0;
    return expect(yaml, YAML_DOCUMENT_END_EVENT, list) &&
           expect(yaml, YAML_STREAM_END_EVENT, list);
}

bool file_reader_yaml(struct file_reader *reader, const char *bytes,
                      size_t length)
{
    struct yaml_reader yaml = { .reader = reader };
    bool whole;

    if (!yaml_parser_initialize(&yaml.parser))
        return file_reader_refuse(reader, "out of memory");
    yaml_parser_set_encoding(&yaml.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&yaml.parser, (const unsigned char *)bytes,
                                 length);
    whole = read_document(&yaml);
    yaml_event_delete(&yaml.event);
    yaml_parser_delete(&yaml.parser);
    return whole;
}
