/* SPDX-License-Identifier: MIT */
#include "service/offer.h"
#include "base/index.h"
#include "net/proxy_protocol.h"
#include "service/catalogue.h"
#include "service/reach.h"
#include "tunnel/relay.h"
#include "tunnel/tunnel.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct inward {
    struct reach reach;
    struct relay relay;
    struct metadata metadata;
};

static struct inward *of_relay(struct relay *relay)
{
    return CONTAINER_OF(relay, struct inward, relay);
}

static struct inward *of_reach(struct reach *reach)
{
    return CONTAINER_OF(reach, struct inward, reach);
}

static struct inward *of_passage(struct passage *passage)
{
    return of_reach(CONTAINER_OF(passage, struct reach, passage));
}

bool offer_allows(const struct service *service, struct tunnel *tunnel)
{
    return service_matches(&service->options.allow, tunnel_peer(tunnel));
}

/* ---- reaching the service ---- */

/* The application's address as the peer told it. */
static struct address source_of(const struct metadata *metadata)
{
    struct address source = { .length = 0 };

    if (metadata->source_ip_length == 4) {
        source.length = sizeof(source.v4);
        source.family = AF_INET;
        memcpy(&source.v4.sin_addr, metadata->source_ip, 4);
    } else if (metadata->source_ip_length == 16) {
        source.length = sizeof(source.v6);
        source.family = AF_INET6;
        memcpy(&source.v6.sin6_addr, metadata->source_ip, 16);
    } else {
        return source;
    }
    address_set_port(&source, metadata->source_port);
    return source;
}

/* The service hears first whose connection this is, and where it came to. */
static enum status announce(struct inward *inward)
{
    const struct passage *passage = &inward->reach.passage;
    struct address source = source_of(&inward->metadata);
    uint8_t header[PROXY_PROTOCOL_MAX];
    size_t length;

    if (!passage->service->options.proxy_protocol)
        return STATUS_OK;
    length = proxy_protocol_write(&source, &passage->place->endpoint.address,
                                  header);
    return relay_announce(&inward->relay, header, length);
}

static void connected(struct reach *reach, int fd)
{
    struct inward *inward = of_reach(reach);
    enum status status = announce(inward);

    if (status == STATUS_OK)
        status = relay_connect(&inward->relay, fd);
    else
        close(fd);
    if (status != STATUS_OK)
        relay_refuse(&inward->relay, CODE_OVERLOAD);
}

static void exhausted(struct reach *reach)
{
    struct inward *inward = of_reach(reach);
    enum code code = passage_found_full(&reach->passage)
                         ? CODE_OVERLOAD
                         : code_from_status(reach->failure);

    reach->passage.service->failed++;
    /* Without a place to try, or while all rest, it is as if refused. */
    relay_refuse(&inward->relay, code == CODE_NONE ? CODE_REFUSED : code);
}

static void leave(struct passage *passage)
{
    reach_elsewhere(&of_passage(passage)->reach);
}

static void abort_passage(struct passage *passage)
{
    relay_abort(&of_passage(passage)->relay, RELAY_REFUSED);
}

static struct tunnel *tunnel_of(struct passage *passage)
{
    return of_passage(passage)->relay.tunnel;
}

/* It never waits: that is done where the application is. */
static const struct passage_kind kind = { .abort = abort_passage,
                                          .leave = leave,
                                          .tunnel_of = tunnel_of };

/* ---- what becomes of the relay ---- */

static void ended(struct relay *relay, enum relay_ending ending)
{
    struct inward *inward = of_relay(relay);
    struct service *service = inward->reach.passage.service;

    if (ending == RELAY_ENDED_IN_ORDER)
        service->ended_in_order++;
    else if (ending == RELAY_LOST)
        service->lost++;
    else
        service->ended_by_reset++;
    service->up_bytes += relay->up_bytes;
    service->down_bytes += relay->down_bytes;
    reach_cancel(&inward->reach);
    passage_end(&inward->reach.passage);
    catalogue_load_changed(service->board);
    free(inward);
}

static const struct relay_events events = { .ended = ended };

static void refuse(struct tunnel *tunnel, struct stream *stream, enum code code)
{
    session_refuse(tunnel_session(tunnel), stream, code, false);
    tunnel_touch(tunnel);
}

void offer_open(struct service *service, struct tunnel *tunnel,
                struct stream *stream, const struct metadata *metadata)
{
    struct inward *inward = calloc(1, sizeof(*inward));
    uint64_t client =
        index_hash(metadata->source_ip, metadata->source_ip_length);

    if (!inward ||
        !passage_begin(&inward->reach.passage, &kind, service, client)) {
        free(inward);
        refuse(tunnel, stream, CODE_OVERLOAD);
        return;
    }
    catalogue_load_changed(service->board);
    inward->reach.connected = connected;
    inward->reach.exhausted = exhausted;
    inward->metadata = *metadata;
    relay_init(&inward->relay, service->host, &events);
    relay_adopt(&inward->relay, tunnel, stream);
    reach_next(&inward->reach);
}
