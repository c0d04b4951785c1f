/* SPDX-License-Identifier: MIT */
#include "admin/sheet.h"

#include "support/check_test.h"
#include <stdlib.h>

static void check_printed(const struct sheet *sheet, const char *expected)
{
    char *text = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);

    assert_non_null(to);
    assert_true(sheet_print(sheet, to));
    fclose(to);
    assert_string_equal(text, expected);
    free(text);
}

static void columns_are_as_wide_as_their_widest_text(void **state)
{
    static const char *const cells[] = { "NAME",  "STATE", "WHERE", "redis",
                                         "up",    "here",  "a",     "",
                                         "there", "b",     "down",  "" };
    struct sheet sheet;

    (void)state;
    sheet_init(&sheet, 3);
    for (size_t i = 0; i < ARRAY_LENGTH(cells); i++)
        sheet_add(&sheet, cells[i]);
    check_printed(&sheet, "NAME   STATE  WHERE\n"
                          "redis  up     here\n"
                          "a             there\n"
                          "b      down\n");
    sheet_clear(&sheet);
    assert_int_equal(sheet.count, 0);
}

static void a_row_that_is_not_whole_is_not_printed(void **state)
{
    struct sheet sheet;

    (void)state;
    sheet_init(&sheet, 2);
    check_printed(&sheet, "");
    sheet_add(&sheet, "a");
    check_printed(&sheet, "");
    sheet_add(&sheet, "b");
    check_printed(&sheet, "a  b\n");
    sheet_clear(&sheet);
}

static void a_character_counts_once_whatever_its_bytes(void **state)
{
    struct sheet sheet;

    (void)state;
    sheet_init(&sheet, 2);
    sheet_add(&sheet, "gr\xc3\xb6\xc3\x9f"
                      "e");
    sheet_add(&sheet, "1");
    sheet_add(&sheet, "small");
    sheet_add(&sheet, "2");
    check_printed(&sheet, "gr\xc3\xb6\xc3\x9f"
                          "e  1\nsmall  2\n");
    sheet_clear(&sheet);
}

static void many_rows_fit(void **state)
{
    struct sheet sheet;

    (void)state;
    sheet_init(&sheet, 1);
    for (size_t i = 0; i < 1000; i++)
        sheet_add(&sheet, "x");
    assert_int_equal(sheet.count, 1000);
    assert_false(sheet.has_failed);
    sheet_clear(&sheet);
}

static void check_harmless(const char *text, const char *expected)
{
    char *harmless = sheet_harmless(text);

    assert_non_null(harmless);
    assert_string_equal(harmless, expected);
    free(harmless);
}

static void nothing_can_steer_a_terminal(void **state)
{
    (void)state;
    check_harmless("", "");
    check_harmless("plain ~ text", "plain ~ text");
    check_harmless("\x1b[2J\x07\ta\nb\x7f", "?[2J??a?b?");
    check_harmless("\xc2\x9b"
                   "31m",
                   "?31m");                                 /* C1: CSI */
    check_harmless("\xc2\xa0\xc3\xa9", "\xc2\xa0\xc3\xa9"); /* neighbours */
    check_harmless("a\xe2\x80\xaez", "a?z");                /* U+202E */
    check_harmless("a\xe2\x81\xa6z", "a?z");                /* U+2066 */
    check_harmless("\xe2\x80\x94", "\xe2\x80\x94"); /* a dash is harmless */
    check_harmless("\xe2\x82\xac", "\xe2\x82\xac"); /* and so is money */
    check_harmless("\xc2", "?");
    check_harmless("\xe2\x80", "\xe2\x80");
}

RUN_TESTS(TEST(columns_are_as_wide_as_their_widest_text),
          TEST(a_row_that_is_not_whole_is_not_printed),
          TEST(a_character_counts_once_whatever_its_bytes), TEST(many_rows_fit),
          TEST(nothing_can_steer_a_terminal))
