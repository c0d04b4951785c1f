/* SPDX-License-Identifier: MIT */
/* Why the next connection goes where it goes: what all workers would do. */
#include "admin/explanation.h"
#include "app/ambassador_internal.h"
#include "app/window_sources.h"
#include "base/clock.h"
#include <stdlib.h>

struct inquiry;

/* What one worker is asked, and its answer. */
struct errand {
    struct worker_question question;
    struct inquiry *inquiry;
    struct board_survey *survey; /* owned; NULL: no answer */
};

/* A request that waits for the workers; goes when the last has answered. */
struct inquiry {
    struct list node;              /* in ambassador.explanations, or none */
    struct ambassador *ambassador; /* borrowed, while there is a request */
    struct admin_request *request; /* NULL: nobody waits any more */
    char name[TEXT_MAX_NAME + 1];
    struct address client; /* length 0: not named */
    struct errand errands[MAX_WORKERS];
    uint32_t count;
    uint32_t awaited;
};

/* ---- what the document borrows while it is written ---- */

struct material {
    struct explained_service services[SURVEY_MAX_ROLES];
    const char *listen[SURVEY_MAX_ROLES][MAX_LISTEN + 1];
    struct explained_source sources[SURVEY_MAX_ROLES][MAX_SOURCES];
    struct set_status set[SURVEY_MAX_ROLES];
    size_t count;
};

static size_t gather_sources(const struct directory *directory,
                             struct explained_source *sources)
{
    struct asked_source asked[MAX_SOURCES];
    size_t count = window_sources(directory, asked);

    for (size_t i = 0; i < count; i++) {
        sources[i].text = asked[i].text;
        sources[i].is_fallback = asked[i].is_fallback;
        sources[i].is_idle = asked[i].is_idle;
        source_report(asked[i].source, &sources[i].report);
    }
    return count;
}

static void gather_service(const struct entrance *entrance,
                           struct material *material)
{
    struct explained_source *sources = material->sources[material->count];
    const char **listen = material->listen[material->count];
    struct set_status *set = &material->set[material->count];
    const struct directory *directory = entrance->directory;

    door_list(entrance->ambassador, entrance->options.role,
              entrance->options.name, listen);
    material->services[material->count++] = (struct explained_service){
        .options = &entrance->options,
        .listen = listen,
        .sources = sources,
        .source_count = gather_sources(directory, sources),
        .is_inbound_idle = directory_setting(directory) != NULL,
        .set = window_setting(directory, set),
        .next_worker = entrance_next_worker(entrance),
    };
}

static void gather(const struct inquiry *inquiry, struct material *material)
{
    for (unsigned role = 0; role < SERVICE_ROLES; role++) {
        const struct entrance *entrance =
            entrance_find(inquiry->ambassador, (enum service_role)role,
                          inquiry->name);

        if (entrance && material->count < SURVEY_MAX_ROLES)
            gather_service(entrance, material);
    }
}

/* NULL if memory is short, also where a worker's was. */
static char *write_document(const struct inquiry *inquiry)
{
    const struct board_survey *boards[MAX_WORKERS];
    struct material *material = calloc(1, sizeof(*material));
    struct explanation explanation = { .name = inquiry->name,
                                       .boards = boards,
                                       .board_count = inquiry->count,
                                       .now_us = clock_now_us() };
    bool is_whole = material;
    char *json = NULL;

    for (uint32_t i = 0; i < inquiry->count; i++) {
        boards[i] = inquiry->errands[i].survey;
        is_whole = is_whole && boards[i];
    }
    if (is_whole) {
        gather(inquiry, material);
        explanation.services = material->services;
        explanation.service_count = material->count;
        json = explanation_to_json(&explanation);
    }
    free(material);
    return json;
}

/* ---- asking the workers ---- */

static void answer(const struct inquiry *inquiry)
{
    char *json = write_document(inquiry);

    if (json)
        admin_answer(inquiry->request, 200, "application/json", json);
    else
        admin_answer(inquiry->request, 503, "text/plain", "out of memory\n");
    free(json);
}

static void free_inquiry(struct inquiry *inquiry)
{
    list_remove(&inquiry->node);
    for (uint32_t i = 0; i < inquiry->count; i++)
        board_survey_free(inquiry->errands[i].survey);
    free(inquiry);
}

/* In the worker: nothing but the errand is touched. */
static void survey_board(struct worker_question *question,
                         struct switchboard *board)
{
    struct errand *errand = CONTAINER_OF(question, struct errand, question);
    const struct inquiry *inquiry = errand->inquiry;

    errand->survey =
        board_survey_new(board, worker_number(question->worker), inquiry->name,
                         inquiry->client.length > 0 ? &inquiry->client : NULL);
}

static void answered(struct worker_question *question, bool is_lost)
{
    struct inquiry *inquiry =
        CONTAINER_OF(question, struct errand, question)->inquiry;

    (void)is_lost; /* then nobody waits any more */
    if (--inquiry->awaited > 0)
        return;
    if (inquiry->request)
        answer(inquiry);
    free_inquiry(inquiry);
}

static void ask_workers(struct inquiry *inquiry)
{
    struct ambassador *ambassador = inquiry->ambassador;

    inquiry->count = inquiry->awaited = ambassador->worker_count;
    for (uint32_t i = 0; i < inquiry->count; i++) {
        struct errand *errand = &inquiry->errands[i];

        errand->inquiry = inquiry;
        errand->question.ask = survey_board;
        errand->question.answered = answered;
        worker_ask(ambassador->workers[i], &errand->question);
    }
}

/* ---- requests ---- */

void explain_answer(void *context, struct admin_request *request)
{
    struct ambassador *ambassador = context;
    const char *name = admin_argument(request, "service");
    const char *client = admin_argument(request, "client");
    struct inquiry *inquiry;

    if (!entrance_named(ambassador, name)) {
        window_refuse_stranger(ambassador, request);
        return;
    }
    inquiry = calloc(1, sizeof(*inquiry));
    if (!inquiry) {
        admin_answer(request, 503, "text/plain", "out of memory\n");
        return;
    }
    if (!text_copy(inquiry->name, sizeof(inquiry->name), name) ||
        (client && !address_from_ip(&inquiry->client, client, 1))) {
        free(inquiry);
        admin_answer(request, 400, "text/plain",
                     "client: expected an IP address like 192.0.2.1\n");
        return;
    }
    inquiry->ambassador = ambassador;
    inquiry->request = request;
    list_append(&ambassador->explanations, &inquiry->node);
    ask_workers(inquiry);
}

void explain_close(struct ambassador *ambassador)
{
    LIST_EACH(&ambassador->explanations, node)
    {
        LIST_ITEM(node, struct inquiry, node)->request = NULL;
        list_remove(node);
    }
}
