/* SPDX-License-Identifier: MIT */
#include "discovery/level_watch.h"
#include "support/check_test.h"
#include <unistd.h>

struct fixture {
    struct level_watch watch;
    struct loop *loop;
    int pipe[2];
    unsigned told;
    unsigned what;
    bool takes; /* a byte, each time */
    bool stops;
};

static void on_ready(struct level_watch *watch, unsigned what)
{
    struct fixture *fixture = CONTAINER_OF(watch, struct fixture, watch);
    char byte;

    fixture->told++;
    fixture->what = what;
    if (fixture->takes)
        assert_int_equal(read(watch->fd, &byte, 1), 1);
    if (fixture->stops)
        level_watch_stop(watch);
}

static void start(struct fixture *fixture, unsigned wanted)
{
    *fixture = (struct fixture){ .loop = loop_new() };
    assert_int_equal(pipe(fixture->pipe), 0);
    assert_int_equal(level_watch_start(fixture->loop, &fixture->watch,
                                       fixture->pipe[0], wanted, on_ready),
                     STATUS_OK);
}

static void stop(struct fixture *fixture)
{
    level_watch_stop(&fixture->watch);
    close(fixture->pipe[0]);
    close(fixture->pipe[1]);
    loop_free(fixture->loop);
}

static void turn(struct fixture *fixture, int turns)
{
    for (int i = 0; i < turns; i++)
        loop_turn(fixture->loop, 1000);
}

static void it_tells_as_long_as_there_is_something(void **state)
{
    struct fixture fixture;

    (void)state;
    start(&fixture, LOOP_READABLE);
    fixture.takes = true;
    turn(&fixture, 5);
    assert_int_equal(fixture.told, 0);
    /* One edge, three bytes, one byte a time. */
    assert_int_equal(write(fixture.pipe[1], "abc", 3), 3);
    turn(&fixture, 20);
    assert_int_equal(fixture.told, 3);
    assert_int_equal(fixture.what, LOOP_READABLE);
    stop(&fixture);
}

static void what_is_not_wanted_is_not_told(void **state)
{
    struct fixture fixture;

    (void)state;
    start(&fixture, 0);
    assert_int_equal(write(fixture.pipe[1], "a", 1), 1);
    turn(&fixture, 5);
    assert_int_equal(fixture.told, 0);
    fixture.takes = true;
    level_watch_want(&fixture.watch, LOOP_READABLE);
    turn(&fixture, 5);
    assert_int_equal(fixture.told, 1);
    stop(&fixture);
}

static void the_end_of_the_other_side_is_told(void **state)
{
    struct fixture fixture;

    (void)state;
    start(&fixture, LOOP_READABLE);
    fixture.stops = true;
    close(fixture.pipe[1]);
    fixture.pipe[1] = -1;
    turn(&fixture, 5);
    assert_int_equal(fixture.told, 1);
    stop(&fixture);
}

static void it_may_be_stopped_from_within_and_twice(void **state)
{
    struct fixture fixture;
    struct level_watch zeroed = { 0 };

    (void)state;
    start(&fixture, LOOP_READABLE);
    fixture.stops = true;
    assert_int_equal(write(fixture.pipe[1], "abc", 3), 3);
    turn(&fixture, 10);
    assert_int_equal(fixture.told, 1);
    level_watch_stop(&fixture.watch);
    level_watch_stop(&zeroed);
    stop(&fixture);
}

RUN_TESTS(TEST(it_tells_as_long_as_there_is_something),
          TEST(what_is_not_wanted_is_not_told),
          TEST(the_end_of_the_other_side_is_told),
          TEST(it_may_be_stopped_from_within_and_twice))
