/* SPDX-License-Identifier: MIT */
#ifndef UNIT_ADMIN_SERVER_TEST_H
#define UNIT_ADMIN_SERVER_TEST_H
/* What the tests of the server have in common: a window, and asking it. */
#include "support/sockets.h"
#include "unit/admin/window.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define POST(path) "POST " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"

struct fixture {
    struct window *window;
    size_t descriptors;
    char answer[64 * 1024];
};

static inline int open_at(void **state, const char *text)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    if (!fixture)
        return -1;
    fixture->descriptors = sockets_count();
    fixture->window = window_open(text, NULL, NULL);
    *state = fixture;
    return 0;
}

static inline int on_path(void **state)
{
    return open_at(state, NULL);
}

static inline int on_port(void **state)
{
    return open_at(state, "127.0.0.1:0");
}

/* Whatever happened, no descriptor is left, nor is the file. */
static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;

    window_close(fixture->window);
    assert_int_equal(sockets_count(), fixture->descriptors);
    free(fixture);
    return 0;
}

static inline int ask(struct fixture *fixture, const char *request)
{
    return window_ask(fixture->window, request, fixture->answer,
                      sizeof(fixture->answer));
}

static inline const char *body(const struct fixture *fixture)
{
    const char *end = strstr(fixture->answer, "\r\n\r\n");

    assert_non_null(end);
    return end + 4;
}

#define ON_PATH(name) cmocka_unit_test_setup_teardown(name, on_path, tear_down)
#define ON_PORT(name) cmocka_unit_test_setup_teardown(name, on_port, tear_down)
#endif
