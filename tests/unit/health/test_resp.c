/* SPDX-License-Identifier: MIT */
#include "health/resp.h"
#include "support/check_test.h"
#include <stdio.h>

/* What is read of |bytes| in pieces of |piece|, as text; "!" for broken. */
static void describe(const char *bytes, size_t length, size_t piece, char *text,
                     size_t size)
{
    static const char *const names[] = {
        [RESP_SIMPLE] = "simple",   [RESP_ERROR] = "error",
        [RESP_INTEGER] = "integer", [RESP_BULK] = "bulk",
        [RESP_ARRAY] = "array",     [RESP_NULL] = "null",
    };
    struct resp_reader reader;
    size_t at = 0, written = 0;

    resp_init(&reader);
    text[0] = '\0';
    while (at < length) {
        size_t part = length - at < piece ? length - at : piece, used;
        enum resp_progress progress =
            resp_read(&reader, (const uint8_t *)bytes + at, part, &used);
        const struct resp_element *element = &reader.element;

        at += used;
        if (progress == RESP_MORE) {
            assert_int_equal(used, part);
            continue;
        }
        if (progress == RESP_BROKEN) {
            snprintf(text + written, size - written, "!");
            return;
        }
        assert_int_equal(strlen(element->text), element->length);
        written += (size_t)snprintf(text + written, size - written,
                                    "%s%u %s%s%s", written ? ", " : "",
                                    element->depth, names[element->type],
                                    element->is_cut ? " cut" : "",
                                    element->is_last ? " last" : "");
        if (element->type == RESP_INTEGER || element->type == RESP_ARRAY)
            written += (size_t)snprintf(text + written, size - written, " %lld",
                                        (long long)element->number);
        else if (element->type != RESP_NULL)
            written += (size_t)snprintf(text + written, size - written, " '%s'",
                                        element->text);
    }
}

/* In one piece, byte by byte, and cut at every place. */
static void assert_reads(const char *bytes, size_t length, const char *expected)
{
    char text[2048];

    for (size_t piece = 1; piece <= length; piece++) {
        describe(bytes, length, piece, text, sizeof(text));
        assert_string_equal(text, expected);
    }
}

#define ASSERT_READS(bytes, expected) \
    assert_reads(bytes, sizeof(bytes) - 1, expected)

static void elements_are_read_however_they_come(void **state)
{
    (void)state;
    ASSERT_READS("+PONG\r\n", "0 simple last 'PONG'");
    ASSERT_READS("-LOADING wait\r\n", "0 error last 'LOADING wait'");
    ASSERT_READS(":-12\r\n:7\r\n", "0 integer last -12, 0 integer last 7");
    ASSERT_READS("$5\r\na\r\nbc\r\n", "0 bulk last 'a\r\nbc'");
    ASSERT_READS("$0\r\n\r\n", "0 bulk last ''");
    ASSERT_READS("$-1\r\n*-1\r\n", "0 null last, 0 null last");
    ASSERT_READS("*0\r\n+x\r\n", "0 array last 0, 0 simple last 'x'");
}

static void arrays_end_with_their_last_element(void **state)
{
    (void)state;
    ASSERT_READS("*3\r\n$6\r\nmaster\r\n:42\r\n*0\r\n+OK\r\n",
                 "0 array 3, 1 bulk 'master', 1 integer 42, 1 array last 0, "
                 "0 simple last 'OK'");
    ASSERT_READS("*2\r\n*1\r\n+a\r\n*1\r\n$-1\r\n:1\r\n",
                 "0 array 2, 1 array 1, 2 simple 'a', 1 array 1, 2 null last, "
                 "0 integer last 1");
}

static void of_a_long_text_the_beginning_is_kept(void **state)
{
    char bytes[1024], expected[256], text[2048];
    int length = snprintf(bytes, sizeof(bytes), "$500\r\n%0500d\r\n+x\r\n", 7);

    (void)state;
    snprintf(expected, sizeof(expected),
             "0 bulk cut last '%0*d', 0 simple last 'x'", RESP_TEXT, 0);
    assert_reads(bytes, (size_t)length, expected);
    length = snprintf(bytes, sizeof(bytes), "-%0500d\r\n", 0);
    snprintf(expected, sizeof(expected), "0 error cut last '%0*d'", RESP_TEXT,
             0);
    describe(bytes, (size_t)length, 1, text, sizeof(text));
    assert_string_equal(text, expected);
}

static void what_is_not_resp_is_told(void **state)
{
    static const char *const bytes[] = {
        "HTTP/1.1 400 Bad Request\r\n",
        "x",
        "\r\n",
        "+a\rb\r\n",
        ":\r\n",
        ":1x\r\n",
        ":99999999999999999999\r\n",
        "$-2\r\n",
        "$x\r\n",
        "$536870913\r\n",
        "*-2\r\n",
        "*1048577\r\n",
        "$1\r\nab\r\n",
        "$1\r\na\nx",
    };
    char text[256];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bytes); i++) {
        describe(bytes[i], strlen(bytes[i]), 1, text, sizeof(text));
        assert_string_equal(text, "!");
        describe(bytes[i], strlen(bytes[i]), 100, text, sizeof(text));
        assert_string_equal(text, "!");
    }
}

static void neither_depth_nor_a_line_is_without_an_end(void **state)
{
    struct resp_reader reader;
    enum resp_progress progress = RESP_READ;
    uint8_t line[70000];
    size_t used, arrays = 0;

    (void)state;
    resp_init(&reader);
    while (progress == RESP_READ && arrays < 100) {
        progress = resp_read(&reader, (const uint8_t *)"*1\r\n", 4, &used);
        arrays += progress == RESP_READ;
    }
    assert_int_equal(progress, RESP_BROKEN);
    assert_int_equal(arrays, RESP_MAX_DEPTH);
    resp_init(&reader);
    memset(line, '+', sizeof(line));
    assert_int_equal(resp_read(&reader, line, sizeof(line), &used),
                     RESP_BROKEN);
}

RUN_TESTS(TEST(elements_are_read_however_they_come),
          TEST(arrays_end_with_their_last_element),
          TEST(of_a_long_text_the_beginning_is_kept),
          TEST(what_is_not_resp_is_told),
          TEST(neither_depth_nor_a_line_is_without_an_end))
