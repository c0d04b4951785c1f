/* SPDX-License-Identifier: MIT */
/* Time, sockets, signals, and what a loop needs to be. */
#include "net/loop.h"

#include "base/clock.h"
#include "support/check_test.h"
#include "support/sockets.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LONG_US = 5000000 };

/* ---- a loop for each test ---- */

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

/* ---- time ---- */

struct alarm {
    struct loop_timer timer;
    struct loop_visit visit;
    uint64_t rang_us;
    unsigned times;
};

static void on_alarm(struct loop_timer *timer)
{
    struct alarm *alarm = CONTAINER_OF(timer, struct alarm, timer);

    assert_false(loop_timer_is_running(timer));
    alarm->rang_us = clock_now_us();
    alarm->times++;
}

static void turn_until(struct loop *loop, const unsigned *count,
                       unsigned wanted)
{
    uint64_t deadline = clock_now_us() + LONG_US;

    while (*count < wanted && clock_now_us() < deadline)
        loop_turn(loop, LONG_US);
    assert_int_equal(*count, wanted);
}

static void a_timer_expires_once_and_never_early(void **state)
{
    struct loop *loop = *state;
    struct alarm alarm = { 0 };

    loop_timer_stop(&alarm.timer); /* harmless when zeroed */
    loop_timer_init(loop, &alarm.timer, on_alarm);
    for (unsigned i = 1; i <= 30; i++) {
        uint64_t start;

        usleep(i * 1300 % 4000); /* at any time between the kernel's ticks */
        loop_turn(loop, 0);
        start = loop_now_us(loop);
        loop_timer_start(&alarm.timer, i * 700);
        assert_true(loop_timer_is_running(&alarm.timer));
        while (alarm.times < i && clock_now_us() < start + LONG_US)
            loop_turn(loop, 0); /* so that it is noticed at once */
        assert_int_equal(alarm.times, i);
        assert_true(alarm.rang_us >= start + i * 700);
        assert_true(alarm.rang_us < start + i * 700 + CLOCK_SECOND);
    }
    loop_turn(loop, 30000);
    assert_int_equal(alarm.times, 30);
}

static void a_stopped_timer_does_not_expire_and_a_moved_one_later(void **state)
{
    struct loop *loop = *state;
    struct alarm stopped = { 0 }, moved = { 0 };
    uint64_t start;

    loop_timer_init(loop, &stopped.timer, on_alarm);
    loop_timer_init(loop, &moved.timer, on_alarm);
    loop_turn(loop, 0);
    start = loop_now_us(loop);
    loop_timer_start(&stopped.timer, 10000);
    loop_timer_start(&moved.timer, 5000);
    loop_timer_start(&moved.timer, 60000);
    loop_timer_stop(&stopped.timer);
    loop_timer_stop(&stopped.timer);
    assert_false(loop_timer_is_running(&stopped.timer));
    turn_until(loop, &moved.times, 1);
    assert_true(moved.rang_us >= start + 60000);
    assert_int_equal(stopped.times, 0);
    loop_timer_start(&moved.timer, UINT64_MAX); /* very late, not at once */
    loop_turn(loop, 20000);
    assert_int_equal(moved.times, 1);
    loop_timer_stop(&moved.timer);
}

static bool out_of_memory;

static void *allocate(size_t size)
{
    return out_of_memory ? NULL : malloc(size);
}

static void *reallocate(void *old, size_t size)
{
    return out_of_memory ? NULL : realloc(old, size);
}

static void a_timer_started_without_memory_is_only_late(void **state)
{
    static struct alarm alarms[1000]; /* more than libevent has room for */
    struct loop *loop = *state;
    unsigned rang = 0;

    out_of_memory = true;
    for (size_t i = 0; i < ARRAY_LENGTH(alarms); i++) {
        loop_timer_init(loop, &alarms[i].timer, on_alarm);
        loop_timer_start(&alarms[i].timer, 1000);
    }
    loop_timer_stop(&alarms[999].timer); /* one that waits for memory */
    loop_turn(loop, 0);
    out_of_memory = false;
    for (int i = 0; i < 3; i++)
        loop_turn(loop, 50000);
    for (size_t i = 0; i < ARRAY_LENGTH(alarms); i++)
        rang += alarms[i].times;
    assert_int_equal(rang, ARRAY_LENGTH(alarms) - 1);
}

static void on_visit(struct loop_visit *visit)
{
    struct alarm *alarm = CONTAINER_OF(visit, struct alarm, visit);

    alarm->rang_us = clock_now_us();
    alarm->times++;
}

static void a_visit_comes_once_and_soon(void **state)
{
    struct loop *loop = *state;
    struct alarm visited = { 0 }, other = { 0 }, cancelled = { 0 };
    uint64_t start = clock_now_us();

    loop_visit_init(&visited.visit, on_visit);
    loop_visit_init(&other.visit, on_visit);
    loop_visit_init(&cancelled.visit, on_visit);
    loop_visit_soon(loop, &visited.visit);
    loop_visit_soon(loop, &other.visit);
    loop_visit_soon(loop, &visited.visit);
    loop_visit_soon(loop, &cancelled.visit);
    loop_visit_cancel(&cancelled.visit);
    turn_until(loop, &visited.times, 1);
    assert_true(visited.rang_us - start < CLOCK_SECOND);
    loop_turn(loop, 3 * LOOP_SOON_US);
    assert_int_equal(visited.times, 1);
    assert_int_equal(other.times, 1);
    assert_int_equal(cancelled.times, 0);
    loop_visit_soon(loop, &visited.visit); /* and again when asked again */
    turn_until(loop, &visited.times, 2);
}

static void time_stands_still_within_a_turn(void **state)
{
    struct loop *loop = *state;
    uint64_t before, now;

    loop_turn(loop, 0);
    before = loop_now_us(loop);
    usleep(2000);
    assert_int_equal(loop_now_us(loop), before);
    loop_turn(loop, 0);
    now = loop_now_us(loop);
    assert_true(now >= before + 2000);
    assert_true(now <= clock_now_us());
}

/* ---- sockets ---- */

struct watched {
    struct loop_watch watch;
    unsigned what;
    unsigned times;
    struct watched *stops; /* another watch to stop when this one is told */
};

static void on_ready(struct loop_watch *watch, unsigned what)
{
    struct watched *watched = CONTAINER_OF(watch, struct watched, watch);

    watched->what |= what;
    watched->times++;
    if (watched->stops)
        loop_watch_stop(&watched->stops->watch);
}

static void watch(struct loop *loop, struct watched *watched, int fd)
{
    *watched = (struct watched){ 0 };
    assert_int_equal(loop_watch_start(loop, &watched->watch, fd, on_ready),
                     STATUS_OK);
}

static void each_edge_is_told_once(void **state)
{
    struct loop *loop = *state;

    for (enum socket_kind kind = 0; kind < SOCKETS_KINDS; kind++) {
        struct watched watched;
        int pair[2];

        if (!sockets_have(kind))
            continue;
        sockets_pair(kind, pair);
        watch(loop, &watched, pair[0]);
        loop_turn(loop, LONG_US);
        assert_int_equal(watched.what, LOOP_WRITABLE);
        loop_turn(loop, 1000); /* still writable, but that is known */
        assert_int_equal(watched.times, 1);
        sockets_send(pair[1], "x", 1);
        loop_turn(loop, LONG_US);
        assert_int_equal(watched.what, LOOP_READABLE | LOOP_WRITABLE);
        assert_int_equal(watched.times, 2);
        loop_turn(loop, 1000);
        assert_int_equal(watched.times, 2);
        sockets_send(pair[1], "y", 1); /* more bytes: a new edge */
        loop_turn(loop, LONG_US);
        assert_int_equal(watched.times, 3);
        shutdown(pair[1], SHUT_WR);
        loop_turn(loop, LONG_US);
        assert_int_equal(watched.what,
                         LOOP_READABLE | LOOP_WRITABLE | LOOP_HUNG_UP);
        loop_watch_stop(&watched.watch);
        close(pair[0]);
        close(pair[1]);
    }
}

static void a_reset_is_readable_and_writable(void **state)
{
    struct loop *loop = *state;
    struct watched watched;
    int pair[2];

    sockets_pair(SOCKETS_V4, pair);
    watch(loop, &watched, pair[0]);
    loop_turn(loop, LONG_US);
    watched.what = 0;
    sockets_reset(pair[1]);
    loop_turn(loop, LONG_US);
    /* libevent 2.1 hides EPOLLRDHUP behind EPOLLERR: see net/connection. */
    assert_int_equal(watched.what & (LOOP_READABLE | LOOP_WRITABLE),
                     LOOP_READABLE | LOOP_WRITABLE);
    loop_watch_stop(&watched.watch);
    close(pair[0]);
}

static void a_stopped_watch_is_told_nothing(void **state)
{
    struct loop *loop = *state;
    struct watched a, b = { 0 };
    int first[2], second[2];

    loop_watch_stop(&b.watch); /* harmless when zeroed */
    sockets_pair(SOCKETS_UNIX, first);
    sockets_pair(SOCKETS_UNIX, second);
    watch(loop, &a, first[0]);
    watch(loop, &b, second[0]);
    loop_turn(loop, LONG_US);
    a.times = b.times = 0;
    a.stops = &b; /* both are ready, whoever is told first stops the other */
    b.stops = &a;
    sockets_send(first[1], "x", 1);
    sockets_send(second[1], "x", 1);
    loop_turn(loop, LONG_US);
    loop_turn(loop, 1000);
    assert_int_equal(a.times + b.times, 1);
    loop_watch_stop(&a.watch);
    loop_watch_stop(&a.watch);
    loop_watch_stop(&b.watch);
    for (int i = 0; i < 2; i++) {
        close(first[i]);
        close(second[i]);
    }
}

static void what_cannot_be_watched_is_refused(void **state)
{
    struct loop *loop = *state;
    struct watched watched = { 0 };
    FILE *file = tmpfile();

    assert_non_null(file);
    assert_int_not_equal(loop_watch_start(loop, &watched.watch, fileno(file),
                                          on_ready),
                         STATUS_OK);
    loop_watch_stop(&watched.watch); /* harmless */
    fclose(file);
}

static size_t resident_bytes(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*u %zu", &pages), 1);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

enum { MANY = 5000 }; /* pairs: ten thousand watches */

static void ten_thousand_watches_are_cheap(void **state)
{
    struct watched *watched = calloc(2 * MANY, sizeof(*watched));
    int(*pairs)[2] = calloc(MANY, sizeof(*pairs));
    struct loop *loop = *state;
    unsigned told = 0;
    size_t before;

    assert_true(watched && pairs);
    memset(watched, 1, 2 * MANY * sizeof(*watched)); /* pages of its own */
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
    before = resident_bytes();
    for (size_t i = 0; i < MANY; i++) {
        watch(loop, &watched[2 * i], pairs[i][0]);
        watch(loop, &watched[2 * i + 1], pairs[i][1]);
    }
    print_message("a watch: %zu bytes, and %zu in libevent\n",
                  sizeof(struct loop_watch),
                  (resident_bytes() - before) / (2 * MANY));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true((resident_bytes() - before) / (2 * MANY) < 200);
#endif
    for (int turn = 0; turn < 1000 && told < 2 * MANY; turn++) {
        loop_turn(loop, 1000);
        told = 0;
        for (size_t i = 0; i < 2 * MANY; i++)
            told += watched[i].times;
    }
    assert_int_equal(told, 2 * MANY);
    for (size_t i = 0; i < 2 * MANY; i++) {
        loop_watch_stop(&watched[i].watch);
        close(pairs[i / 2][i % 2]);
    }
    free(watched);
    free(pairs);
}

static void a_loop_leaves_no_descriptor_behind(void **state)
{
    size_t before = sockets_count();

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct loop *loop = loop_new();

        assert_non_null(loop);
        loop_turn(loop, 0);
        loop_free(loop);
    }
    assert_int_equal(sockets_count(), before);
}

/* ---- signals ---- */

static unsigned signals;

static void on_signal(struct loop_signal *signal, int number)
{
    assert_int_equal(number, SIGUSR1);
    signals++;
    loop_stop(signal->loop);
}

static void a_signal_is_told_in_the_loop_and_may_stop_it(void **state)
{
    struct loop *loop = *state;
    struct loop_signal watched = { 0 };

    loop_signal_stop(&watched); /* harmless */
    assert_int_equal(loop_signal_start(loop, &watched, SIGUSR1, on_signal),
                     STATUS_OK);
    kill(getpid(), SIGUSR1);
    assert_int_equal(signals, 0); /* not in the handler */
    loop_run(loop);
    assert_int_equal(signals, 1);
    kill(getpid(), SIGUSR1); /* as often as it comes */
    loop_run(loop);
    assert_int_equal(signals, 2);
    loop_signal_stop(&watched);
    loop_signal_stop(&watched);
}

/* ---- what a loop needs ---- */

static void without_descriptors_there_is_no_loop(void **state)
{
    struct rlimit limit;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    for (size_t left = 0; left < 4; left++) {
        sockets_leave(left);
        assert_null(loop_new());
    }
    sockets_leave(4);
    loop_free(loop_new());
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void without_memory_there_is_no_loop(void **state)
{
    size_t before = sockets_count();
    struct loop *loop;

    (void)state;
    out_of_memory = true;
    loop = loop_new();
    out_of_memory = false;
    assert_null(loop);
    assert_int_equal(sockets_count(), before);
}

/* ---- the library underneath ---- */

static void libraries_below_the_floor_are_refused(void **state)
{
    (void)state;
    assert_true(loop_library_is_supported(event_get_version_number()));
    assert_true(loop_library_is_supported(0x02010d00));  /* 2.1.13 */
    assert_false(loop_library_is_supported(0x02010c00)); /* 2.1.12 */
    assert_false(loop_library_is_supported(0x02020001)); /* other structs */
    assert_string_equal(loop_library_version(), event_get_version());
}

#define WITH_LOOP(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOOP(a_signal_is_told_in_the_loop_and_may_stop_it),
        WITH_LOOP(a_timer_expires_once_and_never_early),
        WITH_LOOP(a_stopped_timer_does_not_expire_and_a_moved_one_later),
        WITH_LOOP(a_timer_started_without_memory_is_only_late),
        WITH_LOOP(a_visit_comes_once_and_soon),
        WITH_LOOP(time_stands_still_within_a_turn),
        WITH_LOOP(each_edge_is_told_once),
        WITH_LOOP(a_reset_is_readable_and_writable),
        WITH_LOOP(a_stopped_watch_is_told_nothing),
        WITH_LOOP(what_cannot_be_watched_is_refused),
        WITH_LOOP(ten_thousand_watches_are_cheap),
        TEST(without_descriptors_there_is_no_loop),
        TEST(without_memory_there_is_no_loop),
        TEST(a_loop_leaves_no_descriptor_behind),
        TEST(libraries_below_the_floor_are_refused),
    };

    event_set_mem_functions(allocate, reallocate, free);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
