/* SPDX-License-Identifier: MIT */
#include "base/text.h"
#include "config/keys.h"
#include <string.h>

static const struct {
    const char *text;
    const char *metavariable;
    bool is_list;
} types[KEY_TYPES] = {
    [KEY_NAME] = { "name", "NAME", false },
    [KEY_FILE] = { "file", "FILE", false },
    [KEY_DIRECTORY] = { "directory", "DIR", false },
    [KEY_ADMIN] = { "address", "ADDR", false },
    [KEY_LISTEN] = { "addresses", "ADDR", true },
    [KEY_DIAL] = { "hosts with port", "HOST:PORT", true },
    [KEY_ADVERTISE] = { "host, perhaps with port", "HOST[:PORT]", false },
    [KEY_RESOLVERS] = { "addresses", "IP:PORT", true },
    [KEY_SOURCES] = { "sources", "SOURCE", true },
    [KEY_IDENTITIES] = { "identities", "ID", true },
    [KEY_REGISTRIES] = { "registries", "REGISTRY", true },
    [KEY_DURATION] = { "time", "TIME", false },
    [KEY_MOVE] = { "move", "MOVE", false },
    [KEY_NUMBER] = { "number", "NUMBER", false },
    [KEY_FLAG] = { "true or false", "", false },
    [KEY_WORD] = { "word", "NAME", false },
    [KEY_URL_PATH] = { "path", "PATH", false },
    [KEY_HOST] = { "host", "HOST", false },
    [KEY_CHOICE] = { "word", "WORD", false },
    [KEY_LATER] = { "not in this version", "", false },
};

bool key_is_list(const struct key *key)
{
    return types[key->type].is_list;
}

bool key_is_meant(const struct key *key, const struct service_options *service)
{
    return (key->roles & KEY_OF(service->role)) &&
           (key->protocols == 0 ||
            (key->protocols & KEY_WITH(service->health.protocol)));
}

const char *key_name(const struct key *key)
{
    const char *star = strchr(key->path, '*');

    return star ? star + 2 : key->path;
}

const char *key_word(const struct key *key)
{
    const char *dot = strrchr(key->path, '.');

    return dot ? dot + 1 : key->path;
}

const char *key_type_text(const struct key *key)
{
    return types[key->type].text;
}

const char *key_metavariable(const struct key *key)
{
    return types[key->type].metavariable;
}

const char *key_environment(const struct key *key, char *name)
{
    ASSERT(key->flag != NULL);
    ASSERT(text_format(name, KEY_ENVIRONMENT, "ENTENTE_%s", key->flag));
    for (char *at = name; *at != '\0'; at++) {
        if (*at == '-')
            *at = '_';
        else if (*at >= 'a' && *at <= 'z')
            *at = (char)(*at - 'a' + 'A');
    }
    return name;
}
