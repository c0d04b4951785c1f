/* SPDX-License-Identifier: MIT */
#include "health/resp.h"
#include "base/text.h"
#include <string.h>

#define MAX_BULK UINT64_C(536870912) /* what Redis itself allows */
#define MAX_COUNT UINT64_C(1048576)
enum { MAX_LINE = 65536 };

void resp_init(struct resp_reader *reader)
{
    *reader = (struct resp_reader){ .depth = 0 };
}

/* ---- what an element means ---- */

/* An element is complete: so may be the arrays that end with it. */
static enum resp_progress finish(struct resp_reader *reader)
{
    struct resp_element *element = &reader->element;

    element->text[element->length] = '\0';
    element->depth = reader->depth;
    if (element->type == RESP_ARRAY && element->number > 0) {
        if (reader->depth == RESP_MAX_DEPTH)
            return RESP_BROKEN;
        reader->left[reader->depth++] = (uint64_t)element->number;
        element->is_last = false;
        return RESP_READ;
    }
    while (reader->depth > 0 && --reader->left[reader->depth - 1] == 0)
        reader->depth--;
    element->is_last = reader->depth == 0;
    return RESP_READ;
}

static void keep(struct resp_element *element, uint8_t byte)
{
    if (element->length < RESP_TEXT)
        element->text[element->length++] = (char)byte;
    else
        element->is_cut = true;
}

/* The number that is the line, of an integer or in front of a bulk. */
static bool take_number(struct resp_element *element)
{
    const char *digits = element->text;
    bool is_negative = *digits == '-';
    uint64_t number;

    element->text[element->length] = '\0';
    if (is_negative || *digits == '+')
        digits++;
    if (element->is_cut || !text_parse_number(digits, 0, INT64_MAX, &number))
        return false;
    element->number = is_negative ? -(int64_t)number : (int64_t)number;
    element->length = 0;
    return true;
}

static enum resp_progress open_bulk(struct resp_reader *reader)
{
    struct resp_element *element = &reader->element;

    if (element->number == -1) {
        element->type = RESP_NULL;
        return finish(reader);
    }
    if (element->number < 0 || (uint64_t)element->number > MAX_BULK)
        return RESP_BROKEN;
    reader->is_in_bulk = true;
    reader->bulk_left = (uint64_t)element->number + 2;
    return RESP_MORE;
}

static enum resp_progress open_array(struct resp_reader *reader)
{
    struct resp_element *element = &reader->element;

    if (element->number == -1)
        element->type = RESP_NULL;
    else if (element->number < 0 || (uint64_t)element->number > MAX_COUNT)
        return RESP_BROKEN;
    return finish(reader);
}

static enum resp_progress take_line(struct resp_reader *reader)
{
    struct resp_element *element = &reader->element;

    reader->line_length = 0;
    reader->had_cr = false;
    if (element->type == RESP_SIMPLE || element->type == RESP_ERROR)
        return finish(reader);
    if (!take_number(element))
        return RESP_BROKEN;
    if (element->type == RESP_BULK)
        return open_bulk(reader);
    return element->type == RESP_ARRAY ? open_array(reader) : finish(reader);
}

/* ---- byte by byte ---- */

static bool begin(struct resp_reader *reader, uint8_t byte)
{
    static const struct {
        char mark;
        enum resp_type type;
    } marks[] = { { '+', RESP_SIMPLE },
                  { '-', RESP_ERROR },
                  { ':', RESP_INTEGER },
                  { '$', RESP_BULK },
                  { '*', RESP_ARRAY } };

    for (size_t i = 0; i < ARRAY_LENGTH(marks); i++)
        if ((char)byte == marks[i].mark) {
            reader->element = (struct resp_element){ .type = marks[i].type };
            reader->line_length = 1;
            return true;
        }
    return false;
}

static enum resp_progress take_bulk(struct resp_reader *reader, uint8_t byte)
{
    if (reader->bulk_left > 2)
        keep(&reader->element, byte);
    else if (byte != (reader->bulk_left == 2 ? '\r' : '\n'))
        return RESP_BROKEN;
    if (--reader->bulk_left > 0)
        return RESP_MORE;
    reader->is_in_bulk = false;
    return finish(reader);
}

static enum resp_progress take(struct resp_reader *reader, uint8_t byte)
{
    if (reader->is_in_bulk)
        return take_bulk(reader, byte);
    if (reader->line_length == 0)
        return begin(reader, byte) ? RESP_MORE : RESP_BROKEN;
    if (reader->had_cr)
        return byte == '\n' ? take_line(reader) : RESP_BROKEN;
    if (++reader->line_length > MAX_LINE)
        return RESP_BROKEN;
    if (byte == '\r')
        reader->had_cr = true;
    else
        keep(&reader->element, byte);
    return RESP_MORE;
}

enum resp_progress resp_read(struct resp_reader *reader, const uint8_t *bytes,
                             size_t length, size_t *used)
{
    enum resp_progress progress = RESP_MORE;

    for (*used = 0; *used < length && progress == RESP_MORE; ++*used)
        progress = take(reader, bytes[*used]);
    return progress;
}
