/* SPDX-License-Identifier: MIT */
/*
 * A config is made here, and every value comes in here, one by one, whoever
 * says it: config_read.c a file, app/arguments.c flags and the environment.
 */
#include "config/config.h"
#include "config/config_internal.h"
#include "config/nearest.h"
#include "config/value.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct config *config_new(void)
{
    struct config *config = calloc(1, sizeof(*config));
    const struct key *keys;
    size_t count;

    if (!config)
        return NULL;
    config->origins = calloc(1, sizeof(*config->origins));
    if (!config->origins) {
        free(config);
        return NULL;
    }
    keys = keys_all(&count);
    for (size_t i = 0; i < count; i++)
        if (keys[i].roles == 0)
            value_reset(&keys[i], config);
    return config;
}

void config_free(struct config *config)
{
    const struct key *keys;
    size_t count;

    if (!config)
        return;
    keys = keys_all(&count);
    for (size_t i = 0; i < count; i++)
        if (keys[i].roles == 0)
            value_reset(&keys[i], config); /* which frees */
    for (size_t i = 0; i < config->service_count; i++)
        service_options_clear(&config->services[i]);
    free(config->services);
    origins_free(config->origins);
    free(config);
}

void config_complete(struct config *config)
{
    char name[256] = "";
    size_t length;

    if (config->node[0] != '\0')
        return;
    (void)gethostname(name, sizeof(name) - 1);
    length = strcspn(name, "."); /* short, and never too long */
    if (length > TEXT_MAX_NAME)
        length = TEXT_MAX_NAME;
    name[length] = '\0';
    if (!text_is_name(name, length))
        (void)text_format(name, sizeof(name), "localhost");
    (void)text_format(config->node, sizeof(config->node), "%s", name);
}

/* ---- services ---- */

static size_t find_service(const struct config *config, bool is_offer,
                           const char *name)
{
    size_t i = 0;

    while (i < config->service_count &&
           ((config->services[i].role == SERVICE_OFFER) != is_offer ||
            strcmp(config->services[i].name, name) != 0))
        i++;
    return i;
}

const struct service_options *config_find(const struct config *config,
                                          bool is_offer, const char *name)
{
    size_t i = find_service(config, is_offer, name);

    return i < config->service_count ? &config->services[i] : NULL;
}

static enum status append_service(struct config *config, bool is_offer,
                                  const char *name, const char *origin,
                                  struct config_error *error)
{
    struct service_options *services, *service;
    size_t count = config->service_count;

    services = realloc(config->services, (count + 1) * sizeof(*services));
    if (!services)
        return origins_no_memory(error);
    config->services = services;
    if (!origins_add(config->origins, NULL, count, ORIGINS_KEY, origin))
        return origins_no_memory(error);
    service = &services[config->service_count++];
    service_options_init(service, is_offer ? SERVICE_OFFER : SERVICE_CONSUME);
    ASSERT(text_copy(service->name, sizeof(service->name), name));
    return STATUS_OK;
}

enum status config_need_service(struct config *config, bool is_offer,
                                const char *name, const char *origin,
                                size_t *index, struct config_error *error)
{
    char quoted[ORIGINS_QUOTE];

    *index = find_service(config, is_offer, name);
    if (*index < config->service_count)
        return STATUS_OK;
    if (!text_is_name(name, strlen(name)))
        return origins_refuse(error, origin,
                              "%s: a service's name is at most %d letters, "
                              "digits, '.', '_' and '-', like redis",
                              origins_quote(name, quoted), TEXT_MAX_NAME);
    if (config->service_count >= CONFIG_MAX_SERVICES)
        return origins_refuse(error, origin, "these are more than %d services",
                              CONFIG_MAX_SERVICES);
    return append_service(config, is_offer, name, origin, error);
}

enum status config_add_service(struct config *config, bool is_offer,
                               const char *name, const char *origin,
                               struct config_error *error)
{
    size_t index;

    return config_need_service(config, is_offer, name, origin, &index, error);
}

/* ---- values ---- */

void *config_object(struct config *config, const struct config_place *place)
{
    if (place->service == ORIGINS_AMBASSADOR)
        return config;
    return &config->services[place->service];
}

/* `from` makes a service one with tunnels, `direct` one without. */
static enum status decide_role(struct config *config,
                               const struct config_place *place,
                               struct config_error *error)
{
    bool is_direct = place->key->roles == KEY_OF(SERVICE_DIRECT);
    const struct key *other =
        key_at(is_direct ? "consume.*.from" : "consume.*.direct");
    const char *there =
        origins_find(config->origins, other, place->service, ORIGINS_KEY);

    if (there) {
        (void)origins_refuse(
            error, place->origin,
            "%s: a service is reached either from its ambassadors or direct, "
            "and %s gives %s",
            config->services[place->service].name, there, key_word(other));
        error->is_incomplete = true;
        return STATUS_CONFIG;
    }
    config->services[place->service].role =
        is_direct ? SERVICE_DIRECT : SERVICE_CONSUME;
    return STATUS_OK;
}

enum status config_mention(struct config *config,
                           const struct config_place *place,
                           struct config_error *error)
{
    const struct key *key = place->key;
    enum status status;

    if (key->type == KEY_LATER)
        return origins_refuse(error, place->origin,
                              "%s is not supported by this version",
                              key_word(key));
    if (key->type == KEY_SOURCES && (key->roles == KEY_OF(SERVICE_DIRECT) ||
                                     key->roles == KEY_OF(SERVICE_CONSUME))) {
        status = decide_role(config, place, error);
        if (status)
            return status;
    }
    if (!origins_add(config->origins, key, place->service, ORIGINS_KEY,
                     place->origin))
        return origins_no_memory(error);
    return STATUS_OK;
}

enum status config_put(struct config *config, const struct config_place *place,
                       const char *value, struct config_error *error)
{
    void *object = config_object(config, place);
    char why[512], quoted[ORIGINS_QUOTE];
    enum status status;
    size_t item = 0;

    if (key_is_list(place->key))
        item = value_count(place->key, object);
    status = value_set(place->key, object, value, why, sizeof(why));
    if (status == STATUS_CONFIG)
        return origins_refuse(error, place->origin, "%s: %s",
                              origins_quote(value, quoted), why);
    if (status || !origins_add(config->origins, place->key, place->service,
                               item, place->origin))
        return origins_no_memory(error);
    return STATUS_OK;
}

/* ---- by path ---- */

enum status config_refuse_word(const char *origin, const char *section,
                               const char *word, struct config_error *error)
{
    char quoted[ORIGINS_QUOTE], known[512] = "", guess[96] = "";
    struct nearest nearest;
    size_t position = 0, length, used = 0;
    const char *next;

    nearest_init(&nearest, word);
    while ((next = key_next_word(section, &position, &length))) {
        nearest_offer(&nearest, next, length);
        (void)text_format(known + used, sizeof(known) - used, "%s%.*s",
                          used ? ", " : "", (int)length, next);
        used += strlen(known + used);
    }
    if (nearest.found)
        (void)text_format(guess, sizeof(guess), "; did you mean \"%.*s\"?",
                          (int)nearest.found_length, nearest.found);
    return origins_refuse(error, origin, "unknown key %s%s (known here: %s)",
                          origins_quote(word, quoted), guess, known);
}

/* As much of |path| as is known is the section; the rest is not. */
static enum status refuse_path(const char *path, const char *origin,
                               struct config_error *error)
{
    char section[64] = "";
    const char *dot = strchr(path, '.');

    if (!dot ||
        !text_format(section, sizeof(section), "%.*s", (int)(dot - path),
                     path) ||
        !key_is_section(section))
        return config_refuse_word(origin, "", path, error);
    path = dot + 1;
    (void)strcat(section, ".*");
    if (!key_is_section(section)) {
        section[strlen(section) - 2] = '\0';
        return config_refuse_word(origin, section, path, error);
    }
    dot = strrchr(path, '.');
    return config_refuse_word(origin, section, dot ? dot + 1 : "", error);
}

/* The place of |path|; its service is made if it is not there. */
static enum status locate(struct config *config, const char *path,
                          struct config_place *place,
                          struct config_error *error)
{
    char text[TEXT_MAX_NAME + 2];
    const char *name;
    size_t length;

    place->key = key_find(path, &name, &length);
    place->service = ORIGINS_AMBASSADOR;
    if (!place->key)
        return refuse_path(path, place->origin, error);
    if (place->key->roles == 0)
        return STATUS_OK;
    /* Cut, it is still too long for a name. */
    (void)text_format(text, sizeof(text), "%.*s", (int)length, name);
    return config_need_service(config,
                               place->key->roles == KEY_OF(SERVICE_OFFER), text,
                               place->origin, &place->service, error);
}

enum status config_set(struct config *config, const char *key,
                       const char *value, const char *origin,
                       struct config_error *error)
{
    struct config_place place = { .origin = origin };
    enum status status = locate(config, key, &place, error);

    if (!status)
        status = config_mention(config, &place, error);
    return status ? status : config_put(config, &place, value, error);
}

void config_unset(struct config *config, const char *key)
{
    struct config_place place;
    char text[TEXT_MAX_NAME + 2];
    const char *name;
    size_t length;

    place.key = key_find(key, &name, &length);
    ASSERT(place.key != NULL);
    place.service = ORIGINS_AMBASSADOR;
    if (place.key->roles != 0) {
        (void)text_format(text, sizeof(text), "%.*s", (int)length, name);
        place.service =
            find_service(config, place.key->roles == KEY_OF(SERVICE_OFFER),
                         text);
        if (place.service == config->service_count)
            return;
    }
    value_reset(place.key, config_object(config, &place));
    origins_remove(config->origins, place.key, place.service);
}

void config_name_flags(struct config *config)
{
    config->origins->names_flags = true;
}
