/* SPDX-License-Identifier: MIT */
#ifndef SERVICE_SWITCHBOARD_H
#define SERVICE_SWITCHBOARD_H
#include "base/check.h"
#include "base/index.h"
#include "base/table.h"
#include "discovery/endpoint.h"
#include "health/health.h"
#include "service/arrival.h"
#include "service/catalogue.h"
#include "service/service.h"
#include "tunnel/handshaker.h"
#include "tunnel/host.h"

/*
 * Everything one worker carries: its services in their roles, the peers they
 * share, and the tunnels' events, which end here.  Owned by the worker; told
 * what to do by messages of the main thread.
 */
struct switchboard_events {
    /* Connections to a consumed service can be carried here, or no longer. */
    void (*usable_changed)(void *context, const char *service, bool usable);
    /* A service was not where it is known to be: once a second at most. */
    void (*doubted)(void *context, enum service_role role, const char *service);
    /* A connection that waits here in vain: takes |arrival| over. */
    void (*homeless)(void *context, struct arrival *arrival);
};

struct switchboard {
    struct host host;
    struct list services;
    struct index by_name; /* the services */
    struct index peers;   /* of struct shared_peer, by address */
    const struct switchboard_events *events; /* borrowed */
    void *context;
    struct catalogue catalogue;
    bool is_draining;
};

MUST_CHECK enum status switchboard_init(struct switchboard *board,
                                        struct host_options *host,
                                        const struct switchboard_events *events,
                                        void *context);
/* Aborts what is left; the loop must turn once more before it goes. */
void switchboard_stop(struct switchboard *board);
void switchboard_clear(struct switchboard *board);

/*
 * Have exactly these services.  Those that go end their connections in their
 * own time, unless a policy that changed forbids them.  STATUS_NO_MEMORY: some
 * may be missing.
 */
MUST_CHECK enum status switchboard_apply(struct switchboard *board,
                                         const struct service_options *options,
                                         size_t count);

/* Where a service is now; if that is set, tunnels that dialled us are not. */
MUST_CHECK enum status switchboard_place(struct switchboard *board,
                                         enum service_role role,
                                         const char *name,
                                         const struct endpoints *endpoints);

/* What health checks have found of places of a service. */
void switchboard_judge(struct switchboard *board, enum service_role role,
                       const char *name, const struct verdict *verdicts,
                       size_t count);

/* Carry a connection, which is taken over. */
void switchboard_accept(struct switchboard *board, struct arrival *arrival);

/* A peer that dialled us: takes |greeting| over. */
void switchboard_adopt(struct switchboard *board, struct greeting *greeting);

/* Another worker can carry |service|: give up those that wait in vain. */
void switchboard_release(struct switchboard *board, const char *service);

/*
 * Take no new streams, let go of what ends.  While somebody waits for a tunnel
 * we still open streams and dial, so say it again until nothing is left.
 */
void switchboard_drain(struct switchboard *board);

/* Identity or trust were replaced: check the peers of all tunnels again. */
void switchboard_recheck(struct switchboard *board);

struct service *switchboard_find(const struct switchboard *board,
                                 enum service_role role, const char *name);
#endif
