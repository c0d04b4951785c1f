/* SPDX-License-Identifier: MIT */
/* entente: the commands, each a function. */
#include "app/ambassador.h"
#include <stdio.h>
#include <string.h>

static enum status reread(void *context, struct config **config,
                          struct config_error *error)
{
    return config_load(context, config, error);
}

static int run_main(int argc, char **argv)
{
    static char standard[] = "entente.yaml";
    char *path = argc > 2 && strcmp(argv[1], "--config") == 0 ? argv[2]
                                                              : standard;
    struct config_error error;
    struct config *config;

    if (config_load(path, &config, &error) != STATUS_OK) {
        fprintf(stderr, "entente: %s\n", error.text);
        return 1;
    }
    return ambassador_run(config, reread, path);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "run") == 0)
        return run_main(argc - 1, argv + 1);
    fprintf(stderr, "usage: entente run [--config FILE]\n");
    return 2;
}
