/* SPDX-License-Identifier: MIT */
/*
 * Services as the main thread sees them: doors where applications come in,
 * directories that say where the service is, and the choice of a worker.
 */
#include "app/ambassador_internal.h"
#include "base/log.h"
#include <stdlib.h>
#include <string.h>

struct entrance_name {
    enum service_role role;
    const char *name;
};

static bool is_called(const void *item, const void *key)
{
    const struct entrance *entrance = item;
    const struct entrance_name *wanted = key;

    return entrance->options.role == wanted->role &&
           strcmp(entrance->options.name, wanted->name) == 0;
}

struct entrance *entrance_find(const struct ambassador *ambassador,
                               enum service_role role, const char *name)
{
    const struct entrance_name key = { role, name };

    return index_find(&ambassador->by_name, index_hash_text(name), is_called,
                      &key);
}

struct entrance *entrance_named(const struct ambassador *ambassador,
                                const char *name)
{
    struct entrance *entrance = NULL;

    if (!name || strcmp(name, DIAL_SERVICE) == 0)
        return NULL;
    for (unsigned role = 0; !entrance && role < SERVICE_ROLES; role++)
        entrance = entrance_find(ambassador, (enum service_role)role, name);
    return entrance;
}

/* ---- which of its endpoints are fit ---- */

static void tell_verdicts(const struct entrance *entrance,
                          const struct verdict *verdicts, size_t count)
{
    struct ambassador *ambassador = entrance->ambassador;

    for (uint32_t i = 0; count > 0 && i < ambassador->worker_count; i++)
        if (worker_judge(ambassador->workers[i], entrance->options.role,
                         entrance->options.name, verdicts, count) != STATUS_OK)
            LOG(LOG_ERROR, "verdict_lost",
                log_text("service", entrance->options.name),
                log_text("reason", "out of memory"));
}

static void judged(void *context, const struct verdict *verdict)
{
    tell_verdicts(context, verdict, 1);
}

/* Whatever the workers missed of what was found before. */
static void repeat_verdicts(const struct entrance *entrance)
{
    size_t room = directory_endpoints(entrance->directory)->count;
    struct verdict *verdicts = calloc(room + 1, sizeof(*verdicts));

    if (verdicts)
        tell_verdicts(entrance, verdicts,
                      health_verdicts(entrance->health, verdicts, room));
    free(verdicts);
}

static void place_health(const struct entrance *entrance)
{
    if (health_place(entrance->health,
                     directory_endpoints(entrance->directory)) != STATUS_OK)
        LOG(LOG_ERROR, "endpoints_unchecked",
            log_text("service", entrance->options.name),
            log_text("reason", "out of memory"));
}

/* As the options say by now. */
static enum status adjust_health(struct entrance *entrance)
{
    const struct service_options *options = &entrance->options;
    struct health_options health = { .loop = entrance->ambassador->loop,
                                     .service = options->name,
                                     .rules = &options->health,
                                     .proxy_protocol = options->proxy_protocol,
                                     .judged = judged,
                                     .context = entrance };
    enum status status = STATUS_OK;

    if (options->health.protocol == HEALTH_NONE) {
        health_close(entrance->health);
        entrance->health = NULL;
    } else if (entrance->health) {
        health_change(entrance->health, &options->health,
                      options->proxy_protocol);
    } else {
        status = health_open(&health, &entrance->health);
        if (status == STATUS_OK)
            place_health(entrance);
    }
    return status;
}

/* ---- where the service is ---- */

static void tell_workers(struct entrance *entrance)
{
    struct ambassador *ambassador = entrance->ambassador;
    const struct endpoints *endpoints =
        directory_endpoints(entrance->directory);

    for (uint32_t i = 0; i < ambassador->worker_count; i++)
        if (worker_place(ambassador->workers[i], entrance->options.role,
                         entrance->options.name, endpoints) != STATUS_OK)
            LOG(LOG_ERROR, "endpoints_incomplete",
                log_text("service", entrance->options.name),
                log_text("reason", "out of memory"));
    if (!entrance->health)
        return;
    place_health(entrance);
    repeat_verdicts(entrance);
}

static void directory_changed(void *context, const struct endpoints *endpoints)
{
    struct entrance *entrance = context;

    LOG_LIMITED(50, LOG_INFO, "endpoints_changed",
                log_text("service", entrance->options.name),
                log_number("count", (int64_t)endpoints->count));
    tell_workers(entrance);
}

static enum status open_directory(struct entrance *entrance)
{
    struct directory_options options = { .sources = &entrance->options.sources,
                                         .fallback =
                                             &entrance->options.fallback,
                                         .world = &entrance->ambassador->world,
                                         .changed = directory_changed,
                                         .context = entrance };

    return directory_open(&options, &entrance->directory);
}

enum status entrance_open(struct ambassador *ambassador,
                          const struct service_options *options)
{
    struct entrance *entrance = calloc(1, sizeof(*entrance));
    enum status status = STATUS_NO_MEMORY;

    if (!entrance)
        return STATUS_NO_MEMORY;
    entrance->ambassador = ambassador;
    list_init(&entrance->node);
    if (service_options_copy(&entrance->options, options))
        status = open_directory(entrance);
    if (status == STATUS_OK)
        status = adjust_health(entrance);
    if (status == STATUS_OK &&
        !index_add(&ambassador->by_name, index_hash_text(options->name),
                   entrance))
        status = STATUS_NO_MEMORY;
    if (status != STATUS_OK) {
        entrance_close(entrance);
        return status;
    }
    list_append(&ambassador->entrances, &entrance->node);
    entrance_recall_setting(entrance);
    return STATUS_OK;
}

enum status entrance_change(struct entrance *entrance,
                            const struct service_options *options)
{
    struct service_options copy;

    if (!service_options_copy(&copy, options))
        return STATUS_NO_MEMORY;
    if (!text_list_equal(&entrance->options.sources, &copy.sources) ||
        !text_list_equal(&entrance->options.fallback, &copy.fallback)) {
        enum status status = directory_change(entrance->directory,
                                              &copy.sources, &copy.fallback);

        if (status != STATUS_OK) {
            service_options_clear(&copy);
            return status;
        }
    }
    service_options_clear(&entrance->options);
    entrance->options = copy;
    return adjust_health(entrance);
}

void entrance_close(struct entrance *entrance)
{
    list_remove(&entrance->node);
    index_remove(&entrance->ambassador->by_name,
                 index_hash_text(entrance->options.name), entrance);
    health_close(entrance->health);
    directory_close(entrance->directory);
    service_options_clear(&entrance->options);
    free(entrance);
}

/* ---- which worker ---- */

uint32_t entrance_next_worker(const struct entrance *entrance)
{
    uint32_t count = entrance->ambassador->worker_count;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t next = (entrance->next_worker + i) % count;

        if (entrance->usable[next])
            return next;
    }
    return entrance->next_worker % count;
}

static struct worker *choose_worker(struct entrance *entrance)
{
    uint32_t next = entrance_next_worker(entrance);

    entrance->next_worker = next + 1;
    return entrance->ambassador->workers[next];
}

/* To the worker that can carry it best; taken over. */
static void dispatch(struct ambassador *ambassador, struct arrival *arrival)
{
    struct entrance *entrance =
        entrance_find(ambassador, arrival->role, arrival->service);

    if (!entrance || ambassador->is_draining)
        arrival_clear(arrival);
    else
        worker_accept(choose_worker(entrance), arrival);
}

static void usable_changed(void *context, struct worker *worker,
                           const char *service, bool usable)
{
    struct ambassador *ambassador = context;
    struct entrance *entrance =
        entrance_find(ambassador, SERVICE_CONSUME, service);

    if (!entrance)
        return;
    entrance->usable[worker_number(worker)] = usable;
    LOG(LOG_DEBUG, usable ? "service_usable" : "service_unusable",
        log_text("service", service),
        log_number("worker", worker_number(worker)));
    /* Those that wait where there is no tunnel can be carried here. */
    for (uint32_t i = 0; usable && i < ambassador->worker_count; i++)
        if (!entrance->usable[i])
            worker_release(ambassador->workers[i], service);
}

/* Its sources are asked again, before their time. */
static void doubted(void *context, enum service_role role, const char *service)
{
    struct entrance *entrance = entrance_find(context, role, service);

    if (entrance)
        directory_doubt(entrance->directory);
}

static void homeless(void *context, struct worker *worker,
                     struct arrival *arrival)
{
    (void)worker;
    dispatch(context, arrival);
}

static void reported(void *context, struct worker *worker,
                     struct board_report *report)
{
    window_reported(context, worker, report);
}

static void probed(void *context, void *token, bool reached, const char *why)
{
    window_probed(context, token, reached, why);
}

const struct worker_events ambassador_worker_events = { .usable_changed =
                                                            usable_changed,
                                                        .doubted = doubted,
                                                        .homeless = homeless,
                                                        .reported = reported,
                                                        .probed = probed };

/* ---- doors ---- */

static void accepted(void *context, int fd, const struct address *from)
{
    struct door *door = context;
    struct arrival arrival = { .fd = fd, .from = *from, .role = door->role };

    memcpy(arrival.service, door->service, sizeof(arrival.service));
    dispatch(door->ambassador, &arrival);
}

struct door *door_find(const struct ambassador *ambassador, const char *text)
{
    LIST_EACH(&ambassador->doors, node)
    {
        struct door *door = LIST_ITEM(node, struct door, node);

        if (strcmp(door->text, text) == 0)
            return door;
    }
    return NULL;
}

enum status door_open(struct ambassador *ambassador, const char *text,
                      struct net_error *error)
{
    struct door *door = calloc(1, sizeof(*door));
    struct listener_options options = { .accepted = accepted, .context = door };
    enum status status;

    if (!door || !text_copy(door->text, sizeof(door->text), text) ||
        !address_parse(&options.address, text)) {
        free(door);
        text_format(error->text, sizeof(error->text),
                    "cannot listen on %s: not an address", text);
        return STATUS_CONFIG;
    }
    door->ambassador = ambassador;
    status = listener_open(ambassador->loop, &options, &door->listener, error);
    if (status != STATUS_OK) {
        free(door);
        return status;
    }
    list_append(&ambassador->doors, &door->node);
    return STATUS_OK;
}

void door_list(const struct ambassador *ambassador, enum service_role role,
               const char *service, const char *listen[MAX_LISTEN + 1])
{
    size_t count = 0;

    LIST_EACH(&ambassador->doors, node)
    {
        const struct door *door = LIST_ITEM(node, struct door, node);

        if (door->role == role && count < MAX_LISTEN &&
            strcmp(door->service, service) == 0)
            listen[count++] = door->text;
    }
}

void door_close(struct door *door)
{
    listener_close(door->listener);
    list_remove(&door->node);
    free(door);
}
