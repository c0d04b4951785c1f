/* SPDX-License-Identifier: MIT */
#include "discovery/announcement.h"
#include "discovery/mdns_server.h"
#include "support/check_test.h"

static bool is_valid(const char *text)
{
    char error[256] = "";
    bool valid = announcement_is_valid(text, error, sizeof(error));

    assert_true(valid == (error[0] == '\0'));
    return valid;
}

static void only_registries_that_take_them_are_valid(void **state)
{
    (void)state;
    assert_true(is_valid("zookeeper:127.0.0.1:2181/services/redis"));
    assert_true(is_valid("mdns:_redis._tcp"));
    assert_false(is_valid("zookeeper:127.0.0.1:2181"));
    assert_false(is_valid("mdns:redis"));
    assert_false(is_valid("dns:redis:6379"));
    assert_false(is_valid("static:10.0.0.1:1"));
    assert_false(is_valid(""));
}

static void a_name_is_one_part_of_a_path(void **state)
{
    char longest[65];

    (void)state;
    memset(longest, 'a', sizeof(longest));
    longest[64] = '\0';
    assert_false(announcement_is_name(longest));
    longest[63] = '\0';
    assert_true(announcement_is_name(longest));
    assert_true(announcement_is_name("web-1 (spare)"));
    assert_false(announcement_is_name(""));
    assert_false(announcement_is_name("."));
    assert_false(announcement_is_name(".."));
    assert_false(announcement_is_name("a/b"));
    assert_false(announcement_is_name("a\nb"));
    assert_false(announcement_is_name("\xc3\xa9"));
}

static void a_service_type_is_as_its_registry_has_it(void **state)
{
    char error[256];

    (void)state;
    assert_true(mdns_is_service_type("_redis._tcp", error, sizeof(error)));
    assert_true(mdns_is_service_type("_x-1._udp", error, sizeof(error)));
    assert_true(
        mdns_is_service_type("_abcdefghijklmno._tcp", error, sizeof(error)));
    assert_false(
        mdns_is_service_type("_abcdefghijklmnop._tcp", error, sizeof(error)));
    assert_false(mdns_is_service_type("_-x._tcp", error, sizeof(error)));
    assert_false(mdns_is_service_type("_._tcp", error, sizeof(error)));
    assert_false(mdns_is_service_type("_x._sctp", error, sizeof(error)));
    assert_false(mdns_is_service_type("_x", error, sizeof(error)));
    assert_false(mdns_is_service_type("", error, sizeof(error)));
}

static void some_registries_take_no_names(void **state)
{
    (void)state;
    assert_true(announcement_needs_ip("mdns:_redis._tcp"));
    assert_false(announcement_needs_ip("zookeeper:zk:2181/redis"));
    assert_false(announcement_needs_ip("nothing"));
}

static void what_cannot_be_announced_is_not_opened(void **state)
{
    struct source_world world = { .loop = loop_new() };
    struct announcement_options good = { .text = "mdns:_redis._tcp",
                                         .world = &world,
                                         .name = "db-1",
                                         .port = 6379 };
    struct announcement_options bad;
    struct announcement *announcement;

    (void)state;
    bad = good;
    bad.text = "mdns:redis";
    assert_int_equal(announcement_open(&bad, &announcement), STATUS_CONFIG);
    bad = good;
    bad.name = "a/b";
    assert_int_equal(announcement_open(&bad, &announcement), STATUS_CONFIG);
    bad = good;
    bad.port = 0;
    assert_int_equal(announcement_open(&bad, &announcement), STATUS_CONFIG);
    bad = good;
    bad.host = "not a host";
    assert_int_equal(announcement_open(&bad, &announcement), STATUS_CONFIG);
    bad = good;
    bad.host = "db.example.com"; /* mdns: publishes addresses only */
    assert_int_equal(announcement_open(&bad, &announcement), STATUS_CONFIG);
    bad = good;
    bad.host = "fe80::1%lo"; /* an interface of ours, not of theirs */
    assert_int_equal(announcement_open(&bad, &announcement), STATUS_CONFIG);
    assert_int_equal(announcement_open(&good, &announcement), STATUS_OK);
    assert_string_equal(announcement_text(announcement), good.text);
    announcement_close(announcement);
    announcement_close(NULL);
    loop_free(world.loop);
}

RUN_TESTS(TEST(only_registries_that_take_them_are_valid),
          TEST(a_name_is_one_part_of_a_path),
          TEST(a_service_type_is_as_its_registry_has_it),
          TEST(some_registries_take_no_names),
          TEST(what_cannot_be_announced_is_not_opened))
