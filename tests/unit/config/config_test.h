/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_TEST_H
#define CONFIG_TEST_H
#include "config/config.h"
#include "support/check_test.h"

/* A configuration that is sound. */
static inline struct config *parse(const char *text)
{
    struct config *config = NULL;
    struct config_error error;

    if (config_parse("f", text, strlen(text), &config, &error) != STATUS_OK)
        fail_msg("%s\nin\n%s", error.text, text);
    return config;
}
#endif
