/* SPDX-License-Identifier: MIT */
/* Asking a running ambassador, by HTTP at its admin address. */
#include "app/control.h"
#include "admin/client.h"
#include "admin/explanation.h"
#include "admin/sheet.h"
#include "admin/status.h"
#include "app/admin_address.h"
#include "app/control_internal.h"
#include "base/clock.h"
#include "base/text.h"
#include "config/rule.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const uint64_t poll_us = 200 * CLOCK_MS;

/* What became of a question. */
struct reply {
    enum status status; /* STATUS_OK: there is an answer */
    int code;
    char *body;     /* owned; NULL without an answer */
    char text[640]; /* without a good answer: why */
};

static bool is_good(const struct reply *reply)
{
    return reply->status == STATUS_OK && reply->code >= 200 &&
           reply->code < 300;
}

static void clear(struct reply *reply)
{
    free(reply->body);
    *reply = (struct reply){ .status = STATUS_OK };
}

/* ---- where ---- */

/* What the file says of the address, if anything. */
static enum status read_config(const char *path, char *said, size_t size,
                               struct config_error *error)
{
    struct config *config;
    enum status status = config_load(path, &config, error);

    if (status != STATUS_OK)
        return status;
    if (config->admin && !text_copy(said, size, config->admin))
        said[0] = '\0'; /* longer than any address that is one */
    config_free(config);
    return STATUS_OK;
}

/* A flag, the file, the environment, or the only one that runs. */
static enum status find_address(const struct control *control,
                                struct address *address, struct reply *reply)
{
    char said[ADMIN_ADDRESS_TEXT] = "", found[ADMIN_ADDRESS_TEXT];
    const char *environment = getenv("ENTENTE_ADMIN"), *reason;
    const char *wanted = control->admin;
    struct config_error error = { .text = "" };
    enum status status = STATUS_OK;

    if (!wanted && control->config) {
        status = read_config(control->config, said, sizeof(said), &error);
        wanted = said[0] ? said : NULL;
    }
    if (status == STATUS_OK)
        status =
            admin_address_find(wanted ? wanted : environment, found, &error);
    if (status != STATUS_OK) {
        text_format(reply->text, sizeof(reply->text), "%s", error.text);
        return status;
    }
    reason = address_why_not(found);
    if (!reason && address_parse(address, found))
        return STATUS_OK;
    text_format(reply->text, sizeof(reply->text), "ENTENTE_ADMIN %s: %s", found,
                reason ? reason : "it is no address");
    return STATUS_CONFIG;
}

/* ---- asking ---- */

/* The sentence of a server that refuses, or a word for its code. */
static void explain(struct reply *reply)
{
    char *sentence;
    size_t length = strcspn(reply->body, "\n");

    reply->body[length] = '\0';
    sentence = sheet_harmless(reply->body);
    if (reply->body[0] == '<' || (reply->code == 404 && length == 0))
        text_format(reply->text, sizeof(reply->text),
                    "what answers is not an ambassador (HTTP %d); --admin ADDR "
                    "says where one is",
                    reply->code);
    else if (sentence && *sentence)
        text_format(reply->text, sizeof(reply->text), "%s", sentence);
    else
        text_format(reply->text, sizeof(reply->text),
                    "the ambassador refuses (HTTP %d)", reply->code);
    free(sentence);
}

static void ask(const struct control *control, const char *method,
                const char *target, uint64_t timeout_us, struct reply *reply)
{
    struct address address;
    struct net_error error = { .text = "" };

    *reply = (struct reply){ .status = STATUS_OK };
    reply->status = find_address(control, &address, reply);
    if (reply->status != STATUS_OK)
        return;
    reply->status = admin_call(&address, method, target, timeout_us,
                               &reply->code, &reply->body, &error);
    if (reply->status != STATUS_OK)
        text_format(reply->text, sizeof(reply->text), "%s", error.text);
    else if (!is_good(reply))
        explain(reply);
}

int control_complain(const char *about, const char *text)
{
    fprintf(stderr, "entente: %s%s%s\n", about, *about ? ": " : "", text);
    return EXIT_REFUSED;
}

/* What could not be written to a full disk was not done. */
static int flush(void)
{
    return fflush(stdout) == 0 && !ferror(stdout)
               ? EXIT_DONE
               : control_complain("standard output", strerror(errno));
}

/* ---- the commands ---- */

static int print_document(enum status (*print)(const char *json, FILE *to),
                          const char *json)
{
    enum status status = print(json, stdout);

    if (status == STATUS_OK)
        return flush();
    return control_complain("",
                            status == STATUS_NO_MEMORY
                                ? "out of memory"
                                : "what answers is not an ambassador of this "
                                  "version: try --json");
}

/* Ask for a document and show it; |about| begins a complaint. */
static int show(const struct control *control, const char *target,
                const char *about,
                enum status (*print)(const char *json, FILE *to))
{
    struct reply reply;
    int exit_code;

    ask(control, "GET", target, control->timeout_us, &reply);
    if (!is_good(&reply)) {
        exit_code = control_complain(about, reply.text);
    } else if (control->wants_json) {
        size_t length = strlen(reply.body);
        bool ends = length > 0 && reply.body[length - 1] == '\n';

        printf("%s%s", reply.body, ends ? "" : "\n");
        exit_code = flush();
    } else {
        exit_code = print_document(print, reply.body);
    }
    clear(&reply);
    return exit_code;
}

static int run_status(const struct control *control)
{
    return show(control, "/status", "", status_print);
}

static int run_explain(const struct control *control)
{
    const char *service = control->services[0];
    char target[256];

    text_format(target, sizeof(target), "/explain?service=%s%s%s", service,
                control->client ? "&client=" : "",
                control->client ? control->client : "");
    return show(control, target, service, explanation_print);
}

/* May it be different the next time?  A service that is not there will not. */
static bool is_worth_waiting(const struct reply *reply)
{
    if (reply->status == STATUS_OK)
        return reply->code >= 500;
    return reply->status == STATUS_REFUSED || reply->status == STATUS_RESET ||
           reply->status == STATUS_TIMEOUT;
}

/* The reason |reply| has, with the time that was over and who knows more. */
static void add_time(struct reply *reply, uint64_t timeout_us,
                     const char *service)
{
    char reason[sizeof(reply->text)], time[32];

    memcpy(reason, reply->text, sizeof(reason));
    rule_format_duration(timeout_us, time, sizeof(time));
    text_format(reply->text, sizeof(reply->text),
                "not reached within %s: %s%s%s", time, reason,
                reply->status == STATUS_OK ? "; see entente explain " : "",
                reply->status == STATUS_OK ? service : "");
}

static void pause_until(uint64_t until_us)
{
    uint64_t now_us = clock_now_us();
    uint64_t left_us = until_us > now_us ? until_us - now_us : 0;
    struct timespec pause = { .tv_nsec = (long)(left_us % CLOCK_SECOND * 1000),
                              .tv_sec = (time_t)(left_us / CLOCK_SECOND) };

    nanosleep(&pause, NULL);
}

/*
 * False, and |reply| has the reason, if it could not be reached until then;
 * asked a last time when the time is over.
 */
static bool wait_for(const struct control *control, const char *service,
                     uint64_t until_us, struct reply *reply)
{
    char target[sizeof("/probe?service=") + TEXT_MAX_NAME];
    uint64_t now_us = clock_now_us();

    text_format(target, sizeof(target), "/probe?service=%s", service);
    for (;;) {
        uint64_t next_us = now_us + poll_us;
        uint64_t left_us = until_us > next_us ? until_us - now_us : poll_us;
        bool is_last = now_us >= until_us;

        ask(control, "POST", target, left_us, reply);
        if (is_good(reply))
            return true;
        if (!is_worth_waiting(reply))
            return false;
        if (is_last) {
            add_time(reply, control->timeout_us, service);
            return false;
        }
        clear(reply);
        pause_until(next_us < until_us ? next_us : until_us);
        now_us = clock_now_us();
    }
}

static int run_wait(const struct control *control)
{
    uint64_t until_us = clock_now_us() + control->timeout_us;
    int exit_code = EXIT_DONE;

    for (size_t i = 0; i < control->service_count && !exit_code; i++) {
        struct reply reply;

        if (!wait_for(control, control->services[i], until_us, &reply))
            exit_code = control_complain(control->services[i], reply.text);
        clear(&reply);
    }
    return exit_code;
}

static int run_health(const struct control *control)
{
    struct reply reply;
    int exit_code = EXIT_DONE;

    ask(control, "GET", "/health", control->timeout_us, &reply);
    if (!is_good(&reply))
        exit_code = control_complain("", reply.text);
    clear(&reply);
    return exit_code;
}

int control_order(const struct control *control, const char *target,
                  const char *about, bool tells)
{
    struct reply reply;
    int exit_code = EXIT_DONE;

    ask(control, "POST", target, control->timeout_us, &reply);
    if (!is_good(&reply)) {
        exit_code = control_complain(about, reply.text);
    } else if (tells && reply.code == 202) {
        fputs(reply.body, stdout);
        exit_code = flush();
    }
    clear(&reply);
    return exit_code;
}

static int run_drain(const struct control *control)
{
    return control_order(control, "/drain", "", false);
}

static int run_reload(const struct control *control)
{
    return control_order(control, "/reload", "", true);
}

static int run_quit(const struct control *control)
{
    return control_order(control, "/quit", "", false);
}

static const struct control_command commands[] = {
    { "status", "[--json] [OPTION...]",
      "Services, endpoints, tunnels and certificates of a running ambassador, "
      "what is\nwrong first.",
      10 * CLOCK_SECOND, .has_json = true, .run = run_status },
    { "explain", "SERVICE [--json] [--client IP] [OPTION...]",
      "Where a new connection to SERVICE would go and why, and what each "
      "source said of\nit and when.",
      10 * CLOCK_SECOND, .has_json = true, .has_client = true,
      .has_services = true, .has_one_service = true, .run = run_explain },
    { "wait", "SERVICE... [OPTION...]",
      "Waits until a connection to each SERVICE would succeed; exit 0, or 1 "
      "with a line\nthat says which would not, and why.",
      30 * CLOCK_SECOND, .has_services = true, .run = run_wait },
    { "healthcheck", "[OPTION...]",
      "Exit 0 if the ambassador is ready for connections, else 1; for "
      "HEALTHCHECK and\nprobes.",
      10 * CLOCK_SECOND, .run = run_health },
    { "set", "SERVICE ENDPOINT... [OPTION...] | SERVICE --sources [OPTION...]",
      "From now on SERVICE is at each ENDPOINT, like db-3.example.com:7411, "
      "and "
      "nowhere\nelse, whatever its sources say; or again where they say.  "
      "Connections stay where\nthey are.",
      10 * CLOCK_SECOND, .has_services = true, .has_endpoints = true,
      .run = control_set_run },
    { "drain", "[OPTION...]",
      "Tells the ambassador to take nothing new, finish what is open and end.  "
      "Does not\nwait for that.",
      10 * CLOCK_SECOND, .run = run_drain },
    { "reload", "[OPTION...]",
      "Tells the ambassador to read its configuration and certificates again.  "
      "Exit 1\nif they are refused: then nothing has changed.",
      30 * CLOCK_SECOND, .run = run_reload },
    { "quit", "[OPTION...]",
      "Tells the ambassador to end now; what is open is reset.",
      10 * CLOCK_SECOND, .run = run_quit },
};

int control_main(int argc, char **argv)
{
    const struct control_command *command = NULL;
    struct control control;

    for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
        if (strcmp(commands[i].name, argv[0]) == 0)
            command = &commands[i];
    ASSERT(command != NULL);
    if (!control_parse(&control, command, argc, argv))
        return EXIT_USAGE;
    if (control.wants_help) {
        control_print_help(command, stdout);
        return flush();
    }
    return command->run(&control);
}
