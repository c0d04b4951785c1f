/* SPDX-License-Identifier: MIT */
#ifndef UNIT_NET_CONNECTION_END_H
#define UNIT_NET_CONNECTION_END_H
/*
 * A connection with an owner that reads whatever there is, as an owner
 * should: for the tests of net/connection.
 */
#include "net/connection.h"
#include "support/await.h"
#include "support/sockets.h"
#include <unistd.h>

struct end {
    struct loop *loop;
    struct chunk_pool pool;
    struct loop_task task;
    struct connection connection;
    size_t room;        /* of each read */
    size_t read_bytes;  /* verified against sockets_byte_at() if |verify| */
    unsigned reads;     /* calls */
    unsigned wasted;    /* calls that gave nothing */
    unsigned tasks;     /* how often the task ran */
    enum status status; /* of the last read */
    bool verify;
    bool is_over;  /* an end or a failure was read */
    char text[64]; /* the first bytes */
};

static inline void end_read(struct end *end)
{
    static uint8_t bytes[65536];
    struct iovec part = { .iov_base = bytes, .iov_len = end->room };
    size_t got;

    end->status = connection_read(&end->connection, &part, 1, &got);
    end->reads++;
    end->wasted += got == 0 && end->status == STATUS_OK;
    for (size_t i = 0; i < got; i++) {
        if (end->read_bytes + i < sizeof(end->text))
            end->text[end->read_bytes + i] = (char)bytes[i];
        if (end->verify)
            assert_int_equal(bytes[i], sockets_byte_at(end->read_bytes + i));
    }
    end->read_bytes += got;
    if (end->status != STATUS_OK)
        end->is_over = true;
}

static inline void end_run(struct loop_task *task)
{
    struct end *end = CONTAINER_OF(task, struct end, task);

    end->tasks++;
    while (end->connection.readable && !end->is_over)
        end_read(end);
}

static inline void end_init(struct end *end)
{
    *end = (struct end){ .loop = loop_new(), .room = 65536 };
    assert_non_null(end->loop);
    chunk_pool_init(&end->pool, 8 * 1024 * 1024);
    loop_task_init(&end->task, end_run);
    connection_init(&end->connection, end->loop, &end->pool, &end->task);
}

static inline void end_open(struct end *end, int fd)
{
    end_init(end);
    assert_int_equal(connection_open(&end->connection, fd), STATUS_OK);
}

/* An open one, and the socket at the other end of it. */
static inline int end_meet(struct end *end, enum socket_kind kind)
{
    int pair[2];

    sockets_pair(kind, pair);
    end_open(end, pair[0]);
    return pair[1];
}

/* Turn until |*condition|. */
static inline void end_turn_until(struct end *end, const bool *condition)
{
    AWAIT_BY(loop_turn(end->loop, 100 * CLOCK_MS), *condition);
}

static inline void end_turn_until_read(struct end *end, size_t bytes)
{
    AWAIT_BY(loop_turn(end->loop, 100 * CLOCK_MS), end->read_bytes >= bytes);
    assert_int_equal(end->read_bytes, bytes);
}

/* Write |text|; |*bytes| of it are taken. */
static inline enum status end_write(struct end *end, const char *text,
                                    size_t *bytes)
{
    struct iovec part = { .iov_base = (void *)(uintptr_t)text,
                          .iov_len = strlen(text) };

    return connection_write(&end->connection, &part, 1, bytes);
}

/* Until nothing is going on any more. */
static inline void end_settle(struct end *end)
{
    for (int i = 0; i < 5; i++)
        loop_turn(end->loop, 2 * LOOP_SOON_US);
}

static inline void end_clear(struct end *end)
{
    connection_reset(&end->connection);
    loop_task_cancel(&end->task);
    loop_free(end->loop);
    assert_int_equal(end->pool.used_bytes, 0);
    chunk_pool_clear(&end->pool);
}
#endif
