/* SPDX-License-Identifier: MIT */
/*
 * Taking a configuration, the first or a later one: first everything that can
 * fail, with nothing changed that could not be undone; then the change.
 */
#include "app/ambassador_internal.h"
#include "base/log.h"
#include "crypto/library.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A listener for peers. */
struct gate {
    struct list node;
    struct acceptor *acceptor; /* owned */
    char text[ADDRESS_TEXT];
    bool is_wanted;
};

/* What a configuration brings that must be had before it is in force. */
struct plan {
    struct ambassador *ambassador;
    struct config *config;
    struct identity *identity;
    struct trust *trust;
    struct service_options *services; /* those of config, and dialling */
    size_t count;
};

/* ---- identity ---- */

static bool needs_identity(const struct config *config)
{
    for (size_t i = 0; i < config->service_count; i++)
        if (config->services[i].role != SERVICE_DIRECT)
            return true;
    return config->tunnels.listen.count + config->tunnels.dial.count > 0;
}

static enum status refuse(struct config_error *error, const char *text)
{
    text_format(error->text, sizeof(error->text), "%s", text);
    return STATUS_CONFIG;
}

static void warn(const struct crypto_error *warning)
{
    if (*warning->text)
        LOG(LOG_WARNING, "identity_warning", log_text("text", warning->text));
}

static enum status load_identity(struct plan *plan, struct config_error *error)
{
    const struct config *config = plan->config;
    struct crypto_error warning = { .text = "" }, failure = { .text = "" };
    enum status status;

    if (!needs_identity(config))
        return STATUS_OK;
    status = identity_load(config->identity.certificate,
                           config->identity.private_key, &plan->identity,
                           &warning, &failure);
    if (status != STATUS_OK)
        return refuse(error, failure.text);
    warn(&warning);
    warning.text[0] = '\0';
    status = trust_load(config->identity.trust, config->identity.revocation,
                        &plan->trust, &warning, &failure);
    if (status != STATUS_OK)
        return refuse(error, failure.text);
    warn(&warning);
    return STATUS_OK;
}

/* ---- services ---- */

/* tunnels.dial, as a service that has places but no application. */
static bool add_dialling(struct plan *plan)
{
    const struct text_list *dial = &plan->config->tunnels.dial;
    struct service_options *options = &plan->services[plan->count];
    char source[TEXT_MAX_NAME + 512];

    service_options_init(options, SERVICE_CONSUME);
    memcpy(options->name, DIAL_SERVICE, sizeof(DIAL_SERVICE));
    for (size_t i = 0; i < dial->count; i++)
        if (!text_format(source, sizeof(source), "static:%s", dial->items[i]) ||
            !text_list_add(&options->sources, source)) {
            service_options_clear(options);
            return false;
        }
    plan->count++;
    return true;
}

static enum status list_services(struct plan *plan, struct config_error *error)
{
    const struct config *config = plan->config;

    plan->services = calloc(config->service_count + 1, sizeof(*plan->services));
    for (size_t i = 0; plan->services && i < config->service_count; i++) {
        if (!service_options_copy(&plan->services[i], &config->services[i]))
            return refuse(error, "out of memory");
        plan->count++;
    }
    if (!plan->services ||
        (config->tunnels.dial.count > 0 && !add_dialling(plan)))
        return refuse(error, "out of memory");
    return STATUS_OK;
}

/* ---- listeners ---- */

static enum status want_door(struct plan *plan, const char *text,
                             struct config_error *error)
{
    struct net_error failure = { .text = "" };
    struct door *door = door_find(plan->ambassador, text);

    if (!door) {
        if (door_open(plan->ambassador, text, &failure) != STATUS_OK)
            return refuse(error, failure.text);
        door = door_find(plan->ambassador, text);
    }
    door->is_wanted = true;
    return STATUS_OK;
}

static enum status want_doors(struct plan *plan, struct config_error *error)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct text_list *listen = &plan->services[i].listen;

        for (size_t j = 0; j < listen->count; j++) {
            enum status status = want_door(plan, listen->items[j], error);

            if (status != STATUS_OK)
                return status;
        }
    }
    return STATUS_OK;
}

static void established(void *context, struct greeting *greeting)
{
    struct ambassador *ambassador = context;

    if (ambassador->is_draining)
        greeting_free(greeting);
    else
        worker_adopt(ambassador->workers[ambassador->next_worker++ %
                                         ambassador->worker_count],
                     greeting);
}

static struct gate *find_gate(const struct ambassador *ambassador,
                              const char *text)
{
    LIST_EACH(&ambassador->gates, node)
    {
        struct gate *gate = LIST_ITEM(node, struct gate, node);

        if (strcmp(gate->text, text) == 0)
            return gate;
    }
    return NULL;
}

const struct address *ambassador_gate(const struct ambassador *ambassador,
                                      const char *text)
{
    const struct gate *gate = find_gate(ambassador, text);

    return gate ? acceptor_address(gate->acceptor) : NULL;
}

static void close_gate(struct gate *gate)
{
    acceptor_close(gate->acceptor);
    list_remove(&gate->node);
    free(gate);
}

static enum status open_gate(struct ambassador *ambassador, const char *text,
                             struct net_error *error)
{
    struct gate *gate = calloc(1, sizeof(*gate));
    struct acceptor_options options = { .loop = ambassador->loop,
                                        .handshaker = ambassador->handshaker,
                                        .established = established,
                                        .context = ambassador };
    enum status status;

    if (!gate || !text_copy(gate->text, sizeof(gate->text), text) ||
        !address_parse(&options.address, text)) {
        free(gate);
        text_format(error->text, sizeof(error->text),
                    "cannot listen for peers on %s: not an address", text);
        return STATUS_CONFIG;
    }
    status = acceptor_open(&options, &gate->acceptor, error);
    if (status != STATUS_OK) {
        free(gate);
        return status;
    }
    list_append(&ambassador->gates, &gate->node);
    return STATUS_OK;
}

static enum status want_gates(struct plan *plan, struct config_error *error)
{
    const struct text_list *listen = &plan->config->tunnels.listen;
    struct ambassador *ambassador = plan->ambassador;

    for (size_t i = 0; i < listen->count; i++) {
        struct net_error failure = { .text = "" };

        if (!find_gate(ambassador, listen->items[i]) &&
            open_gate(ambassador, listen->items[i], &failure) != STATUS_OK)
            return refuse(error, failure.text);
        find_gate(ambassador, listen->items[i])->is_wanted = true;
    }
    return STATUS_OK;
}

static void want_none(struct ambassador *ambassador)
{
    LIST_EACH(&ambassador->doors, node)
    {
        LIST_ITEM(node, struct door, node)->is_wanted = false;
    }
    LIST_EACH(&ambassador->gates, node)
    {
        LIST_ITEM(node, struct gate, node)->is_wanted = false;
    }
}

/* Those that the configuration in force has are wanted; close the others. */
static void close_unwanted(struct ambassador *ambassador)
{
    LIST_EACH(&ambassador->doors, node)
    {
        struct door *door = LIST_ITEM(node, struct door, node);

        if (!door->is_wanted)
            door_close(door);
    }
    LIST_EACH(&ambassador->gates, node)
    {
        struct gate *gate = LIST_ITEM(node, struct gate, node);

        if (!gate->is_wanted)
            close_gate(gate);
    }
}

void ambassador_close_listeners(struct ambassador *ambassador)
{
    want_none(ambassador);
    close_unwanted(ambassador);
}

/* New listeners that the plan, which failed, opened. */
static void close_new(struct ambassador *ambassador)
{
    LIST_EACH(&ambassador->doors, node)
    {
        struct door *door = LIST_ITEM(node, struct door, node);

        if (!door->service[0])
            door_close(door);
    }
    want_none(ambassador);
    for (size_t i = 0;
         ambassador->config && i < ambassador->config->tunnels.listen.count;
         i++) {
        struct gate *gate =
            find_gate(ambassador, ambassador->config->tunnels.listen.items[i]);

        if (gate)
            gate->is_wanted = true;
    }
    LIST_EACH(&ambassador->gates, node)
    {
        struct gate *gate = LIST_ITEM(node, struct gate, node);

        if (!gate->is_wanted)
            close_gate(gate);
    }
}

/* ---- the change ---- */

static enum status take_identity(struct plan *plan, struct config_error *error)
{
    struct ambassador *ambassador = plan->ambassador;

    if (!plan->identity)
        return STATUS_OK;
    text_format(ambassador->identity, sizeof(ambassador->identity), "%s",
                identity_spiffe(plan->identity)->text);
    ambassador->identity_expires = identity_expires(plan->identity);
    ambassador->trust_expires = trust_expires(plan->trust);
    if (handshaker_use(ambassador->handshaker, plan->identity, plan->trust) !=
        STATUS_OK)
        return refuse(error, "out of memory");
    plan->identity = NULL;
    plan->trust = NULL;
    for (uint32_t i = 0; i < ambassador->worker_count; i++)
        worker_recheck(ambassador->workers[i]);
    return STATUS_OK;
}

static void assign_doors(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct service_options *options = &plan->services[i];

        for (size_t j = 0; j < options->listen.count; j++) {
            struct door *door =
                door_find(plan->ambassador, options->listen.items[j]);

            memcpy(door->service, options->name, sizeof(door->service));
            door->role = options->role;
        }
    }
}

static bool is_planned(const struct plan *plan, const struct entrance *entrance)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->services[i].role == entrance->options.role &&
            strcmp(plan->services[i].name, entrance->options.name) == 0)
            return true;
    return false;
}

static uint32_t share_of(uint32_t whole, uint32_t count)
{
    return whole / count + (whole % count > 0);
}

/* Limits are of the service in all: every worker keeps its share of them. */
static void share_out(struct plan *plan)
{
    uint32_t count = plan->ambassador->worker_count;

    for (size_t i = 0; i < plan->count; i++) {
        struct service_options *options = &plan->services[i];

        options->max_connections = share_of(options->max_connections, count);
        options->max_waiting = share_of(options->max_waiting, count);
        options->max_per_endpoint = share_of(options->max_per_endpoint, count);
    }
}

static void take_services(struct plan *plan)
{
    struct ambassador *ambassador = plan->ambassador;

    share_out(plan);
    for (uint32_t i = 0; i < ambassador->worker_count; i++)
        if (worker_apply(ambassador->workers[i], plan->services, plan->count) !=
            STATUS_OK)
            LOG(LOG_ERROR, "services_incomplete",
                log_text("reason", "out of memory"));
    LIST_EACH(&ambassador->entrances, node)
    {
        struct entrance *entrance = LIST_ITEM(node, struct entrance, node);

        if (is_planned(plan, entrance))
            continue;
        if (entrance_forget_setting(entrance) != STATUS_OK)
            LOG(LOG_WARNING, "set_not_forgotten",
                log_text("service", entrance->options.name),
                log_text("reason", strerror(errno)));
        entrance_close(entrance);
    }
    for (size_t i = 0; i < plan->count; i++) {
        const struct service_options *options = &plan->services[i];
        struct entrance *entrance =
            entrance_find(ambassador, options->role, options->name);
        enum status status = entrance ? entrance_change(entrance, options)
                                      : entrance_open(ambassador, options);

        if (status != STATUS_OK)
            LOG(LOG_ERROR, "service_incomplete",
                log_text("service", options->name),
                log_status("reason", status));
    }
}

static void clear_plan(struct plan *plan)
{
    identity_free(plan->identity);
    trust_free(plan->trust);
    for (size_t i = 0; plan->services && i < plan->count; i++)
        service_options_clear(&plan->services[i]);
    free(plan->services);
}

enum status ambassador_check(struct config *config, struct config_error *error)
{
    struct plan plan = { .config = config };
    struct crypto_error library = { .text = "" };
    enum status status = library_start(&library);

    if (status != STATUS_OK)
        return refuse(error, library.text);
    status = load_identity(&plan, error);
    clear_plan(&plan);
    return status;
}

enum status ambassador_adopt(struct ambassador *ambassador,
                             struct config *config, struct config_error *error)
{
    struct plan plan = { .ambassador = ambassador, .config = config };
    enum status status = load_identity(&plan, error);

    want_none(ambassador);
    if (status == STATUS_OK)
        status = list_services(&plan, error);
    if (status == STATUS_OK)
        status = want_doors(&plan, error);
    if (status == STATUS_OK)
        status = want_gates(&plan, error);
    if (status == STATUS_OK) /* the last that can fail */
        status = take_identity(&plan, error);
    if (status != STATUS_OK) {
        close_new(ambassador);
        clear_plan(&plan);
        return status;
    }
    assign_doors(&plan);
    close_unwanted(ambassador);
    take_services(&plan);
    log_set_level(config->log_level);
    log_set_format(config->log_format);
    clear_plan(&plan);
    if (ambassador->config && ambassador->config != config) {
        config_keep_until_restart(config, ambassador->config);
        config_free(ambassador->config);
    }
    ambassador->config = config;
    ambassador_announce(ambassador);
    return STATUS_OK;
}

enum status ambassador_reload(struct ambassador *ambassador,
                              struct config_error *error)
{
    struct config *config = NULL;
    char keys[256] = "";
    enum status status;

    if (!ambassador->reread)
        return refuse(error, "started without a file: nothing to read again");
    if (ambassador->is_draining) /* its listeners would open again */
        return refuse(error, "it is draining and will end: what it is started "
                             "with next will count");
    status = ambassador->reread(ambassador->reread_context, &config, error);
    if (status == STATUS_OK &&
        config_needs_restart(ambassador->config, config, keys, sizeof(keys)))
        LOG(LOG_WARNING, "restart_needed", log_text("for", keys));
    if (status == STATUS_OK)
        status = ambassador_adopt(ambassador, config, error);
    if (status == STATUS_OK) {
        LOG(LOG_INFO, "reloaded",
            log_number("services", (int64_t)config->service_count));
        *error = (struct config_error){ .text = "" };
        if (*keys)
            text_format(error->text, sizeof(error->text),
                        "reloaded, but what is new of %s needs a restart\n",
                        keys);
        return STATUS_OK;
    }
    config_free(config);
    LOG(LOG_ERROR, "reload_failed", log_text("reason", error->text),
        log_text("kept", "everything as it was"));
    return status;
}
