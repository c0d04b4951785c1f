/* SPDX-License-Identifier: MIT */
/* Every protocol of a health check, with its answers cut at every byte. */
#include "unit/health/exchange_test.h"

static void assert_verdict(const struct health_rules *rules, const char *bytes,
                           enum exchange_verdict verdict, const char *reason)
{
    assert_judged(rules, bytes, strlen(bytes), verdict, reason);
}

static void assert_said(const struct exchange *exchange, const char *expected)
{
    assert_int_equal(exchange->output_length, strlen(expected));
    assert_memory_equal(exchange->output, expected, strlen(expected));
}

/* ---- tcp ---- */

static void a_connection_is_all_of_tcp(void **state)
{
    struct health_rules health = { .protocol = HEALTH_TCP };
    struct exchange exchange;

    (void)state;
    exchange_begin(&exchange, &health, "");
    assert_int_equal(exchange.verdict, EXCHANGE_FIT);
    assert_int_equal(exchange.output_length, 0);
}

/* ---- http ---- */

static void http_is_asked_for_a_path_of_a_host(void **state)
{
    struct health_rules health = { .protocol = HEALTH_HTTP,
                                   .path = "/ready?x=1" };
    struct exchange exchange;

    (void)state;
    exchange_begin(&exchange, &health, "192.0.2.1:80");
    assert_said(&exchange, "GET /ready?x=1 HTTP/1.1\r\nHost: 192.0.2.1:80\r\n"
                           "User-Agent: entente\r\nAccept: */*\r\n"
                           "Connection: close\r\n\r\n");
    strcpy(health.host, "www.example.com");
    exchange_begin(&exchange, &health, "192.0.2.1:80");
    assert_said(&exchange,
                "GET /ready?x=1 HTTP/1.1\r\nHost: www.example.com\r\n"
                "User-Agent: entente\r\nAccept: */*\r\n"
                "Connection: close\r\n\r\n");
    /* As long as they may be. */
    memset(health.path, 'p', sizeof(health.path) - 1);
    memset(health.host, 'h', sizeof(health.host) - 1);
    exchange_begin(&exchange, &health, "");
    assert_true(exchange.output_length > 510);
}

static void http_is_fit_by_its_status(void **state)
{
    struct health_rules health = { .protocol = HEALTH_HTTP, .path = "/" };

    (void)state;
    assert_verdict(&health, "HTTP/1.1 200 OK\r\nA: b\r\n\r\nwhatever",
                   EXCHANGE_FIT, "");
    assert_verdict(&health, "HTTP/1.1 302 Found\r\n", EXCHANGE_FIT, "");
    assert_verdict(&health, "HTTP/1.1 404 Not Found\r\n", EXCHANGE_UNFIT,
                   "it answers 404");
    assert_verdict(&health, "HTTP/1.1 503 No\r\n", EXCHANGE_UNFIT,
                   "it answers 503");
    assert_verdict(&health, "+PONG\r\n", EXCHANGE_UNFIT,
                   "it does not speak HTTP");
    health.expect = 404;
    assert_verdict(&health, "HTTP/1.1 404 Not Found\r\n", EXCHANGE_FIT, "");
    assert_verdict(&health, "HTTP/1.1 200 OK\r\n", EXCHANGE_UNFIT,
                   "it answers 200, not 404 as expected");
}

/* ---- redis ---- */

static const struct health_rules redis = { .protocol = HEALTH_REDIS };
static const struct health_rules redis_master = { .protocol = HEALTH_REDIS,
                                                  .role = HEALTH_MASTER };

static void redis_is_asked_by_ping_and_for_its_role(void **state)
{
    struct exchange exchange;

    (void)state;
    exchange_begin(&exchange, &redis, "");
    assert_said(&exchange, "*1\r\n$4\r\nPING\r\n");
    exchange_begin(&exchange, &redis_master, "");
    assert_said(&exchange, "*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nROLE\r\n");
}

static void redis_is_fit_by_its_pong(void **state)
{
    (void)state;
    assert_verdict(&redis, "+PONG\r\n", EXCHANGE_FIT, "");
    assert_verdict(&redis, "-NOAUTH Authentication required.\r\n", EXCHANGE_FIT,
                   "");
    assert_verdict(&redis, "-LOADING Redis is loading\r\n", EXCHANGE_UNFIT,
                   "it says \"LOADING Redis is loading\"");
    assert_verdict(&redis, "-MASTERDOWN Link down\r\n", EXCHANGE_UNFIT,
                   "it says \"MASTERDOWN Link down\"");
    assert_verdict(&redis, "-NOAUTHOR x\r\n", EXCHANGE_UNFIT,
                   "it says \"NOAUTHOR x\"");
    assert_verdict(&redis, "-ERR \x01\xff\r\n", EXCHANGE_UNFIT,
                   "it says \"ERR ??\"");
    assert_verdict(&redis, "+PING\r\n", EXCHANGE_UNFIT,
                   "it does not speak Redis");
    assert_verdict(&redis, ":1\r\n", EXCHANGE_UNFIT, "it does not speak Redis");
    assert_verdict(&redis, "HTTP/1.1 400\r\n", EXCHANGE_UNFIT,
                   "it does not speak Redis");
}

static void a_master_is_one_that_says_so(void **state)
{
    (void)state;
    assert_verdict(&redis_master, "+PONG\r\n*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n",
                   EXCHANGE_FIT, "");
    assert_verdict(&redis_master,
                   "+PONG\r\n*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n",
                   EXCHANGE_WRONG_ROLE, "it is a replica");
    assert_verdict(&redis_master, "+PONG\r\n*2\r\n$8\r\nsentinel\r\n*0\r\n",
                   EXCHANGE_WRONG_ROLE, "it is no master but \"sentinel\"");
    assert_verdict(&redis_master, "-NOAUTH Authentication required.\r\n",
                   EXCHANGE_WRONG_ROLE, "it wants a password to tell its role");
    assert_verdict(&redis_master,
                   "+PONG\r\n-NOPERM this user has no permissions\r\n",
                   EXCHANGE_WRONG_ROLE,
                   "it does not tell its role: \"NOPERM this user has no "
                   "permissions\"");
    /* One that loads says "master" all the same. */
    assert_verdict(&redis_master,
                   "-LOADING wait\r\n*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n",
                   EXCHANGE_UNFIT, "it says \"LOADING wait\"");
    /* And that it is a replica counts more than its trouble. */
    assert_verdict(&redis_master,
                   "-MASTERDOWN wait\r\n*5\r\n$5\r\nslave\r\n$1\r\nh\r\n",
                   EXCHANGE_WRONG_ROLE, "it is a replica");
    assert_verdict(&redis_master, "+PONG\r\n*0\r\n", EXCHANGE_UNFIT,
                   "it does not speak Redis");
    assert_verdict(&redis_master, "+PONG\r\n*1\r\n:1\r\n", EXCHANGE_UNFIT,
                   "it does not speak Redis");
}

/* ---- whatever the protocol ---- */

static void an_end_without_an_answer_is_told(void **state)
{
    struct exchange exchange = play(&redis_master, "+PON", 4, 4);

    (void)state;
    assert_int_equal(exchange.verdict, EXCHANGE_GOES_ON);
    exchange_end(&exchange);
    assert_int_equal(exchange.verdict, EXCHANGE_UNFIT);
    assert_string_equal(exchange.reason,
                        "it closed the connection without an answer");
    /* What it had said before is more telling. */
    exchange = play(&redis_master, "-DENIED no\r\n", 12, 12);
    exchange_end(&exchange);
    assert_int_equal(exchange.verdict, EXCHANGE_UNFIT);
    assert_string_equal(exchange.reason, "it says \"DENIED no\"");
    /* After a verdict it is no news. */
    exchange = play(&redis, "+PONG\r\n", 7, 7);
    exchange_end(&exchange);
    assert_int_equal(exchange.verdict, EXCHANGE_FIT);
}

static void an_answer_without_an_end_is_none(void **state)
{
    static const char fields[] = "A: b\r\n";
    struct health_rules health = { .protocol = HEALTH_HTTP, .path = "/" };
    struct exchange exchange =
        play(&health, "HTTP/1.1 103 Early Hints\r\n", 26, 26);

    (void)state;
    for (size_t i = 0; i <= EXCHANGE_MAX_BYTES / (sizeof(fields) - 1); i++)
        exchange_receive(&exchange, (const uint8_t *)fields,
                         sizeof(fields) - 1);
    assert_int_equal(exchange.verdict, EXCHANGE_UNFIT);
    assert_string_equal(exchange.reason, "its answer does not end");
}

RUN_TESTS(TEST(a_connection_is_all_of_tcp),
          TEST(http_is_asked_for_a_path_of_a_host),
          TEST(http_is_fit_by_its_status),
          TEST(redis_is_asked_by_ping_and_for_its_role),
          TEST(redis_is_fit_by_its_pong), TEST(a_master_is_one_that_says_so),
          TEST(an_end_without_an_answer_is_told),
          TEST(an_answer_without_an_end_is_none))
