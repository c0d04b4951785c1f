/* SPDX-License-Identifier: MIT */
#ifndef UNIT_ADMIN_STATUS_TEST_H
#define UNIT_ADMIN_STATUS_TEST_H
/* What the tests of status have in common: an ambassador of two workers. */
#include "admin/status.h"
#include "base/clock.h"
#include "base/text.h"
#include "unit/admin/document_test.h"
#include <jansson.h>
#include <stdlib.h>

enum { NOW_US = 1000 * 1000 * 1000 };

/* ---- two workers that tell of the same ---- */

struct fixture {
    struct endpoints *endpoints; /* of the source: .1 and .2 */
    struct source_report sources[2];
    struct place_report places[2][3];
    struct service_report services[2][2];
    struct tunnel_summary tunnels[2];
    struct board_report boards[2];
    const struct board_report *board_list[2];
    struct service_status statuses[3];
    struct announcement_status announcements[3]; /* of the offer */
    struct certificate_status certificates[2];
    struct status_document document;
    json_t *json;
};

static const char *const source_texts[] = { "static:10.0.0.1:1",
                                            "dns:db.example.com:1" };
static const char *const doors[] = { "127.0.0.1:6379", "unix:/run/r", NULL };
static const char *const gates[] = { "0.0.0.0:7411", NULL };

static inline void set_place(struct place_report *place, const char *address,
                             const char *state, const char *failure)
{
    *place = (struct place_report){ .address = at(address),
                                    .state = state,
                                    .active = 2,
                                    .connections = 10,
                                    .failures = 1,
                                    .latency_us = 300 };
    strcpy(place->name, "named");
    strcpy(place->failure, failure);
}

static inline void set_services(struct fixture *fixture, uint32_t worker)
{
    struct service_report *service = fixture->services[worker];

    service[0] = (struct service_report){ .name = "redis",
                                          .role = SERVICE_CONSUME,
                                          .is_usable = worker == 1,
                                          .active = 3,
                                          .waiting = 1,
                                          .left_behind = 9,
                                          .connections = 20,
                                          .failed = 4,
                                          .denied = 5,
                                          .ended_in_order = 6,
                                          .ended_by_reset = 7,
                                          .lost = 8,
                                          .up_bytes = 1000,
                                          .down_bytes = 2000,
                                          .places = fixture->places[worker],
                                          .place_count = 3 };
    service[1] = (struct service_report){ .name = "*",
                                          .role = SERVICE_CONSUME,
                                          .places = fixture->places[worker],
                                          .place_count = 1 };
    fixture->boards[worker] =
        (struct board_report){ .worker = worker,
                               .services = service,
                               .service_count = 2,
                               .tunnels = &fixture->tunnels[worker],
                               .tunnel_count = 1,
                               .memory_bytes = 10,
                               .max_memory_bytes = 1000 };
    fixture->board_list[worker] = &fixture->boards[worker];
    fixture->tunnels[worker] =
        (struct tunnel_summary){ .worker = worker,
                                 .number = 7,
                                 .peer = "spiffe://acme/db-1",
                                 .node = "db-1",
                                 .version = "0.1.0",
                                 .address = at("10.0.0.1:7411"),
                                 .aead = "AES-256-GCM",
                                 .is_dialler = worker == 0,
                                 .is_ready = true,
                                 .age_us = 5 * CLOCK_SECOND,
                                 .rtt_us = 310,
                                 .streams = 3,
                                 .sent_bytes = 11,
                                 .received_bytes = 12,
                                 .expires = clock_wall_seconds() + 86400 + 60 };
}

/* One is made, one is not, and of one nothing is known yet. */
static inline void set_announcements(struct fixture *fixture)
{
    struct announcement_status *announcement = fixture->announcements;

    announcement[0].text = "zookeeper:zk/redis";
    announcement[0].report.is_announced = true;
    strcpy(announcement[0].report.as, "/redis/redis@db-1");
    announcement[1].text = "mdns:_redis._tcp";
    strcpy(announcement[1].report.failure, "no address");
    announcement[2].text = "zookeeper:zk/new";
}

static inline void set_endpoints(struct fixture *fixture)
{
    struct endpoint endpoints[] = {
        { .address = at("10.0.0.1:1"), .name = "one" },
        { .address = at("10.0.0.2:1"), .name = "two" }
    };

    fixture->endpoints = endpoints_new(endpoints, 2);
    assert_non_null(fixture->endpoints);
    fixture->sources[0].endpoints = fixture->endpoints;
    fixture->sources[0].answered_us = NOW_US - 3 * CLOCK_SECOND;
    fixture->sources[1].is_stale = true;
    strcpy(fixture->sources[1].failure, "SERVFAIL");
}

static inline int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    int64_t wall = clock_wall_seconds();

    if (!fixture)
        return -1;
    set_endpoints(fixture);
    set_announcements(fixture);
    for (uint32_t i = 0; i < 2; i++) {
        set_place(&fixture->places[i][0], "10.0.0.1:1", "up", "");
        set_place(&fixture->places[i][1], "10.0.0.2:1", "up", "");
        set_place(&fixture->places[i][2], "10.0.0.9:1", "up", "");
        set_services(fixture, i);
    }
    fixture->statuses[0] =
        (struct service_status){ .name = "redis",
                                 .role = SERVICE_CONSUME,
                                 .listen = doors,
                                 .sources = fixture->sources,
                                 .source_texts = source_texts,
                                 .source_count = 2 };
    fixture->statuses[1] =
        (struct service_status){ .name = "*", .role = SERVICE_CONSUME };
    fixture->statuses[2] =
        (struct service_status){ .name = "redis",
                                 .role = SERVICE_OFFER,
                                 .announcements = fixture->announcements,
                                 .announcement_count = 3 };
    fixture->certificates[0] =
        (struct certificate_status){ "identity", "spiffe://acme/web-1",
                                     wall + 89 * 86400 + 60 };
    fixture->certificates[1] =
        (struct certificate_status){ "trust", "", wall - 1 };
    fixture->document =
        (struct status_document){ .node = "web-1",
                                  .version = "0.1.0",
                                  .uptime_us = 90061 * CLOCK_SECOND,
                                  .is_ready = true,
                                  .tunnel_listen = gates,
                                  .services = fixture->statuses,
                                  .service_count = 3,
                                  .boards = fixture->board_list,
                                  .board_count = 2,
                                  .certificates = fixture->certificates,
                                  .certificate_count = 2,
                                  .now_us = NOW_US };
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;

    json_decref(fixture->json);
    free(fixture->endpoints);
    free(fixture);
    return 0;
}

#define WITH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#endif
