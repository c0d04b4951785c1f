/* SPDX-License-Identifier: MIT */
#include "support/tunnel/host_end.h"
#include "support/sockets.h"
#include "support/tunnel/patience.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- relays ---- */

static struct host_relay *of_relay(struct relay *relay)
{
    return CONTAINER_OF(relay, struct host_relay, relay);
}

static void answered(struct relay *relay)
{
    of_relay(relay)->answers++;
}

static void open_failed(struct relay *relay, enum code code, bool delivered)
{
    struct host_relay *failed = of_relay(relay);

    failed->refusals++;
    failed->code = code;
    failed->delivered = delivered;
    if (!failed->keeps)
        relay_abort(relay, RELAY_REFUSED);
}

static void ended(struct relay *relay, enum relay_ending ending)
{
    of_relay(relay)->is_ended = true;
    of_relay(relay)->ending = ending;
}

static const struct relay_events relay_events = { .answered = answered,
                                                  .open_failed = open_failed,
                                                  .ended = ended };

static struct host_relay *new_relay(struct host_end *end)
{
    struct host_relay *relay = calloc(1, sizeof(*relay));

    ASSERT(relay);
    relay->end = end;
    relay->fd = -1;
    list_append(&end->relays, &relay->node);
    relay_init(&relay->relay, &end->host, &relay_events);
    return relay;
}

void host_relay_connect(struct host_relay *relay)
{
    int fds[2];

    sockets_pair(SOCKETS_V4, fds);
    ASSERT(fcntl(fds[1], F_SETFL, O_NONBLOCK) == 0);
    relay->fd = fds[1];
    ASSERT(relay_connect(&relay->relay, fds[0]) == STATUS_OK);
}

/* ---- what the host is told ---- */

static void tunnel_changed(void *context, struct tunnel *tunnel)
{
    struct host_end *end = context;

    end->is_usable = tunnel_is_usable(tunnel);
}

static void tunnel_ended(void *context, struct tunnel *tunnel)
{
    struct host_end *end = context;

    if (end->tunnel == tunnel)
        end->tunnel = NULL;
}

static void stream_opened(void *context, struct tunnel *tunnel,
                          struct stream *stream,
                          const struct metadata *metadata)
{
    struct host_end *end = context;
    struct host_relay *relay = new_relay(end);

    (void)metadata;
    relay_adopt(&relay->relay, tunnel, stream);
    if (!end->dials) /* reached at once, as a service on this host is */
        host_relay_connect(relay);
}

static const struct host_events host_events = { .tunnel_changed =
                                                    tunnel_changed,
                                                .stream_opened = stream_opened,
                                                .tunnel_ended = tunnel_ended };

/* ---- life ---- */

void host_end_start(struct host_end *end, const struct limits *limits,
                    size_t max_memory_bytes)
{
    struct host_options options = { .limits = LIMITS_DEFAULT,
                                    .max_memory_bytes = 64 << 20,
                                    .node = "db",
                                    .version = "test",
                                    .events = &host_events,
                                    .context = end };

    *end = (struct host_end){ 0 };
    list_init(&end->relays);
    papers_make(&end->papers);
    end->loop = loop_new();
    ASSERT(end->loop);
    ASSERT(handshaker_start(&end->handshaker) == STATUS_OK);
    papers_use(&end->papers, "db", end->handshaker);
    options.loop = end->loop;
    options.handshaker = end->handshaker;
    if (limits)
        options.limits = *limits;
    if (max_memory_bytes)
        options.max_memory_bytes = max_memory_bytes;
    ASSERT(host_init(&end->host, &options) == STATUS_OK);
}

static void free_relays(struct host_end *end)
{
    LIST_EACH(&end->relays, node)
    {
        struct host_relay *relay = LIST_ITEM(node, struct host_relay, node);

        ASSERT(relay->is_ended);
        if (relay->fd >= 0)
            close(relay->fd);
        list_remove(node);
        free(relay);
    }
}

void host_end_stop(struct host_end *end)
{
    handshaker_stop(end->handshaker);
    host_end_turn(end, 2);
    LIST_EACH(&end->relays, node)
    {
        struct host_relay *relay = LIST_ITEM(node, struct host_relay, node);

        if (!relay->is_ended)
            relay_abort(&relay->relay, RELAY_REFUSED);
    }
    LIST_EACH(&end->host.tunnels, node)
    {
        tunnel_close(tunnel_of_node(node), CODE_NONE, "stopped");
    }
    host_end_turn(end, 3);
    free_relays(end);
    ASSERT(end->host.pool.used_bytes == 0);
    host_clear(&end->host);
    loop_free(end->loop);
    papers_remove(&end->papers);
}

void host_end_turn(struct host_end *end, unsigned times)
{
    while (times-- > 0)
        loop_turn(end->loop, 0);
}

/* ---- tunnels ---- */

static void greeted(struct greeting *greeting)
{
    struct host_end *end = greeting->context;
    struct tunnel_options options = {
        .host = &end->host,
        .tls = greeting->tls,
        .fd = greeting->fd,
        .role = SESSION_ACCEPTOR,
        .surplus = greeting->surplus,
        .surplus_length = greeting->surplus_length,
        .address = greeting->address,
    };

    if (greeting->status == STATUS_OK) {
        greeting->tls = NULL;
        greeting->fd = -1;
        ASSERT(tunnel_open(&options, &end->tunnel) == STATUS_OK);
    }
    greeting_free(greeting);
}

/* A tunnel over |fd|, which was accepted. */
static void greet(struct host_end *end, int fd)
{
    struct greeting *greeting = calloc(1, sizeof(*greeting));

    ASSERT(greeting && address_parse(&greeting->address, "127.0.0.1:1"));
    greeting->reply_to = end->loop;
    greeting->done = greeted;
    greeting->context = end;
    greeting->role = TLS_SERVER;
    greeting->fd = fd;
    greeting->timeout_us = 8 * CLOCK_SECOND;
    handshaker_submit(end->handshaker, greeting);
}

struct stranger *host_end_meet(struct host_end *end)
{
    uint64_t began_us = clock_now_us();
    struct stranger *stranger;
    int fds[2];

    sockets_pair(SOCKETS_V4, fds);
    greet(end, fds[0]);
    stranger = stranger_new(end->loop, &end->papers, fds[1]);
    ASSERT(stranger_shake(stranger));
    stranger_hello(stranger);
    while (!end->is_usable)
        patience_turn(end->loop, began_us);
    return stranger;
}

/* ---- streams ---- */

struct host_relay *host_end_connect(struct host_end *end)
{
    struct host_relay *relay = new_relay(end);

    host_relay_connect(relay);
    return relay;
}

enum status host_end_attach(struct host_relay *relay)
{
    struct metadata metadata = { .service = "echo" };

    return relay_attach(&relay->relay, relay->end->tunnel, &metadata);
}
