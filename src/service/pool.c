/* SPDX-License-Identifier: MIT */
#include "service/pool.h"
#include "base/clock.h"
#include "base/text.h"
#include <stdlib.h>

#define FIRST_REST_US (100 * CLOCK_MS)
#define MAX_REST_US CLOCK_SECOND
/* A failure that long after the last has nothing to do with it. */
#define STRIKE_LIFE_US (10 * CLOCK_SECOND)
/* What a place that is new gets of its share at first. */
enum { FIRST_PERCENT = 10 };

const char pool_full[] =
    "it has all the connections that max_per_endpoint allows";
const char pool_unfit[] = "its health check finds it unfit";

void pool_init(struct pool *pool, const struct pool_policy *policy,
               uint64_t seed)
{
    *pool =
        (struct pool){ .policy = *policy, .random = random_from_seed(seed) };
    list_init(&pool->places);
    list_init(&pool->removed);
    index_init(&pool->index);
}

void pool_clear(struct pool *pool)
{
    LIST_EACH(&pool->places, node)
    {
        struct place *place = LIST_ITEM(node, struct place, node);

        ASSERT(place->active == 0);
        pool_remove(pool, place);
    }
    ASSERT(list_is_empty(&pool->removed));
    index_clear(&pool->index);
    free(pool->candidates);
    free(pool->chosen_from);
}

static void free_place(struct place *place)
{
    index_remove(&place->pool->index, address_hash(&place->endpoint.address),
                 place);
    free(place);
}

/* Room for one more candidate. */
static bool make_room(struct pool *pool)
{
    size_t room = pool->room ? pool->room * 2 : 8;
    struct candidate *candidates;
    struct place **chosen_from;

    if (pool->count < pool->room)
        return true;
    candidates = realloc(pool->candidates, room * sizeof(*candidates));
    if (candidates)
        pool->candidates = candidates;
    chosen_from = realloc(pool->chosen_from, room * sizeof(*chosen_from));
    if (chosen_from)
        pool->chosen_from = chosen_from;
    if (!candidates || !chosen_from)
        return false;
    pool->room = room;
    return true;
}

static bool is_removed_from(const void *item, const void *address)
{
    const struct place *place = item;

    return place->is_removed &&
           address_equal(&place->endpoint.address, address);
}

/* One that was removed and still has connections comes back. */
static struct place *bring_from_removed(struct pool *pool,
                                        const struct address *address)
{
    struct place *place = index_find(&pool->index, address_hash(address),
                                     is_removed_from, address);

    if (!place)
        return NULL;
    list_remove(&place->node);
    place->is_removed = place->is_demoted = false;
    place->unfit[0] = '\0';
    place->told = TOLD_NOTHING;
    place->told_load = 0;
    place->told_by = NULL;
    return place;
}

static struct place *new_place(struct pool *pool, const struct address *address)
{
    struct place *place = calloc(1, sizeof(*place));

    if (!place || !index_add(&pool->index, address_hash(address), place)) {
        free(place);
        return NULL;
    }
    place->pool = pool;
    place->number = ++pool->next_number;
    place->key = address_hash(address);
    place->order = random_next(&pool->random);
    place->failure = "";
    return place;
}

struct place *pool_add(struct pool *pool, const struct endpoint *endpoint,
                       uint64_t now_us)
{
    struct place *place;

    if (!make_room(pool))
        return NULL;
    place = bring_from_removed(pool, &endpoint->address);
    if (!place)
        place = new_place(pool, &endpoint->address);
    if (!place)
        return NULL;
    place->endpoint = *endpoint;
    place->ripened_us = now_us;
    list_append(&pool->places, &place->node);
    pool->is_listed = false;
    pool->count++;
    return place;
}

void pool_remove(struct pool *pool, struct place *place)
{
    ASSERT(!place->is_removed);
    place->is_removed = true;
    place->peer = NULL;
    place->tunnel = NULL;
    list_remove(&place->node);
    pool->is_listed = false;
    pool->count--;
    if (place->active == 0)
        free_place(place);
    else
        list_append(&pool->removed, &place->node);
}

static bool is_named_by(const void *item, const void *address)
{
    const struct place *place = item;

    return !place->tunnel && !place->is_removed &&
           address_equal(&place->endpoint.address, address);
}

struct place *pool_find(const struct pool *pool, const struct address *address)
{
    return index_find(&pool->index, address_hash(address), is_named_by,
                      address);
}

uint32_t pool_rank(const struct place *place)
{
    return ((uint32_t)place->endpoint.tier << 16) | place->endpoint.priority;
}

static bool was_tried(const struct pool_request *request,
                      const struct place *place)
{
    for (uint32_t i = 0; i < request->tried_count; i++)
        if (request->tried[i] == place->number)
            return true;
    return false;
}

static bool is_resting(const struct place *place, uint64_t now_us)
{
    return place->failed_in_a_row > 0 &&
           (place->is_probed || now_us < place->rest_until_us);
}

/* What stands in the way of any request. */
static const char *obstacle_to_all(const struct pool *pool,
                                   const struct place *place,
                                   const struct pool_request *request)
{
    uint32_t max = pool->policy.max_per_place;

    /* One that may be a replica would take what is written and lose it. */
    if (*place->unfit && (!request->takes_unfit || pool->policy.needs_role))
        return pool_unfit;
    if (!request->takes_unfit && is_resting(place, request->now_us))
        return place->is_probed ? "one connection is trying it after a failure"
                                : "resting after a failure";
    if (max > 0 && place->active >= max)
        return pool_full;
    return request->find_obstacle
               ? request->find_obstacle(request->context, place)
               : NULL;
}

const char *pool_obstacle(const struct pool *pool, const struct place *place,
                          const struct pool_request *request)
{
    if (was_tried(request, place))
        return "tried already";
    return obstacle_to_all(pool, place, request);
}

/* Slow start: the weight in percent of a percent of the configured one. */
static uint32_t ripe_weight(const struct pool *pool, const struct place *place,
                            uint64_t now_us)
{
    uint64_t slow_us = pool->policy.slow_start_us;
    uint64_t age_us =
        now_us > place->ripened_us ? now_us - place->ripened_us : 0;
    uint64_t percent = 100;

    /* A hash that changes with the share would move clients to and fro. */
    if (slow_us == 0 || pool->policy.rule.balance == BALANCE_HASH)
        return place->endpoint.weight;
    if (age_us < slow_us)
        percent = FIRST_PERCENT + (100 - FIRST_PERCENT) * age_us / slow_us;
    return (uint32_t)(place->endpoint.weight * percent);
}

/*
 * What was measured long ago counts for less, by half each second: or one bad
 * moment would keep a place from ever being measured again.
 */
static uint64_t faded_latency(const struct place *place, uint64_t now_us)
{
    uint64_t halvings = (now_us - place->chosen_us) / CLOCK_SECOND;

    return halvings < 64 ? place->latency_us >> halvings : 0;
}

static void fill_candidate(const struct pool *pool, const struct place *place,
                           struct pool_request *request,
                           struct candidate *candidate)
{
    const char *obstacle = obstacle_to_all(pool, place, request);
    bool minds_latency = pool->policy.rule.balance == BALANCE_TWO_CHOICES;

    if (obstacle && request->obstacle != pool_full)
        request->obstacle = obstacle; /* that one is full says most */
    candidate->usable = !obstacle && !was_tried(request, place);
    candidate->fit = !obstacle || obstacle == pool_full;
    candidate->priority = pool_rank(place);
    candidate->weight = ripe_weight(pool, place, request->now_us);
    candidate->active = place->active;
    candidate->told_load = place->told_load;
    candidate->latency_us =
        minds_latency ? faded_latency(place, request->now_us) : 0;
    candidate->key = place->key;
    candidate->current = place->current;
    candidate->order = place->order;
}

/* A walk along an array does not wait for memory at each step. */
static void list_places(struct pool *pool)
{
    size_t count = 0;

    if (pool->is_listed)
        return;
    LIST_EACH(&pool->places, node)
    {
        pool->chosen_from[count++] = LIST_ITEM(node, struct place, node);
    }
    pool->is_listed = true;
}

static size_t list_candidates(struct pool *pool, struct pool_request *request)
{
    list_places(pool);
    for (size_t i = 0; i < pool->count; i++)
        fill_candidate(pool, pool->chosen_from[i], request,
                       &pool->candidates[i]);
    return pool->count;
}

/* The candidates; also those that are not fit, if that leaves too few. */
static size_t find_candidates(struct pool *pool, struct pool_request *request)
{
    const struct balance_rule *rule = &pool->policy.rule;
    size_t count;

    request->takes_unfit = false;
    request->obstacle = NULL;
    count = list_candidates(pool, request);
    if (rule->min_healthy == 0 ||
        !balance_is_short(rule, pool->candidates, count))
        return count;
    request->takes_unfit = true;
    return list_candidates(pool, request);
}

/* Who it is to be, or NULL; nothing but the candidates changes. */
static struct place *decide(struct pool *pool, struct pool_request *request,
                            uint64_t random)
{
    size_t count = find_candidates(pool, request);
    size_t chosen = balance_choose(&pool->policy.rule, pool->candidates, count,
                                   request->client, random);

    return chosen == BALANCE_NONE ? NULL : pool->chosen_from[chosen];
}

struct place *pool_survey(struct pool *pool, struct pool_request *request)
{
    struct random random = pool->random; /* what the next choice will draw */

    return decide(pool, request, random_next(&random));
}

/* Whose turn it is next. */
static void keep_turns(struct pool *pool)
{
    if (pool->policy.rule.balance != BALANCE_ROUND_ROBIN)
        return;
    for (size_t i = 0; i < pool->count; i++)
        pool->chosen_from[i]->current = pool->candidates[i].current;
}

struct place *pool_choose(struct pool *pool, struct pool_request *request)
{
    struct place *place;

    if (request->tried_count == POOL_MAX_TRIED)
        return NULL;
    place = decide(pool, request, random_next(&pool->random));
    if (!place)
        return NULL;
    keep_turns(pool);
    request->tried[request->tried_count++] = place->number;
    place->latency_us = faded_latency(place, request->now_us);
    place->chosen_us = request->now_us;
    request->is_probe = place->failed_in_a_row > 0;
    if (request->is_probe)
        place->is_probed = true;
    return place;
}

uint64_t pool_next_us(const struct pool *pool, uint64_t now_us)
{
    uint64_t next_us = UINT64_MAX;

    LIST_EACH(&pool->places, node)
    {
        const struct place *place = LIST_ITEM(node, struct place, node);

        if (is_resting(place, now_us) && !place->is_probed &&
            place->rest_until_us < next_us)
            next_us = place->rest_until_us;
    }
    return next_us;
}

void pool_begin(struct place *place)
{
    place->active++;
    place->connections++;
}

/* What was down and came back is new again. */
static void bring_back(struct place *place, uint64_t now_us)
{
    if (place->failed_in_a_row > 0 || *place->unfit)
        place->ripened_us = now_us;
    place->failed_in_a_row = 0;
    place->is_probed = false;
    place->failure = "";
}

void pool_reached(struct place *place, uint64_t latency_us, uint64_t now_us)
{
    bring_back(place, now_us);
    place->latency_us = place->latency_us
                            ? (place->latency_us * 7 + latency_us) / 8
                            : latency_us + 1;
}

static uint64_t rest_after(uint32_t strikes)
{
    uint64_t rest_us = FIRST_REST_US;

    for (uint32_t i = 1; i < strikes && rest_us < MAX_REST_US; i++)
        rest_us *= 2;
    return rest_us < MAX_REST_US ? rest_us : MAX_REST_US;
}

void pool_failed(struct place *place, const char *failure, uint64_t now_us)
{
    bool is_news = place->is_probed || !is_resting(place, now_us);

    place->failures++;
    place->failed_in_a_row++;
    place->failure = failure;
    if (!is_news)
        return; /* it began before the failure that put it to rest */
    if (now_us - place->failed_us >= STRIKE_LIFE_US)
        place->strikes = 0;
    place->strikes++;
    place->failed_us = now_us;
    place->is_probed = false;
    place->rest_until_us = now_us + rest_after(place->strikes);
}

void pool_crowded(struct place *place, const char *failure, uint64_t now_us)
{
    place->strikes = 0;
    pool_failed(place, failure, now_us);
}

void pool_end(struct place *place, bool was_probe)
{
    ASSERT(place->active > 0);
    place->active--;
    if (was_probe) /* it may have gone before it was known how it ended */
        place->is_probed = false;
    if (place->is_removed && place->active == 0) {
        list_remove(&place->node);
        free_place(place);
    }
}

void pool_judge(struct place *place, const char *unfit, uint64_t now_us)
{
    if (*unfit == '\0' && *place->unfit)
        bring_back(place, now_us);
    text_format(place->unfit, sizeof(place->unfit), "%s", unfit);
}

const char *pool_state_of(const struct place *place, uint64_t now_us)
{
    if (*place->unfit)
        return "unfit";
    if (place->failed_in_a_row == 0)
        return "up";
    return is_resting(place, now_us) ? "resting" : "down";
}
