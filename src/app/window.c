/* SPDX-License-Identifier: MIT */
/* What an operator may ask of a running ambassador, as HTTP routes. */
#include "admin/status.h"
#include "app/admin_address.h"
#include "app/ambassador_internal.h"
#include "app/window_sources.h"
#include "base/clock.h"
#include <stdlib.h>
#include <string.h>

/* A request that waits for the workers. */
struct question {
    struct list node;
    struct admin_request *request;
};

/* ---- reports of the workers ---- */

void window_ask(struct ambassador *ambassador)
{
    if (ambassador->reports_awaited > 0)
        return;
    for (uint32_t i = 0; i < ambassador->worker_count; i++)
        if (worker_report(ambassador->workers[i]) == STATUS_OK)
            ambassador->reports_awaited++;
}

uint32_t window_load(const struct ambassador *ambassador)
{
    uint32_t load = 0;

    for (uint32_t i = 0; i < ambassador->worker_count; i++) {
        const struct board_report *report = ambassador->reports[i];

        if (!report)
            return UINT32_MAX; /* not known: not nothing */
        load += (uint32_t)report->tunnel_count;
        for (size_t j = 0; j < report->service_count; j++)
            load += report->services[j].active;
    }
    return load;
}

/* ---- status ---- */

/* What the document borrows from us while it is written. */
struct service_material {
    const char *listen[MAX_LISTEN + 1];
    struct source_report sources[MAX_SOURCES];
    const char *texts[MAX_SOURCES];
    struct announcement_status announcements[CONFIG_MAX_ANNOUNCEMENTS];
    bool are_idle[MAX_SOURCES];
    size_t source_count;
    struct set_status set;
};

static size_t gather_announcements(const struct ambassador *ambassador,
                                   const struct entrance *entrance,
                                   struct service_material *material)
{
    const struct announcement *announcement;
    size_t count = 0;

    if (entrance->options.role != SERVICE_OFFER)
        return 0;
    while (count < CONFIG_MAX_ANNOUNCEMENTS &&
           (announcement = presence_of(ambassador->presence,
                                       entrance->options.name, count))) {
        struct announcement_status *status = &material->announcements[count++];

        status->text = announcement_text(announcement);
        announcement_report(announcement, &status->report);
    }
    return count;
}

static void gather_sources(const struct directory *directory,
                           struct service_material *material)
{
    struct asked_source asked[MAX_SOURCES];

    material->source_count = window_sources(directory, asked);
    for (size_t i = 0; i < material->source_count; i++) {
        material->texts[i] = asked[i].text;
        material->are_idle[i] = asked[i].is_idle;
        source_report(asked[i].source, &material->sources[i]);
    }
}

static void gather_service(const struct ambassador *ambassador,
                           const struct entrance *entrance,
                           struct service_material *material,
                           struct service_status *status)
{
    size_t announced;

    door_list(ambassador, entrance->options.role, entrance->options.name,
              material->listen);
    announced = gather_announcements(ambassador, entrance, material);
    gather_sources(entrance->directory, material);
    *status =
        (struct service_status){ .name = entrance->options.name,
                                 .role = entrance->options.role,
                                 .listen = material->listen,
                                 .sources = material->sources,
                                 .source_texts = material->texts,
                                 .are_idle = material->are_idle,
                                 .source_count = material->source_count,
                                 .announcements = material->announcements,
                                 .announcement_count = announced,
                                 .set = window_setting(entrance->directory,
                                                       &material->set) };
}

static char *write_document(const struct ambassador *ambassador,
                            const struct service_status *services, size_t count)
{
    const struct certificate_status certificates[] = {
        { "identity", ambassador->identity, ambassador->identity_expires },
        { "trust", "", ambassador->trust_expires },
    };
    const struct board_report *boards[MAX_WORKERS];
    const char *listen[MAX_LISTEN + 1] = { NULL };
    const struct text_list *gates = &ambassador->config->tunnels.listen;
    struct status_document document = {
        .node = ambassador->config->node,
        .version = AMBASSADOR_VERSION,
        .uptime_us = clock_now_us() - ambassador->started_us,
        .is_ready = ambassador->is_ready,
        .is_draining = ambassador->is_draining,
        .tunnel_listen = listen,
        .services = services,
        .service_count = count,
        .boards = boards,
        .certificates = certificates,
        .certificate_count = *ambassador->identity ? 2 : 0,
        .now_us = clock_now_us(),
    };

    for (size_t i = 0; i < gates->count && i < MAX_LISTEN; i++)
        listen[i] = gates->items[i];
    for (uint32_t i = 0; i < ambassador->worker_count; i++)
        if (ambassador->reports[i])
            boards[document.board_count++] = ambassador->reports[i];
    return status_to_json(&document);
}

static size_t count_entrances(const struct ambassador *ambassador)
{
    size_t count = 0;

    LIST_EACH(&ambassador->entrances, node)
    {
        count++;
    }
    return count;
}

/* The whole document; NULL without memory. */
static char *describe(const struct ambassador *ambassador)
{
    size_t room = count_entrances(ambassador) + 1, count = 0;
    struct service_status *services = calloc(room, sizeof(*services));
    struct service_material *material = calloc(room, sizeof(*material));
    char *json = NULL;

    if (services && material) {
        LIST_EACH(&ambassador->entrances, node)
        {
            gather_service(ambassador, LIST_ITEM(node, struct entrance, node),
                           &material[count], &services[count]);
            count++;
        }
        json = write_document(ambassador, services, count);
    }
    free(services);
    free(material);
    return json;
}

static void answer_questions(struct ambassador *ambassador)
{
    char *json =
        list_is_empty(&ambassador->questions) ? NULL : describe(ambassador);

    LIST_EACH(&ambassador->questions, node)
    {
        struct question *question = LIST_ITEM(node, struct question, node);

        list_remove(node);
        admin_answer(question->request, json ? 200 : 503, "application/json",
                     json ? json : "{}");
        free(question);
    }
    free(json);
}

void window_reported(struct ambassador *ambassador, struct worker *worker,
                     struct board_report *report)
{
    uint32_t number = worker_number(worker);

    board_report_free(ambassador->reports[number]);
    ambassador->reports[number] = report;
    if (ambassador->reports_awaited > 0)
        ambassador->reports_awaited--;
    if (ambassador->reports_awaited == 0)
        answer_questions(ambassador);
}

static void get_status(void *context, struct admin_request *request)
{
    struct ambassador *ambassador = context;
    struct question *question = calloc(1, sizeof(*question));

    if (!question) {
        admin_answer(request, 503, "text/plain", "out of memory\n");
        return;
    }
    question->request = request;
    list_append(&ambassador->questions, &question->node);
    window_ask(ambassador);
}

/* ---- probing ---- */

static uint32_t worker_to_probe(const struct entrance *entrance)
{
    for (uint32_t i = 0; i < entrance->ambassador->worker_count; i++)
        if (entrance->usable[i])
            return i;
    return 0;
}

void window_probed(struct ambassador *ambassador, void *token, bool reached,
                   const char *why)
{
    char text[256];

    (void)ambassador;
    text_format(text, sizeof(text), "%s\n", reached ? "reached" : why);
    admin_answer(token, reached ? 200 : 503, "text/plain", text);
}

static void post_probe(void *context, struct admin_request *request)
{
    struct ambassador *ambassador = context;
    const char *name = admin_argument(request, "service");
    const struct entrance *entrance = entrance_named(ambassador, name);

    if (!entrance) {
        window_refuse_stranger(ambassador, request);
        return;
    }
    if (worker_probe(ambassador->workers[worker_to_probe(entrance)],
                     entrance->options.role, name, request) != STATUS_OK)
        admin_answer(request, 503, "text/plain", "out of memory\n");
}

/* ---- orders ---- */

static void get_health(void *context, struct admin_request *request)
{
    struct ambassador *ambassador = context;
    bool healthy = ambassador->is_ready && !ambassador->is_draining;

    admin_answer(request, healthy ? 200 : 503, "text/plain",
                 healthy                   ? "ready\n"
                 : ambassador->is_draining ? "draining\n"
                                           : "not ready\n");
}

static void post_reload(void *context, struct admin_request *request)
{
    struct config_error error = { .text = "" };

    if (ambassador_reload(context, &error) != STATUS_OK)
        admin_answer(request, 409, "text/plain", error.text);
    else if (*error.text)
        admin_answer(request, 202, "text/plain", error.text);
    else
        admin_answer(request, 200, "text/plain", "reloaded\n");
}

static void post_drain(void *context, struct admin_request *request)
{
    admin_answer(request, 202, "text/plain", "draining\n");
    ambassador_drain(context);
}

static void post_quit(void *context, struct admin_request *request)
{
    admin_answer(request, 202, "text/plain", "quitting\n");
    ambassador_quit(context, 0);
}

static const struct admin_route routes[] = {
    { "GET", "/status", get_status },
    { "GET", "/explain", explain_answer },
    { "GET", "/health", get_health },
    { "POST", "/probe", post_probe },
    { "POST", "/set", window_set },
    { "POST", "/reload", post_reload },
    { "POST", "/drain", post_drain },
    { "POST", "/quit", post_quit },
    { NULL, NULL, NULL },
};

enum status window_open(struct ambassador *ambassador, struct net_error *error)
{
    struct admin_options options = { .loop = ambassador->loop,
                                     .routes = routes,
                                     .context = ambassador };
    struct config_error place = { .text = "" };
    struct net_error failure = { .text = "" };
    enum status status;

    if (!address_parse(&options.address, ambassador->config->admin)) {
        text_format(error->text, sizeof(error->text),
                    "admin: %s is not an address", ambassador->config->admin);
        return STATUS_CONFIG;
    }
    if (admin_address_prepare(ambassador->config->admin, &place) != STATUS_OK) {
        text_format(error->text, sizeof(error->text), "%s", place.text);
        return STATUS_CONFIG;
    }
    status = admin_server_open(&options, &ambassador->admin, &failure);
    if (status != STATUS_OK) /* nobody may have chosen that one by hand */
        text_format(error->text, sizeof(error->text), "admin: %.*s",
                    (int)sizeof(error->text) - 8, failure.text);
    return status;
}

void window_close(struct ambassador *ambassador)
{
    LIST_EACH(&ambassador->questions, node)
    {
        list_remove(node);
        free(LIST_ITEM(node, struct question, node));
    }
    explain_close(ambassador);
    window_set_close(ambassador);
    admin_server_close(ambassador->admin);
    for (uint32_t i = 0; i < MAX_WORKERS; i++)
        board_report_free(ambassador->reports[i]);
}
