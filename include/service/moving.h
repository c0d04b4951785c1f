/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_MOVING_H
#define SERVICE_MOVING_H

/*
 * What becomes of connections whose place went away or was demoted, by
 * service_options.move_us: they go on, or are reset, at once or some time
 * later; never an end of file, which would look like the end of an answer.
 * One whose place comes back before is let alone.  Connections that are still
 * being dialled go elsewhere at once.
 *
 * A place is demoted when it ranks worse than it did when the connection went
 * there, and a better one is in the pool; or when a health check says so.
 */
struct service;
struct passage;
struct place;

/* Places came, went or changed, or the policy did. */
void moving_look(struct service *service);

/*
 * A health check found that |place| has lost the role that is wanted, or has
 * it again.  After pool_judge(), so that nobody is sent there again.
 */
void moving_demoted(struct service *service, struct place *place);
void moving_returned(struct service *service, struct place *place);

/* |passage| leaves its place. */
void moving_forget(struct passage *passage);
#endif
