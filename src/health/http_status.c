/* SPDX-License-Identifier: MIT */
#include "health/http_status.h"
#include <stdbool.h>

/* '0' stands for any digit, '1' for one that counts. */
static const char line[] = "HTTP/0.0 111";
enum { LINE = sizeof(line) - 1, FIELDS = LINE + 1 };

void http_status_init(struct http_status *status)
{
    *status = (struct http_status){ .place = 0 };
}

static bool take_line(struct http_status *status, uint8_t byte)
{
    char expected = line[status->place++];

    if (expected != '0' && expected != '1')
        return byte == (uint8_t)expected;
    if (byte < '0' || byte > '9')
        return false;
    if (expected == '1')
        status->code = status->code * 10 + (byte - '0');
    return true;
}

/* Until the empty line; then another status follows. */
static void take_field(struct http_status *status, uint8_t byte)
{
    if (byte == '\n')
        status->newlines++;
    else if (byte != '\r')
        status->newlines = 0;
    if (status->newlines == 2)
        http_status_init(status);
}

static enum http_progress take(struct http_status *status, uint8_t byte)
{
    if (status->place == FIELDS) {
        take_field(status, byte);
        return HTTP_MORE;
    }
    if (status->place < LINE)
        return take_line(status, byte) ? HTTP_MORE : HTTP_BROKEN;
    if ((byte != ' ' && byte != '\r' && byte != '\n') || status->code < 100 ||
        status->code > 599)
        return HTTP_BROKEN;
    if (status->code >= 200)
        return HTTP_STATUS;
    status->place = FIELDS;
    status->newlines = byte == '\n';
    return HTTP_MORE;
}

enum http_progress http_status_read(struct http_status *status,
                                    const uint8_t *bytes, size_t length)
{
    enum http_progress progress = HTTP_MORE;

    for (size_t i = 0; i < length && progress == HTTP_MORE; i++)
        progress = take(status, bytes[i]);
    return progress;
}
