/* SPDX-License-Identifier: MIT */
/*
 * A login, to its end: a server counts handshakes that are broken off and
 * blocks, at last, the host they come from.  One that refuses us as a stranger
 * serves others.
 */
#include "base/text.h"
#include "health/exchange_internal.h"
#include <string.h>

enum { GREETING, LOGIN, SWITCHED };

static struct bytes_writer start_saying(struct exchange *exchange)
{
    return bytes_writer(exchange->output + exchange->output_length,
                        EXCHANGE_OUTPUT - exchange->output_length);
}

static void said(struct exchange *exchange, const struct bytes_writer *writer)
{
    ASSERT(!writer->failed); /* a user's name is far shorter */
    exchange->output_length += bytes_written(writer);
}

static void begin(struct exchange *exchange, const char *host)
{
    (void)host; /* the server speaks first */
    mysql_reader_init(&exchange->mysql);
}

static void log_in(struct exchange *exchange, const struct mysql_packet *packet)
{
    struct bytes_writer writer = start_saying(exchange);

    mysql_write_login(&writer, (uint8_t)(packet->number + 1),
                      exchange->rules->user);
    said(exchange, &writer);
    exchange->step = LOGIN;
}

static void switch_method(struct exchange *exchange,
                          const struct mysql_packet *packet)
{
    struct bytes_writer writer = start_saying(exchange);
    char method[64];

    if (exchange->step == SWITCHED ||
        !mysql_switch_method(packet, method, sizeof(method))) {
        exchange_broken(exchange, "MySQL");
        return;
    }
    mysql_write_no_password(&writer, (uint8_t)(packet->number + 1), method);
    said(exchange, &writer);
    exchange->step = SWITCHED;
}

static void say_goodbye(struct exchange *exchange)
{
    struct bytes_writer writer = start_saying(exchange);

    mysql_write_quit(&writer);
    said(exchange, &writer);
    exchange->verdict = EXCHANGE_FIT;
}

/* Errors of a server that refuses everybody; others are about us. */
static bool refuses_everybody(unsigned error)
{
    enum {
        TOO_MANY_CONNECTIONS = 1040,
        SHUTDOWN = 1053,
        HOST_BLOCKED = 1129,
        OFFLINE = 3032
    };

    return error == 0 || error == TOO_MANY_CONNECTIONS || error == SHUTDOWN ||
           error == HOST_BLOCKED || error == OFFLINE;
}

static void take_error(struct exchange *exchange,
                       const struct mysql_packet *packet)
{
    char text[EXCHANGE_REASON];
    unsigned error = mysql_error(packet, text, sizeof(text));

    exchange_clean(text);
    /* Before its greeting it has not heard who we are. */
    if (exchange->step == GREETING || refuses_everybody(error))
        exchange_decide(exchange, EXCHANGE_UNFIT, "it says %u \"%.70s\"", error,
                        text);
    else
        exchange->verdict = EXCHANGE_FIT;
}

static void take(struct exchange *exchange, const struct mysql_packet *packet)
{
    uint8_t answer = packet->body[0];

    if (answer == MYSQL_ERROR)
        take_error(exchange, packet);
    else if (exchange->step == GREETING && answer == MYSQL_GREETING)
        log_in(exchange, packet);
    else if (exchange->step == GREETING)
        exchange_broken(exchange, "MySQL");
    else if (answer == MYSQL_OK)
        say_goodbye(exchange);
    else if (answer == MYSQL_SWITCH)
        switch_method(exchange, packet);
    else if (answer == MYSQL_MORE_DATA) /* it wants a password */
        exchange->verdict = EXCHANGE_FIT;
    else
        exchange_broken(exchange, "MySQL");
}

static void receive(struct exchange *exchange, const uint8_t *bytes,
                    size_t length)
{
    while (length > 0 && exchange->verdict == EXCHANGE_GOES_ON) {
        size_t used;
        enum mysql_progress progress =
            mysql_read(&exchange->mysql, bytes, length, &used);

        bytes += used;
        length -= used;
        if (progress == MYSQL_BROKEN)
            exchange_broken(exchange, "MySQL");
        else if (progress == MYSQL_READ)
            take(exchange, &exchange->mysql.packet);
    }
}

static void end(struct exchange *exchange)
{
    /* Not even an error for a method we do not have: it wants a password. */
    if (exchange->step == SWITCHED)
        exchange->verdict = EXCHANGE_FIT;
}

const struct exchange_kind exchange_mysql = { .begin = begin,
                                              .receive = receive,
                                              .end = end };
