/* SPDX-License-Identifier: MIT */
#ifndef EXPLANATION_TEST_H
#define EXPLANATION_TEST_H
#include "admin/explanation.h"

#include "base/clock.h"
#include "base/text.h"
#include "unit/admin/document_test.h"
#include <jansson.h>
#include <stdlib.h>

#define NOW_US (1000 * CLOCK_SECOND)
enum { WORKERS = 3, PLACES = 4, SOURCES = 5 };

/* ---- three workers that tell of the same four endpoints ---- */

struct fixture {
    struct service_options options;
    struct endpoints *endpoints; /* of the first source: .1 and .2 */
    struct endpoints *later;     /* .4 */
    struct explained_source sources[SOURCES];
    struct explained_service services[2];
    struct place_survey places[WORKERS][PLACES];
    struct board_survey boards[WORKERS];
    const struct board_survey *board_list[WORKERS];
    struct explanation explanation;
    json_t *json;
};

static const char *const doors[] = { "127.0.0.1:6379", NULL };

static inline void set_place(struct place_survey *place, const char *address,
                             const char *verdict, const char *reason)
{
    *place = (struct place_survey){ .address = at(address),
                                    .weight = 1,
                                    .verdict = verdict,
                                    .tunnel = "up",
                                    .peer = "spiffe://acme/db",
                                    .peer_is_accepted = true,
                                    .active = 2,
                                    .latency_us = 1500 };
    strcpy(place->name, address);
    strcpy(place->reason, reason);
}

static inline void set_board(struct fixture *fixture, uint32_t worker)
{
    struct place_survey *places = fixture->places[worker];
    struct board_survey *board = &fixture->boards[worker];

    set_place(&places[0], "10.0.0.1:1", "chosen", "");
    strcpy(places[0].name, "db-1:1");
    set_place(&places[1], "10.0.0.2:1", "unusable", "resting after a failure");
    strcpy(places[1].failure, "refused");
    places[1].failures = 2 + worker;
    places[1].rest_us = 400000 + worker * 1000;
    places[1].priority = 5;
    places[1].weight = 3;
    set_place(&places[2], "10.0.0.3:1", "unusable",
              "who is there may not claim to offer it");
    strcpy(places[2].peer, "spiffe://acme/thief");
    places[2].peer_is_accepted = false;
    set_place(&places[3], "10.0.0.4:1", "reserve", "a fallback");
    places[3].tier = 1;
    places[3].active = 0;
    places[3].latency_us = 0;
    *board = (struct board_survey){ .worker = worker, .service_count = 1 };
    board->services[0] = (struct service_survey){ .role = SERVICE_CONSUME,
                                                  .outcome = "goes",
                                                  .address = at("10.0.0.1:1"),
                                                  .places = places,
                                                  .place_count = PLACES };
    fixture->board_list[worker] = board;
}

static inline void set_sources(struct fixture *fixture)
{
    struct endpoint endpoints[] = { { .address = at("10.0.0.1:1") },
                                    { .address = at("10.0.0.2:1") },
                                    { .address = at("10.0.0.4:1") } };
    struct explained_source *sources = fixture->sources;

    fixture->endpoints = endpoints_new(endpoints, 2);
    fixture->later = endpoints_new(&endpoints[2], 1);
    assert_true(fixture->endpoints && fixture->later);
    sources[0].text = "static:db-1:1";
    sources[0].report.endpoints = fixture->endpoints;
    sources[0].report.answered_us = NOW_US - 12 * CLOCK_SECOND;
    sources[1].text = "dns+srv:_r._tcp.x";
    sources[1].report = sources[0].report;
    sources[1].report.answered_us = NOW_US - 121 * CLOCK_SECOND;
    sources[1].report.is_stale = true;
    sources[1].report.failed_us = NOW_US - 3 * CLOCK_SECOND;
    strcpy(sources[1].report.failure, "SERVFAIL");
    sources[2].text = "zookeeper:z:1/x";
    sources[2].report.failed_us = NOW_US - 4 * CLOCK_SECOND;
    sources[2].report.is_stale = true;
    strcpy(sources[2].report.failure, "timed out");
    sources[3].text = "mdns:_r._tcp";
    sources[4].text = "static:10.0.0.4:1";
    sources[4].is_fallback = true;
    sources[4].report.endpoints = fixture->later;
    sources[4].report.answered_us = NOW_US;
}

static inline int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    if (!fixture)
        return -1;
    service_options_init(&fixture->options, SERVICE_CONSUME);
    fixture->options.balance = BALANCE_LEAST_LOADED;
    fixture->options.hold_us = 10 * CLOCK_SECOND;
    assert_true(text_list_add(&fixture->options.peers, "spiffe://acme/db"));
    for (uint32_t i = 0; i < WORKERS; i++)
        set_board(fixture, i);
    set_sources(fixture);
    fixture->services[0] =
        (struct explained_service){ .options = &fixture->options,
                                    .listen = doors,
                                    .sources = fixture->sources,
                                    .source_count = SOURCES,
                                    .next_worker = 1 };
    fixture->explanation = (struct explanation){ .name = "redis",
                                                 .services = fixture->services,
                                                 .service_count = 1,
                                                 .boards = fixture->board_list,
                                                 .board_count = WORKERS,
                                                 .now_us = NOW_US };
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;

    json_decref(fixture->json);
    free(fixture->endpoints);
    free(fixture->later);
    service_options_clear(&fixture->options);
    free(fixture);
    return 0;
}

static const struct set_status in_force = { .lines = "10.0.0.4:1\nb:2 weight=3",
                                            .at = 1700000000,
                                            .is_in_force = true };
static const struct set_status waiting = { .lines = "b:2\n",
                                           .at = 1700000000,
                                           .is_kept = true };

/* What the fourth source says is set; the others do not count then. */
static inline void set(struct fixture *fixture, const struct set_status *status)
{
    struct explained_source *sources = fixture->sources;

    assert_true(text_list_add(&fixture->options.sources, "inbound:"));
    fixture->services[0].set = status;
    fixture->services[0].is_inbound_idle = status->is_in_force;
    sources[3].text = "set";
    sources[3].report = sources[4].report;
    for (size_t i = 0; i < SOURCES; i++)
        sources[i].is_idle = (i != 3) == status->is_in_force;
}

#define WITH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#endif
