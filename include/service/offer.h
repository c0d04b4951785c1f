/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_OFFER_H
#define SERVICE_OFFER_H
#include "service/service.h"
#include "wire/metadata.h"

/*
 * The service's side of a tunnel: a stream that a peer opens, and may open,
 * becomes a connection to one of the service's endpoints.  Only a connection
 * that failed before a byte went out is tried elsewhere.
 */
/* May |tunnel|'s peer open this service? */
bool offer_allows(const struct service *service, struct tunnel *tunnel);

/* Take |stream|, which may: it gets an owner or is refused. */
void offer_open(struct service *service, struct tunnel *tunnel,
                struct stream *stream, const struct metadata *metadata);
#endif
