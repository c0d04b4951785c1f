/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_ORIGINS_H
#define CONFIG_ORIGINS_H
#include "base/check.h"
#include "config/config.h"
#include "config/keys.h"
#include <stdbool.h>
#include <stddef.h>

/*
 * Who said what: for every service, key and value the "entente.yaml:3:5",
 * "--listen" or "ENTENTE_LISTEN" it came from.  Owned by its config.
 */
struct origin {
    const struct key *key; /* NULL: that the service is there */
    size_t item;           /* of a value; or ORIGINS_KEY: of the key itself */
    char *text;
};

struct origins {
    struct origin_group {
        struct origin *items;
        size_t count;
        size_t capacity;
    } * groups; /* the ambassador's, then one a service */
    size_t group_count;
    char *file;       /* the last one read, or NULL */
    bool names_flags; /* messages say "--listen" instead of "listen" */
};

#define ORIGINS_AMBASSADOR SIZE_MAX /* instead of a service's index */
#define ORIGINS_KEY SIZE_MAX        /* no value */

void origins_free(struct origins *origins); /* accepts NULL */

/* A second origin of the same thing replaces the first. */
MUST_CHECK bool origins_add(struct origins *origins, const struct key *key,
                            size_t service, size_t item, const char *text);
/* Those of |key| and of all its values. */
void origins_remove(struct origins *origins, const struct key *key,
                    size_t service);
/* NULL: nobody said it. */
const char *origins_find(const struct origins *origins, const struct key *key,
                         size_t service, size_t item);

/* ---- saying so: always STATUS_CONFIG, or _NO_MEMORY ---- */

/* |origin| may be NULL. */
enum status origins_refuse(struct config_error *error, const char *origin,
                           const char *format, ...) PRINTF_LIKE(3, 4);
enum status origins_no_memory(struct config_error *error);

enum { ORIGINS_QUOTE = 96 };
/* |text|, which may be anything, fit for a message; returns |quoted|. */
const char *origins_quote(const char *text, char *quoted);
#endif
