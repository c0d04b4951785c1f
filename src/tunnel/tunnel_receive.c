/* SPDX-License-Identifier: MIT */
/*
 * What comes in: ciphertext into the host's input, records opened where they
 * lie, frames to the session, bytes to the relays.
 */
#include "base/log.h"
#include "crypto/spiffe.h"
#include "tunnel/relay.h"
#include "tunnel/tunnel_internal.h"
#include <stdlib.h>
#include <string.h>

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

    if (tunnel->gathered != relay || tunnel->part_count == TUNNEL_MAX_PARTS)
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

    LOG_LIMITED(50, LOG_INFO, "tunnel_opened",
                log_number("tunnel", (int64_t)tunnel->number),
                log_text("peer", tunnel_peer(tunnel)->text),
                log_text("node", peer->node),
                log_text("version", peer->version),
                log_text("direction",
                         tunnel->is_dialler ? "dialled" : "accepted"),
                log_text("aead", tls_aead_name(tunnel->tls)));
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
        tunnel->is_news = true;
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
        tunnel->is_news = true;
        break;
    case SESSION_OFFERS:
        if (host->events->offers_changed)
            host->events->offers_changed(host->context, tunnel);
        break;
    case SESSION_CLOSED:
        tunnel_end(tunnel, code_text(event->code), event->reason);
        break;
    }
}

/*
 * Told behind the record: HELLO and what the peer offers come in one, and only
 * with both is it known what may be opened.
 */
static void tell_news(struct tunnel *tunnel)
{
    if (tunnel->is_news && !tunnel->closing)
        tunnel_tell_changed(tunnel);
    tunnel->is_news = false;
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
    tell_news(tunnel);
}

static void fail_tls(struct tunnel *tunnel, enum status status)
{
    if (status == STATUS_CLOSED)
        tunnel_end(tunnel, "lost", "the peer ended TLS without CLOSE");
    else
        tunnel_end(tunnel, status == STATUS_REFUSED ? "refused" : "lost",
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
void tunnel_receive(struct tunnel *tunnel)
{
    struct host *host = tunnel->host;
    size_t carried = tunnel->carry_length, bytes;
    struct iovec part = { .iov_base = host->input + carried,
                          .iov_len = HOST_INPUT_BYTES - carried };
    enum status status = connection_read(&tunnel->connection, &part, 1, &bytes);

    if (status != STATUS_OK) {
        tunnel_end(tunnel, "lost",
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

void tunnel_run_receive(struct loop_task *task)
{
    struct tunnel *tunnel = CONTAINER_OF(task, struct tunnel, receive_task);

    tunnel_receive(tunnel);
    if (tunnel->closing)
        return;
    if (tunnel->connection.readable)
        loop_schedule(tunnel->host->loop, &tunnel->receive_task);
    if (tunnel->connection.writable)
        tunnel_touch(tunnel);
}
