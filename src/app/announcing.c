/* SPDX-License-Identifier: MIT */
/* Where registries say that we are: by the configuration and our listeners. */
#include "app/ambassador_internal.h"

/* The kernel has chosen the port, if the configuration left it to it. */
static void take_port(const struct ambassador *ambassador, size_t listener,
                      struct presence_place *place)
{
    const struct text_list *listen = &ambassador->config->tunnels.listen;
    const struct address *address =
        place->port == 0 && listener < listen->count
            ? ambassador_gate(ambassador, listen->items[listener])
            : NULL;

    if (address)
        place->port = address_port(address);
}

void ambassador_announce(struct ambassador *ambassador)
{
    const struct config *config = ambassador->config;
    struct presence_place place;
    char why[256];
    size_t listener;

    /* The check of the configuration let nothing be announced without it. */
    if (!config_find_place(config, &place, &listener, why, sizeof(why))) {
        presence_withdraw(ambassador->presence);
        return;
    }
    take_port(ambassador, listener, &place);
    presence_set(ambassador->presence, config->services, config->service_count,
                 &place);
}
