/* SPDX-License-Identifier: MIT */
#include "service/catalogue.h"
#include "base/clock.h"
#include "service/offer.h"
#include "service/switchboard.h"
#include "tunnel/tunnel.h"
#include "wire/frame.h"

/* A reload changes several services in a row. */
#define SOON_US (10 * CLOCK_MS)
#define SELDOM_US (100 * CLOCK_MS) /* peers welcome ten lists a second */

/* Look at all tunnels at |when_us| at the latest. */
static void wake_at(struct switchboard *board, uint64_t when_us)
{
    struct loop_timer *timer = &board->catalogue.timer;
    uint64_t now_us = loop_now_us(board->host.loop);

    if (board->catalogue.is_stopped ||
        (loop_timer_is_running(timer) && timer->due_us <= when_us))
        return;
    loop_timer_start(timer, when_us - now_us);
}

void catalogue_changed(struct switchboard *board)
{
    uint64_t when_us = loop_now_us(board->host.loop) + SOON_US;

    if (when_us < board->catalogue.told_us + SELDOM_US)
        when_us = board->catalogue.told_us + SELDOM_US;
    wake_at(board, when_us);
}

void catalogue_load_changed(struct switchboard *board)
{
    wake_at(board, loop_now_us(board->host.loop) + CLOCK_SECOND);
}

/* All that |tunnel|'s peer may open, as far as it fits. */
static struct offers list_offers(const struct switchboard *board,
                                 struct tunnel *tunnel,
                                 struct bytes_writer *writer)
{
    struct offers offers = { .bytes = writer->start };

    LIST_EACH(&board->services, node)
    {
        struct service *service = LIST_ITEM(node, struct service, node);
        struct offer offer = { .load = service->active };

        if (service->options.role != SERVICE_OFFER || service->is_removed ||
            !offer_allows(service, tunnel))
            continue;
        memcpy(offer.name, service->options.name, sizeof(offer.name));
        offer.is_usable = service_is_usable(service);
        if (!offers_put(writer, &offer))
            offers.is_partial = true;
    }
    offers.length = bytes_written(writer);
    return offers;
}

void catalogue_tell(struct switchboard *board, struct tunnel *tunnel)
{
    uint8_t bytes[FRAME_MAX_OFFERS];
    struct bytes_writer writer = bytes_writer(bytes, sizeof(bytes));
    struct offers offers = list_offers(board, tunnel, &writer);
    struct session *session = tunnel_session(tunnel);
    const struct offers *before = session_offered(session);

    if (before && !offers_are_news(before, &offers))
        return;
    if (session_offer(session, &offers) == STATUS_OK)
        tunnel_touch(tunnel);
    else
        catalogue_load_changed(board); /* when there is memory again */
}

static void time_to_tell(struct loop_timer *timer)
{
    struct catalogue *catalogue = CONTAINER_OF(timer, struct catalogue, timer);
    struct switchboard *board =
        CONTAINER_OF(catalogue, struct switchboard, catalogue);

    catalogue->told_us = loop_now_us(board->host.loop);
    LIST_EACH(&board->host.tunnels, node)
    {
        catalogue_tell(board, tunnel_of_node(node));
    }
}

void catalogue_init(struct switchboard *board)
{
    loop_timer_init(board->host.loop, &board->catalogue.timer, time_to_tell);
}

void catalogue_stop(struct switchboard *board)
{
    board->catalogue.is_stopped = true;
    loop_timer_stop(&board->catalogue.timer);
}
