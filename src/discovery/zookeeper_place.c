/* SPDX-License-Identifier: MIT */
#include "discovery/zookeeper_place.h"
#include "base/text.h"
#include <string.h>

enum { DEFAULT_PORT = 2181 };

static bool add_server(struct zookeeper_place *place, const char *text)
{
    struct target *server = &place->servers[place->count];
    char host[DNS_NAME], error[256];
    size_t length = strlen(text);

    if (place->count == ZOOKEEPER_MAX_SERVERS)
        return false;
    if (text[0] == '[' && length > 2 && length < sizeof(host) &&
        text[length - 1] == ']') {
        memcpy(host, text + 1, length - 2);
        host[length - 2] = '\0';
        if (!strchr(host, ':') || !target_make(server, host, DEFAULT_PORT))
            return false;
    } else if (!strchr(text, ':')) {
        if (!target_make(server, text, DEFAULT_PORT))
            return false;
    } else if (!target_parse(server, text, error, sizeof(error)) ||
               server->port == 0) {
        return false;
    }
    place->count++;
    return true;
}

static bool read_servers(struct zookeeper_place *place, const char *text,
                         size_t length)
{
    char servers[2048], *rest = servers, *server;

    if (length >= sizeof(servers))
        return false;
    memcpy(servers, text, length);
    servers[length] = '\0';
    while ((server = strsep(&rest, ",")))
        if (!add_server(place, server))
            return false;
    return true;
}

/* ZooKeeper's rules, and nothing a terminal or a log could stumble over. */
static bool is_path(const char *path)
{
    const char *at = path;

    if (path[0] != '/' || path[1] == '\0')
        return false;
    while (*at) {
        const char *end = at + 1 + strcspn(at + 1, "/");
        size_t length = (size_t)(end - at) - 1;

        if (length == 0 || (length == 1 && at[1] == '.') ||
            (length == 2 && at[1] == '.' && at[2] == '.'))
            return false;
        at = end;
    }
    for (at = path; *at; at++)
        if (*at <= ' ' || *at > '~')
            return false;
    return true;
}

static bool read_option(struct zookeeper_place *place, const char *option)
{
    static const char auth_file[] = "auth_file=";
    size_t length = sizeof(auth_file) - 1;

    return strncmp(option, auth_file, length) == 0 && option[length] != '\0' &&
           text_copy(place->auth_file, sizeof(place->auth_file),
                     option + length);
}

bool zookeeper_place_parse(struct zookeeper_place *place, const char *text,
                           char *error, size_t size)
{
    size_t servers = strcspn(text, "/");
    size_t path = strcspn(text + servers, "?");

    *place = (struct zookeeper_place){ 0 };
    if (!read_servers(place, text, servers)) {
        text_format(error, size,
                    "expected zookeeper:HOST:PORT,HOST:PORT/PATH with up to "
                    "%d servers, got %s",
                    ZOOKEEPER_MAX_SERVERS, text);
        return false;
    }
    if (path < sizeof(place->path))
        memcpy(place->path, text + servers, path);
    if (!is_path(place->path)) {
        text_format(error, size,
                    "expected the path of a node, like /services/redis, got "
                    "%s",
                    text + servers);
        return false;
    }
    text += servers + path;
    if (*text == '?' && !read_option(place, text + 1)) {
        text_format(error, size, "expected ?auth_file=PATH, got %s", text);
        return false;
    }
    return true;
}
