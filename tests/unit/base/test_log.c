/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "support/check_test.h"

static void check_line(enum log_format format, const struct log_field *fields,
                       size_t count, const char *expected)
{
    char line[200];
    size_t length = log_format_line(line, sizeof(line), format, LOG_INFO,
                                    "tunnel_closed", fields, count);

    line[length] = '\0';
    assert_string_equal(line, expected);
}

static void a_line_is_one_event_with_its_fields(void **state)
{
    struct log_field fields[] = { log_text("peer", "spiffe://a/b"),
                                  log_number("streams", 12), log_nothing() };

    (void)state;
    check_line(LOG_TEXT, fields, 3,
               "info tunnel_closed peer=spiffe://a/b streams=12\n");
    check_line(LOG_JSON, fields, 3,
               "\"level\":\"info\",\"event\":\"tunnel_closed\","
               "\"peer\":\"spiffe://a/b\",\"streams\":12}\n");
}

static void text_from_outside_cannot_forge_a_line(void **state)
{
    struct log_field field = log_text("name", "a\nerror x=\"\x1b[2J\\");

    (void)state;
    check_line(LOG_TEXT, &field, 1,
               "info tunnel_closed "
               "name=\"a\\u000aerror x=\\\"\\u001b[2J\\\\\"\n");
}

static void a_field_that_does_not_fit_is_left_out_whole(void **state)
{
    struct log_field fields[] = { log_text("a", "b"),
                                  log_text("long", "xxxxxxxxxxxxxxxxxxxx") };
    char line[50];
    size_t length =
        log_format_line(line, sizeof(line), LOG_JSON, LOG_INFO, "e", fields, 2);

    (void)state;
    line[length] = '\0';
    assert_string_equal(line,
                        "\"level\":\"info\",\"event\":\"e\",\"a\":\"b\"}\n");
}

static void repeats_are_left_out_and_counted(void **state)
{
    struct log_limit limit = { 0 };
    int admitted = 0;

    (void)state;
    for (int i = 0; i < 1000; i++)
        admitted += log_admit(&limit, 5) >= 0;
    assert_in_range(admitted, 5, 10); /* the second may turn once meanwhile */
    assert_in_range(limit.left_out, 900, 995);
}

RUN_TESTS(TEST(a_line_is_one_event_with_its_fields),
          TEST(text_from_outside_cannot_forge_a_line),
          TEST(a_field_that_does_not_fit_is_left_out_whole),
          TEST(repeats_are_left_out_and_counted))
