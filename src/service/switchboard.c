/* SPDX-License-Identifier: MIT */
#include "service/switchboard.h"
#include "base/log.h"
#include "base/random.h"
#include "crypto/spiffe.h"
#include "service/consume.h"
#include "service/direct.h"
#include "service/moving.h"
#include "service/offer.h"
#include "service/places.h"
#include "tunnel/peer.h"
#include "tunnel/tunnel.h"
#include <stdlib.h>
#include <string.h>

/* ---- services ---- */

static void look_at_waiting(struct loop_timer *timer)
{
    service_retry(CONTAINER_OF(timer, struct service, timer));
}

static struct pool_policy policy_of(const struct service_options *options)
{
    return (struct pool_policy){
        .rule = { .balance = options->balance,
                  .min_healthy = options->min_healthy },
        .slow_start_us = options->slow_start_us,
        .max_per_place = options->max_per_endpoint,
        .needs_role = options->health.role != HEALTH_ANY_ROLE,
    };
}

static void look_at_moving(struct loop_timer *timer)
{
    moving_look(CONTAINER_OF(timer, struct service, moving));
}

static void tell_doubt(struct service *service)
{
    const struct switchboard *board = service->board;

    if (!service->is_removed)
        board->events->doubted(board->context, service->options.role,
                               service->options.name);
}

static struct service *add_service(struct switchboard *board,
                                   const struct service_options *options)
{
    struct service *service = calloc(1, sizeof(*service));
    struct pool_policy policy = policy_of(options);

    if (!service)
        return NULL;
    if (!service_options_copy(&service->options, options)) {
        free(service);
        return NULL;
    }
    if (!index_add(&board->by_name, index_hash_text(options->name), service)) {
        service_options_clear(&service->options);
        free(service);
        return NULL;
    }
    if (options->role == SERVICE_CONSUME)
        service->find_obstacle = consume_obstacle;
    service->doubted = tell_doubt;
    service->board = board;
    service->host = &board->host;
    pool_init(&service->pool, &policy, random_seed());
    budget_init(&service->budget, loop_now_us(board->host.loop));
    list_init(&service->passages);
    list_init(&service->waiting);
    loop_timer_init(board->host.loop, &service->timer, look_at_waiting);
    loop_timer_init(board->host.loop, &service->moving, look_at_moving);
    list_append(&board->services, &service->node);
    return service;
}

struct service_key {
    enum service_role role;
    const char *name;
};

static bool is_called(const void *item, const void *key)
{
    const struct service *service = item;
    const struct service_key *wanted = key;

    return !service->is_removed && service->options.role == wanted->role &&
           strcmp(service->options.name, wanted->name) == 0;
}

struct service *switchboard_find(const struct switchboard *board,
                                 enum service_role role, const char *name)
{
    const struct service_key key = { role, name };

    return index_find(&board->by_name, index_hash_text(name), is_called, &key);
}

/* ---- places ---- */

static void free_service(struct service *service)
{
    places_clear(service);
    loop_timer_stop(&service->timer);
    loop_timer_stop(&service->moving);
    list_remove(&service->node);
    index_remove(&service->board->by_name,
                 index_hash_text(service->options.name), service);
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

    /* Of one that went nobody asks; another may have its name. */
    if (service->is_removed || usable == service->was_usable)
        return;
    service->was_usable = usable;
    if (service->options.role == SERVICE_CONSUME)
        service->board->events->usable_changed(service->board->context,
                                               service->options.name, usable);
    if (service->options.role == SERVICE_OFFER)
        catalogue_changed(service->board);
}

enum status switchboard_place(struct switchboard *board, enum service_role role,
                              const char *name,
                              const struct endpoints *endpoints)
{
    struct service *service = switchboard_find(board, role, name);
    enum status status;

    if (!service)
        return STATUS_OK; /* it went while the news was on its way */
    status = places_set(service, endpoints);
    service_retry(service);
    tell_usable(service);
    return status;
}

void switchboard_judge(struct switchboard *board, enum service_role role,
                       const char *name, const struct verdict *verdicts,
                       size_t count)
{
    struct service *service = switchboard_find(board, role, name);

    /* It may have gone, or be asked no more, while this was on its way. */
    if (!service || service->options.health.protocol == HEALTH_NONE)
        return;
    for (size_t i = 0; i < count; i++)
        places_judge(service, &verdicts[i]);
    service_retry(service);
    tell_usable(service);
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
            places_add_inbound(service, tunnel);
        (void)consume_hear(service, tunnel);
        service_retry(service);
        tell_usable(service);
    }
}

static void tunnel_opened(void *context, struct tunnel *tunnel)
{
    catalogue_tell(context, tunnel);
}

static void offers_changed(void *context, struct tunnel *tunnel)
{
    struct switchboard *board = context;

    LIST_EACH(&board->services, node)
    {
        struct service *service = LIST_ITEM(node, struct service, node);

        if (!consume_hear(service, tunnel))
            continue;
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
        struct place *place = places_of_tunnel(service, tunnel);

        if (place)
            pool_remove(&service->pool, place);
        consume_forget(service, tunnel);
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

static const struct host_events host_events = {
    .tunnel_opened = tunnel_opened,
    .offers_changed = offers_changed,
    .tunnel_changed = tunnel_changed,
    .tunnel_ended = tunnel_ended,
    .stream_opened = stream_opened
};

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
    bool asks_alike =
        health_rules_ask_alike(&service->options.health, &options->health);

    if (service_options_equal(&service->options, options))
        return STATUS_OK;
    if (!service_options_copy(&copy, options))
        return STATUS_NO_MEMORY;
    service_options_clear(&service->options);
    service->options = copy;
    service->pool.policy = policy_of(&copy);
    if (!asks_alike)
        places_forget_verdicts(service);
    (void)consume_hear(service, NULL); /* who may offer it has changed */
    service_cut(service,
                copy.role == SERVICE_OFFER ? &copy.allow : &copy.peers);
    places_drop_inbound(service);
    moving_look(service);
    service_retry(service); /* there may be more room now, or other hopes */
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
    catalogue_changed(board);
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
    index_init(&board->by_name);
    index_init(&board->peers);
    host->events = &host_events;
    host->context = board;
    if (host_init(&board->host, host) != STATUS_OK)
        return STATUS_NO_MEMORY;
    catalogue_init(board);
    return STATUS_OK;
}

void switchboard_stop(struct switchboard *board)
{
    board->is_draining = board->host.is_draining = true;
    catalogue_stop(board);
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
    index_clear(&board->by_name);
    index_clear(&board->peers);
    host_clear(&board->host);
}
