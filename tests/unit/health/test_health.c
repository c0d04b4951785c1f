/* SPDX-License-Identifier: MIT */
/* Checks of endpoints that are played here, in the loop of the test. */
#include "health/health.h"
#include "support/await.h"
#include "support/sockets.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_SERVED = 128 };

struct ward {
    struct loop *loop;
    struct health *health;
    struct health_rules rules;
    bool proxy_protocol;
    int listener;
    uint16_t port;
    const char *answer;     /* of the endpoints; NULL: none */
    int served[MAX_SERVED]; /* their connections, -1 where there is none */
    unsigned now;
    unsigned most; /* at a time */
    unsigned ever;
    unsigned told;   /* verdicts */
    char heard[100]; /* the last question */
    size_t heard_length;
    struct verdict last;
};

static void judged(void *context, const struct verdict *verdict)
{
    struct ward *ward = context;

    ward->told++;
    ward->last = *verdict;
}

static struct ward *new_ward(void)
{
    struct ward *ward = calloc(1, sizeof(*ward));
    struct sockaddr_in any = { .sin_family = AF_INET };
    socklen_t length = sizeof(any);

    assert_non_null(ward);
    ward->loop = loop_new();
    ward->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(ward->listener, (struct sockaddr *)&any, length), 0);
    assert_int_equal(listen(ward->listener, 512), 0);
    fcntl(ward->listener, F_SETFL, O_NONBLOCK);
    assert_int_equal(getsockname(ward->listener, (struct sockaddr *)&any,
                                 &length),
                     0);
    ward->port = ntohs(any.sin_port);
    for (size_t i = 0; i < MAX_SERVED; i++)
        ward->served[i] = -1;
    ward->rules = (struct health_rules){ .protocol = HEALTH_REDIS,
                                         .every_us = 20000,
                                         .timeout_us = 5000000,
                                         .rise = 2,
                                         .fall = 2 };
    return ward;
}

static void open_health(struct ward *ward)
{
    struct health_options options = { .loop = ward->loop,
                                      .service = "echo",
                                      .rules = &ward->rules,
                                      .proxy_protocol = ward->proxy_protocol,
                                      .judged = judged,
                                      .context = ward };

    assert_int_equal(health_open(&options, &ward->health), STATUS_OK);
}

/* Endpoints 127.0.0.1 and so on, all of them here. */
static void place(struct ward *ward, size_t count)
{
    struct endpoint items[MAX_SERVED] = { 0 };
    struct endpoints *endpoints;
    char ip[32];

    for (size_t i = 0; i < count; i++) {
        snprintf(ip, sizeof(ip), "127.0.0.%zu", i + 1);
        assert_true(address_from_ip(&items[i].address, ip, ward->port));
        items[i].weight = 1;
    }
    endpoints = endpoints_new(items, count);
    assert_int_equal(health_place(ward->health, endpoints), STATUS_OK);
    free(endpoints);
}

static void serve(struct ward *ward, size_t i)
{
    char bytes[256];
    ssize_t got = recv(ward->served[i], bytes, sizeof(bytes), 0);

    if (got > 0 && (size_t)got < sizeof(ward->heard)) {
        memcpy(ward->heard, bytes, (size_t)got);
        ward->heard_length = (size_t)got;
    }
    if (got > 0 && ward->answer)
        sockets_send(ward->served[i], ward->answer, strlen(ward->answer));
    if (got >= 0 && (got == 0 || ward->answer)) {
        close(ward->served[i]);
        ward->served[i] = -1;
        ward->now--;
    }
}

static void take_new(struct ward *ward)
{
    for (size_t i = 0; i < MAX_SERVED; i++) {
        if (ward->served[i] >= 0)
            continue;
        ward->served[i] = accept(ward->listener, NULL, NULL);
        if (ward->served[i] < 0)
            return;
        fcntl(ward->served[i], F_SETFL, O_NONBLOCK);
        ward->ever++;
        if (++ward->now > ward->most)
            ward->most = ward->now;
    }
}

static void turn(struct ward *ward)
{
    loop_turn(ward->loop, CLOCK_MS);
    for (size_t i = 0; i < MAX_SERVED; i++)
        if (ward->served[i] >= 0)
            serve(ward, i);
    take_new(ward);
}

static void pass(struct ward *ward, uint64_t us)
{
    uint64_t until_us = clock_now_us() + us;

    while (clock_now_us() < until_us)
        turn(ward);
}

/* Until so many verdicts were told in all. */
static void await(struct ward *ward, unsigned told)
{
    AWAIT_BY(turn(ward), ward->told >= told);
    assert_int_equal(ward->told, told);
}

static void free_ward(struct ward *ward)
{
    health_close(ward->health);
    loop_turn(ward->loop, 0);
    loop_free(ward->loop);
    for (size_t i = 0; i < MAX_SERVED; i++)
        if (ward->served[i] >= 0)
            close(ward->served[i]);
    close(ward->listener);
    free(ward);
}

static void verdicts_follow_the_answers(void **state)
{
    struct ward *ward = new_ward();
    struct verdict verdict;

    (void)state;
    ward->answer = "+PONG\r\n";
    open_health(ward);
    place(ward, 1);
    assert_int_equal(health_verdicts(ward->health, &verdict, 1), 0);
    await(ward, 1);
    assert_string_equal(ward->last.unfit, "");
    assert_int_equal(address_port(&ward->last.address), ward->port);
    pass(ward, 100000); /* what does not change is not told */
    assert_int_equal(ward->told, 1);
    ward->answer = "-LOADING x\r\n";
    await(ward, 2);
    assert_string_equal(ward->last.unfit, "it says \"LOADING x\"");
    assert_int_equal(health_verdicts(ward->health, &verdict, 1), 1);
    assert_string_equal(verdict.unfit, ward->last.unfit);
    ward->answer = "+PONG\r\n";
    await(ward, 3);
    assert_string_equal(ward->last.unfit, "");
    free_ward(ward);
}

static void nobody_there_is_unfit(void **state)
{
    struct ward *ward = new_ward();

    (void)state;
    close(ward->listener);
    ward->listener = -1;
    open_health(ward);
    place(ward, 1);
    await(ward, 1);
    assert_string_equal(ward->last.unfit, "refused");
    free_ward(ward);
}

static void no_answer_in_time_is_one(void **state)
{
    struct ward *ward = new_ward();

    (void)state;
    ward->rules.timeout_us = 50000;
    open_health(ward);
    place(ward, 1);
    await(ward, 1);
    assert_string_equal(ward->last.unfit, "no answer in time");
    pass(ward, 50000);
    assert_true(ward->most == 1); /* however long one takes */
    free_ward(ward);
}

static void tcp_asks_nothing(void **state)
{
    struct ward *ward = new_ward();

    (void)state;
    ward->rules.protocol = HEALTH_TCP;
    open_health(ward);
    place(ward, 3);
    await(ward, 3);
    assert_string_equal(ward->last.unfit, "");
    free_ward(ward);
}

static void a_service_that_wants_to_hears_whose_connection_it_is(void **state)
{
    static const char header[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0";
    struct ward *ward = new_ward();

    (void)state;
    ward->proxy_protocol = true;
    ward->answer = "+PONG\r\n";
    open_health(ward);
    place(ward, 1);
    await(ward, 1);
    assert_true(ward->heard_length > sizeof(header));
    assert_memory_equal(ward->heard, header, sizeof(header));
    assert_memory_equal(ward->heard + sizeof(header), "*1\r\n$4\r\nPING", 12);
    ward->proxy_protocol = false;
    health_change(ward->health, &ward->rules, ward->proxy_protocol);
    pass(ward, 100000);
    assert_memory_equal(ward->heard, "*1\r\n$4\r\nPING", 12);
    free_ward(ward);
}

/* That we have no descriptors is not the endpoint's fault. */
static void what_could_not_be_asked_is_not_judged(void **state)
{
    struct ward *ward = new_ward();

    (void)state;
    ward->answer = "+PONG\r\n";
    open_health(ward);
    place(ward, 1);
    await(ward, 1);
    pass(ward, 50000);
    sockets_leave(0);
    pass(ward, 200000);
    assert_int_equal(ward->told, 1);
    sockets_leave(500);
    ward->answer = "-LOADING x\r\n";
    await(ward, 2); /* it is still asked */
    free_ward(ward);
}

/* A SIGSTOPped server with a thousand endpoints must not take a thousand. */
static void only_so_many_are_asked_at_a_time(void **state)
{
    struct ward *ward = new_ward();

    (void)state;
    open_health(ward);
    place(ward, 2 * HEALTH_MAX_CHECKS);
    pass(ward, 200000);
    assert_int_equal(ward->now, HEALTH_MAX_CHECKS);
    ward->answer = "+PONG\r\n";
    for (size_t i = 0; i < MAX_SERVED; i++)
        if (ward->served[i] >= 0) { /* those that had asked already */
            close(ward->served[i]);
            ward->served[i] = -1;
            ward->now--;
        }
    await(ward, 2 * HEALTH_MAX_CHECKS);
    assert_int_equal(ward->most, HEALTH_MAX_CHECKS);
    free_ward(ward);
}

/* Or those that hang until the timeout would make the others wait. */
static void of_many_half_are_asked_at_a_time(void **state)
{
    struct ward *ward = new_ward();

    (void)state;
    open_health(ward);
    place(ward, 120);
    pass(ward, 200000);
    assert_int_equal(ward->now, 60);
    free_ward(ward);
}

static void what_goes_is_asked_no_more(void **state)
{
    struct ward *ward = new_ward();

    (void)state;
    open_health(ward);
    place(ward, 50); /* some are asked, some wait for that */
    pass(ward, 50000);
    place(ward, 0);
    ward->answer = "+PONG\r\n";
    pass(ward, 100000);
    assert_int_equal(ward->told, 0);
    assert_int_equal(ward->now, 0);
    place(ward, 2);
    await(ward, 2);
    free_ward(ward);
}

static void another_question_forgets_the_answers(void **state)
{
    struct ward *ward = new_ward();
    struct verdict verdict;

    (void)state;
    ward->answer = "+PONG\r\n";
    open_health(ward);
    place(ward, 1);
    await(ward, 1);
    ward->rules.every_us = 10000;
    health_change(ward->health, &ward->rules, ward->proxy_protocol);
    assert_int_equal(health_verdicts(ward->health, &verdict, 1), 1);
    ward->rules.role = HEALTH_MASTER;
    health_change(ward->health, &ward->rules, ward->proxy_protocol);
    assert_int_equal(health_verdicts(ward->health, &verdict, 1), 0);
    ward->answer = "+PONG\r\n*5\r\n$5\r\nslave\r\n";
    await(ward, 2);
    assert_string_equal(ward->last.unfit, "it is a replica");
    free_ward(ward);
}

/* Questions come |every|, give or take a tenth. */
static void questions_are_spread_in_time(void **state)
{
    struct ward *ward = new_ward();

    (void)state;
    ward->answer = "+PONG\r\n";
    ward->rules.every_us = 50000;
    open_health(ward);
    place(ward, 1);
    pass(ward, 1000000);
    assert_true(ward->ever <= 1 + 1000 / 45);
    assert_true(ward->ever >= 5); /* on a machine however slow */
    free_ward(ward);
}

RUN_TESTS(TEST(verdicts_follow_the_answers), TEST(nobody_there_is_unfit),
          TEST(no_answer_in_time_is_one), TEST(tcp_asks_nothing),
          TEST(a_service_that_wants_to_hears_whose_connection_it_is),
          TEST(what_could_not_be_asked_is_not_judged),
          TEST(only_so_many_are_asked_at_a_time),
          TEST(of_many_half_are_asked_at_a_time),
          TEST(what_goes_is_asked_no_more),
          TEST(another_question_forgets_the_answers),
          TEST(questions_are_spread_in_time))
