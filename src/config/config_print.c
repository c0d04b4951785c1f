/* SPDX-License-Identifier: MIT */
#include "config/config.h"
#include "config/keys.h"
#include "config/rule.h"
#include "config/value.h"
#include <string.h>
#include <strings.h>

/* ---- a file ---- */

/* What is a text without quotes in every place: no comma, no " #", no ": ". */
static bool is_plain(const char *text)
{
    static const char fit[] = "abcdefghijklmnopqrstuvwxyz"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/+@*=-";
    size_t length = strlen(text);

    /* null and ~ would be nothing; a colon may stand only within. */
    if (length == 0 || !strchr(fit, text[0]) || strchr("@*=-", text[0]) ||
        strcasecmp(text, "null") == 0 || text[length - 1] == ':')
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] != ':' && !strchr(fit, text[i]))
            return false;
    return true;
}

/* The character at |*text|, which is past it afterwards; UTF-8 by rule.h. */
static uint32_t take_character(const unsigned char **text)
{
    const unsigned char *at = *text;
    size_t more = at[0] < 0x80 ? 0 : at[0] < 0xe0 ? 1 : at[0] < 0xf0 ? 2 : 3;
    uint32_t value = more == 0 ? at[0] : at[0] & (0x3fu >> more);

    for (size_t i = 1; i <= more; i++)
        value = value << 6 | (at[i] & 0x3fu);
    *text += more + 1;
    return value;
}

static void print_text(FILE *to, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    if (is_plain(text)) {
        fputs(text, to);
        return;
    }
    fputc('"', to);
    while (*at != '\0') {
        uint32_t value = take_character(&at);

        if (value == '"' || value == '\\')
            fprintf(to, "\\%c", (int)value);
        else if (value < 0x7f)
            fputc((int)value, to);
        else
            fprintf(to, "\\U%08x", value);
    }
    fputc('"', to);
}

static void print_value(FILE *to, const struct key *key, const void *object)
{
    size_t count = value_count(key, object);
    char room[VALUE_TEXT];

    if (count == 0)
        return;
    fprintf(to, "%s: ", key_word(key));
    if (!key_is_list(key)) {
        print_text(to, value_text(key, object, 0, room));
        fputc('\n', to);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? "[" : ", ", to);
        print_text(to, value_text(key, object, i, room));
    }
    fputs("]\n", to);
}

/* The head of |name|'s section if it is a new one; whether it has one. */
static bool print_section(const char *name, const char **section,
                          size_t *section_length, const char *indent, FILE *to)
{
    const char *dot = strchr(name, '.');
    size_t length = dot ? (size_t)(dot - name) : 0;

    if (length > 0 &&
        (length != *section_length || memcmp(*section, name, length) != 0))
        fprintf(to, "%s%.*s:\n", indent, (int)length, name);
    *section = name;
    *section_length = length;
    return length > 0;
}

static void print_ambassador(const struct config *config, FILE *to)
{
    const char *section = "";
    const struct key *keys;
    size_t count, section_length = 0;

    keys = keys_all(&count);
    for (size_t i = 0; i < count; i++) {
        if (keys[i].roles != 0 || value_count(&keys[i], config) == 0)
            continue;
        if (print_section(keys[i].path, &section, &section_length, "", to))
            fputs("  ", to);
        print_value(to, &keys[i], config);
    }
}

static void print_service(const struct service_options *service, FILE *to)
{
    const char *section = "";
    const struct key *keys;
    size_t count, section_length = 0;

    fprintf(to, "  ");
    print_text(to, service->name);
    fprintf(to, ":\n");
    keys = keys_all(&count);
    for (size_t i = 0; i < count; i++) {
        if (!key_is_meant(&keys[i], service) ||
            value_count(&keys[i], service) == 0)
            continue;
        if (print_section(key_name(&keys[i]), &section, &section_length, "    ",
                          to))
            fputs("  ", to);
        fputs("    ", to);
        print_value(to, &keys[i], service);
    }
}

static void print_services(const struct config *config, bool is_offer, FILE *to)
{
    bool is_first = true;

    for (size_t i = 0; i < config->service_count; i++) {
        if ((config->services[i].role == SERVICE_OFFER) != is_offer)
            continue;
        if (is_first)
            fputs(is_offer ? "offer:\n" : "consume:\n", to);
        is_first = false;
        print_service(&config->services[i], to);
    }
}

void config_print(const struct config *config, FILE *to)
{
    print_ambassador(config, to);
    print_services(config, false, to);
    print_services(config, true, to);
}

/* ---- the reference ---- */

void config_print_reference(void (*line)(void *context, const char *text),
                            void *context)
{
    const struct key *keys;
    size_t count;

    keys = keys_all(&count);
    for (size_t i = 0; i < count; i++) {
        char text[512], type[256];

        if (keys[i].type == KEY_LATER)
            continue;
        (void)text_format(type, sizeof(type), "%s", key_type_text(&keys[i]));
        if (keys[i].type == KEY_CHOICE)
            rule_expected(&keys[i], type, sizeof(type));
        (void)text_format(text, sizeof(text), "%-28s %s%s%s; %s", keys[i].path,
                          type, keys[i].initial ? ", default " : "",
                          keys[i].initial ? keys[i].initial : "", keys[i].help);
        line(context, text);
    }
}
