/* SPDX-License-Identifier: MIT */
/* What is announced: that others can be told where we are. */
#include "config/config_check_internal.h"
#include "config/value.h"
#include "net/address.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
                          check_origin(checking, key_at("offer.*.announce"),
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

    (void)check_call(config, key_at("tunnels.listen"), listen, sizeof(listen));
    (void)check_call(config, key_at("tunnels.advertise"), advertise,
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
            checking->error, check_origin(checking, key, service, ORIGINS_KEY),
            "%s: %s means nothing without %s", options->name,
            check_call(checking->config, key, name, sizeof(name)),
            check_call(checking->config, key_at("offer.*.announce"), announce,
                       sizeof(announce)));
        return check_incomplete(checking);
    }
    return STATUS_OK;
}

enum status check_announce(const struct checking *checking, size_t service)
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
    return check_place(checking, service) == STATUS_OK
               ? STATUS_OK
               : check_incomplete(checking);
}

void check_warn_of_place(const struct config *config, size_t service,
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
