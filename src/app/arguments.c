/* SPDX-License-Identifier: MIT */
/*
 * Not by getopt_long(): that takes any prefix for the whole word, and has no
 * word for "--from SOURCE...".
 */
#include "app/arguments_internal.h"
#include "base/text.h"
#include "config/nearest.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    unsigned roles; /* of the service it names; 0: it reads a file */
} commands[] = {
    [ARGUMENTS_RUN] = { "run", 0 },
    [ARGUMENTS_CHECK] = { "check", 0 },
    [ARGUMENTS_CONSUME] = { "consume",
                            KEY_OF(SERVICE_CONSUME) | KEY_OF(SERVICE_DIRECT) },
    [ARGUMENTS_OFFER] = { "offer", KEY_OF(SERVICE_OFFER) },
};

enum status arguments_refuse(struct config_error *error, const char *format,
                             ...)
{
    va_list arguments;

    *error = (struct config_error){ .is_incomplete = true };
    va_start(arguments, format);
    (void)vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    return STATUS_CONFIG;
}

enum status arguments_no_memory(struct config_error *error)
{
    (void)arguments_refuse(error, "out of memory");
    error->is_incomplete = false;
    return STATUS_NO_MEMORY;
}

const char *arguments_command_text(enum arguments_command command)
{
    return commands[command].name;
}

bool arguments_has_key(enum arguments_command command, const struct key *key)
{
    return key->type != KEY_LATER &&
           (key->roles == 0 || (key->roles & commands[command].roles));
}

bool arguments_has_file(enum arguments_command command)
{
    return commands[command].roles == 0;
}

void arguments_clear(struct arguments *arguments)
{
    for (size_t i = 0; i < arguments->setting_count; i++)
        free(arguments->settings[i].value);
    free(arguments->settings);
    *arguments = (struct arguments){ .command = arguments->command };
}

enum status arguments_add(struct arguments *arguments, const struct key *key,
                          bool is_flag, const char *value, size_t length,
                          struct config_error *error)
{
    size_t count = arguments->setting_count;
    struct argument *settings, *added;

    settings = realloc(arguments->settings, (count + 1) * sizeof(*settings));
    if (!settings)
        return arguments_no_memory(error);
    arguments->settings = settings;
    added = &settings[count];
    *added = (struct argument){ .key = key, .is_flag = is_flag };
    if (is_flag)
        (void)text_format(added->origin, sizeof(added->origin), "--%s",
                          key->flag);
    else
        (void)key_environment(key, added->origin);
    added->value = strndup(value, length);
    if (!added->value)
        return arguments_no_memory(error);
    arguments->setting_count++;
    return STATUS_OK;
}

/* ---- flags ---- */

/* Where we are in argv. */
struct position {
    struct arguments *arguments;
    struct config_error *error;
    char *const *argv;
    int argc;
    int at;
    const struct key *list; /* whose values words may be; or NULL */
    bool only_words;        /* "--" was seen */
};

static const struct key *find_flag(enum arguments_command command,
                                   const char *name, size_t length)
{
    const struct key *keys;
    size_t count;

    keys = keys_all(&count);
    for (size_t i = 0; i < count; i++)
        if (arguments_has_key(command, &keys[i]) &&
            strlen(keys[i].flag) == length &&
            memcmp(keys[i].flag, name, length) == 0)
            return &keys[i];
    return NULL;
}

static enum status refuse_flag(const struct position *position,
                               const char *word)
{
    enum arguments_command command = position->arguments->command;
    const char *name = word + strspn(word, "-");
    char typed[KEY_ENVIRONMENT];
    struct nearest nearest;
    const struct key *keys;
    size_t count;

    (void)text_format(typed, sizeof(typed), "%.*s", (int)strcspn(name, "="),
                      name);
    nearest_init(&nearest, typed);
    keys = keys_all(&count);
    for (size_t i = 0; i < count; i++)
        if (arguments_has_key(command, &keys[i]))
            nearest_offer(&nearest, keys[i].flag, strlen(keys[i].flag));
    nearest_offer(&nearest, "help", 4);
    if (arguments_has_file(command))
        nearest_offer(&nearest, "config", 6);
    if (command == ARGUMENTS_CHECK)
        nearest_offer(&nearest, "print", 5);
    if (nearest.found)
        return arguments_refuse(position->error,
                                "unknown option %.*s%s; did you mean --%s?",
                                (int)(name - word), word, typed, nearest.found);
    return arguments_refuse(position->error,
                            "unknown option %.*s%s; see entente %s --help",
                            (int)(name - word), word, typed,
                            arguments_command_text(command));
}

/* The value in "--flag=value", or the next word; NULL: there is none. */
static const char *take_value(struct position *position, const char *equals)
{
    if (equals)
        return equals + 1;
    if (position->at + 1 >= position->argc ||
        strncmp(position->argv[position->at + 1], "--", 2) == 0)
        return NULL;
    return position->argv[++position->at];
}

static enum status read_key(struct position *position, const struct key *key,
                            const char *equals)
{
    const char *value = "true";

    if (key->type != KEY_FLAG || equals)
        value = take_value(position, equals);
    if (!value)
        return arguments_refuse(position->error, "--%s needs a value: --%s %s",
                                key->flag, key->flag, key_metavariable(key));
    position->list = key_is_list(key) ? key : NULL;
    return arguments_add(position->arguments, key, true, value, strlen(value),
                         position->error);
}

static enum status read_flag(struct position *position)
{
    struct arguments *arguments = position->arguments;
    const char *word = position->argv[position->at];
    const char *equals = strchr(word, '=');
    size_t length = strcspn(word, "=");
    const struct key *key = NULL;

    position->list = NULL;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        arguments->wants_help = true;
        return STATUS_OK;
    }
    if (arguments->command == ARGUMENTS_CHECK && strcmp(word, "--print") == 0) {
        arguments->wants_print = true;
        return STATUS_OK;
    }
    if (arguments_has_file(arguments->command) && length == 8 &&
        memcmp(word, "--config", 8) == 0) {
        arguments->file = take_value(position, equals);
        if (arguments->file)
            return STATUS_OK;
        return arguments_refuse(position->error,
                                "--config needs a value: --config FILE");
    }
    if (strncmp(word, "--", 2) == 0)
        key = find_flag(arguments->command, word + 2, length - 2);
    return key ? read_key(position, key, equals) : refuse_flag(position, word);
}

/* A word that is no flag. */
static enum status read_word(struct position *position)
{
    struct arguments *arguments = position->arguments;
    const char *word = position->argv[position->at];

    /* Every value of a list has a colon, no name of a service has one. */
    if (!arguments_has_file(arguments->command) && !arguments->service &&
        (!position->list || !strchr(word, ':'))) {
        arguments->service = word;
        return STATUS_OK;
    }
    if (position->list)
        return arguments_add(arguments, position->list, true, word,
                             strlen(word), position->error);
    if (arguments_has_file(arguments->command))
        return arguments_refuse(
            position->error,
            "unexpected \"%.200s\"; did you mean --config %.200s?", word, word);
    return arguments_refuse(
        position->error,
        "unexpected \"%.200s\" behind the service's name, \"%.63s\"", word,
        arguments->service);
}

static enum status read_argument(struct position *position)
{
    const char *word = position->argv[position->at];

    if (!position->only_words && strcmp(word, "--") == 0) {
        position->only_words = true;
        position->list = NULL;
        return STATUS_OK;
    }
    if (!position->only_words && word[0] == '-' && word[1] != '\0')
        return read_flag(position);
    return read_word(position);
}

static enum status check_service(const struct arguments *arguments,
                                 struct config_error *error)
{
    const char *command = arguments_command_text(arguments->command);

    if (!arguments->service)
        return arguments_refuse(error,
                                "which service? entente %s NAME ...; see "
                                "entente %s --help",
                                command, command);
    if (!text_is_name(arguments->service, strlen(arguments->service)))
        return arguments_refuse(error,
                                "\"%.200s\": a service's name is at most %d "
                                "letters, digits, '.', '_' and '-', like redis",
                                arguments->service, TEXT_MAX_NAME);
    return STATUS_OK;
}

enum status arguments_parse(struct arguments *arguments,
                            enum arguments_command command, int argc,
                            char *const argv[], char *const environment[],
                            struct config_error *error)
{
    struct position position = {
        .arguments = arguments, .error = error, .argv = argv, .argc = argc
    };
    enum status status = STATUS_OK;

    *arguments = (struct arguments){ .command = command };
    for (position.at = 1; position.at < argc && !status; position.at++) {
        status = read_argument(&position);
        if (arguments->wants_help)
            return STATUS_OK;
    }
    if (!status)
        status = arguments_read_environment(arguments, environment, error);
    if (!status && !arguments_has_file(command))
        status = check_service(arguments, error);
    arguments->is_understood = status == STATUS_OK;
    return status;
}
