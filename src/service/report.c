/* SPDX-License-Identifier: MIT */
#include "service/report.h"
#include "base/text.h"
#include "crypto/spiffe.h"
#include "service/consume.h"
#include "service/switchboard.h"
#include "tunnel/peer.h"
#include "tunnel/tunnel.h"
#include <stdlib.h>
#include <string.h>

/* What is wrong with who is there, or NULL; anybody may be who is dialled. */
static const char *find_objection(const struct service *service,
                                  const struct place *place)
{
    const char *stranger;

    if (service->options.role != SERVICE_CONSUME ||
        service->options.peers.count == 0)
        return NULL;
    stranger = consume_stranger(service, place);
    return stranger ? stranger : consume_objection(place);
}

/* How a place is, as its tunnel or its connections have shown. */
static void describe_state(const struct service *service,
                           const struct place *place, uint64_t now_us,
                           struct place_report *report)
{
    const char *objection = find_objection(service, place);
    struct peer_report peer;

    report->state = pool_state_of(place, now_us);
    text_format(report->failure, sizeof(report->failure), "%s", place->failure);
    if (*place->unfit)
        text_format(report->failure, sizeof(report->failure), "%s",
                    place->unfit);
    if (objection) {
        report->state = "down";
        text_format(report->failure, sizeof(report->failure), "%s", objection);
    }
    if (!place->peer)
        return;
    peer_report(place->peer, &peer);
    if (strcmp(peer.state, "up") == 0)
        return;
    report->state = peer.state;
    text_format(report->failure, sizeof(report->failure), "%s", peer.failure);
}

static void describe_place(const struct service *service,
                           const struct place *place, uint64_t now_us,
                           struct place_report *report)
{
    *report = (struct place_report){
        .address = place->endpoint.address,
        .active = place->active,
        .connections = place->connections,
        .failures = place->failures,
        .latency_us = place->latency_us,
        .is_inbound = place->tunnel != NULL,
    };
    text_format(report->name, sizeof(report->name), "%s", place->endpoint.name);
    describe_state(service, place, now_us, report);
}

static bool describe_service(struct service *service,
                             struct service_report *report)
{
    uint64_t now_us = loop_now_us(service->host->loop);

    *report = (struct service_report){
        .role = service->options.role,
        .is_usable = service_is_usable(service),
        .active = service->active,
        .waiting = service->waiting_count,
        .left_behind = service->left_behind,
        .connections = service->connections,
        .failed = service->failed,
        .denied = service->denied,
        .ended_in_order = service->ended_in_order,
        .ended_by_reset = service->ended_by_reset,
        .lost = service->lost,
        .up_bytes = service->up_bytes,
        .down_bytes = service->down_bytes,
    };
    memcpy(report->name, service->options.name, sizeof(report->name));
    report->places = calloc(service->pool.count + 1, sizeof(*report->places));
    if (!report->places)
        return false;
    LIST_EACH(&service->pool.places, node)
    {
        describe_place(service, LIST_ITEM(node, struct place, node), now_us,
                       &report->places[report->place_count++]);
    }
    return true;
}

static bool describe_tunnel(const struct tunnel *tunnel, uint32_t worker,
                            struct tunnel_summary *summary)
{
    struct tunnel_report report;

    tunnel_report(tunnel, &report);
    *summary = (struct tunnel_summary){
        .worker = worker,
        .number = report.number,
        .address = report.address,
        .aead = report.aead,
        .is_dialler = report.is_dialler,
        .is_ready = report.is_ready,
        .is_draining = report.is_draining,
        .age_us = report.age_us,
        .rtt_us = report.session.rtt_us,
        .streams = report.session.streams,
        .sent_bytes = report.sent_bytes,
        .received_bytes = report.received_bytes,
        .expires = report.expires,
    };
    text_format(summary->peer, sizeof(summary->peer), "%s", report.peer);
    text_format(summary->node, sizeof(summary->node), "%s", report.node);
    text_format(summary->version, sizeof(summary->version), "%s",
                report.version);
    if (!report.offers)
        return true;
    summary->offers = offers_copy(report.offers);
    return summary->offers != NULL;
}

static size_t length_of(const struct list *head)
{
    size_t length = 0;

    LIST_EACH(head, node)
    {
        length++;
    }
    return length;
}

static bool describe_services(const struct switchboard *board,
                              struct board_report *report)
{
    report->services =
        calloc(length_of(&board->services) + 1, sizeof(*report->services));
    if (!report->services)
        return false;
    LIST_EACH(&board->services, node)
    {
        if (!describe_service(LIST_ITEM(node, struct service, node),
                              &report->services[report->service_count++]))
            return false;
    }
    return true;
}

static bool describe_tunnels(const struct switchboard *board,
                             struct board_report *report)
{
    report->tunnels =
        calloc(length_of(&board->host.tunnels) + 1, sizeof(*report->tunnels));
    if (!report->tunnels)
        return false;
    LIST_EACH(&board->host.tunnels, node)
    {
        if (!describe_tunnel(tunnel_of_node(node), report->worker,
                             &report->tunnels[report->tunnel_count++]))
            return false;
    }
    return true;
}

struct board_report *board_report_new(const struct switchboard *board,
                                      uint32_t worker)
{
    struct board_report *report = calloc(1, sizeof(*report));

    if (!report)
        return NULL;
    report->worker = worker;
    report->memory_bytes = board->host.pool.used_bytes;
    report->max_memory_bytes = board->host.pool.max_bytes;
    if (describe_services(board, report) && describe_tunnels(board, report))
        return report;
    board_report_free(report);
    return NULL;
}

void board_report_free(struct board_report *report)
{
    if (!report)
        return;
    for (size_t i = 0; report->services && i < report->service_count; i++)
        free(report->services[i].places);
    for (size_t i = 0; report->tunnels && i < report->tunnel_count; i++)
        free(report->tunnels[i].offers);
    free(report->services);
    free(report->tunnels);
    free(report);
}
