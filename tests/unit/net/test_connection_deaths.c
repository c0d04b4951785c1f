/* SPDX-License-Identifier: MIT */
/*
 * What the other end sees when our process is killed: a reset, unless all had
 * arrived or was in the kernel's hands with its end.
 */
#include "connection_end.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum way {
    DIE_OPEN,     /* some bytes sent */
    DIE_FINISHED, /* and our FIN, but the other end's not read */
    DIE_CLOSED    /* closed in order, megabytes still in the kernel */
};

/* In the child: what the kernel has taken is told through |tell|. */
static _Noreturn void live_and_die(int fd, int tell, enum way way)
{
    static uint8_t bytes[100000];
    struct iovec part = { .iov_base = bytes, .iov_len = sizeof(bytes) };
    size_t total = 0, taken;
    struct end end;

    end_open(&end, fd);
    do {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = sockets_byte_at(total + i);
        if (connection_write(&end.connection, &part, 1, &taken) != STATUS_OK)
            abort();
        total += taken;
    } while (end.connection.writable && way == DIE_CLOSED &&
             total < 64 * 1024 * 1024);
    if (way != DIE_OPEN && connection_finish(&end.connection) != STATUS_OK)
        abort();
    if (way == DIE_CLOSED) {
        end_turn_until(&end, &end.is_over);
        connection_close_in_order(&end.connection);
    }
    if (write(tell, &total, sizeof(total)) != sizeof(total))
        abort();
    raise(SIGKILL);
    abort();
}

/* The other end's view of it; false if a byte was not where it belongs. */
static bool drain_verified(int fd, size_t *total, int *error)
{
    static uint8_t bytes[50000];
    ssize_t got;

    for (*total = 0; (got = read(fd, bytes, sizeof(bytes))) > 0;
         *total += (size_t)got)
        for (size_t i = 0; i < (size_t)got; i++)
            if (bytes[i] != sockets_byte_at(*total + i))
                return false;
    *error = got < 0 ? errno : 0;
    return true;
}

struct death {
    size_t taken;    /* by the dead process's kernel */
    size_t received; /* by the other end */
    int error;       /* that ended it there; 0: end of file */
};

static struct death die(enum socket_kind kind, enum way way)
{
    struct death death = { 0 };
    int pair[2], tell[2], outcome;
    pid_t child;

    sockets_pair(kind, pair);
    assert_int_equal(pipe(tell), 0);
    if (way == DIE_CLOSED)
        shutdown(pair[1], SHUT_WR);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(pair[1]);
        live_and_die(pair[0], tell[1], way);
    }
    close(pair[0]);
    close(tell[1]);
    assert_int_equal(read(tell[0], &death.taken, sizeof(death.taken)),
                     sizeof(death.taken));
    assert_int_equal(waitpid(child, &outcome, 0), child);
    assert_int_equal(WTERMSIG(outcome), SIGKILL);
    assert_true(drain_verified(pair[1], &death.received, &death.error));
    close(pair[1]);
    close(tell[0]);
    return death;
}

static void a_process_that_dies_resets_its_connections(void **state)
{
    (void)state;
    EACH_TCP(kind)
    {
        struct death death = die(kind, DIE_OPEN);

        assert_true(death.taken > 0);
        assert_int_equal(death.error, ECONNRESET);
    }
}

/* All is there and so is its end: nothing is truncated. */
static void a_process_that_dies_after_its_fin_does_not_truncate(void **state)
{
    (void)state;
    EACH_TCP(kind)
    {
        struct death death = die(kind, DIE_FINISHED);

        if (death.error == 0)
            assert_int_equal(death.received, death.taken);
        else
            assert_int_equal(death.error, ECONNRESET);
    }
}

static void what_was_closed_in_order_arrives_though_we_die(void **state)
{
    (void)state;
    EACH_KIND(kind)
    {
        struct death death = die(kind, DIE_CLOSED);

        if (kind != SOCKETS_UNIX)
            assert_true(death.taken > 1024 * 1024);
        assert_int_equal(death.error, 0);
        assert_int_equal(death.received, death.taken);
    }
}

RUN_TESTS(TEST(a_process_that_dies_resets_its_connections),
          TEST(a_process_that_dies_after_its_fin_does_not_truncate),
          TEST(what_was_closed_in_order_arrives_though_we_die))
