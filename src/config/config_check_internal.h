/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_CONFIG_CHECK_INTERNAL_H
#define CONFIG_CONFIG_CHECK_INTERNAL_H
#include "config/config_internal.h"

/* The parts of config_check(), which see a configuration as a whole. */
struct checking {
    const struct config *config;
    struct config_error *error;
};

/* The key as whoever reads the message would write it; returns |name|. */
const char *check_call(const struct config *config, const struct key *key,
                       char *name, size_t size);
/* Where it was said; NULL: nowhere. */
const char *check_origin(const struct checking *checking, const struct key *key,
                         size_t service, size_t item);
/* What was refused may still be said: STATUS_CONFIG. */
enum status check_incomplete(const struct checking *checking);

/* Keys that were given although the service has another role. */
MUST_CHECK enum status check_roles(const struct checking *checking,
                                   size_t service);
/* Keys of health checks that are not made, or have no use for them. */
MUST_CHECK enum status check_health(const struct checking *checking,
                                    size_t service);
/* Where an offered service is announced, and as what. */
MUST_CHECK enum status check_announce(const struct checking *checking,
                                      size_t service);
/* That nothing is listened on twice. */
MUST_CHECK enum status check_listenings(const struct checking *checking);

/* As config_each_warning(): it is announced where nobody else finds it. */
void check_warn_of_place(const struct config *config, size_t service,
                         void (*warning)(void *context, const char *text),
                         void *context);
#endif
