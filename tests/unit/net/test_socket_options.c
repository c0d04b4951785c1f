/* SPDX-License-Identifier: MIT */
#include "net/socket_options.h"
#include "support/check_test.h"
#include <netinet/tcp.h>
#include <unistd.h>

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t length = sizeof(value);

    assert_int_equal(getsockopt(fd, level, option, &value, &length), 0);
    return value;
}

static void a_socket_is_prompt_and_notices_the_dead(void **state)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct address address;

    (void)state;
    assert_true(address_parse(&address, "192.0.2.1:80"));
    socket_options_set(fd, &address);
    assert_int_not_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 0);
    assert_int_not_equal(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 60);
    close(fd);
}

static void
only_loopback_does_without_the_systems_congestion_control(void **state)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char before[16] = "", after[16] = "";
    socklen_t length = sizeof(before);
    struct address address;

    (void)state;
    getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, before, &length);
    assert_true(address_parse(&address, "192.0.2.1:80"));
    socket_options_set(fd, &address);
    length = sizeof(after);
    getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, after, &length);
    assert_string_equal(before, after);
    assert_true(address_parse(&address, "127.0.0.1:80"));
    socket_options_set(fd, &address);
    length = sizeof(after);
    getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, after, &length);
    assert_string_equal(after, "reno");
    close(fd);
}

RUN_TESTS(TEST(a_socket_is_prompt_and_notices_the_dead),
          TEST(only_loopback_does_without_the_systems_congestion_control))
