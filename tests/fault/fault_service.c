/* SPDX-License-Identifier: MIT */
/*
 * Two ambassadors, the making of the tunnel between them, and a connection
 * through it from its open to its last FIN, with each allocation of the way
 * failing in turn.  A connection ends exact or by a reset, never early by a
 * FIN and never not at all, and the next one, with memory again, is exact.
 */
#include "base/clock.h"
#include "fault/failing.h"
#include "support/service/pair.h"
#include "support/sockets.h"
#include "tunnel/tunnel.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LENGTH = 40000 }; /* some frames each way */

/* Neither what there is to wait for nor a bug may hold a run up for longer. */
static const uint64_t patience_us = 20 * CLOCK_SECOND;

enum ending { NOT_YET, IN_ORDER, BY_RESET };

/* One end of the connection, as the application or the service has it. */
struct end {
    int fd; /* -1: not there */
    size_t sent;
    size_t received;
    bool is_finished; /* our FIN is sent */
    bool answers;     /* sends only when it has received all */
    enum ending ending;
};

static void receive(struct end *end)
{
    uint8_t bytes[4096];
    ssize_t got;

    while (end->ending == NOT_YET &&
           (got = recv(end->fd, bytes, sizeof(bytes), 0)) != 0) {
        if (got < 0 && errno == EAGAIN)
            return;
        if (got < 0) {
            end->ending = BY_RESET;
            return;
        }
        for (ssize_t i = 0; i < got; i++)
            ASSERT(bytes[i] == sockets_byte_at(end->received++));
    }
    if (end->ending != NOT_YET)
        return;
    ASSERT(end->received == LENGTH); /* no silent truncation */
    end->ending = IN_ORDER;
}

static void transmit(struct end *end)
{
    static uint8_t bytes[LENGTH];

    if (end->is_finished || (end->answers && end->ending != IN_ORDER))
        return;
    for (size_t i = 0; i < LENGTH; i++)
        bytes[i] = sockets_byte_at(i);
    while (end->sent < LENGTH) {
        ssize_t sent =
            send(end->fd, bytes + end->sent, LENGTH - end->sent, MSG_NOSIGNAL);

        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent < 0) /* the read tells how it ended */
            break;
        end->sent += (size_t)sent;
    }
    (void)shutdown(end->fd, SHUT_WR);
    end->is_finished = true;
}

static void serve(struct end *end)
{
    if (end->fd < 0)
        return;
    receive(end);
    transmit(end);
}

static void accept_one(struct pair *pair, struct end *service)
{
    if (service->fd >= 0)
        return;
    service->fd = accept(pair->service, NULL, NULL);
    if (service->fd >= 0)
        ASSERT(fcntl(service->fd, F_SETFL, O_NONBLOCK) == 0);
}

/* A connection to its end; whether it was exact in both directions. */
static bool exchange(struct pair *pair)
{
    struct end application = { .fd = pair_dial(pair) };
    struct end service = { .fd = -1, .answers = true };
    uint64_t until_us = clock_now_us() + patience_us;

    while (application.ending == NOT_YET ||
           (service.fd >= 0 && service.ending == NOT_YET)) {
        ASSERT(clock_now_us() < until_us); /* nobody is left waiting */
        loop_turn(pair->loop, CLOCK_MS);
        accept_one(pair, &service);
        serve(&application);
        serve(&service);
    }
    close(application.fd);
    if (service.fd >= 0)
        close(service.fd);
    return application.ending == IN_ORDER && service.ending == IN_ORDER;
}

/* As before the first: nothing of the last connection left, a tunnel there. */
static void recover(struct pair *pair)
{
    uint64_t until_us = clock_now_us() + patience_us;
    int fd;

    while (pair_service(pair, PAIR_CONSUMER)->active > 0 ||
           pair_service(pair, PAIR_OFFERER)->active > 0) {
        ASSERT(clock_now_us() < until_us);
        loop_turn(pair->loop, CLOCK_MS);
    }
    while ((fd = accept(pair->service, NULL, NULL)) >= 0)
        close(fd);
    pair_connect(pair);
}

static uint64_t count_allocations(struct pair *pair)
{
    uint64_t count;

    failing_start(0, false);
    ASSERT(exchange(pair));
    count = failing_stop();
    ASSERT(count > 0);
    return count;
}

static void sweep_connection(struct pair *pair)
{
    unsigned exact = 0, reset = 0;
    uint64_t count;

    ASSERT(exchange(pair)); /* what is kept for the next is there now */
    recover(pair);
    count = count_allocations(pair);
    /* A few more than it takes: what fails may be tried again. */
    for (uint64_t nth = 1; nth <= count + 3; nth++) {
        for (int for_good = 0; for_good < 2; for_good++) {
            bool is_exact;

            recover(pair);
            failing_start(nth, for_good);
            is_exact = exchange(pair);
            failing_stop();
            exact += is_exact;
            reset += !is_exact;
            recover(pair);
        }
    }
    ASSERT(reset > 0);
    printf("connection: %llu allocations, %u runs exact, %u reset\n",
           (unsigned long long)count, exact, reset);
}

/* The consumer's |count| (0 or 1) places; false without memory. */
static bool place(struct pair *pair, size_t count)
{
    struct endpoint endpoint = { .weight = 1, .name = "echo" };
    struct endpoints *endpoints;
    bool is_placed;

    endpoint.address = *acceptor_address(pair->acceptor);
    endpoints = endpoints_new(&endpoint, count);
    is_placed = endpoints &&
                switchboard_place(&pair->boards[PAIR_CONSUMER], SERVICE_CONSUME,
                                  "echo", endpoints) == STATUS_OK;
    free(endpoints);
    return is_placed;
}

/* Nobody to dial, no tunnel. */
static void part(struct pair *pair)
{
    uint64_t until_us = clock_now_us() + patience_us;

    ASSERT(place(pair, 0));
    while (pair->usable) {
        ASSERT(clock_now_us() < until_us);
        loop_turn(pair->loop, CLOCK_MS);
    }
    pair_pass(pair, 2 * CLOCK_MS);
    /* Only what is asked for from now on tells of offers. */
    loop_timer_stop(&pair->boards[PAIR_OFFERER].catalogue.timer);
}

/* Told where the offerer is: dials it.  Whether there is a tunnel, soon. */
static bool meet(struct pair *pair)
{
    uint64_t until_us = clock_now_us() + 100 * CLOCK_MS;

    if (!place(pair, 1))
        return false;
    while (!pair->usable && clock_now_us() < until_us)
        loop_turn(pair->loop, CLOCK_MS);
    return pair->usable;
}

static bool is_told(const struct pair *pair)
{
    struct list *first = list_first(&pair->boards[PAIR_OFFERER].host.tunnels);

    return first && session_offered(tunnel_session(tunnel_of_node(first)));
}

/* What could not be said of offers for want of memory is said later. */
static void expect_told(struct pair *pair)
{
    uint64_t until_us = clock_now_us() + patience_us;

    while (!is_told(pair)) {
        ASSERT(clock_now_us() < until_us);
        loop_turn(pair->loop, CLOCK_MS);
    }
}

/* From "there it is" over the dial and the handshake to HELLO, at both ends. */
static void sweep_tunnel(struct pair *pair)
{
    unsigned met = 0, missed = 0;
    uint64_t count = 0;

    for (uint64_t nth = 0; nth <= count; nth++) {
        for (int for_good = 0; for_good < 2; for_good++) {
            bool has_met;

            part(pair);
            failing_start(nth, for_good);
            has_met = meet(pair);
            if (nth == 0)
                count = failing_stop();
            failing_stop();
            met += has_met;
            missed += !has_met;
            ASSERT(place(pair, 1)); /* with memory again, as a reload does */
            recover(pair);
            expect_told(pair);
            ASSERT(exchange(pair));
            recover(pair);
        }
    }
    ASSERT(count > 0 && met > 0 && missed > 0);
    printf("tunnel: %llu allocations, %u met, %u missed\n",
           (unsigned long long)count, met, missed);
}

int main(void)
{
    struct pair_options options = { .hold_us = 300 * CLOCK_MS };
    struct pair *pair = pair_new(&options);

    pair_connect(pair);
    sweep_connection(pair);
    sweep_tunnel(pair);
    ASSERT(exchange(pair)); /* and nothing is broken for later */
    recover(pair);
    pair_free(pair);
    return 0;
}
