/* SPDX-License-Identifier: MIT */
/*
 * What goes out: records pulled from the session, sealed into the host's
 * output, written at once for all that the turn has put together.
 */
#include "base/clock.h"
#include "tunnel/relay.h"
#include "tunnel/tunnel_internal.h"

enum { MAX_FLUSH_BYTES = 1024 * 1024 };

void tunnel_wake_at(struct tunnel *tunnel, uint64_t when_us)
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
        deadline_us = tunnel->opened_us + TUNNEL_HELLO_TIMEOUT_US;
    tunnel_wake_at(tunnel, deadline_us);
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
enum status tunnel_send(struct tunnel *tunnel)
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
void tunnel_say_goodbye(struct tunnel *tunnel)
{
    size_t length = tls_seal_close(tunnel->tls, tunnel->host->output);

    (void)write_out(tunnel, tunnel->host->output, length);
    (void)flush_queue(tunnel);
}

void tunnel_run_flush(struct loop_task *task)
{
    struct tunnel *tunnel = CONTAINER_OF(task, struct tunnel, flush_task);
    enum status status = tunnel_send(tunnel);

    if (status != STATUS_OK) {
        tunnel_end(tunnel, "lost", status_text(status));
        return;
    }
    if (tunnel->is_draining && session_stream_count(tunnel->session) == 0) {
        tunnel_close(tunnel, CODE_NONE, "drained");
        return;
    }
    wake_relays(tunnel);
    plan_next_look(tunnel);
}
