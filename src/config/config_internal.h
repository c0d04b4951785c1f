/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_CONFIG_INTERNAL_H
#define CONFIG_CONFIG_INTERNAL_H
#include "config/config.h"
#include "config/keys.h"
#include "config/origins.h"

/* Shared by the files of config only. */

/* The one way in for a value.  |service| is an index or ORIGINS_AMBASSADOR. */
struct config_place {
    const struct key *key;
    size_t service;
    const char *origin;
};

/* What |place|'s key fills. */
void *config_object(struct config *config, const struct config_place *place);

/* Somebody speaks of this key, whether or not a value follows. */
MUST_CHECK enum status config_mention(struct config *config,
                                      const struct config_place *place,
                                      struct config_error *error);
/* And here is a value of it. */
MUST_CHECK enum status config_put(struct config *config,
                                  const struct config_place *place,
                                  const char *value,
                                  struct config_error *error);

/* Find the service, or make it. */
MUST_CHECK enum status config_need_service(struct config *config, bool is_offer,
                                           const char *name, const char *origin,
                                           size_t *index,
                                           struct config_error *error);

/* "unknown key": what may have been meant, and what there is. */
enum status config_refuse_word(const char *origin, const char *section,
                               const char *word, struct config_error *error);
#endif
