/* SPDX-License-Identifier: MIT */
#include "discovery/zookeeper_place.h"
#include "support/check_test.h"

static struct zookeeper_place place;

static bool parse(const char *text)
{
    char error[256] = "";
    bool parsed = zookeeper_place_parse(&place, text, error, sizeof(error));

    assert_true(parsed == (error[0] == '\0'));
    return parsed;
}

static void servers_path_and_secret_are_told_apart(void **state)
{
    (void)state;
    assert_true(parse("zk-1.example.com:2281,10.0.0.2,[::1]:7,[2001:db8::1]"
                      "/services/redis?auth_file=/run/secrets/zk"));
    assert_int_equal(place.count, 4);
    assert_string_equal(place.servers[0].host, "zk-1.example.com");
    assert_int_equal(place.servers[0].port, 2281);
    assert_int_equal(place.servers[1].port, 2181);
    assert_string_equal(place.servers[2].host, "::1");
    assert_int_equal(place.servers[2].port, 7);
    assert_string_equal(place.servers[3].host, "2001:db8::1");
    assert_int_equal(place.servers[3].port, 2181);
    assert_string_equal(place.path, "/services/redis");
    assert_string_equal(place.auth_file, "/run/secrets/zk");
    assert_true(parse("zk/x"));
    assert_string_equal(place.auth_file, "");
}

static void servers_that_cannot_be_are_refused(void **state)
{
    (void)state;
    assert_false(parse("/x"));
    assert_false(parse(",zk/x"));
    assert_false(parse("zk,/x"));
    assert_false(parse("zk:0/x"));
    assert_false(parse("zk:65536/x"));
    assert_false(parse("z k/x"));
    assert_false(parse("[zk]/x"));
    assert_false(parse("[]/x"));
    assert_false(parse("unix:/x"));
    assert_true(parse("1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5,1.1.1.6,1.1.1.7,"
                      "1.1.1.8,1.1.1.9,1.1.2.1,1.1.2.2,1.1.2.3,1.1.2.4,1.1.2.5,"
                      "1.1.2.6,1.1.2.7/x"));
    assert_false(parse("1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5,1.1.1.6,"
                       "1.1.1.7,1.1.1.8,1.1.1.9,1.1.2.1,1.1.2.2,1.1.2.3,"
                       "1.1.2.4,1.1.2.5,1.1.2.6,1.1.2.7,1.1.2.8/x"));
}

static void a_path_is_as_zookeeper_wants_it(void **state)
{
    char longest[700] = "zk/";

    (void)state;
    assert_true(parse("zk/a.b/..c"));
    assert_false(parse("zk"));
    assert_false(parse("zk/"));
    assert_false(parse("zk/x/"));
    assert_false(parse("zk//x"));
    assert_false(parse("zk/x//y"));
    assert_false(parse("zk/./x"));
    assert_false(parse("zk/x/.."));
    assert_false(parse("zk/x y"));
    assert_false(parse("zk/x\ny"));
    memset(longest + 3, 'a', 510);
    assert_true(parse(longest));
    longest[513] = 'a';
    assert_false(parse(longest));
}

static void a_secret_is_never_in_the_text(void **state)
{
    (void)state;
    assert_false(parse("zk/x?auth=user:password"));
    assert_false(parse("zk/x?auth_file="));
    assert_false(parse("zk/x?"));
    assert_false(parse("user:password@zk/x"));
}

RUN_TESTS(TEST(servers_path_and_secret_are_told_apart),
          TEST(servers_that_cannot_be_are_refused),
          TEST(a_path_is_as_zookeeper_wants_it),
          TEST(a_secret_is_never_in_the_text))
