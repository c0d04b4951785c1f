/* SPDX-License-Identifier: MIT */
/*
 * DOWN --timer--> DIALLING --established--> UP
 *   ^-----failed-----/  ^----successor wanted--/ |
 *   \---------------------lost--------------------/
 */
#include "tunnel/peer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "tunnel/handshaker.h"
#include "tunnel/tunnel.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_NAME = 300, MAX_FAILURE = 600, MAX_TUNNELS = 8 };

#define HANDSHAKE_TIMEOUT_US (5 * CLOCK_SECOND)
#define FIRST_DELAY_US (100 * CLOCK_MS)
#define MAX_DELAY_US (5 * CLOCK_SECOND)
#define HURRIED_DELAY_US (500 * CLOCK_MS)

struct peer {
    struct host *host;
    struct address address;
    char name[MAX_NAME];
    struct greeting *greeting;           /* under way; its context is this */
    struct tunnel *tunnels[MAX_TUNNELS]; /* the usable one and draining ones */
    struct loop_timer timer;
    struct loop_deferred deferred;
    struct random random;
    uint64_t delay_us; /* the most the next attempt may wait */
    uint32_t failures;
    char failure[MAX_FAILURE];
};

struct tunnel *peer_tunnel(const struct peer *peer)
{
    for (int i = 0; i < MAX_TUNNELS; i++)
        if (peer->tunnels[i] && tunnel_is_usable(peer->tunnels[i]))
            return peer->tunnels[i];
    return NULL;
}

/* Is there a tunnel that will or may be of use? */
static bool has_prospect(const struct peer *peer)
{
    for (int i = 0; i < MAX_TUNNELS; i++) {
        struct tunnel_report report;

        if (!peer->tunnels[i])
            continue;
        if (tunnel_is_usable(peer->tunnels[i]))
            return true;
        tunnel_report(peer->tunnels[i], &report);
        if (!report.is_ready)
            return true; /* its HELLO is on the way */
        if (!session_is_worn(tunnel_session(peer->tunnels[i])))
            return true; /* full for the moment */
    }
    return false;
}

/* Full jitter: anything up to a maximum that grows with each failure. */
static void dial_later(struct peer *peer)
{
    uint64_t delay_us = random_below(&peer->random, peer->delay_us);

    peer->delay_us = peer->delay_us * 8 / 5;
    if (peer->delay_us > MAX_DELAY_US)
        peer->delay_us = MAX_DELAY_US;
    loop_timer_start(&peer->timer, delay_us + CLOCK_MS);
}

static void note_failure(struct peer *peer, const char *failure)
{
    bool is_news = strcmp(peer->failure, failure) != 0;

    peer->failures++;
    text_format(peer->failure, sizeof(peer->failure), "%s", failure);
    /* The first time, when it changes, and now and then. */
    if (is_news || (peer->failures & (peer->failures - 1)) == 0)
        LOG_LIMITED(20, LOG_WARNING, "tunnel_failed",
                    log_text("to", peer->name), log_text("reason", failure),
                    log_number("failures", peer->failures));
}

static void tunnel_was_changed(void *context, struct tunnel *tunnel)
{
    struct peer *peer = context;

    if (tunnel_is_usable(tunnel)) {
        peer->failures = 0;
        peer->failure[0] = '\0';
        peer->delay_us = FIRST_DELAY_US;
    } else if (!peer->greeting && !has_prospect(peer)) {
        dial_later(peer);
    }
}

static void tunnel_has_ended(void *context, struct tunnel *tunnel,
                             const char *reason)
{
    struct peer *peer = context;

    if (!session_peer(tunnel_session(tunnel)))
        note_failure(peer, reason); /* it never was up */
    for (int i = 0; i < MAX_TUNNELS; i++)
        if (peer->tunnels[i] == tunnel)
            peer->tunnels[i] = NULL;
    if (!peer->greeting && !has_prospect(peer))
        dial_later(peer);
}

static int free_place(const struct peer *peer)
{
    for (int i = 0; i < MAX_TUNNELS; i++)
        if (!peer->tunnels[i])
            return i;
    return -1;
}

static void established(struct peer *peer, struct greeting *greeting)
{
    int place = free_place(peer);
    struct tunnel_options options = {
        .host = peer->host,
        .tls = greeting->tls,
        .fd = greeting->fd,
        .role = SESSION_DIALER,
        .surplus = greeting->surplus,
        .surplus_length = greeting->surplus_length,
        .address = peer->address,
        .changed = tunnel_was_changed,
        .ended = tunnel_has_ended,
        .context = peer,
    };

    if (place < 0) { /* that many are still draining */
        dial_later(peer);
        return;
    }
    greeting->tls = NULL;
    greeting->fd = -1;
    if (tunnel_open(&options, &peer->tunnels[place]) != STATUS_OK) {
        note_failure(peer, "out of memory");
        dial_later(peer);
    }
}

static void take_outcome(struct peer *peer, struct greeting *greeting)
{
    peer->greeting = NULL;
    if (peer->host->is_draining)
        return; /* nobody needs it any more */
    if (greeting->status == STATUS_OK) {
        established(peer, greeting);
    } else {
        note_failure(peer, greeting->failure);
        dial_later(peer);
    }
}

static void handshake_is_done(struct greeting *greeting)
{
    if (greeting->context)
        take_outcome(greeting->context, greeting);
    greeting_free(greeting);
}

static void dial(struct peer *peer)
{
    struct greeting *greeting = calloc(1, sizeof(*greeting));

    if (!greeting) {
        dial_later(peer);
        return;
    }
    greeting->reply_to = peer->host->loop;
    greeting->done = handshake_is_done;
    greeting->context = peer;
    greeting->role = TLS_CLIENT;
    greeting->address = peer->address;
    greeting->fd = -1;
    greeting->timeout_us = HANDSHAKE_TIMEOUT_US;
    peer->greeting = greeting;
    handshaker_submit(peer->host->handshaker, greeting);
}

static void time_to_dial(struct loop_timer *timer)
{
    struct peer *peer = CONTAINER_OF(timer, struct peer, timer);

    if (!peer->greeting && !has_prospect(peer) && !peer->host->is_draining)
        dial(peer);
}

struct peer *peer_new(const struct peer_options *options)
{
    struct peer *peer = calloc(1, sizeof(*peer));

    if (!peer)
        return NULL;
    peer->host = options->host;
    peer->address = options->address;
    text_format(peer->name, sizeof(peer->name), "%s", options->name);
    peer->random = random_from_seed(random_seed());
    peer->delay_us = FIRST_DELAY_US;
    loop_timer_init(peer->host->loop, &peer->timer, time_to_dial);
    dial(peer);
    return peer;
}

static void release(struct loop_deferred *deferred)
{
    free(CONTAINER_OF(deferred, struct peer, deferred));
}

void peer_free(struct peer *peer)
{
    if (!peer)
        return;
    if (peer->greeting)
        peer->greeting->context = NULL;
    loop_timer_stop(&peer->timer);
    for (int i = 0; i < MAX_TUNNELS; i++) {
        if (!peer->tunnels[i])
            continue;
        tunnel_disown(peer->tunnels[i]);
        tunnel_drain(peer->tunnels[i]);
    }
    loop_defer(peer->host->loop, &peer->deferred, release);
}

void peer_hurry(struct peer *peer)
{
    if (peer->delay_us > HURRIED_DELAY_US &&
        loop_timer_is_running(&peer->timer)) {
        peer->delay_us = HURRIED_DELAY_US;
        dial_later(peer);
    }
}

const struct address *peer_address(const struct peer *peer)
{
    return &peer->address;
}

void peer_report(const struct peer *peer, struct peer_report *report)
{
    report->failure = peer->failure;
    report->failures = peer->failures;
    report->state = peer_tunnel(peer)    ? "up"
                    : peer->greeting     ? "dialling"
                    : has_prospect(peer) ? "opening"
                                         : "down";
}
