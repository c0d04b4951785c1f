/* SPDX-License-Identifier: MIT */
#include "health/postgres_message.h"
#include "base/text.h"
#include <string.h>

#define PROTOCOL_3 196608u
#define MAX_LENGTH UINT32_C(1048576) /* no message before a query is longer */

void postgres_reader_init(struct postgres_reader *reader)
{
    *reader = (struct postgres_reader){ .left = 0 };
}

static enum postgres_progress take_head(struct postgres_reader *reader,
                                        uint8_t byte)
{
    struct bytes_reader head;
    uint32_t length;

    reader->head[reader->head_length++] = byte;
    if (reader->head_length < sizeof(reader->head))
        return POSTGRES_MORE;
    head = bytes_reader(reader->head, sizeof(reader->head));
    reader->message =
        (struct postgres_message){ .type = (char)bytes_take_u8(&head) };
    length = bytes_take_u32(&head); /* with itself, without the type */
    if (length < sizeof(length) || length > MAX_LENGTH)
        return POSTGRES_BROKEN;
    reader->left = length - (uint32_t)sizeof(length);
    if (reader->left > 0)
        return POSTGRES_MORE;
    reader->head_length = 0;
    return POSTGRES_READ;
}

static enum postgres_progress take(struct postgres_reader *reader, uint8_t byte)
{
    struct postgres_message *message = &reader->message;

    if (reader->left == 0)
        return take_head(reader, byte);
    if (message->length < POSTGRES_BODY)
        message->body[message->length++] = byte;
    if (--reader->left > 0)
        return POSTGRES_MORE;
    reader->head_length = 0;
    return POSTGRES_READ;
}

enum postgres_progress postgres_read(struct postgres_reader *reader,
                                     const uint8_t *bytes, size_t length,
                                     size_t *used)
{
    enum postgres_progress progress = POSTGRES_MORE;

    for (*used = 0; *used < length && progress == POSTGRES_MORE; ++*used)
        progress = take(reader, bytes[*used]);
    return progress;
}

/* ---- errors ---- */

bool postgres_error_field(const struct postgres_message *message, char code,
                          char *text, size_t size)
{
    const char *body = (const char *)message->body;
    size_t at = 0;

    text[0] = '\0';
    while (at < message->length && body[at] != '\0') {
        const char *value = &body[at + 1];
        size_t room = message->length - at - 1;
        size_t length = strnlen(value, room);

        if (body[at] == code) {
            text_format(text, size, "%.*s", (int)length, value);
            return true;
        }
        at += 1 + length + 1;
    }
    return false;
}

/* ---- what a client says ---- */

static void put_text(struct bytes_writer *writer, const char *text)
{
    bytes_put(writer, text, strlen(text) + 1);
}

/* Put |length| where it belongs, as soon as it is known. */
static void put_length(struct bytes_writer *writer, uint8_t *at)
{
    struct bytes_writer length = bytes_writer(at, sizeof(uint32_t));

    if (!writer->failed)
        bytes_put_u32(&length, (uint32_t)(writer->at - at));
}

void postgres_write_startup(struct bytes_writer *writer, const char *user,
                            const char *database)
{
    uint8_t *length = writer->at;

    bytes_put_u32(writer, 0);
    bytes_put_u32(writer, PROTOCOL_3);
    put_text(writer, "user");
    put_text(writer, user);
    if (*database) {
        put_text(writer, "database");
        put_text(writer, database);
    }
    put_text(writer, "application_name");
    put_text(writer, "entente");
    bytes_put_u8(writer, 0);
    put_length(writer, length);
}

void postgres_write_query(struct bytes_writer *writer, const char *query)
{
    uint8_t *length;

    bytes_put_u8(writer, 'Q');
    length = writer->at;
    bytes_put_u32(writer, 0);
    put_text(writer, query);
    put_length(writer, length);
}

void postgres_write_end(struct bytes_writer *writer)
{
    bytes_put_u8(writer, 'X');
    bytes_put_u32(writer, sizeof(uint32_t));
}
