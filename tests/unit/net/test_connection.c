/* SPDX-License-Identifier: MIT */
/* Bytes; how connections end is in test_connection_endings.c. */
#include "connection_end.h"

#include "base/random.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

/* ---- reading ---- */

static void bytes_are_read_as_they_come(void **state)
{
    (void)state;
    EACH_KIND(kind)
    {
        struct end end;
        int pair[2];

        sockets_pair(kind, pair);
        sockets_send(pair[1], "before", 6);
        end_open(&end, pair[0]);
        end_turn_until_read(&end, 6);
        sockets_send(pair[1], " after", 6);
        end_turn_until_read(&end, 12);
        assert_memory_equal(end.text, "before after", 12);
        end_clear(&end);
        close(pair[1]);
    }
}

/* The point of it all: one system call a message, not two. */
static void a_drained_socket_is_not_asked_again(void **state)
{
    (void)state;
    EACH_KIND(kind)
    {
        struct end end;
        int far = end_meet(&end, kind);
        uint64_t start;

        end_settle(&end);
        end.wasted = 0;
        start = clock_now_us();
        for (size_t i = 1; i <= 500; i++) {
            sockets_send(far, "x", 1);
            end_turn_until_read(&end, i);
        }
        /* But for one read each 20 ms, in case something was hidden. */
        assert_true(end.wasted <= (clock_now_us() - start) / LOOP_SOON_US + 1);
        end_clear(&end);
        close(far);
    }
}

static void an_idle_connection_costs_nothing(void **state)
{
    struct end end;
    int far = end_meet(&end, SOCKETS_V4);
    unsigned tasks;

    (void)state;
    sockets_send(far, "x", 1);
    end_turn_until_read(&end, 1);
    end_settle(&end);
    tasks = end.tasks;
    end_settle(&end);
    assert_int_equal(end.tasks, tasks);
    end_clear(&end);
    close(far);
}

static void a_read_fills_its_parts_in_order(void **state)
{
    char first[3], second[2], third[10];
    struct iovec parts[] = { { first, sizeof(first) },
                             { second, sizeof(second) },
                             { third, sizeof(third) } };
    struct end end;
    int far = end_meet(&end, SOCKETS_V4);
    size_t bytes;

    (void)state;
    end.is_over = true; /* the test reads */
    sockets_send(far, "abcdefg", 7);
    while (!end.connection.readable)
        loop_turn(end.loop, CLOCK_SECOND);
    assert_int_equal(connection_read(&end.connection, parts, 3, &bytes),
                     STATUS_OK);
    assert_int_equal(bytes, 7);
    assert_memory_equal(first, "abc", 3);
    assert_memory_equal(second, "de", 2);
    assert_memory_equal(third, "fg", 2);
    assert_int_equal(connection_read(&end.connection, parts, 3, &bytes),
                     STATUS_OK);
    assert_int_equal(bytes, 0);
    end_clear(&end);
    close(far);
}

static void a_full_read_is_followed_by_another(void **state)
{
    struct end end;
    int far = end_meet(&end, SOCKETS_V4);

    (void)state;
    end.room = 4;
    sockets_send(far, "abcdefgh", 8);
    end_turn_until_read(&end, 8);
    end_clear(&end);
    close(far);
}

static void urgent_bytes_are_bytes_of_the_stream(void **state)
{
    struct end end;
    int far = end_meet(&end, SOCKETS_V4);

    (void)state;
    end_settle(&end);
    sockets_send(far, "ab", 2);
    assert_int_equal(send(far, "C", 1, MSG_OOB), 1);
    sockets_send(far, "de", 2);
    usleep(10000); /* so that all of it is one event */
    end_turn_until_read(&end, 5);
    assert_memory_equal(end.text, "abCde", 5);
    end_clear(&end);
    close(far);
}

static void send_descriptor(int through, const char *text, int fd)
{
    struct iovec part = { .iov_base = (void *)(uintptr_t)text,
                          .iov_len = strlen(text) };
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = { .room = { 0 } };
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = control.room,
                              .msg_controllen = sizeof(control.room) };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
    assert_int_equal(sendmsg(through, &message, 0), strlen(text));
}

/* The kernel ends a read behind them, though more has arrived. */
static void passed_descriptors_neither_stall_nor_stay(void **state)
{
    size_t before;
    struct end end;
    int far = end_meet(&end, SOCKETS_UNIX);

    (void)state;
    end_settle(&end);
    before = sockets_count();
    send_descriptor(far, "ab", 0);
    sockets_send(far, "cd", 2);
    send_descriptor(far, "ef", 0);
    sockets_send(far, "gh", 2);
    end_turn_until_read(&end, 8);
    assert_memory_equal(end.text, "abcdefgh", 8);
    assert_int_equal(sockets_count(), before);
    end_clear(&end);
    close(far);
}

/* ---- writing ---- */

static void queue_text(struct end *end, const char *text)
{
    assert_int_equal(connection_queue(&end->connection, (const uint8_t *)text,
                                      strlen(text)),
                     STATUS_OK);
}

static void what_is_queued_before_there_is_a_socket_is_sent_first(void **state)
{
    char text[13];
    struct end end;
    size_t bytes;
    int pair[2];

    (void)state;
    end_init(&end);
    queue_text(&end, "hello ");
    assert_int_equal(connection_flush(&end.connection, &bytes), STATUS_OK);
    assert_int_equal(bytes, 0);
    sockets_pair(SOCKETS_V4, pair);
    assert_int_equal(connection_open(&end.connection, pair[0]), STATUS_OK);
    /* Nothing overtakes the queue. */
    assert_int_equal(end_write(&end, "world", &bytes), STATUS_OK);
    assert_int_equal(bytes, 0);
    assert_int_equal(connection_flush(&end.connection, &bytes), STATUS_OK);
    assert_int_equal(bytes, 6);
    assert_int_equal(end_write(&end, "world", &bytes), STATUS_OK);
    assert_int_equal(bytes, 5);
    sockets_receive(pair[1], text, 11);
    assert_memory_equal(text, "hello world", 11);
    end_clear(&end);
    close(pair[1]);
}

static void without_a_socket_nothing_is_read_or_written(void **state)
{
    char room[8];
    struct iovec part = { .iov_base = room, .iov_len = sizeof(room) };
    struct end end;
    size_t bytes;

    (void)state;
    end_init(&end);
    assert_int_equal(connection_read(&end.connection, &part, 1, &bytes),
                     STATUS_OK);
    assert_int_equal(bytes, 0);
    assert_int_equal(connection_write(&end.connection, &part, 1, &bytes),
                     STATUS_OK);
    assert_int_equal(bytes, 0);
    assert_int_equal(connection_unacknowledged(&end.connection), 0);
    queue_text(&end, "dropped");
    assert_int_equal(connection_finish(&end.connection), STATUS_OK);
    assert_false(end.connection.finished);
    end_clear(&end); /* which checks that the queue is dropped */
}

static void a_full_pool_refuses_to_queue(void **state)
{
    static const uint8_t bytes[100000];
    struct end end;

    (void)state;
    end_init(&end);
    end.pool.max_bytes = 50000;
    queue_text(&end, "abc");
    assert_int_equal(connection_queue(&end.connection, bytes, sizeof(bytes)),
                     STATUS_NO_MEMORY);
    assert_int_equal(end.connection.queue.bytes, 3);
    end_clear(&end);
}

/* Fill the kernel's buffers; what it took. */
static size_t fill(struct end *end, size_t part_bytes)
{
    static uint8_t bytes[262144];
    size_t total = 0, taken;

    do {
        struct iovec parts[2] = {
            { .iov_base = bytes, .iov_len = part_bytes },
            { .iov_base = bytes + part_bytes, .iov_len = part_bytes },
        };

        for (size_t i = 0; i < 2 * part_bytes; i++)
            bytes[i] = sockets_byte_at(total + i);
        assert_int_equal(connection_write(&end->connection, parts, 2, &taken),
                         STATUS_OK);
        total += taken;
    } while (end->connection.writable && total < 64 * 1024 * 1024);
    assert_false(end->connection.writable);
    return total;
}

static void a_full_socket_is_writable_again_once_it_is_read(void **state)
{
    static uint8_t bytes[65536];

    (void)state;
    EACH_KIND(kind)
    {
        struct end end;
        int far = end_meet(&end, kind);
        size_t filled;

        end_settle(&end);
        filled = fill(&end, 100000);
        end_settle(&end);
        /* The kernel makes room by itself, and the second look finds it. */
        for (int i = 0; i < 100 && end.connection.writable; i++) {
            filled += fill(&end, 100000);
            end_settle(&end);
        }
        assert_false(end.connection.writable);
        for (size_t left = filled; left > 0;) {
            size_t part = left < sizeof(bytes) ? left : sizeof(bytes);

            sockets_receive(far, bytes, part);
            left -= part;
        }
        end_turn_until(&end, &end.connection.writable);
        end_clear(&end);
        close(far);
    }
}

struct writer {
    struct end end;
    struct random random;
    size_t made; /* bytes given to the connection */
    size_t total;
};

/* Half by write, half by the queue, in pieces of any size. */
static void write_on(struct loop_task *task)
{
    struct writer *writer = CONTAINER_OF(task, struct writer, end.task);
    struct connection *connection = &writer->end.connection;
    static uint8_t bytes[70000];
    size_t taken;

    assert_int_equal(connection_flush(connection, &taken), STATUS_OK);
    while (connection->writable && writer->made < writer->total) {
        size_t length = 1 + random_below(&writer->random, sizeof(bytes));
        struct iovec part = { .iov_base = bytes };

        if (length > writer->total - writer->made)
            length = writer->total - writer->made;
        for (size_t i = 0; i < length; i++)
            bytes[i] = sockets_byte_at(writer->made + i);
        part.iov_len = length;
        assert_int_equal(connection_write(connection, &part, 1, &taken),
                         STATUS_OK);
        writer->made += taken;
        if (taken < length && random_below(&writer->random, 2) == 0) {
            assert_int_equal(connection_queue(connection, bytes + taken,
                                              length - taken),
                             STATUS_OK);
            writer->made += length - taken;
        }
        assert_int_equal(connection_flush(connection, &taken), STATUS_OK);
    }
    if (writer->made == writer->total && !connection->finish_wanted)
        assert_int_equal(connection_finish(connection), STATUS_OK);
}

static void every_byte_arrives_at_its_place(void **state)
{
    (void)state;
    EACH_KIND(kind)
    {
        struct writer writer = { .random = random_from_seed(kind + 1),
                                 .total = 5 * 1000 * 1000 };
        struct end reader;
        int pair[2];

        sockets_pair(kind, pair);
        assert_int_equal(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
        end_open(&reader, pair[1]);
        reader.verify = true;
        reader.room = 5000;
        end_init(&writer.end);
        loop_task_init(&writer.end.task, write_on);
        assert_int_equal(connection_open(&writer.end.connection, pair[0]),
                         STATUS_OK);
        for (int turn = 0; turn < 100000 && !reader.is_over; turn++) {
            loop_turn(writer.end.loop, CLOCK_MS);
            loop_turn(reader.loop, CLOCK_MS);
        }
        assert_int_equal(reader.status, STATUS_CLOSED);
        assert_int_equal(reader.read_bytes, writer.total);
        end_clear(&writer.end);
        end_clear(&reader);
    }
}

static void acknowledged_bytes_are_no_longer_counted(void **state)
{
    (void)state;
    EACH_KIND(kind)
    {
        struct end end;
        int far = end_meet(&end, kind);
        size_t filled;
        int error;

        end_settle(&end);
        filled = fill(&end, 100000);
        if (kind == SOCKETS_UNIX)
            assert_int_equal(connection_unacknowledged(&end.connection), 0);
        else
            assert_in_range(connection_unacknowledged(&end.connection), 1,
                            filled);
        assert_int_equal(connection_finish(&end.connection), STATUS_OK);
        assert_int_equal(sockets_drain(far, &error), filled);
        AWAIT_BY(usleep(1000), connection_unacknowledged(&end.connection) == 0);
        end_clear(&end);
        close(far);
    }
}

/* ---- opening ---- */

static void what_is_no_socket_is_closed_and_refused(void **state)
{
    struct end end;
    size_t before = sockets_count();
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_true(fd >= 0);
    end_init(&end);
    assert_int_not_equal(connection_open(&end.connection, fd), STATUS_OK);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_int_equal(end.connection.fd, -1);
    end_clear(&end);
    assert_int_equal(sockets_count(), before);
}

static void an_open_connection_is_armed_and_tells_its_task(void **state)
{
    struct linger linger = { 0 };
    socklen_t length = sizeof(linger);
    struct end end;
    int far = end_meet(&end, SOCKETS_V4);

    (void)state;
    assert_true(end.connection.writable);
    loop_turn(end.loop, 0);
    assert_int_equal(end.tasks, 1);
    assert_int_equal(getsockopt(end.connection.fd, SOL_SOCKET, SO_LINGER,
                                &linger, &length),
                     0);
    assert_int_equal(linger.l_onoff, 1);
    assert_int_equal(linger.l_linger, 0);
    end_clear(&end);
    close(far);
}

RUN_TESTS(TEST(bytes_are_read_as_they_come),
          TEST(a_drained_socket_is_not_asked_again),
          TEST(an_idle_connection_costs_nothing),
          TEST(a_read_fills_its_parts_in_order),
          TEST(a_full_read_is_followed_by_another),
          TEST(urgent_bytes_are_bytes_of_the_stream),
          TEST(passed_descriptors_neither_stall_nor_stay),
          TEST(what_is_queued_before_there_is_a_socket_is_sent_first),
          TEST(without_a_socket_nothing_is_read_or_written),
          TEST(a_full_pool_refuses_to_queue),
          TEST(a_full_socket_is_writable_again_once_it_is_read),
          TEST(every_byte_arrives_at_its_place),
          TEST(acknowledged_bytes_are_no_longer_counted),
          TEST(what_is_no_socket_is_closed_and_refused),
          TEST(an_open_connection_is_armed_and_tells_its_task))
