/* SPDX-License-Identifier: MIT */
#ifndef NET_PROXY_PROTOCOL_H
#define NET_PROXY_PROTOCOL_H
#include "net/address.h"
#include <stddef.h>
#include <stdint.h>

/*
 * PROXY protocol version 2 (haproxy.org, proxy-protocol.txt, section 2.2): the
 * header that tells a service whose connection it really is.  Written only.
 */
enum { PROXY_PROTOCOL_MAX = 16 + 36 };

/*
 * Write the header for a connection from |source| to |destination| to |out|,
 * which holds PROXY_PROTOCOL_MAX bytes; returns its length.  Addresses of
 * different families, or Unix ones, make a LOCAL header, which says nothing.
 */
size_t proxy_protocol_write(const struct address *source,
                            const struct address *destination, uint8_t *out);
#endif
