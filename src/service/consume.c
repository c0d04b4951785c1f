/* SPDX-License-Identifier: MIT */
#include "service/consume.h"
#include "base/log.h"
#include "service/places.h"
#include "tunnel/peer.h"
#include "tunnel/relay.h"
#include "tunnel/tunnel.h"
#include <stdlib.h>
#include <string.h>

struct outward {
    struct passage passage;
    struct relay relay;
    struct metadata metadata;
    struct address from;
    uint64_t attached_us;
    bool is_handed_over; /* another worker counts how it ends */
};

static struct outward *of_relay(struct relay *relay)
{
    return CONTAINER_OF(relay, struct outward, relay);
}

static struct outward *of_passage(struct passage *passage)
{
    return CONTAINER_OF(passage, struct outward, passage);
}

struct tunnel *consume_tunnel(const struct place *place)
{
    if (place->tunnel)
        return tunnel_is_usable(place->tunnel) ? place->tunnel : NULL;
    return place->peer ? peer_tunnel(place->peer) : NULL;
}

/* As it was found when the tunnel came up or the policy changed. */
static bool is_accepted(const struct service *service,
                        const struct place *place, const struct tunnel *tunnel)
{
    if (place->vetted == tunnel_number(tunnel))
        return place->is_accepted;
    return service_matches(&service->options.peers, tunnel_peer(tunnel));
}

static const char is_stranger[] = "who is there may not claim to offer it";

const char *consume_stranger(const struct service *service,
                             const struct place *place)
{
    const struct tunnel *tunnel = consume_tunnel(place);

    return tunnel && !is_accepted(service, place, tunnel) ? is_stranger : NULL;
}

const char *consume_obstacle(void *context, const struct place *place)
{
    const struct service *service = context;
    const struct tunnel *tunnel = consume_tunnel(place);

    if (!tunnel)
        return "no tunnel to it";
    if (!is_accepted(service, place, tunnel))
        return is_stranger;
    /* If nobody offers it, to be denied at once is better than to wait. */
    if (place->told == TOLD_NOT_OFFERED && service->is_offered_nowhere)
        return NULL;
    return consume_objection(place);
}

/* ---- what the peers say ---- */

const char *consume_objection(const struct place *place)
{
    switch (place->told) {
    case TOLD_NOTHING:
    case TOLD_UP:
        break;
    case TOLD_NOT_OFFERED:
        return "the peer does not offer it to us: it has no such service, or "
               "its allow does not name us";
    case TOLD_DOWN:
        return "the peer says that the service is not up";
    }
    return NULL;
}

static void vet(const struct service *service, struct place *place,
                const struct tunnel *tunnel)
{
    place->vetted = tunnel_number(tunnel);
    place->is_accepted =
        service_matches(&service->options.peers, tunnel_peer(tunnel));
}

static void hear_place(struct place *place, const char *name,
                       const struct tunnel *tunnel)
{
    const struct offers *offers = session_peer_offers(tunnel_session(tunnel));
    struct offer offer = { .load = 0 };

    place->told_by = tunnel;
    if (!offers)
        place->told = TOLD_NOTHING; /* an older ambassador */
    else if (offers_find(offers, name, &offer))
        place->told = offer.is_usable ? TOLD_UP : TOLD_DOWN;
    else
        place->told = offers->is_partial ? TOLD_NOTHING : TOLD_NOT_OFFERED;
    place->told_load = offer.load;
}

static bool is_offered_somewhere(const struct service *service)
{
    LIST_EACH(&service->pool.places, node)
    {
        if (LIST_ITEM(node, struct place, node)->told != TOLD_NOT_OFFERED)
            return true;
    }
    return list_is_empty(&service->pool.places);
}

/* True if that is news. */
static bool look_for_hope(struct service *service)
{
    bool was_nowhere = service->is_offered_nowhere;

    service->is_offered_nowhere = !is_offered_somewhere(service);
    return service->is_offered_nowhere != was_nowhere;
}

/* Heed what is said at |place|, by |tunnel| if that is not NULL. */
static bool hear_at(const struct service *service, struct place *place,
                    const struct tunnel *tunnel)
{
    const struct tunnel *used = consume_tunnel(place);
    enum place_told before = place->told;

    if (!used || (tunnel && used != tunnel))
        return false;
    hear_place(place, service->options.name, used);
    vet(service, place, used);
    return place->told != before;
}

/* The place that |tunnel| leads to, without a look at all of them; or NULL. */
static struct place *place_of(const struct service *service,
                              const struct tunnel *tunnel)
{
    struct tunnel_report report;

    tunnel_report(tunnel, &report);
    return report.is_dialler ? pool_find(&service->pool, &report.address)
                             : places_of_tunnel(service, tunnel);
}

bool consume_hear(struct service *service, const struct tunnel *tunnel)
{
    bool is_news = false;

    if (service->options.role != SERVICE_CONSUME)
        return false;
    if (tunnel) {
        struct place *place = place_of(service, tunnel);

        is_news = place && hear_at(service, place, tunnel);
        return look_for_hope(service) || is_news;
    }
    LIST_EACH(&service->pool.places, node)
    {
        if (hear_at(service, LIST_ITEM(node, struct place, node), NULL))
            is_news = true;
    }
    return look_for_hope(service) || is_news;
}

void consume_forget(struct service *service, const struct tunnel *tunnel)
{
    LIST_EACH(&service->pool.places, node)
    {
        struct place *place = LIST_ITEM(node, struct place, node);

        if (place->told_by != tunnel)
            continue;
        place->told_by = NULL;
        place->told = TOLD_NOTHING;
        place->told_load = 0;
    }
    (void)look_for_hope(service);
}

/* Why there is no place, as the first who says anything has it. */
static const char *why_no_place(const struct passage *passage)
{
    const struct service *service = passage->service;

    LIST_EACH(&service->pool.places, node)
    {
        const struct place *place = LIST_ITEM(node, struct place, node);
        struct peer_report report = { .failure = "" };

        if (consume_objection(place))
            return consume_objection(place);
        if (place->peer)
            peer_report(place->peer, &report);
        if (*report.failure)
            return report.failure;
    }
    if (list_is_empty(&service->pool.places))
        return "nobody to dial is known, and nobody has dialled us";
    return passage->request.obstacle ? passage->request.obstacle
                                     : "no tunnel to a peer that may offer it";
}

static void log_failure(const struct outward *outward)
{
    const struct passage *passage = &outward->passage;
    char from[ADDRESS_TEXT];

    LOG_LIMITED(20, LOG_WARNING, "connection_failed",
                log_text("service", passage->service->options.name),
                log_text("from", address_format(&outward->from, from)),
                log_text("reason", *passage->failure ? passage->failure
                                                     : why_no_place(passage)));
}

/* In this very turn: it waits for nothing any more but to be freed. */
static bool has_ended(const struct outward *outward)
{
    return outward->relay.closing;
}

static void give_up(struct passage *passage)
{
    struct outward *outward = of_passage(passage);

    if (has_ended(outward))
        return;
    passage->service->failed++;
    log_failure(outward);
    relay_abort(&outward->relay, RELAY_REFUSED);
}

static void retry(struct passage *passage)
{
    struct outward *outward = of_passage(passage);

    if (has_ended(outward))
        return;
    while (passage_choose(passage)) {
        enum status status =
            relay_attach(&outward->relay, consume_tunnel(passage->place),
                         &outward->metadata);

        if (status == STATUS_OK) {
            outward->attached_us = loop_now_us(passage->service->host->loop);
            return;
        }
        /* Full or going away is no fault; another may have room. */
        passage_failed_there(passage, status_text(status), false);
    }
    if (!passage_wait(passage))
        give_up(passage);
}

static void abort_passage(struct passage *passage)
{
    relay_abort(&of_passage(passage)->relay, RELAY_REFUSED);
}

static struct tunnel *tunnel_of(struct passage *passage)
{
    return of_passage(passage)->relay.tunnel;
}

static const struct passage_kind kind = { .retry = retry,
                                          .give_up = give_up,
                                          .abort = abort_passage,
                                          .tunnel_of = tunnel_of };

/* ---- what becomes of the relay ---- */

static void answered(struct relay *relay)
{
    struct outward *outward = of_relay(relay);
    struct passage *passage = &outward->passage;

    if (passage->place)
        passage_reached(passage, loop_now_us(passage->service->host->loop) -
                                     outward->attached_us);
}

/* A peer that drains is not at fault, and nor is one that denies us. */
static bool is_fault(enum code code)
{
    return code != CODE_DRAINING && code != CODE_DENIED;
}

static void open_failed(struct relay *relay, enum code code, bool delivered)
{
    struct outward *outward = of_relay(relay);
    struct passage *passage = &outward->passage;

    if (passage->place && code == CODE_OVERLOAD)
        passage_found_no_room(passage, code_text(code));
    else if (passage->place)
        passage_failed_there(passage, code_text(code), is_fault(code));
    passage->failure = code_text(code);
    if (code == CODE_DENIED) {
        passage->service->denied++;
        passage->until_us = 0; /* waiting would not change that */
    }
    if (delivered)
        give_up(passage);
    else
        retry(passage);
}

static void count_ending(struct service *service, enum relay_ending ending)
{
    switch (ending) {
    case RELAY_ENDED_IN_ORDER:
        service->ended_in_order++;
        break;
    case RELAY_LOST:
        service->lost++;
        break;
    case RELAY_RESET_HERE:
    case RELAY_RESET_THERE:
    case RELAY_REFUSED:
    case RELAY_SHORT:
        service->ended_by_reset++;
        break;
    }
}

static void ended(struct relay *relay, enum relay_ending ending)
{
    struct outward *outward = of_relay(relay);
    struct service *service = outward->passage.service;

    if (!outward->is_handed_over)
        count_ending(service, ending);
    service->up_bytes += relay->up_bytes;
    service->down_bytes += relay->down_bytes;
    passage_end(&outward->passage);
    free(outward);
}

static const struct relay_events events = { .answered = answered,
                                            .open_failed = open_failed,
                                            .ended = ended };

/* ---- arriving ---- */

/* The application's address, for the far end; a Unix socket has none. */
static void set_source(struct metadata *metadata, const struct address *from)
{
    if (from->length > 0 && from->family == AF_INET) {
        memcpy(metadata->source_ip, &from->v4.sin_addr, 4);
        metadata->source_ip_length = 4;
    } else if (from->length > 0 && from->family == AF_INET6) {
        memcpy(metadata->source_ip, &from->v6.sin6_addr, 16);
        metadata->source_ip_length = 16;
    } else {
        return;
    }
    metadata->source_port = address_port(from);
}

static bool take_early(struct outward *outward, const struct arrival *arrival)
{
    outward->relay.up_ended = outward->relay.up_finished = arrival->finished;
    return relay_prefix(&outward->relay, arrival->early,
                        arrival->early_length) == STATUS_OK;
}

void consume_accept(struct service *service, struct arrival *arrival)
{
    struct outward *outward = calloc(1, sizeof(*outward));
    int fd = arrival->fd;

    if (!outward || !passage_begin(&outward->passage, &kind, service,
                                   arrival_client(arrival))) {
        service->failed++;
        free(outward);
        arrival_clear(arrival);
        return;
    }
    outward->from = arrival->from;
    memcpy(outward->metadata.service, service->options.name,
           sizeof(outward->metadata.service));
    set_source(&outward->metadata, &arrival->from);
    if (arrival->until_us) { /* from another worker, which has counted it */
        outward->passage.until_us = arrival->until_us;
        service->connections--;
    }
    relay_init(&outward->relay, service->host, &events);
    arrival->fd = -1;
    if (relay_connect(&outward->relay, fd) != STATUS_OK ||
        !take_early(outward, arrival))
        relay_abort(&outward->relay, RELAY_SHORT);
    else
        retry(&outward->passage);
    arrival_clear(arrival);
}

/* ---- leaving ---- */

/* Flat, since chunks belong to the pool of one worker. */
static bool flatten_early(struct relay *relay, struct arrival *arrival)
{
    size_t length = relay->early.bytes;

    arrival->early = length > 0 ? malloc(length) : NULL;
    if (length > 0 && !arrival->early)
        return false;
    for (const struct chunk *chunk = relay->early.head; chunk;
         chunk = chunk->next) {
        memcpy(arrival->early + arrival->early_length,
               chunk->room + CHUNK_HEADROOM, chunk->end);
        arrival->early_length += chunk->end;
    }
    return true;
}

void consume_hand_over(struct service *service,
                       void (*give)(void *context, struct arrival *arrival),
                       void *context)
{
    LIST_EACH(&service->waiting, node)
    {
        struct passage *passage = LIST_ITEM(node, struct passage, waiting);
        struct outward *outward = of_passage(passage);
        struct arrival arrival = { .from = outward->from,
                                   .role = SERVICE_CONSUME,
                                   .until_us = passage->until_us,
                                   .finished = outward->relay.up_finished };

        if (has_ended(outward))
            continue;
        if (!flatten_early(&outward->relay, &arrival))
            return;
        memcpy(arrival.service, service->options.name, sizeof(arrival.service));
        arrival.fd = relay_take(&outward->relay);
        outward->is_handed_over = true;
        give(context, &arrival);
    }
}
