/* SPDX-License-Identifier: MIT */
#include "app/pki.h"
#include "base/clock.h"
#include "base/text.h"
#include "config/nearest.h"
#include "crypto/authority.h"
#include "crypto/library.h"
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_DONE, EXIT_REFUSED, EXIT_USAGE };

static const char usage[] =
    "usage: entente pki COMMAND [OPTION]...\n"
    "  init              make a CA\n"
    "  issue NAME        make a key and certificate for spiffe://DOMAIN/NAME\n"
    "  pair SERVICE      both for SERVICE-client and SERVICE-server, and the "
    "CA\n"
    "                    if there is none; prints what goes where\n"
    "  renew NAME        a new key and certificate; the old one stays valid\n"
    "  revoke NAME       refuse all that NAME ever had\n"
    "  show              what there is, and for how long\n"
    "options:\n"
    "  --dir DIRECTORY   where the CA is (default: certs)\n"
    "  --domain DOMAIN   trust domain of a new CA (default: entente)\n"
    "  --days N          how long it is valid (default: 365; a CA: 3650)\n"
    "  --force           overwrite what is there\n"
    "  --json            for programs (show)\n";

struct request {
    struct authority_options options;
    bool domain_given;
    bool json;
};

struct command {
    const char *name;
    bool wants_name;
    int (*run)(const struct request *request);
};

static int complain(const struct crypto_error *error)
{
    fprintf(stderr, "entente pki: %s\n", error->text);
    return EXIT_REFUSED;
}

/* What changes with every command would hide what matters. */
static void on_wrote(void *context, const char *path, const char *what)
{
    const char *ending = strrchr(path, '.');
    bool pair_only = context != NULL;

    if (ending && (strcmp(ending, ".txt") == 0 ||
                   (pair_only && strcmp(ending, ".crl") == 0)))
        return;
    printf("%-28s  %s\n", path, what);
}

/* ---- init, issue, renew, revoke ---- */

static int run_init(const struct request *request)
{
    struct crypto_error error;

    if (authority_init(&request->options, on_wrote, NULL, &error) != STATUS_OK)
        return complain(&error);
    return EXIT_DONE;
}

static int issue(const struct request *request, bool pair_only)
{
    struct authority_options options = request->options;
    struct crypto_error error;

    if (authority_issue(&options, on_wrote, pair_only ? &options : NULL,
                        &error) != STATUS_OK)
        return complain(&error);
    return EXIT_DONE;
}

static int run_issue(const struct request *request)
{
    return issue(request, false);
}

static int run_renew(const struct request *request)
{
    struct crypto_error error;

    if (authority_renew(&request->options, on_wrote, NULL, &error) != STATUS_OK)
        return complain(&error);
    printf("\nCopy them to the host of %s, then there: entente reload\n",
           request->options.name);
    return EXIT_DONE;
}

static int run_revoke(const struct request *request)
{
    struct crypto_error error;

    if (authority_revoke(&request->options, on_wrote, NULL, &error) !=
        STATUS_OK)
        return complain(&error);
    printf("\nCopy %s/ca.crl to every host, then on each: entente reload\n",
           request->options.directory);
    return EXIT_DONE;
}

/* ---- pair ---- */

/* The trust domain of the CA that is there. */
static void on_domain(void *context, const struct authority_entry *entry)
{
    char *domain = context;

    if (strcmp(entry->name, "ca") == 0)
        memcpy(domain, entry->identity, sizeof(entry->identity));
}

static bool is_wanted_domain(const struct request *request, const char *domain)
{
    const char *wanted = request->options.trust_domain;

    if (!request->domain_given ||
        strcmp(domain + strlen("spiffe://"), wanted) == 0)
        return true;
    fprintf(stderr,
            "entente pki: the CA in %s is for %s, not for %s; give the new one "
            "another --dir\n",
            request->options.directory, domain, wanted);
    return false;
}

/* Refused before half of it is made. */
static bool is_free(const struct request *request, const char *name)
{
    static const char *const endings[] = { "crt", "key" };
    char path[1024];

    for (size_t i = 0; i < ARRAY_LENGTH(endings); i++) {
        text_format(path, sizeof(path), "%s/%s.%s", request->options.directory,
                    name, endings[i]);
        if (request->options.force || access(path, F_OK) != 0)
            continue;
        fprintf(stderr,
                "entente pki: %s exists already; --force overwrites it\n",
                path);
        return false;
    }
    return true;
}

static void print_identity(const char *directory, const char *name)
{
    printf("  identity:\n"
           "    certificate: %s/%s.crt\n"
           "    private_key: %s/%s.key\n"
           "    trust: %s/ca.crt\n"
           "    revocation: %s/ca.crl\n",
           directory, name, directory, name, directory, directory);
}

static void print_pair(const struct request *request, const char *domain,
                       const char *client, const char *server)
{
    const char *directory = request->options.directory;
    const char *service = request->options.name;

    printf("\nOn the host of the application: %s.crt %s.key ca.crt ca.crl, "
           "and in its configuration\n",
           client, client);
    print_identity(directory, client);
    printf("  consume:\n"
           "    %s:\n"
           "      peer: [%s/%s]\n",
           service, domain, server);
    printf("\nOn the host of the service: %s.crt %s.key ca.crt ca.crl, and in "
           "its configuration\n",
           server, server);
    print_identity(directory, server);
    printf("  offer:\n"
           "    %s:\n"
           "      allow: [%s/%s]\n",
           service, domain, client);
    printf("\n%s/ca.key stays here: whoever has it can be anybody.\n",
           directory);
}

static int run_pair(const struct request *request)
{
    const char *service = request->options.name;
    struct request each = *request;
    char client[256], server[256], domain[SPIFFE_MAX_LENGTH + 1] = "";
    const char *names[] = { client, server };
    struct crypto_error error;

    if (!text_is_name(service, strlen(service))) {
        fprintf(stderr,
                "entente pki: \"%s\" cannot be a service: letters, digits, "
                "'.', '_' and '-' are allowed, 63 at most\n",
                service);
        return EXIT_REFUSED;
    }
    text_format(client, sizeof(client), "%s-client", service);
    text_format(server, sizeof(server), "%s-server", service);
    if (!is_free(request, client) || !is_free(request, server))
        return EXIT_REFUSED;
    each.options.days = 0;
    each.options.force = false;
    if (!authority_exists(request->options.directory) &&
        run_init(&each) != EXIT_DONE)
        return EXIT_REFUSED;
    if (authority_list(&request->options, on_domain, domain, &error) !=
        STATUS_OK)
        return complain(&error);
    if (!is_wanted_domain(request, domain))
        return EXIT_REFUSED;
    each.options = request->options;
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        each.options.name = names[i];
        if (issue(&each, true) != EXIT_DONE)
            return EXIT_REFUSED;
    }
    print_pair(request, domain, client, server);
    return EXIT_DONE;
}

/* ---- show ---- */

static const char *state_of(const struct authority_entry *entry)
{
    if (entry->revoked)
        return "revoked";
    return entry->expires < clock_wall_seconds() ? "expired" : "valid";
}

static long long days_left(const struct authority_entry *entry)
{
    int64_t left = entry->expires - clock_wall_seconds();

    return left < 0 ? 0 : (long long)(left / 86400);
}

static void on_entry(void *context, const struct authority_entry *entry)
{
    size_t *count = context;

    if ((*count)++ == 0)
        printf("%-20s %-40s %6s  %-8s %s\n", "NAME", "IDENTITY", "DAYS",
               "STATE", "SERIAL");
    printf("%-20s %-40s %6lld  %-8s %s\n", entry->name, entry->identity,
           days_left(entry), state_of(entry), entry->serial);
}

/* Nothing in an entry needs an escape: identities and names are plain. */
static void on_entry_json(void *context, const struct authority_entry *entry)
{
    size_t *count = context;

    printf("%s\n  {\"name\": \"%s\", \"identity\": \"%s\", \"serial\": "
           "\"%s\", \"days_left\": %lld, \"state\": \"%s\"}",
           (*count)++ ? "," : "[", entry->name, entry->identity, entry->serial,
           days_left(entry), state_of(entry));
}

static int run_show(const struct request *request)
{
    struct crypto_error error;
    size_t count = 0;
    enum status status;

    status = authority_list(&request->options,
                            request->json ? on_entry_json : on_entry, &count,
                            &error);
    if (request->json && count > 0)
        printf("\n]\n");
    return status == STATUS_OK ? EXIT_DONE : complain(&error);
}

/* ---- the command line ---- */

static const struct command commands[] = {
    { "init", false, run_init },    { "issue", true, run_issue },
    { "pair", true, run_pair },     { "renew", true, run_renew },
    { "revoke", true, run_revoke }, { "show", false, run_show },
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_LENGTH(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int misused(const char *format, ...) PRINTF_LIKE(1, 2);
static int misused(const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "entente pki: ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "; see entente pki --help\n");
    return EXIT_USAGE;
}

static int refuse_command(const char *word)
{
    struct nearest nearest;

    nearest_init(&nearest, word);
    for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
        nearest_offer(&nearest, commands[i].name, strlen(commands[i].name));
    if (nearest.found)
        return misused("there is no command %s, but %s", word, nearest.found);
    return misused("there is no command %s", word);
}

static bool take_days(const char *text, struct request *request)
{
    uint64_t days;

    if (!text_parse_number(text, 1, AUTHORITY_MAX_DAYS, &days))
        return false;
    request->options.days = (int64_t)days;
    return true;
}

/* EXIT_DONE to go on; -1 when help was all that was wanted. */
static int take_options(int argc, char **argv, struct request *request)
{
    static const struct option options[] = {
        { "dir", required_argument, NULL, 'd' },
        { "domain", required_argument, NULL, 'o' },
        { "days", required_argument, NULL, 'n' },
        { "force", no_argument, NULL, 'f' },
        { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int option;

    optind = 0; /* start anew, whoever used it before */
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (option == 'd') {
            request->options.directory = optarg;
        } else if (option == 'o') {
            request->options.trust_domain = optarg;
            request->domain_given = true;
        } else if (option == 'n') {
            if (!take_days(optarg, request))
                return misused("--days wants a number from 1 to 36500, not %s",
                               optarg);
        } else if (option == 'f') {
            request->options.force = true;
        } else if (option == 'j') {
            request->json = true;
        } else if (option == 'h') {
            fputs(usage, stdout);
            return -1;
        } else if (option == ':') {
            return misused("%s needs a value", argv[optind - 1]);
        } else if (strncmp(argv[optind - 1], "--", 2) == 0) {
            return misused("unknown option %s", argv[optind - 1]);
        } else {
            return misused("unknown option -%c", optopt);
        }
    }
    return EXIT_DONE;
}

/* What belongs to other commands is a mistake, and not to be passed over. */
static int check_request(const struct command *command,
                         const struct request *request, int words)
{
    bool makes_ca = command->run == run_init || command->run == run_pair;

    if (words < 2 && command->wants_name)
        return misused("%s wants a name", command->name);
    if (words > (command->wants_name ? 2 : 1))
        return misused("%s does not take that many words", command->name);
    if (request->domain_given && !makes_ca)
        return misused("--domain does not go with %s; the CA has one",
                       command->name);
    if (request->json && command->run != run_show)
        return misused("--json does not go with %s", command->name);
    return EXIT_DONE;
}

int pki_main(int argc, char **argv)
{
    struct request request = { .options = { .directory = "certs",
                                            .trust_domain = "entente" } };
    const struct command *command;
    struct crypto_error error;
    int code = take_options(argc, argv, &request);

    if (code != EXIT_DONE)
        return code < 0 ? EXIT_DONE : code;
    if (optind >= argc)
        return misused("what is to be done?");
    command = find_command(argv[optind]);
    if (!command)
        return refuse_command(argv[optind]);
    code = check_request(command, &request, argc - optind);
    if (code != EXIT_DONE)
        return code;
    if (command->wants_name)
        request.options.name = argv[optind + 1];
    if (library_start(&error) != STATUS_OK)
        return complain(&error);
    return command->run(&request);
}
