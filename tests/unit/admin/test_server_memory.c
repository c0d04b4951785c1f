/* SPDX-License-Identifier: MIT */
/*
 * An allocation of libevent's fails, only that one or all from then on: then
 * the request is refused or its connection ends, and the next one is answered.
 */
#include "admin/server.h"

#include "support/sockets.h"
#include "unit/admin/window.h"
#include <event2/event.h>
#include <event2/keyvalq_struct.h>

/* ---- the allocator ---- */

static size_t allocations; /* so far */
static size_t failing;     /* this one fails; SIZE_MAX: none */
static bool fails_on;      /* and so do all later ones */

static size_t names; /* copies of the peer's name so far */

static bool fails(void)
{
    size_t number = allocations++;

    return number == failing || (fails_on && number > failing);
}

/*
 * Three of some sixty allocations libevent itself (2.1.13) does not survive,
 * all small and right after a connection is accepted: evhttp_connection's
 * address, the second copy of "localhost", and a request's two header lists.
 */
static bool is_spared(size_t size)
{
    return size == sizeof(struct evkeyvalq) ||
           (size == sizeof("localhost") && ++names % 2 == 0);
}

static void *fail_malloc(size_t size)
{
    bool spared = is_spared(size);

    return fails() && !spared ? NULL : malloc(size);
}

static void *fail_realloc(void *memory, size_t size)
{
    return fails() ? NULL : realloc(memory, size);
}

/* ---- a server and a client in one thread ---- */

struct run {
    struct loop *loop;
    struct admin_server *server;
    struct admin_request *held;
    struct address address;
};

static void hold(void *context, struct admin_request *request)
{
    struct run *run = context;

    run->held = request;
}

static const struct admin_route routes[] = { { "POST", "/hold", hold },
                                             { "GET", "/now", window_now },
                                             { NULL, NULL, NULL } };

/* Turn until the client's connection ended: the code of its answer, or 0. */
static int ask(struct run *run, const char *request)
{
    char answer[4096] = "";
    size_t length = 0;
    ssize_t count = -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    names = 0;
    assert_int_equal(connect(fd, &run->address.any, run->address.length), 0);
    assert_true(window_send(fd, request, strlen(request)));
    for (int i = 0; i < 100 && count != 0; i++) {
        loop_turn(run->loop, 5000);
        if (run->held) {
            admin_answer(run->held, 200, "text/plain", "held\n");
            run->held = NULL;
        }
        count = recv(fd, answer + length, sizeof(answer) - length - 1,
                     MSG_DONTWAIT);
        if (count < 0 && errno != EAGAIN)
            break;
        length += count > 0 ? (size_t)count : 0;
    }
    close(fd);
    answer[length] = '\0';
    return window_code(answer);
}

static void open_run(struct run *run)
{
    struct admin_options options = { .routes = routes, .context = run };
    struct net_error error;

    *run = (struct run){ .loop = loop_new() };
    assert_non_null(run->loop);
    options.loop = run->loop;
    assert_true(address_parse(&options.address, "unix:@entente-test-memory"));
    assert_int_equal(admin_server_open(&options, &run->server, &error),
                     STATUS_OK);
    run->address = options.address;
}

static void close_run(struct run *run)
{
    admin_server_close(run->server);
    loop_free(run->loop);
}

/* How many allocations |request| takes, and that any of them may fail. */
static void sweep(const char *request, bool all_from_then)
{
    struct run run;
    size_t needed, answered = 0;

    open_run(&run);
    failing = SIZE_MAX;
    allocations = 0;
    assert_int_equal(ask(&run, request), 200);
    needed = allocations;
    assert_true(needed > 10);
    for (size_t i = 0; i < needed; i++) {
        int code;

        allocations = 0;
        failing = i;
        fails_on = all_from_then;
        code = ask(&run, request);
        assert_true(code == 0 || code == 200 || code == 400 || code == 403 ||
                    code == 503);
        answered += code == 200;
        failing = SIZE_MAX;
        fails_on = false;
        assert_int_equal(ask(&run, request), 200);
    }
    assert_true(answered < needed);
    close_run(&run);
}

static void a_request_survives_any_failing_allocation(void **state)
{
    (void)state;
    sweep("GET /now?x=y HTTP/1.1\r\nHost: h\r\n\r\n", false);
    sweep("POST /hold HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", false);
}

static void a_request_survives_the_end_of_memory(void **state)
{
    (void)state;
    sweep("GET /now?x=y HTTP/1.1\r\nHost: h\r\n\r\n", true);
}

static void a_server_that_cannot_be_opened_leaves_nothing(void **state)
{
    struct admin_options options = { .routes = routes };
    struct net_error error;
    struct admin_server *server;
    size_t needed;

    (void)state;
    options.loop = loop_new();
    assert_non_null(options.loop);
    assert_true(address_parse(&options.address, "unix:@entente-test-memory"));
    failing = SIZE_MAX;
    allocations = 0;
    assert_int_equal(admin_server_open(&options, &server, &error), STATUS_OK);
    admin_server_close(server);
    needed = allocations;
    assert_true(needed > 2);
    for (size_t i = 0; i < needed; i++) {
        size_t before = sockets_count();

        allocations = 0;
        failing = i;
        if (admin_server_open(&options, &server, &error) == STATUS_OK)
            admin_server_close(server);
        else
            assert_string_equal(error.text, "admin: out of memory");
        assert_int_equal(sockets_count(), before);
    }
    failing = SIZE_MAX;
    loop_free(options.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_survives_any_failing_allocation),
        TEST(a_request_survives_the_end_of_memory),
        TEST(a_server_that_cannot_be_opened_leaves_nothing),
    };

    failing = SIZE_MAX;
    event_set_mem_functions(fail_malloc, fail_realloc, free);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
