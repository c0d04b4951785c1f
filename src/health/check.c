/* SPDX-License-Identifier: MIT */
#include "health/check.h"
#include "base/text.h"
#include "health/exchange.h"
#include "net/connection.h"
#include "net/dialer.h"
#include "net/proxy_protocol.h"
#include <stdlib.h>

enum { BLOCK = 4096, MAX_QUEUE = 16384 };

struct check {
    struct check_options options;
    struct loop *loop; /* borrowed */
    struct dial *dial; /* under way */
    struct chunk_pool pool;
    struct connection connection;
    struct loop_task task;
    struct loop_timer deadline;
    struct loop_deferred deferred;
    struct exchange exchange;
};

static void release(struct loop_deferred *deferred)
{
    struct check *check = CONTAINER_OF(deferred, struct check, deferred);

    chunk_pool_clear(&check->pool);
    free(check);
}

/* In order, so that no server takes note of a connection that was reset. */
static void close_check(struct check *check)
{
    dial_cancel(check->dial);
    check->dial = NULL;
    connection_close_in_order(&check->connection);
    loop_task_cancel(&check->task);
    loop_timer_stop(&check->deadline);
    loop_defer(check->loop, &check->deferred, release);
}

void check_cancel(struct check *check)
{
    if (check)
        close_check(check);
}

static void end(struct check *check, enum check_verdict verdict,
                const char *reason)
{
    void (*done)(void *context, enum check_verdict, const char *) =
        check->options.done;
    void *context = check->options.context;

    close_check(check);
    done(context, verdict, reason); /* the reason may be in the check */
}

static void fail(struct check *check, enum status status)
{
    bool is_ours = status == STATUS_LIMIT || status == STATUS_NO_MEMORY;

    end(check, is_ours ? CHECK_UNKNOWN : CHECK_UNFIT, status_text(status));
}

static enum check_verdict verdict_of(const struct exchange *exchange)
{
    switch (exchange->verdict) {
    case EXCHANGE_FIT:
        return CHECK_FIT;
    case EXCHANGE_WRONG_ROLE:
        return CHECK_WRONG_ROLE;
    case EXCHANGE_UNFIT:
    case EXCHANGE_GOES_ON:
        break;
    }
    return CHECK_UNFIT;
}

/* ---- what goes over the connection ---- */

static enum status speak(struct check *check)
{
    struct exchange *exchange = &check->exchange;
    enum status status = STATUS_OK;
    size_t sent;

    if (exchange->output_length > 0)
        status = connection_queue(&check->connection, exchange->output,
                                  exchange->output_length);
    exchange->output_length = 0;
    return status == STATUS_OK ? connection_flush(&check->connection, &sent)
                               : status;
}

static enum status hear(struct check *check)
{
    struct exchange *exchange = &check->exchange;
    uint8_t block[BLOCK];
    struct iovec part = { .iov_base = block, .iov_len = sizeof(block) };
    enum status status = STATUS_OK;

    while (exchange->verdict == EXCHANGE_GOES_ON &&
           check->connection.readable && status == STATUS_OK) {
        size_t bytes = 0;

        status = connection_read(&check->connection, &part, 1, &bytes);
        if (status == STATUS_OK && bytes == 0)
            break;
        exchange_receive(exchange, block, bytes);
    }
    if (status == STATUS_CLOSED)
        exchange_end(exchange);
    return status == STATUS_CLOSED ? STATUS_OK : status;
}

static void look(struct loop_task *task)
{
    struct check *check = CONTAINER_OF(task, struct check, task);
    enum status status = hear(check);

    if (status == STATUS_OK) /* our last words too, behind a verdict */
        status = speak(check);
    /* What had been said before a failure counts. */
    if (check->exchange.verdict != EXCHANGE_GOES_ON)
        end(check, verdict_of(&check->exchange), check->exchange.reason);
    else if (status != STATUS_OK)
        fail(check, status);
}

/* It is our own: the header says that and nothing else. */
static enum status announce(struct check *check)
{
    static const struct address nobody;
    uint8_t header[PROXY_PROTOCOL_MAX];

    if (!check->options.proxy_protocol)
        return STATUS_OK;
    return connection_queue(&check->connection, header,
                            proxy_protocol_write(&nobody, &nobody, header));
}

static void dialled(void *context, enum status status, int fd)
{
    struct check *check = context;
    char host[ADDRESS_TEXT];

    check->dial = NULL;
    if (status == STATUS_OK)
        status = connection_open(&check->connection, fd);
    if (status == STATUS_OK)
        status = announce(check);
    if (status != STATUS_OK) {
        fail(check, status);
        return;
    }
    exchange_begin(&check->exchange, check->options.rules,
                   address_is_unix(&check->options.address)
                       ? "localhost"
                       : address_format(&check->options.address, host));
    loop_schedule(check->loop, &check->task);
}

static void expired(struct loop_timer *timer)
{
    struct check *check = CONTAINER_OF(timer, struct check, deadline);

    end(check, CHECK_UNFIT, "no answer in time");
}

struct check *check_start(struct loop *loop,
                          const struct check_options *options)
{
    struct dial_options dial = { .address = options->address,
                                 .timeout_us = options->rules->timeout_us,
                                 .done = dialled };
    struct check *check = calloc(1, sizeof(*check));

    if (!check)
        return NULL;
    check->options = *options;
    check->loop = loop;
    chunk_pool_init(&check->pool, MAX_QUEUE);
    loop_task_init(&check->task, look);
    connection_init(&check->connection, loop, &check->pool, &check->task);
    loop_timer_init(loop, &check->deadline, expired);
    dial.context = check;
    check->dial = dial_start(loop, &dial);
    if (!check->dial) {
        chunk_pool_clear(&check->pool);
        free(check);
        return NULL;
    }
    loop_timer_start(&check->deadline, options->rules->timeout_us);
    return check;
}
