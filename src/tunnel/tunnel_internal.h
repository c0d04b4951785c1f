/* SPDX-License-Identifier: MIT */
#ifndef TUNNEL_TUNNEL_INTERNAL_H
#define TUNNEL_TUNNEL_INTERNAL_H
/* What tunnel.c, tunnel_receive.c and tunnel_send.c share. */
#include "base/clock.h"
#include "crypto/tls.h"
#include "net/connection.h"
#include "tunnel/handshaker.h"
#include "tunnel/tunnel.h"

enum { TUNNEL_MAX_PARTS = 64 }; /* pieces gathered for one write */

#define TUNNEL_HELLO_TIMEOUT_US (5 * CLOCK_SECOND)

struct tunnel {
    struct host *host; /* borrowed */
    struct connection connection;
    struct tls *tls;         /* owned */
    struct session *session; /* owned */
    struct loop_task receive_task;
    struct loop_task flush_task;
    struct loop_timer timer;
    uint64_t timer_us; /* when it goes off; 0: it does not run */
    struct loop_deferred deferred;
    struct list node; /* in host.tunnels */
    struct address address;
    uint64_t number;
    uint64_t opened_us;
    uint64_t moved_us; /* when the socket last took bytes */
    uint64_t sent_bytes;
    uint64_t received_bytes;
    void (*changed)(void *context, struct tunnel *tunnel);
    void (*ended)(void *context, struct tunnel *tunnel, const char *reason);
    void *context;
    struct recheck *recheck; /* under way; its context is this */

    uint8_t *carry; /* ciphertext read, not opened yet; owned */
    size_t carry_length;
    bool carry_is_new; /* came with the handshake: look before reading */

    /* Data for one relay, in host.input until handed on. */
    struct relay *gathered;
    struct iovec parts[TUNNEL_MAX_PARTS];
    int part_count;
    size_t part_bytes;

    bool is_dialler;
    bool is_draining;
    bool is_news; /* it changed, which is told behind the record */
    bool closing;
};

/* ---- tunnel.c ---- */

/* Everything ends here, once. */
void tunnel_end(struct tunnel *tunnel, const char *reason, const char *detail);
void tunnel_tell_changed(struct tunnel *tunnel);

/* ---- tunnel_receive.c ---- */

/* One read's worth. */
void tunnel_receive(struct tunnel *tunnel);
void tunnel_run_receive(struct loop_task *task);

/* ---- tunnel_send.c ---- */

/* As much as the socket takes, up to a turn's worth. */
MUST_CHECK enum status tunnel_send(struct tunnel *tunnel);
void tunnel_run_flush(struct loop_task *task);
/* CLOSE has been said: say close_notify, and that was it. */
void tunnel_say_goodbye(struct tunnel *tunnel);
/* Look at the tunnel again at |when_us| at the latest. */
void tunnel_wake_at(struct tunnel *tunnel, uint64_t when_us);
#endif
