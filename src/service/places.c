/* SPDX-License-Identifier: MIT */
#include "service/places.h"
#include "service/consume.h"
#include "service/moving.h"
#include "service/switchboard.h"
#include "tunnel/peer.h"
#include "tunnel/tunnel.h"
#include <stdlib.h>
#include <string.h>

/* An ambassador that one or more services are consumed from. */
struct shared_peer {
    struct address address;
    struct peer *peer;
    uint32_t uses;
};

/* ---- peers ---- */

static bool is_at(const void *item, const void *address)
{
    return address_equal(&((const struct shared_peer *)item)->address, address);
}

static struct shared_peer *find_shared(const struct switchboard *board,
                                       const struct address *address)
{
    return index_find(&board->peers, address_hash(address), is_at, address);
}

static void forget_shared(struct switchboard *board, struct shared_peer *shared)
{
    index_remove(&board->peers, address_hash(&shared->address), shared);
    free(shared);
}

static struct peer *share_peer(struct switchboard *board,
                               const struct endpoint *endpoint)
{
    struct peer_options options = { .host = &board->host,
                                    .address = endpoint->address,
                                    .name = endpoint->name };
    struct shared_peer *shared;

    shared = find_shared(board, &endpoint->address);
    if (shared) {
        shared->uses++;
        return shared->peer;
    }
    shared = calloc(1, sizeof(*shared));
    if (!shared ||
        !index_add(&board->peers, address_hash(&endpoint->address), shared)) {
        free(shared);
        return NULL;
    }
    shared->address = endpoint->address;
    shared->uses = 1;
    shared->peer = peer_new(&options);
    if (shared->peer)
        return shared->peer;
    forget_shared(board, shared);
    return NULL;
}

static void leave_peer(struct switchboard *board, const struct peer *peer)
{
    struct shared_peer *shared = find_shared(board, peer_address(peer));

    ASSERT(shared && shared->peer == peer);
    if (--shared->uses > 0)
        return;
    peer_free(shared->peer);
    forget_shared(board, shared);
}

/* ---- tunnels that dialled us are places too, where that is wanted ---- */

static bool takes_inbound(const struct service *service)
{
    return service->options.role == SERVICE_CONSUME && !service->is_removed &&
           !service->is_set && service_options_take_inbound(&service->options);
}

struct place *places_of_tunnel(const struct service *service,
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

void places_add_inbound(struct service *service, struct tunnel *tunnel)
{
    struct tunnel_report report;
    struct endpoint endpoint = { .weight = 1 };
    struct place *place;

    if (!takes_inbound(service) || places_of_tunnel(service, tunnel) ||
        !service_matches(&service->options.peers, tunnel_peer(tunnel)))
        return;
    tunnel_report(tunnel, &report);
    if (report.is_dialler)
        return;
    endpoint.address = report.address;
    strncpy(endpoint.name, report.peer, sizeof(endpoint.name) - 1);
    place =
        pool_add(&service->pool, &endpoint, loop_now_us(service->host->loop));
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
            places_add_inbound(service, tunnel);
    }
}

/* ---- those that sources name ---- */

static void remove_place(struct service *service, struct place *place)
{
    if (place->peer)
        leave_peer(service->board, place->peer);
    pool_remove(&service->pool, place);
}

void places_drop_inbound(struct service *service)
{
    if (takes_inbound(service))
        return;
    LIST_EACH(&service->pool.places, node)
    {
        struct place *place = LIST_ITEM(node, struct place, node);

        if (place->tunnel)
            remove_place(service, place);
    }
}

static enum status add_place(struct service *service,
                             const struct endpoint *endpoint)
{
    struct place *place =
        pool_add(&service->pool, endpoint, loop_now_us(service->host->loop));

    if (!place)
        return STATUS_NO_MEMORY;
    place->is_wanted = true;
    if (service->options.health.protocol != HEALTH_NONE)
        pool_judge(place, FITNESS_NOT_CHECKED,
                   loop_now_us(service->host->loop));
    if (service->options.role != SERVICE_CONSUME)
        return STATUS_OK;
    place->peer = share_peer(service->board, endpoint);
    if (place->peer)
        return STATUS_OK;
    pool_remove(&service->pool, place);
    return STATUS_NO_MEMORY;
}

enum status places_set(struct service *service,
                       const struct endpoints *endpoints)
{
    enum status status = STATUS_OK;

    service->is_set = endpoints->is_set;
    LIST_EACH(&service->pool.places, before)
    {
        LIST_ITEM(before, struct place, node)->is_wanted = false;
    }
    for (size_t i = 0; i < endpoints->count; i++) {
        const struct endpoint *endpoint = &endpoints->items[i];
        struct place *place = pool_find(&service->pool, &endpoint->address);

        if (place) {
            place->endpoint = *endpoint;
            place->is_wanted = true;
        } else if (add_place(service, endpoint) != STATUS_OK) {
            status = STATUS_NO_MEMORY;
        }
    }
    LIST_EACH(&service->pool.places, node)
    {
        struct place *place = LIST_ITEM(node, struct place, node);

        if (!place->tunnel && !place->is_wanted)
            remove_place(service, place);
    }
    places_drop_inbound(service);
    add_all_inbound(service);
    moving_look(service);
    (void)consume_hear(service, NULL);
    return status;
}

void places_clear(struct service *service)
{
    LIST_EACH(&service->pool.places, node)
    {
        remove_place(service, LIST_ITEM(node, struct place, node));
    }
}

/* ---- what health checks find ---- */

/*
 * What |verdict| says counts from here on.  Connections that are there stay,
 * but with one that lost its role they are where nothing is to be written.
 */
void places_judge(struct service *service, const struct verdict *verdict)
{
    struct place *place = pool_find(&service->pool, &verdict->address);

    if (!place)
        return;
    pool_judge(place, verdict->unfit, loop_now_us(service->host->loop));
    if (verdict->is_demoted && !place->is_demoted)
        moving_demoted(service, place);
    else if (!verdict->is_demoted && place->is_demoted)
        moving_returned(service, place);
}

/* Nothing that was known of the places is: they are asked something else. */
void places_forget_verdicts(struct service *service)
{
    const struct health_rules *rules = &service->options.health;
    bool is_asked = rules->protocol != HEALTH_NONE;

    LIST_EACH(&service->pool.places, node)
    {
        struct place *place = LIST_ITEM(node, struct place, node);

        pool_judge(place, is_asked ? FITNESS_NOT_CHECKED : "",
                   loop_now_us(service->host->loop));
        /* Where a role is wanted still, the first answer will tell. */
        if (!is_asked || rules->role == HEALTH_ANY_ROLE)
            place->is_demoted = false;
    }
}
