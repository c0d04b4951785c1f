/* SPDX-License-Identifier: MIT */
/*
 * A client and a server that check every byte at its offset and how each
 * connection ends.
 *
 *   verify serve ADDRESS... [--timeout SECONDS]
 *   verify client ADDRESS [--count N] [--concurrency N] [--seed N]
 *          [--up BYTES | MIN-MAX] [--down BYTES | MIN-MAX]
 *          [--up-end ENDING] [--down-end ENDING]
 *          [--up-delay MS] [--down-delay MS] [--up-pace N] [--down-pace N]
 *          [--up-answer] [--down-answer] [--timeout SECONDS] [--every MS]
 *
 * Each says on standard output what it saw, one line a connection:
 *   key=1f sent=100 writing=none got=100 of=100 end=fin bad=no ms=12
 * The server starts with a line "listening PORT" for each address, and says
 * "begun=1f" when it has a connection's plan.  SIGUSR1 ends it with a reset of
 * every connection, where a kill would let the kernel send a FIN.  The client
 * ends with one line of totals and by 1 if a transfer was not exact.
 */
#include "endpoint.h"
#include "transfer.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_CONCURRENCY = 8192,
    MAX_ADDRESSES = 8,
    MAX_DESCRIPTORS = 16384,
    STACK_BYTES = 256 * 1024
};

struct range {
    uint64_t low, high;
};

struct client {
    const char *address;
    uint64_t count;
    unsigned concurrency;
    uint64_t seed;
    struct range up, down;
    struct plan plan; /* all but key and sizes */
    int timeout_ms;
    unsigned every_ms;
    pthread_mutex_t lock;
    uint64_t next;
    uint64_t exact, reset, truncated, corrupted, timeouts, refused, bytes;
};

static _Noreturn void usage(const char *what)
{
    fprintf(stderr, "verify: %s; see the head of verify.c\n", what);
    exit(2);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t random_of(uint64_t key, uint64_t which)
{
    uint64_t z = (key * 4 + which) * 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* As many small sizes as large ones: even over the number of digits. */
static uint64_t size_from(struct range range, uint64_t random)
{
    uint64_t span = range.high - range.low;
    unsigned digits = 0;

    if (span == 0)
        return range.low;
    while (digits < 63 && span >> digits)
        digits++;
    digits = (unsigned)(random % (digits + 1));
    random = (random >> 8) & (((uint64_t)1 << digits) - 1);
    return range.low + (random > span ? span : random);
}

static void tell(uint64_t key, const struct result *result, uint64_t of,
                 int64_t began)
{
    printf("key=%llx sent=%llu writing=%s got=%llu of=%llu end=%s bad=%s "
           "ms=%lld\n",
           (unsigned long long)key, (unsigned long long)result->sent,
           outcome_text(result->writing), (unsigned long long)result->got,
           (unsigned long long)of, outcome_text(result->end),
           result->bad ? "yes" : "no", (long long)(now_ms() - began));
}

/* Read exactly |length| bytes; on failure |*end| says how it ended. */
static bool read_all(int fd, uint8_t *bytes, size_t length, enum outcome *end)
{
    size_t done = 0;

    while (done < length) {
        ssize_t count = read(fd, bytes + done, length - done);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0) {
            *end = count == 0            ? OUTCOME_FIN
                   : errno == ECONNRESET ? OUTCOME_RESET
                   : errno == EAGAIN     ? OUTCOME_TIMEOUT
                                         : OUTCOME_ERROR;
            return false;
        }
        done += (size_t)count;
    }
    return true;
}

struct accepted {
    int fd;
    int timeout_ms;
};

static void *serve_one(void *context)
{
    struct accepted *accepted = context;
    struct timeval timeout = { .tv_sec = accepted->timeout_ms / 1000 };
    struct result result = { .sent = 0 };
    uint8_t bytes[PLAN_BYTES];
    int64_t began = now_ms();
    struct plan plan = { .key = 0 };

    setsockopt(accepted->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout,
               sizeof(timeout));
    if (!read_all(accepted->fd, bytes, sizeof(bytes), &result.end)) {
        close(accepted->fd);
    } else if (!plan_decode(bytes, &plan)) {
        result.bad = true;
        close(accepted->fd);
    } else {
        printf("begun=%llx\n", (unsigned long long)plan.key);
        result = transfer_run(accepted->fd, &plan, false, accepted->timeout_ms);
    }
    tell(plan.key, &result, plan.up.bytes, began);
    free(accepted);
    return NULL;
}

static void start_thread(void *(*run)(void *), void *context)
{
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attributes, run, context) != 0)
        usage("no more threads");
    pthread_attr_destroy(&attributes);
}

static void reset_all(int signal_number)
{
    const struct linger at_once = { .l_onoff = 1 };

    (void)signal_number;
    for (int fd = 0; fd < MAX_DESCRIPTORS; fd++)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    _exit(0);
}

struct listening {
    int fd;
    int timeout_ms;
};

static void *serve_all(void *context)
{
    const struct listening *listening = context;

    for (;;) {
        struct accepted *accepted;
        int fd = accept(listening->fd, NULL, NULL);

        if (fd < 0) {
            usleep(10000);
            continue;
        }
        accepted = malloc(sizeof(*accepted));
        if (!accepted)
            usage("no memory");
        *accepted = (struct accepted){ fd, listening->timeout_ms };
        start_thread(serve_one, accepted);
    }
    return NULL;
}

static int serve(int argc, char **argv)
{
    struct listening listening[MAX_ADDRESSES];
    int addresses = 0;
    int timeout_ms = 60000;

    signal(SIGUSR1, reset_all);
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--timeout") == 0 && i + 1 < argc) {
            timeout_ms = atoi(argv[++i]) * 1000;
            continue;
        }
        if (addresses == MAX_ADDRESSES)
            usage("too many addresses");
        listening[addresses].fd = endpoint_listen(argv[i]);
        if (listening[addresses].fd < 0) {
            perror(argv[i]);
            return 1;
        }
        printf("listening %d\n", endpoint_port(listening[addresses].fd));
        addresses++;
    }
    if (!addresses)
        usage("serve where?");
    for (int i = 0; i < addresses; i++) {
        listening[i].timeout_ms = timeout_ms;
        if (i > 0)
            start_thread(serve_all, &listening[i]);
    }
    serve_all(&listening[0]);
    return 0;
}

/* What the plan lets us expect is exact; then what cannot be forgiven. */
static void count_result(struct client *client, const struct plan *plan,
                         const struct result *result)
{
    uint64_t of = plan->down.bytes;

    client->bytes += result->sent + result->got;
    if (result->bad)
        client->corrupted++;
    else if (result->end == OUTCOME_FIN && result->got < of)
        client->truncated++;
    else if (result->end == OUTCOME_TIMEOUT)
        client->timeouts++;
    else if (result->end == OUTCOME_FIN && result->sent == plan->up.bytes)
        client->exact++;
    else
        client->reset++;
}

static void run_one(struct client *client, uint64_t number)
{
    struct plan plan = client->plan;
    struct result result = { .end = OUTCOME_ERROR };
    int64_t began = now_ms();
    uint8_t bytes[PLAN_BYTES];
    bool was_refused;
    int fd;

    plan.key = (client->seed << 32) + number + 1;
    plan.up.bytes = size_from(client->up, random_of(plan.key, 0));
    plan.down.bytes = size_from(client->down, random_of(plan.key, 1));
    plan_encode(&plan, bytes);
    fd = endpoint_connect(client->address);
    was_refused = fd < 0 && errno != ECONNRESET && errno != ECONNABORTED;
    if (fd < 0 && !was_refused) /* it was taken, and reset before we looked */
        result.end = OUTCOME_RESET;
    if (fd >= 0) {
        if (send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) == sizeof(bytes)) {
            result = transfer_run(fd, &plan, true, client->timeout_ms);
        } else {
            result.writing = OUTCOME_RESET;
            result.end = OUTCOME_RESET;
            close(fd);
        }
    }
    pthread_mutex_lock(&client->lock);
    if (was_refused)
        client->refused++;
    else
        count_result(client, &plan, &result);
    tell(plan.key, &result, plan.down.bytes, began);
    pthread_mutex_unlock(&client->lock);
}

static void *run_some(void *context)
{
    struct client *client = context;

    for (;;) {
        uint64_t number;

        pthread_mutex_lock(&client->lock);
        number = client->next++;
        pthread_mutex_unlock(&client->lock);
        if (number >= client->count)
            return NULL;
        run_one(client, number);
        usleep(client->every_ms * 1000);
    }
}

static struct range parse_range(const char *text)
{
    struct range range;
    char *rest;

    range.low = strtoull(text, &rest, 10);
    range.high = *rest == '-' ? strtoull(rest + 1, &rest, 10) : range.low;
    if (*rest || rest == text || range.high < range.low)
        usage("a size is BYTES or MIN-MAX");
    return range;
}

/* Options of one direction, whose name |option| still starts with. */
static bool parse_half(struct half *half, struct range *range,
                       const char *option, const char *value)
{
    if (strcmp(option, "") == 0)
        *range = parse_range(value);
    else if (strcmp(option, "-delay") == 0)
        half->delay_ms = (uint32_t)strtoul(value, NULL, 10);
    else if (strcmp(option, "-pace") == 0)
        half->pace = (uint32_t)strtoul(value, NULL, 10);
    else if (strcmp(option, "-end") == 0)
        return ending_parse(value, &half->ending);
    else
        return false;
    return true;
}

static void parse_option(struct client *client, const char *option,
                         const char *value)
{
    bool known = true;

    if (strcmp(option, "--count") == 0)
        client->count = strtoull(value, NULL, 10);
    else if (strcmp(option, "--concurrency") == 0)
        client->concurrency = (unsigned)strtoul(value, NULL, 10);
    else if (strcmp(option, "--seed") == 0)
        client->seed = strtoull(value, NULL, 10);
    else if (strcmp(option, "--timeout") == 0)
        client->timeout_ms = atoi(value) * 1000;
    else if (strcmp(option, "--every") == 0)
        client->every_ms = (unsigned)strtoul(value, NULL, 10);
    else if (strncmp(option, "--up", 4) == 0)
        known = parse_half(&client->plan.up, &client->up, option + 4, value);
    else if (strncmp(option, "--down", 6) == 0)
        known =
            parse_half(&client->plan.down, &client->down, option + 6, value);
    else
        known = false;
    if (!known)
        usage(option);
}

static void parse_client(struct client *client, int argc, char **argv)
{
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--up-answer") == 0)
            client->plan.up.answer = true;
        else if (strcmp(argv[i], "--down-answer") == 0)
            client->plan.down.answer = true;
        else if (i + 1 == argc)
            usage(argv[i]);
        else
            parse_option(client, argv[i], argv[i + 1]), i++;
    }
    if (client->concurrency == 0 || client->concurrency > MAX_CONCURRENCY)
        usage("--concurrency");
}

static int client_main(int argc, char **argv)
{
    struct client client = { .address = argv[2],
                             .count = 1,
                             .concurrency = 1,
                             .seed = 1,
                             .timeout_ms = 60000,
                             .lock = PTHREAD_MUTEX_INITIALIZER };
    pthread_t *threads;
    pthread_attr_t attributes;

    parse_client(&client, argc, argv);
    threads = calloc(client.concurrency, sizeof(*threads));
    if (!threads)
        usage("no memory");
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    for (unsigned i = 0; i < client.concurrency; i++) {
        if (pthread_create(&threads[i], &attributes, run_some, &client) != 0)
            usage("no more threads");
    }
    for (unsigned i = 0; i < client.concurrency; i++)
        pthread_join(threads[i], NULL);
    printf("total=%llu exact=%llu reset=%llu truncated=%llu corrupted=%llu "
           "timeouts=%llu refused=%llu bytes=%llu\n",
           (unsigned long long)client.count, (unsigned long long)client.exact,
           (unsigned long long)client.reset,
           (unsigned long long)client.truncated,
           (unsigned long long)client.corrupted,
           (unsigned long long)client.timeouts,
           (unsigned long long)client.refused,
           (unsigned long long)client.bytes);
    free(threads);
    return client.exact == client.count ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct rlimit files;

    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (argc >= 3 && strcmp(argv[1], "serve") == 0)
        return serve(argc, argv);
    if (argc >= 3 && strcmp(argv[1], "client") == 0)
        return client_main(argc, argv);
    usage("serve or client");
}
