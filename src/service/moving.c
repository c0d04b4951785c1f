/* SPDX-License-Identifier: MIT */
#include "service/moving.h"
#include "base/log.h"
#include "service/service.h"

/* ---- who is left behind ---- */

/* UINT32_MAX if there is none. */
static uint32_t best_rank(const struct pool *pool)
{
    uint32_t best = UINT32_MAX;

    LIST_EACH(&pool->places, node)
    {
        uint32_t rank = pool_rank(LIST_ITEM(node, struct place, node));

        if (rank < best)
            best = rank;
    }
    return best;
}

/* Could it be that a connection is left behind? */
static bool is_worth_a_look(const struct service *service, uint32_t best)
{
    if (service->left_behind > 0 || !list_is_empty(&service->pool.removed))
        return true;
    LIST_EACH(&service->pool.places, node)
    {
        const struct place *place = LIST_ITEM(node, struct place, node);

        if (place->active > 0 && (place->is_demoted || pool_rank(place) > best))
            return true;
    }
    return false;
}

static bool is_left_behind(struct passage *passage, uint32_t best)
{
    const struct place *place = passage->place;
    uint32_t rank;

    if (!place || passage->is_cut)
        return false;
    if (passage->kind->tunnel_of && !passage->kind->tunnel_of(passage))
        return false; /* it is ending already */
    if (place->is_removed || place->is_demoted)
        return true;
    rank = pool_rank(place);
    return rank > passage->rank && rank > best;
}

static void mark(struct passage *passage, uint64_t now_us)
{
    if (passage->is_left_behind)
        return;
    if (!passage->is_there && passage->kind->leave) {
        passage->kind->leave(passage);
        return;
    }
    passage->is_left_behind = true;
    passage->left_us = now_us;
    passage->place->moved++;
    passage->service->left_behind++;
}

void moving_forget(struct passage *passage)
{
    if (!passage->is_left_behind)
        return;
    passage->is_left_behind = false;
    passage->service->left_behind--;
}

static void mark_all(struct service *service, uint32_t best)
{
    uint64_t now_us = loop_now_us(service->host->loop);

    LIST_EACH(&service->passages, node)
    {
        struct passage *passage = LIST_ITEM(node, struct passage, node);

        if (is_left_behind(passage, best))
            mark(passage, now_us);
        else
            moving_forget(passage);
    }
}

/* ---- what becomes of them ---- */

/* The next to be cut after this; UINT64_MAX: none. */
static uint64_t cut_due(struct service *service)
{
    uint64_t now_us = loop_now_us(service->host->loop);
    uint64_t next_us = UINT64_MAX;

    if (service->options.move_us == SERVICE_MOVE_KEEP)
        return next_us;
    LIST_EACH(&service->passages, node)
    {
        struct passage *passage = LIST_ITEM(node, struct passage, node);
        uint64_t due_us = passage->left_us + service->options.move_us;

        /* Who has not got there yet may still be refused and try elsewhere. */
        if (!passage->is_left_behind || !passage->is_there)
            continue;
        if (due_us > now_us) {
            next_us = due_us < next_us ? due_us : next_us;
            continue;
        }
        passage->is_cut = true;
        passage->place->moved++;
        moving_forget(passage);
        passage->kind->abort(passage);
    }
    return next_us;
}

static void tell_of_place(const struct service *service, const char *event,
                          struct place *place)
{
    uint64_t move_us = service->options.move_us;
    char address[ADDRESS_TEXT];

    if (place->moved > 0)
        LOG_LIMITED(20, LOG_INFO, event,
                    log_text("service", service->options.name),
                    log_text("endpoint",
                             address_format(&place->endpoint.address, address)),
                    log_number("count", place->moved),
                    log_text("policy", service_move_text(move_us)),
                    move_us == SERVICE_MOVE_KEEP
                        ? log_nothing()
                        : log_number_unless_zero("after_ms",
                                                 (int64_t)(move_us / 1000)));
    place->moved = 0;
}

static void tell(const struct service *service, const char *event)
{
    LIST_EACH(&service->pool.places, node)
    {
        tell_of_place(service, event, LIST_ITEM(node, struct place, node));
    }
    LIST_EACH(&service->pool.removed, node)
    {
        tell_of_place(service, event, LIST_ITEM(node, struct place, node));
    }
}

void moving_look(struct service *service)
{
    uint64_t now_us = loop_now_us(service->host->loop);
    uint32_t best = best_rank(&service->pool);
    uint64_t next_us;

    if (!is_worth_a_look(service, best))
        return;
    mark_all(service, best);
    tell(service, "connections_left_behind");
    next_us = cut_due(service);
    tell(service, "connections_cut");
    if (next_us == UINT64_MAX)
        loop_timer_stop(&service->moving);
    else
        loop_timer_start(&service->moving, next_us - now_us);
}

/* ---- health ---- */

void moving_demoted(struct service *service, struct place *place)
{
    place->is_demoted = true;
    moving_look(service);
}

void moving_returned(struct service *service, struct place *place)
{
    place->is_demoted = false;
    moving_look(service);
}
