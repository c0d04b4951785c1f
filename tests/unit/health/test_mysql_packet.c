/* SPDX-License-Identifier: MIT */
#include "health/mysql_packet.h"
#include "support/check_test.h"

static const uint8_t two[] = "\x03\0\0\0\x0a"
                             "5\0\x01\0\0\x02\0";
enum { TWO = sizeof(two) - 1 };

static void packets_are_read_however_they_come(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= TWO; piece++) {
        struct mysql_reader reader;
        size_t at = 0, count = 0;

        mysql_reader_init(&reader);
        while (at < TWO) {
            size_t part = TWO - at < piece ? TWO - at : piece, used;
            enum mysql_progress progress =
                mysql_read(&reader, two + at, part, &used);

            at += used;
            assert_int_not_equal(progress, MYSQL_BROKEN);
            if (progress != MYSQL_READ)
                continue;
            assert_int_equal(reader.packet.number, count == 0 ? 0 : 2);
            assert_int_equal(reader.packet.length, count == 0 ? 3 : 1);
            assert_int_equal(reader.packet.body[0],
                             count == 0 ? MYSQL_GREETING : MYSQL_OK);
            count++;
        }
        assert_int_equal(count, 2);
    }
}

static void of_a_long_packet_the_beginning_is_kept(void **state)
{
    enum { LENGTH = 4 + 5000 };
    static uint8_t bytes[LENGTH] = "\x88\x13\0\x07";
    struct mysql_reader reader;
    size_t used;

    (void)state;
    mysql_reader_init(&reader);
    assert_int_equal(mysql_read(&reader, bytes, LENGTH - 1, &used), MYSQL_MORE);
    assert_int_equal(mysql_read(&reader, bytes + LENGTH - 1, 1, &used),
                     MYSQL_READ);
    assert_int_equal(reader.packet.length, MYSQL_BODY);
    assert_int_equal(reader.packet.number, 7);
}

static void impossible_lengths_are_told(void **state)
{
    static const char heads[][5] = { "\0\0\0\0", "\x01\0\x10\0",
                                     "\xff\xff\xff\xff" };
    struct mysql_reader reader;
    size_t used;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(heads); i++) {
        mysql_reader_init(&reader);
        assert_int_equal(mysql_read(&reader, (const uint8_t *)heads[i], 4,
                                    &used),
                         MYSQL_BROKEN);
    }
}

static struct mysql_packet packet_of(const char *body, size_t length)
{
    struct mysql_packet packet = { .length = length };

    memcpy(packet.body, body, length);
    return packet;
}

static void errors_have_a_number_and_a_text(void **state)
{
    struct mysql_packet packet = packet_of("\xff\x15\x04#28000Access", 15);
    char text[16];

    (void)state;
    assert_int_equal(mysql_error(&packet, text, sizeof(text)), 1045);
    assert_string_equal(text, "Access");
    packet = packet_of("\xff\x10\x04Too many", 11);
    assert_int_equal(mysql_error(&packet, text, 4), 1040);
    assert_string_equal(text, "Too");
    packet = packet_of("\xff\x10\x04#123", 7);
    assert_int_equal(mysql_error(&packet, text, sizeof(text)), 1040);
    assert_string_equal(text, "#123");
    packet = packet_of("\xff\x10", 2);
    assert_int_equal(mysql_error(&packet, text, sizeof(text)), 0);
    assert_string_equal(text, "");
}

static void a_switch_names_its_method(void **state)
{
    struct mysql_packet packet = packet_of("\xfe"
                                           "dialog\0salt",
                                           12);
    char method[8];

    (void)state;
    assert_true(mysql_switch_method(&packet, method, sizeof(method)));
    assert_string_equal(method, "dialog");
    assert_false(mysql_switch_method(&packet, method, 6));
    packet = packet_of("\xfe"
                       "dialog",
                       7);
    assert_false(mysql_switch_method(&packet, method, sizeof(method)));
    packet = packet_of("\xfe", 1);
    assert_false(mysql_switch_method(&packet, method, sizeof(method)));
}

static void a_client_says_what_the_protocol_wants(void **state)
{
    static const uint8_t login[] =
        "\x3a\0\0\x01\x01\xa2\x08\0\0\0\0\x01\x21"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0me\0\0"
        "mysql_native_password";
    uint8_t bytes[256];
    struct bytes_writer writer = bytes_writer(bytes, sizeof(bytes));

    (void)state;
    mysql_write_login(&writer, 1, "me");
    assert_int_equal(bytes_written(&writer), sizeof(login));
    assert_memory_equal(bytes, login, sizeof(login));
    writer = bytes_writer(bytes, sizeof(bytes));
    mysql_write_no_password(&writer, 3, "mysql_native_password");
    assert_int_equal(bytes_written(&writer), 4);
    assert_memory_equal(bytes, "\0\0\0\x03", 4);
    writer = bytes_writer(bytes, sizeof(bytes));
    mysql_write_no_password(&writer, 3, "caching_sha2_password");
    assert_int_equal(bytes_written(&writer), 5);
    assert_memory_equal(bytes, "\x01\0\0\x03\0", 5);
    writer = bytes_writer(bytes, sizeof(bytes));
    mysql_write_quit(&writer);
    assert_int_equal(bytes_written(&writer), 5);
    assert_memory_equal(bytes, "\x01\0\0\0\x01", 5);
    writer = bytes_writer(bytes, 20);
    mysql_write_login(&writer, 1, "me");
    assert_true(writer.failed);
}

RUN_TESTS(TEST(packets_are_read_however_they_come),
          TEST(of_a_long_packet_the_beginning_is_kept),
          TEST(impossible_lengths_are_told),
          TEST(errors_have_a_number_and_a_text),
          TEST(a_switch_names_its_method),
          TEST(a_client_says_what_the_protocol_wants))
