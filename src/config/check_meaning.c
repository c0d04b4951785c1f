/* SPDX-License-Identifier: MIT */
/* Keys that were given where they mean nothing: they are refused. */
#include "config/config_check_internal.h"

enum status check_roles(const struct checking *checking, size_t service)
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
        origin = check_origin(checking, &keys[i], service, ORIGINS_KEY);
        if (!origin)
            continue;
        (void)origins_refuse(checking->error, origin, "%s: %s means nothing %s",
                             config->services[service].name,
                             check_call(config, &keys[i], name, sizeof(name)),
                             role == SERVICE_DIRECT
                                 ? "beside direct: there is no peer"
                                 : "without direct: a peer connects");
        return check_incomplete(checking);
    }
    return STATUS_OK;
}

enum status check_health(const struct checking *checking, size_t service)
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
        origin = check_origin(checking, &keys[i], service, ORIGINS_KEY);
        if (!origin)
            continue;
        (void)origins_refuse(checking->error, origin,
                             "%s: %s means nothing with %s %s", options->name,
                             check_call(config, &keys[i], name, sizeof(name)),
                             check_call(config, protocol, protocol_name,
                                        sizeof(protocol_name)),
                             protocol->word(options->health.protocol));
        return check_incomplete(checking);
    }
    return STATUS_OK;
}
