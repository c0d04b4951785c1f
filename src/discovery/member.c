/* SPDX-License-Identifier: MIT */
#include "discovery/member.h"
#include "base/text.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* An optional number of 16 bits. */
static bool take_number(json_t *object, const char *key, uint16_t *number)
{
    json_t *value = json_object_get(object, key);

    if (!value || json_is_null(value))
        return true;
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > UINT16_MAX)
        return false;
    *number = (uint16_t)json_integer_value(value);
    return true;
}

static json_int_t port_of(json_t *place)
{
    json_t *port = json_object_get(place, "port");
    uint64_t number;

    /* Some write it in quotes. */
    if (json_is_string(port) &&
        text_parse_number(json_string_value(port), 1, UINT16_MAX, &number))
        return (json_int_t)number;
    return json_is_integer(port) ? json_integer_value(port) : 0;
}

static bool take_place(json_t *place, struct target *target)
{
    const char *host = json_string_value(json_object_get(place, "host"));
    json_int_t port = port_of(place);

    if (!host)
        host = json_string_value(json_object_get(place, "address"));
    return host && port > 0 && target_make(target, host, (uint64_t)port);
}

static const char *take_object(json_t *object, struct member *member)
{
    json_t *place = json_object_get(object, "serviceEndpoint");
    json_t *status = json_object_get(object, "status");

    if (!take_place(place ? place : object, &member->target))
        return place ? "serviceEndpoint has no host and port"
                     : "no host and port in it";
    if (!take_number(object, "weight", &member->target.weight) ||
        !take_number(object, "priority", &member->target.priority))
        return "weight and priority are numbers from 0 to 65535";
    member->is_up = !place || !json_is_string(status) ||
                    strcmp(json_string_value(status), "ALIVE") == 0;
    return NULL;
}

static bool take_plain(const char *bytes, size_t length, struct member *member)
{
    char text[DNS_NAME + 8], error[256];

    while (length > 0 && memchr(" \t\r\n", bytes[length - 1], 4))
        length--;
    if (length >= sizeof(text))
        return false;
    memcpy(text, bytes, length);
    text[length] = '\0';
    member->is_up = true;
    return strlen(text) == length &&
           target_parse(&member->target, text, error, sizeof(error)) &&
           member->target.port != 0; /* a socket's path is of no use afar */
}

enum status member_parse(struct member *member, const char *bytes,
                         size_t length, char *error, size_t size)
{
    const char *wrong = "neither JSON nor host:port";
    json_error_t where;
    json_t *document;

    *member = (struct member){ .is_up = false };
    if (length > MEMBER_MAX_BYTES) {
        text_format(error, size, "longer than %d bytes", MEMBER_MAX_BYTES);
        return STATUS_PROTOCOL;
    }
    if (length > 0 && take_plain(bytes, length, member))
        return STATUS_OK;
    document = length > 0 ? json_loadb(bytes, length, 0, &where) : NULL;
    if (json_is_object(document))
        wrong = take_object(document, member);
    json_decref(document);
    if (!wrong)
        return STATUS_OK;
    text_format(error, size, "%s", wrong);
    return STATUS_PROTOCOL;
}

bool member_format(const struct target *target, const char *name, char *text,
                   size_t size)
{
    json_t *document =
        json_pack("{s:s, s:i, s:s, s:i, s:i}", "host", target->host, "port",
                  (int)target->port, "name", name, "weight",
                  (int)target->weight, "priority", (int)target->priority);
    char *json = document ? json_dumps(document, JSON_COMPACT) : NULL;
    bool fits = json && text_copy(text, size, json);

    free(json);
    json_decref(document);
    return fits;
}
