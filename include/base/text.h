/* SPDX-License-Identifier: MIT */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H
#include "base/check.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Strings: bounded, NUL-terminated, never overrun. */

/*
 * Copy |text| into |to|, which holds |size| bytes.  False, and |to| empty, if
 * it does not fit.
 */
MUST_CHECK bool text_copy(char *to, size_t size, const char *text);

/* snprintf() that returns false, and leaves |to| cut, if it did not fit. */
bool text_format(char *to, size_t size, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* A number that is the whole of |text|, in [min, max]. */
MUST_CHECK bool text_parse_number(const char *text, uint64_t min, uint64_t max,
                                  uint64_t *number);

/*
 * A time like 500ms, 10s, 5m, 2h or 1d, as microseconds; a bare 0 is allowed,
 * any other bare number is not.
 */
MUST_CHECK bool text_parse_duration(const char *text, uint64_t *duration_us);

/*
 * A name of a service or node: letters, digits, '.', '_' and '-', starting
 * with a letter or digit, at most 63 bytes.
 */
enum { TEXT_MAX_NAME = 63 };
MUST_CHECK bool text_is_name(const char *text, size_t length);

/* Strings that belong together; owns them all. */
struct text_list {
    char **items;
    size_t count;
};

/* Appends a copy; false, and nothing changed, without memory. */
MUST_CHECK bool text_list_add(struct text_list *list, const char *text);
MUST_CHECK bool text_list_copy(struct text_list *to,
                               const struct text_list *from);
bool text_list_equal(const struct text_list *a, const struct text_list *b);
void text_list_clear(struct text_list *list);
#endif
