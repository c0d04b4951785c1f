/* SPDX-License-Identifier: MIT */
#include "base/text.h"
#include "base/clock.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool text_copy(char *to, size_t size, const char *text)
{
    size_t length = strlen(text);

    ASSERT(size > 0);
    if (length >= size) {
        to[0] = '\0';
        return false;
    }
    memcpy(to, text, length + 1);
    return true;
}

bool text_format(char *to, size_t size, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(to, size, format, arguments);
    va_end(arguments);
    return length >= 0 && (size_t)length < size;
}

/* Digits from |*text| on, which is moved past them. */
static bool take_digits(const char **text, uint64_t *number)
{
    const char *at = *text;
    uint64_t value = 0;

    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');

        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (at == *text)
        return false;
    *text = at;
    *number = value;
    return true;
}

bool text_parse_number(const char *text, uint64_t min, uint64_t max,
                       uint64_t *number)
{
    uint64_t value;

    if (!take_digits(&text, &value) || *text != '\0' || value < min ||
        value > max)
        return false;
    *number = value;
    return true;
}

bool text_parse_duration(const char *text, uint64_t *duration_us)
{
    static const struct {
        const char *unit;
        uint64_t us;
    } units[] = {
        { "us", 1 },
        { "ms", CLOCK_MS },
        { "s", CLOCK_SECOND },
        { "m", 60 * CLOCK_SECOND },
        { "h", 3600 * CLOCK_SECOND },
        { "d", 86400 * CLOCK_SECOND },
    };
    uint64_t value;

    if (!take_digits(&text, &value))
        return false;
    if (*text == '\0' && value == 0) {
        *duration_us = 0;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(units); i++) {
        if (strcmp(text, units[i].unit) != 0)
            continue;
        if (value > UINT64_MAX / units[i].us)
            return false;
        *duration_us = value * units[i].us;
        return true;
    }
    return false;
}

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9');
}

bool text_is_name(const char *text, size_t length)
{
    if (length == 0 || length > TEXT_MAX_NAME || !is_letter_or_digit(text[0]))
        return false;
    for (size_t i = 1; i < length; i++)
        if (!is_letter_or_digit(text[i]) && text[i] != '.' && text[i] != '_' &&
            text[i] != '-')
            return false;
    return true;
}

bool text_list_add(struct text_list *list, const char *text)
{
    char *copy = strdup(text);
    char **items = realloc(list->items, (list->count + 1) * sizeof(*items));

    if (items)
        list->items = items;
    if (!copy || !items) {
        free(copy);
        return false;
    }
    list->items[list->count++] = copy;
    return true;
}

bool text_list_copy(struct text_list *to, const struct text_list *from)
{
    *to = (struct text_list){ 0 };
    for (size_t i = 0; i < from->count; i++)
        if (!text_list_add(to, from->items[i])) {
            text_list_clear(to);
            return false;
        }
    return true;
}

bool text_list_equal(const struct text_list *a, const struct text_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

void text_list_clear(struct text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct text_list){ 0 };
}
