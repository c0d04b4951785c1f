/* SPDX-License-Identifier: MIT */
#include "admin/server.h"

#include "support/sockets.h"
#include "unit/admin/window.h"
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define POST(path) "POST " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"

struct fixture {
    struct window *window;
    size_t descriptors;
    char answer[64 * 1024];
};

static int open_at(void **state, const char *text)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    if (!fixture)
        return -1;
    fixture->descriptors = sockets_count();
    fixture->window = window_open(text, NULL, NULL);
    *state = fixture;
    return 0;
}

static int on_path(void **state)
{
    return open_at(state, NULL);
}

static int on_port(void **state)
{
    return open_at(state, "127.0.0.1:0");
}

/* Whatever happened, no descriptor is left, nor is the file. */
static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    window_close(fixture->window);
    assert_int_equal(sockets_count(), fixture->descriptors);
    free(fixture);
    return 0;
}

static int ask(struct fixture *fixture, const char *request)
{
    return window_ask(fixture->window, request, fixture->answer,
                      sizeof(fixture->answer));
}

static const char *body(const struct fixture *fixture)
{
    const char *end = strstr(fixture->answer, "\r\n\r\n");

    assert_non_null(end);
    return end + 4;
}

/* ---- answering ---- */

static void a_request_is_answered_whole_and_the_connection_ends(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(ask(fixture, GET("/now")), 200);
    assert_string_equal(body(fixture), "{\"now\": true}");
    assert_non_null(
        strstr(fixture->answer, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(fixture->answer, "Content-Length: 13\r\n"));
    assert_non_null(strstr(fixture->answer, "Connection: close\r\n"));
    assert_null(strstr(fixture->answer, "Access-Control"));
    assert_int_equal(ask(fixture, POST("/change")), 202);
    assert_int_equal(fixture->window->changes, 1);
}

static void a_port_of_ipv6_answers_too(void **state)
{
    struct window *window;
    char request[128], answer[1024];

    (void)state;
    if (!sockets_have(SOCKETS_V6))
        skip();
    window = window_open("[::1]:0", NULL, NULL);
    snprintf(request, sizeof(request),
             "GET /now HTTP/1.1\r\nHost: [::1]:%u\r\n\r\n",
             address_port(&window->address));
    assert_int_equal(window_ask(window, request, answer, sizeof(answer)), 200);
    window_close(window);
}

static void a_large_answer_arrives_whole(void **state)
{
    struct fixture *fixture = *state;
    size_t room = WINDOW_BIG_BYTES + 1024;
    char *answer = malloc(room);
    const char *end;

    assert_non_null(answer);
    assert_int_equal(window_ask(fixture->window, GET("/big"), answer, room),
                     200);
    end = strstr(answer, "\r\n\r\n");
    assert_non_null(end);
    assert_int_equal(strlen(end + 4), WINDOW_BIG_BYTES);
    free(answer);
}

static void an_answer_may_come_later(void **state)
{
    struct fixture *fixture = *state;
    uint64_t begun_us = clock_now_us();

    assert_int_equal(ask(fixture, POST("/later")), 200);
    assert_string_equal(body(fixture), "later\n");
    assert_true(clock_now_us() - begun_us >= WINDOW_LATER_US);
}

static void a_client_that_leaves_before_the_answer_does_no_harm(void **state)
{
    struct fixture *fixture = *state;

    for (unsigned i = 1; i <= 5; i++) {
        int fd = window_connect(fixture->window);

        assert_true(window_send(fd, POST("/later"), strlen(POST("/later"))));
        if (i % 2)
            close(fd);
        else
            sockets_reset(fd);
        window_wait_for(&fixture->window->changes, i);
    }
    assert_int_equal(ask(fixture, GET("/now")), 200);
}

static void a_client_that_leaves_within_an_answer_does_no_harm(void **state)
{
    struct fixture *fixture = *state;
    char some[100];
    int fd = window_connect(fixture->window);

    assert_true(window_send(fd, GET("/big"), strlen(GET("/big"))));
    sockets_receive(fd, some, sizeof(some));
    close(fd);
    assert_int_equal(ask(fixture, GET("/now")), 200);
}

static void
a_client_that_sends_its_end_behind_the_request_is_answered(void **state)
{
    struct fixture *fixture = *state;
    int fd = window_connect(fixture->window);

    assert_true(window_send(fd, POST("/later"), strlen(POST("/later"))));
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    window_receive(fd, fixture->answer, sizeof(fixture->answer));
    assert_string_equal(body(fixture), "later\n");
}

static void arguments_are_decoded(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(ask(fixture, GET("/echo?x=1&say=a%2db%20c")), 200);
    assert_string_equal(body(fixture), "a-b c");
    assert_int_equal(ask(fixture, GET("/echo?sa=1")), 400);
    assert_string_equal(body(fixture), "nothing said");
    assert_int_equal(ask(fixture, GET("/echo?say=redis%00x")), 400);
    assert_string_equal(body(fixture), "the query is malformed\n");
    assert_int_equal(ask(fixture, GET("/echo?say")), 400);
    assert_string_equal(body(fixture), "the query is malformed\n");
}

/* ---- refusing ---- */

static int ask_as(struct fixture *fixture, const char *headers)
{
    char request[512];

    snprintf(request, sizeof(request), "GET /now HTTP/1.1\r\n%s\r\n", headers);
    return ask(fixture, request);
}

static int ask_host(struct fixture *fixture, const char *name, int port)
{
    char header[256];

    if (port)
        snprintf(header, sizeof(header), "Host: %s:%d\r\n", name, port);
    else
        snprintf(header, sizeof(header), "Host: %s\r\n", name);
    return ask_as(fixture, header);
}

static void only_our_names_with_our_port_are_a_host_on_a_port(void **state)
{
    struct fixture *fixture = *state;
    int port = address_port(&fixture->window->address);
    char both[256];

    assert_int_equal(ask_host(fixture, "localhost", port), 200);
    assert_int_equal(ask_host(fixture, "LocalHost", port), 200);
    assert_int_equal(ask_host(fixture, "127.0.0.1", port), 200);
    assert_int_equal(ask_host(fixture, "[::1]", port), 200);

    assert_int_equal(ask_host(fixture, "evil.example", port), 403);
    assert_int_equal(ask_host(fixture, "localhost.evil.example", port), 403);
    assert_int_equal(ask_host(fixture, "127.0.0.1.evil.example", port), 403);
    assert_int_equal(ask_host(fixture, "localhost", 0), 403);
    assert_int_equal(ask_host(fixture, "localhost", port + 1), 403);
    assert_int_equal(ask_host(fixture, "127.0.0.2", port), 403);
    assert_int_equal(ask_host(fixture, "", 0), 403);
    assert_int_equal(ask_as(fixture, ""), 403);
    snprintf(both, sizeof(both),
             "Host: localhost:%d\r\nHost: evil.example:%d\r\n", port, port);
    assert_int_equal(ask_as(fixture, both), 403);
    assert_string_equal(body(fixture), "the Host header is not this address\n");
}

static void a_host_means_nothing_on_a_path(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(ask_as(fixture, "Host: anything\r\n"), 200);
    assert_int_equal(ask_as(fixture, "Host:\r\n"), 200);
    assert_int_equal(ask_as(fixture, ""), 200);
}

static void any_origin_is_refused(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(ask_as(fixture, "Origin: http://evil.example\r\n"), 403);
    assert_int_equal(ask_as(fixture, "origin: null\r\n"), 403);
    assert_int_equal(ask_as(fixture, "Origin:\r\n"), 403);
    assert_int_equal(ask(fixture, "POST /change HTTP/1.1\r\n"
                                  "Origin: http://localhost\r\n\r\n"),
                     403);
    assert_int_equal(ask(fixture, "OPTIONS /change HTTP/1.1\r\n"
                                  "Origin: http://localhost\r\n"
                                  "Access-Control-Request-Method: POST\r\n"
                                  "\r\n"),
                     403);
    assert_null(strstr(fixture->answer, "Access-Control"));
    assert_int_equal(fixture->window->changes, 0);
}

static void a_change_needs_a_post(void **state)
{
    static const char *const refused[] = {
        "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE",
    };
    static const char *const unheard_of[] = { "post", "CHANGE", "P" };
    struct fixture *fixture = *state;
    char request[128];

    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
        snprintf(request, sizeof(request),
                 "%s /change HTTP/1.1\r\nHost: localhost\r\n\r\n", refused[i]);
        assert_int_equal(ask(fixture, request), 405);
        assert_non_null(strstr(fixture->answer, "Allow: POST\r\n"));
    }
    for (size_t i = 0; i < ARRAY_LENGTH(unheard_of); i++) {
        snprintf(request, sizeof(request),
                 "%s /change HTTP/1.1\r\nHost: localhost\r\n\r\n",
                 unheard_of[i]);
        assert_int_equal(ask(fixture, request), 501);
    }
    assert_int_equal(ask(fixture,
                         "CONNECT /change HTTP/1.1\r\n\r\n" POST("/change")),
                     403);
    assert_int_equal(fixture->window->changes, 0);
    assert_int_equal(ask(fixture, POST("/now")), 405);
    assert_non_null(strstr(fixture->answer, "Allow: GET\r\n"));
}

static void an_answer_to_head_has_no_body(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(ask(fixture, "HEAD /now HTTP/1.1\r\n\r\n"), 405);
    assert_string_equal(body(fixture), "");
}

static void only_exact_paths_are_known(void **state)
{
    static const char *const unknown[] = {
        "/", "/No",     "/now/",   "/now/../quit", "/NOW",      "/%6eow",
        "*", "/now%00", "/../now", "/now;x",       "/now.json", "/./now",
    };
    struct fixture *fixture = *state;
    char request[128];

    for (size_t i = 0; i < ARRAY_LENGTH(unknown); i++) {
        snprintf(request, sizeof(request),
                 "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", unknown[i]);
        assert_int_equal(ask(fixture, request), 404);
    }
}

static void we_are_no_proxy(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(ask(fixture, GET("http://evil.example/now")), 403);
    assert_int_equal(ask(fixture, GET("http://localhost/now")), 403);
    assert_int_equal(ask(fixture, GET("//evil.example/now")), 403);
    /* Nor is the connection kept when such a request wants it to be. */
    assert_int_equal(ask(fixture, "POST http://localhost/change HTTP/1.1\r\n"
                                  "Proxy-Connection: keep-alive\r\n\r\n" POST(
                                      "/change")),
                     403);
    assert_int_equal(fixture->window->changes, 0);
}

static void whoever_is_another_user_is_refused(void **state)
{
    struct fixture *fixture = *state;
    int status;
    pid_t child;

    if (geteuid() != 0)
        skip();
    assert_int_equal(chmod(fixture->window->directory, 0755), 0);
    assert_int_equal(chmod(fixture->window->path, 0666), 0);
    child = fork();
    if (child == 0) {
        int fd = -1, code = 0;

        if (setuid(65534) == 0)
            fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (fd >= 0 &&
            connect(fd, &fixture->window->address.any,
                    fixture->window->address.length) == 0 &&
            window_send(fd, POST("/change"), strlen(POST("/change"))) &&
            recv(fd, fixture->answer, sizeof(fixture->answer), 0) > 12)
            code = window_code(fixture->answer);
        _exit(code == 403 ? 0 : 1);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(fixture->window->changes, 0);
    assert_int_equal(ask(fixture, POST("/change")), 202);
}

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

/* ---- more than one request ---- */

static void what_follows_a_request_is_not_done(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(ask(fixture, GET("/now") POST("/change") POST("/change")),
                     200);
    assert_string_equal(body(fixture), "{\"now\": true}");
    assert_int_equal(ask(fixture,
                         "GET /now HTTP/1.0\r\nConnection: keep-alive\r\n"
                         "\r\n" POST("/change")),
                     200);
    assert_int_equal(ask(fixture, POST("/later") POST("/change")), 200);
    assert_int_equal(fixture->window->changes, 1); /* by /later */
}

static void a_request_cannot_be_smuggled(void **state)
{
    static const char *const refused[] = {
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length: 4\r\nContent-Length: 4\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 4x\r\n",
    };
    struct fixture *fixture = *state;
    char request[512];

    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
        snprintf(request, sizeof(request),
                 "POST /change HTTP/1.1\r\n%s\r\n"
                 "0\r\n\r\n" POST("/change"),
                 refused[i]);
        assert_int_equal(ask(fixture, request), 400);
    }
    /* Not refused, but what follows the body is not done either. */
    assert_int_equal(ask(fixture, "GET /now HTTP/1.1\r\nContent-Length: 3\r\n"
                                  "\r\nabc" POST("/change")),
                     200);
    assert_int_equal(fixture->window->changes, 0);
}

static void what_is_no_request_is_refused(void **state)
{
    static const char *const refused[] = {
        "\r\n\r\n",
        "GET /now\r\n\r\n",
        "GET /now HTTP/2.0\r\n\r\n",
        "GET /now HTTP/1.1\r\nno colon\r\n\r\n",
        "GET /now HTTP/1.1\r\n folded: first\r\n\r\n",
        "*1\r\n$4\r\nPING\r\n",
        "\x16\x03\x01\x02\x01\x01\xfc\x03\x03\r\n",
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++)
        assert_int_equal(ask(fixture, refused[i]), 400);
    assert_int_equal(ask(fixture, GET("/now")), 200);
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

/* ---- the end ---- */

static void an_answer_given_before_the_end_arrives(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(ask(fixture, POST("/quit")), 202);
    assert_string_equal(body(fixture), "quitting\n");
    window_wait_for(&fixture->window->changes, 1);
    assert_int_equal(access(fixture->window->path, F_OK), -1);
}

/* ---- where it may listen ---- */

static enum status try(struct loop *loop, const char *text,
                       struct admin_server **server, struct net_error *error)
{
    struct admin_options options = { .loop = loop, .routes = window_routes };

    assert_true(address_parse(&options.address, text));
    return admin_server_open(&options, server, error);
}

static void an_address_that_others_reach_is_refused(void **state)
{
    static const char *const refused[] = { "0.0.0.0:0", "[::]:0",
                                           "192.0.2.1:0" };
    struct loop *loop = loop_new();
    struct admin_server *server = NULL;
    struct net_error error;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
        assert_int_equal(try(loop, refused[i], &server, &error), STATUS_CONFIG);
        assert_non_null(strstr(error.text, refused[i]));
        assert_non_null(strstr(error.text, "127.0.0.1"));
    }
    assert_int_equal(try(loop, "127.0.0.1:0", &server, &error), STATUS_OK);
    admin_server_close(server);
    loop_free(loop);
}

static void a_path_is_private_and_not_taken_from_the_living(void **state)
{
    struct fixture *fixture = *state;
    struct admin_server *server = NULL;
    struct loop *loop = loop_new();
    struct net_error error;
    struct stat file;
    char text[128];

    assert_int_equal(stat(fixture->window->path, &file), 0);
    assert_int_equal(file.st_mode & 07777, 0600);
    snprintf(text, sizeof(text), "unix:%s", fixture->window->path);
    assert_int_equal(try(loop, text, &server, &error), STATUS_CONFIG);
    assert_non_null(strstr(error.text, "another process listens there"));
    assert_int_equal(ask(fixture, GET("/now")), 200);
    loop_free(loop);
}

static void a_path_of_the_dead_is_taken_over(void **state)
{
    char directory[] = "/tmp/entente-window-XXXXXX", text[128];
    struct loop *loop = loop_new();
    struct admin_server *server = NULL;
    struct net_error error;
    struct address address;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(text, sizeof(text), "unix:%s/s", directory);
    assert_true(address_parse(&address, text));
    assert_int_equal(bind(fd, &address.any, address.length), 0);
    close(fd);
    assert_int_equal(try(loop, text, &server, &error), STATUS_OK);
    admin_server_close(server);
    loop_free(loop);
    assert_int_equal(rmdir(directory), 0); /* nothing is left in it */
}

/* ---- another client than ours ---- */

static void curl_understands_us(void **state)
{
    struct fixture *fixture = *state;
    char command[512], line[64] = "";
    FILE *curl;

    if (system("command -v curl >/dev/null") != 0)
        skip();
    snprintf(command, sizeof(command),
             "curl -s -m 10 -w ' %%{http_code} %%{size_download}' "
             "--unix-socket %s http://localhost/now",
             fixture->window->path);
    curl = popen(command, "r");
    assert_non_null(curl);
    assert_non_null(fgets(line, sizeof(line), curl));
    assert_int_equal(pclose(curl), 0);
    assert_string_equal(line, "{\"now\": true} 200 13");
}

#define ON_PATH(name) cmocka_unit_test_setup_teardown(name, on_path, tear_down)
#define ON_PORT(name) cmocka_unit_test_setup_teardown(name, on_port, tear_down)

RUN_TESTS(ON_PATH(a_request_is_answered_whole_and_the_connection_ends),
          TEST(a_port_of_ipv6_answers_too),
          ON_PATH(a_large_answer_arrives_whole),
          ON_PATH(an_answer_may_come_later),
          ON_PATH(a_client_that_leaves_before_the_answer_does_no_harm),
          ON_PATH(a_client_that_leaves_within_an_answer_does_no_harm),
          ON_PATH(a_client_that_sends_its_end_behind_the_request_is_answered),
          ON_PATH(arguments_are_decoded),
          ON_PORT(only_our_names_with_our_port_are_a_host_on_a_port),
          ON_PATH(a_host_means_nothing_on_a_path),
          ON_PATH(any_origin_is_refused), ON_PATH(a_change_needs_a_post),
          ON_PATH(an_answer_to_head_has_no_body),
          ON_PATH(only_exact_paths_are_known), ON_PATH(we_are_no_proxy),
          ON_PATH(whoever_is_another_user_is_refused),
          ON_PATH(the_size_of_a_header_is_bounded),
          ON_PATH(the_size_of_a_target_is_bounded),
          ON_PATH(the_size_of_a_body_is_bounded),
          ON_PATH(a_body_in_chunks_is_bounded_too),
          ON_PATH(what_follows_a_request_is_not_done),
          ON_PATH(a_request_cannot_be_smuggled),
          ON_PATH(what_is_no_request_is_refused),
          ON_PATH(nobody_may_dawdle_beyond_five_seconds),
          ON_PATH(a_client_that_does_not_read_is_given_up),
          ON_PATH(a_crowd_is_bounded_and_does_not_lock_the_operator_out),
          ON_PATH(requests_that_wait_are_bounded_too),
          ON_PATH(an_answer_given_before_the_end_arrives),
          TEST(an_address_that_others_reach_is_refused),
          ON_PATH(a_path_is_private_and_not_taken_from_the_living),
          TEST(a_path_of_the_dead_is_taken_over), ON_PATH(curl_understands_us))
