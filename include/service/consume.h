/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_CONSUME_H
#define SERVICE_CONSUME_H
#include "service/arrival.h"
#include "service/service.h"

/*
 * The application's side of a service behind tunnels: each connection becomes
 * a stream to an ambassador that offers the service, another one if the first
 * refuses, and waits while there is none.
 */

/*
 * No tunnel to |place|, or one to somebody who may not claim to offer it or who
 * says that it does not, or that the service is not up there.
 */
const char *consume_obstacle(void *service, const struct place *place);

/*
 * Heed what |tunnel|'s peer (NULL: every peer) says that it offers; true if
 * that opens or bars a place.  Harmless for other roles.
 */
bool consume_hear(struct service *service, const struct tunnel *tunnel);
/* |tunnel| has ended: what was said in it counts no more. */
void consume_forget(struct service *service, const struct tunnel *tunnel);

/* That who is at |place| is none of the service's peers, or NULL. */
const char *consume_stranger(const struct service *service,
                             const struct place *place);
/* What the ambassador at |place| says against it (static text), or NULL. */
const char *consume_objection(const struct place *place);

/* The tunnel to |place| that takes streams now, or NULL. */
struct tunnel *consume_tunnel(const struct place *place);

/* Carry |arrival|, which is taken over. */
void consume_accept(struct service *service, struct arrival *arrival);

/*
 * Hand over those that wait here, without a tunnel of this worker, by
 * |give(context, arrival)|, which takes |arrival| over.
 */
void consume_hand_over(struct service *service,
                       void (*give)(void *context, struct arrival *arrival),
                       void *context);
#endif
