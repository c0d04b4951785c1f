/* SPDX-License-Identifier: MIT */
/* Numbers are little-endian here. */
#include "health/mysql_packet.h"
#include "base/text.h"
#include <string.h>

#define MAX_LENGTH UINT32_C(1048576) /* no packet of a login is longer */
#define MAX_PACKET UINT32_C(16777216)
/* Long passwords, protocol 4.1, transactions, secure passwords, methods. */
#define CAPABILITIES UINT32_C(0x0008a201)
enum { UTF8 = 33, QUIT = 1, SQLSTATE = 6 /* with its '#' */ };

void mysql_reader_init(struct mysql_reader *reader)
{
    *reader = (struct mysql_reader){ .left = 0 };
}

static enum mysql_progress take_head(struct mysql_reader *reader, uint8_t byte)
{
    const uint8_t *head = reader->head;

    reader->head[reader->head_length++] = byte;
    if (reader->head_length < sizeof(reader->head))
        return MYSQL_MORE;
    reader->packet = (struct mysql_packet){ .number = head[3] };
    reader->left = head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16;
    /* Whatever a server says has a first byte. */
    return reader->left == 0 || reader->left > MAX_LENGTH ? MYSQL_BROKEN
                                                          : MYSQL_MORE;
}

static enum mysql_progress take(struct mysql_reader *reader, uint8_t byte)
{
    struct mysql_packet *packet = &reader->packet;

    if (reader->left == 0)
        return take_head(reader, byte);
    if (packet->length < MYSQL_BODY)
        packet->body[packet->length++] = byte;
    if (--reader->left > 0)
        return MYSQL_MORE;
    reader->head_length = 0;
    return MYSQL_READ;
}

enum mysql_progress mysql_read(struct mysql_reader *reader,
                               const uint8_t *bytes, size_t length,
                               size_t *used)
{
    enum mysql_progress progress = MYSQL_MORE;

    for (*used = 0; *used < length && progress == MYSQL_MORE; ++*used)
        progress = take(reader, bytes[*used]);
    return progress;
}

/* ---- what a server says ---- */

unsigned mysql_error(const struct mysql_packet *packet, char *text, size_t size)
{
    struct bytes_reader body = bytes_reader(packet->body, packet->length);
    unsigned low, high;

    (void)bytes_take_u8(&body);
    low = bytes_take_u8(&body);
    high = bytes_take_u8(&body);
    text[0] = '\0';
    if (body.failed)
        return 0;
    if (bytes_left(&body) >= SQLSTATE && *body.at == '#')
        body.at += SQLSTATE;
    text_format(text, size, "%.*s", (int)bytes_left(&body),
                (const char *)body.at);
    return high << 8 | low;
}

bool mysql_switch_method(const struct mysql_packet *packet, char *method,
                         size_t size)
{
    const char *name = (const char *)packet->body + 1;
    size_t room = packet->length - 1;
    size_t length = strnlen(name, room);

    method[0] = '\0';
    return length < room &&
           text_format(method, size, "%.*s", (int)length, name);
}

/* ---- what a client says ---- */

static void put_u24(struct bytes_writer *writer, uint32_t value)
{
    const uint8_t bytes[] = { (uint8_t)value, (uint8_t)(value >> 8),
                              (uint8_t)(value >> 16) };

    bytes_put(writer, bytes, sizeof(bytes));
}

static void put_u32(struct bytes_writer *writer, uint32_t value)
{
    put_u24(writer, value);
    bytes_put_u8(writer, (uint8_t)(value >> 24));
}

static void put_text(struct bytes_writer *writer, const char *text)
{
    bytes_put(writer, text, strlen(text) + 1);
}

static void put_packet(struct bytes_writer *writer, uint8_t number,
                       const struct bytes_writer *body)
{
    size_t length = bytes_written(body);

    writer->failed |= body->failed;
    put_u24(writer, (uint32_t)length);
    bytes_put_u8(writer, number);
    bytes_put(writer, body->start, length);
}

void mysql_write_login(struct bytes_writer *writer, uint8_t number,
                       const char *user)
{
    static const uint8_t reserved[23];
    uint8_t bytes[256];
    struct bytes_writer body = bytes_writer(bytes, sizeof(bytes));

    put_u32(&body, CAPABILITIES);
    put_u32(&body, MAX_PACKET);
    bytes_put_u8(&body, UTF8);
    bytes_put(&body, reserved, sizeof(reserved));
    put_text(&body, user);
    bytes_put_u8(&body, 0); /* bytes of a proof of the password */
    put_text(&body, "mysql_native_password");
    put_packet(writer, number, &body);
}

void mysql_write_no_password(struct bytes_writer *writer, uint8_t number,
                             const char *method)
{
    bool is_sha2 = strcmp(method, "caching_sha2_password") == 0 ||
                   strcmp(method, "sha256_password") == 0;
    uint8_t nothing = 0;
    struct bytes_writer body = bytes_writer(&nothing, sizeof(nothing));

    if (is_sha2) /* these want it with its NUL */
        bytes_put_u8(&body, 0);
    put_packet(writer, number, &body);
}

void mysql_write_quit(struct bytes_writer *writer)
{
    uint8_t command = 0;
    struct bytes_writer body = bytes_writer(&command, sizeof(command));

    bytes_put_u8(&body, QUIT);
    put_packet(writer, 0, &body);
}
