/* SPDX-License-Identifier: MIT */
#include "support/service/pair.h"
#include "support/sockets.h"
#include "support/tunnel/patience.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the two boards ---- */

static void usable_changed(void *context, const char *service, bool usable)
{
    struct pair *pair = context;

    if (strcmp(service, "echo") == 0)
        pair->usable = usable;
}

static void homeless(void *context, struct arrival *arrival)
{
    struct pair *pair = context;

    pair->homeless++;
    arrival_clear(arrival);
}

static void doubted(void *context, enum service_role role, const char *service)
{
    (void)context;
    (void)role;
    (void)service;
}

static const struct switchboard_events board_events = {
    .usable_changed = usable_changed, .doubted = doubted, .homeless = homeless
};

static void make_board(struct pair *pair, int side, const char *node,
                       const struct pair_options *options)
{
    struct host_options host = { .loop = pair->loop,
                                 .limits = LIMITS_DEFAULT,
                                 .max_memory_bytes = 64 << 20,
                                 .node = node,
                                 .version = "test" };

    ASSERT(handshaker_start(&pair->handshakers[side]) == STATUS_OK);
    papers_use(&pair->papers, node, pair->handshakers[side]);
    host.handshaker = pair->handshakers[side];
    if (options->limits.max_streams > 0)
        host.limits = options->limits;
    ASSERT(switchboard_init(&pair->boards[side], &host, &board_events, pair) ==
           STATUS_OK);
}

static void established_at_offerer(void *context, struct greeting *greeting)
{
    struct pair *pair = context;

    switchboard_adopt(&pair->boards[PAIR_OFFERER], greeting);
}

static void established_at_consumer(void *context, struct greeting *greeting)
{
    struct pair *pair = context;

    switchboard_adopt(&pair->boards[PAIR_CONSUMER], greeting);
}

static void listen_for_peers(struct pair *pair, bool is_reverse)
{
    struct acceptor_options options = {
        .loop = pair->loop,
        .handshaker =
            pair->handshakers[is_reverse ? PAIR_CONSUMER : PAIR_OFFERER],
        .established =
            is_reverse ? established_at_consumer : established_at_offerer,
        .context = pair
    };
    struct net_error error;

    ASSERT(address_parse(&options.address, "127.0.0.1:0"));
    ASSERT(acceptor_open(&options, &pair->acceptor, &error) == STATUS_OK);
}

static void add(struct text_list *list, const char *text)
{
    ASSERT(text_list_add(list, text));
}

/* An address of loopback where nobody listens. */
static struct address nowhere(void)
{
    int fd = sockets_listen(SOCKETS_V4, 1);
    struct address address;

    ASSERT(address_of_socket(&address, fd));
    close(fd);
    return address;
}

/* At |address|; the first |count| - 1 choices are places that refuse. */
static void place_behind(struct pair *pair, int side, enum service_role role,
                         const char *name, const struct address *address,
                         size_t count)
{
    struct endpoint list[2];
    struct endpoints *endpoints;

    ASSERT(count <= 2);
    for (size_t i = 0; i < count; i++) {
        list[i] =
            (struct endpoint){ .address = i + 1 < count ? nowhere() : *address,
                               .priority = (uint16_t)i,
                               .weight = 1 };
        snprintf(list[i].name, sizeof(list[i].name), "%s", name);
    }
    endpoints = endpoints_new(list, count);
    ASSERT(endpoints && switchboard_place(&pair->boards[side], role, name,
                                          endpoints) == STATUS_OK);
    free(endpoints);
}

static void place(struct pair *pair, int side, enum service_role role,
                  const char *name, const struct address *address)
{
    place_behind(pair, side, role, name, address, 1);
}

static void consume(struct pair *pair, const struct pair_options *options)
{
    struct service_options service;

    service_options_init(&service, SERVICE_CONSUME);
    strcpy(service.name, "echo");
    service.hold_us = options->hold_us ? options->hold_us : CLOCK_SECOND;
    if (options->max_connections > 0)
        service.max_connections = options->max_connections;
    add(&service.sources, options->is_reverse ? "inbound:" : "static:x:1");
    add(&service.peers, options->peer ? options->peer : "spiffe://acme/db");
    ASSERT(switchboard_apply(&pair->boards[PAIR_CONSUMER], &service, 1) ==
           STATUS_OK);
    service_options_clear(&service);
    if (!options->is_reverse)
        place(pair, PAIR_CONSUMER, SERVICE_CONSUME, "echo",
              acceptor_address(pair->acceptor));
}

static void offer(struct pair *pair, const struct pair_options *options)
{
    struct service_options services[2];
    struct address address;
    size_t count = 1;

    service_options_init(&services[0], SERVICE_OFFER);
    strcpy(services[0].name, "echo");
    services[0].proxy_protocol = options->proxy_protocol;
    add(&services[0].sources, "static:x:1");
    add(&services[0].allow,
        options->allow ? options->allow : "spiffe://acme/app");
    if (options->is_reverse) { /* as tunnels.dial does */
        service_options_init(&services[count], SERVICE_CONSUME);
        strcpy(services[count].name, "*");
        add(&services[count++].sources, "static:x:1");
    }
    ASSERT(switchboard_apply(&pair->boards[PAIR_OFFERER], services, count) ==
           STATUS_OK);
    for (size_t i = 0; i < count; i++)
        service_options_clear(&services[i]);
    ASSERT(address_of_socket(&address, pair->service));
    place_behind(pair, PAIR_OFFERER, SERVICE_OFFER, "echo", &address,
                 options->first_refuses ? 2 : 1);
    if (options->is_reverse)
        place(pair, PAIR_OFFERER, SERVICE_CONSUME, "*",
              acceptor_address(pair->acceptor));
}

struct pair *pair_new(const struct pair_options *options)
{
    struct pair *pair = calloc(1, sizeof(*pair));

    ASSERT(pair);
    papers_make(&pair->papers);
    pair->loop = loop_new();
    ASSERT(pair->loop);
    pair->service = sockets_listen(SOCKETS_V4, 128);
    fcntl(pair->service, F_SETFL, O_NONBLOCK);
    make_board(pair, PAIR_CONSUMER, "app", options);
    make_board(pair, PAIR_OFFERER, "db", options);
    listen_for_peers(pair, options->is_reverse);
    consume(pair, options);
    offer(pair, options);
    if (options->is_away) {
        close(pair->service);
        pair->service = -1;
    }
    return pair;
}

void pair_free(struct pair *pair)
{
    acceptor_close(pair->acceptor);
    for (int side = 0; side < 2; side++)
        handshaker_stop(pair->handshakers[side]);
    for (int side = 0; side < 2; side++)
        switchboard_stop(&pair->boards[side]);
    pair_turn(pair, 3);
    for (int side = 0; side < 2; side++)
        switchboard_clear(&pair->boards[side]);
    loop_free(pair->loop);
    if (pair->service >= 0)
        close(pair->service);
    papers_remove(&pair->papers);
    free(pair);
}

/* ---- time ---- */

void pair_turn(struct pair *pair, unsigned times)
{
    while (times-- > 0)
        loop_turn(pair->loop, 0);
}

void pair_pass(struct pair *pair, uint64_t us)
{
    patience_pass(pair->loop, us);
}

void pair_connect(struct pair *pair)
{
    ASSERT(patience_wait(pair->loop, &pair->usable));
}

/* ---- the application and the service ---- */

int pair_dial(struct pair *pair)
{
    struct arrival arrival = { .role = SERVICE_CONSUME, .service = "echo" };
    int ends[2];

    sockets_pair(SOCKETS_V4, ends);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    ASSERT(address_of_peer(&arrival.from, ends[0]));
    arrival.fd = ends[0];
    switchboard_accept(&pair->boards[PAIR_CONSUMER], &arrival);
    return ends[1];
}

int pair_accept(struct pair *pair)
{
    uint64_t began_us = clock_now_us();
    int fd;

    while ((fd = accept(pair->service, NULL, NULL)) < 0)
        patience_turn(pair->loop, began_us);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

void pair_send(struct pair *pair, int fd, const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    uint64_t began_us = clock_now_us();

    while (length > 0) {
        ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);

        if (sent > 0) {
            at += sent;
            length -= (size_t)sent;
        } else {
            ASSERT(errno == EAGAIN);
            patience_turn(pair->loop, began_us);
        }
    }
}

bool pair_receive(struct pair *pair, int fd, void *bytes, size_t length)
{
    return patience_receive(pair->loop, fd, bytes, length);
}

int pair_ending(struct pair *pair, int fd)
{
    return patience_ending(pair->loop, fd);
}

struct service *pair_service(struct pair *pair, int side)
{
    return switchboard_find(&pair->boards[side],
                            side == PAIR_CONSUMER ? SERVICE_CONSUME
                                                  : SERVICE_OFFER,
                            "echo");
}
