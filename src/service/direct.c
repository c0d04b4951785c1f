/* SPDX-License-Identifier: MIT */
#include "service/direct.h"
#include "base/log.h"
#include "net/proxy_protocol.h"
#include "service/reach.h"
#include "tunnel/bridge.h"
#include <stdlib.h>

struct onward {
    struct reach reach;
    struct bridge bridge;
    struct address from;
};

static struct onward *of_bridge(struct bridge *bridge)
{
    return CONTAINER_OF(bridge, struct onward, bridge);
}

static struct onward *of_reach(struct reach *reach)
{
    return CONTAINER_OF(reach, struct onward, reach);
}

static struct onward *of_passage(struct passage *passage)
{
    return of_reach(CONTAINER_OF(passage, struct reach, passage));
}

/* In this very turn: it waits for nothing any more but to be freed. */
static bool has_ended(const struct onward *onward)
{
    return onward->bridge.closing;
}

static void give_up(struct passage *passage)
{
    struct onward *onward = of_passage(passage);
    char from[ADDRESS_TEXT];

    if (has_ended(onward))
        return;
    passage->service->failed++;
    LOG_LIMITED(20, LOG_WARNING, "connection_failed",
                log_text("service", passage->service->options.name),
                log_text("from", address_format(&onward->from, from)),
                log_text("reason", *passage->failure ? passage->failure
                                   : passage->request.obstacle
                                       ? passage->request.obstacle
                                       : "no endpoint"));
    bridge_abort(&onward->bridge);
}

static void retry(struct passage *passage)
{
    struct onward *onward = of_passage(passage);

    if (!has_ended(onward))
        reach_next(&onward->reach);
}

static void leave(struct passage *passage)
{
    reach_elsewhere(&of_passage(passage)->reach);
}

static void abort_passage(struct passage *passage)
{
    bridge_abort(&of_passage(passage)->bridge);
}

static const struct passage_kind kind = {
    .retry = retry, .give_up = give_up, .abort = abort_passage, .leave = leave
};

static enum status announce(struct onward *onward)
{
    const struct passage *passage = &onward->reach.passage;
    uint8_t header[PROXY_PROTOCOL_MAX];
    size_t length;

    if (!passage->service->options.proxy_protocol)
        return STATUS_OK;
    length = proxy_protocol_write(&onward->from,
                                  &passage->place->endpoint.address, header);
    return bridge_prefix(&onward->bridge, header, length);
}

static void connected(struct reach *reach, int fd)
{
    struct onward *onward = of_reach(reach);

    if (bridge_connect(&onward->bridge, BRIDGE_SERVICE, fd) != STATUS_OK ||
        announce(onward) != STATUS_OK)
        bridge_abort(&onward->bridge);
}

static void exhausted(struct reach *reach)
{
    struct onward *onward = of_reach(reach);

    if (!passage_wait(&onward->reach.passage))
        give_up(&onward->reach.passage);
}

static void ended(struct bridge *bridge, bool in_order)
{
    struct onward *onward = of_bridge(bridge);
    struct service *service = onward->reach.passage.service;

    if (in_order)
        service->ended_in_order++;
    else
        service->ended_by_reset++;
    service->up_bytes += bridge->bytes[BRIDGE_APPLICATION];
    service->down_bytes += bridge->bytes[BRIDGE_SERVICE];
    reach_cancel(&onward->reach);
    passage_end(&onward->reach.passage);
    free(onward);
}

void direct_accept(struct service *service, struct arrival *arrival)
{
    struct onward *onward = calloc(1, sizeof(*onward));
    int fd = arrival->fd;

    if (!onward || !passage_begin(&onward->reach.passage, &kind, service,
                                  arrival_client(arrival))) {
        service->failed++;
        free(onward);
        arrival_clear(arrival);
        return;
    }
    onward->from = arrival->from;
    onward->reach.connected = connected;
    onward->reach.exhausted = exhausted;
    bridge_init(&onward->bridge, service->host, ended);
    arrival->fd = -1;
    arrival_clear(arrival);
    if (bridge_connect(&onward->bridge, BRIDGE_APPLICATION, fd) != STATUS_OK)
        bridge_abort(&onward->bridge);
    else
        reach_next(&onward->reach);
}
