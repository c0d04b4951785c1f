/* SPDX-License-Identifier: MIT */
#include "discovery/member.h"
#include "support/check_test.h"

static struct member member;
static char error[128];

static bool parse(const char *text)
{
    error[0] = '\0';
    return member_parse(&member, text, strlen(text), error, sizeof(error)) ==
           STATUS_OK;
}

static bool is_at(const char *host, uint16_t port)
{
    return strcmp(member.target.host, host) == 0 &&
           member.target.port == port && member.is_up;
}

static void nerve_writes_host_and_port(void **state)
{
    (void)state;
    assert_true(
        parse("{\"host\":\"10.0.0.1\",\"port\":6379,\"name\":\"i-1\"}"));
    assert_true(is_at("10.0.0.1", 6379));
    assert_int_equal(member.target.weight, TARGET_WEIGHT);
    assert_true(parse("{\"host\":\"db.example.com\",\"port\":\"6379\","
                      "\"weight\":0,\"priority\":7,\"labels\":{}}"));
    assert_true(is_at("db.example.com", 6379));
    assert_int_equal(member.target.weight, 0);
    assert_int_equal(member.target.priority, 7);
    assert_true(parse("{\"host\":\"::1\",\"port\":1,\"weight\":null}"));
    assert_true(is_at("::1", 1));
}

static void what_has_no_usable_place_is_refused(void **state)
{
    (void)state;
    assert_false(parse("{\"host\":\"10.0.0.1\"}"));
    assert_false(parse("{\"port\":1}"));
    assert_false(parse("{\"host\":\"10.0.0.1\",\"port\":0}"));
    assert_false(parse("{\"host\":\"10.0.0.1\",\"port\":65536}"));
    assert_false(parse("{\"host\":\"10.0.0.1\",\"port\":-1}"));
    assert_false(parse("{\"host\":\"10.0.0.1\",\"port\":1.5}"));
    assert_false(parse("{\"host\":\"a b\",\"port\":1}"));
    assert_false(parse("{\"host\":\"\",\"port\":1}"));
    assert_false(parse("{\"host\":7,\"port\":1}"));
    assert_false(parse("{\"host\":\"h\",\"port\":1,\"weight\":-1}"));
    assert_false(parse("{\"host\":\"h\",\"port\":1,\"weight\":65536}"));
    assert_false(parse("{\"host\":\"h\",\"port\":1,\"priority\":\"x\"}"));
    assert_string_not_equal(error, "");
}

static void a_serverset_member_counts_while_it_is_alive(void **state)
{
    (void)state;
    assert_true(parse("{\"serviceEndpoint\":{\"host\":\"h\",\"port\":5},"
                      "\"status\":\"ALIVE\"}"));
    assert_true(is_at("h", 5));
    assert_true(parse("{\"serviceEndpoint\":{\"host\":\"h\",\"port\":5}}"));
    assert_true(member.is_up);
    assert_true(parse("{\"serviceEndpoint\":{\"host\":\"h\",\"port\":5},"
                      "\"status\":\"DEAD\"}"));
    assert_false(member.is_up);
    assert_false(parse("{\"serviceEndpoint\":{\"host\":\"h\"},"
                       "\"host\":\"x\",\"port\":1}"));
    assert_false(parse("{\"serviceEndpoint\":\"h:5\"}"));
}

static void curator_calls_it_address(void **state)
{
    (void)state;
    assert_true(parse("{\"name\":\"redis\",\"id\":\"1\",\"address\":\"h\","
                      "\"port\":5}"));
    assert_true(is_at("h", 5));
}

static void plain_text_is_host_and_port(void **state)
{
    (void)state;
    assert_true(parse("10.0.0.1:6379"));
    assert_true(is_at("10.0.0.1", 6379));
    assert_true(parse("db.example.com:6379\r\n"));
    assert_true(is_at("db.example.com", 6379));
    assert_false(parse("10.0.0.1"));
    assert_false(parse("unix:/run/redis.sock"));
    assert_false(parse(""));
    assert_false(parse("[]"));
    assert_false(parse("{"));
    assert_false(parse("\xff\xfe"));
}

static void a_text_ends_where_it_says(void **state)
{
    (void)state;
    assert_int_equal(member_parse(&member, "10.0.0.1:63\0007", 12, error,
                                  sizeof(error)),
                     STATUS_PROTOCOL);
    assert_int_equal(member_parse(&member, NULL, 0, error, sizeof(error)),
                     STATUS_PROTOCOL);
}

static void too_much_is_refused_unread(void **state)
{
    static char text[MEMBER_MAX_BYTES + 2];

    (void)state;
    memset(text, ' ', MEMBER_MAX_BYTES);
    memcpy(text, "{\"host\":\"h\",\"port\":5", 20);
    text[MEMBER_MAX_BYTES - 1] = '}';
    assert_true(parse(text));
    text[MEMBER_MAX_BYTES] = ' ';
    assert_false(parse(text));
}

static void what_we_write_we_read(void **state)
{
    struct target target = { .weight = 0 };
    char text[512];

    (void)state;
    assert_true(target_make(&target, "10.0.0.1", 7411));
    target.weight = 9;
    target.priority = 3;
    assert_true(member_format(&target, "web-1", text, sizeof(text)));
    assert_true(parse(text));
    assert_memory_equal(&member.target, &target, sizeof(target));
    assert_false(member_format(&target, "web-1", text, 20));
    assert_false(member_format(&target, "\xff", text, sizeof(text)));
}

RUN_TESTS(TEST(nerve_writes_host_and_port),
          TEST(what_has_no_usable_place_is_refused),
          TEST(a_serverset_member_counts_while_it_is_alive),
          TEST(curator_calls_it_address), TEST(plain_text_is_host_and_port),
          TEST(a_text_ends_where_it_says), TEST(too_much_is_refused_unread),
          TEST(what_we_write_we_read))
