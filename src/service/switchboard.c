/* SPDX-License-Identifier: MIT */
#include "service/switchboard.h"
#include "base/log.h"
#include "base/random.h"
#include "crypto/spiffe.h"
#include "service/consume.h"
#include "service/direct.h"
#include "service/offer.h"
#include "tunnel/peer.h"
#include "tunnel/tunnel.h"
#include <stdlib.h>
#include <string.h>

/* An ambassador that one or more services are consumed from. */
struct shared_peer {
    struct list node;
    struct peer *peer;
    uint32_t uses;
};

/* ---- services ---- */

static void look_at_waiting(struct loop_timer *timer)
{
    service_retry(CONTAINER_OF(timer, struct service, timer));
}

static struct service *add_service(struct switchboard *board,
                                   const struct service_options *options)
{
    struct service *service = calloc(1, sizeof(*service));

    if (!service)
        return NULL;
    if (!service_options_copy(&service->options, options)) {
        free(service);
        return NULL;
    }
    if (options->role == SERVICE_CONSUME)
        service->find_obstacle = consume_obstacle;
    service->board = board;
    service->host = &board->host;
    pool_init(&service->pool, options->balance, random_seed());
    list_init(&service->passages);
    list_init(&service->waiting);
    loop_timer_init(board->host.loop, &service->timer, look_at_waiting);
    list_append(&board->services, &service->node);
    return service;
}

struct service *switchboard_find(const struct switchboard *board,
                                 enum service_role role, const char *name)
{
    LIST_EACH(&board->services, node)
    {
        struct service *service = LIST_ITEM(node, struct service, node);

        if (!service->is_removed && service->options.role == role &&
            strcmp(service->options.name, name) == 0)
            return service;
    }
    return NULL;
}

/* ---- peers ---- */

static struct peer *share_peer(struct switchboard *board,
                               const struct endpoint *endpoint)
{
    struct peer_options options = { .host = &board->host,
                                    .address = endpoint->address,
                                    .name = endpoint->name };
    struct shared_peer *shared;

    LIST_EACH(&board->peers, node)
    {
        shared = LIST_ITEM(node, struct shared_peer, node);
        if (address_equal(peer_address(shared->peer), &endpoint->address)) {
            shared->uses++;
            return shared->peer;
        }
    }
    shared = calloc(1, sizeof(*shared));
    if (!shared)
        return NULL;
    shared->peer = peer_new(&options);
    if (!shared->peer) {
        free(shared);
        return NULL;
    }
    shared->uses = 1;
    list_append(&board->peers, &shared->node);
    return shared->peer;
}

static void leave_peer(struct switchboard *board, const struct peer *peer)
{
    LIST_EACH(&board->peers, node)
    {
        struct shared_peer *shared = LIST_ITEM(node, struct shared_peer, node);

        if (shared->peer != peer || --shared->uses > 0)
            continue;
        list_remove(node);
        peer_free(shared->peer);
        free(shared);
    }
}

/* ---- tunnels that dialled us are places too, where that is wanted ---- */

static bool takes_inbound(const struct service *service)
{
    if (service->options.role != SERVICE_CONSUME || service->is_removed ||
        service->is_set)
        return false;
    for (size_t i = 0; i < service->options.sources.count; i++)
        if (strcmp(service->options.sources.items[i], "inbound:") == 0)
            return true;
    return false;
}

static struct place *place_of_tunnel(const struct service *service,
                                     const struct tunnel *tunnel)
{
    LIST_EACH(&service->pool.places, node)
    {
        struct place *place = LIST_ITEM(node, struct place, node);

        if (place->tunnel == tunnel)
            return place;
    }
    return NULL;
}

static void add_inbound(struct service *service, struct tunnel *tunnel)
{
    struct tunnel_report report;
    struct endpoint endpoint = { .weight = 1 };
    struct place *place;

    if (!takes_inbound(service) || place_of_tunnel(service, tunnel) ||
        !service_matches(&service->options.peers, tunnel_peer(tunnel)))
        return;
    tunnel_report(tunnel, &report);
    if (report.is_dialler)
        return;
    endpoint.address = report.address;
    strncpy(endpoint.name, report.peer, sizeof(endpoint.name) - 1);
    place = pool_add(&service->pool, &endpoint);
    if (place)
        place->tunnel = tunnel;
}

/* Those that there are already. */
static void add_all_inbound(struct service *service)
{
    LIST_EACH(&service->host->tunnels, node)
    {
        struct tunnel *tunnel = tunnel_of_node(node);

        if (tunnel_is_usable(tunnel))
            add_inbound(service, tunnel);
    }
}

/* ---- places ---- */

static void remove_place(struct service *service, struct place *place)
{
    if (place->peer)
        leave_peer(service->board, place->peer);
    pool_remove(&service->pool, place);
}

static void free_service(struct service *service)
{
    LIST_EACH(&service->pool.places, node)
    {
        remove_place(service, LIST_ITEM(node, struct place, node));
    }
    loop_timer_stop(&service->timer);
    list_remove(&service->node);
    pool_clear(&service->pool);
    service_options_clear(&service->options);
    free(service);
}

/* Services that were removed go with their last connection. */
static void sweep(struct switchboard *board)
{
    LIST_EACH(&board->services, node)
    {
        struct service *service = LIST_ITEM(node, struct service, node);

        if (service->is_removed && service->active == 0)
            free_service(service);
    }
}

static void tell_usable(struct service *service)
{
    bool usable = service_is_usable(service);

    if (service->options.role != SERVICE_CONSUME ||
        usable == service->was_usable)
        return;
    service->was_usable = usable;
    service->board->events->usable_changed(service->board->context,
                                           service->options.name, usable);
}

static bool endpoints_have_place(const struct endpoints *endpoints,
                                 const struct place *place)
{
    return endpoints_have(endpoints, &place->endpoint.address);
}

static enum status add_place(struct service *service,
                             const struct endpoint *endpoint)
{
    struct place *place = pool_add(&service->pool, endpoint);

    if (!place)
        return STATUS_NO_MEMORY;
    if (service->options.role != SERVICE_CONSUME)
        return STATUS_OK;
    place->peer = share_peer(service->board, endpoint);
    if (place->peer)
        return STATUS_OK;
    pool_remove(&service->pool, place);
    return STATUS_NO_MEMORY;
}

enum status switchboard_place(struct switchboard *board, enum service_role role,
                              const char *name,
                              const struct endpoints *endpoints)
{
    struct service *service = switchboard_find(board, role, name);
    enum status status = STATUS_OK;

    if (!service)
        return STATUS_OK; /* it went while the news was on its way */
    service->is_set = endpoints->is_set;
    for (size_t i = 0; i < endpoints->count; i++) {
        const struct endpoint *endpoint = &endpoints->items[i];
        struct place *place = pool_find(&service->pool, &endpoint->address);

        if (place)
            place->endpoint = *endpoint;
        else if (add_place(service, endpoint) != STATUS_OK)
            status = STATUS_NO_MEMORY;
    }
    LIST_EACH(&service->pool.places, node)
    {
        struct place *place = LIST_ITEM(node, struct place, node);

        if (place->tunnel ? service->is_set
                          : !endpoints_have_place(endpoints, place))
            remove_place(service, place);
    }
    add_all_inbound(service);
    service_retry(service);
    tell_usable(service);
    return status;
}

/* ---- what tunnels tell ---- */

static void tunnel_changed(void *context, struct tunnel *tunnel)
{
    struct switchboard *board = context;

    LIST_EACH(&board->services, node)
    {
        struct service *service = LIST_ITEM(node, struct service, node);

        if (service->options.role != SERVICE_CONSUME)
            continue;
        if (tunnel_is_usable(tunnel))
            add_inbound(service, tunnel);
        service_retry(service);
        tell_usable(service);
    }
}

static void tunnel_ended(void *context, struct tunnel *tunnel)
{
    struct switchboard *board = context;

    LIST_EACH(&board->services, node)
    {
        struct service *service = LIST_ITEM(node, struct service, node);
        struct place *place = place_of_tunnel(service, tunnel);

        if (place)
            pool_remove(&service->pool, place);
        tell_usable(service);
    }
}

static void refuse(struct tunnel *tunnel, struct stream *stream, enum code code)
{
    session_refuse(tunnel_session(tunnel), stream, code, false);
    tunnel_touch(tunnel);
}

static void stream_opened(void *context, struct tunnel *tunnel,
                          struct stream *stream,
                          const struct metadata *metadata)
{
    struct switchboard *board = context;
    struct service *service =
        switchboard_find(board, SERVICE_OFFER, metadata->service);

    /* The same answer for what is not there and what is not for this peer. */
    if (!service || !offer_allows(service, tunnel)) {
        if (service)
            service->denied++;
        LOG_LIMITED(10, LOG_WARNING, "stream_denied",
                    log_text("service", metadata->service),
                    log_text("peer", tunnel_peer(tunnel)->text),
                    log_text("reason", service ? "not in its allow list"
                                               : "no such service here"));
        refuse(tunnel, stream, CODE_DENIED);
        return;
    }
    if (board->is_draining)
        refuse(tunnel, stream, CODE_DRAINING);
    else
        offer_open(service, tunnel, stream, metadata);
}

static const struct host_events host_events = { .tunnel_changed =
                                                    tunnel_changed,
                                                .tunnel_ended = tunnel_ended,
                                                .stream_opened =
                                                    stream_opened };

/* ---- what the main thread says ---- */

void switchboard_accept(struct switchboard *board, struct arrival *arrival)
{
    struct service *service =
        switchboard_find(board, arrival->role, arrival->service);

    sweep(board);
    if (!service || board->is_draining)
        arrival_clear(arrival);
    else if (arrival->role == SERVICE_CONSUME)
        consume_accept(service, arrival);
    else
        direct_accept(service, arrival);
}

void switchboard_adopt(struct switchboard *board, struct greeting *greeting)
{
    struct tunnel_options options = {
        .host = &board->host,
        .tls = greeting->tls,
        .fd = greeting->fd,
        .role = SESSION_ACCEPTOR,
        .surplus = greeting->surplus,
        .surplus_length = greeting->surplus_length,
        .address = greeting->address,
    };
    struct tunnel *tunnel;

    greeting->tls = NULL;
    greeting->fd = -1;
    if (tunnel_open(&options, &tunnel) != STATUS_OK)
        LOG_LIMITED(1, LOG_ERROR, "tunnel_failed",
                    log_text("reason", "out of memory"));
    else if (board->is_draining)
        tunnel_drain(tunnel);
    greeting_free(greeting);
}

void switchboard_release(struct switchboard *board, const char *name)
{
    struct service *service = switchboard_find(board, SERVICE_CONSUME, name);

    if (service && !service_is_usable(service))
        consume_hand_over(service, board->events->homeless, board->context);
}

/* New rules for a service that stays; its places come by themselves. */
static enum status change_service(struct service *service,
                                  const struct service_options *options)
{
    struct service_options copy;

    if (service_options_equal(&service->options, options))
        return STATUS_OK;
    if (!service_options_copy(&copy, options))
        return STATUS_NO_MEMORY;
    service_options_clear(&service->options);
    service->options = copy;
    service->pool.balance = copy.balance;
    service_cut(service,
                copy.role == SERVICE_OFFER ? &copy.allow : &copy.peers);
    tell_usable(service);
    return STATUS_OK;
}

static bool is_among(const struct service *service,
                     const struct service_options *options, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (options[i].role == service->options.role &&
            strcmp(options[i].name, service->options.name) == 0)
            return true;
    return false;
}

/* Tunnels that are there already may serve a service that is new. */
static void offer_tunnels(struct switchboard *board)
{
    LIST_EACH(&board->host.tunnels, node)
    {
        struct tunnel *tunnel = tunnel_of_node(node);

        if (tunnel_is_usable(tunnel))
            tunnel_changed(board, tunnel);
    }
}

enum status switchboard_apply(struct switchboard *board,
                              const struct service_options *options,
                              size_t count)
{
    enum status status = STATUS_OK;

    LIST_EACH(&board->services, node)
    {
        struct service *service = LIST_ITEM(node, struct service, node);

        if (!is_among(service, options, count))
            service->is_removed = true;
    }
    for (size_t i = 0; i < count; i++) {
        struct service *service =
            switchboard_find(board, options[i].role, options[i].name);

        if (service ? change_service(service, &options[i]) != STATUS_OK
                    : !add_service(board, &options[i]))
            status = STATUS_NO_MEMORY;
    }
    sweep(board);
    offer_tunnels(board);
    return status;
}

static bool is_anybody_waiting(const struct switchboard *board)
{
    LIST_EACH(&board->services, node)
    {
        if (LIST_ITEM(node, struct service, node)->waiting_count > 0)
            return true;
    }
    return false;
}

void switchboard_drain(struct switchboard *board)
{
    /* Who waits may still get a tunnel; peers go elsewhere at once. */
    bool is_needed = is_anybody_waiting(board);

    board->is_draining = true;
    board->host.is_draining = !is_needed;
    LIST_EACH(&board->host.tunnels, node)
    {
        if (is_needed)
            tunnel_go_away(tunnel_of_node(node));
        else
            tunnel_drain(tunnel_of_node(node));
    }
}

uint32_t switchboard_load(const struct switchboard *board)
{
    return board->host.relay_count;
}

void switchboard_recheck(struct switchboard *board)
{
    LIST_EACH(&board->host.tunnels, node)
    {
        tunnel_recheck(tunnel_of_node(node));
    }
}

/* ---- beginning and end ---- */

enum status switchboard_init(struct switchboard *board,
                             struct host_options *host,
                             const struct switchboard_events *events,
                             void *context)
{
    *board = (struct switchboard){ .events = events, .context = context };
    list_init(&board->services);
    list_init(&board->peers);
    host->events = &host_events;
    host->context = board;
    return host_init(&board->host, host);
}

void switchboard_stop(struct switchboard *board)
{
    board->is_draining = board->host.is_draining = true;
    LIST_EACH(&board->services, node)
    {
        struct service *service = LIST_ITEM(node, struct service, node);

        service->is_removed = true;
        service_abort(service);
    }
    LIST_EACH(&board->host.tunnels, tunnel)
    {
        tunnel_close(tunnel_of_node(tunnel), CODE_NONE, "stopped");
    }
}

void switchboard_clear(struct switchboard *board)
{
    sweep(board);
    ASSERT(list_is_empty(&board->services));
    host_clear(&board->host);
}
