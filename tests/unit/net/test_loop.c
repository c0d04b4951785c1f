/* SPDX-License-Identifier: MIT */
/* Turns: tasks, messages, stopping; events are in test_loop_events.c. */
#include "net/loop.h"

#include "base/clock.h"
#include "support/check_test.h"
#include <pthread.h>
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
