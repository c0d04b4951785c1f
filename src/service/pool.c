/* SPDX-License-Identifier: MIT */
#include "service/pool.h"
#include "base/clock.h"
#include "base/text.h"
#include <stdlib.h>

#define FIRST_REST_US (100 * CLOCK_MS)
#define MAX_REST_US CLOCK_SECOND

void pool_init(struct pool *pool, enum service_balance balance, uint64_t seed)
{
    *pool =
        (struct pool){ .balance = balance, .random = random_from_seed(seed) };
    list_init(&pool->places);
}

void pool_clear(struct pool *pool)
{
    LIST_EACH(&pool->places, node)
    {
        struct place *place = LIST_ITEM(node, struct place, node);

        ASSERT(place->active == 0);
        pool_remove(pool, place);
    }
    free(pool->candidates);
    free(pool->chosen_from);
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

struct place *pool_add(struct pool *pool, const struct endpoint *endpoint)
{
    struct place *place;

    if (!make_room(pool))
        return NULL;
    place = calloc(1, sizeof(*place));
    if (!place)
        return NULL;
    place->endpoint = *endpoint;
    place->number = ++pool->next_number;
    place->failure = "";
    list_append(&pool->places, &place->node);
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
    pool->count--;
    if (place->active == 0)
        free(place);
}

struct place *pool_find(const struct pool *pool, const struct address *address)
{
    LIST_EACH(&pool->places, node)
    {
        struct place *place = LIST_ITEM(node, struct place, node);

        if (!place->tunnel && address_equal(&place->endpoint.address, address))
            return place;
    }
    return NULL;
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

const char *pool_obstacle(const struct place *place,
                          const struct pool_request *request)
{
    if (was_tried(request, place))
        return "tried already";
    if (*place->unfit)
        return place->unfit;
    if (is_resting(place, request->now_us))
        return place->is_probed ? "one connection is trying it after a failure"
                                : "resting after a failure";
    return request->find_obstacle
               ? request->find_obstacle(request->context, place)
               : NULL;
}

static size_t list_candidates(struct pool *pool,
                              const struct pool_request *request)
{
    size_t count = 0;

    LIST_EACH(&pool->places, node)
    {
        struct place *place = LIST_ITEM(node, struct place, node);

        pool->chosen_from[count] = place;
        pool->candidates[count++] = (struct candidate){
            .usable = pool_obstacle(place, request) == NULL,
            /* No priority in a fallback beats one in the list before it. */
            .priority = ((uint32_t)place->endpoint.tier << 16) |
                        place->endpoint.priority,
            .weight = place->endpoint.weight,
            .active = place->active,
            .told_load = place->told_load,
            .latency_us = place->latency_us,
            .key = balance_key(&place->endpoint.address.any,
                               place->endpoint.address.length),
            .current = place->current,
        };
    }
    return count;
}

struct place *pool_choose(struct pool *pool, struct pool_request *request)
{
    size_t count, chosen;
    struct place *place;

    if (request->tried_count == POOL_MAX_TRIED)
        return NULL;
    count = list_candidates(pool, request);
    chosen = balance_choose(pool->balance, pool->candidates, count,
                            request->client, random_next(&pool->random));
    for (size_t i = 0; i < count; i++)
        pool->chosen_from[i]->current = pool->candidates[i].current;
    if (chosen == BALANCE_NONE)
        return NULL;
    place = pool->chosen_from[chosen];
    request->tried[request->tried_count++] = place->number;
    if (place->failed_in_a_row > 0)
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

void pool_reached(struct place *place, uint64_t latency_us)
{
    place->failed_in_a_row = 0;
    place->is_probed = false;
    place->failure = "";
    place->latency_us = place->latency_us
                            ? (place->latency_us * 7 + latency_us) / 8
                            : latency_us + 1;
}

void pool_failed(struct place *place, const char *failure, uint64_t now_us)
{
    uint64_t rest_us = FIRST_REST_US;

    for (uint32_t i = 0; i < place->failed_in_a_row && rest_us < MAX_REST_US;
         i++)
        rest_us *= 2;
    if (rest_us > MAX_REST_US)
        rest_us = MAX_REST_US;
    place->failures++;
    place->failed_in_a_row++;
    place->is_probed = false;
    place->rest_until_us = now_us + rest_us;
    place->failure = failure;
}

void pool_end(struct place *place)
{
    ASSERT(place->active > 0);
    place->active--;
    /* Whoever tried it may have gone before it was known how it ended. */
    place->is_probed = false;
    if (place->is_removed && place->active == 0)
        free(place);
}

void pool_judge(struct place *place, const char *unfit)
{
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
