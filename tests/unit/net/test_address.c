/* SPDX-License-Identifier: MIT */
#include "net/address.h"

#include "base/random.h"
#include "support/check_test.h"
#include "support/sockets.h"
#include <net/if.h>
#include <stdlib.h>
#include <unistd.h>

static struct address parsed(const char *text)
{
    struct address address;

    if (!address_parse(&address, text))
        fail_msg("%s is not parsed", text);
    assert_null(address_why_not(text));
    return address;
}

static void assert_round_trip(const char *text)
{
    struct address address = parsed(text);
    char again[ADDRESS_TEXT];

    assert_string_equal(address_format(&address, again), text);
}

static void an_address_is_written_as_it_is_read(void **state)
{
    (void)state;
    assert_round_trip("192.0.2.1:80");
    assert_round_trip("0.0.0.0:0");
    assert_round_trip("255.255.255.255:65535");
    assert_round_trip("[::]:1");
    assert_round_trip("[2001:db8::1]:6379");
    assert_round_trip("[::ffff:192.0.2.1]:80");
    assert_round_trip("[fe80::1%lo]:80");
    assert_round_trip("[fe80::1%4294967295]:80");
    assert_round_trip("unix:/run/entente/admin.sock");
    assert_round_trip("unix:@abstract");
}

static void assert_refused(const char *text, const char *because)
{
    struct address address;

    if (address_parse(&address, text))
        fail_msg("%s is parsed", text);
    assert_non_null(address_why_not(text));
    if (!strstr(address_why_not(text), because))
        fail_msg("%s: %s", text, address_why_not(text));
}

static void what_is_no_address_is_refused_with_a_reason(void **state)
{
    (void)state;
    assert_refused("", "expected");
    assert_refused("6379", "expected");
    assert_refused(":6379", "expected");
    assert_refused("127.0.0.1", "port is missing");
    assert_refused("127.0.0.1:", "not a number");
    assert_refused("127.0.0.1:65536", "not a number");
    assert_refused("127.0.0.1:080", "not a number");
    assert_refused("127.0.0.1:+80", "not a number");
    assert_refused("127.0.0.1: 80", "not a number");
    assert_refused("127.0.0.1:80 ", "not a number");
    assert_refused("127.0.0.1:80:90", "not a number");
    assert_refused("127.0.0.01:80", "not an IP address");
    assert_refused("127.0.0.256:80", "not an IP address");
    assert_refused("127.1:80", "not an IP address");
    assert_refused("0x7f.0.0.1:80", "not an IP address");
    assert_refused(" 127.0.0.1:80", "not an IP address");
    assert_refused("localhost:80", "not a name");
    assert_refused("::1", "in brackets");
    assert_refused("::1:80", "in brackets");
    assert_refused("[::1]", "expected");
    assert_refused("[::1]80", "expected");
    assert_refused("[::1]:", "not a number");
    assert_refused("[::1:80", "expected");
    assert_refused("[]:80", "expected");
    assert_refused("[127.0.0.1]:80", "brackets are for IPv6");
    assert_refused("[redis]:80", "not an IPv6 address");
    assert_refused("[::1::]:80", "not an IPv6 address");
    assert_refused("[fe80::1%no-such-if]:80", "interface");
    assert_refused("[fe80::1%]:80", "interface");
    assert_refused("[fe80::1%0]:80", "interface");
    assert_refused("unix:", "begin with /");
    assert_refused("unix:redis.sock", "begin with /");
    assert_refused("unix:@", "empty");
    assert_refused("UNIX:/x", "not a number");
}

static void a_unix_path_has_at_most_107_bytes(void **state)
{
    char text[5 + 108 + 1] = "unix:/";

    (void)state;
    memset(text + 6, 'a', 106);
    text[5 + 107] = '\0';
    assert_round_trip(text);
    text[5] = '@';
    assert_round_trip(text);
    text[5 + 107] = 'a';
    text[5 + 108] = '\0';
    assert_refused(text, "longer than 107 bytes");
    text[5] = '/';
    assert_refused(text, "longer than 107 bytes");
}

static void host_and_port_are_split(void **state)
{
    char host[256];
    uint16_t port;

    (void)state;
    assert_true(
        address_split("db-1.example.com:7411", host, sizeof(host), &port));
    assert_string_equal(host, "db-1.example.com");
    assert_int_equal(port, 7411);
    assert_true(
        address_split("[2001:db8::1]:65535", host, sizeof(host), &port));
    assert_string_equal(host, "2001:db8::1");
    assert_int_equal(port, 65535);
    assert_true(address_split("10.0.0.1:1", host, sizeof(host), &port));
    assert_string_equal(host, "10.0.0.1");
    assert_false(address_split("redis", host, sizeof(host), &port));
    assert_false(address_split("redis:", host, sizeof(host), &port));
    assert_false(address_split("redis:0", host, sizeof(host), &port));
    assert_false(address_split("redis:65536", host, sizeof(host), &port));
    assert_false(address_split(":80", host, sizeof(host), &port));
    assert_false(address_split("2001:db8::1:80", host, sizeof(host), &port));
    assert_false(address_split("[redis]:80", host, sizeof(host), &port));
    assert_false(address_split("10.0.0.256:80", host, sizeof(host), &port));
    assert_false(address_split("re dis:80", host, sizeof(host), &port));
    assert_false(address_split("unix:/path", host, sizeof(host), &port));
}

static void a_host_that_does_not_fit_is_refused(void **state)
{
    char host[6];
    uint16_t port;

    (void)state;
    assert_true(address_split("redis:80", host, sizeof(host), &port));
    assert_false(address_split("redis1:80", host, sizeof(host), &port));
}

static void numeric_addresses_are_taken_without_brackets(void **state)
{
    struct address address;
    char text[ADDRESS_TEXT];

    (void)state;
    assert_true(address_from_ip(&address, "192.0.2.7", 80));
    assert_string_equal(address_format(&address, text), "192.0.2.7:80");
    assert_true(address_from_ip(&address, "2001:db8::7", 80));
    assert_string_equal(address_format(&address, text), "[2001:db8::7]:80");
    assert_false(address_from_ip(&address, "[2001:db8::7]", 80));
    assert_false(address_from_ip(&address, "192.0.2.7.", 80));
    assert_false(address_from_ip(&address, "redis", 80));
    assert_false(address_from_ip(&address, "", 80));
}

static void host_names_are_those_of_dns(void **state)
{
    char name[300];

    (void)state;
    assert_true(address_is_host_name("redis"));
    assert_true(address_is_host_name("db-1.eu_west.example.com"));
    assert_true(address_is_host_name("_postgresql._tcp.prod.example.com"));
    assert_true(address_is_host_name("example.com."));
    assert_true(address_is_host_name("1.example"));
    assert_true(address_is_host_name("3com"));
    assert_false(address_is_host_name(""));
    assert_false(address_is_host_name("."));
    assert_false(address_is_host_name(".example"));
    assert_false(address_is_host_name("a..b"));
    assert_false(address_is_host_name("-a"));
    assert_false(address_is_host_name("a-.b"));
    assert_false(address_is_host_name("a b"));
    assert_false(address_is_host_name("a:b"));
    assert_false(address_is_host_name("caf\xc3\xa9"));
    assert_false(address_is_host_name("10.0.0.256"));
    assert_false(address_is_host_name("1234"));
    memset(name, 'a', sizeof(name));
    for (size_t i = 49; i < sizeof(name); i += 50)
        name[i] = '.';
    name[253] = '\0';
    assert_true(address_is_host_name(name));
    name[253] = 'a';
    name[254] = '\0';
    assert_false(address_is_host_name(name));
    name[253] = '.'; /* which does not count */
    assert_true(address_is_host_name(name));
    memset(name, 'a', 64);
    name[63] = '\0';
    assert_true(address_is_host_name(name));
    name[63] = 'a';
    name[64] = '\0';
    assert_false(address_is_host_name(name));
}

static bool is_loopback(const char *text)
{
    struct address address = parsed(text);

    return address_is_loopback(&address);
}

static void loopback_is_what_stays_on_this_host(void **state)
{
    (void)state;
    assert_true(is_loopback("127.0.0.1:80"));
    assert_true(is_loopback("127.255.0.9:80"));
    assert_true(is_loopback("[::1]:80"));
    assert_true(is_loopback("[::ffff:127.0.0.1]:80"));
    assert_true(is_loopback("unix:/path"));
    assert_false(is_loopback("128.0.0.1:80"));
    assert_false(is_loopback("0.0.0.0:80"));
    assert_false(is_loopback("[::]:80"));
    assert_false(is_loopback("[::2]:80"));
    assert_false(is_loopback("[::ffff:128.0.0.1]:80"));
}

static void addresses_are_equal_if_all_of_them_is(void **state)
{
    static const char *const texts[] = {
        "192.0.2.1:80",     "192.0.2.1:81",     "192.0.2.2:80",
        "[2001:db8::1]:80", "[2001:db8::1]:81", "[2001:db8::2]:80",
        "[fe80::1%7]:80",   "[fe80::1%8]:80",   "unix:/a",
        "unix:/ab",         "unix:@a",          "unix:@ab",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
        for (size_t j = 0; j < ARRAY_LENGTH(texts); j++) {
            struct address a = parsed(texts[i]), b = parsed(texts[j]);

            assert_int_equal(address_equal(&a, &b), i == j);
        }
}

static void a_port_can_be_set(void **state)
{
    struct address v4 = parsed("192.0.2.1:80"), v6 = parsed("[::1]:80"),
                   path = parsed("unix:/a");
    char text[ADDRESS_TEXT];

    (void)state;
    assert_int_equal(address_port(&v4), 80);
    assert_int_equal(address_port(&v6), 80);
    assert_int_equal(address_port(&path), 0);
    address_set_port(&v4, 443);
    address_set_port(&v6, 443);
    address_set_port(&path, 443);
    assert_string_equal(address_format(&v4, text), "192.0.2.1:443");
    assert_string_equal(address_format(&v6, text), "[::1]:443");
    assert_string_equal(address_format(&path, text), "unix:/a");
    assert_true(address_is_unix(&path));
    assert_false(address_is_unix(&v4));
}

static void both_ends_of_a_socket_have_addresses(void **state)
{
    (void)state;
    for (enum socket_kind kind = 0; kind < SOCKETS_KINDS; kind++) {
        struct address own, peer;
        char text[ADDRESS_TEXT];
        int pair[2];

        if (!sockets_have(kind))
            continue;
        sockets_pair(kind, pair);
        assert_true(address_of_socket(&own, pair[0]));
        assert_true(address_of_peer(&peer, pair[1]));
        assert_true(address_equal(&own, &peer));
        assert_int_equal(own.length, peer.length);
        if (kind != SOCKETS_UNIX) {
            struct address again = parsed(address_format(&own, text));

            assert_true(address_equal(&own, &again));
            assert_int_equal(own.length, again.length);
            assert_memory_equal(&own.any, &again.any, own.length);
        }
        assert_true(address_of_peer(&peer, pair[0]));
        if (kind == SOCKETS_UNIX) {
            assert_string_equal(address_format(&peer, text), "unix:unnamed");
            assert_false(address_parse(&peer, text));
        }
        close(pair[0]);
        close(pair[1]);
        assert_false(address_of_peer(&peer, pair[0]));
    }
}

static struct address random_address(struct random *random)
{
    struct address address = { .length = sizeof(address.v4) };
    uint64_t bits[2] = { random_next(random), random_next(random) };
    size_t path_offset = offsetof(struct sockaddr_un, sun_path);

    switch (random_below(random, 3)) {
    case 0:
        address.v4.sin_family = AF_INET;
        memcpy(&address.v4.sin_addr, bits, sizeof(address.v4.sin_addr));
        break;
    case 1:
        address.length = sizeof(address.v6);
        address.v6.sin6_family = AF_INET6;
        for (int i = 0; i < 8; i++) /* runs of zeros are written shorter */
            if (random_below(random, 2) == 0)
                ((uint16_t *)bits)[i] = 0;
        memcpy(&address.v6.sin6_addr, bits, sizeof(address.v6.sin6_addr));
        address.v6.sin6_scope_id = (uint32_t)random_below(random, 5);
        break;
    default: {
        size_t length = 2 + random_below(random, 106);

        address.path.sun_family = AF_UNIX;
        for (size_t i = 1; i < length; i++)
            address.path.sun_path[i] = (char)(1 + random_below(random, 255));
        if (random_below(random, 2) == 0) {
            address.path.sun_path[0] = '/';
            length++;
        }
        address.length = (socklen_t)(path_offset + length);
    }
    }
    address_set_port(&address, (uint16_t)random_next(random));
    return address;
}

static void any_address_survives_being_written_and_read(void **state)
{
    struct random random = random_from_seed(20261123);

    (void)state;
    for (int i = 0; i < 100000; i++) {
        struct address address = random_address(&random), again;
        char text[ADDRESS_TEXT];

        if (!address_parse(&again, address_format(&address, text)))
            fail_msg("%s is not parsed", text);
        assert_int_equal(again.length, address.length);
        assert_memory_equal(&again.any, &address.any, address.length);
        assert_true(address_equal(&again, &address));
    }
}

static void damaged_text_is_read_as_itself_or_not_at_all(void **state)
{
    struct random random = random_from_seed(7);

    (void)state;
    for (int i = 0; i < 100000; i++) {
        struct address address = random_address(&random), again;
        char text[ADDRESS_TEXT], twice[ADDRESS_TEXT];
        size_t length = strlen(address_format(&address, text));

        text[random_below(&random, length)] =
            "0123456789abcdef:.[]%@/ "[random_below(&random, 24)];
        assert_int_equal(address_parse(&address, text),
                         address_why_not(text) == NULL);
        if (!address_parse(&address, text))
            continue;
        assert_true(address_parse(&again, address_format(&address, twice)));
        assert_true(address_equal(&address, &again));
    }
}

RUN_TESTS(TEST(an_address_is_written_as_it_is_read),
          TEST(what_is_no_address_is_refused_with_a_reason),
          TEST(a_unix_path_has_at_most_107_bytes),
          TEST(host_and_port_are_split),
          TEST(a_host_that_does_not_fit_is_refused),
          TEST(numeric_addresses_are_taken_without_brackets),
          TEST(host_names_are_those_of_dns),
          TEST(loopback_is_what_stays_on_this_host),
          TEST(addresses_are_equal_if_all_of_them_is), TEST(a_port_can_be_set),
          TEST(both_ends_of_a_socket_have_addresses),
          TEST(any_address_survives_being_written_and_read),
          TEST(damaged_text_is_read_as_itself_or_not_at_all))
