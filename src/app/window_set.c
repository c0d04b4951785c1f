/* SPDX-License-Identifier: MIT */
/*
 * Endpoints that an operator sets, from a request or from what was kept of an
 * earlier one, to the directory of their service.
 *
 *   POST /set?service=NAME[&role=ROLE][&keep=1]&endpoints=LINES
 *   POST /set?service=NAME[&role=ROLE]&sources=1      back to its sources
 */
#include "app/ambassador_internal.h"
#include "base/clock.h"
#include "base/log.h"
#include "discovery/setting.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void log_set(const struct entrance *entrance, const char *lines,
                    const char *by, bool is_kept, bool waits)
{
    char text[1024];

    text_format(text, sizeof(text), "%s", lines);
    for (char *at = text; *at != '\0'; at++)
        if (*at == '\n')
            *at = ' ';
    LOG(LOG_WARNING, "endpoints_set",
        log_text("service", entrance->options.name),
        log_text("role", service_role_text(entrance->options.role)),
        log_text("to", text), log_text("by", by),
        log_text("kept", is_kept ? "yes" : "no"),
        waits ? log_text("waits_for", "its names") : log_nothing());
}

/* ---- what is kept ---- */

enum { KEY = 16 + TEXT_MAX_NAME };

static void make_key(const struct entrance *entrance, char key[KEY])
{
    text_format(key, KEY, "%s-%s", service_role_text(entrance->options.role),
                entrance->options.name);
}

/* STATUS_CONFIG: errno tells why. */
static enum status keep(const struct entrance *entrance, const char *lines)
{
    const char *directory = entrance->ambassador->state_directory;
    char key[KEY];

    make_key(entrance, key);
    return setting_save(directory, key, lines);
}

enum status entrance_forget_setting(const struct entrance *entrance)
{
    const char *directory = entrance->ambassador->state_directory;
    char key[KEY];

    make_key(entrance, key);
    return directory ? setting_forget(directory, key) : STATUS_OK;
}

/* Nothing was here before that could stay: it counts without an answer. */
static void set_kept(struct entrance *entrance, const char *lines, int64_t at)
{
    struct directory_setting setting = { .at = at, .is_kept = true };

    if (directory_ask(entrance->directory, lines, &setting.source) !=
        STATUS_OK) {
        LOG(LOG_ERROR, "set_not_recalled",
            log_text("service", entrance->options.name),
            log_text("reason", "out of memory"));
        return;
    }
    (void)directory_set(entrance->directory, &setting, false);
    log_set(entrance, lines, "an earlier entente set --keep", true, false);
}

void entrance_recall_setting(struct entrance *entrance)
{
    const char *directory = entrance->ambassador->state_directory;
    enum status status;
    char key[KEY], file[KEY + sizeof("set-.list")], *lines;
    int64_t at;

    if (!directory || strcmp(entrance->options.name, DIAL_SERVICE) == 0)
        return;
    make_key(entrance, key);
    status = setting_load(directory, key, &lines, &at);
    if (status == STATUS_PROTOCOL) {
        text_format(file, sizeof(file), "set-%s.list", key);
        LOG(LOG_WARNING, "set_damaged",
            log_text("service", entrance->options.name),
            log_text("state", directory), log_text("file", file));
    }
    if (status != STATUS_OK)
        return;
    set_kept(entrance, lines, at);
    free(lines);
}

/* ---- a request ---- */

/* What is asked for; the texts are the request's. */
struct order {
    struct admin_request *request;
    struct entrance *entrance;
    const char *lines; /* NULL: back to the sources */
    bool keep;
};

static void refuse(struct order *order, int code, const char *reason)
{
    char text[512];

    text_format(text, sizeof(text), "%s\n", reason);
    admin_answer(order->request, code, "text/plain", text);
}

/* ---- the answer, when every worker knows ---- */

struct telling;

/* That a worker has done what it was told before; nothing else is asked. */
struct errand {
    struct worker_question question;
    struct telling *telling;
};

/*
 * Streams of peers come to a worker without passing the main thread: they may
 * overtake what it was told, so who asks hears of it when all have heard.
 */
struct telling {
    struct list node;              /* in ambassador.tellings, or none */
    struct admin_request *request; /* NULL: nobody waits any more */
    int code;
    const char *says; /* static text */
    struct errand errands[MAX_WORKERS];
    uint32_t awaited;
};

static void answered(struct worker_question *question, bool is_lost)
{
    struct telling *telling =
        CONTAINER_OF(question, struct errand, question)->telling;

    (void)is_lost; /* then nobody waits any more */
    if (--telling->awaited > 0)
        return;
    if (telling->request)
        admin_answer(telling->request, telling->code, "text/plain",
                     telling->says);
    list_remove(&telling->node);
    free(telling);
}

/* Before anything is changed; NULL, and it is refused, without memory. */
static struct telling *prepare(struct order *order)
{
    struct telling *telling = calloc(1, sizeof(*telling));

    if (!telling)
        refuse(order, 503, "out of memory");
    return telling;
}

static void answer(struct order *order, struct telling *telling, int code,
                   const char *says)
{
    struct ambassador *ambassador = order->entrance->ambassador;

    telling->request = order->request;
    telling->code = code;
    telling->says = says;
    telling->awaited = ambassador->worker_count;
    list_append(&ambassador->tellings, &telling->node);
    for (uint32_t i = 0; i < ambassador->worker_count; i++) {
        struct errand *errand = &telling->errands[i];

        errand->telling = telling;
        errand->question.answered = answered;
        worker_ask(ambassador->workers[i], &errand->question);
    }
}

void window_set_close(struct ambassador *ambassador)
{
    LIST_EACH(&ambassador->tellings, node)
    {
        LIST_ITEM(node, struct telling, node)->request = NULL;
        list_remove(node);
    }
}

/* ---- the order ---- */

/* The only one, or that of the role which is said; NULL, and it is refused. */
static struct entrance *find(struct ambassador *ambassador, struct order *order)
{
    const char *name = admin_argument(order->request, "service");
    const char *role = admin_argument(order->request, "role");
    struct entrance *found = NULL;
    bool is_one = true;

    for (unsigned i = 0; name && i < SERVICE_ROLES; i++) {
        enum service_role one = (enum service_role)i;
        struct entrance *entrance =
            role && strcmp(role, service_role_text(one)) != 0
                ? NULL
                : entrance_find(ambassador, one, name);

        is_one = is_one && !(entrance && found);
        found = entrance ? entrance : found;
    }
    if (!found && role && entrance_named(ambassador, name)) {
        refuse(order, 404, "no such service here in that role");
        return NULL;
    }
    if (!found || strcmp(name, DIAL_SERVICE) == 0) {
        window_refuse_stranger(ambassador, order->request);
        return NULL;
    }
    if (is_one)
        return found;
    refuse(order, 409,
           "it is consumed and offered here: say --role consume (or direct) or "
           "--role offer");
    return NULL;
}

static void refuse_state(struct order *order, const char *what)
{
    char text[512];

    text_format(text, sizeof(text), "%s in %s: %s; nothing has changed", what,
                order->entrance->ambassador->state_directory, strerror(errno));
    refuse(order, 500, text);
}

/* On the disk as it shall be; false, and it is refused, if that fails. */
static bool put_on_disk(struct order *order)
{
    enum status status = order->keep ? keep(order->entrance, order->lines)
                                     : entrance_forget_setting(order->entrance);

    if (status == STATUS_CONFIG)
        refuse_state(order, order->keep ? "it cannot be kept"
                                        : "what is kept cannot be removed");
    else if (status != STATUS_OK)
        refuse(order, 503, "out of memory");
    return status == STATUS_OK;
}

static void set(struct order *order)
{
    struct directory *directory = order->entrance->directory;
    struct directory_setting setting = { .at = clock_wall_seconds(),
                                         .is_kept = order->keep };
    struct telling *telling = prepare(order);
    char who[64];
    bool counts;

    if (!telling)
        return;
    if (directory_ask(directory, order->lines, &setting.source) != STATUS_OK) {
        refuse(order, 503, "out of memory");
        free(telling);
        return;
    }
    if (!put_on_disk(order)) {
        source_close(setting.source);
        free(telling);
        return;
    }
    admin_who(order->request, who, sizeof(who));
    counts = directory_set(directory, &setting, true);
    log_set(order->entrance, order->lines, who, order->keep, !counts);
    answer(order, telling, counts ? 200 : 202,
           counts ? "set\n"
                  : "the names are looked up; until the first is found "
                    "everything stays as it was\n");
}

static void unset(struct order *order)
{
    struct entrance *entrance = order->entrance;
    struct telling *telling = prepare(order);
    char who[64];

    if (!telling)
        return;
    if (!put_on_disk(order)) {
        free(telling);
        return;
    }
    admin_who(order->request, who, sizeof(who));
    directory_unset(entrance->directory);
    LOG(LOG_WARNING, "endpoints_unset",
        log_text("service", entrance->options.name),
        log_text("role", service_role_text(entrance->options.role)),
        log_text("by", who));
    answer(order, telling, 200, "back to its sources\n");
}

void window_set(void *context, struct admin_request *request)
{
    struct order order = { .request = request,
                           .lines = admin_argument(request, "endpoints"),
                           .keep = admin_argument(request, "keep") };
    struct ambassador *ambassador = context;
    char reason[384];

    if (!order.lines == !admin_argument(request, "sources")) {
        refuse(&order, 400, "say either endpoints or sources=1");
        return;
    }
    order.entrance = find(ambassador, &order);
    if (!order.entrance)
        return;
    if (!order.lines) {
        order.keep = false;
        unset(&order);
    } else if (!setting_is_valid(order.lines, reason, sizeof(reason))) {
        refuse(&order, 400, reason);
    } else if (order.keep && !ambassador->state_directory) {
        refuse(&order, 409,
               "it cannot be kept: this ambassador has no directory for it; "
               "give it one by the key state, or --state");
    } else {
        set(&order);
    }
}
