/* SPDX-License-Identifier: MIT */
#include "admin/json_value.h"
#include "base/text.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing ---- */

json_t *text_value(const char *text)
{
    json_t *value = json_string(text);
    char *ascii = value ? NULL : strdup(text);

    if (!ascii)
        return value;
    for (char *at = ascii; *at != '\0'; at++)
        if ((unsigned char)*at >= 0x80)
            *at = '?';
    value = json_string(ascii);
    free(ascii);
    return value;
}

json_t *address_value(const struct address *address)
{
    char text[ADDRESS_TEXT];

    return text_value(address_format(address, text));
}

json_t *number_value(uint64_t number)
{
    return json_integer((json_int_t)number);
}

json_t *make_object(const struct member *members)
{
    json_t *object = json_object();
    bool is_whole = object;

    for (; members->name; members++)
        if (json_object_set_new(object, members->name, members->value) != 0)
            is_whole = false;
    if (is_whole)
        return object;
    json_decref(object);
    return NULL;
}

json_t *append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) == 0)
        return array;
    json_decref(array);
    return NULL;
}

json_t *texts_value(const char *const *texts)
{
    json_t *array = json_array();

    for (size_t i = 0; texts && texts[i]; i++)
        array = append(array, text_value(texts[i]));
    return array;
}

json_t *age_value(const struct source_report *source, uint64_t now_us)
{
    int64_t wall = clock_wall_seconds();

    if (source->answered_us != 0)
        return number_value(now_us > source->answered_us
                                ? (now_us - source->answered_us) / CLOCK_SECOND
                                : 0);
    if (source->answered_at != 0)
        return json_integer(
            wall > source->answered_at ? wall - source->answered_at : 0);
    return json_null();
}

/* ---- reading ---- */

const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

int64_t number_of(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

bool is_text(const json_t *object, const char *name, const char *wanted)
{
    return strcmp(text_of(object, name), wanted) == 0;
}

const char *duration(int64_t seconds, char *text, size_t size)
{
    int64_t days = seconds / 86400, hours = seconds / 3600 % 24;
    int64_t minutes = seconds / 60 % 60;

    if (days > 0)
        text_format(text, size, "%" PRId64 "d %" PRId64 "h", days, hours);
    else if (hours > 0)
        text_format(text, size, "%" PRId64 "h %" PRId64 "m", hours, minutes);
    else if (minutes > 0)
        text_format(text, size, "%" PRId64 "m %" PRId64 "s", minutes,
                    seconds % 60);
    else
        text_format(text, size, "%" PRId64 "s", seconds);
    return text;
}
