/* SPDX-License-Identifier: MIT */
/*
 * The system says no, at any call: every system call of the layer goes
 * through this file, which fails it or does less than asked, by a seed.
 * Whatever happens, nothing leaks, and no end of file comes before all bytes.
 */
#define _GNU_SOURCE
#include "base/random.h"
#include "connection_end.h"
#include "net/dialer.h"
#include "net/listener.h"

#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* ---- the shim ---- */

static struct random fate;
static unsigned rate; /* faults in 256 calls; 0: none */
static unsigned faults;
static bool cuts_next; /* the next length, by half */

static bool fails(const int *errors, size_t count)
{
    if (rate == 0 || random_below(&fate, 256) >= rate)
        return false;
    faults++;
    errno = errors[random_below(&fate, count)];
    return true;
}

#define FAILS(...)                      \
    fails((const int[]){ __VA_ARGS__ }, \
          sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int))

/* Less than |length|, sometimes. */
static size_t cut(size_t length)
{
    if (cuts_next) {
        cuts_next = false;
        return length / 2;
    }
    if (rate == 0 || length < 2 || random_below(&fate, 256) >= rate)
        return length;
    faults++;
    return 1 + random_below(&fate, length - 1);
}

/* The parts up to |length| bytes, in |to|. */
static size_t cut_parts(const struct iovec *parts, size_t count,
                        struct iovec *to)
{
    size_t total = 0, left, used = 0;

    for (size_t i = 0; i < count; i++)
        total += parts[i].iov_len;
    left = cut(total);
    for (; used < count && left > 0; used++) {
        to[used] = parts[used];
        if (to[used].iov_len > left)
            to[used].iov_len = left;
        left -= to[used].iov_len;
    }
    return used;
}

ssize_t recv(int fd, void *bytes, size_t length, int flags)
{
    if (FAILS(EINTR))
        return -1;
    return syscall(SYS_recvfrom, fd, bytes, cut(length), flags, NULL, NULL);
}

ssize_t readv(int fd, const struct iovec *parts, int count)
{
    struct iovec fewer[64];

    if (FAILS(EINTR))
        return -1;
    return syscall(SYS_readv, fd, fewer,
                   cut_parts(parts, (size_t)count, fewer));
}

ssize_t send(int fd, const void *bytes, size_t length, int flags)
{
    if (FAILS(EINTR))
        return -1;
    return syscall(SYS_sendto, fd, bytes, cut(length), flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct iovec fewer[64];
    struct msghdr less = *message;

    if (FAILS(EINTR))
        return -1;
    less.msg_iov = fewer;
    less.msg_iovlen = cut_parts(message->msg_iov, message->msg_iovlen, fewer);
    return syscall(SYS_sendmsg, fd, &less, flags);
}

int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    if (FAILS(EINTR, ECONNABORTED, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPROTO,
              EPERM))
        return -1;
    return (int)syscall(SYS_accept4, fd, address, length, flags);
}

int socket(int domain, int type, int protocol)
{
    if (FAILS(EMFILE, ENFILE, ENOBUFS, ENOMEM))
        return -1;
    return (int)syscall(SYS_socket, domain, type, protocol);
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    int result;

    if (address->sa_family == AF_UNIX && FAILS(EINTR, EAGAIN))
        return -1;
    if (FAILS(EADDRNOTAVAIL, ENETUNREACH, EACCES))
        return -1;
    result = (int)syscall(SYS_connect, fd, address, length);
    if (result != 0 && errno == EINPROGRESS && FAILS(EINTR))
        return -1; /* it goes on all the same */
    return result;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
    /* The kernel has no way to fail SO_LINGER. */
    if (name != SO_LINGER && FAILS(ENOBUFS))
        return -1;
    return (int)syscall(SYS_setsockopt, fd, level, name, value, length);
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    if (operation == EPOLL_CTL_ADD && FAILS(ENOMEM, ENOSPC))
        return -1;
    return (int)syscall(SYS_epoll_ctl, epoll, operation, fd, event);
}

int epoll_wait(int epoll, struct epoll_event *events, int count, int timeout)
{
    if (FAILS(EINTR))
        return -1;
    return (int)syscall(SYS_epoll_wait, epoll, events, count, timeout);
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    unsigned mode;

    va_start(arguments, flags);
    mode = flags & O_CREAT ? va_arg(arguments, unsigned) : 0;
    va_end(arguments);
    if (FAILS(EMFILE, ENFILE, EINTR))
        return -1;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

ssize_t write(int fd, const void *bytes, size_t length)
{
    if (length == sizeof(uint64_t) && FAILS(EINTR)) /* the eventfd */
        return -1;
    return syscall(SYS_write, fd, bytes, length);
}

/* libevent's memory. */
static void *allocate(size_t size)
{
    return FAILS(ENOMEM) ? NULL : malloc(size);
}

static void *reallocate(void *old, size_t size)
{
    return FAILS(ENOMEM) ? NULL : realloc(old, size);
}

/* ---- two ends that send each other everything, in one loop ---- */

enum { TOTAL = 300000 };

struct side {
    struct connection connection;
    struct loop_task task;
    size_t sent;
    size_t received;
    bool is_open;
    bool is_over;
    enum status status; /* why it is over; CLOSED: in order */
};

struct scene {
    struct loop *loop;
    struct chunk_pool pool;
    struct listener *listener;
    struct dial *dial;
    struct side sides[2]; /* who dialed, who accepted */
};

/* A Unix socket cannot tell that its other end failed. */
static struct address scene_address;

static void side_end(struct side *side, enum status status)
{
    side->is_over = true;
    side->status = status;
    if (status == STATUS_CLOSED)
        connection_close_in_order(&side->connection);
    else
        connection_reset(&side->connection);
}

static enum status side_read(struct side *side)
{
    static uint8_t bytes[2000];
    struct iovec parts[2] = { { bytes, 700 }, { bytes + 700, 1300 } };
    enum status status = STATUS_OK;
    size_t got;

    while (side->connection.readable && !side->connection.ended) {
        status = connection_read(&side->connection, parts,
                                 1 + (side->received & 1), &got);
        for (size_t i = 0; i < got; i++)
            assert_int_equal(bytes[i], sockets_byte_at(side->received + i));
        side->received += got;
        if (status == STATUS_CLOSED && !address_is_unix(&scene_address))
            assert_int_equal(side->received, TOTAL); /* no truncation */
        if (status != STATUS_OK)
            break;
    }
    return status == STATUS_CLOSED ? STATUS_OK : status;
}

/* Some by write, what that leaves by the queue, as much as there is room. */
static enum status side_write(struct side *side)
{
    static uint8_t bytes[5000];
    struct connection *connection = &side->connection;
    size_t taken;
    enum status status = connection_flush(connection, &taken);

    while (status == STATUS_OK && connection->writable &&
           connection->queue.bytes == 0 && side->sent < TOTAL) {
        size_t left = TOTAL - side->sent;
        size_t length = left < sizeof(bytes) ? left : sizeof(bytes);
        struct iovec parts[2] = { { bytes, length / 3 },
                                  { bytes + length / 3, length - length / 3 } };

        for (size_t i = 0; i < length; i++)
            bytes[i] = sockets_byte_at(side->sent + i);
        status = connection_write(connection, parts, 2, &taken);
        if (status == STATUS_OK && taken < length &&
            connection_queue(connection, bytes + taken, (length - taken) / 2) ==
                STATUS_OK)
            taken += (length - taken) / 2;
        side->sent += taken;
    }
    if (status == STATUS_OK && side->sent == TOTAL &&
        !connection->finish_wanted)
        status = connection_finish(connection);
    return status;
}

static void run_side(struct loop_task *task)
{
    struct side *side = CONTAINER_OF(task, struct side, task);
    enum status status;

    if (side->is_over)
        return;
    status = side_read(side);
    if (status == STATUS_OK)
        status = side_write(side);
    if (status == STATUS_OK && side->connection.ended &&
        side->connection.finished)
        status = STATUS_CLOSED;
    if (status != STATUS_OK)
        side_end(side, status);
}

static void side_open(struct scene *scene, int number, int fd)
{
    struct side *side = &scene->sides[number];
    enum status status = connection_open(&side->connection, fd);

    side->is_open = true;
    if (status != STATUS_OK)
        side_end(side, status);
}

static void on_accepted(void *context, int fd, const struct address *from)
{
    (void)from;
    side_open(context, 1, fd);
}

static void on_dialed(void *context, enum status status, int fd)
{
    struct scene *scene = context;

    scene->dial = NULL;
    if (status == STATUS_OK)
        side_open(scene, 0, fd);
    else
        side_end(&scene->sides[0], status);
}

static bool scene_open(struct scene *scene, const char *text)
{
    struct listener_options listen = { .accepted = on_accepted,
                                       .context = scene };
    struct dial_options dial = { .timeout_us = 2 * CLOCK_SECOND,
                                 .done = on_dialed,
                                 .context = scene };
    struct net_error error;

    if (!address_parse(&listen.address, text))
        abort();
    if (listener_open(scene->loop, &listen, &scene->listener, &error) !=
        STATUS_OK) {
        assert_non_null(strstr(error.text, "cannot listen on "));
        return false;
    }
    scene_address = dial.address = *listener_address(scene->listener);
    scene->dial = dial_start(scene->loop, &dial);
    return scene->dial;
}

static bool is_done(const struct scene *scene)
{
    return scene->sides[0].is_over &&
           (scene->sides[1].is_over || !scene->sides[1].is_open);
}

static void scene_run(struct scene *scene)
{
    uint64_t deadline = clock_now_us() + 10 * CLOCK_SECOND;

    while (!is_done(scene) && clock_now_us() < deadline)
        loop_turn(scene->loop, 100 * CLOCK_MS);
    if (!is_done(scene))
        fail_msg("it hangs: %zu, %zu sent, %zu, %zu received",
                 scene->sides[0].sent, scene->sides[1].sent,
                 scene->sides[0].received, scene->sides[1].received);
}

/* True if everything went through. */
static bool play(const char *text)
{
    struct scene scene = { .loop = loop_new() };
    bool went_through = false;

    if (!scene.loop)
        return false;
    chunk_pool_init(&scene.pool, 1000000);
    for (int i = 0; i < 2; i++) {
        struct side *side = &scene.sides[i];

        loop_task_init(&side->task, run_side);
        connection_init(&side->connection, scene.loop, &scene.pool,
                        &side->task);
    }
    if (scene_open(&scene, text)) {
        scene_run(&scene);
        went_through = scene.sides[0].status == STATUS_CLOSED &&
                       scene.sides[1].status == STATUS_CLOSED;
    }
    dial_cancel(scene.dial);
    listener_close(scene.listener);
    for (int i = 0; i < 2; i++) {
        connection_reset(&scene.sides[i].connection);
        loop_task_cancel(&scene.sides[i].task);
    }
    loop_free(scene.loop);
    assert_int_equal(scene.pool.used_bytes, 0);
    chunk_pool_clear(&scene.pool);
    return went_through;
}

static void faults_neither_truncate_nor_leak_nor_hang(void **state)
{
    static const char *const texts[] = { "127.0.0.1:0", "[::1]:0",
                                         "unix:@entente-test-faults" };
    static const unsigned rates[] = { 1, 4, 16 };
    size_t before = sockets_count();
    unsigned played = 0, went_through = 0;

    (void)state;
    log_set_level(LOG_ERROR);
    for (uint64_t seed = 1; seed <= 150; seed++) {
        enum socket_kind kind = seed % SOCKETS_KINDS;

        if (!sockets_have(kind))
            continue;
        fate = random_from_seed(seed);
        rate = rates[seed / SOCKETS_KINDS % ARRAY_LENGTH(rates)];
        played++;
        went_through += play(texts[kind]);
        rate = 0;
        if (sockets_count() != before)
            fail_msg("seed %u leaks descriptors", (unsigned)seed);
    }
    print_message("%u of %u went through %u faults\n", went_through, played,
                  faults);
    assert_true(faults > 1000);
    assert_in_range(went_through, played / 4, played - 1);
}

/* Which the kernel, not being full, has no reason to tell of. */
static void after_a_short_write_another_is_tried(void **state)
{
    struct end end;
    size_t bytes;
    int pair[2];

    (void)state;
    rate = 0;
    sockets_pair(SOCKETS_V4, pair);
    end_open(&end, pair[0]);
    end_settle(&end);
    cuts_next = true;
    assert_int_equal(end_write(&end, "abcd", &bytes), STATUS_OK);
    assert_int_equal(bytes, 2);
    assert_false(end.connection.writable);
    end_turn_until(&end, &end.connection.writable);
    assert_int_equal(end_write(&end, "cd", &bytes), STATUS_OK);
    assert_int_equal(bytes, 2);
    end_clear(&end);
    close(pair[1]);
}

static void without_faults_everything_goes_through(void **state)
{
    (void)state;
    rate = 0;
    assert_true(play("127.0.0.1:0"));
    assert_true(play("unix:@entente-test-faults"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(after_a_short_write_another_is_tried),
        TEST(without_faults_everything_goes_through),
        TEST(faults_neither_truncate_nor_leak_nor_hang),
    };

    event_set_mem_functions(allocate, reallocate, free);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
