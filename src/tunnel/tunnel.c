/* SPDX-License-Identifier: MIT */
/*
 * The life of a tunnel; tunnel_receive.c and tunnel_send.c have what flows.
 *
 *   OPEN --HELLO--> READY --drain or GOAWAY--> DRAINING --> ENDED
 *     \___________________________________________________/
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "crypto/spiffe.h"
#include "tunnel/relay.h"
#include "tunnel/tunnel_internal.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRITE_STALL_US (30 * CLOCK_SECOND)

/* ---- the end ---- */

static void release(struct loop_deferred *deferred)
{
    struct tunnel *tunnel = CONTAINER_OF(deferred, struct tunnel, deferred);

    session_free(tunnel->session);
    tls_free(tunnel->tls);
    free(tunnel->carry);
    free(tunnel);
}

static void lose_streams(struct tunnel *tunnel)
{
    struct stream *stream;
    size_t position = 0;

    while ((stream = session_next_stream(tunnel->session, &position)))
        relay_stream_lost(stream->owner);
}

static void log_end(const struct tunnel *tunnel, const char *reason,
                    const char *detail)
{
    struct session_stats stats;

    /* One that never was up is a failed attempt, which whoever dialled it
     * reports; who dials us and says nothing may do so often. */
    if (!session_peer(tunnel->session)) {
        if (!tunnel->is_dialler)
            LOG_LIMITED(5, LOG_WARNING, "tunnel_failed",
                        log_text("from", tunnel_peer(tunnel)->text),
                        log_text("reason", detail));
        return;
    }
    session_stats(tunnel->session, &stats);
    LOG_LIMITED(50, LOG_INFO, "tunnel_closed",
                log_number("tunnel", (int64_t)tunnel->number),
                log_text("peer", tunnel_peer(tunnel)->text),
                log_text("reason", reason), log_text("detail", detail),
                log_number("streams", stats.streams),
                log_number("sent_bytes", (int64_t)tunnel->sent_bytes),
                log_number("received_bytes", (int64_t)tunnel->received_bytes));
}

/* Everything ends here, once. */
void tunnel_end(struct tunnel *tunnel, const char *reason, const char *detail)
{
    if (tunnel->closing)
        return;
    tunnel->closing = true;
    log_end(tunnel, reason, detail);
    if (tunnel->recheck)
        tunnel->recheck->context = NULL;
    connection_close_in_order(&tunnel->connection);
    loop_timer_stop(&tunnel->timer);
    loop_task_cancel(&tunnel->receive_task);
    loop_task_cancel(&tunnel->flush_task);
    lose_streams(tunnel);
    list_remove(&tunnel->node);
    loop_defer(tunnel->host->loop, &tunnel->deferred, release);
    if (tunnel->ended)
        tunnel->ended(tunnel->context, tunnel, *detail ? detail : reason);
    tunnel->host->events->tunnel_ended(tunnel->host->context, tunnel);
}

void tunnel_tell_changed(struct tunnel *tunnel)
{
    if (tunnel->changed)
        tunnel->changed(tunnel->context, tunnel);
    if (!tunnel->closing)
        tunnel->host->events->tunnel_changed(tunnel->host->context, tunnel);
}

void tunnel_touch(struct tunnel *tunnel)
{
    if (!tunnel->closing)
        loop_schedule_last(tunnel->host->loop, &tunnel->flush_task);
}

void tunnel_close(struct tunnel *tunnel, enum code code, const char *text)
{
    if (tunnel->closing)
        return;
    session_close(tunnel->session, code, text);
    if (tunnel_send(tunnel) == STATUS_OK &&
        session_is_finished(tunnel->session))
        tunnel_say_goodbye(tunnel);
    tunnel_end(tunnel, code_text(code), text);
}

/* ---- time ---- */

static const char *what_is_overdue(struct tunnel *tunnel)
{
    uint64_t now_us = loop_now_us(tunnel->host->loop);

    if (!session_peer(tunnel->session) &&
        now_us - tunnel->opened_us >= TUNNEL_HELLO_TIMEOUT_US)
        return "the peer sent no hello";
    if (tunnel->connection.queue.bytes > 0 &&
        now_us - tunnel->moved_us >= WRITE_STALL_US)
        return "the peer reads nothing";
    if (tls_peer_expires(tunnel->tls) <= clock_wall_seconds())
        return "the peer's certificate expired";
    if (session_tick(tunnel->session, now_us) == STATUS_OK)
        return NULL;
    /* Perhaps we did not look: a stopped process wakes up to old news. */
    tunnel->connection.readable = true;
    tunnel_receive(tunnel);
    if (tunnel->closing || session_tick(tunnel->session, now_us) == STATUS_OK)
        return NULL;
    return "the peer does not answer";
}

static void look(struct loop_timer *timer)
{
    struct tunnel *tunnel = CONTAINER_OF(timer, struct tunnel, timer);
    const char *overdue;

    tunnel->timer_us = 0;
    overdue = what_is_overdue(tunnel);
    if (overdue)
        tunnel_close(tunnel, CODE_TIMEOUT, overdue);
    else
        tunnel_touch(tunnel);
}

/* ---- from outside ---- */

static void init(struct tunnel *tunnel, const struct tunnel_options *options)
{
    struct host *host = options->host;

    tunnel->host = host;
    tunnel->tls = options->tls;
    tunnel->address = options->address;
    tunnel->is_dialler = options->role == SESSION_DIALER;
    tunnel->changed = options->changed;
    tunnel->ended = options->ended;
    tunnel->context = options->context;
    tunnel->number = ++host->next_tunnel;
    tunnel->opened_us = tunnel->moved_us = loop_now_us(host->loop);
    loop_task_init(&tunnel->receive_task, tunnel_run_receive);
    loop_task_init(&tunnel->flush_task, tunnel_run_flush);
    loop_timer_init(host->loop, &tunnel->timer, look);
    connection_init(&tunnel->connection, host->loop, &host->pool,
                    &tunnel->receive_task);
}

static enum status make_session(struct tunnel *tunnel,
                                const struct tunnel_options *options)
{
    struct session_options session = {
        .role = options->role,
        .limits = tunnel->host->limits,
        .pool = &tunnel->host->pool,
        .hello = tunnel->host->hello,
        .seed = random_seed(),
        .now_us = tunnel->opened_us,
    };

    tunnel->session = session_new(&session);
    tunnel->carry = malloc(options->surplus_length > TLS_MAX_RECORD
                               ? options->surplus_length
                               : TLS_MAX_RECORD);
    if (!tunnel->session || !tunnel->carry)
        return STATUS_NO_MEMORY;
    if (options->surplus_length > 0)
        memcpy(tunnel->carry, options->surplus, options->surplus_length);
    tunnel->carry_length = options->surplus_length;
    tunnel->carry_is_new = options->surplus_length > 0;
    return STATUS_OK;
}

enum status tunnel_open(const struct tunnel_options *options,
                        struct tunnel **opened)
{
    struct tunnel *tunnel = calloc(1, sizeof(*tunnel));

    if (!tunnel) {
        close(options->fd);
        tls_free(options->tls);
        return STATUS_NO_MEMORY;
    }
    init(tunnel, options);
    if (make_session(tunnel, options) != STATUS_OK) {
        close(options->fd);
        release(&tunnel->deferred);
        return STATUS_NO_MEMORY;
    }
    if (connection_open(&tunnel->connection, options->fd) != STATUS_OK) {
        release(&tunnel->deferred);
        return STATUS_NO_MEMORY;
    }
    list_append(&options->host->tunnels, &tunnel->node);
    tunnel_touch(tunnel);
    *opened = tunnel;
    if (options->host->events->tunnel_opened)
        options->host->events->tunnel_opened(options->host->context, tunnel);
    return STATUS_OK;
}

void tunnel_go_away(struct tunnel *tunnel)
{
    session_go_away(tunnel->session, CODE_DRAINING);
    tunnel_touch(tunnel);
}

void tunnel_drain(struct tunnel *tunnel)
{
    if (tunnel->is_draining)
        return;
    tunnel->is_draining = true;
    tunnel_go_away(tunnel);
    tunnel_tell_changed(tunnel);
}

void tunnel_disown(struct tunnel *tunnel)
{
    tunnel->changed = NULL;
    tunnel->ended = NULL;
}

bool tunnel_is_usable(const struct tunnel *tunnel)
{
    return !tunnel->closing && !tunnel->is_draining &&
           session_can_open(tunnel->session);
}

struct session *tunnel_session(const struct tunnel *tunnel)
{
    return tunnel->session;
}

const struct spiffe *tunnel_peer(const struct tunnel *tunnel)
{
    return tls_peer(tunnel->tls);
}

uint64_t tunnel_number(const struct tunnel *tunnel)
{
    return tunnel->number;
}

struct tunnel *tunnel_of_node(struct list *node)
{
    return LIST_ITEM(node, struct tunnel, node);
}

void tunnel_report(const struct tunnel *tunnel, struct tunnel_report *report)
{
    const struct hello *peer = session_peer(tunnel->session);

    *report = (struct tunnel_report){
        .number = tunnel->number,
        .peer = tunnel_peer(tunnel)->text,
        .node = peer ? peer->node : "",
        .version = peer ? peer->version : "",
        .address = tunnel->address,
        .aead = tls_aead_name(tunnel->tls),
        .is_dialler = tunnel->is_dialler,
        .is_ready = peer != NULL,
        .is_draining = tunnel->is_draining,
        .age_us = loop_now_us(tunnel->host->loop) - tunnel->opened_us,
        .sent_bytes = tunnel->sent_bytes,
        .received_bytes = tunnel->received_bytes,
        .expires = tls_peer_expires(tunnel->tls),
        .offers = session_peer_offers(tunnel->session),
    };
    session_stats(tunnel->session, &report->session);
}

/* ---- is the peer still welcome? ---- */

static void rechecked(struct recheck *recheck)
{
    struct tunnel *tunnel = recheck->context;

    if (tunnel) {
        tunnel->recheck = NULL;
        if (recheck->status != STATUS_OK)
            tunnel_close(tunnel, CODE_REVOKED, recheck->failure);
    }
    recheck_free(recheck);
}

void tunnel_recheck(struct tunnel *tunnel)
{
    size_t length;
    const uint8_t *chain = tls_peer_chain(tunnel->tls, &length);
    struct recheck *recheck = calloc(1, sizeof(*recheck));

    if (recheck)
        recheck->chain = malloc(length);
    if (!recheck || !recheck->chain) {
        recheck_free(recheck);
        tunnel_close(tunnel, CODE_OVERLOAD, "out of memory");
        return;
    }
    memcpy(recheck->chain, chain, length);
    recheck->length = length;
    recheck->reply_to = tunnel->host->loop;
    recheck->done = rechecked;
    recheck->context = tunnel;
    if (tunnel->recheck)
        tunnel->recheck->context = NULL; /* only the latest answer counts */
    tunnel->recheck = recheck;
    handshaker_recheck(tunnel->host->handshaker, recheck);
}
