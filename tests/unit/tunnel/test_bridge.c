/* SPDX-License-Identifier: MIT */
#include "tunnel/bridge.h"

#include "support/await.h"
#include "support/sockets.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PART = 8192 };

/* A bridge, and the far ends of its two connections. */
struct crossing {
    struct loop *loop;
    struct host host;
    struct bridge bridge;
    int fds[2];
    uint64_t written[2]; /* at each far end */
    uint64_t read[2];
    bool is_ended;
    bool in_order;
};

static void ended(struct bridge *bridge, bool in_order)
{
    struct crossing *crossing = CONTAINER_OF(bridge, struct crossing, bridge);

    assert_false(crossing->is_ended);
    crossing->is_ended = true;
    crossing->in_order = in_order;
}

static void start(struct crossing *crossing)
{
    struct host_options options = { .limits = LIMITS_DEFAULT,
                                    .max_memory_bytes = 16 << 20,
                                    .node = "test",
                                    .version = "test" };

    *crossing = (struct crossing){ .loop = loop_new(), .fds = { -1, -1 } };
    assert_non_null(crossing->loop);
    options.loop = crossing->loop;
    assert_int_equal(host_init(&crossing->host, &options), STATUS_OK);
    bridge_init(&crossing->bridge, &crossing->host, ended);
}

/* Have the kernel hold little, so that it is soon full. */
static void narrow(int fd)
{
    const int bytes = 65536;

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes,
                                sizeof(bytes)),
                     0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes,
                                sizeof(bytes)),
                     0);
}

static void join(struct crossing *crossing, enum socket_kind kind, int end)
{
    int fds[2];

    sockets_pair(kind, fds);
    narrow(fds[0]);
    narrow(fds[1]);
    assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
    crossing->fds[end] = fds[1];
    assert_int_equal(bridge_connect(&crossing->bridge, end, fds[0]), STATUS_OK);
}

static void open_crossing(struct crossing *crossing, enum socket_kind kind)
{
    start(crossing);
    join(crossing, kind, BRIDGE_APPLICATION);
    join(crossing, kind, BRIDGE_SERVICE);
}

static void turn(struct crossing *crossing)
{
    loop_turn(crossing->loop, CLOCK_MS);
}

/* Turn until |condition|. */
#define AWAIT(crossing, condition) AWAIT_BY(turn(crossing), condition)

/* Long enough for what should not happen. */
static void settle(struct crossing *crossing)
{
    uint64_t began_us = clock_now_us();

    while (clock_now_us() - began_us < 60 * CLOCK_MS)
        turn(crossing);
}

static void expect_end(struct crossing *crossing, bool in_order)
{
    AWAIT(crossing, crossing->is_ended);
    assert_int_equal(crossing->in_order, in_order);
    assert_int_equal(crossing->host.relay_count, 0);
}

static void stop(struct crossing *crossing)
{
    if (!crossing->is_ended)
        bridge_abort(&crossing->bridge);
    AWAIT(crossing, crossing->is_ended);
    for (int i = 0; i < 2; i++)
        if (crossing->fds[i] >= 0)
            close(crossing->fds[i]);
    assert_int_equal(crossing->host.pool.used_bytes, 0);
    host_clear(&crossing->host);
    loop_free(crossing->loop);
}

static struct crossing of_test;

static int set_up_application(void **state)
{
    start(&of_test);
    join(&of_test, SOCKETS_V4, BRIDGE_APPLICATION);
    *state = &of_test;
    return 0;
}

static int set_up_both(void **state)
{
    open_crossing(&of_test, SOCKETS_V4);
    *state = &of_test;
    return 0;
}

static int tear_down(void **state)
{
    stop(*state);
    return 0;
}

/* ---- the far ends ---- */

/* What is read at an end depends on the end it was written at. */
static uint8_t byte_from(int end, uint64_t offset)
{
    return sockets_byte_at(offset + (end ? UINT64_C(1) << 40 : 0));
}

static size_t write_some(struct crossing *crossing, int end, size_t length)
{
    uint8_t bytes[PART];
    size_t part = length < PART ? length : PART;
    ssize_t sent;

    for (size_t i = 0; i < part; i++)
        bytes[i] = byte_from(end, crossing->written[end] + i);
    sent = send(crossing->fds[end], bytes, part, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN)
        return 0;
    assert_true(sent > 0);
    crossing->written[end] += (uint64_t)sent;
    return (size_t)sent;
}

/* Bytes at |end|, checked; how it ended: 0, an errno, or -1: it did not. */
static int read_some(struct crossing *crossing, int end, size_t length)
{
    uint8_t bytes[PART];
    ssize_t got =
        recv(crossing->fds[end], bytes, length < PART ? length : PART, 0);

    if (got <= 0)
        return got == 0 ? 0 : errno == EAGAIN ? -1 : errno;
    for (ssize_t i = 0; i < got; i++)
        assert_int_equal(bytes[i],
                         byte_from(!end, crossing->read[end] + (uint64_t)i));
    crossing->read[end] += (uint64_t)got;
    return -1;
}

/* |length| bytes from |end| to the other. */
static void carry(struct crossing *crossing, int end, size_t length)
{
    uint64_t last = crossing->written[end] + length;
    uint64_t began_us = clock_now_us();

    while (crossing->read[!end] < last) {
        if (crossing->written[end] < last)
            write_some(crossing, end, last - crossing->written[end]);
        turn(crossing);
        assert_int_equal(read_some(crossing, !end, last - crossing->read[!end]),
                         -1);
        assert_true(clock_now_us() - began_us < 10 * CLOCK_SECOND);
    }
}

/* Read to the end: 0 by FIN, else the errno. */
static int ending_at(struct crossing *crossing, int end)
{
    uint64_t began_us = clock_now_us();
    int ending;

    while ((ending = read_some(crossing, end, PART)) < 0) {
        assert_true(clock_now_us() - began_us < 10 * CLOCK_SECOND);
        turn(crossing);
    }
    return ending;
}

static void finish(struct crossing *crossing, int end)
{
    assert_int_equal(shutdown(crossing->fds[end], SHUT_WR), 0);
}

static void reset(struct crossing *crossing, int end)
{
    sockets_reset(crossing->fds[end]);
    crossing->fds[end] = -1;
}

/* Write until nobody takes any more, and nobody reads. */
static void fill(struct crossing *crossing, int end)
{
    uint64_t written;

    do {
        written = crossing->written[end];
        while (write_some(crossing, end, PART) > 0)
            turn(crossing);
        settle(crossing);
    } while (crossing->written[end] > written);
}

#define EACH_END(end) for (int end = 0; end < 2; end++)

/* ---- bytes and ends in order ---- */

static void bytes_flow_both_ways_and_are_counted(void **state)
{
    (void)state;
    EACH_KIND(kind)
    {
        struct crossing crossing;

        open_crossing(&crossing, kind);
        for (int i = 0; i < 10; i++) {
            carry(&crossing, BRIDGE_APPLICATION, 123456);
            carry(&crossing, BRIDGE_SERVICE, 234567);
        }
        assert_int_equal(crossing.bridge.bytes[BRIDGE_APPLICATION], 1234560);
        assert_int_equal(crossing.bridge.bytes[BRIDGE_SERVICE], 2345670);
        assert_false(crossing.is_ended);
        stop(&crossing);
    }
}

static void a_fin_ends_one_direction_and_two_the_bridge(void **state)
{
    (void)state;
    EACH_KIND(kind)
    EACH_END(end)
    {
        struct crossing crossing;

        open_crossing(&crossing, kind);
        carry(&crossing, end, 1000);
        finish(&crossing, end);
        assert_int_equal(ending_at(&crossing, !end), 0);
        for (int i = 0; i < 2; i++) {
            settle(&crossing);
            assert_false(crossing.is_ended);
            carry(&crossing, !end, 50000);
        }
        finish(&crossing, !end);
        assert_int_equal(ending_at(&crossing, end), 0);
        expect_end(&crossing, true);
        stop(&crossing);
    }
}

static void a_fin_waits_for_bytes_that_nobody_reads(void **state)
{
    (void)state;
    EACH_KIND(kind)
    EACH_END(end)
    {
        struct crossing crossing;

        open_crossing(&crossing, kind);
        fill(&crossing, end);
        finish(&crossing, end);
        finish(&crossing, !end);
        settle(&crossing);
        assert_false(crossing.is_ended);
        assert_int_equal(ending_at(&crossing, !end), 0);
        assert_int_equal(crossing.read[!end], crossing.written[end]);
        expect_end(&crossing, true);
        assert_int_equal(crossing.bridge.bytes[end], crossing.written[end]);
        stop(&crossing);
    }
}

static void an_end_that_is_not_read_stops_the_other_and_only_it(void **state)
{
    (void)state;
    EACH_END(end)
    {
        struct crossing crossing;

        open_crossing(&crossing, SOCKETS_V4);
        fill(&crossing, end);
        /* At most one read more than the kernel takes lies here. */
        assert_true(crossing.bridge.ends[!end].queue.bytes > 0);
        assert_true(crossing.bridge.ends[!end].queue.bytes <= 256 * 1024);
        assert_true(crossing.bridge.bytes[end] < crossing.written[end]);
        carry(&crossing, !end, 300000);
        finish(&crossing, end);
        assert_int_equal(ending_at(&crossing, !end), 0);
        assert_int_equal(crossing.read[!end], crossing.written[end]);
        stop(&crossing);
    }
}

/* ---- before both are there ---- */

static void bytes_and_fin_wait_for_the_service(void **state)
{
    struct crossing *crossing = *state;

    assert_int_equal(write_some(crossing, BRIDGE_APPLICATION, 5000), 5000);
    finish(crossing, BRIDGE_APPLICATION);
    settle(crossing);
    assert_false(crossing->is_ended);
    assert_int_equal(crossing->bridge.bytes[BRIDGE_APPLICATION], 0);
    join(crossing, SOCKETS_V4, BRIDGE_SERVICE);
    assert_int_equal(ending_at(crossing, BRIDGE_SERVICE), 0);
    assert_int_equal(crossing->read[BRIDGE_SERVICE], 5000);
    carry(crossing, BRIDGE_SERVICE, 5000);
    finish(crossing, BRIDGE_SERVICE);
    expect_end(crossing, true);
}

static void an_application_that_does_not_wait_ends_it(void **state)
{
    struct crossing *crossing = *state;

    settle(crossing);
    reset(crossing, BRIDGE_APPLICATION);
    expect_end(crossing, false);
}

static void a_prefix_comes_before_all_bytes_and_is_not_counted(void **state)
{
    struct crossing *crossing = *state;
    char text[16];

    write_some(crossing, BRIDGE_APPLICATION, 5000);
    assert_int_equal(bridge_prefix(&crossing->bridge, (const uint8_t *)"PROXY ",
                                   6),
                     STATUS_OK);
    assert_int_equal(bridge_prefix(&crossing->bridge,
                                   (const uint8_t *)"somebody\r\n", 10),
                     STATUS_OK);
    join(crossing, SOCKETS_V4, BRIDGE_SERVICE);
    settle(crossing);
    assert_int_equal(recv(crossing->fds[BRIDGE_SERVICE], text, 16, 0), 16);
    assert_memory_equal(text, "PROXY somebody\r\n", 16);
    carry(crossing, BRIDGE_APPLICATION, 5000);
    assert_int_equal(crossing->bridge.bytes[BRIDGE_APPLICATION], 10000);
}

/* ---- resets ---- */

static void a_reset_comes_behind_the_bytes_before_it(void **state)
{
    (void)state;
    EACH_TCP(kind)
    EACH_END(end)
    {
        struct crossing crossing;

        open_crossing(&crossing, kind);
        for (int i = 0; i < 3; i++) /* the kernel takes that many at once */
            write_some(&crossing, end, PART);
        reset(&crossing, end);
        assert_int_equal(ending_at(&crossing, !end), ECONNRESET);
        assert_int_equal(crossing.read[!end], crossing.written[end]);
        expect_end(&crossing, false);
        stop(&crossing);
    }
}

static void a_reset_behind_a_fin_is_one(void **state)
{
    (void)state;
    EACH_TCP(kind)
    EACH_END(end)
    {
        struct crossing crossing;

        open_crossing(&crossing, kind);
        carry(&crossing, end, 1000);
        finish(&crossing, end);
        AWAIT(&crossing, crossing.bridge.was_finished[end]);
        settle(&crossing);
        reset(&crossing, end);
        write_some(&crossing, !end, 1000); /* as its answer would */
        expect_end(&crossing, false);
        stop(&crossing);
    }
}

static void a_reset_waits_for_bytes_that_nobody_reads_yet(void **state)
{
    (void)state;
    EACH_END(end)
    {
        struct crossing crossing;

        open_crossing(&crossing, SOCKETS_V4);
        fill(&crossing, end);
        reset(&crossing, end);
        settle(&crossing);
        assert_false(crossing.is_ended);
        assert_int_equal(ending_at(&crossing, !end), ECONNRESET);
        /* What the kernel of the sender kept is not ours to deliver. */
        assert_int_equal(crossing.read[!end], crossing.bridge.bytes[end]);
        expect_end(&crossing, false);
        stop(&crossing);
    }
}

static void two_resets_are_one_end(void **state)
{
    struct crossing *crossing = *state;

    carry(crossing, BRIDGE_APPLICATION, 1000);
    reset(crossing, BRIDGE_APPLICATION);
    reset(crossing, BRIDGE_SERVICE);
    expect_end(crossing, false);
    settle(crossing);
}

static void an_abort_resets_both(void **state)
{
    struct crossing *crossing = *state;

    carry(crossing, BRIDGE_APPLICATION, 1000);
    bridge_abort(&crossing->bridge);
    bridge_abort(&crossing->bridge);
    assert_false(crossing->is_ended); /* not from inside */
    expect_end(crossing, false);
    EACH_END(end)
    assert_int_equal(ending_at(crossing, end), ECONNRESET);
}

static void a_connection_that_comes_too_late_is_closed(void **state)
{
    struct crossing *crossing = *state;
    int fds[2];

    bridge_abort(&crossing->bridge);
    sockets_pair(SOCKETS_V4, fds);
    assert_int_equal(bridge_connect(&crossing->bridge, BRIDGE_SERVICE, fds[0]),
                     STATUS_CLOSED);
    assert_int_equal(fcntl(fds[0], F_GETFD), -1);
    close(fds[1]);
    expect_end(crossing, false);
}

static void a_reset_waits_no_more_than_two_seconds(void **state)
{
    struct crossing *crossing = *state;
    uint64_t began_us;

    fill(crossing, BRIDGE_APPLICATION);
    reset(crossing, BRIDGE_APPLICATION);
    began_us = clock_now_us();
    expect_end(crossing, false);
    assert_true(clock_now_us() - began_us > 1 * CLOCK_SECOND);
    assert_int_equal(ending_at(crossing, BRIDGE_SERVICE), ECONNRESET);
    assert_true(crossing->read[BRIDGE_SERVICE] <
                crossing->written[BRIDGE_APPLICATION]);
}

#define WITH_APPLICATION(name) \
    cmocka_unit_test_setup_teardown(name, set_up_application, tear_down)
#define WITH_BOTH(name) \
    cmocka_unit_test_setup_teardown(name, set_up_both, tear_down)

RUN_TESTS(TEST(bytes_flow_both_ways_and_are_counted),
          TEST(a_fin_ends_one_direction_and_two_the_bridge),
          TEST(a_fin_waits_for_bytes_that_nobody_reads),
          TEST(an_end_that_is_not_read_stops_the_other_and_only_it),
          WITH_APPLICATION(bytes_and_fin_wait_for_the_service),
          WITH_APPLICATION(an_application_that_does_not_wait_ends_it),
          WITH_APPLICATION(a_prefix_comes_before_all_bytes_and_is_not_counted),
          TEST(a_reset_comes_behind_the_bytes_before_it),
          TEST(a_reset_behind_a_fin_is_one),
          TEST(a_reset_waits_for_bytes_that_nobody_reads_yet),
          WITH_BOTH(a_reset_waits_no_more_than_two_seconds),
          WITH_BOTH(two_resets_are_one_end), WITH_BOTH(an_abort_resets_both),
          WITH_APPLICATION(a_connection_that_comes_too_late_is_closed))
