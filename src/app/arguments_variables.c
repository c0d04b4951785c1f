/* SPDX-License-Identifier: MIT */
/* What ENTENTE_* variables say. */
#include "app/arguments_internal.h"
#include "base/text.h"
#include "config/nearest.h"
#include <string.h>

static const char prefix[] = "ENTENTE_";

static enum status add_words(struct arguments *arguments, const struct key *key,
                             const char *value, struct config_error *error)
{
    static const char space[] = " \t\r\n";
    enum status status = STATUS_OK;

    while (!status) {
        size_t length;

        value += strspn(value, space);
        length = strcspn(value, space);
        if (length == 0)
            break;
        status = arguments_add(arguments, key, false, value, length, error);
        value += length;
    }
    return status;
}

/* Almost one of ours is a mistake; what is not near is somebody else's. */
static enum status check_variable(const char *name, size_t length,
                                  struct config_error *error)
{
    char typed[KEY_ENVIRONMENT], known[KEY_ENVIRONMENT];
    struct nearest nearest;
    const struct key *keys;
    size_t count;

    if (!text_format(typed, sizeof(typed), "%.*s", (int)length, name))
        return STATUS_OK;
    keys = keys_all(&count);
    for (size_t i = 0; i <= count; i++) {
        if (i < count && keys[i].type == KEY_LATER)
            continue;
        (void)text_format(known, sizeof(known), "%sCONFIG", prefix);
        if (i < count)
            (void)key_environment(&keys[i], known);
        nearest_init(&nearest, typed + strlen(prefix));
        nearest_offer(&nearest, known + strlen(prefix),
                      strlen(known) - strlen(prefix));
        if (nearest.found && nearest.distance == 0)
            return STATUS_OK;
        if (nearest.found)
            (void)arguments_refuse(error,
                                   "%s: unknown variable; did you mean %s?",
                                   typed, known);
    }
    return error->text[0] != '\0' ? STATUS_CONFIG : STATUS_OK;
}

static enum status read_variable(struct arguments *arguments,
                                 const char *variable,
                                 struct config_error *error)
{
    size_t length = strcspn(variable, "="), count;
    const char *value = variable + length + 1;
    char known[KEY_ENVIRONMENT];
    const struct key *keys;

    if (variable[length] == '\0')
        return STATUS_OK;
    keys = keys_all(&count);
    for (size_t i = 0; i < count && value[0] != '\0'; i++) {
        if (!arguments_has_key(arguments->command, &keys[i]) ||
            strlen(key_environment(&keys[i], known)) != length ||
            memcmp(known, variable, length) != 0)
            continue;
        if (key_is_list(&keys[i]))
            return add_words(arguments, &keys[i], value, error);
        return arguments_add(arguments, &keys[i], false, value, strlen(value),
                             error);
    }
    if (arguments_has_file(arguments->command) &&
        strncmp(variable, "ENTENTE_CONFIG=", 15) == 0) {
        if (!arguments->file && value[0] != '\0') /* --config wins */
            arguments->file = value;
        return STATUS_OK;
    }
    return check_variable(variable, length, error);
}

enum status arguments_read_environment(struct arguments *arguments,
                                       char *const environment[],
                                       struct config_error *error)
{
    enum status status = STATUS_OK;

    error->text[0] = '\0';
    for (size_t i = 0; environment[i] && !status; i++)
        if (strncmp(environment[i], prefix, strlen(prefix)) == 0)
            status = read_variable(arguments, environment[i], error);
    return status;
}
