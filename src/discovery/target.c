/* SPDX-License-Identifier: MIT */
#include "discovery/target.h"
#include "base/text.h"
#include "net/address.h"
#include <string.h>

bool target_make(struct target *target, const char *host, uint64_t port)
{
    struct address address;

    *target = (struct target){ .weight = TARGET_WEIGHT };
    if (port < 1 || port > UINT16_MAX)
        return false;
    target->port = (uint16_t)port;
    return (address_from_ip(&address, host, target->port) ||
            address_is_host_name(host)) &&
           text_copy(target->host, sizeof(target->host), host);
}

/* Whether |text| has a port, so that it is the host that is wrong. */
static bool refuse_host(const char *text, char *error, size_t size)
{
    const char *colon = strrchr(text, ':');
    int length = colon ? (int)(colon - text) : 0;
    bool is_plain = true;
    uint64_t port;

    if (length == 0 || memchr(text, ':', (size_t)length) ||
        !text_parse_number(colon + 1, 1, UINT16_MAX, &port))
        return false;
    for (int i = 0; i < length; i++)
        is_plain = is_plain && (unsigned char)text[i] < 0x80;
    text_format(error, size, "%.*s is neither an IP address nor a name%s",
                length, text, is_plain ? "" : "; in DNS it begins with xn--");
    return true;
}

bool target_parse(struct target *target, const char *text, char *error,
                  size_t size)
{
    struct address address;
    char host[DNS_NAME];
    uint16_t port;

    if (strncmp(text, "unix:", 5) == 0) {
        *target = (struct target){ .weight = TARGET_WEIGHT };
        if (address_parse(&address, text) &&
            text_copy(target->host, sizeof(target->host), text))
            return true;
        text_format(error, size, "%s is not unix:/path", text);
        return false;
    }
    if (address_split(text, host, sizeof(host), &port) &&
        target_make(target, host, port))
        return true;
    if (!refuse_host(text, error, size))
        text_format(error, size,
                    "expected host:port, with a port from 1 to 65535, got %s",
                    text);
    return false;
}

void target_name(const struct target *target, char *name, size_t size)
{
    size_t length = strlen(target->host);

    /* The dot that keeps search domains away is not for the reader. */
    if (length > 0 && target->host[length - 1] == '.')
        length--;
    if (target->port == 0)
        text_format(name, size, "%s", target->host);
    else
        text_format(name, size,
                    strchr(target->host, ':') ? "[%.*s]:%u" : "%.*s:%u",
                    (int)length, target->host, target->port);
}
