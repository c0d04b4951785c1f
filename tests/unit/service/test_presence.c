/* SPDX-License-Identifier: MIT */
#include "base/text.h"
#include "discovery/announcer.h"
#include "service/presence.h"
#include "support/check_test.h"
#include <stdlib.h>

/* Nothing of this loop ever runs: what is open is all that counts here. */
struct fixture {
    struct source_world world;
    struct presence *presence;
    struct presence_place place;
    struct service_options services[2];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    if (!fixture)
        return -1;
    fixture->world.loop = loop_new();
    fixture->presence = presence_new(&fixture->world, "db-1");
    if (!fixture->world.loop || !fixture->presence ||
        !presence_place_parse(&fixture->place, "10.0.0.7:7411"))
        return -1;
    for (size_t i = 0; i < 2; i++) {
        service_options_init(&fixture->services[i], SERVICE_OFFER);
        if (!text_copy(fixture->services[i].name,
                       sizeof(fixture->services[i].name),
                       i == 0 ? "redis" : "search") ||
            !text_list_add(&fixture->services[i].announce, "mdns:_x._tcp"))
            return -1;
    }
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    presence_free(fixture->presence);
    loop_free(fixture->world.loop);
    for (size_t i = 0; i < 2; i++)
        service_options_clear(&fixture->services[i]);
    free(fixture);
    return 0;
}

static void set(struct fixture *fixture, size_t count)
{
    presence_set(fixture->presence, fixture->services, count, &fixture->place);
}

static const struct announcement *of(const struct fixture *fixture,
                                     const char *service, size_t index)
{
    return presence_of(fixture->presence, service, index);
}

static void all_that_is_offered_is_announced_until_it_is_not(void **state)
{
    struct fixture *fixture = *state;

    assert_null(of(fixture, "redis", 0));
    set(fixture, 2);
    assert_string_equal(announcement_text(of(fixture, "redis", 0)),
                        "mdns:_x._tcp");
    assert_null(of(fixture, "redis", 1));
    assert_non_null(of(fixture, "search", 0));
    assert_null(of(fixture, "other", 0));
    set(fixture, 1);
    assert_non_null(of(fixture, "redis", 0));
    assert_null(of(fixture, "search", 0));
    presence_withdraw(fixture->presence);
    assert_null(of(fixture, "redis", 0));
    set(fixture, 2);
    assert_non_null(of(fixture, "search", 0));
}

static void what_stays_the_same_is_not_touched(void **state)
{
    struct fixture *fixture = *state;
    const struct announcement *before;

    set(fixture, 2);
    before = of(fixture, "search", 0);
    assert_true(text_list_add(&fixture->services[1].announce, "mdns:_y._tcp"));
    text_list_clear(&fixture->services[0].announce);
    set(fixture, 2);
    assert_null(of(fixture, "redis", 0));
    assert_ptr_equal(of(fixture, "search", 0), before);
    assert_string_equal(announcement_text(of(fixture, "search", 1)),
                        "mdns:_y._tcp");
    assert_null(of(fixture, "search", 2));
}

static void change_weight(struct fixture *fixture)
{
    fixture->services[0].announce_weight++;
}
static void change_priority(struct fixture *fixture)
{
    fixture->services[0].announce_priority++;
}
static void change_port(struct fixture *fixture)
{
    fixture->place.port++;
}
static void change_host(struct fixture *fixture)
{
    fixture->place.host[0] = '\0';
}
static void change_family(struct fixture *fixture)
{
    fixture->place.family = AF_INET;
}
static void change_text(struct fixture *fixture)
{
    fixture->services[0].announce.items[0][6] = 'z';
}

static void what_says_something_else_goes_on_under_its_text(void **state)
{
    static void (*const changes[])(struct fixture *) = {
        change_weight, change_priority, change_port,
        change_host,   change_family,   change_text,
    };
    struct fixture *fixture = *state;

    set(fixture, 2);
    for (size_t i = 0; i < ARRAY_LENGTH(changes); i++) {
        const struct announcement *before = of(fixture, "redis", 0);
        const struct announcement_options *told;

        changes[i](fixture);
        set(fixture, 2);
        if (changes[i] != change_text)
            assert_ptr_equal(of(fixture, "redis", 0), before);
        told = announcement_options(of(fixture, "redis", 0));
        assert_null(of(fixture, "redis", 1));
        assert_string_equal(told->text, fixture->services[0].announce.items[0]);
        assert_string_equal(told->name, "redis@db-1");
        assert_string_equal(told->host ? told->host : "", fixture->place.host);
        assert_int_equal(told->port, fixture->place.port);
        assert_int_equal(told->family, fixture->place.family);
        assert_int_equal(told->weight, fixture->services[0].announce_weight);
        assert_int_equal(told->priority,
                         fixture->services[0].announce_priority);
    }
}

static void a_place_is_a_host_perhaps_with_its_port(void **state)
{
    static const struct {
        const char *text;
        const char *host;
        uint16_t port;
    } places[] = {
        { "10.0.0.7", "10.0.0.7", 0 },
        { "10.0.0.7:7411", "10.0.0.7", 7411 },
        { "db-1.example.com", "db-1.example.com", 0 },
        { "db-1:1", "db-1", 1 },
        { "[fd00::7]", "fd00::7", 0 },
        { "[fd00::7]:65535", "fd00::7", 65535 },
    };
    static const char *const refused[] = {
        "",
        ":7411",
        "10.0.0.7:0",
        "10.0.0.7:65536",
        "10.0.0",
        "fd00::7",
        "[10.0.0.7]",
        "[db-1]",
        "[]",
        "[fd00::7",
        "fd00::7]",
        "[fd00::7]:",
        "0.0.0.0",
        "0.0.0.0:1",
        "[::]",
        "[::]:1",
        "[fe80::1%lo]",
        "[fe80::1%lo]:1",
        "unix:/x",
        "a b",
        "db-1:",
        "db-1:http",
        "db-1:1:2",
    };
    struct presence_place place;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
        assert_true(presence_place_parse(&place, places[i].text));
        assert_string_equal(place.host, places[i].host);
        assert_int_equal(place.port, places[i].port);
        assert_int_equal(place.family, AF_UNSPEC);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++)
        if (presence_place_parse(&place, refused[i]))
            fail_msg("%s is a place", refused[i]);
}

#define TEN "123456789-"
#define SIXTY TEN TEN TEN TEN TEN TEN

static void names_are_never_too_long_and_never_the_same(void **state)
{
    static const struct {
        const char *service;
        const char *node;
        const char *name;
    } names[] = {
        { "redis", "db-1", "redis@db-1" },  { "redis", SIXTY, NULL },
        { "redis", SIXTY "1", NULL },       { SIXTY "abc", SIXTY "abc", NULL },
        { SIXTY "abc", SIXTY "abd", NULL }, { SIXTY "abd", SIXTY "abc", NULL },
        { SIXTY, "1", SIXTY "@1" },         { SIXTY "1", "2", SIXTY "1@2" },
        { SIXTY "12", "3", NULL },
    };
    char made[ARRAY_LENGTH(names)][PRESENCE_NAME];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        presence_name(names[i].service, names[i].node, made[i]);
        assert_true(announcement_is_name(made[i]));
        if (names[i].name)
            assert_string_equal(made[i], names[i].name);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(made[i], made[j]);
    }
}

#define WITH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

RUN_TESTS(WITH(all_that_is_offered_is_announced_until_it_is_not),
          WITH(what_stays_the_same_is_not_touched),
          WITH(what_says_something_else_goes_on_under_its_text),
          TEST(a_place_is_a_host_perhaps_with_its_port),
          TEST(names_are_never_too_long_and_never_the_same))
