/* SPDX-License-Identifier: MIT */
/* What is wrong with a document, in words and with its place. */
#include "base/text.h"
#include "config/document_internal.h"
#include <string.h>

struct document_place document_place_of(yaml_mark_t mark)
{
    return (struct document_place){ mark.line + 1, mark.column + 1 };
}

enum status document_refuse(struct document_reader *reader,
                            struct document_place place, const char *text)
{
    reader->error->place = place;
    (void)text_format(reader->error->text, sizeof(reader->error->text), "%s",
                      text);
    return STATUS_CONFIG;
}

enum status document_no_memory(struct document_reader *reader)
{
    reader->error->place = (struct document_place){ 0, 0 };
    (void)text_format(reader->error->text, sizeof(reader->error->text),
                      "out of memory");
    return STATUS_NO_MEMORY;
}

/* Invalid bytes come with an offset only. */
static struct document_place place_at(const struct document_reader *reader,
                                      size_t offset)
{
    struct document_place place = { 1, 1 };

    for (size_t i = 0; i < offset && i < reader->length; i++) {
        unsigned char byte = (unsigned char)reader->text[i];

        if (byte == '\n')
            place = (struct document_place){ place.line + 1, 1 };
        else if ((byte & 0xc0) != 0x80) /* not the middle of a character */
            place.column++;
    }
    return place;
}

/* libyaml counts characters; how many bytes are before |mark|. */
static size_t offset_of(const struct document_reader *reader, yaml_mark_t mark)
{
    size_t left = mark.index, i = 0;

    for (; i < reader->length; i++)
        if (((unsigned char)reader->text[i] & 0xc0) != 0x80 && left-- == 0)
            break; /* not the middle of a character, and the one we want */
    return i;
}

static bool is_at(const struct document_reader *reader, size_t offset,
                  char byte)
{
    return offset < reader->length && reader->text[offset] == byte;
}

/* As in `from: inbound:`. */
static bool is_colon(const char *problem)
{
    return problem && strncmp(problem, "mapping values", 14) == 0;
}

enum status document_refuse_yaml(struct document_reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    char text[sizeof(reader->error->text)];
    size_t offset;

    if (parser->error == YAML_MEMORY_ERROR)
        return document_no_memory(reader);
    if (parser->error == YAML_READER_ERROR)
        return document_refuse(reader, place_at(reader, parser->problem_offset),
                               "this byte is not allowed in UTF-8 text");
    offset = offset_of(reader, parser->problem_mark);
    if (parser->problem &&
        strcmp(parser->problem, "found unexpected ':'") == 0 &&
        is_at(reader, offset, ':')) {
        reader->stopped_at_colon = true;
        reader->colon = offset;
    }
    if (is_at(reader, offset, '\t'))
        return document_refuse(reader, document_place_of(parser->problem_mark),
                               "a tab cannot indent; use spaces");
    (void)text_format(text, sizeof(text), "this is not YAML: %s%s%s%s",
                      parser->problem ? parser->problem : "bad syntax",
                      parser->context ? " " : "",
                      parser->context ? parser->context : "",
                      is_colon(parser->problem)
                          ? " (a text that ends in ':' needs quotes)"
                          : "");
    return document_refuse(reader, document_place_of(parser->problem_mark),
                           text);
}
