/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_PLACES_H
#define SERVICE_PLACES_H
#include "base/check.h"
#include "base/status.h"
#include "discovery/endpoint.h"
#include "health/health.h"
#include "service/service.h"

/*
 * The places of one service as they come and go: those that its sources name,
 * with the peers that are dialled there, and tunnels that dialled us.  Part of
 * the switchboard, which tells those that wait.
 */

/* Have these endpoints, and no other, as |endpoints->is_set| says. */
MUST_CHECK enum status places_set(struct service *service,
                                  const struct endpoints *endpoints);
/* Have none: the service goes. */
void places_clear(struct service *service);

/* |tunnel|, if it dialled us and that is wanted; no matter if it is one. */
void places_add_inbound(struct service *service, struct tunnel *tunnel);
/* Those that dialled us are no places any more, where that is not wanted. */
void places_drop_inbound(struct service *service);
/* The place that is |tunnel|, or NULL. */
struct place *places_of_tunnel(const struct service *service,
                               const struct tunnel *tunnel);

/* What a health check found counts from here on. */
void places_judge(struct service *service, const struct verdict *verdict);
/* Nothing that was known of them is: they are asked something else. */
void places_forget_verdicts(struct service *service);
#endif
