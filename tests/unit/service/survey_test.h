/* SPDX-License-Identifier: MIT */
#ifndef SURVEY_TEST_H
#define SURVEY_TEST_H
/* A board that reaches the service "web" itself, and what it says of it. */
#include "service/survey.h"

#include "base/clock.h"
#include "service/switchboard.h"
#include "support/check_test.h"
#include <stdlib.h>

static inline struct address at(const char *text)
{
    struct address address;

    assert_true(address_parse(&address, text));
    return address;
}

struct fixture {
    struct loop *loop;
    struct switchboard board;
    struct service_options options;
    struct board_survey *survey; /* the latest */
};

static const struct switchboard_events no_events = { .homeless = NULL };

static inline int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct host_options host = { .limits = LIMITS_DEFAULT,
                                 .max_memory_bytes = 1 << 20,
                                 .node = "n",
                                 .version = "v" };

    if (!fixture)
        return -1;
    host.loop = fixture->loop = loop_new();
    service_options_init(&fixture->options, SERVICE_DIRECT);
    strcpy(fixture->options.name, "web");
    if (switchboard_init(&fixture->board, &host, &no_events, NULL) != STATUS_OK)
        return -1;
    *state = fixture;
    return 0;
}

static inline struct service *service_of(struct fixture *fixture)
{
    return switchboard_find(&fixture->board, fixture->options.role, "web");
}

/* Connections that a test began. */
static inline void end_all(struct service *service)
{
    LIST_EACH(&service->pool.places, node)
    {
        struct place *place = LIST_ITEM(node, struct place, node);

        while (place->active > 0)
            pool_end(place, false);
    }
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;

    board_survey_free(fixture->survey);
    if (service_of(fixture))
        end_all(service_of(fixture));
    switchboard_stop(&fixture->board);
    switchboard_clear(&fixture->board);
    loop_free(fixture->loop);
    service_options_clear(&fixture->options);
    free(fixture);
    return 0;
}

/* Have the options, and |count| endpoints: 10.0.0.1:1 and so on. */
static inline void use(struct fixture *fixture,
                       const struct endpoint *endpoints, size_t count)
{
    struct endpoints *list = endpoints_new(endpoints, count);

    assert_non_null(list);
    assert_int_equal(switchboard_apply(&fixture->board, &fixture->options, 1),
                     STATUS_OK);
    assert_int_equal(switchboard_place(&fixture->board, fixture->options.role,
                                       "web", list),
                     STATUS_OK);
    free(list);
}

static inline struct endpoint plain(const char *address)
{
    return (struct endpoint){ .address = at(address), .weight = 1 };
}

static inline const struct service_survey *ask(struct fixture *fixture,
                                               const struct address *client)
{
    board_survey_free(fixture->survey);
    fixture->survey = board_survey_new(&fixture->board, 3, "web", client);
    assert_non_null(fixture->survey);
    assert_int_equal(fixture->survey->worker, 3);
    assert_int_equal(fixture->survey->service_count, 1);
    return &fixture->survey->services[0];
}

static inline const struct place_survey *
place_at(const struct service_survey *survey, const char *address)
{
    struct address wanted = at(address);

    for (size_t i = 0; i < survey->place_count; i++)
        if (address_equal(&survey->places[i].address, &wanted))
            return &survey->places[i];
    fail_msg("%s is not there", address);
    return NULL;
}

static inline void check_place(const struct service_survey *survey,
                               const char *address, const char *verdict,
                               const char *reason)
{
    const struct place_survey *place = place_at(survey, address);

    assert_string_equal(place->verdict, verdict);
    assert_string_equal(place->reason, reason);
}

static inline void check_outcome(const struct service_survey *survey,
                                 const char *outcome, const char *reason)
{
    assert_string_equal(survey->outcome, outcome);
    assert_string_equal(survey->reason, reason);
}

#define WITH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#endif
