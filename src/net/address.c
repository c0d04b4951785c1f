/* SPDX-License-Identifier: MIT */
#include "net/address.h"
#include "base/index.h"

#include "base/text.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

static const char unix_prefix[] = "unix:";
static const socklen_t unix_head = offsetof(struct sockaddr_un, sun_path);

/* ---- parsing ---- */

/* Decimal, in one spelling: no sign, no leading zero. */
static bool parse_port(const char *text, uint16_t min, uint16_t *port)
{
    uint64_t number;

    if ((text[0] == '0' && text[1] != '\0') ||
        !text_parse_number(text, min, UINT16_MAX, &number))
        return false;
    *port = (uint16_t)number;
    return true;
}

/* An interface's name or number. */
static bool parse_scope(const char *text, uint32_t *scope)
{
    uint64_t number;

    *scope = if_nametoindex(text);
    if (*scope != 0)
        return true;
    if (text[0] == '0' || !text_parse_number(text, 1, UINT32_MAX, &number))
        return false;
    *scope = (uint32_t)number;
    return true;
}

static bool parse_v4(struct address *address, const char *ip, uint16_t port)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };

    if (inet_pton(AF_INET, ip, &v4.sin_addr) != 1)
        return false;
    *address = (struct address){ .length = sizeof(v4), .v4 = v4 };
    return true;
}

static bool parse_v6(struct address *address, const char *ip, uint16_t port)
{
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
                               .sin6_port = htons(port) };
    const char *percent = strchr(ip, '%');
    size_t length = percent ? (size_t)(percent - ip) : strlen(ip);
    char bare[INET6_ADDRSTRLEN];

    if (length >= sizeof(bare))
        return false;
    memcpy(bare, ip, length);
    bare[length] = '\0';
    if (inet_pton(AF_INET6, bare, &v6.sin6_addr) != 1 ||
        (percent && !parse_scope(percent + 1, &v6.sin6_scope_id)))
        return false;
    *address = (struct address){ .length = sizeof(v6), .v6 = v6 };
    return true;
}

static bool parse_unix(struct address *address, const char *path)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    size_t length = strlen(path);
    bool is_abstract = path[0] == '@' && length > 1;

    if (!is_abstract && path[0] != '/')
        return false;
    if (length >= sizeof(name.sun_path))
        return false;
    memcpy(name.sun_path, path, length);
    if (is_abstract)
        name.sun_path[0] = '\0'; /* and no NUL at the end: it would count */
    else
        length++;
    *address = (struct address){ .length = unix_head + (socklen_t)length,
                                 .path = name };
    return true;
}

/*
 * The parts of "host:port" and "[v6]:port": a pointer to the port's text, and
 * |host| filled; NULL if it is not of that form.
 */
static const char *split(const char *text, char *host, size_t size,
                         bool *bracketed)
{
    const char *end;
    size_t length;

    *bracketed = text[0] == '[';
    if (*bracketed)
        text++;
    end = strchr(text, *bracketed ? ']' : ':');
    if (!end || (*bracketed && end[1] != ':'))
        return NULL;
    length = (size_t)(end - text);
    if (length == 0 || length >= size)
        return NULL;
    memcpy(host, text, length);
    host[length] = '\0';
    return end + (*bracketed ? 2 : 1);
}

bool address_parse(struct address *address, const char *text)
{
    char host[ADDRESS_TEXT];
    const char *port_text;
    bool bracketed;
    uint16_t port;

    if (strncmp(text, unix_prefix, strlen(unix_prefix)) == 0)
        return parse_unix(address, text + strlen(unix_prefix));
    port_text = split(text, host, sizeof(host), &bracketed);
    if (!port_text || !parse_port(port_text, 0, &port))
        return false;
    return bracketed ? parse_v6(address, host, port)
                     : parse_v4(address, host, port);
}

static const char *why_not_unix(const char *path)
{
    if (path[0] == '@')
        return path[1] ? "the abstract name is longer than 107 bytes"
                       : "the abstract name is empty";
    if (path[0] != '/')
        return "the path of a Unix socket must begin with /";
    return "the path of a Unix socket is longer than 107 bytes";
}

const char *address_why_not(const char *text)
{
    struct address address;
    char host[ADDRESS_TEXT];
    const char *port_text;
    bool bracketed;
    uint16_t port;

    if (address_parse(&address, text))
        return NULL;
    if (strncmp(text, unix_prefix, strlen(unix_prefix)) == 0)
        return why_not_unix(text + strlen(unix_prefix));
    if (address_from_ip(&address, text, 0))
        return address.family == AF_INET6
                   ? "an IPv6 address is written in brackets with its port, "
                     "like [::1]:6379"
                   : "the port is missing, like in 127.0.0.1:6379";
    port_text = split(text, host, sizeof(host), &bracketed);
    if (!port_text)
        return "expected an address and a port like 127.0.0.1:6379 or "
               "[::1]:6379, or unix:/path";
    if (!parse_port(port_text, 0, &port))
        return "the port is not a number from 0 to 65535";
    if (address_from_ip(&address, host, 0))
        return "brackets are for IPv6 addresses only";
    if (bracketed)
        return strchr(host, '%') ? "it is not an IPv6 address of an interface "
                                   "of this host"
                                 : "what the brackets hold is not an IPv6 "
                                   "address";
    if (address_is_host_name(host))
        return "it must be an IP address, not a name";
    return "it is not an IP address";
}

bool address_split(const char *text, char *host, size_t size, uint16_t *port)
{
    struct address address;
    const char *port_text;
    bool bracketed;

    port_text = split(text, host, size, &bracketed);
    if (!port_text || !parse_port(port_text, 1, port))
        return false;
    if (bracketed)
        return parse_v6(&address, host, *port);
    return parse_v4(&address, host, *port) || address_is_host_name(host);
}

bool address_from_ip(struct address *address, const char *ip, uint16_t port)
{
    return strchr(ip, ':') ? parse_v6(address, ip, port)
                           : parse_v4(address, ip, port);
}

/* ---- names ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_byte(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c == '-' || c == '_';
}

/* The end of the label at |at|, NULL if there is none. */
static const char *label_end(const char *at, bool *is_number)
{
    const char *end = at;

    *is_number = true;
    for (; is_name_byte(*end); end++)
        *is_number = *is_number && is_digit(*end);
    if (end == at || end - at > 63 || at[0] == '-' || end[-1] == '-')
        return NULL;
    return end;
}

bool address_is_host_name(const char *text)
{
    size_t length = strlen(text);
    bool is_number = true;

    if (length == 0 || length - (text[length - 1] == '.') > 253)
        return false;
    while (*text != '\0') {
        text = label_end(text, &is_number);
        if (!text || (*text != '.' && *text != '\0'))
            return false;
        if (*text == '.')
            text++;
    }
    return !is_number;
}

/* ---- formatting ---- */

static void format_v6(const struct sockaddr_in6 *v6, char *text)
{
    char ip[INET6_ADDRSTRLEN] = "", scope[IF_NAMESIZE + 1] = "";

    inet_ntop(AF_INET6, &v6->sin6_addr, ip, sizeof(ip));
    if (v6->sin6_scope_id != 0) {
        scope[0] = '%';
        if (!if_indextoname(v6->sin6_scope_id, scope + 1))
            (void)text_format(scope, sizeof(scope), "%%%u", v6->sin6_scope_id);
    }
    (void)text_format(text, ADDRESS_TEXT, "[%s%s]:%u", ip, scope,
                      ntohs(v6->sin6_port));
}

static void format_unix(const struct address *address, char *text)
{
    size_t length = address->length - unix_head;
    const char *name = address->path.sun_path;
    char *to = text;

    memcpy(to, unix_prefix, strlen(unix_prefix));
    to += strlen(unix_prefix);
    if (length == 0) {
        memcpy(to, "unnamed", sizeof("unnamed"));
        return;
    }
    if (name[0] != '\0')
        length = strnlen(name, length);
    memcpy(to, name, length);
    to[length] = '\0';
    for (size_t i = 0; i < length; i++)
        if (to[i] == '\0')
            to[i] = '@'; /* as other tools show abstract names */
}

const char *address_format(const struct address *address, char *text)
{
    char ip[INET_ADDRSTRLEN] = "";

    switch (address->family) {
    case AF_INET:
        inet_ntop(AF_INET, &address->v4.sin_addr, ip, sizeof(ip));
        (void)text_format(text, ADDRESS_TEXT, "%s:%u", ip,
                          ntohs(address->v4.sin_port));
        break;
    case AF_INET6:
        format_v6(&address->v6, text);
        break;
    case AF_UNIX:
        format_unix(address, text);
        break;
    default:
        (void)text_format(text, ADDRESS_TEXT, "none");
    }
    return text;
}

/* ---- questions ---- */

bool address_is_unix(const struct address *address)
{
    return address->family == AF_UNIX;
}

static bool is_loopback_v4(const uint8_t *ip)
{
    return ip[0] == 127;
}

bool address_is_loopback(const struct address *address)
{
    const struct in6_addr *v6 = &address->v6.sin6_addr;

    if (address->family == AF_INET)
        return is_loopback_v4((const uint8_t *)&address->v4.sin_addr);
    if (address->family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(v6) ||
               (IN6_IS_ADDR_V4MAPPED(v6) && is_loopback_v4(v6->s6_addr + 12));
    return address->family == AF_UNIX;
}

/* Where the path ends, of a kernel that may or may not have counted a NUL. */
static size_t unix_length(const struct address *address)
{
    size_t length = address->length - unix_head;

    return length > 0 && address->path.sun_path[0] != '\0'
               ? strnlen(address->path.sun_path, length)
               : length;
}

bool address_equal(const struct address *a, const struct address *b)
{
    if (a->family != b->family)
        return false;
    switch (a->family) {
    case AF_INET:
        return a->v4.sin_port == b->v4.sin_port &&
               a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    case AF_INET6:
        return a->v6.sin6_port == b->v6.sin6_port &&
               a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
               IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr);
    case AF_UNIX:
        return unix_length(a) == unix_length(b) &&
               memcmp(a->path.sun_path, b->path.sun_path, unix_length(a)) == 0;
    default:
        return true; /* none equals none */
    }
}

uint64_t address_hash(const struct address *address)
{
    switch (address->family) {
    case AF_INET:
        return index_hash(&address->v4.sin_addr, sizeof(address->v4.sin_addr)) +
               address->v4.sin_port;
    case AF_INET6:
        return index_hash(&address->v6.sin6_addr,
                          sizeof(address->v6.sin6_addr)) +
               address->v6.sin6_port;
    case AF_UNIX:
        return index_hash(address->path.sun_path, unix_length(address));
    default:
        return 0;
    }
}

uint16_t address_port(const struct address *address)
{
    if (address->family == AF_INET)
        return ntohs(address->v4.sin_port);
    return address->family == AF_INET6 ? ntohs(address->v6.sin6_port) : 0;
}

void address_set_port(struct address *address, uint16_t port)
{
    if (address->family == AF_INET)
        address->v4.sin_port = htons(port);
    else if (address->family == AF_INET6)
        address->v6.sin6_port = htons(port);
}

/* ---- of sockets ---- */

static bool ask(struct address *address, int fd,
                int (*get)(int, struct sockaddr *, socklen_t *))
{
    struct address answer = { .length = sizeof(answer.path) };

    if (get(fd, &answer.any, &answer.length) != 0)
        return false;
    if (answer.length > sizeof(answer.path))
        answer.length = sizeof(answer.path); /* a path without its NUL */
    *address = answer;
    return true;
}

static int get_peer(int fd, struct sockaddr *name, socklen_t *length)
{
    return getpeername(fd, name, length);
}

static int get_own(int fd, struct sockaddr *name, socklen_t *length)
{
    return getsockname(fd, name, length);
}

bool address_of_peer(struct address *address, int fd)
{
    return ask(address, fd, get_peer);
}

bool address_of_socket(struct address *address, int fd)
{
    return ask(address, fd, get_own);
}
