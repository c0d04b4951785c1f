/* SPDX-License-Identifier: MIT */
#include "unit/admin/status_test.h"

static char *print(struct fixture *fixture)
{
    return words_of(status_to_json(&fixture->document), status_print);
}

static void print_expects(struct fixture *fixture, const char *expected)
{
    expect_words(print(fixture), expected);
}

static void heal(struct fixture *fixture)
{
    fixture->sources[1] = fixture->sources[0];
    fixture->certificates[1].expires = clock_wall_seconds() + 14 * 86400 + 60;
    for (size_t i = 0; i < 2; i++)
        fixture->services[i][0].waiting = 0;
    fixture->document.service_count = 1;
}

static void people_see_all_of_it_in_tables(void **state)
{
    struct fixture *fixture = *state;
    char *text;

    heal(fixture);
    text = print(fixture);
    assert_string_equal(
        text,
        "web-1: ready, entente 0.1.0, up 1d 1h\n"
        "accepts tunnels at 0.0.0.0:7411\n"
        "\n"
        "SERVICE  ROLE     STATE  STREAMS  CONNECTIONS  FAILED  LISTEN\n"
        "redis    consume  up     6        40           8       "
        "127.0.0.1:6379 unix:/run/r\n"
        "\n"
        "SERVICE  ENDPOINT    STATE  STREAMS  FAILURES  LATENCY  SOURCE\n"
        "redis    10.0.0.1:1  up     4        2         300us    "
        "static:10.0.0.1:1\n"
        "redis    10.0.0.2:1  up     4        2         300us    "
        "static:10.0.0.1:1\n"
        "redis    10.0.0.9:1  up     4        2         300us\n"
        "\n"
        "PEER                ADDRESS        DIRECTION  STATE  RTT    STREAMS  "
        "AEAD\n"
        "spiffe://acme/db-1  10.0.0.1:7411  dialled    up     310us  3        "
        "AES-256-GCM\n"
        "spiffe://acme/db-1  10.0.0.1:7411  accepted   up     310us  3        "
        "AES-256-GCM\n"
        "\n"
        "CERTIFICATE  DAYS LEFT  IDENTITY\n"
        "identity     89         spiffe://acme/web-1\n"
        "trust        14\n");
    free(text);
}

static void
announcements_have_a_table_and_those_that_fail_are_wrong(void **state)
{
    struct fixture *fixture = *state;

    print_expects(fixture, "redis: not announced at mdns:_redis._tcp: no "
                           "address\n");
    print_expects(fixture, "\n\nSERVICE  ANNOUNCED           STATE      AS\n"
                           "redis    zookeeper:zk/redis  announced  "
                           "/redis/redis@db-1\n"
                           "redis    mdns:_redis._tcp    failed\n"
                           "redis    zookeeper:zk/new    pending\n\n");
}

static void what_was_set_is_not_forgotten(void **state)
{
    static const bool are_idle[] = { false, true };
    static const char *const texts[] = { "set", "dns:db.example.com:1" };
    struct fixture *fixture = *state;
    struct set_status set = { .lines = "10.0.0.1:1\n10.0.0.2:1",
                              .at = clock_wall_seconds() - 3 * 3600 - 65,
                              .is_in_force = true };

    heal(fixture);
    fixture->statuses[0].set = &set;
    fixture->statuses[0].are_idle = are_idle;
    fixture->statuses[0].source_texts = texts;
    print_expects(fixture,
                  "\n\n"
                  "SERVICE  ROLE     SET TO                 SINCE      IN "
                  "FORCE  KEPT  INSTEAD OF\n"
                  "redis    consume  10.0.0.1:1 10.0.0.2:1  3h 1m ago  yes   "
                  "    no    dns:db.example.com:1\n\n");
    print_expects(fixture, "300us    set\n");
    set.is_in_force = false;
    set.is_kept = true;
    print_expects(fixture,
                  "\nWRONG\nredis: what was set waits for its names\n");
    print_expects(fixture, "3h 1m ago  no        yes   dns:");
}

static void what_is_wrong_comes_first(void **state)
{
    struct fixture *fixture = *state;
    char *text;

    set_place(&fixture->places[0][1], "10.0.0.2:1", "down", "refused");
    set_place(&fixture->places[1][1], "10.0.0.2:1", "resting", "timeout");
    fixture->boards[1].memory_bytes = 950;
    text = print(fixture);
    assert_non_null(strstr(text, "\n\nWRONG\n"
                                 "redis: 2 connections wait\n"
                                 "redis: 10.0.0.2:1 is down: refused\n"
                                 "redis: dns:db.example.com:1 fails: "
                                 "SERVFAIL; it never answered\n"
                                 "redis: no endpoint is known\n"
                                 "redis: not announced at mdns:_redis._tcp: no "
                                 "address\n"
                                 "certificate trust has expired\n"
                                 "worker 1: 95% of the memory for streams is "
                                 "in use\n\nSERVICE"));
    free(text);
}

static void each_trouble_has_its_sentence(void **state)
{
    struct fixture *fixture = *state;
    char *text;

    fixture->document.is_draining = true;
    text = print(fixture);
    assert_non_null(strstr(text, "\ndraining: no new connection is taken\n"));
    assert_null(strstr(text, "accepts tunnels"));
    free(text);
    fixture->document.is_draining = false;
    fixture->document.is_ready = false;
    print_expects(fixture, "\nnot ready yet\n");
    fixture->sources[1].answered_us = NOW_US - 61 * CLOCK_SECOND;
    print_expects(fixture, "fails: SERVFAIL; it answered 1m 1s ago\n");
    fixture->services[1][0].is_usable = false;
    print_expects(fixture, "\nredis: no endpoint is up\n");
    fixture->certificates[0].expires = clock_wall_seconds() + 13 * 86400 + 60;
    print_expects(
        fixture,
        "\ncertificate identity spiffe://acme/web-1 expires in 13 days\n");
    fixture->certificates[0].expires = clock_wall_seconds() + 86400 + 60;
    print_expects(fixture, "spiffe://acme/web-1 expires in 1 day\n");
    set_place(&fixture->places[0][0], "10.0.0.1:1", "down", "refused");
    set_place(&fixture->places[1][0], "10.0.0.1:1", "down", "refused");
    print_expects(fixture, "\ntunnels.dial: 10.0.0.1:1 is down: refused\n");
    set_place(&fixture->places[0][0], "10.0.0.1:1", "up", "");
    set_place(&fixture->places[1][0], "10.0.0.1:1", "up", "");
    fixture->places[0][0].latency_us = 12345;
    print_expects(fixture, "  12.3ms  ");
}

static void only_some_of_many_bad_endpoints_are_named(void **state)
{
    enum { MANY = 9 };
    struct fixture *fixture = *state;
    struct place_report places[MANY];
    char text[32];

    for (size_t i = 0; i < MANY; i++) {
        snprintf(text, sizeof(text), "10.0.1.%zu:1", i);
        set_place(&places[i], text, "down", "");
    }
    fixture->services[0][0].places = places;
    fixture->services[0][0].place_count = MANY;
    print_expects(fixture, "redis: 10.0.1.4:1 is down\n"
                           "redis: and 4 more endpoints\n");
}

static void what_peers_say_cannot_steer_the_terminal(void **state)
{
    struct fixture *fixture = *state;
    char *text;

    strcpy(fixture->tunnels[0].peer, "spiffe://a/\x1b]0;owned\x07");
    strcpy(fixture->sources[1].failure, "a\nb\x1b[2J");
    fixture->document.node = "web\x1b[31m";
    text = print(fixture);
    assert_null(strchr(text, '\x1b'));
    assert_non_null(strstr(text, "spiffe://a/?]0;owned?"));
    assert_non_null(strstr(text, "a?b?[2J"));
    free(text);
}

static void another_document_is_refused_and_nothing_written(void **state)
{
    static const char *const refused[] = {
        "",
        "not JSON",
        "[]",
        "{}",
        "{\"node\": \"n\", \"version\": \"1\", \"uptime_s\": 1, "
        "\"services\": [], \"tunnels\": []}",
        "{\"node\": \"n\", \"version\": \"1\", \"uptime_s\": 1, "
        "\"services\": [], \"tunnels\": [], \"certificates\": {}}",
        "{\"node\": 1, \"version\": \"1\", \"uptime_s\": 1, "
        "\"services\": [], \"tunnels\": [], \"certificates\": []}",
        "{\"node\": \"n\", \"version\": \"1\", \"uptime_s\": \"1\", "
        "\"services\": [], \"tunnels\": [], \"certificates\": []}",
    };
    char *text = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);

    (void)state;
    assert_non_null(to);
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++)
        assert_int_equal(status_print(refused[i], to), STATUS_PROTOCOL);
    fflush(to);
    assert_int_equal(length, 0);
    /* The least there is, with strangers in it. */
    assert_int_equal(
        status_print("{\"node\": \"n\", \"version\": \"1\", \"uptime_s\": 61, "
                     "\"services\": [1, {\"name\": 7, \"endpoints\": 8, "
                     "\"listen\": [9]}], \"tunnels\": [[]], "
                     "\"certificates\": [{}], \"new\": {}}",
                     to),
        STATUS_OK);
    fclose(to);
    assert_non_null(strstr(text, "n: , entente 1, up 1m 1s\n"));
    free(text);
}

RUN_TESTS(WITH(people_see_all_of_it_in_tables),
          WITH(announcements_have_a_table_and_those_that_fail_are_wrong),
          WITH(what_is_wrong_comes_first), WITH(each_trouble_has_its_sentence),
          WITH(what_was_set_is_not_forgotten), WITH(what_is_wrong_comes_first),
          WITH(each_trouble_has_its_sentence),
          WITH(only_some_of_many_bad_endpoints_are_named),
          WITH(what_peers_say_cannot_steer_the_terminal),
          TEST(another_document_is_refused_and_nothing_written))
