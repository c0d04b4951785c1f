/* SPDX-License-Identifier: MIT */
#include "tunnel/acceptor.h"
#include "base/clock.h"
#include "base/log.h"
#include "wire/limits.h"
#include <stdlib.h>
#include <unistd.h>

enum {
    MAX_PENDING = 512,           /* unfinished handshakes in all */
    MAX_PENDING_OF_ADDRESS = 64, /* from one IP address */
    HANDSHAKES_A_SECOND = 200,
    HANDSHAKE_BURST = 200
};

#define HANDSHAKE_TIMEOUT_US (5 * CLOCK_SECOND)
#define BREATH_US (50 * CLOCK_MS)

struct acceptor {
    struct loop *loop;
    struct handshaker *handshaker;
    struct listener *listener;
    struct bucket rate;
    struct loop_timer timer; /* the listener is paused until then */
    struct greeting *pending[MAX_PENDING];
    uint32_t pending_count;
    void (*established)(void *context, struct greeting *greeting);
    void *context;
};

static bool same_host(const struct address *a, const struct address *b)
{
    struct address left = *a, right = *b;

    address_set_port(&left, 0);
    address_set_port(&right, 0);
    return address_equal(&left, &right);
}

static uint32_t pending_of(const struct acceptor *acceptor,
                           const struct address *from)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < acceptor->pending_count; i++)
        count += same_host(&acceptor->pending[i]->address, from);
    return count;
}

static void forget(struct acceptor *acceptor, const struct greeting *done)
{
    for (uint32_t i = 0; i < acceptor->pending_count; i++)
        if (acceptor->pending[i] == done)
            acceptor->pending[i] = acceptor->pending[--acceptor->pending_count];
}

static void handshake_is_done(struct greeting *greeting)
{
    struct acceptor *acceptor = greeting->context;
    char from[ADDRESS_TEXT];

    if (!acceptor) {
        greeting_free(greeting);
        return;
    }
    forget(acceptor, greeting);
    if (greeting->status == STATUS_OK) {
        acceptor->established(acceptor->context, greeting);
        return;
    }
    LOG_LIMITED(10, LOG_WARNING, "handshake_refused",
                log_text("from", address_format(&greeting->address, from)),
                log_text("reason", greeting->failure));
    greeting_free(greeting);
}

static void breathe(struct loop_timer *timer)
{
    struct acceptor *acceptor = CONTAINER_OF(timer, struct acceptor, timer);

    listener_resume(acceptor->listener);
}

/* Wait a moment before the next; meanwhile they queue in the kernel. */
static void take_breath(struct acceptor *acceptor)
{
    listener_pause(acceptor->listener);
    loop_timer_start(&acceptor->timer, BREATH_US);
}

static void accepted(void *context, int fd, const struct address *from)
{
    struct acceptor *acceptor = context;
    struct greeting *greeting = NULL;

    if (acceptor->pending_count < MAX_PENDING &&
        pending_of(acceptor, from) < MAX_PENDING_OF_ADDRESS)
        greeting = calloc(1, sizeof(*greeting));
    if (!greeting) {
        LOG_LIMITED(1, LOG_WARNING, "handshakes_limited",
                    log_number("pending", acceptor->pending_count));
        close(fd);
        take_breath(acceptor);
        return;
    }
    greeting->reply_to = acceptor->loop;
    greeting->done = handshake_is_done;
    greeting->context = acceptor;
    greeting->role = TLS_SERVER;
    greeting->fd = fd;
    greeting->address = *from;
    greeting->timeout_us = HANDSHAKE_TIMEOUT_US;
    acceptor->pending[acceptor->pending_count++] = greeting;
    handshaker_submit(acceptor->handshaker, greeting);
    if (!bucket_take(&acceptor->rate, loop_now_us(acceptor->loop)))
        take_breath(acceptor);
}

enum status acceptor_open(const struct acceptor_options *options,
                          struct acceptor **opened, struct net_error *error)
{
    struct acceptor *acceptor = calloc(1, sizeof(*acceptor));
    struct listener_options listener = { .address = options->address,
                                         .accepted = accepted,
                                         .context = acceptor };
    enum status status;

    if (!acceptor)
        return STATUS_NO_MEMORY;
    acceptor->loop = options->loop;
    acceptor->handshaker = options->handshaker;
    acceptor->established = options->established;
    acceptor->context = options->context;
    bucket_init(&acceptor->rate, HANDSHAKE_BURST, HANDSHAKES_A_SECOND,
                loop_now_us(options->loop));
    loop_timer_init(options->loop, &acceptor->timer, breathe);
    status =
        listener_open(options->loop, &listener, &acceptor->listener, error);
    if (status != STATUS_OK) {
        free(acceptor);
        return status;
    }
    *opened = acceptor;
    return STATUS_OK;
}

void acceptor_close(struct acceptor *acceptor)
{
    if (!acceptor)
        return;
    for (uint32_t i = 0; i < acceptor->pending_count; i++)
        acceptor->pending[i]->context = NULL;
    loop_timer_stop(&acceptor->timer);
    listener_close(acceptor->listener);
    free(acceptor);
}

const struct address *acceptor_address(const struct acceptor *acceptor)
{
    return listener_address(acceptor->listener);
}
