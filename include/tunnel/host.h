/* SPDX-License-Identifier: MIT */
#ifndef TUNNEL_HOST_H
#define TUNNEL_HOST_H
#include "base/check.h"
#include "base/chunk.h"
#include "base/list.h"
#include "base/status.h"
#include "net/loop.h"
#include "wire/metadata.h"
#include "wire/session.h"
#include <stdbool.h>
#include <stdint.h>

struct tunnel;
struct handshaker;

/*
 * What the tunnels and relays of one worker have in common: its loop, the
 * memory of all its streams, room to seal and open in, and who is told.
 * Owned by the worker, embedded; nothing in it is for another thread.
 */
struct host_events {
    /* It is established, and what is said to it now comes right behind HELLO;
     * may be NULL. */
    void (*tunnel_opened)(void *context, struct tunnel *tunnel);
    /* Whether streams may be opened to the peer has changed. */
    void (*tunnel_changed)(void *context, struct tunnel *tunnel);
    /* The peer says that it offers something else; may be NULL. */
    void (*offers_changed)(void *context, struct tunnel *tunnel);
    /*
     * The peer asks for a service: give |stream| a relay as owner, or refuse
     * it, before returning.
     */
    void (*stream_opened)(void *context, struct tunnel *tunnel,
                          struct stream *stream,
                          const struct metadata *metadata);
    /* Open no more streams in it, and do not remember it after this. */
    void (*tunnel_ended)(void *context, struct tunnel *tunnel);
};

struct host_options {
    struct loop *loop;             /* borrowed */
    struct handshaker *handshaker; /* borrowed */
    struct limits limits;          /* of each tunnel */
    size_t max_memory_bytes;       /* for bytes of all streams */
    uint8_t instance[HELLO_INSTANCE];
    const char *node;                 /* borrowed */
    const char *version;              /* borrowed */
    const struct host_events *events; /* borrowed */
    void *context;
};

struct host {
    struct loop *loop;
    struct handshaker *handshaker;
    struct limits limits;
    struct chunk_pool pool;
    struct hello hello;
    const struct host_events *events;
    void *context;
    struct list tunnels;  /* every one that is established */
    uint32_t relay_count; /* relays and bridges that live */
    uint64_t next_tunnel; /* numbers for logs and status */
    bool is_draining;     /* dial no more */
    uint8_t *input;       /* what a tunnel reads into */
    uint8_t *output;      /* what a tunnel seals into */

    struct list lingering;
    struct loop_timer linger_timer;
};

/*
 * A relay or bridge that waits, for a bounded time, for its last bytes to go
 * before it resets.  |look| is called every few milliseconds and once when the
 * time is over; host_leave() ends it.
 */
struct lingering {
    struct list node;  /* in host.lingering */
    uint64_t until_us; /* 0: it does not linger */
    void (*look)(struct lingering *lingering, bool is_over);
};

void host_linger(struct host *host, struct lingering *lingering,
                 void (*look)(struct lingering *lingering, bool is_over));
/* Harmless for one that is zeroed or does not linger. */
void host_leave(struct lingering *lingering);

#define HOST_INPUT_BYTES (512u * 1024)
#define HOST_OUTPUT_BYTES (256u * 1024)

MUST_CHECK enum status host_init(struct host *host,
                                 const struct host_options *options);
/* Tunnels and relays are gone, and the loop still there. */
void host_clear(struct host *host);
#endif
