/* SPDX-License-Identifier: MIT */
/*
 * A configuration is refused with its place, or printed and read again it is
 * the same.
 */
#include "config/config.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *print(const struct config *config)
{
    char *text = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);

    ASSERT(to != NULL);
    config_print(config, to);
    ASSERT(fclose(to) == 0);
    return text;
}

static void read_again(const struct config *config)
{
    char *once = print(config), *twice;
    struct config_error error;
    struct config *again;

    ASSERT(config_parse("f", once, strlen(once), &again, &error) == STATUS_OK);
    twice = print(again);
    ASSERT(config_equal(config, again));
    ASSERT(strcmp(once, twice) == 0);
    config_free(again);
    free(once);
    free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_error error = { .text = "" };
    struct config *config;

    if (config_parse("f", (const char *)data, size, &config, &error)) {
        ASSERT(error.text[0] == 'f' && error.text[1] == ':');
        return 0;
    }
    read_again(config);
    config_free(config);
    return 0;
}
