/* SPDX-License-Identifier: MIT */
/* Who may not ask, and what may not be asked. */

#include "unit/admin/server_test.h"
#include <sys/stat.h>
#include <sys/wait.h>

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

RUN_TESTS(ON_PORT(only_our_names_with_our_port_are_a_host_on_a_port),
          ON_PATH(a_host_means_nothing_on_a_path),
          ON_PATH(any_origin_is_refused), ON_PATH(a_change_needs_a_post),
          ON_PATH(an_answer_to_head_has_no_body),
          ON_PATH(only_exact_paths_are_known), ON_PATH(we_are_no_proxy),
          ON_PATH(whoever_is_another_user_is_refused),
          ON_PATH(what_follows_a_request_is_not_done),
          ON_PATH(a_request_cannot_be_smuggled),
          ON_PATH(what_is_no_request_is_refused))
