/* SPDX-License-Identifier: MIT */
#include "service/presence.h"
#include "base/index.h"
#include "base/list.h"
#include "base/log.h"
#include "base/text.h"
#include "net/address.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* That one service is here, in one registry. */
struct notice {
    struct list node;
    char service[TEXT_MAX_NAME + 1];
    struct announcement *announcement; /* owned */
    bool is_wanted;                    /* by what is being set */
};

struct presence {
    const struct source_world *world; /* borrowed */
    char node[TEXT_MAX_NAME + 1];
    struct list notices;
};

/* ---- where ---- */

/* 0.0.0.0 and [::] are everywhere, and so nowhere to go to. */
static bool is_somewhere(const struct address *address)
{
    if (address->family == AF_INET6)
        return !IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr) &&
               address->v6.sin6_scope_id == 0;
    return address->v4.sin_addr.s_addr != htonl(INADDR_ANY);
}

bool presence_place_parse(struct presence_place *place, const char *text)
{
    struct address address;
    size_t length = strlen(text);

    *place = (struct presence_place){ .family = AF_UNSPEC };
    if (!address_split(text, place->host, sizeof(place->host), &place->port)) {
        bool bracketed =
            text[0] == '[' && length > 2 && text[length - 1] == ']';

        place->port = 0;
        if (!text_format(place->host, sizeof(place->host), "%.*s",
                         (int)(bracketed ? length - 2 : length),
                         bracketed ? text + 1 : text) ||
            bracketed != (strchr(place->host, ':') != NULL))
            return false;
    }
    if (address_from_ip(&address, place->host, 1))
        return is_somewhere(&address);
    return address_is_host_name(place->host);
}

/* ---- names ---- */

void presence_name(const char *service, const char *node, char *name)
{
    char whole[2 * TEXT_MAX_NAME + 2];

    text_format(whole, sizeof(whole), "%s@%s", service, node);
    if (!text_copy(name, PRESENCE_NAME, whole))
        text_format(name, PRESENCE_NAME, "%.54s~%08" PRIx32, whole,
                    (uint32_t)index_hash_text(whole));
}

/* ---- life ---- */

struct presence *presence_new(const struct source_world *world,
                              const char *node)
{
    struct presence *presence = calloc(1, sizeof(*presence));

    if (!presence)
        return NULL;
    presence->world = world;
    list_init(&presence->notices);
    text_format(presence->node, sizeof(presence->node), "%s", node);
    return presence;
}

static void take_back(struct notice *notice)
{
    LOG(LOG_INFO, "withdrawn", log_text("service", notice->service),
        log_text("announcement", announcement_text(notice->announcement)));
    announcement_close(notice->announcement);
    list_remove(&notice->node);
    free(notice);
}

void presence_withdraw(struct presence *presence)
{
    LIST_EACH(&presence->notices, node)
    {
        take_back(LIST_ITEM(node, struct notice, node));
    }
}

void presence_free(struct presence *presence)
{
    if (!presence)
        return;
    presence_withdraw(presence);
    free(presence);
}

/* ---- what is announced ---- */

static struct notice *find(const struct presence *presence, const char *service,
                           const char *text)
{
    LIST_EACH(&presence->notices, node)
    {
        struct notice *notice = LIST_ITEM(node, struct notice, node);

        if (strcmp(notice->service, service) == 0 &&
            strcmp(announcement_text(notice->announcement), text) == 0)
            return notice;
    }
    return NULL;
}

static enum status announce(struct presence *presence, const char *service,
                            const struct announcement_options *options)
{
    struct notice *notice = find(presence, service, options->text);
    enum status status;

    if (notice)
        return announcement_change(notice->announcement, options);
    notice = calloc(1, sizeof(*notice));
    if (!notice)
        return STATUS_NO_MEMORY;
    text_format(notice->service, sizeof(notice->service), "%s", service);
    status = announcement_open(options, &notice->announcement);
    if (status != STATUS_OK) {
        free(notice);
        return status;
    }
    list_append(&presence->notices, &notice->node);
    return STATUS_OK;
}

static void announce_all(struct presence *presence,
                         const struct service_options *service,
                         const struct presence_place *place)
{
    char name[PRESENCE_NAME];
    struct announcement_options options = {
        .world = presence->world,
        .name = name,
        .host = place->host[0] != '\0' ? place->host : NULL,
        .family = place->family,
        .port = place->port,
        .weight = (uint16_t)service->announce_weight,
        .priority = (uint16_t)service->announce_priority
    };

    presence_name(service->name, presence->node, name);
    for (size_t i = 0; i < service->announce.count; i++) {
        enum status status;

        options.text = service->announce.items[i];
        status = announce(presence, service->name, &options);
        if (status != STATUS_OK)
            LOG(LOG_ERROR, "announcement_missing",
                log_text("service", service->name),
                log_text("announcement", options.text),
                log_status("reason", status));
    }
}

static void keep_wanted(struct presence *presence,
                        const struct service_options *services, size_t count)
{
    LIST_EACH(&presence->notices, node)
    {
        LIST_ITEM(node, struct notice, node)->is_wanted = false;
    }
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < services[i].announce.count; j++) {
            struct notice *notice =
                find(presence, services[i].name, services[i].announce.items[j]);

            if (notice)
                notice->is_wanted = true;
        }
    LIST_EACH(&presence->notices, node)
    {
        struct notice *notice = LIST_ITEM(node, struct notice, node);

        if (!notice->is_wanted)
            take_back(notice);
    }
}

/* First what goes: its name may be needed by what comes. */
void presence_set(struct presence *presence,
                  const struct service_options *services, size_t count,
                  const struct presence_place *place)
{
    keep_wanted(presence, services, count);
    for (size_t i = 0; i < count; i++)
        announce_all(presence, &services[i], place);
}

const struct announcement *presence_of(const struct presence *presence,
                                       const char *service, size_t index)
{
    LIST_EACH(&presence->notices, node)
    {
        const struct notice *notice = LIST_ITEM(node, struct notice, node);

        if (strcmp(notice->service, service) == 0 && index-- == 0)
            return notice->announcement;
    }
    return NULL;
}
