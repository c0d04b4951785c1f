/* SPDX-License-Identifier: MIT */
#ifndef NET_SOCKET_OPTIONS_H
#define NET_SOCKET_OPTIONS_H
#include "net/address.h"

/*
 * What every TCP socket of ours has; nothing for Unix sockets.  Accepted ones
 * inherit it from their listener.
 *
 *   no delay      ours is the decision what to send together
 *   keepalive     a peer that is gone without a word is noticed in two minutes,
 *                 and firewalls do not forget a quiet connection
 *   congestion    reno on loopback: a system's choice that paces (bbr) costs
 *                 twice the processor there and gains nothing
 *
 * |address| is where it listens or connects to.  What cannot be set is left.
 */
void socket_options_set(int fd, const struct address *address);
#endif
