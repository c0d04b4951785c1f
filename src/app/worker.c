/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* pthread_setname_np() */
#include "app/worker.h"
#include "base/clock.h"
#include "base/log.h"
#include "service/probe.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct worker {
    pthread_t thread;
    struct loop *loop;
    struct loop *main_loop; /* borrowed */
    struct switchboard board;
    uint32_t number;
    const struct worker_events *events;
    void *context;
};

/* ---- letters: messages that know what to do where they arrive ---- */

struct letter {
    struct loop_message message;
    struct worker *worker;
    void (*carry_out)(struct letter *letter);
    void (*drop)(struct letter *letter); /* what it holds; may be NULL */
};

static void deliver(struct loop_message *message, bool discarded)
{
    struct letter *letter = CONTAINER_OF(message, struct letter, message);

    if (!discarded)
        letter->carry_out(letter);
    else if (letter->drop)
        letter->drop(letter);
    free(letter);
}

/* |letter| is what the first member of a malloc()ed struct is. */
static void post(struct loop *loop, struct worker *worker,
                 struct letter *letter)
{
    letter->worker = worker;
    letter->message.deliver = deliver;
    loop_post(loop, &letter->message);
}

/* ---- services ---- */

struct apply_letter {
    struct letter letter;
    struct service_options *options;
    size_t count;
};

static void drop_apply(struct letter *letter)
{
    struct apply_letter *apply =
        CONTAINER_OF(letter, struct apply_letter, letter);

    for (size_t i = 0; i < apply->count; i++)
        service_options_clear(&apply->options[i]);
    free(apply->options);
}

static void carry_out_apply(struct letter *letter)
{
    struct apply_letter *apply =
        CONTAINER_OF(letter, struct apply_letter, letter);

    if (switchboard_apply(&letter->worker->board, apply->options,
                          apply->count) != STATUS_OK)
        LOG(LOG_ERROR, "services_incomplete",
            log_number("worker", letter->worker->number),
            log_text("reason", "out of memory"));
    drop_apply(letter);
}

enum status worker_apply(struct worker *worker,
                         const struct service_options *options, size_t count)
{
    struct apply_letter *apply = calloc(1, sizeof(*apply));

    if (!apply)
        return STATUS_NO_MEMORY;
    apply->options = calloc(count + 1, sizeof(*apply->options));
    for (; apply->options && apply->count < count; apply->count++)
        if (!service_options_copy(&apply->options[apply->count],
                                  &options[apply->count]))
            break;
    if (apply->count < count || !apply->options) {
        drop_apply(&apply->letter);
        free(apply);
        return STATUS_NO_MEMORY;
    }
    apply->letter.carry_out = carry_out_apply;
    apply->letter.drop = drop_apply;
    post(worker->loop, worker, &apply->letter);
    return STATUS_OK;
}

struct place_letter {
    struct letter letter;
    enum service_role role;
    char name[TEXT_MAX_NAME + 1];
    struct endpoints *endpoints;
};

static void drop_place(struct letter *letter)
{
    free(CONTAINER_OF(letter, struct place_letter, letter)->endpoints);
}

static void carry_out_place(struct letter *letter)
{
    struct place_letter *place =
        CONTAINER_OF(letter, struct place_letter, letter);

    if (switchboard_place(&letter->worker->board, place->role, place->name,
                          place->endpoints) != STATUS_OK)
        LOG(LOG_ERROR, "endpoints_incomplete", log_text("service", place->name),
            log_text("reason", "out of memory"));
    drop_place(letter);
}

enum status worker_place(struct worker *worker, enum service_role role,
                         const char *name, const struct endpoints *endpoints)
{
    struct place_letter *place = calloc(1, sizeof(*place));

    if (!place)
        return STATUS_NO_MEMORY;
    place->endpoints = endpoints_new(endpoints->items, endpoints->count);
    if (!place->endpoints ||
        !text_copy(place->name, sizeof(place->name), name)) {
        free(place->endpoints);
        free(place);
        return STATUS_NO_MEMORY;
    }
    place->endpoints->is_set = endpoints->is_set;
    place->role = role;
    place->letter.carry_out = carry_out_place;
    place->letter.drop = drop_place;
    post(worker->loop, worker, &place->letter);
    return STATUS_OK;
}

struct judge_letter {
    struct letter letter;
    enum service_role role;
    char name[TEXT_MAX_NAME + 1];
    size_t count;
    struct verdict verdicts[];
};

static void carry_out_judge(struct letter *letter)
{
    const struct judge_letter *judge =
        CONTAINER_OF(letter, struct judge_letter, letter);

    switchboard_judge(&letter->worker->board, judge->role, judge->name,
                      judge->verdicts, judge->count);
}

enum status worker_judge(struct worker *worker, enum service_role role,
                         const char *name, const struct verdict *verdicts,
                         size_t count)
{
    size_t bytes = count * sizeof(*verdicts);
    struct judge_letter *judge = calloc(1, sizeof(*judge) + bytes);

    if (!judge)
        return STATUS_NO_MEMORY;
    text_format(judge->name, sizeof(judge->name), "%s", name);
    judge->role = role;
    judge->count = count;
    memcpy(judge->verdicts, verdicts, bytes);
    judge->letter.carry_out = carry_out_judge;
    post(worker->loop, worker, &judge->letter);
    return STATUS_OK;
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
    post(loop, worker, &letter->letter);
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
    post(worker->loop, worker, &adopt->letter);
}

/* ---- what needs no more than a name ---- */

struct name_letter {
    struct letter letter;
    enum service_role role;
    char name[TEXT_MAX_NAME + 1];
    bool flag;
    void *token;
    const char *why; /* static text */
};

static struct name_letter *name_of(struct letter *letter)
{
    return CONTAINER_OF(letter, struct name_letter, letter);
}

static struct name_letter *
name_letter_new(const char *name, void (*carry_out)(struct letter *letter))
{
    struct name_letter *letter = calloc(1, sizeof(*letter));

    if (!letter)
        return NULL;
    text_format(letter->name, sizeof(letter->name), "%s", name);
    letter->letter.carry_out = carry_out;
    return letter;
}

static void carry_out_usable(struct letter *letter)
{
    struct worker *worker = letter->worker;

    worker->events->usable_changed(worker->context, worker,
                                   name_of(letter)->name,
                                   name_of(letter)->flag);
}

static void usable_changed(void *context, const char *service, bool usable)
{
    struct worker *worker = context;
    struct name_letter *letter = name_letter_new(service, carry_out_usable);

    if (!letter)
        return; /* the main thread goes on with what it knew */
    letter->flag = usable;
    post(worker->main_loop, worker, &letter->letter);
}

static void carry_out_release(struct letter *letter)
{
    switchboard_release(&letter->worker->board, name_of(letter)->name);
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
        post(worker->loop, worker, &letter->letter);
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

/* ---- questions ---- */

struct report_letter {
    struct letter letter;
    struct board_report *report;
};

static void drop_report(struct letter *letter)
{
    board_report_free(
        CONTAINER_OF(letter, struct report_letter, letter)->report);
}

static void carry_out_reported(struct letter *letter)
{
    struct worker *worker = letter->worker;

    worker->events->reported(
        worker->context, worker,
        CONTAINER_OF(letter, struct report_letter, letter)->report);
}

/* A question carries its answer, so that there always is one. */
struct report_question {
    struct letter letter;
    struct report_letter *answer;
};

static void carry_out_report(struct letter *letter)
{
    struct worker *worker = letter->worker;
    struct report_letter *answer =
        CONTAINER_OF(letter, struct report_question, letter)->answer;

    answer->report = board_report_new(&worker->board, worker->number);
    post(worker->main_loop, worker, &answer->letter);
}

static void drop_question(struct letter *letter)
{
    free(CONTAINER_OF(letter, struct report_question, letter)->answer);
}

enum status worker_report(struct worker *worker)
{
    struct report_question *question = calloc(1, sizeof(*question));
    struct report_letter *answer = calloc(1, sizeof(*answer));

    if (!question || !answer) {
        free(question);
        free(answer);
        return STATUS_NO_MEMORY;
    }
    answer->letter.carry_out = carry_out_reported;
    answer->letter.drop = drop_report;
    question->answer = answer;
    question->letter.carry_out = carry_out_report;
    question->letter.drop = drop_question;
    post(worker->loop, worker, &question->letter);
    return STATUS_OK;
}

static void carry_out_probed(struct letter *letter)
{
    struct worker *worker = letter->worker;
    struct name_letter *answer = name_of(letter);

    worker->events->probed(worker->context, answer->token, answer->flag,
                           answer->why);
}

/* |context| is the letter that will be the answer. */
static void probed(void *context, bool reached, const char *why)
{
    struct name_letter *answer = context;

    answer->flag = reached;
    answer->why = why;
    post(answer->letter.worker->main_loop, answer->letter.worker,
         &answer->letter);
}

static void carry_out_probe(struct letter *letter)
{
    struct worker *worker = letter->worker;
    struct name_letter *question = name_of(letter);
    struct service *service =
        switchboard_find(&worker->board, question->role, question->name);
    struct name_letter *answer = question->token;

    answer->letter.worker = worker;
    if (service)
        probe_service(service, probed, answer);
    else
        probed(answer, false, "no such service");
}

static void drop_answer(struct letter *letter)
{
    free(name_of(letter)->token);
}

enum status worker_probe(struct worker *worker, enum service_role role,
                         const char *name, void *token)
{
    struct name_letter *question = name_letter_new(name, carry_out_probe);
    struct name_letter *answer = name_letter_new(name, carry_out_probed);

    if (!question || !answer) {
        free(question);
        free(answer);
        return STATUS_NO_MEMORY;
    }
    answer->token = token;
    question->role = role;
    question->token = answer;
    question->letter.drop = drop_answer;
    post(worker->loop, worker, &question->letter);
    return STATUS_OK;
}

static void carry_out_caught_up(struct letter *letter)
{
    struct worker *worker = letter->worker;

    worker->events->caught_up(worker->context, name_of(letter)->token);
}

static void carry_out_catch_up(struct letter *letter)
{
    struct name_letter *answer = name_of(letter)->token;

    post(letter->worker->main_loop, letter->worker, &answer->letter);
}

enum status worker_catch_up(struct worker *worker, void *token)
{
    struct name_letter *question = name_letter_new("", carry_out_catch_up);
    struct name_letter *answer = name_letter_new("", carry_out_caught_up);

    if (!question || !answer) {
        free(question);
        free(answer);
        return STATUS_NO_MEMORY;
    }
    answer->token = token;
    question->token = answer;
    question->letter.drop = drop_answer;
    post(worker->loop, worker, &question->letter);
    return STATUS_OK;
}

static void deliver_answer(struct loop_message *message, bool discarded)
{
    struct worker_question *question =
        CONTAINER_OF(message, struct worker_question, message);

    question->answered(question, discarded);
}

static void deliver_question(struct loop_message *message, bool discarded)
{
    struct worker_question *question =
        CONTAINER_OF(message, struct worker_question, message);

    if (discarded) {
        question->answered(question, true);
        return;
    }
    question->ask(question, &question->worker->board);
    message->deliver = deliver_answer;
    loop_post(question->worker->main_loop, message);
}

void worker_ask(struct worker *worker, struct worker_question *question)
{
    question->worker = worker;
    question->message.deliver = deliver_question;
    loop_post(worker->loop, &question->message);
}

/* ---- the thread ---- */

static const struct switchboard_events board_events = { .usable_changed =
                                                            usable_changed,
                                                        .homeless = homeless };

static void *run(void *context)
{
    struct worker *worker = context;

    loop_run(worker->loop);
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
