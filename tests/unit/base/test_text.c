/* SPDX-License-Identifier: MIT */
#include "base/text.h"
#include "support/check_test.h"

static void durations_need_their_unit(void **state)
{
    uint64_t us;

    (void)state;
    assert_true(text_parse_duration("500ms", &us));
    assert_int_equal(us, 500000);
    assert_true(text_parse_duration("10s", &us));
    assert_int_equal(us, 10000000);
    assert_true(text_parse_duration("0", &us));
    assert_int_equal(us, 0);
    assert_false(text_parse_duration("10", &us));
    assert_false(text_parse_duration("s", &us));
    assert_false(text_parse_duration("10 s", &us));
    assert_false(text_parse_duration("-1s", &us));
    assert_false(text_parse_duration("99999999999999999999s", &us));
    assert_false(text_parse_duration("18446744073709551615d", &us));
}

static void numbers_are_whole_and_within_bounds(void **state)
{
    uint64_t number;

    (void)state;
    assert_true(text_parse_number("65535", 1, 65535, &number));
    assert_int_equal(number, 65535);
    assert_false(text_parse_number("65536", 1, 65535, &number));
    assert_false(text_parse_number("0", 1, 65535, &number));
    assert_false(text_parse_number("1x", 1, 65535, &number));
    assert_false(text_parse_number("", 0, 65535, &number));
    assert_false(text_parse_number("+1", 0, 65535, &number));
}

static void a_copy_fits_or_is_empty(void **state)
{
    char to[4];

    (void)state;
    assert_true(text_copy(to, sizeof(to), "abc"));
    assert_string_equal(to, "abc");
    assert_false(text_copy(to, sizeof(to), "abcd"));
    assert_string_equal(to, "");
}

static void names_are_plain(void **state)
{
    (void)state;
    assert_true(text_is_name("redis", 5));
    assert_true(text_is_name("db-1.eu_west", 12));
    assert_false(text_is_name("", 0));
    assert_false(text_is_name("-x", 2));
    assert_false(text_is_name("a b", 3));
    assert_false(text_is_name("a\0b", 3));
    assert_false(text_is_name("a/b", 3));
}

RUN_TESTS(TEST(durations_need_their_unit),
          TEST(numbers_are_whole_and_within_bounds),
          TEST(a_copy_fits_or_is_empty), TEST(names_are_plain))
