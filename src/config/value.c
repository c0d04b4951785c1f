/* SPDX-License-Identifier: MIT */
#include "config/value.h"
#include "base/text.h"
#include "config/config.h"
#include "config/rule.h"
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- the member ---- */

static void *member(const struct key *key, void *object)
{
    return (char *)object + key->offset;
}

static const void *member_of(const struct key *key, const void *object)
{
    return (const char *)object + key->offset;
}

static uint64_t number_of(const struct key *key, const void *object)
{
    uint32_t number;

    memcpy(&number, member_of(key, object), sizeof(number));
    return number;
}

static void set_number(const struct key *key, void *object, uint64_t value)
{
    uint32_t number = (uint32_t)value;

    memcpy(member(key, object), &number, sizeof(number));
}

static_assert(sizeof(enum service_balance) == sizeof(uint32_t) &&
                  sizeof(enum log_level) == sizeof(uint32_t) &&
                  sizeof(enum log_format) == sizeof(uint32_t) &&
                  sizeof(enum health_protocol) == sizeof(uint32_t) &&
                  sizeof(enum health_role) == sizeof(uint32_t),
              "choices are kept like numbers");

/* ---- from text ---- */

static bool take_name(const struct key *key, void *object, const char *text)
{
    return text_is_name(text, strlen(text)) &&
           text_copy(member(key, object), TEXT_MAX_NAME + 1, text);
}

static bool take_duration(const struct key *key, void *object, const char *text)
{
    uint64_t us;

    if (!text_parse_duration(text, &us) || us < key->min || us > key->max)
        return false;
    memcpy(member(key, object), &us, sizeof(us));
    return true;
}

static bool take_move(const struct key *key, void *object, const char *text)
{
    static const char drain[] = "drain ";
    uint64_t us;

    if (strcmp(text, "keep") == 0)
        us = SERVICE_MOVE_KEEP;
    else if (strcmp(text, "close") == 0)
        us = SERVICE_MOVE_CLOSE;
    else if (strncmp(text, drain, strlen(drain)) != 0 ||
             !text_parse_duration(text + strlen(drain), &us) || us > key->max)
        return false;
    memcpy(member(key, object), &us, sizeof(us));
    return true;
}

static bool take_number(const struct key *key, void *object, const char *text)
{
    uint64_t number = 0;

    if ((!key->word || strcmp(text, key->word(0)) != 0) &&
        !text_parse_number(text, key->min, key->max, &number))
        return false;
    set_number(key, object, number);
    return true;
}

static bool take_flag(const struct key *key, void *object, const char *text)
{
    static const char *const words[2][3] = { { "false", "no", "off" },
                                             { "true", "yes", "on" } };

    for (size_t value = 0; value < 2; value++)
        for (size_t i = 0; i < 3; i++)
            if (strcmp(text, words[value][i]) == 0) {
                *(bool *)member(key, object) = value == 1;
                return true;
            }
    return false;
}

static bool take_choice(const struct key *key, void *object, const char *text)
{
    for (unsigned i = 0; key->word(i); i++)
        if (strcmp(text, key->word(i)) == 0) {
            set_number(key, object, i);
            return true;
        }
    return false;
}

static bool take_text(const struct key *key, void *object, const char *text)
{
    size_t size = (size_t)key->max + 1;

    if (strlen(text) >= size)
        return false;
    memset(member(key, object), 0, size);
    return text_copy(member(key, object), size, text);
}

/* How a type reads that is more than a text; the others are NULL. */
static bool (*const takers[KEY_TYPES])(const struct key *key, void *object,
                                       const char *text) = {
    [KEY_NAME] = take_name,     [KEY_DURATION] = take_duration,
    [KEY_NUMBER] = take_number, [KEY_FLAG] = take_flag,
    [KEY_CHOICE] = take_choice, [KEY_MOVE] = take_move,
    [KEY_WORD] = take_text,     [KEY_URL_PATH] = take_text,
    [KEY_HOST] = take_text,
};

/* ---- setting ---- */

static enum status add(const struct key *key, void *object, const char *text,
                       char *why, size_t size)
{
    struct text_list *list = member(key, object);

    if (list->count >= VALUE_MAX_ITEMS) {
        (void)text_format(why, size, "a list has at most %d entries",
                          VALUE_MAX_ITEMS);
        return STATUS_CONFIG;
    }
    return text_list_add(list, text) ? STATUS_OK : STATUS_NO_MEMORY;
}

static enum status replace(const struct key *key, void *object,
                           const char *text)
{
    char **string = member(key, object);
    char *copy = strdup(text);

    if (!copy)
        return STATUS_NO_MEMORY;
    free(*string);
    *string = copy;
    return STATUS_OK;
}

enum status value_set(const struct key *key, void *object, const char *text,
                      char *why, size_t size)
{
    ASSERT(key->type != KEY_LATER);
    if (!rule_check(key, text, why, size))
        return STATUS_CONFIG;
    if (key_is_list(key))
        return add(key, object, text, why, size);
    if (!takers[key->type])
        return replace(key, object, text);
    if (takers[key->type](key, object, text))
        return STATUS_OK;
    rule_say_expected(key, why, size);
    return STATUS_CONFIG;
}

void value_reset(const struct key *key, void *object)
{
    switch (key->type) {
    case KEY_NAME:
        *(char *)member(key, object) = '\0';
        break;
    case KEY_FILE:
    case KEY_DIRECTORY:
    case KEY_ADMIN:
    case KEY_ADVERTISE:
        free(*(char **)member(key, object));
        *(char **)member(key, object) = NULL;
        break;
    case KEY_LISTEN:
    case KEY_DIAL:
    case KEY_RESOLVERS:
    case KEY_SOURCES:
    case KEY_IDENTITIES:
    case KEY_REGISTRIES:
        text_list_clear(member(key, object));
        break;
    case KEY_DURATION:
    case KEY_MOVE:
    case KEY_NUMBER:
    case KEY_FLAG:
    case KEY_CHOICE:
        ASSERT(takers[key->type](key, object, key->initial));
        break;
    case KEY_WORD:
    case KEY_URL_PATH:
    case KEY_HOST:
        ASSERT(
            takers[key->type](key, object, key->initial ? key->initial : ""));
        break;
    case KEY_LATER:
    case KEY_TYPES:
        break;
    }
}

/* ---- to text ---- */

static const char *move_text(uint64_t move_us, char *room)
{
    char time[VALUE_TEXT];

    if (move_us == SERVICE_MOVE_KEEP || move_us == SERVICE_MOVE_CLOSE)
        return service_move_text(move_us);
    rule_format_duration(move_us, time, sizeof(time));
    (void)text_format(room, VALUE_TEXT, "%s %s", service_move_text(move_us),
                      time);
    return room;
}

/* Texts that are in the object itself. */
static bool is_inside(const struct key *key)
{
    return key->type == KEY_NAME || takers[key->type] == take_text;
}

static const char *string_of(const struct key *key, const void *object)
{
    return is_inside(key) ? member_of(key, object)
                          : *(const char *const *)member_of(key, object);
}

size_t value_count(const struct key *key, const void *object)
{
    const char *string;

    if (key->type == KEY_LATER)
        return 0;
    if (key_is_list(key))
        return ((const struct text_list *)member_of(key, object))->count;
    if (takers[key->type] && !is_inside(key))
        return 1; /* a number of some kind is always there */
    string = string_of(key, object);
    return string && string[0] != '\0';
}

const char *value_text(const struct key *key, const void *object, size_t index,
                       char *room)
{
    uint64_t number;

    ASSERT(index < value_count(key, object));
    if (key_is_list(key))
        return ((const struct text_list *)member_of(key, object))->items[index];
    if (key->type == KEY_FLAG)
        return *(const bool *)member_of(key, object) ? "true" : "false";
    if (key->type == KEY_CHOICE)
        return key->word((unsigned)number_of(key, object));
    if (key->type == KEY_NUMBER) {
        number = number_of(key, object);
        if (number == 0 && key->word)
            return key->word(0);
        (void)text_format(room, VALUE_TEXT, "%" PRIu64, number);
        return room;
    }
    if (key->type == KEY_DURATION) {
        memcpy(&number, member_of(key, object), sizeof(number));
        rule_format_duration(number, room, VALUE_TEXT);
        return room;
    }
    if (key->type == KEY_MOVE) {
        memcpy(&number, member_of(key, object), sizeof(number));
        return move_text(number, room);
    }
    return string_of(key, object);
}

bool value_equal(const struct key *key, const void *a, const void *b)
{
    size_t count = value_count(key, a);
    char room_a[VALUE_TEXT], room_b[VALUE_TEXT];

    if (count != value_count(key, b))
        return false;
    for (size_t i = 0; i < count; i++)
        if (strcmp(value_text(key, a, i, room_a),
                   value_text(key, b, i, room_b)) != 0)
            return false;
    return true;
}
