/* SPDX-License-Identifier: MIT */
/*
 * What the net layer costs by itself: bench_loop pingpong|unix|idle|accept
 * [count].  System calls are counted by strace -c -f around it.
 */
#include "base/clock.h"
#include "net/connection.h"
#include "net/dialer.h"
#include "net/listener.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static double cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void report(const char *what, uint64_t count, uint64_t start_us,
                   double start_cpu)
{
    double each = 1e9 / (double)count;

    printf("%-10s %9llu  %7.0f ns each, %7.0f ns of CPU\n", what,
           (unsigned long long)count,
           (double)(clock_now_us() - start_us) / 1e6 * each,
           (cpu_seconds() - start_cpu) * each);
}

/* ---- ping-pong: many pairs of connections in one loop ---- */

struct player {
    struct connection connection;
    struct loop_task task;
    uint64_t *left; /* round trips, of all pairs */
    bool serves;
};

static void play(struct loop_task *task)
{
    struct player *player = CONTAINER_OF(task, struct player, task);
    uint8_t bytes[4096];
    struct iovec part = { .iov_base = bytes, .iov_len = sizeof(bytes) };
    size_t got, sent;

    while (player->connection.readable) {
        ASSERT(connection_read(&player->connection, &part, 1, &got) ==
               STATUS_OK);
        if (got == 0)
            return;
        if (player->serves && *player->left > 0)
            --*player->left;
        ASSERT(connection_write(&player->connection,
                                &(struct iovec){ bytes, got }, 1,
                                &sent) == STATUS_OK &&
               sent == got);
    }
}

static void new_pair(int domain, int pair[2])
{
    struct sockaddr_in name = { .sin_family = AF_INET };
    socklen_t length = sizeof(name);
    int listener, on = 1;

    if (domain == AF_UNIX) {
        ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
        return;
    }
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    ASSERT(bind(listener, (struct sockaddr *)&name, length) == 0 &&
           listen(listener, 1) == 0 &&
           getsockname(listener, (struct sockaddr *)&name, &length) == 0);
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    ASSERT(connect(pair[0], (struct sockaddr *)&name, length) == 0);
    pair[1] = accept(listener, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        ASSERT(fcntl(pair[i], F_SETFL, O_NONBLOCK) == 0);
        setsockopt(pair[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    close(listener);
}

static void ping_pong(const char *what, int domain, size_t pairs, size_t active,
                      uint64_t count)
{
    struct loop *loop = loop_new();
    struct player *players = calloc(2 * pairs, sizeof(*players));
    struct chunk_pool pool;
    uint64_t left = count, start;
    double cpu;

    ASSERT(loop && players);
    chunk_pool_init(&pool, 1024 * 1024);
    for (size_t i = 0; i < 2 * pairs; i += 2) {
        int pair[2];

        new_pair(domain, pair);
        for (size_t j = i; j < i + 2; j++) {
            struct player *player = &players[j];

            player->left = &left;
            player->serves = j == i;
            loop_task_init(&player->task, play);
            connection_init(&player->connection, loop, &pool, &player->task);
            ASSERT(connection_open(&player->connection, pair[j - i]) ==
                   STATUS_OK);
        }
        if (i < 2 * active)
            ASSERT(write(pair[1], "0123456789abcdef", 16) == 16);
    }
    start = clock_now_us();
    cpu = cpu_seconds();
    while (left > 0)
        loop_turn(loop, CLOCK_SECOND);
    report(what, count, start, cpu);
    for (size_t i = 0; i < 2 * pairs; i++) {
        connection_reset(&players[i].connection);
        loop_task_cancel(&players[i].task);
    }
    loop_free(loop);
    free(players);
}

/* ---- dial, accept, close ---- */

struct door {
    struct loop *loop;
    struct listener *listener;
    struct chunk_pool pool;
    uint64_t left;
};

static void knock(struct door *door);

static void ignore(struct loop_task *task)
{
    (void)task;
}

static void hold_and_close(struct door *door, int fd)
{
    struct connection connection;
    struct loop_task task;

    loop_task_init(&task, ignore);
    connection_init(&connection, door->loop, &door->pool, &task);
    ASSERT(connection_open(&connection, fd) == STATUS_OK);
    connection_reset(&connection);
    loop_task_cancel(&task);
}

static void on_accepted(void *context, int fd, const struct address *from)
{
    struct door *door = context;

    (void)from;
    hold_and_close(door, fd);
    if (door->left > 0 && --door->left > 0)
        knock(door);
}

static void on_dialed(void *context, enum status status, int fd)
{
    if (status == STATUS_OK) /* or the other side was faster */
        hold_and_close(context, fd);
}

static void knock(struct door *door)
{
    struct dial_options options = { .address =
                                        *listener_address(door->listener),
                                    .timeout_us = CLOCK_SECOND,
                                    .done = on_dialed,
                                    .context = door };

    ASSERT(dial_start(door->loop, &options));
}

static void accept_and_close(uint64_t count)
{
    struct listener_options options = { .accepted = on_accepted };
    struct door door = { .loop = loop_new(), .left = count };
    struct net_error error;
    uint64_t start;
    double cpu;

    options.context = &door;
    chunk_pool_init(&door.pool, 1024 * 1024);
    ASSERT(address_parse(&options.address, "127.0.0.1:0") &&
           listener_open(door.loop, &options, &door.listener, &error) ==
               STATUS_OK);
    start = clock_now_us();
    cpu = cpu_seconds();
    for (int i = 0; i < 32; i++)
        knock(&door);
    while (door.left > 0)
        loop_turn(door.loop, CLOCK_SECOND);
    report("accept", count, start, cpu);
    for (int i = 0; i < 10; i++)
        loop_turn(door.loop, 0);
    listener_close(door.listener);
    loop_free(door.loop);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "all";
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 200000;
    bool all = strcmp(what, "all") == 0;

    if (all || strcmp(what, "unix") == 0) {
        ping_pong("unix x1", AF_UNIX, 1, 1, count);
        ping_pong("unix x64", AF_UNIX, 64, 64, count);
    }
    if (all || strcmp(what, "pingpong") == 0) {
        ping_pong("tcp x1", AF_INET, 1, 1, count);
        ping_pong("tcp x64", AF_INET, 64, 64, count);
    }
    if (all || strcmp(what, "idle") == 0)
        ping_pong("64 in 4096", AF_UNIX, 4096, 64, count);
    if (all || strcmp(what, "accept") == 0)
        accept_and_close(count / 10);
    return 0;
}
