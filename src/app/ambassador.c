/* SPDX-License-Identifier: MIT */
/*
 * STARTING --everything opened--> READY --drain--> DRAINING --> ended
 */
#define _GNU_SOURCE /* CPU_COUNT() */
#include "app/ambassador_internal.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "crypto/library.h"
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { MEMORY_PER_WORKER = 256 * 1024 * 1024 };

#define LOOK_WHILE_DRAINING_US (50 * CLOCK_MS)

/* ---- what the machine allows ---- */

/* One for each processor we may use. */
static uint32_t worker_count(const struct config *config)
{
    cpu_set_t set;
    int count = 1;

    if (config->workers > 0)
        return config->workers < MAX_WORKERS ? config->workers : MAX_WORKERS;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        count = CPU_COUNT(&set);
    return count < 1 ? 1 : count > MAX_WORKERS ? MAX_WORKERS : (uint32_t)count;
}

/* Every connection takes a descriptor: have as many as are allowed. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    LOG(LOG_DEBUG, "descriptors", log_number("max", (int64_t)limit.rlim_cur));
}

/* ---- the end ---- */

void ambassador_quit(struct ambassador *ambassador, int exit_code)
{
    ambassador->exit_code = exit_code;
    loop_stop(ambassador->loop);
}

static void go_on_draining(struct ambassador *ambassador)
{
    for (uint32_t i = 0; i < ambassador->worker_count; i++)
        worker_drain(ambassador->workers[i]);
    window_ask(ambassador);
    loop_timer_start(&ambassador->drain_timer, LOOK_WHILE_DRAINING_US);
}

static void look_while_draining(struct loop_timer *timer)
{
    struct ambassador *ambassador =
        CONTAINER_OF(timer, struct ambassador, drain_timer);
    uint32_t load = window_load(ambassador);

    if (load == 0) {
        LOG(LOG_INFO, "drained");
        ambassador_quit(ambassador, 0);
        return;
    }
    if (loop_now_us(ambassador->loop) >= ambassador->drain_until_us) {
        LOG(LOG_WARNING, "drain_cut", log_number("left", load));
        ambassador_quit(ambassador, 1);
        return;
    }
    go_on_draining(ambassador);
}

void ambassador_drain(struct ambassador *ambassador)
{
    if (ambassador->is_draining)
        return;
    LOG(LOG_INFO, "draining",
        log_number("at_most_ms",
                   (int64_t)(ambassador->config->drain_us / CLOCK_MS)));
    ambassador->is_draining = true;
    ambassador->drain_until_us =
        loop_now_us(ambassador->loop) + ambassador->config->drain_us;
    presence_withdraw(ambassador->presence); /* while we still answer */
    ambassador_close_listeners(ambassador);
    for (uint32_t i = 0; i < ambassador->worker_count; i++) {
        board_report_free(ambassador->reports[i]);
        ambassador->reports[i] = NULL; /* what was true before is not now */
    }
    go_on_draining(ambassador);
}

static void reload(struct ambassador *ambassador)
{
    struct config_error error = { .text = "" };

    if (ambassador_reload(ambassador, &error) != STATUS_OK)
        return; /* and the log says why */
}

static void told_by_signal(struct loop_signal *signal, int number)
{
    struct ambassador *ambassador;

    if (number == SIGHUP) {
        reload(CONTAINER_OF(signal, struct ambassador, signals[2]));
        return;
    }
    ambassador = number == SIGTERM
                     ? CONTAINER_OF(signal, struct ambassador, signals[0])
                     : CONTAINER_OF(signal, struct ambassador, signals[1]);
    if (ambassador->is_draining)
        ambassador_quit(ambassador, 1); /* told twice: now */
    else
        ambassador_drain(ambassador);
}

/* ---- the beginning ---- */

static enum status watch_signals(struct ambassador *ambassador)
{
    static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++)
        if (loop_signal_start(ambassador->loop, &ambassador->signals[i],
                              numbers[i], told_by_signal) != STATUS_OK)
            return STATUS_NO_MEMORY;
    return STATUS_OK;
}

static enum status start_workers(struct ambassador *ambassador,
                                 const struct config *config)
{
    struct worker_options options = {
        .main_loop = ambassador->loop,
        .handshaker = ambassador->handshaker,
        .limits = LIMITS_DEFAULT,
        .max_memory_bytes = MEMORY_PER_WORKER,
        .node = config->node,
        .version = "entente " AMBASSADOR_VERSION,
        .events = &ambassador_worker_events,
        .context = ambassador,
    };
    uint32_t count = worker_count(config);
    uint64_t instance[2] = { random_seed(), random_seed() };

    memcpy(options.instance, instance, sizeof(options.instance));
    for (uint32_t i = 0; i < count; i++) {
        options.number = i;
        if (worker_start(&options, &ambassador->workers[i]) != STATUS_OK)
            return STATUS_NO_MEMORY;
        ambassador->worker_count++;
    }
    return STATUS_OK;
}

static enum status open_resolver(struct ambassador *ambassador,
                                 const struct config *config)
{
    struct resolver_options options = { .loop = ambassador->loop,
                                        .servers = config->dns };
    enum status status = resolver_open(&options, &ambassador->resolver);

    if (config->state) {
        ambassador->state_directory = strdup(config->state);
        if (!ambassador->state_directory)
            return STATUS_NO_MEMORY;
    }
    ambassador->world = (struct source_world){
        .loop = ambassador->loop,
        .resolver = ambassador->resolver,
        .state_directory = ambassador->state_directory,
    };
    return status;
}

/* The inside, before anything is open to the outside. */
static enum status build(struct ambassador *ambassador, struct config *config)
{
    if (log_start() != STATUS_OK)
        return STATUS_NO_MEMORY;
    ambassador->loop = loop_new();
    if (!ambassador->loop || watch_signals(ambassador) != STATUS_OK ||
        open_resolver(ambassador, config) != STATUS_OK ||
        handshaker_start(&ambassador->handshaker) != STATUS_OK)
        return STATUS_NO_MEMORY;
    ambassador->presence = presence_new(&ambassador->world, config->node);
    if (!ambassador->presence)
        return STATUS_NO_MEMORY;
    return start_workers(ambassador, config);
}

static enum status fail(struct config_error *error, const char *text)
{
    text_format(error->text, sizeof(error->text), "%s", text);
    return STATUS_CONFIG;
}

static enum status start(struct ambassador *ambassador, struct config *config,
                         struct config_error *error)
{
    struct crypto_error library = { .text = "" };
    struct net_error window = { .text = "" };
    enum status status;

    log_set_level(config->log_level);
    log_set_format(config->log_format);
    if (library_start(&library) != STATUS_OK)
        return fail(error, library.text);
    if (!loop_library_is_supported(loop_library_number()))
        return fail(error, "this libevent is too old to be safe; 2.1.13 or "
                           "newer is needed");
    raise_descriptor_limit();
    if (build(ambassador, config) != STATUS_OK)
        return fail(error, "out of memory or threads");
    loop_timer_init(ambassador->loop, &ambassador->drain_timer,
                    look_while_draining);
    status = ambassador_adopt(ambassador, config, error);
    if (status != STATUS_OK)
        return status;
    if (window_open(ambassador, &window) != STATUS_OK)
        return fail(error, window.text);
    ambassador->is_ready = true;
    LOG(LOG_INFO, "ready", log_text("node", config->node),
        log_text("version", AMBASSADOR_VERSION),
        log_text("identity", ambassador->identity),
        log_number("services", (int64_t)config->service_count),
        log_number("workers", ambassador->worker_count),
        log_text("admin", config->admin));
    return STATUS_OK;
}

/*
 * Handshakes first, since their answers go to the workers' loops; then the
 * workers, whose last words come to ours.
 */
static void stop(struct ambassador *ambassador)
{
    window_close(ambassador);
    presence_free(ambassador->presence);
    if (ambassador->loop)
        ambassador_close_listeners(ambassador);
    handshaker_stop(ambassador->handshaker);
    for (uint32_t i = 0; i < ambassador->worker_count; i++)
        worker_stop(ambassador->workers[i]);
    LIST_EACH(&ambassador->entrances, node)
    {
        entrance_close(LIST_ITEM(node, struct entrance, node));
    }
    index_clear(&ambassador->by_name);
    resolver_close(ambassador->resolver);
    loop_timer_stop(&ambassador->drain_timer);
    for (size_t i = 0; i < ARRAY_LENGTH(ambassador->signals); i++)
        loop_signal_stop(&ambassador->signals[i]);
    loop_free(ambassador->loop);
    config_free(ambassador->config);
    free(ambassador->state_directory);
}

int ambassador_run(struct config *config,
                   enum status (*reread)(void *context, struct config **config,
                                         struct config_error *error),
                   void *context)
{
    struct ambassador *ambassador = calloc(1, sizeof(*ambassador));
    struct config_error error = { .text = "" };
    int exit_code = 1;

    if (!ambassador) {
        config_free(config);
        return 1;
    }
    list_init(&ambassador->entrances);
    index_init(&ambassador->by_name);
    list_init(&ambassador->doors);
    list_init(&ambassador->gates);
    list_init(&ambassador->questions);
    list_init(&ambassador->explanations);
    list_init(&ambassador->tellings);
    ambassador->started_us = clock_now_us();
    ambassador->reread = reread;
    ambassador->reread_context = context;
    if (start(ambassador, config, &error) == STATUS_OK) {
        loop_run(ambassador->loop);
        exit_code = ambassador->exit_code;
        LOG(LOG_INFO, "stopped", log_number("exit_code", exit_code));
    } else if (ambassador->config != config) {
        config_free(config);
    }
    stop(ambassador);
    free(ambassador);
    log_stop();
    if (*error.text)
        fprintf(stderr, "entente: %s\n", error.text);
    return exit_code;
}
