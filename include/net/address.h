/* SPDX-License-Identifier: MIT */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H
#include "base/check.h"
#include "base/status.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/*
 * Where a socket is: IPv4 or IPv6 with a port, or a Unix socket's path
 * ("unix:/path", "unix:@abstract").  Never a name: those are resolved in
 * discovery.
 */
struct address {
    socklen_t length;
    union {
        sa_family_t family;
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un path;
    };
};

/* Enough for any address as text. */
enum { ADDRESS_TEXT = 128 };

/*
 * "192.0.2.1:80", "[2001:db8::1]:80", "[fe80::1%eth0]:80", "unix:/path" (no
 * relative one), "unix:@abstract".  Port 0 is for listeners: any free one.
 */
MUST_CHECK bool address_parse(struct address *address, const char *text);

/* Why address_parse() says no, as half a sentence; NULL if it does not. */
const char *address_why_not(const char *text);

/*
 * The other way; returns |text|, which holds ADDRESS_TEXT bytes.  Parses to
 * an equal address, but for a Unix socket without a name or with an odd one.
 */
const char *address_format(const struct address *address, char *text);

/*
 * Split "name:port" or "[v6]:port" or "v4:port".  |host| holds |size| bytes.
 * False if it is not of that form, |host| neither a name nor an IP, or the
 * port not 1 to 65535.
 */
MUST_CHECK bool address_split(const char *text, char *host, size_t size,
                              uint16_t *port);

/* |ip| is numeric, v4 or v6 (no brackets), perhaps with its %interface. */
MUST_CHECK bool address_from_ip(struct address *address, const char *ip,
                                uint16_t port);
/*
 * A name of DNS: letters, digits, '-', '_', dots; at most 253 bytes, perhaps
 * a dot at the end.  The last label is no number: that is a mistyped IPv4.
 */
MUST_CHECK bool address_is_host_name(const char *text);

bool address_is_unix(const struct address *address);
bool address_is_loopback(const struct address *address); /* Unix too */
bool address_equal(const struct address *a, const struct address *b);
/* The same for those that are equal; for struct index. */
uint64_t address_hash(const struct address *address);
uint16_t address_port(const struct address *address); /* 0 for Unix */
void address_set_port(struct address *address, uint16_t port);
/* Where the other end, or ours, of a connected socket is. */
MUST_CHECK bool address_of_peer(struct address *address, int fd);
MUST_CHECK bool address_of_socket(struct address *address, int fd);
#endif
