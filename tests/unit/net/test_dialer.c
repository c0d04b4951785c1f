/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* unshare() */
#include "net/dialer.h"

#include "support/await.h"
#include "support/sockets.h"
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct outcome {
    bool is_known;
    enum status status;
    int fd;
};

static void done(void *context, enum status status, int fd)
{
    struct outcome *outcome = context;

    assert_false(outcome->is_known); /* once */
    *outcome = (struct outcome){ .is_known = true, .status = status, .fd = fd };
}

static struct dial *dial(struct loop *loop, const struct address *address,
                         uint64_t timeout_us, struct outcome *outcome)
{
    struct dial_options options = { .address = *address,
                                    .timeout_us = timeout_us,
                                    .done = done,
                                    .context = outcome };
    struct dial *started;

    *outcome = (struct outcome){ .fd = -1 };
    started = dial_start(loop, &options);
    assert_non_null(started);
    assert_false(outcome->is_known); /* never from inside dial_start() */
    return started;
}

static void turn_until_known(struct loop *loop, const struct outcome *outcome)
{
    AWAIT_IN(loop, outcome->is_known);
}

static struct outcome dial_text(struct loop *loop, const char *text)
{
    struct address address;
    struct outcome outcome;

    assert_true(address_parse(&address, text));
    (void)dial(loop, &address, CLOCK_SECOND, &outcome);
    turn_until_known(loop, &outcome);
    return outcome;
}

/* Where a listener of sockets_listen() is. */
static struct address address_of(int listener)
{
    struct address address;

    assert_true(address_of_socket(&address, listener));
    return address;
}

static int set_up(void **state)
{
    *state = loop_new();
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    loop_free(*state);
    return 0;
}

static bool has_no_delay(int fd)
{
    int on = 0;
    socklen_t length = sizeof(on);

    return getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &length) == 0 && on;
}

static void a_listener_is_reached(void **state)
{
    struct loop *loop = *state;

    EACH_KIND(kind)
    {
        int listener = sockets_listen(kind, 1), peer;
        struct address address = address_of(listener);
        struct outcome outcome;
        char byte;

        (void)dial(loop, &address, CLOCK_SECOND, &outcome);
        turn_until_known(loop, &outcome);
        assert_int_equal(outcome.status, STATUS_OK);
        assert_true(fcntl(outcome.fd, F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(outcome.fd, F_GETFD) & FD_CLOEXEC);
        assert_int_equal(has_no_delay(outcome.fd), kind != SOCKETS_UNIX);
        peer = accept(listener, NULL, NULL);
        sockets_send(outcome.fd, "x", 1);
        sockets_receive(peer, &byte, 1);
        assert_int_equal(byte, 'x');
        close(outcome.fd);
        close(peer);
        close(listener);
    }
}

static void where_nobody_listens_is_refused(void **state)
{
    struct loop *loop = *state;

    EACH_KIND(kind)
    {
        int listener = sockets_listen(kind, 1);
        struct address address = address_of(listener);
        struct outcome outcome;

        close(listener);
        (void)dial(loop, &address, CLOCK_SECOND, &outcome);
        turn_until_known(loop, &outcome);
        assert_int_equal(outcome.status, STATUS_REFUSED);
        assert_int_equal(outcome.fd, -1);
    }
}

static void a_path_without_a_socket_is_refused(void **state)
{
    char path[] = "/tmp/entente-dialer-XXXXXX", text[64];
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    (void)snprintf(text, sizeof(text), "unix:%s", path);
    assert_int_equal(dial_text(*state, text).status, STATUS_REFUSED);
    close(fd);
    unlink(path);
    assert_int_equal(dial_text(*state, text).status, STATUS_REFUSED);
}

/* A listener whose queue is full, and those who fill it. */
struct crowd {
    int listener;
    int members[4];
    size_t count;
};

static void crowd_gather(struct crowd *crowd, enum socket_kind kind)
{
    struct address address;

    *crowd = (struct crowd){ .listener = sockets_listen(kind, 0) };
    address = address_of(crowd->listener);
    for (; crowd->count < ARRAY_LENGTH(crowd->members); crowd->count++) {
        int fd = socket(address.family, SOCK_STREAM | SOCK_NONBLOCK, 0);

        assert_true(fd >= 0);
        (void)connect(fd, &address.any, address.length);
        crowd->members[crowd->count] = fd;
    }
}

static void crowd_leave(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++)
        close(crowd->members[i]);
    close(crowd->listener);
}

static void who_does_not_answer_is_given_up_in_time(void **state)
{
    struct loop *loop = *state;

    EACH_KIND(kind)
    {
        size_t before = sockets_count();
        struct outcome outcome;
        struct address address;
        struct crowd crowd;
        uint64_t start;

        crowd_gather(&crowd, kind);
        address = address_of(crowd.listener);
        loop_turn(loop, 0);
        start = clock_now_us();
        (void)dial(loop, &address, 100 * CLOCK_MS, &outcome);
        turn_until_known(loop, &outcome);
        assert_int_equal(outcome.status, STATUS_TIMEOUT);
        assert_int_equal(outcome.fd, -1);
        assert_true(clock_now_us() - start >= 95 * CLOCK_MS);
        assert_true(clock_now_us() - start < 2 * CLOCK_SECOND);
        crowd_leave(&crowd);
        assert_int_equal(sockets_count(), before);
    }
}

static void a_full_unix_listener_is_asked_until_it_has_room(void **state)
{
    struct loop *loop = *state;
    struct outcome outcome;
    struct address address;
    struct crowd crowd;

    crowd_gather(&crowd, SOCKETS_UNIX);
    address = address_of(crowd.listener);
    (void)dial(loop, &address, 4 * CLOCK_SECOND, &outcome);
    for (int i = 0; i < 10; i++)
        loop_turn(loop, 10 * CLOCK_MS);
    assert_false(outcome.is_known);
    close(accept(crowd.listener, NULL, NULL));
    turn_until_known(loop, &outcome);
    assert_int_equal(outcome.status, STATUS_OK);
    close(outcome.fd);
    crowd_leave(&crowd);
}

static void a_cancelled_dial_is_never_done(void **state)
{
    struct loop *loop = *state;

    dial_cancel(NULL);
    EACH_KIND(kind)
    for (int is_full = 0; is_full < 2; is_full++)
        for (int turns = 0; turns < 3; turns++) {
            size_t before = sockets_count();
            struct outcome outcome;
            struct address address;
            struct crowd crowd;
            struct dial *started;

            if (is_full)
                crowd_gather(&crowd, kind);
            else
                crowd = (struct crowd){ .listener = sockets_listen(kind, 1) };
            address = address_of(crowd.listener);
            started = dial(loop, &address, 30 * CLOCK_MS, &outcome);
            for (int i = 0; i < turns && !outcome.is_known; i++)
                loop_turn(loop, 0);
            if (outcome.is_known)
                close(outcome.fd);
            else
                dial_cancel(started);
            outcome.is_known = false;
            for (int i = 0; i < 3; i++)
                loop_turn(loop, 20 * CLOCK_MS);
            assert_false(outcome.is_known);
            crowd_leave(&crowd);
            assert_int_equal(sockets_count(), before);
        }
}

/* ---- in a network of its own; 77 says that it cannot be had ---- */

enum { SKIPPED = 77 };

static int run_in_new_network(int (*body)(void))
{
    pid_t child = fork();
    int outcome;

    assert_true(child >= 0);
    if (child == 0)
        _exit(unshare(CLONE_NEWNET) == 0 ? body() : SKIPPED);
    assert_int_equal(waitpid(child, &outcome, 0), child);
    assert_true(WIFEXITED(outcome));
    return WEXITSTATUS(outcome);
}

static int dial_without_route(void)
{
    struct loop *loop = loop_new();
    enum status status = dial_text(loop, "192.0.2.1:80").status;

    loop_free(loop);
    return status == STATUS_UNREACHABLE ? 0 : 1;
}

static void where_no_way_leads_is_unreachable(void **state)
{
    int exit_code = run_in_new_network(dial_without_route);

    (void)state;
    if (exit_code == SKIPPED)
        skip();
    assert_int_equal(exit_code, 0);
}

static bool bring_up_loopback(void)
{
    struct ifreq request = { .ifr_name = "lo" };
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    bool is_up;

    request.ifr_flags = IFF_UP;
    is_up = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    close(fd);
    return is_up;
}

/* The kernel has one port to choose from, which is the one dialed. */
static int dial_own_port(void)
{
    int fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY);
    struct loop *loop;
    enum status status;

    if (fd < 0 || write(fd, "40000 40000", 11) != 11 || !bring_up_loopback())
        return SKIPPED;
    close(fd);
    loop = loop_new();
    status = dial_text(loop, "127.0.0.1:40000").status;
    loop_free(loop);
    return status == STATUS_REFUSED ? 0 : 1;
}

static void to_reach_oneself_is_to_be_refused(void **state)
{
    int exit_code = run_in_new_network(dial_own_port);

    (void)state;
    if (exit_code == SKIPPED)
        skip();
    assert_int_equal(exit_code, 0);
}

#define WITH_LOOP(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

RUN_TESTS(WITH_LOOP(a_listener_is_reached),
          WITH_LOOP(where_nobody_listens_is_refused),
          WITH_LOOP(a_path_without_a_socket_is_refused),
          WITH_LOOP(who_does_not_answer_is_given_up_in_time),
          WITH_LOOP(a_full_unix_listener_is_asked_until_it_has_room),
          WITH_LOOP(a_cancelled_dial_is_never_done),
          TEST(where_no_way_leads_is_unreachable),
          TEST(to_reach_oneself_is_to_be_refused))
