/* SPDX-License-Identifier: MIT */
/*
 * What no single key can tell.  Whatever is not clearly meant is refused: a
 * service nobody may open, a tunnel without an identity, keys that mean
 * nothing where they are.
 */
#include "config/config_internal.h"
#include "config/rule.h"
#include "config/value.h"
#include "net/address.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct checking {
    const struct config *config;
    struct config_error *error;
};

/* As whoever reads the message would write it. */
static const char *call_key(const struct config *config, const struct key *key,
                            char *name, size_t size)
{
    if (config->origins->names_flags)
        (void)text_format(name, size, "--%s", key->flag);
    else
        (void)text_format(name, size, "%s", key_name(key));
    return name;
}

static const char *origin_of(const struct checking *checking,
                             const struct key *key, size_t service, size_t item)
{
    return origins_find(checking->config->origins, key, service, item);
}

static enum status incomplete(const struct checking *checking)
{
    checking->error->is_incomplete = true;
    return STATUS_CONFIG;
}

/* Where the list that is empty is, or else the service. */
static const char *origin_of_nothing(const struct checking *checking,
                                     const struct key *key, size_t service)
{
    const char *origin = origin_of(checking, key, service, ORIGINS_KEY);

    return origin ? origin : origin_of(checking, NULL, service, ORIGINS_KEY);
}

/* ---- one service ---- */

static enum status need(const struct checking *checking, const char *path,
                        size_t service)
{
    const struct config *config = checking->config;
    const struct key *key = key_at(path);
    char name[64], expected[256];

    if (value_count(key, &config->services[service]) > 0)
        return STATUS_OK;
    rule_expected(key, expected, sizeof(expected));
    (void)origins_refuse(checking->error,
                         origin_of_nothing(checking, key, service),
                         "%s: %s is missing (%s); give %s",
                         config->services[service].name,
                         call_key(config, key, name, sizeof(name)), key->help,
                         expected);
    return incomplete(checking);
}

static enum status need_sources(const struct checking *checking, size_t service)
{
    const struct config *config = checking->config;
    const struct key *from = key_at("consume.*.from");
    const struct key *direct = key_at("consume.*.direct");
    char from_name[64], direct_name[64];

    if (origin_of(checking, direct, service, ORIGINS_KEY))
        return need(checking, direct->path, service);
    if (origin_of(checking, from, service, ORIGINS_KEY))
        return need(checking, from->path, service);
    (void)origins_refuse(
        checking->error, origin_of(checking, NULL, service, ORIGINS_KEY),
        "%s: %s is missing (%s), or %s (%s); give a source like "
        "static:db-1.example.com:7411",
        config->services[service].name,
        call_key(config, from, from_name, sizeof(from_name)), from->help,
        call_key(config, direct, direct_name, sizeof(direct_name)),
        direct->help);
    return incomplete(checking);
}

/* Keys that were given although the service has another role. */
static enum status check_roles(const struct checking *checking, size_t service)
{
    const struct config *config = checking->config;
    enum service_role role = config->services[service].role;
    const struct key *keys;
    size_t count;

    keys = keys_all(&count);
    for (size_t i = 0; i < count; i++) {
        const char *origin;
        char name[64];

        if (keys[i].roles == 0 || (keys[i].roles & KEY_OF(role)))
            continue;
        origin = origin_of(checking, &keys[i], service, ORIGINS_KEY);
        if (!origin)
            continue;
        (void)origins_refuse(checking->error, origin, "%s: %s means nothing %s",
                             config->services[service].name,
                             call_key(config, &keys[i], name, sizeof(name)),
                             role == SERVICE_DIRECT
                                 ? "beside direct: there is no peer"
                                 : "without direct: a peer connects");
        return incomplete(checking);
    }
    return STATUS_OK;
}

/* Keys of health checks that are not made, or have no use for them. */
static enum status check_health(const struct checking *checking, size_t service)
{
    const struct config *config = checking->config;
    const struct service_options *options = &config->services[service];
    const struct key *protocol =
        key_at(options->role == SERVICE_OFFER ? "offer.*.health.protocol"
                                              : "consume.*.health.protocol");
    char name[64], protocol_name[64];
    const struct key *keys;
    size_t count;

    keys = keys_all(&count);
    for (size_t i = 0; i < count; i++) {
        const char *origin;

        if (!(keys[i].roles & KEY_OF(options->role)) ||
            key_is_meant(&keys[i], options))
            continue;
        origin = origin_of(checking, &keys[i], service, ORIGINS_KEY);
        if (!origin)
            continue;
        (void)origins_refuse(checking->error, origin,
                             "%s: %s means nothing with %s %s", options->name,
                             call_key(config, &keys[i], name, sizeof(name)),
                             call_key(config, protocol, protocol_name,
                                      sizeof(protocol_name)),
                             protocol->word(options->health.protocol));
        return incomplete(checking);
    }
    return STATUS_OK;
}

static enum status check_reachable(const struct checking *checking,
                                   size_t service)
{
    const struct config *config = checking->config;
    const struct key *listen = key_at("tunnels.listen");
    const struct key *dial = key_at("tunnels.dial");
    char listen_name[64], dial_name[64];

    if (config->tunnels.listen.count > 0 || config->tunnels.dial.count > 0)
        return STATUS_OK;
    (void)origins_refuse(
        checking->error, origin_of(checking, NULL, service, ORIGINS_KEY),
        "%s: no peer can reach it; give %s, like 0.0.0.0:7411, or %s, like "
        "web-1.example.com:7411",
        config->services[service].name,
        call_key(config, listen, listen_name, sizeof(listen_name)),
        call_key(config, dial, dial_name, sizeof(dial_name)));
    return incomplete(checking);
}

static enum status check_inbound(const struct checking *checking,
                                 size_t service)
{
    const struct config *config = checking->config;
    const struct text_list *sources = &config->services[service].sources;
    const struct key *from = key_at("consume.*.from");
    const struct key *listen = key_at("tunnels.listen");
    char name[64];

    if (config->tunnels.listen.count > 0)
        return STATUS_OK;
    for (size_t i = 0; i < sources->count; i++) {
        if (strcmp(sources->items[i], "inbound:") != 0)
            continue;
        (void)origins_refuse(
            checking->error, origin_of(checking, from, service, i),
            "%s: inbound: needs %s, where peers dial us, like 0.0.0.0:7411",
            config->services[service].name,
            call_key(config, listen, name, sizeof(name)));
        return incomplete(checking);
    }
    return STATUS_OK;
}

/* ---- announcements ---- */

static enum status refuse_announce(const struct checking *checking,
                                   size_t service, size_t item,
                                   const char *format, ...) PRINTF_LIKE(4, 5);

/* "SERVICE: what is wrong", at the place of its announcement |item|. */
static enum status refuse_announce(const struct checking *checking,
                                   size_t service, size_t item,
                                   const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return origins_refuse(checking->error,
                          origin_of(checking, key_at("offer.*.announce"),
                                    service, item),
                          "%s: %s", checking->config->services[service].name,
                          text);
}

/* That all can be told where we are. */
static enum status check_place(const struct checking *checking, size_t service)
{
    const struct config *config = checking->config;
    const struct text_list *announce = &config->services[service].announce;
    char listen[64], advertise[64], why[256];
    struct presence_place place;
    struct address address;
    size_t listener;

    (void)call_key(config, key_at("tunnels.listen"), listen, sizeof(listen));
    (void)call_key(config, key_at("tunnels.advertise"), advertise,
                   sizeof(advertise));
    if (config->tunnels.listen.count == 0)
        return refuse_announce(checking, service, 0,
                               "to be announced needs %s, where peers dial "
                               "us, like 0.0.0.0:7411",
                               listen);
    if (!config_find_place(config, &place, &listener, why, sizeof(why)))
        return refuse_announce(checking, service, 0,
                               "to be announced needs %s, like "
                               "db-1.example.com:7411: %s",
                               advertise, why);
    for (size_t i = 0; i < announce->count; i++)
        if (place.host[0] != '\0' &&
            announcement_needs_ip(announce->items[i]) &&
            !address_from_ip(&address, place.host, 1))
            return refuse_announce(checking, service, i,
                                   "%s tells IP addresses, but %s gives the "
                                   "name %s",
                                   announce->items[i], advertise, place.host);
    return STATUS_OK;
}

/* Nothing that was written is ignored. */
static enum status check_not_announced(const struct checking *checking,
                                       size_t service)
{
    static const char *const paths[] = { "offer.*.announce_weight",
                                         "offer.*.announce_priority" };
    const struct service_options *options =
        &checking->config->services[service];
    struct service_options initial;
    char name[64], announce[64];

    service_options_init(&initial, SERVICE_OFFER);
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        const struct key *key = key_at(paths[i]);

        if (value_equal(key, options, &initial))
            continue;
        (void)origins_refuse(
            checking->error, origin_of(checking, key, service, ORIGINS_KEY),
            "%s: %s means nothing without %s", options->name,
            call_key(checking->config, key, name, sizeof(name)),
            call_key(checking->config, key_at("offer.*.announce"), announce,
                     sizeof(announce)));
        return incomplete(checking);
    }
    return STATUS_OK;
}

static enum status check_announce(const struct checking *checking,
                                  size_t service)
{
    const struct text_list *announce =
        &checking->config->services[service].announce;

    if (announce->count == 0)
        return check_not_announced(checking, service);
    if (announce->count > CONFIG_MAX_ANNOUNCEMENTS)
        return refuse_announce(checking, service, CONFIG_MAX_ANNOUNCEMENTS,
                               "it is announced in more than %d places",
                               CONFIG_MAX_ANNOUNCEMENTS);
    for (size_t i = 1; i < announce->count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(announce->items[i], announce->items[j]) == 0)
                return refuse_announce(checking, service, i,
                                       "it is announced in %s twice",
                                       announce->items[i]);
    return check_place(checking, service) == STATUS_OK ? STATUS_OK
                                                       : incomplete(checking);
}

static enum status check_service(const struct checking *checking,
                                 size_t service)
{
    enum service_role role = checking->config->services[service].role;
    enum status status;

    if (role == SERVICE_OFFER) {
        status = need(checking, "offer.*.to", service);
        if (!status)
            status = need(checking, "offer.*.allow", service);
        if (!status)
            status = check_reachable(checking, service);
        return status ? status : check_announce(checking, service);
    }
    status = need_sources(checking, service);
    if (!status)
        status = need(checking, "consume.*.listen", service);
    if (!status)
        status = check_roles(checking, service);
    if (!status)
        status = check_health(checking, service);
    if (status || role == SERVICE_DIRECT)
        return status;
    status = need(checking, "consume.*.peer", service);
    return status ? status : check_inbound(checking, service);
}

/* ---- identity ---- */

/* What needs tunnels: its origin, and |why| filled; NULL: nothing does. */
static const char *find_tunnel(const struct checking *checking, char *why,
                               size_t size)
{
    static const char *const paths[] = { "tunnels.listen", "tunnels.dial" };
    const struct config *config = checking->config;

    for (size_t i = 0; i < config->service_count; i++)
        if (config->services[i].role != SERVICE_DIRECT) {
            (void)text_format(why, size, "%s goes through tunnels",
                              config->services[i].name);
            return origin_of(checking, NULL, i, ORIGINS_KEY);
        }
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        const struct key *key = key_at(paths[i]);

        if (value_count(key, config) > 0) {
            (void)text_format(why, size, "there are tunnels");
            return origin_of(checking, key, ORIGINS_AMBASSADOR, ORIGINS_KEY);
        }
    }
    return NULL;
}

static enum status check_identity(const struct checking *checking)
{
    static const char *const paths[] = { "identity.certificate",
                                         "identity.private_key",
                                         "identity.trust" };
    char why[TEXT_MAX_NAME + 32], name[64];
    const char *origin = find_tunnel(checking, why, sizeof(why));

    for (size_t i = 0; origin && i < ARRAY_LENGTH(paths); i++) {
        const struct key *key = key_at(paths[i]);

        if (value_count(key, checking->config) > 0)
            continue;
        (void)origins_refuse(
            checking->error, origin, "%s, but %s is missing (%s)", why,
            call_key(checking->config, key, name, sizeof(name)), key->help);
        return incomplete(checking);
    }
    return STATUS_OK;
}

/* ---- no address twice ---- */

struct listening {
    char text[ADDRESS_TEXT]; /* in its one spelling */
    size_t order;
    const char *origin;
};

static int compare_listenings(const void *a, const void *b)
{
    const struct listening *first = a, *second = b;
    int order = strcmp(first->text, second->text);

    return order ? order
                 : (first->order > second->order) -
                       (first->order < second->order);
}

/* Add what |key| of |object| listens on to |listenings|, from |count| on. */
static size_t collect(const struct checking *checking, const struct key *key,
                      const void *object, size_t service,
                      struct listening *listenings, size_t count)
{
    char room[VALUE_TEXT];

    for (size_t i = 0; i < value_count(key, object); i++) {
        struct listening *listening = &listenings[count];
        struct address address;

        if (!address_parse(&address, value_text(key, object, i, room)))
            continue; /* an interface that has just gone */
        if (!address_is_unix(&address) && address_port(&address) == 0)
            continue; /* each gets a port of its own */
        (void)address_format(&address, listening->text);
        listening->order = count++;
        listening->origin = origin_of(checking, key, service, i);
    }
    return count;
}

static enum status refuse_twice(const struct checking *checking,
                                const struct listening *listenings,
                                size_t count)
{
    const struct listening *first = NULL, *second = NULL;

    for (size_t i = 1; i < count; i++)
        if (strcmp(listenings[i - 1].text, listenings[i].text) == 0 &&
            (!second || listenings[i].order < second->order)) {
            first = &listenings[i - 1];
            second = &listenings[i];
        }
    if (!second)
        return STATUS_OK;
    return origins_refuse(checking->error, second->origin,
                          "%s is listened on twice; the other is at %s",
                          second->text, first->origin ? first->origin : "?");
}

static enum status check_listenings(const struct checking *checking)
{
    const struct config *config = checking->config;
    const struct key *listen = key_at("consume.*.listen");
    size_t most = config->tunnels.listen.count + 1, count = 0;
    struct listening *listenings;
    enum status status;

    for (size_t i = 0; i < config->service_count; i++)
        most += config->services[i].listen.count;
    listenings = calloc(most, sizeof(*listenings));
    if (!listenings)
        return origins_no_memory(checking->error);
    count = collect(checking, key_at("tunnels.listen"), config,
                    ORIGINS_AMBASSADOR, listenings, count);
    count = collect(checking, key_at("admin"), config, ORIGINS_AMBASSADOR,
                    listenings, count);
    for (size_t i = 0; i < config->service_count; i++)
        count = collect(checking, listen, &config->services[i], i, listenings,
                        count);
    qsort(listenings, count, sizeof(*listenings), compare_listenings);
    status = refuse_twice(checking, listenings, count);
    free(listenings);
    return status;
}

enum status config_check(const struct config *config,
                         struct config_error *error)
{
    struct checking checking = { config, error };
    enum status status = STATUS_OK;

    if (config->service_count == 0) {
        (void)origins_refuse(error, config->origins->file,
                             "there is nothing to do: no service is under "
                             "consume or offer");
        return incomplete(&checking);
    }
    for (size_t i = 0; i < config->service_count && !status; i++)
        status = check_service(&checking, i);
    if (!status)
        status = check_identity(&checking);
    return status ? status : check_listenings(&checking);
}

static void warn_of_plaintext(const struct config *config, size_t service,
                              void (*warning)(void *context, const char *text),
                              void *context)
{
    const struct key *key = key_at("consume.*.listen");
    const struct text_list *listen = &config->services[service].listen;
    struct address address;
    char text[1024];

    for (size_t i = 0; i < listen->count; i++) {
        const char *origin = origins_find(config->origins, key, service, i);

        if (address_parse(&address, listen->items[i]) &&
            address_is_loopback(&address))
            continue;
        (void)text_format(text, sizeof(text),
                          "%.500s%s%s: other hosts can connect to %s here, "
                          "in plaintext",
                          origin ? origin : "", origin ? ": " : "",
                          listen->items[i], config->services[service].name);
        warning(context, text);
    }
}

static void warn_of_place(const struct config *config, size_t service,
                          void (*warning)(void *context, const char *text),
                          void *context)
{
    const char *origin =
        origins_find(config->origins, key_at("offer.*.announce"), service,
                     ORIGINS_KEY);
    struct presence_place place;
    struct address address;
    char text[1024];
    size_t listener;

    if (config->services[service].announce.count == 0 ||
        !config_find_place(config, &place, &listener, text, sizeof(text)) ||
        !address_from_ip(&address, place.host, 1) ||
        !address_is_loopback(&address))
        return;
    (void)text_format(text, sizeof(text),
                      "%.500s%s%s is announced at %s, where other hosts find "
                      "themselves",
                      origin ? origin : "", origin ? ": " : "",
                      config->services[service].name, place.host);
    warning(context, text);
}

void config_each_warning(const struct config *config,
                         void (*warning)(void *context, const char *text),
                         void *context)
{
    for (size_t i = 0; i < config->service_count; i++) {
        warn_of_plaintext(config, i, warning, context);
        warn_of_place(config, i, warning, context);
    }
}
