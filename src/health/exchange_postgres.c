/* SPDX-License-Identifier: MIT */
/*
 * A login.  A server that asks for a password, or knows no such user, serves;
 * one that starts, stops or is full says so.  Only one that lets us in can be
 * asked whether it is the primary.
 */
#include "base/text.h"
#include "health/exchange_internal.h"
#include <string.h>

enum { LOGIN, QUESTION, PRIMARY, REPLICA };

static bool wants_primary(const struct exchange *exchange)
{
    return exchange->rules->role != HEALTH_ANY_ROLE;
}

static struct bytes_writer start_saying(struct exchange *exchange)
{
    return bytes_writer(exchange->output + exchange->output_length,
                        EXCHANGE_OUTPUT - exchange->output_length);
}

static void said(struct exchange *exchange, const struct bytes_writer *writer)
{
    ASSERT(!writer->failed); /* user and database are far shorter */
    exchange->output_length += bytes_written(writer);
}

static void begin(struct exchange *exchange, const char *host)
{
    struct bytes_writer writer = start_saying(exchange);

    (void)host;
    postgres_reader_init(&exchange->postgres);
    postgres_write_startup(&writer, exchange->rules->user,
                           exchange->rules->database);
    said(exchange, &writer);
}

static void say_goodbye(struct exchange *exchange)
{
    struct bytes_writer writer = start_saying(exchange);

    postgres_write_end(&writer);
    said(exchange, &writer);
}

static void ask(struct exchange *exchange)
{
    struct bytes_writer writer = start_saying(exchange);

    postgres_write_query(&writer, "SELECT pg_is_in_recovery()");
    said(exchange, &writer);
    exchange->step = QUESTION;
}

/* 'R': what it wants to know of us; 0 is nothing. */
static void take_authentication(struct exchange *exchange,
                                const struct postgres_message *message)
{
    struct bytes_reader body = bytes_reader(message->body, message->length);
    uint32_t method = bytes_take_u32(&body);

    if (body.failed)
        exchange_broken(exchange, "PostgreSQL");
    else if (method != 0 && wants_primary(exchange))
        exchange_decide(exchange, EXCHANGE_WRONG_ROLE,
                        "it wants a password to tell its role");
    else if (method != 0)
        exchange->verdict = EXCHANGE_FIT;
}

/* A stranger is refused by a server that serves others. */
static bool refuses_us(const char *state)
{
    return strncmp(state, "28", 2) == 0 || strcmp(state, "3D000") == 0;
}

static void take_error(struct exchange *exchange,
                       const struct postgres_message *message)
{
    char state[6], text[EXCHANGE_REASON];
    bool is_whole = postgres_error_field(message, 'C', state, sizeof(state)) &&
                    postgres_error_field(message, 'M', text, sizeof(text));

    if (!is_whole) {
        exchange_broken(exchange, "PostgreSQL");
        return;
    }
    exchange_clean(text);
    if (!refuses_us(state))
        exchange_decide(exchange, EXCHANGE_UNFIT, "it says \"%.80s\"", text);
    else if (wants_primary(exchange))
        exchange_decide(exchange, EXCHANGE_WRONG_ROLE,
                        "it does not tell its role: \"%.60s\"", text);
    else
        exchange->verdict = EXCHANGE_FIT;
}

/* 'D': one column of one byte, 't' or 'f'. */
static void take_row(struct exchange *exchange,
                     const struct postgres_message *message)
{
    static const uint8_t head[] = { 0, 1, 0, 0, 0, 1 };
    uint8_t answer = message->body[sizeof(head)];

    if (exchange->step != QUESTION || message->length != sizeof(head) + 1 ||
        memcmp(message->body, head, sizeof(head)) != 0 ||
        (answer != 't' && answer != 'f'))
        exchange_broken(exchange, "PostgreSQL");
    else
        exchange->step = answer == 't' ? REPLICA : PRIMARY;
}

/* 'Z': it waits for us to speak. */
static void take_turn(struct exchange *exchange)
{
    if (exchange->step == LOGIN && wants_primary(exchange)) {
        ask(exchange);
        return;
    }
    say_goodbye(exchange);
    if (exchange->step == REPLICA)
        exchange_decide(exchange, EXCHANGE_WRONG_ROLE, "it is a replica");
    else if (exchange->step == QUESTION)
        exchange_broken(exchange, "PostgreSQL");
    else
        exchange->verdict = EXCHANGE_FIT;
}

static void take(struct exchange *exchange,
                 const struct postgres_message *message)
{
    switch (message->type) {
    case 'R':
        take_authentication(exchange, message);
        break;
    case 'E':
        take_error(exchange, message);
        break;
    case 'D':
        take_row(exchange, message);
        break;
    case 'Z':
        take_turn(exchange);
        break;
    case 'S': /* parameters, keys, notices, columns, the end of an answer */
    case 'K':
    case 'N':
    case 'v':
    case 'T':
    case 'C':
        break;
    default: /* any byte may come */
        exchange_broken(exchange, "PostgreSQL");
    }
}

static void receive(struct exchange *exchange, const uint8_t *bytes,
                    size_t length)
{
    while (length > 0 && exchange->verdict == EXCHANGE_GOES_ON) {
        size_t used;
        enum postgres_progress progress =
            postgres_read(&exchange->postgres, bytes, length, &used);

        bytes += used;
        length -= used;
        if (progress == POSTGRES_BROKEN)
            exchange_broken(exchange, "PostgreSQL");
        else if (progress == POSTGRES_READ)
            take(exchange, &exchange->postgres.message);
    }
}

const struct exchange_kind exchange_postgres = { .begin = begin,
                                                 .receive = receive };
