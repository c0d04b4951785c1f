/* SPDX-License-Identifier: MIT */
/* Opening and accepting; Unix sockets' files are in test_listener_files.c. */
#include "net/listener.h"

#include "base/log.h"
#include "support/await.h"
#include "support/sockets.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a listener whose owner keeps what it accepts ---- */

enum { KEEP = 512 };

struct host {
    struct loop *loop;
    struct listener *listener;
    int accepted[KEEP];
    struct address from; /* the latest */
    size_t count;
    bool closes; /* the listener, at the first newcomer */
};

static void on_accepted(void *context, int fd, const struct address *from)
{
    struct host *host = context;

    assert_true(host->count < KEEP);
    host->accepted[host->count++] = fd;
    host->from = *from;
    if (host->closes) {
        listener_close(host->listener);
        host->listener = NULL;
    }
}

static enum status host_open(struct host *host, const char *text,
                             struct net_error *error)
{
    struct listener_options options = { .accepted = on_accepted,
                                        .context = host };
    enum status status;

    *host = (struct host){ .loop = loop_new() };
    assert_non_null(host->loop);
    assert_true(address_parse(&options.address, text));
    status = listener_open(host->loop, &options, &host->listener, error);
    if (status == STATUS_OK)
        assert_string_equal(error->text, "");
    return status;
}

static void host_start(struct host *host, const char *text)
{
    struct net_error error;

    if (host_open(host, text, &error) != STATUS_OK)
        fail_msg("%s", error.text);
}

static void host_drop_accepted(struct host *host)
{
    while (host->count > 0)
        close(host->accepted[--host->count]);
}

static void host_clear(struct host *host)
{
    host_drop_accepted(host);
    listener_close(host->listener);
    loop_free(host->loop);
}

static int visit_of(const struct address *address)
{
    int fd = socket(address->family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &address->any, address->length), 0);
    return fd;
}

static int visit(struct host *host)
{
    return visit_of(listener_address(host->listener));
}

static void turn_until_accepted(struct host *host, size_t count)
{
    AWAIT_IN(host->loop, host->count >= count);
    assert_int_equal(host->count, count);
}

/* ---- accepting ---- */

static bool has_no_delay(int fd)
{
    int on = 0;
    socklen_t length = sizeof(on);

    return getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &length) == 0 && on;
}

static void newcomers_are_accepted_ready_for_use(void **state)
{
    static const char *const texts[] = { "127.0.0.1:0", "[::1]:0",
                                         "unix:@entente-test-listener" };
    size_t before = sockets_count();

    (void)state;
    for (enum socket_kind kind = 0; kind < SOCKETS_KINDS; kind++) {
        struct address own;
        struct host host;
        int fd;

        if (!sockets_have(kind))
            continue;
        host_start(&host, texts[kind]);
        if (kind != SOCKETS_UNIX)
            assert_int_not_equal(address_port(listener_address(host.listener)),
                                 0);
        fd = visit(&host);
        turn_until_accepted(&host, 1);
        assert_true(fcntl(host.accepted[0], F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(host.accepted[0], F_GETFD) & FD_CLOEXEC);
        assert_int_equal(has_no_delay(host.accepted[0]), kind != SOCKETS_UNIX);
        assert_true(address_of_socket(&own, fd));
        assert_true(address_equal(&host.from, &own));
        close(fd);
        host_clear(&host);
    }
    assert_int_equal(sockets_count(), before);
}

static void a_turn_accepts_a_bounded_number(void **state)
{
    enum { CROWD = 150 };
    int crowd[CROWD];
    struct host host;

    (void)state;
    host_start(&host, "127.0.0.1:0");
    for (int i = 0; i < CROWD; i++)
        crowd[i] = visit(&host);
    loop_turn(host.loop, CLOCK_SECOND);
    assert_int_equal(host.count, 64);
    loop_turn(host.loop, CLOCK_SECOND); /* without a new event */
    assert_int_equal(host.count, 128);
    turn_until_accepted(&host, CROWD);
    for (int i = 0; i < CROWD; i++)
        close(crowd[i]);
    host_clear(&host);
}

static void a_paused_listener_leaves_newcomers_waiting(void **state)
{
    struct host host;
    int first, second;

    (void)state;
    host_start(&host, "127.0.0.1:0");
    listener_pause(host.listener);
    listener_pause(host.listener);
    first = visit(&host);
    for (int i = 0; i < 3; i++)
        loop_turn(host.loop, 10 * CLOCK_MS);
    assert_int_equal(host.count, 0);
    listener_resume(host.listener);
    listener_resume(host.listener);
    turn_until_accepted(&host, 1);
    second = visit(&host);
    turn_until_accepted(&host, 2);
    close(first);
    close(second);
    host_clear(&host);
}

static void a_listener_may_be_closed_by_whom_it_calls(void **state)
{
    struct host host;
    int crowd[3], error;

    (void)state;
    host_start(&host, "127.0.0.1:0");
    host.closes = true;
    for (size_t i = 0; i < ARRAY_LENGTH(crowd); i++)
        crowd[i] = visit(&host);
    turn_until_accepted(&host, 1);
    for (int i = 0; i < 3; i++) /* it is gone, and asks for nothing */
        loop_turn(host.loop, 100 * CLOCK_MS);
    assert_int_equal(host.count, 1);
    assert_int_equal(sockets_drain(crowd[2], &error), 0);
    assert_int_equal(error, ECONNRESET); /* who was not accepted */
    for (size_t i = 0; i < ARRAY_LENGTH(crowd); i++)
        close(crowd[i]);
    host_clear(&host);
    listener_close(NULL);
}

/* ---- opening ---- */

static void assert_refused(const char *text, enum status status,
                           const char *sentence)
{
    size_t before = sockets_count();
    struct net_error error;
    struct host host;

    assert_int_equal(host_open(&host, text, &error), status);
    if (!strstr(error.text, sentence) || !strstr(error.text, text) ||
        strncmp(error.text, "cannot listen on ", 17) != 0)
        fail_msg("%s", error.text);
    host_clear(&host);
    assert_int_equal(sockets_count(), before);
}

static void a_port_in_use_is_refused_and_a_free_one_taken(void **state)
{
    static const char *const texts[] = { "127.0.0.1:0", "[::1]:0",
                                         "unix:@entente-test-in-use" };

    (void)state;
    for (enum socket_kind kind = 0; kind < SOCKETS_KINDS; kind++) {
        char text[ADDRESS_TEXT];
        struct host host, again;

        if (!sockets_have(kind))
            continue;
        host_start(&host, texts[kind]);
        address_format(listener_address(host.listener), text);
        assert_refused(text, STATUS_CONFIG, "another process listens there");
        host_clear(&host);
        host_start(&again, text);
        host_clear(&again);
    }
}

/* Who closes first keeps the port in TIME_WAIT, and may be us. */
static void a_port_in_time_wait_is_taken_at_once(void **state)
{
    char text[ADDRESS_TEXT];
    struct host host;
    int fd, error;

    (void)state;
    host_start(&host, "127.0.0.1:0");
    address_format(listener_address(host.listener), text);
    fd = visit(&host);
    turn_until_accepted(&host, 1);
    host_clear(&host);
    assert_int_equal(sockets_drain(fd, &error), 0);
    close(fd);
    host_start(&host, text);
    host_clear(&host);
}

static void ipv6_leaves_ipv4_to_others(void **state)
{
    char text[ADDRESS_TEXT];
    struct address wildcard;
    struct host v6, v4;

    (void)state;
    if (!sockets_have(SOCKETS_V6))
        skip();
    host_start(&v6, "[::]:0");
    (void)snprintf(text, sizeof(text), "0.0.0.0:%u",
                   address_port(listener_address(v6.listener)));
    host_start(&v4, text);
    assert_true(address_parse(&wildcard, text));
    close(visit_of(&wildcard));
    turn_until_accepted(&v4, 1);
    loop_turn(v6.loop, 0);
    assert_int_equal(v6.count, 0);
    host_clear(&v6);
    host_clear(&v4);
}

static void an_address_of_another_host_is_refused(void **state)
{
    (void)state;
    assert_refused("192.0.2.1:6379", STATUS_CONFIG, "no interface");
    if (sockets_have(SOCKETS_V6)) {
        assert_refused("[2001:db8::1]:6379", STATUS_CONFIG, "no interface");
        assert_refused("[fe80::1]:6379", STATUS_CONFIG, "needs its interface");
    }
}

static unsigned first_unprivileged_port(void)
{
    FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "r");
    unsigned port = 1024;

    if (file) {
        assert_int_equal(fscanf(file, "%u", &port), 1);
        fclose(file);
    }
    return port;
}

/* In a child that is nobody. */
static void a_privileged_port_is_refused_to_others(void **state)
{
    int outcome;
    pid_t child;

    (void)state;
    if (geteuid() != 0 || first_unprivileged_port() == 0)
        skip();
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(1);
        assert_refused("127.0.0.1:7", STATUS_DENIED, "CAP_NET_BIND_SERVICE");
        _exit(0);
    }
    assert_int_equal(waitpid(child, &outcome, 0), child);
    assert_int_equal(outcome, 0);
}

/* ---- no descriptors left ---- */

static uint64_t cpu_us(void)
{
    struct rusage usage;

    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) *
               CLOCK_SECOND +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static size_t count_reset(const int *crowd, size_t count)
{
    size_t resets = 0;

    for (size_t i = 0; i < count; i++) {
        struct pollfd watched = { .fd = crowd[i] };

        resets += poll(&watched, 1, 0) == 1 && (watched.revents & POLLERR) != 0;
    }
    return resets;
}

static void without_descriptors_it_resets_one_pauses_and_recovers(void **state)
{
    enum { CROWD = 40, ROOM = 10 };
    struct rlimit limit;
    int crowd[CROWD];
    uint64_t start, cpu;
    unsigned turns = 0;
    size_t resets;
    struct host host;

    (void)state;
    log_set_level(LOG_ERROR);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    host_start(&host, "127.0.0.1:0");
    for (int i = 0; i < CROWD; i++)
        crowd[i] = visit(&host);
    sockets_leave(ROOM);
    start = clock_now_us();
    cpu = cpu_us();
    for (; clock_now_us() - start < 1500 * CLOCK_MS; turns++)
        loop_turn(host.loop, 100 * CLOCK_MS);
    assert_int_equal(host.count, ROOM);
    assert_true(cpu_us() - cpu < 300 * CLOCK_MS); /* it does not spin */
    assert_true(turns < 100);
    resets = count_reset(crowd, CROWD);
    assert_in_range(resets, 2, 15); /* one each pause */
    host_drop_accepted(&host);
    start = clock_now_us(); /* it recovers within a second */
    while (host.count < ROOM && clock_now_us() - start < 5 * CLOCK_SECOND)
        loop_turn(host.loop, 100 * CLOCK_MS);
    assert_int_equal(host.count, ROOM);
    assert_true(clock_now_us() - start < CLOCK_SECOND);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    start = clock_now_us();
    while (host.count < CROWD - ROOM - resets &&
           clock_now_us() - start < 2 * CLOCK_SECOND)
        loop_turn(host.loop, 100 * CLOCK_MS);
    resets = count_reset(crowd, CROWD);
    for (int i = 0; i < CROWD; i++)
        close(crowd[i]);
    /* Everyone was accepted or told. */
    assert_int_equal(host.count + ROOM + resets, CROWD);
    host_clear(&host);
}

static void a_reserve_it_could_not_have_is_had_later(void **state)
{
    uint64_t start = clock_now_us();
    struct listener_options options = { .accepted = on_accepted };
    struct host host = { .loop = loop_new() };
    struct net_error error;
    struct rlimit limit;
    int newcomer;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_non_null(host.loop);
    options.context = &host;
    assert_true(address_parse(&options.address, "127.0.0.1:0"));
    newcomer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockets_leave(1); /* for the socket, but not for the reserve */
    assert_int_equal(listener_open(host.loop, &options, &host.listener, &error),
                     STATUS_OK);
    options.address = *listener_address(host.listener);
    assert_int_equal(connect(newcomer, &options.address.any,
                             options.address.length),
                     0);
    loop_turn(host.loop, 100 * CLOCK_MS);
    assert_int_equal(host.count + count_reset(&newcomer, 1), 0);
    sockets_leave(1); /* for the reserve, but not for the newcomer */
    while (count_reset(&newcomer, 1) == 0 &&
           clock_now_us() - start < 5 * CLOCK_SECOND)
        loop_turn(host.loop, 100 * CLOCK_MS);
    assert_int_equal(count_reset(&newcomer, 1), 1);
    assert_int_equal(host.count, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    close(newcomer);
    host_clear(&host);
}

RUN_TESTS(TEST(newcomers_are_accepted_ready_for_use),
          TEST(a_turn_accepts_a_bounded_number),
          TEST(a_paused_listener_leaves_newcomers_waiting),
          TEST(a_listener_may_be_closed_by_whom_it_calls),
          TEST(a_port_in_use_is_refused_and_a_free_one_taken),
          TEST(a_port_in_time_wait_is_taken_at_once),
          TEST(ipv6_leaves_ipv4_to_others),
          TEST(an_address_of_another_host_is_refused),
          TEST(a_privileged_port_is_refused_to_others),
          TEST(without_descriptors_it_resets_one_pauses_and_recovers),
          TEST(a_reserve_it_could_not_have_is_had_later))
