/* SPDX-License-Identifier: MIT */
/*
 * In: socket -> host.input -> records opened in place -> frames -> relays,
 *     which write from there; what the socket leaves over is copied.
 * Out: session -> records sealed into host.output -> socket; likewise.
 *
 *   OPEN --HELLO--> READY --drain or GOAWAY--> DRAINING --> ENDED
 *     \___________________________________________________/
 */
#include "tunnel/tunnel.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "crypto/tls.h"
#include "tunnel/handshaker.h"
#include "tunnel/relay.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_PARTS = 64, MAX_FLUSH_BYTES = 1024 * 1024 };

#define HELLO_TIMEOUT_US (5 * CLOCK_SECOND)
#define WRITE_STALL_US (30 * CLOCK_SECOND)

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
    struct iovec parts[MAX_PARTS];
    int part_count;
    size_t part_bytes;

    bool is_dialler;
    bool is_draining;
    bool closing;
};

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
    LOG(LOG_INFO, "tunnel_closed",
        log_number("tunnel", (int64_t)tunnel->number),
        log_text("peer", tunnel_peer(tunnel)->text), log_text("reason", reason),
        log_text("detail", detail), log_number("streams", stats.streams),
        log_number("sent_bytes", (int64_t)tunnel->sent_bytes),
        log_number("received_bytes", (int64_t)tunnel->received_bytes));
}

/* Everything ends here, once. */
static void end(struct tunnel *tunnel, const char *reason, const char *detail)
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

/* ---- out ---- */

static void wake_at(struct tunnel *tunnel, uint64_t when_us)
{
    uint64_t now_us = loop_now_us(tunnel->host->loop);

    if (tunnel->timer_us && tunnel->timer_us <= when_us)
        return;
    tunnel->timer_us = when_us;
    loop_timer_start(&tunnel->timer, when_us > now_us ? when_us - now_us : 0);
}

static void plan_next_look(struct tunnel *tunnel)
{
    uint64_t deadline_us = session_deadline(tunnel->session);

    if (!session_peer(tunnel->session))
        deadline_us = tunnel->opened_us + HELLO_TIMEOUT_US;
    wake_at(tunnel, deadline_us);
}

/* Hand |length| sealed bytes to the socket, or keep what it does not take. */
static enum status write_out(struct tunnel *tunnel, const uint8_t *bytes,
                             size_t length)
{
    struct iovec part = { .iov_len = length };
    size_t taken;
    enum status status;

    part.iov_base = tunnel->host->output;
    ASSERT(bytes == tunnel->host->output);
    status = connection_write(&tunnel->connection, &part, 1, &taken);
    if (status != STATUS_OK)
        return status;
    tunnel->sent_bytes += length;
    if (taken > 0)
        tunnel->moved_us = loop_now_us(tunnel->host->loop);
    return taken < length ? connection_queue(&tunnel->connection, bytes + taken,
                                             length - taken)
                          : STATUS_OK;
}

/* Seal what the session has into host.output; returns the bytes. */
static size_t seal_batch(struct tunnel *tunnel)
{
    uint64_t now_us = loop_now_us(tunnel->host->loop);
    struct session_record record;
    size_t used = 0;

    while (used + TLS_MAX_PLAINTEXT + TLS_SEAL_OVERHEAD <= HOST_OUTPUT_BYTES &&
           session_pull(tunnel->session, now_us, &record))
        used += tls_seal(tunnel->tls, record.bytes, record.length,
                         tunnel->host->output + used);
    return used;
}

static enum status flush_queue(struct tunnel *tunnel)
{
    size_t taken;
    enum status status = connection_flush(&tunnel->connection, &taken);

    if (taken > 0)
        tunnel->moved_us = loop_now_us(tunnel->host->loop);
    return status;
}

/* As much as the socket takes, up to a turn's worth. */
static enum status send_all(struct tunnel *tunnel)
{
    enum status status = flush_queue(tunnel);
    size_t sent = 0;

    while (status == STATUS_OK && tunnel->connection.queue.bytes == 0 &&
           sent < MAX_FLUSH_BYTES) {
        size_t length = seal_batch(tunnel);

        if (length == 0)
            return STATUS_OK;
        status = write_out(tunnel, tunnel->host->output, length);
        sent += length;
    }
    if (status == STATUS_OK && tunnel->connection.queue.bytes == 0)
        loop_schedule_last(tunnel->host->loop, &tunnel->flush_task);
    return status;
}

static void wake_relays(struct tunnel *tunnel)
{
    struct stream *stream;

    while ((stream = session_next_writable(tunnel->session)))
        relay_wake(stream->owner);
}

/* CLOSE has been said: say close_notify, and that was it. */
static void say_goodbye(struct tunnel *tunnel)
{
    size_t length = tls_seal_close(tunnel->tls, tunnel->host->output);

    (void)write_out(tunnel, tunnel->host->output, length);
    (void)flush_queue(tunnel);
}

static void flush(struct loop_task *task)
{
    struct tunnel *tunnel = CONTAINER_OF(task, struct tunnel, flush_task);
    enum status status = send_all(tunnel);

    if (status != STATUS_OK) {
        end(tunnel, "lost", status_text(status));
        return;
    }
    if (tunnel->is_draining && session_stream_count(tunnel->session) == 0) {
        tunnel_close(tunnel, CODE_NONE, "drained");
        return;
    }
    wake_relays(tunnel);
    plan_next_look(tunnel);
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
    if (send_all(tunnel) == STATUS_OK && session_is_finished(tunnel->session))
        say_goodbye(tunnel);
    end(tunnel, code_text(code), text);
}

/* ---- in ---- */

static void deliver_gathered(struct tunnel *tunnel, bool finished)
{
    struct relay *relay = tunnel->gathered;

    tunnel->gathered = NULL;
    if (relay)
        relay_down(relay, tunnel->parts, tunnel->part_count, tunnel->part_bytes,
                   finished);
    tunnel->part_count = 0;
    tunnel->part_bytes = 0;
}

static bool is_in_input(const struct tunnel *tunnel, const uint8_t *bytes)
{
    return bytes >= tunnel->host->input &&
           bytes < tunnel->host->input + HOST_INPUT_BYTES;
}

/* Several pieces for one relay in a row become one write. */
static void gather(struct tunnel *tunnel, const struct session_event *event)
{
    struct relay *relay = event->stream->owner;
    union {
        const uint8_t *from;
        void *to; /* struct iovec knows no const */
    } bytes = { .from = event->bytes };

    if (tunnel->gathered != relay || tunnel->part_count == MAX_PARTS)
        deliver_gathered(tunnel, false);
    if (tunnel->closing || event->stream->owner != relay)
        return; /* the delivery ended them */
    tunnel->gathered = relay;
    if (event->length > 0)
        tunnel->parts[tunnel->part_count++] =
            (struct iovec){ .iov_base = bytes.to, .iov_len = event->length };
    tunnel->part_bytes += event->length;
    if (event->finished || !is_in_input(tunnel, event->bytes))
        deliver_gathered(tunnel, event->finished);
}

static void became_ready(struct tunnel *tunnel)
{
    const struct hello *peer = session_peer(tunnel->session);

    LOG(LOG_INFO, "tunnel_opened",
        log_number("tunnel", (int64_t)tunnel->number),
        log_text("peer", tunnel_peer(tunnel)->text),
        log_text("node", peer->node), log_text("version", peer->version),
        log_text("direction", tunnel->is_dialler ? "dialled" : "accepted"),
        log_text("aead", tls_aead_name(tunnel->tls)));
}

static void tell_changed(struct tunnel *tunnel)
{
    if (tunnel->changed)
        tunnel->changed(tunnel->context, tunnel);
    if (!tunnel->closing)
        tunnel->host->events->tunnel_changed(tunnel->host->context, tunnel);
}

static void react(struct tunnel *tunnel, const struct session_event *event)
{
    struct host *host = tunnel->host;

    if (event->type == SESSION_NOTHING)
        return;
    if (event->type == SESSION_DATA) {
        gather(tunnel, event);
        return;
    }
    deliver_gathered(tunnel, false);
    if (tunnel->closing || (event->stream && !event->stream->owner &&
                            event->type != SESSION_OPENED))
        return;
    switch (event->type) {
    case SESSION_NOTHING:
    case SESSION_DATA:
        break;
    case SESSION_READY:
        became_ready(tunnel);
        tell_changed(tunnel);
        break;
    case SESSION_OPENED:
        host->events->stream_opened(host->context, tunnel, event->stream,
                                    event->metadata);
        break;
    case SESSION_ANSWERED:
        relay_stream_answered(event->stream->owner);
        break;
    case SESSION_OPEN_FAILED:
        relay_stream_refused(event->stream->owner, event->code,
                             event->delivered);
        break;
    case SESSION_RESET:
        relay_stream_reset(event->stream->owner, event->code);
        break;
    case SESSION_STOPPED:
        relay_stream_stopped(event->stream->owner, event->code);
        break;
    case SESSION_GOING_AWAY:
        tell_changed(tunnel);
        break;
    case SESSION_CLOSED:
        end(tunnel, code_text(event->code), event->reason);
        break;
    }
}

/* Frames of one record. */
static void take(struct tunnel *tunnel, const uint8_t *plaintext, size_t length)
{
    struct session_input input = { .at = plaintext, .length = length };
    uint64_t now_us = loop_now_us(tunnel->host->loop);
    struct session_event event;

    do {
        enum status status =
            session_receive(tunnel->session, &input, now_us, &event);

        if (status != STATUS_OK) {
            tunnel_close(tunnel, CODE_PROTOCOL,
                         session_failure(tunnel->session));
            return;
        }
        react(tunnel, &event);
    } while (event.type != SESSION_NOTHING && !tunnel->closing);
}

static void fail_tls(struct tunnel *tunnel, enum status status)
{
    if (status == STATUS_CLOSED)
        end(tunnel, "lost", "the peer ended TLS without CLOSE");
    else
        end(tunnel, status == STATUS_REFUSED ? "refused" : "lost",
            tls_failure(tunnel->tls));
}

/* Keep the piece of a record that is not all here yet. */
static enum status keep(struct tunnel *tunnel, const uint8_t *bytes,
                        size_t length)
{
    if (length > 0 && !tunnel->carry) {
        tunnel->carry = malloc(TLS_MAX_RECORD);
        if (!tunnel->carry)
            return STATUS_NO_MEMORY;
    }
    if (length > 0)
        memcpy(tunnel->carry, bytes, length);
    tunnel->carry_length = length;
    return STATUS_OK;
}

static void open_records(struct tunnel *tunnel, size_t length)
{
    uint8_t *at = tunnel->host->input;
    struct tls_record record;
    enum status status;

    for (;;) {
        status = tls_open(tunnel->tls, at, length, &record);
        if (status != STATUS_OK || record.consumed == 0)
            break;
        at += record.consumed;
        length -= record.consumed;
        if (record.length > 0)
            take(tunnel, record.plaintext, record.length);
        if (tunnel->closing)
            return;
    }
    deliver_gathered(tunnel, false);
    if (tunnel->closing)
        return;
    if (status == STATUS_OK)
        status = keep(tunnel, at, length);
    if (status != STATUS_OK)
        fail_tls(tunnel, status);
    else
        tunnel_touch(tunnel);
}

/* One read's worth. */
static void receive(struct tunnel *tunnel)
{
    struct host *host = tunnel->host;
    size_t carried = tunnel->carry_length, bytes;
    struct iovec part = { .iov_base = host->input + carried,
                          .iov_len = HOST_INPUT_BYTES - carried };
    enum status status = connection_read(&tunnel->connection, &part, 1, &bytes);

    if (status != STATUS_OK) {
        end(tunnel, "lost",
            status == STATUS_CLOSED ? "the peer closed the connection"
                                    : status_text(status));
        return;
    }
    if (bytes == 0 && !tunnel->carry_is_new)
        return;
    tunnel->carry_is_new = false;
    tunnel->received_bytes += bytes;
    if (carried > 0)
        memcpy(host->input, tunnel->carry, carried);
    open_records(tunnel, carried + bytes);
}

static void run_receive(struct loop_task *task)
{
    struct tunnel *tunnel = CONTAINER_OF(task, struct tunnel, receive_task);

    receive(tunnel);
    if (tunnel->closing)
        return;
    if (tunnel->connection.readable)
        loop_schedule(tunnel->host->loop, &tunnel->receive_task);
    if (tunnel->connection.writable)
        tunnel_touch(tunnel);
}

/* ---- time ---- */

static const char *what_is_overdue(struct tunnel *tunnel)
{
    uint64_t now_us = loop_now_us(tunnel->host->loop);

    if (!session_peer(tunnel->session) &&
        now_us - tunnel->opened_us >= HELLO_TIMEOUT_US)
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
    receive(tunnel);
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
    loop_task_init(&tunnel->receive_task, run_receive);
    loop_task_init(&tunnel->flush_task, flush);
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
    return STATUS_OK;
}

void tunnel_drain(struct tunnel *tunnel)
{
    if (tunnel->is_draining)
        return;
    tunnel->is_draining = true;
    session_go_away(tunnel->session, CODE_DRAINING);
    tunnel_touch(tunnel);
    tell_changed(tunnel);
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

bool tunnel_is_draining(const struct tunnel *tunnel)
{
    return tunnel->is_draining;
}

struct session *tunnel_session(const struct tunnel *tunnel)
{
    return tunnel->session;
}

struct host *tunnel_host(const struct tunnel *tunnel)
{
    return tunnel->host;
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
