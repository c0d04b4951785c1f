/* SPDX-License-Identifier: MIT */
/*
 * watch_source [--server ADDRESS]... [--configuration FILE] [--state DIR]
 *              SOURCE
 *
 * Watches a source and prints what it says, a line of JSON at each change:
 * for the tests in tests/integration/test_discovery_*.py.  A line on standard
 * input is a command: "doubt", "report"; its end ends the program.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "discovery/resolver.h"
#include "discovery/source.h"
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

struct watch {
    struct loop *loop;
    struct resolver_options resolver;
    struct source_world world;
    struct source *source;
    struct loop_watch input;
};

static json_t *encode(const struct endpoint *endpoint)
{
    char address[ADDRESS_TEXT];

    return json_pack("{s:s, s:s, s:i, s:i}", "address",
                     address_format(&endpoint->address, address), "name",
                     endpoint->name, "priority", (int)endpoint->priority,
                     "weight", (int)endpoint->weight);
}

static void print(const struct source *source)
{
    struct source_report report;
    json_t *list = json_array(), *line;

    source_report(source, &report);
    for (size_t i = 0; report.endpoints && i < report.endpoints->count; i++)
        json_array_append_new(list, encode(&report.endpoints->items[i]));
    line = json_pack("{s:I, s:b, s:o, s:b, s:b, s:s, s:I}", "at_ms",
                     (json_int_t)(clock_now_us() / CLOCK_MS), "known",
                     report.endpoints != NULL, "endpoints", list, "stale",
                     report.is_stale, "remembered", report.is_remembered,
                     "failure", report.failure, "answered_at",
                     (json_int_t)report.answered_at);
    json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(line);
}

static void on_changed(void *context, struct source *source)
{
    (void)context;
    print(source);
}

static void on_input(struct loop_watch *input, unsigned what)
{
    struct watch *watch = CONTAINER_OF(input, struct watch, input);
    char text[256];
    ssize_t length;

    (void)what;
    while ((length = read(STDIN_FILENO, text, sizeof(text))) > 0)
        for (ssize_t i = 0; i < length; i++) /* a command's first letter */
            if (i == 0 || text[i - 1] == '\n') {
                if (text[i] == 'd')
                    source_doubt(watch->source);
                else if (text[i] == 'r')
                    print(watch->source);
            }
    if (length == 0)
        loop_stop(watch->loop);
}

static int run(struct watch *watch, const char *text)
{
    struct source_options options = { .text = text,
                                      .world = &watch->world,
                                      .changed = on_changed };
    char error[256];

    if (!source_is_valid(text, error, sizeof(error))) {
        fprintf(stderr, "%s\n", error);
        return 2;
    }
    watch->loop = watch->world.loop = watch->resolver.loop = loop_new();
    if (!watch->loop ||
        resolver_open(&watch->resolver, &watch->world.resolver) != STATUS_OK ||
        source_open(&options, &watch->source) != STATUS_OK)
        return 1;
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    if (loop_watch_start(watch->loop, &watch->input, STDIN_FILENO, on_input) !=
        STATUS_OK)
        return 1;
    loop_run(watch->loop);
    loop_watch_stop(&watch->input);
    source_close(watch->source);
    resolver_close(watch->world.resolver);
    loop_free(watch->loop);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "server", required_argument, NULL, 's' },
        { "configuration", required_argument, NULL, 'c' },
        { "state", required_argument, NULL, 'd' },
        { 0 }
    };
    struct watch watch = { 0 };
    int option, outcome = 2;

    log_set_level(LOG_DEBUG);
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 's') {
            if (!resolver_is_server(optarg) ||
                !text_list_add(&watch.resolver.servers, optarg))
                return 2;
        } else if (option == 'c') {
            watch.resolver.configuration = optarg;
        } else if (option == 'd') {
            watch.world.state_directory = optarg;
        } else {
            return 2;
        }
    }
    if (optind + 1 == argc)
        outcome = run(&watch, argv[optind]);
    text_list_clear(&watch.resolver.servers);
    return outcome;
}
