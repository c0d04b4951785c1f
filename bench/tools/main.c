/* SPDX-License-Identifier: MIT */
/*
 * bench-load: the client of the benchmark.  Speaks line by line with its
 * driver, so that the driver can look at the processes in between:
 *
 *   it connects, prints "ready", waits for a line; runs, prints its result as
 *   one line of JSON; keeps its connections until its standard input ends.
 *
 * Exit: 0 if every byte was right, 1 if not, 2 for wrong usage.
 */
#include "load.h"
#include "socket.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

static const char usage[] =
    "usage: bench-load [options] ADDRESS:PORT\n"
    "  --streams N    connections at the same time (1)\n"
    "  --seconds S    how long (1); 0: one exchange on each connection\n"
    "  --up BYTES     body of every request (0)\n"
    "  --down BYTES   body of every answer (0)\n"
    "  --depth N      exchanges under way on a connection (1)\n"
    "  --rate BYTES   of bodies a second, over all connections (no limit)\n"
    "  --reconnect    a new connection for every exchange\n"
    "  --verify       look at every byte, not only at their count\n";

static uint64_t number(const char *text, uint64_t maximum)
{
    char *end = NULL;
    unsigned long long value = strtoull(text, &end, 10);

    if (end == text || *end || *text == '-' || value > maximum) {
        fprintf(stderr, "bench-load: not a number up to %llu: %s\n",
                (unsigned long long)maximum, text);
        exit(2);
    }
    return value;
}

static double duration(const char *text)
{
    char *end = NULL;
    double value = strtod(text, &end);

    if (end == text || *end || !(value >= 0 && value <= 3600)) {
        fprintf(stderr, "bench-load: not a duration in seconds: %s\n", text);
        exit(2);
    }
    return value;
}

static bool parse_arguments(int argc, char **argv, struct load_options *options)
{
    static const struct option known[] = {
        { "streams", required_argument, NULL, 'n' },
        { "seconds", required_argument, NULL, 's' },
        { "up", required_argument, NULL, 'u' },
        { "down", required_argument, NULL, 'd' },
        { "depth", required_argument, NULL, 'p' },
        { "rate", required_argument, NULL, 'b' },
        { "reconnect", no_argument, NULL, 'r' },
        { "verify", no_argument, NULL, 'v' },
        { NULL, 0, NULL, 0 },
    };
    int option;

    *options = (struct load_options){ .streams = 1, .depth = 1, .seconds = 1 };
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'n':
            options->streams = number(optarg, 1000000);
            break;
        case 's':
            options->seconds = duration(optarg);
            break;
        case 'u':
            options->up_bytes = number(optarg, UINT32_MAX);
            break;
        case 'd':
            options->down_bytes = number(optarg, UINT32_MAX);
            break;
        case 'p':
            options->depth = number(optarg, 1000);
            break;
        case 'b':
            options->rate = number(optarg, UINT32_MAX);
            break;
        case 'r':
            options->reconnect = true;
            break;
        case 'v':
            options->verify = true;
            break;
        default:
            return false;
        }
    }
    return options->streams > 0 && options->depth > 0 && optind == argc - 1 &&
           socket_parse(argv[optind], &options->target);
}

static void print_result(const struct load *load, double seconds)
{
    const struct load_result *result = &load->result;
    const struct histogram *latency = &result->latency;

    printf("{\"exchanges\": %llu, \"bytes\": %llu, \"seconds\": %.6f, "
           "\"failures\": %llu, \"first_failure\": \"%s\", "
           "\"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f}\n",
           (unsigned long long)result->exchanges,
           (unsigned long long)result->bytes, seconds,
           (unsigned long long)result->failures, result->first_failure,
           (double)histogram_percentile(latency, 0.50) / 1e3,
           (double)histogram_percentile(latency, 0.99) / 1e3,
           (double)latency->maximum / 1e3);
    fflush(stdout);
}

/* Wait for a line from the driver, or for the end of what it says. */
static void wait_for_driver(void)
{
    int character;

    do
        character = getchar();
    while (character != '\n' && character != EOF);
}

int main(int argc, char **argv)
{
    static struct load load;
    uint64_t begin_ns;

    if (!parse_arguments(argc, argv, &load.options)) {
        fputs(usage, stderr);
        return 2;
    }
    parcel_prepare_bodies();
    socket_raise_limit();
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.streams = calloc(load.options.streams, sizeof(*load.streams));
    if (load.epoll < 0 || !load.streams)
        die("bench-load");
    load_connect(&load);
    if (load.result.failures == 0) {
        puts("ready");
        fflush(stdout);
        wait_for_driver();
    }
    begin_ns = clock_ns();
    if (load.result.failures == 0)
        load_run(&load);
    print_result(&load, (double)(clock_ns() - begin_ns) / 1e9);
    wait_for_driver();
    return load.result.failures > 0; /* the kernel closes the rest */
}
