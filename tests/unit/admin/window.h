/* SPDX-License-Identifier: MIT */
#ifndef UNIT_ADMIN_WINDOW_H
#define UNIT_ADMIN_WINDOW_H
/* A window for operators on a thread of its own, and raw clients for it. */
#include "admin/server.h"
#include "base/clock.h"
#include "base/text.h"
#include "support/check_test.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { WINDOW_BIG_BYTES = 8 * 1024 * 1024, WINDOW_LATER_US = 50000 };

struct window {
    struct loop *loop;
    struct admin_server *server;
    struct address address;
    char directory[64];
    char path[96]; /* of the Unix socket; "" for a port */
    pthread_t thread;
    struct loop_timer later;
    struct admin_request *held; /* by /later, until the timer */
    _Atomic unsigned changes;   /* how often a POST was carried out */
    char big[WINDOW_BIG_BYTES + 1];
};

/* ---- routes ---- */

static inline void window_now(void *context, struct admin_request *request)
{
    (void)context;
    admin_answer(request, 200, "application/json", "{\"now\": true}");
}

static inline void window_echo(void *context, struct admin_request *request)
{
    const char *said = admin_argument(request, "say");

    (void)context;
    admin_answer(request, said ? 200 : 400, "text/plain",
                 said ? said : "nothing said");
}

static inline void window_big(void *context, struct admin_request *request)
{
    struct window *window = context;

    admin_answer(request, 200, "text/plain", window->big);
}

static inline void window_change(void *context, struct admin_request *request)
{
    struct window *window = context;

    window->changes++;
    admin_answer(request, 202, "text/plain", "changed\n");
}

static inline void window_later(void *context, struct admin_request *request)
{
    struct window *window = context;

    if (window->held) {
        admin_answer(request, 503, "text/plain", "one at a time\n");
        return;
    }
    window->held = request;
    loop_timer_start(&window->later, WINDOW_LATER_US);
}

static inline void window_time_has_come(struct loop_timer *timer)
{
    struct window *window = CONTAINER_OF(timer, struct window, later);
    struct admin_request *request = window->held;

    window->held = NULL;
    window->changes++;
    admin_answer(request, 200, "text/plain", "later\n");
}

/* Kept until the window is closed. */
static inline void window_never(void *context, struct admin_request *request)
{
    struct window *window = context;

    (void)request;
    window->changes++;
}

static inline void window_quit(void *context, struct admin_request *request)
{
    struct window *window = context;

    admin_answer(request, 202, "text/plain", "quitting\n");
    admin_server_close(window->server);
    window->server = NULL;
    window->changes++;
}

static const struct admin_route window_routes[] = {
    { "GET", "/now", window_now },      { "GET", "/echo", window_echo },
    { "GET", "/big", window_big },      { "POST", "/change", window_change },
    { "POST", "/later", window_later }, { "POST", "/never", window_never },
    { "POST", "/quit", window_quit },   { NULL, NULL, NULL },
};

/* ---- its life ---- */

static inline void *window_run(void *context)
{
    struct window *window = context;

    loop_run(window->loop);
    admin_server_close(window->server);
    loop_timer_stop(&window->later);
    return NULL;
}

/* |text| is an address; NULL: a Unix socket in a directory of its own. */
static inline struct window *
window_open(const char *text, const struct admin_route *routes, void *context)
{
    struct window *window = calloc(1, sizeof(*window));
    struct admin_options options = { .routes = routes ? routes : window_routes,
                                     .context = context ? context : window };
    struct net_error error;

    assert_non_null(window);
    memset(window->big, 'x', WINDOW_BIG_BYTES);
    window->loop = loop_new();
    assert_non_null(window->loop);
    loop_timer_init(window->loop, &window->later, window_time_has_come);
    if (!text) {
        char address[128];

        strcpy(window->directory, "/tmp/entente-window-XXXXXX");
        assert_non_null(mkdtemp(window->directory));
        assert_true(text_format(window->path, sizeof(window->path), "%s/s",
                                window->directory));
        assert_true(
            text_format(address, sizeof(address), "unix:%s", window->path));
        assert_true(address_parse(&options.address, address));
    } else {
        assert_true(address_parse(&options.address, text));
    }
    options.loop = window->loop;
    assert_int_equal(admin_server_open(&options, &window->server, &error),
                     STATUS_OK);
    window->address = *admin_server_address(window->server);
    assert_int_equal(pthread_create(&window->thread, NULL, window_run, window),
                     0);
    return window;
}

static inline void window_close(struct window *window)
{
    loop_stop(window->loop);
    assert_int_equal(pthread_join(window->thread, NULL), 0);
    loop_free(window->loop);
    if (*window->directory)
        assert_int_equal(rmdir(window->directory), 0);
    free(window);
}

/* ---- raw clients ---- */

static inline int window_connect(const struct window *window)
{
    const struct timeval patience = { .tv_sec = 20 };
    int fd = socket(window->address.family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
                                sizeof(patience)),
                     0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
                                sizeof(patience)),
                     0);
    assert_int_equal(connect(fd, &window->address.any, window->address.length),
                     0);
    return fd;
}

/* As much as is wanted there; false if the other end has had enough. */
static inline bool window_send(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t count = send(fd, text, length, MSG_NOSIGNAL);

        if (count <= 0)
            return false;
        text += count;
        length -= (size_t)count;
    }
    return true;
}

/* Everything until the end, which must come; how long it was. */
static inline size_t window_receive(int fd, char *answer, size_t size)
{
    size_t length = 0;
    ssize_t count;

    answer[0] = '\0';
    while (length + 1 < size &&
           (count = recv(fd, answer + length, size - length - 1, 0)) > 0) {
        length += (size_t)count;
        answer[length] = '\0';
    }
    assert_true(length + 1 < size);
    assert_false(count < 0 && errno == EAGAIN);
    close(fd);
    return length;
}

static inline int window_code(const char *answer)
{
    return strncmp(answer, "HTTP/1.", 7) == 0 ? atoi(answer + 9) : 0;
}

/* The code of the answer to |request|, which is left in |answer|. */
static inline int window_ask(const struct window *window, const char *request,
                             char *answer, size_t size)
{
    int fd = window_connect(window);

    (void)window_send(fd, request, strlen(request));
    (void)window_receive(fd, answer, size);
    return window_code(answer);
}

static inline void window_wait_for(const _Atomic unsigned *counter,
                                   unsigned wanted)
{
    for (int i = 0; i < 1000 && *counter < wanted; i++)
        usleep(10000);
    assert_int_equal(*counter, wanted);
}
#endif
