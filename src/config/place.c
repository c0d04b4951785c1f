/* SPDX-License-Identifier: MIT */
/* Where peers reach us: tunnels.advertise, or else what tunnels.listen says. */
#include "base/text.h"
#include "config/config.h"
#include "net/address.h"
#include <arpa/inet.h>

static bool is_wildcard(const struct address *address)
{
    return address->family == AF_INET6
               ? IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr)
               : address->v4.sin_addr.s_addr == htonl(INADDR_ANY);
}

/* The first TCP address from |*index| on, which is where it is. */
static bool find_tcp(const struct config *config, size_t *index,
                     struct address *address)
{
    const struct text_list *listen = &config->tunnels.listen;

    for (; *index < listen->count; ++*index)
        if (address_parse(address, listen->items[*index]) &&
            !address_is_unix(address))
            return true;
    return false;
}

/* Whether all addresses of the other family are listened at, too. */
static bool listens_at_both(const struct config *config,
                            const struct address *address)
{
    struct address other;

    for (size_t i = 0; find_tcp(config, &i, &other); i++)
        if (other.family != address->family && is_wildcard(&other) &&
            address_port(&other) == address_port(address) &&
            address_port(&other) != 0)
            return true;
    return false;
}

/* The address itself, unless it is one that only this host can use. */
static bool take_listener(const struct config *config,
                          const struct address *address,
                          struct presence_place *place)
{
    const void *ip = &address->v4.sin_addr;

    place->port = address_port(address);
    if (is_wildcard(address)) {
        place->family =
            listens_at_both(config, address) ? AF_UNSPEC : address->family;
        return true;
    }
    if (address->family == AF_INET6) {
        ip = &address->v6.sin6_addr;
        if (address->v6.sin6_scope_id != 0)
            return false; /* an interface's name means nothing elsewhere */
    }
    return inet_ntop(address->family, ip, place->host, sizeof(place->host)) !=
           NULL;
}

bool config_find_place(const struct config *config,
                       struct presence_place *place, size_t *listener,
                       char *why, size_t size)
{
    const char *said = config->tunnels.advertise;
    struct address address;
    bool listens;

    *place = (struct presence_place){ .family = AF_UNSPEC };
    *listener = 0;
    listens = find_tcp(config, listener, &address);
    if (said && presence_place_parse(place, said) && place->port != 0)
        return true;
    if (!listens) {
        (void)text_format(why, size, "it is not said at which port");
        return false;
    }
    if (said) {
        place->port = address_port(&address);
        return true;
    }
    if (take_listener(config, &address, place))
        return true;
    (void)text_format(why, size, "%s is an address for this host alone",
                      config->tunnels.listen.items[*listener]);
    return false;
}
