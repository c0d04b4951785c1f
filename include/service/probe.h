/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_PROBE_H
#define SERVICE_PROBE_H
#include "service/service.h"
#include <stdbool.h>

/*
 * Would a connection to a service succeed now?  Opens one, through the tunnel
 * if there is one in between, and drops it before a byte is exchanged.
 */

/*
 * |done| is called once, maybe from inside; |why| is "" or says what failed
 * (static text).
 */
void probe_service(struct service *service,
                   void (*done)(void *context, bool reached, const char *why),
                   void *context);
#endif
