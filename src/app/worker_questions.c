/* SPDX-License-Identifier: MIT */
/* Questions to a worker, and its answers. */
#include "app/worker_internal.h"
#include "service/probe.h"
#include <stdlib.h>

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
    letter_post(worker->main_loop, worker, &answer->letter);
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
    letter_post(worker->loop, worker, &question->letter);
    return STATUS_OK;
}

static void carry_out_probed(struct letter *letter)
{
    struct worker *worker = letter->worker;
    struct name_letter *answer = letter_name(letter);

    worker->events->probed(worker->context, answer->token, answer->flag,
                           answer->why);
}

/* |context| is the letter that will be the answer. */
static void probed(void *context, bool reached, const char *why)
{
    struct name_letter *answer = context;

    answer->flag = reached;
    answer->why = why;
    letter_post(answer->letter.worker->main_loop, answer->letter.worker,
                &answer->letter);
}

static void carry_out_probe(struct letter *letter)
{
    struct worker *worker = letter->worker;
    struct name_letter *question = letter_name(letter);
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
    free(letter_name(letter)->token);
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
    letter_post(worker->loop, worker, &question->letter);
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
    if (question->ask)
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
