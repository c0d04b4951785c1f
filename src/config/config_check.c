/* SPDX-License-Identifier: MIT */
/*
 * What no single key can tell.  Whatever is not clearly meant is refused: a
 * service nobody may open, a tunnel without an identity, keys that mean
 * nothing where they are.
 */
#include "config/config_check_internal.h"
#include "config/rule.h"
#include "config/value.h"
#include "net/address.h"
#include <string.h>

const char *check_call(const struct config *config, const struct key *key,
                       char *name, size_t size)
{
    if (config->origins->names_flags)
        (void)text_format(name, size, "--%s", key->flag);
    else
        (void)text_format(name, size, "%s", key_name(key));
    return name;
}

const char *check_origin(const struct checking *checking, const struct key *key,
                         size_t service, size_t item)
{
    return origins_find(checking->config->origins, key, service, item);
}

enum status check_incomplete(const struct checking *checking)
{
    checking->error->is_incomplete = true;
    return STATUS_CONFIG;
}

/* ---- one service ---- */

/* Where the list that is empty is, or else the service. */
static const char *origin_of_nothing(const struct checking *checking,
                                     const struct key *key, size_t service)
{
    const char *origin = check_origin(checking, key, service, ORIGINS_KEY);

    return origin ? origin : check_origin(checking, NULL, service, ORIGINS_KEY);
}

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
                         check_call(config, key, name, sizeof(name)), key->help,
                         expected);
    return check_incomplete(checking);
}

static enum status need_sources(const struct checking *checking, size_t service)
{
    const struct config *config = checking->config;
    const struct key *from = key_at("consume.*.from");
    const struct key *direct = key_at("consume.*.direct");
    char from_name[64], direct_name[64];

    if (check_origin(checking, direct, service, ORIGINS_KEY))
        return need(checking, direct->path, service);
    if (check_origin(checking, from, service, ORIGINS_KEY))
        return need(checking, from->path, service);
    (void)origins_refuse(
        checking->error, check_origin(checking, NULL, service, ORIGINS_KEY),
        "%s: %s is missing (%s), or %s (%s); give a source like "
        "static:db-1.example.com:7411",
        config->services[service].name,
        check_call(config, from, from_name, sizeof(from_name)), from->help,
        check_call(config, direct, direct_name, sizeof(direct_name)),
        direct->help);
    return check_incomplete(checking);
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
        checking->error, check_origin(checking, NULL, service, ORIGINS_KEY),
        "%s: no peer can reach it; give %s, like 0.0.0.0:7411, or %s, like "
        "web-1.example.com:7411",
        config->services[service].name,
        check_call(config, listen, listen_name, sizeof(listen_name)),
        check_call(config, dial, dial_name, sizeof(dial_name)));
    return check_incomplete(checking);
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
            checking->error, check_origin(checking, from, service, i),
            "%s: inbound: needs %s, where peers dial us, like 0.0.0.0:7411",
            config->services[service].name,
            check_call(config, listen, name, sizeof(name)));
        return check_incomplete(checking);
    }
    return STATUS_OK;
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
            status = check_health(checking, service);
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
            return check_origin(checking, NULL, i, ORIGINS_KEY);
        }
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        const struct key *key = key_at(paths[i]);

        if (value_count(key, config) > 0) {
            (void)text_format(why, size, "there are tunnels");
            return check_origin(checking, key, ORIGINS_AMBASSADOR, ORIGINS_KEY);
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
            check_call(checking->config, key, name, sizeof(name)), key->help);
        return check_incomplete(checking);
    }
    return STATUS_OK;
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
        return check_incomplete(&checking);
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

void config_each_warning(const struct config *config,
                         void (*warning)(void *context, const char *text),
                         void *context)
{
    for (size_t i = 0; i < config->service_count; i++) {
        warn_of_plaintext(config, i, warning, context);
        check_warn_of_place(config, i, warning, context);
    }
}
