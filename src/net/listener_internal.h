/* SPDX-License-Identifier: MIT */
#ifndef NET_LISTENER_INTERNAL_H
#define NET_LISTENER_INTERNAL_H
#include "net/listener_socket.h"

/* What listener_socket.c says and listener.c too. */
void listener_explain(struct net_error *error, const struct address *address,
                      const char *reason);
#endif
