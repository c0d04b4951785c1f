/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_DIRECT_H
#define SERVICE_DIRECT_H
#include "service/arrival.h"
#include "service/service.h"

/*
 * A single ambassador: the application's connection goes to one of the
 * service's endpoints without a tunnel.  Until one answers nothing is read,
 * so every one may be tried, and the connection waits while none does.
 */
/* Carry |arrival|, which is taken over. */
void direct_accept(struct service *service, struct arrival *arrival);
#endif
