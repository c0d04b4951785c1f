/* SPDX-License-Identifier: MIT */
/* How much, how long and how many. */
#include "admin/server.h"

#include "unit/admin/server_test.h"

/* ---- sizes ---- */

static int ask_with_header(struct fixture *fixture, size_t length)
{
    static const char head[] = "GET /now HTTP/1.1\r\nX: ";
    char *request = malloc(sizeof(head) + length + 4);
    int code;

    assert_non_null(request);
    strcpy(request, head);
    memset(request + strlen(head), 'x', length);
    strcpy(request + strlen(head) + length, "\r\n\r\n");
    code = ask(fixture, request);
    free(request);
    return code;
}

static void the_size_of_a_header_is_bounded(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(ask_with_header(fixture, ADMIN_MAX_HEADER_BYTES - 100),
                     200);
    assert_int_equal(ask_with_header(fixture, ADMIN_MAX_HEADER_BYTES), 400);
    assert_int_equal(ask_with_header(fixture, 1024 * 1024), 400);
}

static int ask_with_target(struct fixture *fixture, size_t length)
{
    char *request = malloc(length + 128);
    int code;

    assert_non_null(request);
    strcpy(request, "GET /echo?say=");
    memset(request + strlen(request), 'x', length);
    strcpy(request + 14 + length, " HTTP/1.1\r\n\r\n");
    code = ask(fixture, request);
    free(request);
    return code;
}

static void the_size_of_a_target_is_bounded(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(ask_with_target(fixture, 4000), 200);
    assert_int_equal(ask_with_target(fixture, ADMIN_MAX_HEADER_BYTES), 400);
    assert_int_equal(ask_with_target(fixture, 1024 * 1024), 400);
}

static int ask_with_body(struct fixture *fixture, size_t length)
{
    char *request = malloc(length + 128);
    int head, code;

    assert_non_null(request);
    head = sprintf(request,
                   "POST /change HTTP/1.1\r\nContent-Length: %zu\r\n"
                   "\r\n",
                   length);
    memset(request + head, 'x', length);
    request[(size_t)head + length] = '\0';
    code = ask(fixture, request);
    free(request);
    return code;
}

static void the_size_of_a_body_is_bounded(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(ask_with_body(fixture, ADMIN_MAX_BODY_BYTES), 202);
    assert_int_equal(fixture->window->changes, 1);
    assert_int_equal(ask_with_body(fixture, ADMIN_MAX_BODY_BYTES + 1), 413);
    assert_int_equal(ask_with_body(fixture, 1024 * 1024), 413);
    assert_int_equal(fixture->window->changes, 1);
}

static void a_body_in_chunks_is_bounded_too(void **state)
{
    static const char head[] = "POST /change HTTP/1.1\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    struct fixture *fixture = *state;
    char request[256];

    snprintf(request, sizeof(request), "%s5\r\nhello\r\n0\r\n\r\n", head);
    assert_int_equal(ask(fixture, request), 202);
    snprintf(request, sizeof(request), "%s%x\r\n", head,
             ADMIN_MAX_BODY_BYTES + 1);
    assert_int_equal(ask(fixture, request), 413);
    snprintf(request, sizeof(request), "%s-5\r\nhello\r\n0\r\n\r\n", head);
    assert_int_equal(ask(fixture, request), 413);
    assert_int_equal(fixture->window->changes, 1);
}

/* ---- time and number ---- */

struct slow {
    const struct window *window;
    const char *head;
    const char *drip; /* sent over and over; "": nothing */
    useconds_t pause_us;
    uint64_t taken_us;
    pthread_t thread;
};

/* Goes on until the server has had enough. */
static void *be_slow(void *context)
{
    struct slow *slow = context;
    uint64_t begun_us = clock_now_us();
    int fd = window_connect(slow->window);
    bool open = window_send(fd, slow->head, strlen(slow->head));
    char byte;

    while (open && clock_now_us() - begun_us < 15 * CLOCK_SECOND) {
        struct timeval wait = { .tv_usec = (suseconds_t)slow->pause_us };

        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
        if (recv(fd, &byte, 1, 0) >= 0 || errno != EAGAIN)
            break;
        open = window_send(fd, slow->drip, strlen(slow->drip));
    }
    slow->taken_us = clock_now_us() - begun_us;
    close(fd);
    return NULL;
}

static void nobody_may_dawdle_beyond_five_seconds(void **state)
{
    static char flood[64 * 1024];
    struct fixture *fixture = *state;
    struct slow slow[] = {
        { .head = "", .drip = "", .pause_us = 100000 },
        { .head = "GET ", .drip = "/", .pause_us = 100000 },
        { .head = "GET /now HTTP/1.1\r\n",
          .drip = "X: y\r\n",
          .pause_us = 100000 },
        { .head = "POST /change HTTP/1.1\r\nContent-Length: 16000\r\n\r\n",
          .drip = "x",
          .pause_us = 100000 },
        { .head = "POST /change HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
                  "\r\n",
          .drip = "1\r\n",
          .pause_us = 100000 },
        /* Lines between chunks are not among what libevent bounds. */
        { .head = "POST /change HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
                  "\r\n",
          .drip = flood,
          .pause_us = 1000 },
    };

    memset(flood, '0', sizeof(flood) - 1);
    for (size_t i = 0; i < ARRAY_LENGTH(slow); i++) {
        slow[i].window = fixture->window;
        assert_int_equal(pthread_create(&slow[i].thread, NULL, be_slow,
                                        &slow[i]),
                         0);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(slow); i++) {
        assert_int_equal(pthread_join(slow[i].thread, NULL), 0);
        assert_in_range(slow[i].taken_us, i < 5 ? 4 * CLOCK_SECOND : 0,
                        8 * CLOCK_SECOND);
    }
    assert_int_equal(fixture->window->changes, 0);
    assert_int_equal(ask(fixture, GET("/now")), 200);
}

static void a_client_that_does_not_read_is_given_up(void **state)
{
    struct fixture *fixture = *state;
    size_t length;
    char *answer = malloc(2 * WINDOW_BIG_BYTES);
    int fd = window_connect(fixture->window);

    assert_non_null(answer);
    assert_true(window_send(fd, GET("/big"), strlen(GET("/big"))));
    usleep(7000000);
    length = window_receive(fd, answer, 2 * WINDOW_BIG_BYTES);
    assert_true(length > 0 && length < WINDOW_BIG_BYTES);
    free(answer);
}

static void a_crowd_is_bounded_and_does_not_lock_the_operator_out(void **state)
{
    enum { CROWD = 200 };
    struct fixture *fixture = *state;
    size_t before = sockets_count(), with_crowd;
    uint64_t begun_us;
    int crowd[CROWD];

    for (size_t i = 0; i < CROWD; i++)
        crowd[i] = window_connect(fixture->window);
    usleep(100000);
    with_crowd = sockets_count() - before - CROWD;
    assert_int_equal(with_crowd, ADMIN_MAX_CONNECTIONS);
    begun_us = clock_now_us();
    assert_int_equal(ask(fixture, GET("/now")), 200);
    assert_in_range(clock_now_us() - begun_us, 0, 4 * CLOCK_SECOND);
    for (size_t i = 0; i < CROWD; i++)
        close(crowd[i]);
}

static void requests_that_wait_are_bounded_too(void **state)
{
    enum { CROWD = ADMIN_MAX_CONNECTIONS + 20 };
    struct fixture *fixture = *state;
    int crowd[CROWD];
    unsigned answered = 0;

    for (size_t i = 0; i < CROWD; i++) {
        crowd[i] = window_connect(fixture->window);
        assert_true(
            window_send(crowd[i], POST("/never"), strlen(POST("/never"))));
    }
    window_wait_for(&fixture->window->changes, ADMIN_MAX_CONNECTIONS);
    usleep(1000000); /* nor are they given up */
    assert_int_equal(fixture->window->changes, ADMIN_MAX_CONNECTIONS);
    loop_stop(fixture->window->loop);
    for (size_t i = 0; i < CROWD; i++) {
        window_receive(crowd[i], fixture->answer, sizeof(fixture->answer));
        answered += window_code(fixture->answer) == 503;
    }
    assert_int_equal(answered, ADMIN_MAX_CONNECTIONS);
}

RUN_TESTS(ON_PATH(the_size_of_a_header_is_bounded),
          ON_PATH(the_size_of_a_target_is_bounded),
          ON_PATH(the_size_of_a_body_is_bounded),
          ON_PATH(a_body_in_chunks_is_bounded_too),
          ON_PATH(nobody_may_dawdle_beyond_five_seconds),
          ON_PATH(a_client_that_does_not_read_is_given_up),
          ON_PATH(a_crowd_is_bounded_and_does_not_lock_the_operator_out),
          ON_PATH(requests_that_wait_are_bounded_too))
