/* SPDX-License-Identifier: MIT */
#include "service/service.h"
#include "base/log.h"
#include "crypto/spiffe.h"
#include "service/moving.h"
#include "tunnel/tunnel.h"

bool passage_begin(struct passage *passage, const struct passage_kind *kind,
                   struct service *service, uint64_t client)
{
    uint64_t now_us = loop_now_us(service->host->loop);

    if (service->active >= service->options.max_connections) {
        LOG_LIMITED(5, LOG_WARNING, "connection_refused",
                    log_text("service", service->options.name),
                    log_text("reason", "as many as max_connections allows"));
        return false;
    }
    passage->kind = kind;
    passage->service = service;
    passage->request.client = client;
    passage->request.find_obstacle = service->find_obstacle;
    passage->request.context = service;
    passage->failure = "";
    passage->began_us = now_us;
    passage->until_us = now_us + service->options.hold_us;
    list_init(&passage->waiting);
    list_append(&service->passages, &passage->node);
    service->active++;
    service->connections++;
    budget_pay_in(&service->budget, service->options.retry_budget);
    return true;
}

static void leave_place(struct passage *passage)
{
    struct place *place = passage->place;

    moving_forget(passage);
    passage->place = NULL;
    passage->is_there = false;
    if (place)
        pool_end(place, passage->request.is_probe);
    passage->request.is_probe = false;
}

static void stop_waiting(struct passage *passage)
{
    if (list_is_empty(&passage->waiting))
        return;
    list_remove(&passage->waiting);
    passage->service->waiting_count--;
}

void passage_end(struct passage *passage)
{
    struct service *service = passage->service;

    leave_place(passage);
    stop_waiting(passage);
    list_remove(&passage->node);
    service->active--;
    /* Where all were full, one of those that wait may have its place. */
    if (service->pool.policy.max_per_place > 0 && service->waiting_count > 0)
        loop_timer_start(&service->timer, 0);
}

/* ---- waiting ---- */

/* Look again when a place has rested, or the first must give up. */
static void plan_next_look(struct service *service)
{
    uint64_t now_us = loop_now_us(service->host->loop);
    uint64_t next_us = pool_next_us(&service->pool, now_us);
    struct list *first = list_first(&service->waiting);
    uint64_t until_us;

    if (!first) {
        loop_timer_stop(&service->timer);
        return;
    }
    /* Without a retry left they wait for one to be earned. */
    until_us = budget_next_us(&service->budget, now_us);
    if (until_us > now_us && until_us < next_us)
        next_us = until_us;
    until_us = LIST_ITEM(first, struct passage, waiting)->until_us;
    if (until_us < next_us)
        next_us = until_us;
    loop_timer_start(&service->timer, next_us > now_us ? next_us - now_us : 0);
}

bool passage_choose(struct passage *passage)
{
    struct service *service = passage->service;

    passage->request.now_us = loop_now_us(service->host->loop);
    if (passage->is_retry &&
        !budget_take(&service->budget, passage->request.now_us))
        return false;
    passage->place = pool_choose(&service->pool, &passage->request);
    if (!passage->place)
        return false;
    passage->rank = pool_rank(passage->place);
    pool_begin(passage->place);
    return true;
}

bool passage_found_full(const struct passage *passage)
{
    return passage->request.obstacle == pool_full;
}

void passage_failed_there(struct passage *passage, const char *failure,
                          bool is_fault)
{
    if (is_fault) {
        pool_failed(passage->place, failure,
                    loop_now_us(passage->service->host->loop));
        passage->is_retry = true;
    }
    passage->failure = failure;
    leave_place(passage);
    plan_next_look(passage->service); /* for those that wait for it */
}

void passage_reached(struct passage *passage, uint64_t latency_us)
{
    struct service *service = passage->service;
    bool was_down = passage->place->failed_in_a_row > 0;

    passage->is_there = true;
    passage->request.is_probe = false;
    if (passage->is_left_behind) /* the place went meanwhile */
        loop_timer_start(&service->moving, 0);
    pool_reached(passage->place, latency_us, loop_now_us(service->host->loop));
    if (was_down && service->waiting_count > 0)
        loop_timer_start(&service->timer, 0);
}

bool passage_wait(struct passage *passage)
{
    struct service *service = passage->service;
    uint64_t now_us = loop_now_us(service->host->loop);

    if (now_us >= passage->until_us)
        return false;
    if (list_is_empty(&passage->waiting)) {
        if (service->waiting_count >= service->options.max_waiting)
            return false;
        list_append(&service->waiting, &passage->waiting);
        service->waiting_count++;
    }
    passage->request.tried_count = 0;
    passage->is_retry = false; /* having waited is price enough */
    plan_next_look(service);
    return true;
}

static void look_at_waiting(struct service *service)
{
    uint64_t now_us = loop_now_us(service->host->loop);
    struct list trying;

    /* Those that try may come back to wait: walk a list of their own. */
    list_init(&trying);
    list_splice(&trying, &service->waiting);
    service->waiting_count = 0;
    while (!list_is_empty(&trying)) {
        struct passage *passage =
            LIST_ITEM(trying.next, struct passage, waiting);

        list_remove(&passage->waiting);
        if (now_us >= passage->until_us)
            passage->kind->give_up(passage);
        else
            passage->kind->retry(passage);
    }
    plan_next_look(service);
}

void service_retry(struct service *service)
{
    look_at_waiting(service);
}

/* Unfit ones are used as well, if that was asked for, once all are. */
static bool may_use(const struct service *service, const struct place *place)
{
    const struct pool_policy *policy = &service->pool.policy;

    return *place->unfit == '\0' ||
           (policy->rule.min_healthy > 0 && !policy->needs_role);
}

bool service_is_usable(struct service *service)
{
    struct list *places = &service->pool.places;

    LIST_EACH(places, node)
    {
        const struct place *place = LIST_ITEM(node, struct place, node);

        if (may_use(service, place) &&
            (!service->find_obstacle ||
             !service->find_obstacle(service, place)))
            return true;
    }
    return false;
}

void service_abort(struct service *service)
{
    LIST_EACH(&service->passages, node)
    {
        struct passage *passage = LIST_ITEM(node, struct passage, node);

        passage->kind->abort(passage);
    }
}

void service_cut(struct service *service, const struct text_list *patterns)
{
    LIST_EACH(&service->passages, node)
    {
        struct passage *passage = LIST_ITEM(node, struct passage, node);
        struct tunnel *tunnel =
            passage->kind->tunnel_of ? passage->kind->tunnel_of(passage) : NULL;

        if (!tunnel || service_matches(patterns, tunnel_peer(tunnel)))
            continue;
        service->denied++;
        LOG(LOG_WARNING, "stream_cut",
            log_text("service", service->options.name),
            log_text("peer", tunnel_peer(tunnel)->text),
            log_text("reason", "not allowed any more"));
        passage->kind->abort(passage);
    }
}

bool service_matches(const struct text_list *patterns,
                     const struct spiffe *identity)
{
    for (size_t i = 0; i < patterns->count; i++)
        if (spiffe_matches(identity, patterns->items[i]))
            return true;
    return false;
}
