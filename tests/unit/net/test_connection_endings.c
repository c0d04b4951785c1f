/* SPDX-License-Identifier: MIT */
/*
 * No end of file before all bytes, and no reset or end that is missed: every
 * way a connection can end, with real sockets.
 */
#include "connection_end.h"

#include <errno.h>
#include <sys/socket.h>

/* When, in the life of our end, the other end does what it does. */
enum moment { BEFORE_OPEN, BEFORE_FIRST_TURN, WHEN_SETTLED, MOMENTS };

/*
 * Do |act| to the other end at |moment|, and turn until ours has noticed; the
 * other end's socket.
 */
static int end_noticing(struct end *end, enum socket_kind kind,
                        enum moment moment, void (*act)(int fd))
{
    int pair[2];

    sockets_pair(kind, pair);
    if (moment == BEFORE_OPEN) {
        act(pair[1]);
        usleep(1000);
    }
    end_open(end, pair[0]);
    if (moment == WHEN_SETTLED)
        end_settle(end);
    if (moment != BEFORE_OPEN) {
        act(pair[1]);
        usleep(1000); /* so that all of it is one event */
    }
    end_turn_until(end, &end->is_over);
    return pair[1];
}

/* ---- the other end finishes ---- */

static void send_and_finish(int fd)
{
    sockets_send(fd, "last words", 10);
    shutdown(fd, SHUT_WR);
}

static void finish_only(int fd)
{
    shutdown(fd, SHUT_WR);
}

static void a_fin_behind_bytes_is_read_behind_them(void **state)
{
    (void)state;
    EACH_KIND(kind)
    for (enum moment moment = 0; moment < MOMENTS; moment++) {
        struct end end;
        int far = end_noticing(&end, kind, moment, send_and_finish);

        assert_int_equal(end.status, STATUS_CLOSED);
        assert_int_equal(end.read_bytes, 10);
        assert_true(end.connection.ended);
        assert_int_equal(end.connection.failed, STATUS_OK);
        end_read(&end); /* and so it stays */
        assert_int_equal(end.status, STATUS_CLOSED);
        end_clear(&end);
        close(far);
    }
}

/* LOOP_HUNG_UP comes with the bytes: nothing has to be looked at later. */
static void a_fin_behind_bytes_is_read_in_the_same_turn(void **state)
{
    (void)state;
    EACH_KIND(kind)
    {
        struct end end;
        int far = end_meet(&end, kind);

        end_settle(&end);
        send_and_finish(far);
        usleep(1000);
        loop_turn(end.loop, CLOCK_SECOND);
        assert_int_equal(end.status, STATUS_CLOSED);
        assert_int_equal(end.wasted, 0);
        end_clear(&end);
        close(far);
    }
}

static void a_fin_alone_is_read(void **state)
{
    (void)state;
    EACH_KIND(kind)
    for (enum moment moment = 0; moment < MOMENTS; moment++) {
        struct end end;
        int far = end_noticing(&end, kind, moment, finish_only);

        assert_int_equal(end.status, STATUS_CLOSED);
        assert_int_equal(end.read_bytes, 0);
        end_clear(&end);
        close(far);
    }
}

static void a_fin_after_a_drained_read_is_read(void **state)
{
    (void)state;
    EACH_KIND(kind)
    {
        struct end end;
        int far = end_meet(&end, kind);

        end_settle(&end);
        sockets_send(far, "x", 1);
        end_turn_until_read(&end, 1);
        assert_false(end.connection.readable);
        shutdown(far, SHUT_WR);
        end_turn_until(&end, &end.is_over);
        assert_int_equal(end.status, STATUS_CLOSED);
        end_clear(&end);
        close(far);
    }
}

static void a_fin_behind_more_than_one_read_is_read(void **state)
{
    (void)state;
    EACH_KIND(kind)
    for (size_t room = 1; room <= 12; room++) {
        struct end end;
        int pair[2];

        sockets_pair(kind, pair);
        send_and_finish(pair[1]);
        end_open(&end, pair[0]);
        end.room = room; /* some divide the ten bytes, some do not */
        end_turn_until(&end, &end.is_over);
        assert_int_equal(end.status, STATUS_CLOSED);
        assert_int_equal(end.read_bytes, 10);
        end_clear(&end);
        close(pair[1]);
    }
}

/* ---- the other end resets ---- */

static void finish_and_reset(int fd)
{
    send_and_finish(fd);
    usleep(1000);
    sockets_reset(fd);
}

static void send_and_reset(int fd)
{
    sockets_send(fd, "last words", 10);
    usleep(1000); /* a reset overtakes what is not sent yet */
    sockets_reset(fd);
}

static void a_reset_behind_bytes_is_read_behind_them(void **state)
{
    (void)state;
    EACH_TCP(kind)
    for (enum moment moment = 0; moment < MOMENTS; moment++) {
        struct end end;

        (void)end_noticing(&end, kind, moment, send_and_reset);
        assert_int_equal(end.status, STATUS_RESET);
        assert_int_equal(end.read_bytes, 10);
        assert_false(end.connection.ended);
        end_read(&end); /* the kernel would say "end of file" now */
        assert_int_equal(end.status, STATUS_RESET);
        end_clear(&end);
    }
}

static void a_reset_alone_is_read(void **state)
{
    (void)state;
    EACH_TCP(kind)
    for (enum moment moment = 0; moment < MOMENTS; moment++) {
        struct end end;

        (void)end_noticing(&end, kind, moment, sockets_reset);
        assert_int_equal(end.status, STATUS_RESET);
        assert_int_equal(end.connection.failed, STATUS_RESET);
        end_clear(&end);
    }
}

/* Whoever has no room to read into asks. */
static void a_reset_shows_though_nobody_reads(void **state)
{
    static void (*const acts[])(int fd) = { send_and_finish, finish_only,
                                            sockets_reset, send_and_reset,
                                            finish_and_reset };

    (void)state;
    EACH_TCP(kind)
    for (size_t i = 0; i < ARRAY_LENGTH(acts); i++) {
        struct end end;
        int far = end_meet(&end, kind);

        end.is_over = true; /* so that it does not read */
        end_settle(&end);
        assert_false(connection_has_failed(&end.connection));
        acts[i](far);
        end_settle(&end);
        assert_int_equal(connection_has_failed(&end.connection), i >= 2);
        end_clear(&end);
        if (i < 2)
            close(far);
    }
}

/* A Unix socket that is closed before all was read resets the other. */
static void bytes_a_unix_peer_never_read_are_a_reset(void **state)
{
    struct end end;
    int far = end_meet(&end, SOCKETS_UNIX);
    size_t bytes;

    (void)state;
    assert_int_equal(end_write(&end, "unread", &bytes), STATUS_OK);
    assert_int_equal(bytes, 6);
    end_settle(&end);
    sockets_send(far, "last words", 10);
    close(far);
    end_turn_until(&end, &end.is_over);
    assert_int_equal(end.status, STATUS_RESET);
    assert_int_equal(end.read_bytes, 10);
    end_clear(&end);
}

/* The bytes and the FIN have all arrived: the reset spoils only writing. */
static void a_reset_behind_a_fin_spoils_only_writing(void **state)
{
    (void)state;
    EACH_TCP(kind)
    for (enum moment moment = 0; moment < MOMENTS; moment++) {
        struct end end;
        size_t bytes;

        (void)end_noticing(&end, kind, moment, finish_and_reset);
        assert_int_equal(end.status, STATUS_CLOSED);
        assert_int_equal(end.read_bytes, 10);
        assert_int_equal(end.connection.failed, STATUS_RESET);
        assert_int_equal(end_write(&end, "x", &bytes), STATUS_RESET);
        assert_int_equal(connection_flush(&end.connection, &bytes),
                         STATUS_RESET);
        end_clear(&end);
    }
}

static void a_reset_after_the_end_was_read_is_told(void **state)
{
    (void)state;
    EACH_TCP(kind)
    {
        struct end end;
        int far = end_noticing(&end, kind, WHEN_SETTLED, send_and_finish);
        size_t bytes;

        end_settle(&end);
        assert_int_equal(end.connection.failed, STATUS_OK);
        end.tasks = 0;
        sockets_reset(far);
        AWAIT_IN(end.loop, end.tasks > 0);
        assert_int_equal(end.connection.failed, STATUS_RESET);
        assert_int_equal(connection_flush(&end.connection, &bytes),
                         STATUS_RESET);
        end_clear(&end);
    }
}

/* The kernel gives its error to whoever asks first, then "end of file". */
static void a_reset_a_write_was_told_of_does_not_become_an_end(void **state)
{
    (void)state;
    EACH_TCP(kind)
    {
        struct end end;
        int far = end_meet(&end, kind);
        size_t bytes;

        end_settle(&end);
        send_and_reset(far);
        usleep(1000);
        assert_int_equal(end_write(&end, "x", &bytes),
                         STATUS_RESET); /* and no SIGPIPE */
        assert_int_equal(connection_finish(&end.connection), STATUS_RESET);
        end_turn_until(&end, &end.is_over);
        assert_int_equal(end.read_bytes, 10);
        assert_int_equal(end.status, STATUS_RESET);
        assert_false(end.connection.ended);
        end_clear(&end);
    }
}

/* Here the kernel would send SIGPIPE, which would end the test. */
static void writing_to_who_is_gone_is_a_reset_and_no_signal(void **state)
{
    char a[] = "a", b[] = "b";
    struct iovec parts[2] = { { a, 1 }, { b, 1 } };

    (void)state;
    EACH_KIND(kind)
    for (int count = 1; count <= 2; count++) {
        struct end end;
        int far = end_meet(&end, kind);
        size_t bytes;

        end_settle(&end);
        if (kind == SOCKETS_UNIX)
            close(far);
        else
            finish_and_reset(far);
        usleep(1000);
        assert_int_equal(connection_write(&end.connection, parts, count,
                                          &bytes),
                         STATUS_RESET);
        assert_int_equal(bytes, 0);
        end_clear(&end);
    }
}

static void a_finish_on_a_reset_connection_is_a_reset(void **state)
{
    struct end end;
    int far = end_meet(&end, SOCKETS_V4);

    (void)state;
    sockets_reset(far);
    usleep(1000);
    assert_int_equal(connection_finish(&end.connection), STATUS_RESET);
    assert_false(end.connection.finished);
    end_clear(&end);
}

/* ---- our end finishes ---- */

static void our_fin_goes_behind_the_queue_and_leaves_reading_open(void **state)
{
    (void)state;
    EACH_KIND(kind)
    {
        char text[16];
        struct end end;
        int far = end_meet(&end, kind);
        size_t bytes;
        int error;

        assert_int_equal(connection_queue(&end.connection,
                                          (const uint8_t *)"request", 7),
                         STATUS_OK);
        assert_int_equal(connection_finish(&end.connection), STATUS_OK);
        assert_false(end.connection.finished);
        assert_int_equal(connection_flush(&end.connection, &bytes), STATUS_OK);
        assert_true(end.connection.finished);
        assert_int_equal(connection_finish(&end.connection), STATUS_OK);
        sockets_receive(far, text, 7);
        assert_memory_equal(text, "request", 7);
        assert_int_equal(sockets_drain(far, &error), 0);
        assert_int_equal(error, 0);
        sockets_send(far, "late answer", 11);
        end_turn_until_read(&end, 11);
        shutdown(far, SHUT_WR);
        end_turn_until(&end, &end.is_over);
        assert_int_equal(end.status, STATUS_CLOSED);
        connection_close_in_order(&end.connection);
        end_clear(&end);
        close(far);
    }
}

static void a_reset_of_ours_is_a_reset_there(void **state)
{
    (void)state;
    EACH_TCP(kind)
    {
        struct end end;
        int far = end_meet(&end, kind);
        int error;

        connection_reset(&end.connection);
        connection_reset(&end.connection);
        connection_close_in_order(&end.connection);
        assert_int_equal(sockets_drain(far, &error), 0);
        assert_int_equal(error, ECONNRESET);
        end_clear(&end);
        close(far);
    }
}

static void closing_with_bytes_queued_is_a_reset_all_the_same(void **state)
{
    struct end end;
    int far = end_meet(&end, SOCKETS_V4);
    int error;

    (void)state;
    assert_int_equal(connection_queue(&end.connection, (const uint8_t *)"lost",
                                      4),
                     STATUS_OK);
    connection_close_in_order(&end.connection);
    assert_int_equal(sockets_drain(far, &error), 0);
    assert_int_equal(error, ECONNRESET);
    end_clear(&end);
    close(far);
}

static void a_closed_connection_is_not_looked_at_again(void **state)
{
    struct end end;
    int far = end_meet(&end, SOCKETS_V4);
    unsigned tasks;

    (void)state;
    sockets_send(far, "x", 1);
    end_turn_until_read(&end, 1);
    connection_reset(&end.connection);
    tasks = end.tasks;
    end_settle(&end);
    assert_int_equal(end.tasks, tasks);
    assert_false(end.connection.readable);
    end_clear(&end);
    close(far);
}

static void ends_leave_no_descriptor_behind(void **state)
{
    size_t before = sockets_count();

    (void)state;
    EACH_KIND(kind)
    for (int in_order = 0; in_order < 2; in_order++) {
        struct end end;
        int far = end_meet(&end, kind);

        if (in_order)
            connection_close_in_order(&end.connection);
        else
            connection_reset(&end.connection);
        assert_int_equal(end.connection.fd, -1);
        end_settle(&end);
        end_clear(&end);
        close(far);
    }
    assert_int_equal(sockets_count(), before);
}

RUN_TESTS(TEST(a_fin_behind_bytes_is_read_behind_them),
          TEST(a_fin_behind_bytes_is_read_in_the_same_turn),
          TEST(a_fin_alone_is_read), TEST(a_fin_after_a_drained_read_is_read),
          TEST(a_fin_behind_more_than_one_read_is_read),
          TEST(a_reset_behind_bytes_is_read_behind_them),
          TEST(a_reset_alone_is_read), TEST(a_reset_shows_though_nobody_reads),
          TEST(bytes_a_unix_peer_never_read_are_a_reset),
          TEST(a_reset_behind_a_fin_spoils_only_writing),
          TEST(a_reset_after_the_end_was_read_is_told),
          TEST(a_reset_a_write_was_told_of_does_not_become_an_end),
          TEST(writing_to_who_is_gone_is_a_reset_and_no_signal),
          TEST(a_finish_on_a_reset_connection_is_a_reset),
          TEST(our_fin_goes_behind_the_queue_and_leaves_reading_open),
          TEST(a_reset_of_ours_is_a_reset_there),
          TEST(closing_with_bytes_queued_is_a_reset_all_the_same),
          TEST(a_closed_connection_is_not_looked_at_again),
          TEST(ends_leave_no_descriptor_behind))
