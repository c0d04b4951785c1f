/* SPDX-License-Identifier: MIT */
#include "service/service.h"
#include "base/clock.h"
#include "base/log.h"
#include "crypto/spiffe.h"
#include "service/moving.h"
#include "tunnel/tunnel.h"

/* ---- waiting ---- */

/* At once, but not from inside of what is happening. */
static void look_soon(struct service *service)
{
    if (service->waiting_count == 0)
        return;
    service->is_look_due = true;
    loop_timer_start(&service->timer, 0);
}

/* Look again when a place has rested, or the first must give up. */
static void plan_next_look(struct service *service)
{
    uint64_t now_us = loop_now_us(service->host->loop);
    uint64_t next_us = pool_next_us(&service->pool, now_us);
    struct list *first = list_first(&service->waiting);
    uint64_t until_us;

    if (!first) {
        service->is_look_due = false;
        loop_timer_stop(&service->timer);
        return;
    }
    if (service->is_look_due)
        return;
    /* Without a retry left they wait for one to be earned. */
    until_us = budget_next_us(&service->budget, now_us);
    if (until_us > now_us && until_us < next_us)
        next_us = until_us;
    until_us = LIST_ITEM(first, struct passage, waiting)->until_us;
    if (until_us < next_us)
        next_us = until_us;
    loop_timer_start(&service->timer, next_us > now_us ? next_us - now_us : 0);
}

/* Somebody could not be served where it is known to be. */
static void doubt(struct service *service)
{
    uint64_t now_us = loop_now_us(service->host->loop);

    if (!service->doubted || (service->doubted_us > 0 &&
                              now_us - service->doubted_us < CLOCK_SECOND))
        return;
    service->doubted_us = now_us;
    service->doubted(service);
}

/* ---- beginning and end ---- */

bool passage_begin(struct passage *passage, const struct passage_kind *kind,
                   struct service *service, uint64_t client)
{
    uint64_t now_us = loop_now_us(service->host->loop);

    if (service->is_look_due) /* what became free is for those that wait */
        service_retry(service);
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
    bool was_probe = passage->request.is_probe;

    leave_place(passage);
    stop_waiting(passage);
    list_remove(&passage->node);
    service->active--;
    /*
     * Where all were full, one of those that wait may have its place; and who
     * tried a place after a rest, and left before it was known, tries it no
     * more.
     */
    if (service->pool.policy.max_per_place > 0 || was_probe)
        look_soon(service);
}

bool passage_choose(struct passage *passage)
{
    struct service *service = passage->service;

    passage->request.now_us = loop_now_us(service->host->loop);
    if (passage->is_retry &&
        !budget_take(&service->budget, passage->request.now_us))
        return false;
    service->has_none = passage->request.tried_count == 0;
    passage->place = pool_choose(&service->pool, &passage->request);
    if (!passage->place) {
        if (passage->is_retry) /* it is none without a place */
            budget_give_back(&service->budget);
        if (passage->request.obstacle != pool_full)
            doubt(service);
        return false;
    }
    service->has_none = false;
    passage->rank = pool_rank(passage->place);
    pool_begin(passage->place);
    return true;
}

bool passage_found_full(const struct passage *passage)
{
    return passage->request.obstacle == pool_full;
}

static void leave_failed_place(struct passage *passage, const char *failure)
{
    passage->failure = failure;
    leave_place(passage);
    plan_next_look(passage->service); /* for those that wait for it */
}

void passage_failed_there(struct passage *passage, const char *failure,
                          bool is_fault)
{
    if (is_fault) {
        pool_failed(passage->place, failure,
                    loop_now_us(passage->service->host->loop));
        passage->is_retry = true;
        doubt(passage->service);
    }
    leave_failed_place(passage, failure);
}

void passage_found_no_room(struct passage *passage, const char *failure)
{
    pool_crowded(passage->place, failure,
                 loop_now_us(passage->service->host->loop));
    passage->is_retry = true;
    leave_failed_place(passage, failure);
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
    if (was_down)
        look_soon(service);
}

/* Those that come back keep their turn; one may have less time than others. */
static void line_up(struct service *service, struct passage *passage)
{
    struct list *behind = &service->waiting;

    while (behind->previous != &service->waiting &&
           LIST_ITEM(behind->previous, struct passage, waiting)->until_us >
               passage->until_us)
        behind = behind->previous;
    list_append(behind, &passage->waiting);
    service->waiting_count++;
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
        line_up(service, passage);
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
    service->is_look_due = false;
    service->has_none = false;
    while (!list_is_empty(&trying)) {
        struct passage *passage =
            LIST_ITEM(trying.next, struct passage, waiting);

        list_remove(&passage->waiting);
        if (now_us >= passage->until_us)
            passage->kind->give_up(passage);
        else if (service->has_none) /* nor is there one for this one */
            line_up(service, passage);
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
        LOG_LIMITED(20, LOG_WARNING, "stream_cut",
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
