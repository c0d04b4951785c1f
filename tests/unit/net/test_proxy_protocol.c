/* SPDX-License-Identifier: MIT */
#include "net/proxy_protocol.h"

#include "support/check_test.h"

static size_t header(const char *source, const char *destination, uint8_t *out)
{
    struct address from, to;

    assert_true(address_parse(&from, source));
    assert_true(address_parse(&to, destination));
    return proxy_protocol_write(&from, &to, out);
}

/* Byte by byte as proxy-protocol.txt, section 2.2, draws it. */
static void a_header_of_tcp4_is_as_the_specification_says(void **state)
{
    static const uint8_t expected[] = {
        0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
        0x21,       /* version 2, PROXY */
        0x11,       /* TCP over IPv4 */
        0x00, 0x0c, /* 12 bytes follow */
        192,  0,    2,    1,    198,  51,   100,  7,    0xcf, 0x1b, 0x18, 0xeb,
    };
    uint8_t out[PROXY_PROTOCOL_MAX];

    (void)state;
    assert_int_equal(header("192.0.2.1:53019", "198.51.100.7:6379", out),
                     sizeof(expected));
    assert_memory_equal(out, expected, sizeof(expected));
}

static void a_header_of_tcp6_is_as_the_specification_says(void **state)
{
    static const uint8_t expected[] = {
        0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
        0x21,       /* version 2, PROXY */
        0x21,       /* TCP over IPv6 */
        0x00, 0x24, /* 36 bytes follow */
        0x20, 0x01, 0x0d, 0xb8, 0,    0,    0,    0,    0,    0,    0,    0,
        0,    0,    0,    1,    0x20, 0x01, 0x0d, 0xb8, 0,    0,    0,    0,
        0,    0,    0,    0,    0,    0,    0,    2,    0x00, 0x01, 0xff, 0xff,
    };
    uint8_t out[PROXY_PROTOCOL_MAX];

    (void)state;
    assert_int_equal(header("[2001:db8::1]:1", "[2001:db8::2]:65535", out),
                     sizeof(expected));
    assert_int_equal(sizeof(expected), PROXY_PROTOCOL_MAX);
    assert_memory_equal(out, expected, sizeof(expected));
}

static void what_cannot_be_said_is_a_local_header(void **state)
{
    static const uint8_t expected[] = {
        0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55,
        0x49, 0x54, 0x0a, 0x20, 0x00, 0x00, 0x00, /* version 2, LOCAL,
                                                     unspecified, nothing */
    };
    static const char *const pairs[][2] = {
        { "192.0.2.1:1", "[2001:db8::2]:2" },
        { "[2001:db8::2]:2", "192.0.2.1:1" },
        { "unix:/a", "unix:/b" },
        { "unix:@a", "192.0.2.1:1" },
    };
    uint8_t out[PROXY_PROTOCOL_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(pairs); i++) {
        assert_int_equal(header(pairs[i][0], pairs[i][1], out),
                         sizeof(expected));
        assert_memory_equal(out, expected, sizeof(expected));
    }
}

RUN_TESTS(TEST(a_header_of_tcp4_is_as_the_specification_says),
          TEST(a_header_of_tcp6_is_as_the_specification_says),
          TEST(what_cannot_be_said_is_a_local_header))
