/* SPDX-License-Identifier: MIT */
#include "net/loop.h"

#include "base/clock.h"
#include "support/check_test.h"
#include "support/sockets.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LONG_US = 5000000 };

/* ---- what happened, in order ---- */

static char story[256];

static void tell(const char *what)
{
    size_t used = strlen(story);

    (void)snprintf(story + used, sizeof(story) - used, "%s ", what);
}

static int set_up(void **state)
{
    story[0] = '\0';
    *state = loop_new();
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    loop_free(*state);
    return 0;
}

/* ---- tasks ---- */

struct told {
    struct loop_task task;
    struct loop_deferred deferred;
    struct loop *loop;
    const char *name;
    struct loop_task *then;
    bool then_last;
};

static void run_told(struct loop_task *task)
{
    struct told *told = CONTAINER_OF(task, struct told, task);

    tell(told->name);
    if (told->then && told->then_last)
        loop_schedule_last(told->loop, told->then);
    else if (told->then)
        loop_schedule(told->loop, told->then);
}

static void told_init(struct told *told, struct loop *loop, const char *name)
{
    *told = (struct told){ .loop = loop, .name = name };
    loop_task_init(&told->task, run_told);
}

static void tasks_run_in_order_and_last_ones_last(void **state)
{
    struct loop *loop = *state;
    struct told a, b, z;

    told_init(&a, loop, "a");
    told_init(&b, loop, "b");
    told_init(&z, loop, "z");
    loop_schedule_last(loop, &z.task);
    loop_schedule(loop, &a.task);
    loop_schedule(loop, &b.task);
    loop_schedule(loop, &a.task); /* once, however often */
    loop_schedule(loop, &z.task); /* where it was scheduled first */
    loop_turn(loop, LONG_US);
    assert_string_equal(story, "a b z ");
    loop_turn(loop, 0);
    assert_string_equal(story, "a b z ");
}

static void a_task_scheduled_by_a_task_waits_for_the_next_turn(void **state)
{
    struct loop *loop = *state;
    struct told a, b;

    told_init(&a, loop, "a");
    told_init(&b, loop, "b");
    a.then = &a.task;
    b.then = &b.task;
    loop_schedule(loop, &a.task);
    loop_schedule_last(loop, &b.task);
    b.then_last = true;
    loop_turn(loop, LONG_US);
    assert_string_equal(story, "a b ");
    loop_turn(loop, LONG_US); /* does not wait: it has tasks */
    assert_string_equal(story, "a b a b ");
    loop_task_cancel(&a.task);
    loop_task_cancel(&b.task);
}

static void a_last_task_of_a_task_runs_in_the_same_turn(void **state)
{
    struct loop *loop = *state;
    struct told a, flush;

    told_init(&a, loop, "a");
    told_init(&flush, loop, "flush");
    a.then = &flush.task;
    a.then_last = true;
    loop_schedule(loop, &a.task);
    loop_turn(loop, LONG_US);
    assert_string_equal(story, "a flush ");
}

static struct told *victim;

static void run_killer(struct loop_task *task)
{
    (void)task;
    tell("killer");
    loop_task_cancel(&victim->task);
}

static void a_cancelled_task_does_not_run(void **state)
{
    struct loop *loop = *state;
    struct loop_task killer;
    struct told a;

    told_init(&a, loop, "a");
    loop_task_cancel(&a.task); /* harmless */
    loop_schedule(loop, &a.task);
    loop_task_cancel(&a.task);
    loop_turn(loop, 0);
    assert_string_equal(story, "");
    victim = &a; /* also when the tasks of this turn have begun */
    loop_task_init(&killer, run_killer);
    loop_schedule(loop, &killer);
    loop_schedule(loop, &a.task);
    loop_turn(loop, 0);
    assert_string_equal(story, "killer ");
    loop_schedule(loop, &a.task); /* and may be scheduled again */
    loop_turn(loop, 0);
    assert_string_equal(story, "killer a ");
}

static void a_turn_with_tasks_does_not_wait(void **state)
{
    struct loop *loop = *state;
    struct told a;
    uint64_t start = clock_now_us();

    told_init(&a, loop, "a");
    loop_schedule(loop, &a.task);
    loop_turn(loop, LONG_US);
    assert_true(clock_now_us() - start < LONG_US / 2);
}

static void a_turn_waits_no_longer_than_it_may(void **state)
{
    struct loop *loop = *state;
    uint64_t start = clock_now_us(), waited;

    loop_turn(loop, 50000);
    waited = clock_now_us() - start;
    assert_true(waited >= 40000); /* libevent's clock is coarse */
    assert_true(waited < LONG_US / 2);
    start = clock_now_us();
    loop_turn(loop, 0);
    assert_true(clock_now_us() - start < 40000);
}

/* ---- the end of objects ---- */

static struct told *child;

static void release_child(struct loop_deferred *deferred)
{
    (void)deferred;
    tell("child gone");
}

static void release_parent(struct loop_deferred *deferred)
{
    struct told *parent = CONTAINER_OF(deferred, struct told, deferred);

    tell("parent gone");
    loop_defer(parent->loop, &child->deferred, release_child);
}

static void deferred_objects_go_at_the_end_of_the_turn(void **state)
{
    struct loop *loop = *state;
    struct told parent, kid, z;

    told_init(&parent, loop, "parent");
    told_init(&kid, loop, "child");
    told_init(&z, loop, "z");
    child = &kid;
    loop_defer(loop, &parent.deferred, release_parent);
    loop_schedule_last(loop, &z.task);
    loop_turn(loop, LONG_US);
    assert_string_equal(story, "z parent gone child gone ");
}

static void a_loop_that_goes_away_releases_what_was_deferred(void **state)
{
    struct loop *loop = loop_new();
    struct told parent, kid;

    (void)state;
    told_init(&parent, loop, "parent");
    told_init(&kid, loop, "child");
    child = &kid;
    loop_defer(loop, &parent.deferred, release_parent);
    loop_free(loop);
    assert_string_equal(story, "parent gone child gone ");
    loop_free(NULL);
}

/* ---- messages ---- */

struct note {
    struct loop_message message;
    struct loop *loop;
    unsigned sender;
    uint64_t number;
};

static uint64_t next_number[8];
static uint64_t notes_delivered, notes_discarded;
static pthread_t delivered_in;

static void deliver_note(struct loop_message *message, bool discarded)
{
    struct note *note = CONTAINER_OF(message, struct note, message);

    if (discarded) {
        notes_discarded++;
    } else {
        notes_delivered++;
        delivered_in = pthread_self();
        assert_int_equal(note->number, next_number[note->sender]);
        next_number[note->sender]++;
    }
    free(note);
}

static void post_note(struct loop *loop, unsigned sender, uint64_t number)
{
    struct note *note = malloc(sizeof(*note));

    if (!note)
        abort();
    *note = (struct note){ .message = { .deliver = deliver_note },
                           .sender = sender,
                           .number = number };
    loop_post(loop, &note->message);
}

enum { SENDERS = 4, NOTES = 20000 };

struct sender {
    struct loop *loop;
    unsigned number;
};

static void *send_notes(void *context)
{
    struct sender *sender = context;

    for (uint64_t i = 0; i < NOTES; i++)
        post_note(sender->loop, sender->number, i);
    return NULL;
}

static void forget_notes(void)
{
    notes_delivered = notes_discarded = 0;
    memset(next_number, 0, sizeof(next_number));
}

static void messages_of_a_sender_arrive_once_and_in_order(void **state)
{
    struct loop *loop = *state;
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS];
    uint64_t deadline = clock_now_us() + 60 * CLOCK_SECOND;

    forget_notes();
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){ .loop = loop, .number = i };
        assert_int_equal(pthread_create(&threads[i], NULL, send_notes,
                                        &senders[i]),
                         0);
    }
    /* A lost wake-up would make a turn wait its five seconds. */
    while (notes_delivered < SENDERS * NOTES && clock_now_us() < deadline)
        loop_turn(loop, LONG_US);
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(notes_delivered, SENDERS * NOTES);
    assert_true(pthread_equal(delivered_in, pthread_self()));
}

static void *post_one_late(void *context)
{
    usleep(50000);
    post_note(context, 0, 0);
    return NULL;
}

static void a_message_ends_a_wait(void **state)
{
    struct loop *loop = *state;
    uint64_t start = clock_now_us();
    pthread_t thread;

    forget_notes();
    assert_int_equal(pthread_create(&thread, NULL, post_one_late, loop), 0);
    while (notes_delivered == 0 && clock_now_us() - start < LONG_US)
        loop_turn(loop, LONG_US);
    pthread_join(thread, NULL);
    assert_true(clock_now_us() - start < LONG_US / 2);
}

static void undelivered_messages_are_discarded(void **state)
{
    struct loop *loop = loop_new();

    (void)state;
    forget_notes();
    post_note(loop, 0, 0);
    post_note(loop, 0, 1);
    loop_free(loop);
    assert_int_equal(notes_delivered, 0);
    assert_int_equal(notes_discarded, 2);
}

static void deliver_and_answer(struct loop_message *message, bool discarded)
{
    struct note *note = CONTAINER_OF(message, struct note, message);

    (void)discarded;
    tell("delivered");
    if (note->number-- > 0)
        loop_post(note->loop, message);
}

static void a_message_posted_by_a_message_waits_for_the_next_turn(void **state)
{
    struct loop *loop = *state;
    struct note note = { .message = { .deliver = deliver_and_answer },
                         .loop = loop,
                         .number = 1 };

    loop_post(loop, &note.message);
    loop_turn(loop, LONG_US);
    assert_string_equal(story, "delivered ");
    loop_turn(loop, LONG_US);
    assert_string_equal(story, "delivered delivered ");
}

/* A baton that a ring of threads, each with its loop, passes on. */
enum { RING = 3, LAPS = 2000 };

static struct loop *_Atomic ring[RING];

struct baton {
    struct loop_message message;
    unsigned passed;
};

static void pass_on(struct loop_message *message, bool discarded)
{
    struct baton *baton = CONTAINER_OF(message, struct baton, message);

    assert_false(discarded);
    if (++baton->passed < RING * LAPS)
        loop_post(ring[baton->passed % RING], message);
    else
        for (int i = 0; i < RING; i++)
            loop_stop(ring[i]);
}

static void *run_one_of_ring(void *context)
{
    loop_run(*(struct loop * _Atomic *)context);
    return NULL;
}

static void loops_of_many_threads_post_to_each_other(void **state)
{
    struct baton baton = { .message = { .deliver = pass_on } };
    pthread_t threads[RING];

    (void)state;
    for (int i = 0; i < RING; i++) {
        ring[i] = loop_new();
        assert_non_null(ring[i]);
    }
    for (int i = 0; i < RING; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_one_of_ring,
                                        &ring[i]),
                         0);
    loop_post(ring[0], &baton.message);
    for (int i = 0; i < RING; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(baton.passed, RING * LAPS);
    for (int i = 0; i < RING; i++)
        loop_free(ring[i]);
}

/* ---- stopping ---- */

static void *stop_soon(void *context)
{
    usleep(20000);
    loop_stop(context);
    return NULL;
}

static void any_thread_may_stop_a_loop(void **state)
{
    struct loop *loop = *state;
    pthread_t thread;

    for (int i = 0; i < 3; i++) { /* it can be run again */
        assert_int_equal(pthread_create(&thread, NULL, stop_soon, loop), 0);
        loop_run(loop);
        pthread_join(thread, NULL);
    }
    loop_stop(loop);
    loop_run(loop); /* a stop that came before counts */
}

static void on_signal(struct loop_signal *signal, int number)
{
    assert_int_equal(number, SIGUSR1);
    tell("signal");
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
    assert_string_equal(story, "");
    loop_run(loop);
    assert_string_equal(story, "signal ");
    kill(getpid(), SIGUSR1); /* as often as it comes */
    loop_run(loop);
    assert_string_equal(story, "signal signal ");
    loop_signal_stop(&watched);
    loop_signal_stop(&watched);
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
        WITH_LOOP(tasks_run_in_order_and_last_ones_last),
        WITH_LOOP(a_task_scheduled_by_a_task_waits_for_the_next_turn),
        WITH_LOOP(a_last_task_of_a_task_runs_in_the_same_turn),
        WITH_LOOP(a_cancelled_task_does_not_run),
        WITH_LOOP(a_turn_with_tasks_does_not_wait),
        WITH_LOOP(a_turn_waits_no_longer_than_it_may),
        WITH_LOOP(deferred_objects_go_at_the_end_of_the_turn),
        WITH_LOOP(a_loop_that_goes_away_releases_what_was_deferred),
        WITH_LOOP(messages_of_a_sender_arrive_once_and_in_order),
        WITH_LOOP(a_message_ends_a_wait),
        WITH_LOOP(undelivered_messages_are_discarded),
        WITH_LOOP(a_message_posted_by_a_message_waits_for_the_next_turn),
        TEST(loops_of_many_threads_post_to_each_other),
        WITH_LOOP(any_thread_may_stop_a_loop),
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
        TEST(a_loop_leaves_no_descriptor_behind),
        TEST(libraries_below_the_floor_are_refused),
    };

    event_set_mem_functions(allocate, reallocate, free);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
