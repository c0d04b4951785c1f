/* SPDX-License-Identifier: MIT */
#include "health/postgres_message.h"
#include "support/check_test.h"

static const uint8_t two[] = "R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
enum { TWO = sizeof(two) - 1 };

static void messages_are_read_however_they_come(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= TWO; piece++) {
        struct postgres_reader reader;
        char types[3] = "";
        size_t at = 0, count = 0;

        postgres_reader_init(&reader);
        while (at < TWO) {
            size_t part = TWO - at < piece ? TWO - at : piece, used;
            enum postgres_progress progress =
                postgres_read(&reader, two + at, part, &used);

            at += used;
            assert_int_not_equal(progress, POSTGRES_BROKEN);
            if (progress == POSTGRES_READ && count < 2) {
                assert_int_equal(reader.message.length, count == 0 ? 4 : 1);
                types[count++] = reader.message.type;
            }
        }
        assert_string_equal(types, "RZ");
        assert_int_equal(reader.message.body[0], 'I');
    }
}

static void a_message_may_be_empty(void **state)
{
    struct postgres_reader reader;
    size_t used;

    (void)state;
    postgres_reader_init(&reader);
    assert_int_equal(postgres_read(&reader, (const uint8_t *)"1\0\0\0\x04Z", 6,
                                   &used),
                     POSTGRES_READ);
    assert_int_equal(used, 5);
    assert_int_equal(reader.message.length, 0);
}

static void of_a_long_message_the_beginning_is_kept(void **state)
{
    enum { LENGTH = 5 + 5000 };
    static uint8_t bytes[LENGTH] = "T\0\0\x13\x8c";
    struct postgres_reader reader;
    size_t used;

    (void)state;
    memset(bytes + 5, 'x', LENGTH - 5);
    postgres_reader_init(&reader);
    assert_int_equal(postgres_read(&reader, bytes, LENGTH - 1, &used),
                     POSTGRES_MORE);
    assert_int_equal(postgres_read(&reader, bytes + LENGTH - 1, 1, &used),
                     POSTGRES_READ);
    assert_int_equal(reader.message.length, POSTGRES_BODY);
}

static void impossible_lengths_are_told(void **state)
{
    static const char heads[][6] = { "R\0\0\0\x03", "R\0\0\0\0",
                                     "R\0\x10\0\x01", "R\xff\xff\xff\xff" };
    struct postgres_reader reader;
    size_t used;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(heads); i++) {
        postgres_reader_init(&reader);
        assert_int_equal(postgres_read(&reader, (const uint8_t *)heads[i], 5,
                                       &used),
                         POSTGRES_BROKEN);
    }
}

static struct postgres_message error_of(const char *body, size_t length)
{
    struct postgres_message message = { .type = 'E', .length = length };

    memcpy(message.body, body, length);
    return message;
}

static void fields_of_an_error_are_found(void **state)
{
    static const char body[] = "SFATAL\0VFATAL\0C57P03\0Mstarting\0";
    struct postgres_message message = error_of(body, sizeof(body));
    char text[16];

    (void)state;
    assert_true(postgres_error_field(&message, 'C', text, sizeof(text)));
    assert_string_equal(text, "57P03");
    assert_true(postgres_error_field(&message, 'M', text, sizeof(text)));
    assert_string_equal(text, "starting");
    assert_true(postgres_error_field(&message, 'M', text, 4));
    assert_string_equal(text, "sta");
    assert_false(postgres_error_field(&message, 'H', text, sizeof(text)));
    assert_string_equal(text, "");
    /* Cut at every byte, nothing behind it is read. */
    for (size_t length = 0; length < sizeof(body); length++) {
        message = error_of(body, length);
        memset(message.body + length, 'M', POSTGRES_BODY - length);
        if (postgres_error_field(&message, 'M', text, sizeof(text)))
            assert_true(strncmp("starting", text, strlen(text)) == 0);
    }
}

static void a_client_says_what_the_protocol_wants(void **state)
{
    static const char startup[] =
        "\0\0\0\x35\0\x03\0\0user\0me\0database\0d\0application_name\0"
        "entente\0";
    static const char query[] = "Q\0\0\0\x0dSELECT 1";
    uint8_t bytes[256];
    struct bytes_writer writer = bytes_writer(bytes, sizeof(bytes));

    (void)state;
    postgres_write_startup(&writer, "me", "d");
    assert_int_equal(bytes_written(&writer), sizeof(startup));
    assert_memory_equal(bytes, startup, sizeof(startup));
    writer = bytes_writer(bytes, sizeof(bytes));
    postgres_write_startup(&writer, "me", "");
    assert_int_equal(bytes_written(&writer), sizeof(startup) - 11);
    assert_int_equal(bytes[3], sizeof(startup) - 11);
    writer = bytes_writer(bytes, sizeof(bytes));
    postgres_write_query(&writer, "SELECT 1");
    assert_int_equal(bytes_written(&writer), sizeof(query));
    assert_memory_equal(bytes, query, sizeof(query));
    writer = bytes_writer(bytes, sizeof(bytes));
    postgres_write_end(&writer);
    assert_memory_equal(bytes, "X\0\0\0\x04", 5);
    writer = bytes_writer(bytes, 10);
    postgres_write_startup(&writer, "me", "d");
    assert_true(writer.failed);
}

RUN_TESTS(TEST(messages_are_read_however_they_come),
          TEST(a_message_may_be_empty),
          TEST(of_a_long_message_the_beginning_is_kept),
          TEST(impossible_lengths_are_told), TEST(fields_of_an_error_are_found),
          TEST(a_client_says_what_the_protocol_wants))
