/* SPDX-License-Identifier: MIT */
/*
 * announce_service [--server ADDRESS]... [--host HOST] [--weight N]
 *                  ANNOUNCEMENT NAME PORT
 *
 * Announces a service until standard input ends, and prints a line of JSON
 * whenever what became of it changes.  A line on standard input is a number:
 * from now on that is the weight, and the port if it is above 10000.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "discovery/announcement.h"
#include "discovery/resolver.h"
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct announce {
    struct loop *loop;
    struct resolver_options resolver;
    struct source_world world;
    struct announcement *announcement;
    struct announcement_options options;
    struct loop_watch input;
};

static void on_changed(void *context, struct announcement *announcement)
{
    struct announcement_report report;
    json_t *line;

    (void)context;
    announcement_report(announcement, &report);
    line = json_pack("{s:I, s:b, s:s, s:s}", "at_ms",
                     (json_int_t)(clock_now_us() / CLOCK_MS), "announced",
                     report.is_announced, "as", report.as, "failure",
                     report.failure);
    json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(line);
}

static void change(struct announce *announce, const char *line)
{
    uint64_t number;

    if (!text_parse_number(line, 0, UINT16_MAX, &number))
        return;
    announce->options.weight = (uint16_t)number;
    if (number > 10000)
        announce->options.port = (uint16_t)number;
    if (announcement_change(announce->announcement, &announce->options) !=
        STATUS_OK)
        loop_stop(announce->loop);
}

static void on_input(struct loop_watch *input, unsigned what)
{
    struct announce *announce = CONTAINER_OF(input, struct announce, input);
    char text[64], *rest, *line;
    ssize_t length;

    (void)what;
    while ((length = read(STDIN_FILENO, text, sizeof(text) - 1)) > 0) {
        text[length] = '\0';
        rest = text;
        while ((line = strsep(&rest, "\n")))
            change(announce, line);
    }
    if (length == 0)
        loop_stop(announce->loop);
}

static int run(struct announce *announce, struct announcement_options *options)
{
    char error[256] = "";

    if (!announcement_is_valid(options->text, error, sizeof(error)) ||
        !announcement_is_name(options->name)) {
        fprintf(stderr, "%s\n", error);
        return 2;
    }
    announce->loop = announce->world.loop = announce->resolver.loop =
        loop_new();
    options->world = &announce->world;
    options->changed = on_changed;
    if (!announce->loop ||
        resolver_open(&announce->resolver, &announce->world.resolver) !=
            STATUS_OK ||
        announcement_open(options, &announce->announcement) != STATUS_OK)
        return 1;
    announce->options = *options;
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    if (loop_watch_start(announce->loop, &announce->input, STDIN_FILENO,
                         on_input) != STATUS_OK)
        return 1;
    loop_run(announce->loop);
    loop_watch_stop(&announce->input);
    announcement_close(announce->announcement);
    resolver_close(announce->world.resolver);
    loop_free(announce->loop);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {
        { "server", required_argument, NULL, 's' },
        { "host", required_argument, NULL, 'h' },
        { "weight", required_argument, NULL, 'w' },
        { 0 }
    };
    struct announcement_options options = { .weight = 1 };
    struct announce announce = { 0 };
    uint64_t number;
    int option, outcome = 2;

    log_set_level(LOG_DEBUG);
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 's') {
            if (!text_list_add(&announce.resolver.servers, optarg))
                return 2;
        } else if (option == 'h') {
            options.host = optarg;
        } else if (option == 'w' &&
                   text_parse_number(optarg, 0, UINT16_MAX, &number)) {
            options.weight = (uint16_t)number;
        } else {
            return 2;
        }
    }
    if (optind + 3 == argc &&
        text_parse_number(argv[optind + 2], 1, UINT16_MAX, &number)) {
        options.text = argv[optind];
        options.name = argv[optind + 1];
        options.port = (uint16_t)number;
        outcome = run(&announce, &options);
    }
    text_list_clear(&announce.resolver.servers);
    return outcome;
}
