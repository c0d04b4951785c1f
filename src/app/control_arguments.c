/* SPDX-License-Identifier: MIT */
#include "app/control_internal.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "config/nearest.h"
#include "config/rule.h"
#include "net/address.h"
#include "service/options.h"
#include <string.h>

struct option {
    const char *name;
    const char *value; /* what it is called; NULL: there is none */
    const char *help;
    /* False with |why| filled. */
    bool (*read)(struct control *control, const char *value, char *why,
                 size_t size);
};

enum { WHY = 256 };

static bool read_admin(struct control *control, const char *value, char *why,
                       size_t size)
{
    const char *reason = address_why_not(value);

    control->admin = value;
    if (reason)
        text_format(why, size, "%s: %s", value, reason);
    return !reason;
}

static bool read_config(struct control *control, const char *value, char *why,
                        size_t size)
{
    (void)why, (void)size;
    control->config = value;
    return true;
}

static bool read_timeout(struct control *control, const char *value, char *why,
                         size_t size)
{
    if (text_parse_duration(value, &control->timeout_us) &&
        control->timeout_us <= 86400 * CLOCK_SECOND)
        return true;
    text_format(why, size, "%s: expected a time up to 1d, like 500ms or 30s",
                value);
    return false;
}

static bool read_json(struct control *control, const char *value, char *why,
                      size_t size)
{
    (void)value, (void)why, (void)size;
    control->wants_json = true;
    return true;
}

/* An address alone, as it stands in a URL. */
static bool read_client(struct control *control, const char *value, char *why,
                        size_t size)
{
    struct address address;

    control->client = value;
    if (!strchr(value, '%') && address_from_ip(&address, value, 1))
        return true;
    text_format(why, size, "%s: expected an IP address like 192.0.2.1", value);
    return false;
}

static bool read_help(struct control *control, const char *value, char *why,
                      size_t size)
{
    (void)value, (void)why, (void)size;
    control->wants_help = true;
    return true;
}

static bool read_log_level(struct control *control, const char *value,
                           char *why, size_t size)
{
    enum log_level level;

    (void)control;
    if (!log_parse_level(value, &level)) {
        text_format(why, size, "%s: expected error, warning, info or debug",
                    value);
        return false;
    }
    log_set_level(level);
    return true;
}

static bool read_log_format(struct control *control, const char *value,
                            char *why, size_t size)
{
    enum log_format format;

    (void)control;
    if (!log_parse_format(value, &format)) {
        text_format(why, size, "%s: expected text or json", value);
        return false;
    }
    log_set_format(format);
    return true;
}

static bool read_keep(struct control *control, const char *value, char *why,
                      size_t size)
{
    (void)value, (void)why, (void)size;
    control->wants_keep = true;
    return true;
}

static bool read_sources(struct control *control, const char *value, char *why,
                         size_t size)
{
    (void)value, (void)why, (void)size;
    control->wants_sources = true;
    return true;
}

static bool read_role(struct control *control, const char *value, char *why,
                      size_t size)
{
    enum service_role role;

    control->role = value;
    if (service_role_parse(value, &role))
        return true;
    text_format(why, size, "%s: expected consume, direct or offer", value);
    return false;
}

/* The first are for those that have them only. */
static const struct option options[] = {
    { "keep", NULL, "over a restart too (in the directory of the key state)",
      read_keep },
    { "sources", NULL, "where its sources say, again", read_sources },
    { "role", "ROLE",
      "consume, direct or offer, if one of the name is consumed\n"
      "                         and one is offered",
      read_role },
    { "json", NULL, "for programs: the whole of it as JSON", read_json },
    { "client", "IP", "for a connection from there (balance: hash)",
      read_client },
    { "admin", "ADDR",
      "where it is: unix:/path or 127.0.0.1:port; default:\n"
      "                         ENTENTE_ADMIN, else the only one of this user "
      "here",
      read_admin },
    { "config", "FILE", "take the address from the ambassador's file",
      read_config },
    { "timeout", "TIME", "how long it may take, like 500ms or 30s",
      read_timeout },
    { "log-level", "LEVEL", "error, warning, info or debug", read_log_level },
    { "log-format", "FORMAT", "text or json", read_log_format },
    { "help", NULL, "this", read_help },
};

static bool has_option(const struct control_command *command,
                       const struct option *option)
{
    if (option->read == read_client)
        return command->has_client;
    if (option->read == read_keep || option->read == read_sources ||
        option->read == read_role)
        return command->has_endpoints;
    return option->read != read_json || command->has_json;
}

static const struct option *find_option(const struct control_command *command,
                                        const char *name, size_t length)
{
    for (size_t i = 0; i < ARRAY_LENGTH(options); i++)
        if (has_option(command, &options[i]) &&
            strlen(options[i].name) == length &&
            memcmp(options[i].name, name, length) == 0)
            return &options[i];
    return NULL;
}

/* ---- a command line ---- */

struct position {
    const struct control_command *command;
    struct control *control;
    int argc;
    char **argv;
    int at;
    int words; /* moved to the front so far */
};

static bool refuse_unknown(const struct position *position, const char *word)
{
    struct nearest nearest;
    char typed[64];

    text_format(typed, sizeof(typed), "%.*s", (int)strcspn(word, "="), word);
    nearest_init(&nearest, typed + strspn(typed, "-"));
    for (size_t i = 0; i < ARRAY_LENGTH(options); i++)
        if (has_option(position->command, &options[i]))
            nearest_offer(&nearest, options[i].name, strlen(options[i].name));
    if (nearest.found)
        fprintf(stderr, "entente %s: unknown option %s; did you mean --%s?\n",
                position->command->name, typed, nearest.found);
    else
        fprintf(stderr,
                "entente %s: unknown option %s; see entente %s --help\n",
                position->command->name, typed, position->command->name);
    return false;
}

static bool read_option(struct position *position)
{
    const char *word = position->argv[position->at];
    const char *equals = strchr(word, '=');
    const char *value = equals ? equals + 1 : NULL;
    const struct option *option = NULL;
    char why[WHY];

    if (strncmp(word, "--", 2) == 0)
        option =
            find_option(position->command, word + 2, strcspn(word + 2, "="));
    else if (strcmp(word, "-h") == 0)
        option = find_option(position->command, "help", 4);
    if (!option)
        return refuse_unknown(position, word);
    if (option->value && !value && position->at + 1 < position->argc)
        value = position->argv[++position->at];
    if (option->value ? !value : value != NULL) {
        fprintf(stderr, "entente %s: --%s %s\n", position->command->name,
                option->name,
                option->value ? "needs a value" : "takes no value");
        return false;
    }
    if (option->read(position->control, value, why, sizeof(why)))
        return true;
    fprintf(stderr, "entente %s: --%s %s\n", position->command->name,
            option->name, why);
    return false;
}

static bool read_word(struct position *position)
{
    char *word = position->argv[position->at];

    if (!position->command->has_services ||
        (position->command->has_one_service && position->words > 0)) {
        fprintf(stderr,
                "entente %s: unexpected \"%.200s\"; see entente %s "
                "--help\n",
                position->command->name, word, position->command->name);
        return false;
    }
    if (!(position->command->has_endpoints && position->words > 0) &&
        !text_is_name(word, strlen(word))) {
        fprintf(stderr,
                "entente %s: \"%.200s\": a service's name is at most %d "
                "letters, digits, '.', '_' and '-', like redis\n",
                position->command->name, word, TEXT_MAX_NAME);
        return false;
    }
    position->argv[++position->words] = word;
    return true;
}

bool control_parse(struct control *control,
                   const struct control_command *command, int argc, char **argv)
{
    struct position position = {
        .command = command, .control = control, .argc = argc, .argv = argv
    };
    bool only_words = false;

    *control = (struct control){ .timeout_us = command->timeout_us };
    for (position.at = 1; position.at < argc; position.at++) {
        const char *word = argv[position.at];

        if (!only_words && strcmp(word, "--") == 0)
            only_words = true;
        else if (!(!only_words && word[0] == '-' ? read_option(&position)
                                                 : read_word(&position)))
            return false;
        if (control->wants_help)
            return true;
    }
    control->services = argv + 1;
    control->service_count = (size_t)position.words;
    if (command->has_endpoints && control->service_count > 0)
        return control_set_check(control);
    if (!command->has_services || control->service_count > 0)
        return true;
    fprintf(stderr, "entente %s: which service? entente %s %s\n", command->name,
            command->name, command->usage);
    return false;
}

void control_print_help(const struct control_command *command, FILE *to)
{
    char timeout[32]; /* of this command, unless said */

    fprintf(to, "Usage: entente %s %s\n\n%s\n\nOptions:\n", command->name,
            command->usage, command->help);
    for (size_t i = 0; i < ARRAY_LENGTH(options); i++) {
        const struct option *option = &options[i];
        char text[64];

        if (!has_option(command, option))
            continue;
        text_format(text, sizeof(text), "--%s%s%s", option->name,
                    option->value ? " " : "",
                    option->value ? option->value : "");
        rule_format_duration(command->timeout_us, timeout, sizeof(timeout));
        fprintf(to, "  %-21s  %s", text, option->help);
        if (option->read == read_timeout)
            fprintf(to, " (default: %s)", timeout);
        fputc('\n', to);
    }
}
