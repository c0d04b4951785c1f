/* SPDX-License-Identifier: MIT */
/* entente: a command line is a command, and a command is a function. */
#include "app/ambassador.h"
#include "app/configured.h"
#include "app/control.h"
#include "app/pki.h"
#include "config/nearest.h"
#include "crypto/library.h"
#include "net/loop.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};

static const struct command commands[] = {
    { "run", configured_run_main, "an ambassador, from a file" },
    { "check", configured_check_main, "is the file right?" },
    { "consume", configured_consume_main,
      "an ambassador beside an application" },
    { "offer", configured_offer_main, "an ambassador beside a service" },
    { "pki", pki_main, "certificates: init, issue, pair, renew, revoke, show" },
    { "status", control_main, "services, endpoints, tunnels, certificates" },
    { "explain", control_main, "where a connection would go, and why" },
    { "wait", control_main, "until a connection would succeed" },
    { "healthcheck", control_main, "is it ready? for HEALTHCHECK and probes" },
    { "set", control_main, "a service is there, and nowhere else" },
    { "drain", control_main, "finish what is open, take nothing new, end" },
    { "reload", control_main, "read the file again" },
    { "quit", control_main, "end now" },
};

static void print_usage(FILE *to)
{
    fputs("entente: ambassadors for services, paired over mutual TLS\n\n"
          "usage: entente COMMAND [ARGUMENTS]\n\n",
          to);
    for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
        fprintf(to, "  %-12s %s\n", commands[i].name, commands[i].help);
    fputs("\nentente COMMAND --help says more; entente --version what it is "
          "made of.\n",
          to);
}

static void print_version(void)
{
    const struct library_version *library;

    puts("entente " AMBASSADOR_VERSION);
    for (size_t i = 0; (library = library_version(i)); i++)
        printf("%s %s\n", library->name, library->version);
    printf("libevent %s\n", loop_library_version());
}

static int refuse(const char *word)
{
    struct nearest nearest;

    nearest_init(&nearest, word + strspn(word, "-"));
    for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
        nearest_offer(&nearest, commands[i].name, strlen(commands[i].name));
    if (nearest.found)
        fprintf(stderr, "entente: no command \"%.200s\"; did you mean %s?\n",
                word, nearest.found);
    else
        fprintf(stderr,
                "entente: no command \"%.200s\"; entente --help lists them\n",
                word);
    return 2;
}

static int run(int argc, char **argv)
{
    const char *word = argv[1];

    if (strcmp(word, "--version") == 0 || strcmp(word, "version") == 0) {
        print_version();
        return 0;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
        strcmp(word, "help") == 0) {
        print_usage(stdout);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
        if (strcmp(word, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    return refuse(word);
}

/* What a full disk swallowed was not done, whatever a command made of it. */
static int finish(int exit_code)
{
    if ((fflush(stdout) == 0 && !ferror(stdout)) || exit_code != 0)
        return exit_code;
    fprintf(stderr, "entente: standard output: %s\n", strerror(errno));
    return 1;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_usage(stderr);
        return 2;
    }
    return finish(run(argc, argv));
}
