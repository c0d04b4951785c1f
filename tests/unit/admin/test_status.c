/* SPDX-License-Identifier: MIT */
#include "unit/admin/status_test.h"

/* ---- looking at it ---- */

static void write_down(struct fixture *fixture)
{
    char *text = status_to_json(&fixture->document);
    json_error_t error;

    assert_non_null(text);
    json_decref(fixture->json);
    fixture->json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!fixture->json)
        fail_msg("%s in %s", error.text, text);
    free(text);
}

static json_t *get(const struct fixture *fixture, const char *list,
                   size_t index)
{
    json_t *item = json_array_get(json_object_get(fixture->json, list), index);

    assert_non_null(item);
    return item;
}

static json_t *endpoint(const struct fixture *fixture, const char *address)
{
    json_t *list = json_object_get(get(fixture, "services", 0), "endpoints");
    size_t i;
    json_t *item;

    json_array_foreach(
        list, i,
        item) if (strcmp(json_string_value(json_object_get(item, "address")),
                         address) == 0) return item;
    fail_msg("no endpoint %s", address);
    return NULL;
}

static void check_text(json_t *object, const char *name, const char *expected)
{
    const char *text = json_string_value(json_object_get(object, name));

    assert_non_null(text);
    assert_string_equal(text, expected);
}

static void check_number(json_t *object, const char *name, int64_t expected)
{
    json_t *number = json_object_get(object, name);

    assert_true(json_is_integer(number));
    assert_int_equal(json_integer_value(number), expected);
}

/* ---- the document ---- */

static void it_has_what_outside_checks_rely_on(void **state)
{
    struct fixture *fixture = *state;
    json_t *tunnel, *certificate;

    write_down(fixture);
    check_text(fixture->json, "node", "web-1");
    check_text(fixture->json, "version", "0.1.0");
    check_number(fixture->json, "uptime_s", 90061);
    check_text(get(fixture, "services", 0), "name", "redis");
    check_text(get(fixture, "services", 0), "role", "consume");
    check_number(get(fixture, "services", 0), "streams", 6);
    check_text(endpoint(fixture, "10.0.0.1:1"), "state", "up");
    check_text(endpoint(fixture, "10.0.0.1:1"), "source", "static:10.0.0.1:1");
    check_number(endpoint(fixture, "10.0.0.1:1"), "streams", 4);

    tunnel = get(fixture, "tunnels", 0);
    check_text(tunnel, "peer", "spiffe://acme/db-1");
    check_text(tunnel, "address", "10.0.0.1:7411");
    check_text(tunnel, "direction", "dialled");
    check_text(get(fixture, "tunnels", 1), "direction", "accepted");
    check_text(tunnel, "state", "up");
    check_text(tunnel, "aead", "AES-256-GCM");
    check_number(tunnel, "rtt_us", 310);
    check_number(tunnel, "streams", 3);
    check_number(tunnel, "resumed", 0);

    certificate = get(fixture, "certificates", 0);
    check_text(certificate, "identity", "spiffe://acme/web-1");
    check_number(certificate, "days_left", 89);
}

static void what_a_peer_offers_is_listed(void **state)
{
    struct fixture *fixture = *state;
    uint8_t bytes[64];
    struct bytes_writer writer = bytes_writer(bytes, sizeof(bytes));
    struct offers offers = { .bytes = bytes, .is_partial = true };
    const struct offer up = { "redis", true, 7 }, down = { "web", false, 0 };
    json_t *tunnel, *list;

    assert_true(offers_put(&writer, &up) && offers_put(&writer, &down));
    offers.length = bytes_written(&writer);
    fixture->tunnels[1].offers = &offers;
    write_down(fixture);
    tunnel = get(fixture, "tunnels", 1);
    list = json_object_get(tunnel, "offers");
    assert_int_equal(json_array_size(list), 2);
    check_text(json_array_get(list, 0), "name", "redis");
    assert_true(
        json_is_true(json_object_get(json_array_get(list, 0), "usable")));
    check_number(json_array_get(list, 0), "load", 7);
    assert_true(
        json_is_false(json_object_get(json_array_get(list, 1), "usable")));
    assert_true(json_is_true(json_object_get(tunnel, "offers_partial")));
    assert_true(
        json_is_null(json_object_get(get(fixture, "tunnels", 0), "offers")));
}

static void it_has_what_else_an_operator_asks(void **state)
{
    static const struct {
        const char *name;
        int64_t sum;
    } sums[] = { { "waiting", 2 },         { "left_behind", 18 },
                 { "connections", 40 },    { "failed", 8 },
                 { "denied", 10 },         { "ended_in_order", 12 },
                 { "ended_by_reset", 14 }, { "lost", 16 },
                 { "up_bytes", 2000 },     { "down_bytes", 4000 } };
    struct fixture *fixture = *state;
    json_t *service, *tunnel, *worker, *list;

    write_down(fixture);
    service = get(fixture, "services", 0);
    for (size_t i = 0; i < ARRAY_LENGTH(sums); i++)
        check_number(service, sums[i].name, sums[i].sum);
    list = json_object_get(service, "listen");
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_string_value(json_array_get(list, 1)),
                        "unix:/run/r");
    check_number(endpoint(fixture, "10.0.0.1:1"), "connections", 20);
    check_number(endpoint(fixture, "10.0.0.1:1"), "failures", 2);
    check_number(endpoint(fixture, "10.0.0.1:1"), "latency_us", 300);
    check_text(endpoint(fixture, "10.0.0.1:1"), "name", "one");

    tunnel = get(fixture, "tunnels", 1);
    check_text(tunnel, "node", "db-1");
    check_number(tunnel, "worker", 1);
    check_number(tunnel, "age_s", 5);
    check_number(tunnel, "sent_bytes", 11);
    check_number(tunnel, "received_bytes", 12);
    check_number(tunnel, "days_left", 1);
    assert_true(json_is_null(json_object_get(tunnel, "offers")));

    worker = get(fixture, "workers", 1);
    check_number(worker, "worker", 1);
    check_number(worker, "memory_bytes", 10);
    check_number(worker, "max_memory_bytes", 1000);
    check_text(fixture->json, "state", "ready");
    assert_string_equal(
        json_string_value(
            json_array_get(json_object_get(fixture->json, "tunnel_listen"), 0)),
        "0.0.0.0:7411");
}

static void a_source_tells_how_old_its_answer_is(void **state)
{
    struct fixture *fixture = *state;
    json_t *sources, *source;

    fixture->sources[0].is_remembered = true;
    write_down(fixture);
    sources = json_object_get(get(fixture, "services", 0), "sources");
    assert_int_equal(json_array_size(sources), 2);
    source = json_array_get(sources, 0);
    check_text(source, "source", "static:10.0.0.1:1");
    check_number(source, "endpoints", 2);
    check_number(source, "age_s", 3);
    assert_true(json_is_false(json_object_get(source, "stale")));
    assert_true(json_is_true(json_object_get(source, "remembered")));
    source = json_array_get(sources, 1);
    check_number(source, "endpoints", 0);
    assert_true(json_is_null(json_object_get(source, "age_s")));
    assert_true(json_is_true(json_object_get(source, "stale")));
    check_text(source, "failure", "SERVFAIL");

    /* From before this process: only the time of day is known. */
    fixture->sources[1].answered_at = clock_wall_seconds() - 3600;
    write_down(fixture);
    sources = json_object_get(get(fixture, "services", 0), "sources");
    assert_in_range(json_integer_value(
                        json_object_get(json_array_get(sources, 1), "age_s")),
                    3600, 3610);
}

static void an_announcement_is_made_failed_or_pending(void **state)
{
    struct fixture *fixture = *state;
    json_t *list, *announcement;

    write_down(fixture);
    assert_int_equal(json_array_size(
                         json_object_get(get(fixture, "services", 0),
                                         "announcements")),
                     0);
    list = json_object_get(get(fixture, "services", 1), "announcements");
    assert_int_equal(json_array_size(list), 3);
    announcement = json_array_get(list, 0);
    check_text(announcement, "text", "zookeeper:zk/redis");
    check_text(announcement, "state", "announced");
    check_text(announcement, "as", "/redis/redis@db-1");
    check_text(announcement, "failure", "");
    announcement = json_array_get(list, 1);
    check_text(announcement, "state", "failed");
    check_text(announcement, "as", "");
    check_text(announcement, "failure", "no address");
    check_text(json_array_get(list, 2), "state", "pending");
}

static const struct set_status set = { .lines = "10.0.0.1:1\nb:2 weight=3",
                                       .at = 1700000000,
                                       .is_in_force = true };
static const bool are_idle[] = { false, true };

static void what_is_set_is_told_and_what_does_not_count(void **state)
{
    struct fixture *fixture = *state;
    struct set_status waiting = set;
    json_t *service, *told, *sources;

    write_down(fixture);
    service = get(fixture, "services", 0);
    assert_true(json_is_null(json_object_get(service, "set")));
    sources = json_object_get(service, "sources");
    assert_true(
        json_is_true(json_object_get(json_array_get(sources, 1), "counts")));
    /* The second says the same as the first, and one more. */
    fixture->sources[1].endpoints = fixture->endpoints;
    fixture->sources[0].endpoints = NULL;
    fixture->statuses[0].set = &set;
    fixture->statuses[0].are_idle = are_idle;
    write_down(fixture);
    service = get(fixture, "services", 0);
    told = json_object_get(service, "set");
    assert_int_equal(json_array_size(json_object_get(told, "endpoints")), 2);
    assert_string_equal(json_string_value(
                            json_array_get(json_object_get(told, "endpoints"),
                                           1)),
                        "b:2 weight=3");
    check_number(told, "since", 1700000000);
    assert_true(json_integer_value(json_object_get(told, "age_s")) > 0);
    assert_true(json_is_true(json_object_get(told, "in_force")));
    assert_true(json_is_false(json_object_get(told, "kept")));
    sources = json_object_get(service, "sources");
    assert_true(
        json_is_true(json_object_get(json_array_get(sources, 0), "counts")));
    assert_true(
        json_is_false(json_object_get(json_array_get(sources, 1), "counts")));
    check_text(endpoint(fixture, "10.0.0.1:1"), "source", "");
    waiting.is_in_force = false;
    waiting.is_kept = true;
    fixture->statuses[0].set = &waiting;
    write_down(fixture);
    told = json_object_get(get(fixture, "services", 0), "set");
    assert_true(json_is_false(json_object_get(told, "in_force")));
    assert_true(json_is_true(json_object_get(told, "kept")));
}

static void our_own_services_are_left_out(void **state)
{
    struct fixture *fixture = *state;

    write_down(fixture);
    assert_int_equal(json_array_size(
                         json_object_get(fixture->json, "services")),
                     2);
    check_text(get(fixture, "services", 1), "role", "offer");
}

static void a_service_of_another_role_is_another_one(void **state)
{
    struct fixture *fixture = *state;

    write_down(fixture);
    check_text(get(fixture, "services", 1), "name", "redis");
    check_number(get(fixture, "services", 1), "streams", 0);
    assert_int_equal(json_array_size(
                         json_object_get(get(fixture, "services", 1),
                                         "endpoints")),
                     0);
    fixture->services[0][0].role = SERVICE_DIRECT;
    fixture->statuses[0].role = SERVICE_DIRECT;
    write_down(fixture);
    check_text(get(fixture, "services", 0), "role", "direct");
    check_number(get(fixture, "services", 0), "streams", 3);
}

/* ---- endpoints of several workers ---- */

static void check_merged(struct fixture *fixture, const char *one,
                         const char *other, const char *expected)
{
    set_place(&fixture->places[0][0], "10.0.0.1:1", one, one);
    set_place(&fixture->places[1][0], "10.0.0.1:1", other, other);
    write_down(fixture);
    check_text(endpoint(fixture, "10.0.0.1:1"), "state", expected);
    check_text(endpoint(fixture, "10.0.0.1:1"), "failure",
               strcmp(expected, "up") == 0 ? "" : expected);
}

static void an_endpoint_is_up_if_any_worker_says_so(void **state)
{
    struct fixture *fixture = *state;

    check_merged(fixture, "up", "down", "up");
    check_merged(fixture, "down", "up", "up");
    check_merged(fixture, "up", "up", "up");
}

static void an_endpoint_that_is_not_up_is_as_bad_as_the_worst_says(void **state)
{
    struct fixture *fixture = *state;

    check_merged(fixture, "down", "resting", "down");
    check_merged(fixture, "resting", "down", "down");
    check_merged(fixture, "opening", "resting", "resting");
    check_merged(fixture, "dialling", "opening", "opening");
    check_merged(fixture, "unheard of", "down", "unheard of");
}

static void set_role(struct fixture *fixture, enum service_role role)
{
    fixture->statuses[0].role = role;
    fixture->services[0][0].role = role;
    fixture->services[1][0].role = role;
}

static void check_untried(struct fixture *fixture, size_t untried,
                          const char *expected)
{
    set_place(&fixture->places[untried][0], "10.0.0.1:1", "up", "");
    set_place(&fixture->places[1 - untried][0], "10.0.0.1:1", "resting", "x");
    fixture->places[untried][0].connections = 0;
    write_down(fixture);
    check_text(endpoint(fixture, "10.0.0.1:1"), "state", expected);
}

static void who_has_not_tried_does_not_outvote_who_has(void **state)
{
    struct fixture *fixture = *state;

    set_role(fixture, SERVICE_DIRECT);
    check_untried(fixture, 0, "resting");
    check_untried(fixture, 1, "resting");
    fixture->places[0][0].state = "up";
    fixture->places[0][0].connections = 0;
    write_down(fixture); /* nobody has tried: no reason to doubt it */
    check_text(endpoint(fixture, "10.0.0.1:1"), "state", "up");
    set_role(fixture, SERVICE_CONSUME);
    check_untried(fixture, 0, "up"); /* its tunnel is */
    check_untried(fixture, 1, "up");
}

static void an_endpoint_is_one_in_whatever_order_it_is_told(void **state)
{
    struct fixture *fixture = *state;
    json_t *list;

    set_place(&fixture->places[1][0], "10.0.0.9:1", "down", "x");
    set_place(&fixture->places[1][2], "10.0.0.1:1", "up", "");
    write_down(fixture);
    list = json_object_get(get(fixture, "services", 0), "endpoints");
    assert_int_equal(json_array_size(list), 3);
    check_number(endpoint(fixture, "10.0.0.9:1"), "streams", 4);
    check_text(endpoint(fixture, "10.0.0.9:1"), "source", "");
    check_text(endpoint(fixture, "10.0.0.9:1"), "name", "named");
}

static void a_peer_that_dialled_us_is_an_endpoint_of_its_own(void **state)
{
    struct fixture *fixture = *state;

    set_place(&fixture->places[0][2], "10.0.0.1:1", "up", "");
    set_place(&fixture->places[1][2], "10.0.0.1:1", "up", "");
    fixture->places[0][2].is_inbound = true;
    fixture->places[1][2].is_inbound = true;
    write_down(fixture);
    assert_int_equal(json_array_size(
                         json_object_get(get(fixture, "services", 0),
                                         "endpoints")),
                     3);
    assert_string_equal(
        json_string_value(json_object_get(
            json_array_get(
                json_object_get(get(fixture, "services", 0), "endpoints"), 2),
            "source")),
        "inbound:");
}

static void what_no_worker_has_told_of_is_unknown(void **state)
{
    struct fixture *fixture = *state;

    fixture->document.board_count = 0;
    write_down(fixture);
    check_text(endpoint(fixture, "10.0.0.2:1"), "state", "unknown");
    check_text(get(fixture, "services", 0), "state", "down");
}

static void a_service_is_up_if_usable_with_an_endpoint_that_is(void **state)
{
    struct fixture *fixture = *state;

    write_down(fixture);
    check_text(get(fixture, "services", 0), "state", "up");
    fixture->services[1][0].is_usable = false;
    write_down(fixture);
    check_text(get(fixture, "services", 0), "state", "down");
    fixture->services[1][0].is_usable = true;
    for (size_t i = 0; i < 6; i++)
        fixture->places[i / 3][i % 3].state = "resting";
    write_down(fixture);
    check_text(get(fixture, "services", 0), "state", "down");
}

/* ---- odd values ---- */

static void the_state_of_the_whole_is_one_word(void **state)
{
    struct fixture *fixture = *state;

    fixture->document.is_ready = false;
    write_down(fixture);
    check_text(fixture->json, "state", "starting");
    fixture->document.is_draining = true;
    write_down(fixture);
    check_text(fixture->json, "state", "draining");
    fixture->tunnels[0].is_ready = false;
    fixture->tunnels[1].is_draining = true;
    write_down(fixture);
    check_text(get(fixture, "tunnels", 0), "state", "opening");
    check_text(get(fixture, "tunnels", 1), "state", "draining");
}

static void days_are_whole_and_negative_when_over(void **state)
{
    static const struct {
        int64_t seconds;
        int64_t days;
    } cases[] = { { 86400 + 60, 1 }, { 86400 - 60, 0 },   { 60, 0 },
                  { -60, -1 },       { -86400 + 60, -1 }, { -86400 - 60, -2 } };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        fixture->certificates[1].expires =
            clock_wall_seconds() + cases[i].seconds;
        write_down(fixture);
        check_number(get(fixture, "certificates", 1), "days_left",
                     cases[i].days);
    }
    fixture->certificates[1].expires = 0;
    write_down(fixture);
    assert_true(json_is_null(
        json_object_get(get(fixture, "certificates", 1), "days_left")));
}

static void bytes_that_json_cannot_are_replaced(void **state)
{
    struct fixture *fixture = *state;

    strcpy(fixture->sources[1].failure, "a\xff\"\n\x80z");
    write_down(fixture);
    check_text(json_array_get(json_object_get(get(fixture, "services", 0),
                                              "sources"),
                              1),
               "failure", "a?\"\n?z");
}

/* ---- without memory ---- */

static char *write_document(void *context)
{
    struct fixture *fixture = context;

    return status_to_json(&fixture->document);
}

static void without_memory_there_is_no_document_and_no_leak(void **state)
{
    struct fixture *fixture = *state;

    fixture->statuses[0].set = &set;
    fail_each_allocation(write_document, fixture);
}

RUN_TESTS(WITH(it_has_what_outside_checks_rely_on),
          WITH(what_a_peer_offers_is_listed),
          WITH(it_has_what_else_an_operator_asks),
          WITH(a_source_tells_how_old_its_answer_is),
          WITH(an_announcement_is_made_failed_or_pending),
          WITH(what_is_set_is_told_and_what_does_not_count),
          WITH(our_own_services_are_left_out),
          WITH(a_service_of_another_role_is_another_one),
          WITH(an_endpoint_is_up_if_any_worker_says_so),
          WITH(an_endpoint_that_is_not_up_is_as_bad_as_the_worst_says),
          WITH(who_has_not_tried_does_not_outvote_who_has),
          WITH(an_endpoint_is_one_in_whatever_order_it_is_told),
          WITH(a_peer_that_dialled_us_is_an_endpoint_of_its_own),
          WITH(what_no_worker_has_told_of_is_unknown),
          WITH(a_service_is_up_if_usable_with_an_endpoint_that_is),
          WITH(the_state_of_the_whole_is_one_word),
          WITH(days_are_whole_and_negative_when_over),
          WITH(bytes_that_json_cannot_are_replaced),
          WITH(without_memory_there_is_no_document_and_no_leak))
