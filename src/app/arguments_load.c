/* SPDX-License-Identifier: MIT */
/* From a command line that was understood to a configuration, or several. */
#include "app/arguments_internal.h"
#include "base/text.h"
#include <stdlib.h>
#include <string.h>

static const char default_file[] = "entente.yaml";

const char *arguments_file(const struct arguments *arguments)
{
    return arguments->file ? arguments->file : default_file;
}

/* "consume.*.listen" of the service that was named. */
static void format_path(const struct arguments *arguments,
                        const struct key *key, char *path, size_t size)
{
    const char *star = strchr(key->path, '*');

    if (!star)
        ASSERT(text_format(path, size, "%s", key->path));
    else
        ASSERT(text_format(path, size, "%.*s%s%s", (int)(star - key->path),
                           key->path, arguments->service, star + 1));
}

/* The first of its kind for its key replaces what was said before. */
static bool is_first(const struct arguments *arguments, size_t index)
{
    const struct argument *settings = arguments->settings;

    for (size_t i = 0; i < index; i++)
        if (settings[i].key == settings[index].key &&
            settings[i].is_flag == settings[index].is_flag)
            return false;
    return true;
}

static enum status apply(const struct arguments *arguments, bool flags,
                         struct config *config, struct config_error *error)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; i < arguments->setting_count && !status; i++) {
        const struct argument *setting = &arguments->settings[i];
        char path[TEXT_MAX_NAME + 64];

        if (setting->is_flag != flags)
            continue;
        format_path(arguments, setting->key, path, sizeof(path));
        if (is_first(arguments, i))
            config_unset(config, path);
        status =
            config_set(config, path, setting->value, setting->origin, error);
    }
    return status;
}

static enum status begin(const struct arguments *arguments,
                         struct config *config, struct config_error *error)
{
    size_t used;
    enum status status;

    if (!arguments_has_file(arguments->command)) {
        config_name_flags(config);
        return config_add_service(config, arguments->command == ARGUMENTS_OFFER,
                                  arguments->service,
                                  arguments_command_text(arguments->command),
                                  error);
    }
    if (arguments->file)
        return config_add_file(config, arguments->file, error);
    status = config_add_file(config, default_file, error);
    used = strlen(error->text);
    if (status == STATUS_IO)
        (void)text_format(error->text + used, sizeof(error->text) - used,
                          "; say which file: --config FILE");
    return status;
}

/* Where status, reload and the others find us. */
static enum status choose_admin(struct arguments *arguments,
                                struct config *config,
                                struct config_error *error)
{
    char name[2 * TEXT_MAX_NAME];
    enum status status;

    if (config->admin)
        return STATUS_OK;
    if (arguments_has_file(arguments->command))
        (void)text_format(name, sizeof(name), "%s", config->node);
    else
        (void)text_format(name, sizeof(name), "%s-%s",
                          arguments_command_text(arguments->command),
                          arguments->service);
    if (arguments->admin[0] == '\0') {
        status = admin_address_choose(name, arguments->admin, error);
        if (status)
            return status;
    }
    config->admin = strdup(arguments->admin);
    return config->admin ? STATUS_OK : arguments_no_memory(error);
}

enum status arguments_load(struct arguments *arguments, struct config **config,
                           struct config_error *error)
{
    struct config *made = config_new();
    enum status status;

    if (!made)
        return arguments_no_memory(error);
    *error = (struct config_error){ .text = "" };
    status = begin(arguments, made, error);
    if (!status)
        status = apply(arguments, false, made, error);
    if (!status)
        status = apply(arguments, true, made, error);
    if (!status)
        status = config_check(made, error);
    if (!status) {
        config_complete(made);
        status = choose_admin(arguments, made, error);
    }
    if (status) {
        config_free(made);
        return status;
    }
    *config = made;
    return STATUS_OK;
}

int arguments_exit_code(const struct arguments *arguments,
                        const struct config_error *error)
{
    if (!arguments->is_understood)
        return 2;
    /* What a file lacks is not the command line's fault. */
    return error->is_incomplete && !arguments_has_file(arguments->command) ? 2
                                                                           : 1;
}
