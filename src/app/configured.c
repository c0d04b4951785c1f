/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* environ */
#include "app/configured.h"
#include "app/ambassador.h"
#include "app/arguments.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int fail(const struct arguments *arguments,
                const struct config_error *error)
{
    fprintf(stderr, "entente: %s\n", error->text);
    return arguments_exit_code(arguments, error);
}

static enum status load(void *context, struct config **config,
                        struct config_error *error)
{
    return arguments_load(context, config, error);
}

/* Be the ambassador that |arguments| describe. */
static int run(struct arguments *arguments)
{
    struct config_error error;
    struct config *config;

    if (arguments_load(arguments, &config, &error) != STATUS_OK)
        return fail(arguments, &error);
    return ambassador_run(config, load, arguments);
}

static void print_warning(void *context, const char *text)
{
    (void)context;
    fprintf(stderr, "entente: warning: %s\n", text);
}

static int check(struct arguments *arguments)
{
    struct config_error error = { .text = "" };
    struct config *config;
    enum status status;

    if (arguments_load(arguments, &config, &error) != STATUS_OK)
        return fail(arguments, &error);
    status = ambassador_check(config, &error);
    config_each_warning(config, print_warning, NULL);
    if (config->state && access(config->state, W_OK | X_OK) != 0)
        fprintf(stderr, "entente: warning: state: %s: %s; nothing is kept\n",
                config->state, strerror(errno));
    if (status == STATUS_OK && arguments->wants_print)
        config_print(config, stdout);
    else if (status == STATUS_OK)
        printf("%s: fine: %zu service%s\n", arguments_file(arguments),
               config->service_count, config->service_count == 1 ? "" : "s");
    config_free(config);
    return status == STATUS_OK ? 0 : fail(arguments, &error);
}

static int configured_main(enum arguments_command command, int argc,
                           char **argv, int (*act)(struct arguments *arguments))
{
    struct arguments arguments;
    struct config_error error;
    int exit_code = 0;

    if (arguments_parse(&arguments, command, argc, argv, environ, &error) !=
        STATUS_OK)
        exit_code = fail(&arguments, &error);
    else if (arguments.wants_help)
        arguments_print_help(command, stdout);
    else
        exit_code = act(&arguments);
    arguments_clear(&arguments);
    return exit_code;
}

int configured_run_main(int argc, char **argv)
{
    return configured_main(ARGUMENTS_RUN, argc, argv, run);
}

int configured_check_main(int argc, char **argv)
{
    return configured_main(ARGUMENTS_CHECK, argc, argv, check);
}

int configured_consume_main(int argc, char **argv)
{
    return configured_main(ARGUMENTS_CONSUME, argc, argv, run);
}

int configured_offer_main(int argc, char **argv)
{
    return configured_main(ARGUMENTS_OFFER, argc, argv, run);
}
