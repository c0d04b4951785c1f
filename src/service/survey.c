/* SPDX-License-Identifier: MIT */
#include "service/survey.h"
#include "base/text.h"
#include "crypto/spiffe.h"
#include "service/arrival.h"
#include "service/consume.h"
#include "service/switchboard.h"
#include "tunnel/peer.h"
#include "tunnel/tunnel.h"
#include <stdlib.h>

/* A question about one service, and what pool_survey() made of it. */
struct inquiry {
    struct service *service;
    struct pool_request request;
    const struct place *place;      /* chosen; NULL: none */
    const struct candidate *chosen; /* what it is as one */
    bool is_open;    /* the client decides among several, and is not known */
    bool falls_back; /* the fallback counts */
};

/* ---- a place ---- */

static void describe_failures(const struct place *place, uint64_t now_us,
                              struct place_survey *survey)
{
    survey->failures = place->failed_in_a_row;
    text_format(survey->failure, sizeof(survey->failure), "%s", place->failure);
    if (place->failed_in_a_row > 0 && place->rest_until_us > now_us)
        survey->rest_us = place->rest_until_us - now_us;
}

/* Who is there, or why nobody can be asked. */
static void describe_tunnel(const struct service *service,
                            const struct place *place,
                            struct place_survey *survey)
{
    const struct tunnel *tunnel = consume_tunnel(place);
    struct peer_report peer;

    survey->tunnel = tunnel ? "up" : "down";
    if (tunnel) {
        text_format(survey->peer, sizeof(survey->peer), "%s",
                    tunnel_peer(tunnel)->text);
        survey->peer_is_accepted =
            service_matches(&service->options.peers, tunnel_peer(tunnel));
    } else if (place->peer) {
        peer_report(place->peer, &peer);
        survey->tunnel = peer.state;
        if (*peer.failure == '\0')
            return;
        survey->failures = peer.failures;
        text_format(survey->failure, sizeof(survey->failure), "%s",
                    peer.failure);
    }
}

/* Why |place|, which is usable, is not the chosen one. */
static const char *why_not(const struct inquiry *inquiry,
                           const struct place *place,
                           const struct candidate *candidate)
{
    const struct balance_rule *rule = &inquiry->service->pool.policy.rule;

    if (!candidate->counts && place->endpoint.tier > 0 && !inquiry->falls_back)
        return rule->min_healthy > 0
                   ? "a fallback: only while too few in the list can be used"
                   : "a fallback: only while nothing in the list can be used";
    return balance_why_not(rule, inquiry->chosen, candidate);
}

/* What speaks against |place| though it may be used; NULL: nothing. */
static const char *find_objection(const struct inquiry *inquiry,
                                  const struct place *place)
{
    struct pool_request request = inquiry->request;
    const char *objection;

    request.takes_unfit = false;
    objection = pool_obstacle(&inquiry->service->pool, place, &request);
    if (!objection && inquiry->service->options.role == SERVICE_CONSUME)
        objection = consume_objection(place);
    return objection;
}

/* |obstacle| with the details that |place| has of it. */
static void describe_obstacle(const struct place *place, const char *obstacle,
                              char *reason, size_t size)
{
    bool is_unfit = obstacle == pool_unfit;

    text_format(reason, size, "%s%s%s", obstacle, is_unfit ? ": " : "",
                is_unfit ? place->unfit : "");
}

static void find_reason(const struct inquiry *inquiry,
                        const struct place *place, char *reason, size_t size)
{
    const char *obstacle =
        pool_obstacle(&inquiry->service->pool, place, &inquiry->request);

    if (!obstacle)
        obstacle = find_objection(inquiry, place);
    if (obstacle)
        describe_obstacle(place, obstacle, reason, size);
}

static void judge(const struct inquiry *inquiry, const struct place *place,
                  const struct candidate *candidate,
                  struct place_survey *survey)
{
    const struct candidate *chosen = inquiry->chosen;
    char against[sizeof(survey->reason)] = "";
    const char *reason = "";

    find_reason(inquiry, place, against, sizeof(against));
    if (!candidate->usable || !chosen) {
        survey->verdict = "unusable";
    } else if (!candidate->counts) {
        survey->verdict = "reserve";
        reason = why_not(inquiry, place, candidate);
    } else if (inquiry->is_open) {
        survey->verdict = "possible";
        reason = "for the clients whose address belongs to it";
    } else if (candidate == chosen) {
        survey->verdict = "chosen";
    } else {
        survey->verdict = "usable";
        reason = why_not(inquiry, place, candidate);
    }
    text_format(survey->reason, sizeof(survey->reason), "%s%s%s", reason,
                *reason && *against ? "; usable, although: " : "", against);
}

static void describe_place(const struct inquiry *inquiry,
                           const struct place *place,
                           const struct candidate *candidate,
                           struct place_survey *survey)
{
    const struct endpoint *endpoint = &place->endpoint;

    *survey = (struct place_survey){ .address = endpoint->address,
                                     .tier = endpoint->tier,
                                     .priority = endpoint->priority,
                                     .weight = endpoint->weight,
                                     .is_inbound = place->tunnel != NULL,
                                     .tunnel = "",
                                     .active = place->active,
                                     .latency_us = place->latency_us };
    text_format(survey->name, sizeof(survey->name), "%s", endpoint->name);
    describe_failures(place, inquiry->request.now_us, survey);
    if (inquiry->service->options.role == SERVICE_CONSUME)
        describe_tunnel(inquiry->service, place, survey);
    judge(inquiry, place, candidate, survey);
}

/* ---- a service ---- */

/* Does the fallback count, be it besides the list? */
static bool falls_back(const struct pool *pool)
{
    for (size_t i = 0; i < pool->count; i++)
        if (pool->candidates[i].is_in_turn &&
            pool->chosen_from[i]->endpoint.tier > 0)
            return true;
    return false;
}

/* Could more than one be the choice, by who asks alone? */
static bool is_open(const struct pool *pool)
{
    size_t count = 0;

    for (size_t i = 0; i < pool->count; i++)
        count += pool->candidates[i].counts;
    return pool->policy.rule.balance == BALANCE_HASH && count > 1;
}

static void inquire(struct inquiry *inquiry, struct service *service,
                    const struct address *client)
{
    struct pool *pool = &service->pool;

    *inquiry = (struct inquiry){
        .service = service,
        .request = { .now_us = loop_now_us(service->host->loop),
                     .find_obstacle = service->find_obstacle,
                     .context = service },
    };
    if (client)
        inquiry->request.client =
            arrival_client(&(struct arrival){ .from = *client });
    inquiry->place = pool_survey(pool, &inquiry->request);
    for (size_t i = 0; inquiry->place && i < pool->count; i++)
        if (pool->chosen_from[i] == inquiry->place)
            inquiry->chosen = &pool->candidates[i];
    inquiry->falls_back = falls_back(pool);
    inquiry->is_open = inquiry->chosen && !client && is_open(pool);
}

static void refuse(struct service_survey *survey, const char *reason)
{
    survey->outcome = "refused";
    text_format(survey->reason, sizeof(survey->reason), "%s", reason);
}

/* As the roles do it where they find no place. */
static void describe_waiting(const struct service *service,
                             struct service_survey *survey)
{
    const char *reason = service->pool.count == 0 ? "no endpoint is known"
                                                  : "no endpoint can be used";

    refuse(survey, reason);
    if (service->options.role == SERVICE_OFFER || service->options.hold_us == 0)
        return;
    if (service->waiting_count >= service->options.max_waiting) {
        text_format(survey->reason, sizeof(survey->reason),
                    "%s, and as many as max_waiting allows wait", reason);
        return;
    }
    survey->outcome = "waits";
}

/* Where it goes, and what speaks against that place. */
static void describe_going(const struct inquiry *inquiry,
                           struct service_survey *survey)
{
    const char *objection = find_objection(inquiry, inquiry->place);

    survey->outcome = "goes";
    survey->address = inquiry->place->endpoint.address;
    if (objection)
        describe_obstacle(inquiry->place, objection, survey->reason,
                          sizeof(survey->reason));
}

static void describe_outcome(const struct inquiry *inquiry,
                             struct service_survey *survey)
{
    const struct service *service = inquiry->service;

    if (service->board->is_draining) {
        refuse(survey, "the ambassador is draining");
    } else if (service->active >= service->options.max_connections) {
        refuse(survey,
               "it has all the connections that max_connections allows");
    } else if (!inquiry->place) {
        describe_waiting(service, survey);
    } else if (inquiry->is_open) {
        survey->outcome = "depends";
        text_format(survey->reason, sizeof(survey->reason),
                    "the client's address decides");
    } else {
        describe_going(inquiry, survey);
    }
}

static bool describe_service(struct service *service,
                             const struct address *client,
                             struct service_survey *survey)
{
    const struct pool *pool = &service->pool;
    size_t count =
        pool->count < SURVEY_MAX_PLACES ? pool->count : SURVEY_MAX_PLACES;
    struct inquiry inquiry;

    inquire(&inquiry, service, client);
    *survey = (struct service_survey){ .role = service->options.role,
                                       .hold_us = service->options.hold_us,
                                       .left_out = pool->count - count };
    survey->places = calloc(count + 1, sizeof(*survey->places));
    if (!survey->places)
        return false;
    for (; survey->place_count < count; survey->place_count++)
        describe_place(&inquiry, pool->chosen_from[survey->place_count],
                       &pool->candidates[survey->place_count],
                       &survey->places[survey->place_count]);
    describe_outcome(&inquiry, survey);
    return true;
}

struct board_survey *board_survey_new(const struct switchboard *board,
                                      uint32_t worker, const char *name,
                                      const struct address *client)
{
    struct board_survey *survey = calloc(1, sizeof(*survey));

    if (!survey)
        return NULL;
    survey->worker = worker;
    for (unsigned role = 0; role < SERVICE_ROLES; role++) {
        struct service *service =
            switchboard_find(board, (enum service_role)role, name);

        if (!service || survey->service_count == SURVEY_MAX_ROLES)
            continue;
        if (!describe_service(service, client,
                              &survey->services[survey->service_count++])) {
            board_survey_free(survey);
            return NULL;
        }
    }
    return survey;
}

void board_survey_free(struct board_survey *survey)
{
    if (!survey)
        return;
    for (size_t i = 0; i < survey->service_count; i++)
        free(survey->services[i].places);
    free(survey);
}
