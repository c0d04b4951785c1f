/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* pthread_setname_np() */
#include "app/worker_internal.h"
#include "base/log.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* ---- letters ---- */

static void deliver(struct loop_message *message, bool discarded)
{
    struct letter *letter = CONTAINER_OF(message, struct letter, message);

    if (!discarded)
        letter->carry_out(letter);
    else if (letter->drop)
        letter->drop(letter);
    free(letter);
}

void letter_post(struct loop *loop, struct worker *worker,
                 struct letter *letter)
{
    letter->worker = worker;
    letter->message.deliver = deliver;
    loop_post(loop, &letter->message);
}

struct name_letter *letter_name(struct letter *letter)
{
    return CONTAINER_OF(letter, struct name_letter, letter);
}

struct name_letter *name_letter_new(const char *name,
                                    void (*carry_out)(struct letter *letter))
{
    struct name_letter *letter = calloc(1, sizeof(*letter));

    if (!letter)
        return NULL;
    text_format(letter->name, sizeof(letter->name), "%s", name);
    letter->letter.carry_out = carry_out;
    return letter;
}

/* ---- connections ---- */

struct arrival_letter {
    struct letter letter;
    struct arrival arrival;
};

static void drop_arrival(struct letter *letter)
{
    arrival_clear(
        &CONTAINER_OF(letter, struct arrival_letter, letter)->arrival);
}

static void carry_out_accept(struct letter *letter)
{
    switchboard_accept(
        &letter->worker->board,
        &CONTAINER_OF(letter, struct arrival_letter, letter)->arrival);
}

static void carry_out_homeless(struct letter *letter)
{
    struct worker *worker = letter->worker;

    worker->events->homeless(
        worker->context, worker,
        &CONTAINER_OF(letter, struct arrival_letter, letter)->arrival);
}

static void post_arrival(struct loop *loop, struct worker *worker,
                         struct arrival *arrival,
                         void (*carry_out)(struct letter *letter))
{
    struct arrival_letter *letter = calloc(1, sizeof(*letter));

    if (!letter) {
        arrival_clear(arrival);
        return;
    }
    letter->arrival = *arrival;
    letter->letter.carry_out = carry_out;
    letter->letter.drop = drop_arrival;
    arrival->fd = -1;
    arrival->early = NULL;
    letter_post(loop, worker, &letter->letter);
}

void worker_accept(struct worker *worker, struct arrival *arrival)
{
    post_arrival(worker->loop, worker, arrival, carry_out_accept);
}

static void homeless(void *context, struct arrival *arrival)
{
    struct worker *worker = context;

    post_arrival(worker->main_loop, worker, arrival, carry_out_homeless);
}

struct adopt_letter {
    struct letter letter;
    struct greeting *greeting;
};

static void drop_adopt(struct letter *letter)
{
    greeting_free(CONTAINER_OF(letter, struct adopt_letter, letter)->greeting);
}

static void carry_out_adopt(struct letter *letter)
{
    switchboard_adopt(
        &letter->worker->board,
        CONTAINER_OF(letter, struct adopt_letter, letter)->greeting);
}

void worker_adopt(struct worker *worker, struct greeting *greeting)
{
    struct adopt_letter *adopt = calloc(1, sizeof(*adopt));

    if (!adopt) {
        greeting_free(greeting);
        return;
    }
    adopt->greeting = greeting;
    adopt->letter.carry_out = carry_out_adopt;
    adopt->letter.drop = drop_adopt;
    letter_post(worker->loop, worker, &adopt->letter);
}

/* ---- what needs no more than a name ---- */

static void carry_out_usable(struct letter *letter)
{
    struct worker *worker = letter->worker;

    worker->events->usable_changed(worker->context, worker,
                                   letter_name(letter)->name,
                                   letter_name(letter)->flag);
}

static void usable_changed(void *context, const char *service, bool usable)
{
    struct worker *worker = context;
    struct name_letter *letter = name_letter_new(service, carry_out_usable);

    if (!letter)
        return; /* the main thread goes on with what it knew */
    letter->flag = usable;
    letter_post(worker->main_loop, worker, &letter->letter);
}

static void carry_out_doubted(struct letter *letter)
{
    struct worker *worker = letter->worker;

    worker->events->doubted(worker->context, letter_name(letter)->role,
                            letter_name(letter)->name);
}

static void doubted(void *context, enum service_role role, const char *service)
{
    struct worker *worker = context;
    struct name_letter *letter = name_letter_new(service, carry_out_doubted);

    if (!letter)
        return; /* the next one is doubted too */
    letter->role = role;
    letter_post(worker->main_loop, worker, &letter->letter);
}

static void carry_out_release(struct letter *letter)
{
    switchboard_release(&letter->worker->board, letter_name(letter)->name);
}

static void carry_out_recheck(struct letter *letter)
{
    switchboard_recheck(&letter->worker->board);
}

static void carry_out_drain(struct letter *letter)
{
    switchboard_drain(&letter->worker->board);
}

static void order(struct worker *worker, const char *name,
                  void (*carry_out)(struct letter *letter))
{
    struct name_letter *letter = name_letter_new(name, carry_out);

    if (letter)
        letter_post(worker->loop, worker, &letter->letter);
    else
        LOG(LOG_ERROR, "order_lost", log_number("worker", worker->number),
            log_text("reason", "out of memory"));
}

void worker_release(struct worker *worker, const char *service)
{
    order(worker, service, carry_out_release);
}

void worker_recheck(struct worker *worker)
{
    order(worker, "", carry_out_recheck);
}

void worker_drain(struct worker *worker)
{
    order(worker, "", carry_out_drain);
}

/* ---- the thread ---- */

static const struct switchboard_events board_events = {
    .usable_changed = usable_changed, .doubted = doubted, .homeless = homeless
};

static void *run(void *context)
{
    struct worker *worker = context;

    loop_run(worker->loop);
    loop_turn(worker->loop, 0); /* what we were told before the end */
    switchboard_stop(&worker->board);
    loop_turn(worker->loop, 0); /* the end of everything is deferred */
    loop_turn(worker->loop, 0);
    switchboard_clear(&worker->board);
    return NULL;
}

static int start_thread(struct worker *worker)
{
    sigset_t all, before;
    char name[16];
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&worker->thread, NULL, run, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    text_format(name, sizeof(name), "worker-%u", worker->number);
    if (!failed)
        pthread_setname_np(worker->thread, name);
    return failed;
}

enum status worker_start(const struct worker_options *options,
                         struct worker **started)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    struct host_options host = {
        .handshaker = options->handshaker,
        .limits = options->limits,
        .max_memory_bytes = options->max_memory_bytes,
        .node = options->node,
        .version = options->version,
    };

    if (!worker)
        return STATUS_NO_MEMORY;
    worker->main_loop = options->main_loop;
    worker->number = options->number;
    worker->events = options->events;
    worker->context = options->context;
    worker->loop = loop_new();
    host.loop = worker->loop;
    memcpy(host.instance, options->instance, sizeof(host.instance));
    if (!worker->loop || switchboard_init(&worker->board, &host, &board_events,
                                          worker) != STATUS_OK) {
        loop_free(worker->loop);
        free(worker);
        return STATUS_NO_MEMORY;
    }
    if (start_thread(worker) != 0) {
        switchboard_clear(&worker->board);
        loop_free(worker->loop);
        free(worker);
        return STATUS_NO_MEMORY;
    }
    *started = worker;
    return STATUS_OK;
}

void worker_stop(struct worker *worker)
{
    if (!worker)
        return;
    loop_stop(worker->loop);
    pthread_join(worker->thread, NULL);
    loop_free(worker->loop);
    free(worker);
}

uint32_t worker_number(const struct worker *worker)
{
    return worker->number;
}
