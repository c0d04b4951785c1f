/* SPDX-License-Identifier: MIT */
/* No address twice. */
#include "config/config_check_internal.h"
#include "config/value.h"
#include "net/address.h"
#include <stdlib.h>
#include <string.h>

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
        listening->origin = check_origin(checking, key, service, i);
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

enum status check_listenings(const struct checking *checking)
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
