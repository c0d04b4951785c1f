/* SPDX-License-Identifier: MIT */
#ifndef TUNNEL_BRIDGE_H
#define TUNNEL_BRIDGE_H
#include "base/check.h"
#include "base/status.h"
#include "net/connection.h"
#include "tunnel/host.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * The pump between two connections, for a single ambassador without a tunnel:
 * what tunnel/relay is with one.  Embedded in what opened it; lives until
 * |ended|.
 */
enum { BRIDGE_APPLICATION, BRIDGE_SERVICE };

struct bridge {
    struct connection ends[2];
    struct loop_task task;
    struct loop_deferred deferred;
    struct lingering lingering;
    struct host *host; /* borrowed */
    /* The last thing to happen: the callee frees what embeds |bridge|. */
    void (*ended)(struct bridge *bridge, bool in_order);
    uint64_t bytes[2];          /* read from each end */
    bool was_finished[2];       /* its FIN was read and passed on */
    struct connection *failing; /* was reset, but has bytes to be read */
    bool resetting;
    bool closing;
    bool in_order;
};

void bridge_init(struct bridge *bridge, struct host *host,
                 void (*ended)(struct bridge *bridge, bool in_order));

/*
 * Takes ownership of |fd|; once both ends are there, bytes flow.
 * STATUS_NO_MEMORY: |fd| is closed.
 */
MUST_CHECK enum status bridge_connect(struct bridge *bridge, int end, int fd);

/* Bytes for the service in front of all others. */
MUST_CHECK enum status bridge_prefix(struct bridge *bridge,
                                     const uint8_t *bytes, size_t length);

/* Reset both; |ended| follows, not from inside. */
void bridge_abort(struct bridge *bridge);
#endif
