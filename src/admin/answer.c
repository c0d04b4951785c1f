/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memmem() */
#include "admin/answer.h"
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* What is left of the head, whose end is known to be there. */
struct scan {
    const char *at;
    const char *end;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Of a header's name (RFC 9110, tchar). */
static bool is_name_byte(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

/* No control characters but the tab. */
static bool is_text(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* The next line without its CR LF; false at the empty one. */
static bool next_line(struct scan *scan, const char **line, size_t *length)
{
    const char *end =
        memmem(scan->at, (size_t)(scan->end - scan->at), "\r\n", 2);

    *line = scan->at;
    *length = (size_t)(end - scan->at);
    scan->at = end + 2;
    return *length > 0;
}

/* "HTTP/1.1 200 OK" */
static bool parse_status_line(const char *line, size_t length, int *code)
{
    if (length < 12 || memcmp(line, "HTTP/1.", 7) != 0 || !is_digit(line[7]) ||
        line[8] != ' ' || (length > 12 && line[12] != ' ') ||
        !is_text(line, length))
        return false;
    if (line[9] < '2' || line[9] > '5' || !is_digit(line[10]) ||
        !is_digit(line[11]))
        return false;
    *code = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
    return true;
}

static bool parse_length(const char *value, size_t length,
                         struct answer *answer)
{
    uint64_t bytes = 0;

    if (answer->has_length || length == 0)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!is_digit(value[i]))
            return false;
        bytes = bytes * 10 + (uint64_t)(value[i] - '0');
        if (bytes > UINT32_MAX)
            return false;
    }
    answer->has_length = true;
    answer->body_bytes = (size_t)bytes;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_called(const char *name, size_t length, const char *wanted)
{
    return length == strlen(wanted) && strncasecmp(name, wanted, length) == 0;
}

static bool parse_header(const char *line, size_t length, struct answer *answer)
{
    size_t name = 0, start, end = length;

    while (name < length && is_name_byte(line[name]))
        name++;
    if (name == 0 || name == length || line[name] != ':' ||
        !is_text(line, length))
        return false;
    start = name + 1;
    while (start < end && is_blank(line[start]))
        start++;
    while (end > start && is_blank(line[end - 1]))
        end--;
    if (is_called(line, name, "Content-Length"))
        return parse_length(line + start, end - start, answer);
    return !is_called(line, name, "Transfer-Encoding");
}

enum status answer_parse(const char *bytes, size_t length,
                         struct answer *answer)
{
    const char *end = memmem(bytes, length, "\r\n\r\n", 4);
    struct answer parsed = { .head_bytes = 0 };
    struct scan scan = { .at = bytes };
    const char *line;
    size_t line_length;

    if (!end) {
        *answer = parsed;
        return length < ANSWER_MAX_HEAD_BYTES ? STATUS_OK : STATUS_PROTOCOL;
    }
    scan.end = end + 4;
    parsed.head_bytes = (size_t)(scan.end - bytes);
    if (parsed.head_bytes > ANSWER_MAX_HEAD_BYTES ||
        !next_line(&scan, &line, &line_length) ||
        !parse_status_line(line, line_length, &parsed.code))
        return STATUS_PROTOCOL;
    while (next_line(&scan, &line, &line_length))
        if (!parse_header(line, line_length, &parsed))
            return STATUS_PROTOCOL;
    *answer = parsed;
    return STATUS_OK;
}
