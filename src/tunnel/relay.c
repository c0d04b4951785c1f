/* SPDX-License-Identifier: MIT */
#include "tunnel/relay.h"
#include "base/clock.h"
#include "tunnel/tunnel.h"
#include <string.h>
#include <unistd.h>

enum {
    MAX_PARTS = 16,
    MAX_TURN_BYTES = 512 * 1024 /* read in a turn before others have theirs */
};

/* ---- the end ---- */

static void released(struct loop_deferred *deferred)
{
    struct relay *relay = CONTAINER_OF(deferred, struct relay, deferred);

    relay->events->ended(relay, (enum relay_ending)relay->ending);
}

static void leave_stream(struct relay *relay, enum code code)
{
    struct stream *stream = relay->stream;
    struct tunnel *tunnel = relay->tunnel;

    if (!stream)
        return;
    relay->stream = NULL;
    relay->tunnel = NULL;
    session_release(tunnel_session(tunnel), stream, code);
    tunnel_touch(tunnel);
}

/* Nothing more will happen here; both sides have been dealt with. */
static void end(struct relay *relay, enum relay_ending ending, enum code code)
{
    if (relay->closing)
        return;
    relay->closing = true;
    relay->ending = (uint8_t)ending;
    leave_stream(relay, code);
    chunk_queue_clear(&relay->early, &relay->host->pool);
    loop_task_cancel(&relay->task);
    host_leave(&relay->lingering);
    relay->host->relay_count--;
    loop_defer(relay->host->loop, &relay->deferred, released);
}

static void end_in_order(struct relay *relay)
{
    connection_close_in_order(&relay->connection);
    end(relay, RELAY_ENDED_IN_ORDER, CODE_NONE);
}

static void end_by_reset(struct relay *relay, enum relay_ending ending,
                         enum code code)
{
    connection_reset(&relay->connection);
    end(relay, ending, code);
}

/* Both directions are done and nothing waits: that was an orderly end. */
static void settle(struct relay *relay)
{
    if (!relay->closing && !relay->resetting && relay->up_ended &&
        relay->down_ended && relay->connection.queue.bytes == 0)
        end_in_order(relay);
}

/* ---- resets that wait for the bytes before them ---- */

/* Are the bytes that came before the reset where they belong? */
static bool is_delivered(const struct relay *relay)
{
    if (relay->ending == RELAY_RESET_HERE)
        return !relay->stream || session_unsent(relay->stream) == 0;
    if (relay->connection.fd < 0) /* it may yet be connected */
        return relay->ending != RELAY_RESET_THERE ||
               relay->connection.queue.bytes == 0;
    return relay->connection.queue.bytes == 0 &&
           connection_unacknowledged(&relay->connection) == 0;
}

static void look_at_linger(struct lingering *lingering, bool is_over)
{
    struct relay *relay = CONTAINER_OF(lingering, struct relay, lingering);

    if (!is_over && (!relay->resetting || !is_delivered(relay)))
        return;
    if (relay->stream) /* whatever has not left by now will not */
        session_reset(tunnel_session(relay->tunnel), relay->stream, CODE_RESET);
    end_by_reset(relay, (enum relay_ending)relay->ending, CODE_RESET);
}

/* |relay| is resetting: do it if it can be done, or wait. */
static void reset_when_delivered(struct relay *relay)
{
    if (is_delivered(relay))
        end_by_reset(relay, (enum relay_ending)relay->ending, CODE_RESET);
    else
        host_linger(relay->host, &relay->lingering, look_at_linger);
}

/* The peer's side ended abruptly: pass on what came before, then the reset. */
static void reset_connection(struct relay *relay, enum relay_ending ending)
{
    relay->up_ended = relay->down_ended = true;
    relay->resetting = true;
    relay->ending = (uint8_t)ending;
    leave_stream(relay, CODE_RESET);
    reset_when_delivered(relay);
}

/* The connection failed and was read to its end: the reset goes behind it. */
static void reset_stream(struct relay *relay)
{
    relay->up_ended = true;
    relay->resetting = true;
    connection_reset(&relay->connection);
    session_reset_behind(tunnel_session(relay->tunnel), relay->stream,
                         CODE_RESET, loop_now_us(relay->host->loop));
    tunnel_touch(relay->tunnel);
    reset_when_delivered(relay);
}

/*
 * The connection failed.  Nothing goes down any more, but what it sent before
 * is still passed on: a reset does not take back what has arrived, as it
 * would not if nobody stood between.  run() reads on, as there is room.
 */
static void connection_failed(struct relay *relay)
{
    if (relay->resetting || relay->closing || !relay->stream) {
        end_by_reset(relay, RELAY_RESET_HERE, CODE_RESET);
        return;
    }
    if (!relay->failing) {
        relay->failing = relay->down_ended = true;
        relay->ending = RELAY_RESET_HERE;
        session_stop(tunnel_session(relay->tunnel), relay->stream, CODE_RESET);
        tunnel_touch(relay->tunnel);
        host_linger(relay->host, &relay->lingering, look_at_linger);
        loop_schedule(relay->host->loop, &relay->task);
    }
    if (relay->up_ended || connection_unread(&relay->connection) == 0)
        reset_stream(relay);
}

/* ---- down: stream -> connection ---- */

static void consumed(struct relay *relay, size_t bytes)
{
    size_t announced =
        bytes < relay->announced_bytes ? bytes : relay->announced_bytes;

    relay->announced_bytes -= announced;
    bytes -= announced;
    if (!relay->stream || bytes == 0)
        return;
    session_consumed(tunnel_session(relay->tunnel), relay->stream, bytes,
                     loop_now_us(relay->host->loop));
    tunnel_touch(relay->tunnel);
}

/* Everything has gone down: pass on the FIN. */
static enum status pass_fin(struct relay *relay)
{
    enum status status;

    if (!relay->down_finished || relay->down_ended ||
        relay->connection.fd < 0 || relay->connection.queue.bytes > 0)
        return STATUS_OK;
    relay->down_ended = true;
    status = connection_finish(&relay->connection);
    if (status == STATUS_OK && relay->stream) {
        session_fin_consumed(tunnel_session(relay->tunnel), relay->stream,
                             loop_now_us(relay->host->loop));
        tunnel_touch(relay->tunnel);
    }
    return status;
}

/* What waits in the queue. */
static enum status push_down(struct relay *relay)
{
    size_t taken;
    enum status status = connection_flush(&relay->connection, &taken);

    consumed(relay, taken);
    return status == STATUS_OK ? pass_fin(relay) : status;
}

/* Copy what the kernel did not take of |parts|. */
static enum status keep_rest(struct relay *relay, const struct iovec *parts,
                             int count, size_t taken)
{
    for (int i = 0; i < count; i++) {
        const uint8_t *bytes = parts[i].iov_base;
        size_t length = parts[i].iov_len;
        size_t skip = taken < length ? taken : length;

        taken -= skip;
        if (length > skip && connection_queue(&relay->connection, bytes + skip,
                                              length - skip) != STATUS_OK)
            return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

void relay_stream_answered(struct relay *relay)
{
    if (relay->answered)
        return;
    relay->answered = true;
    if (relay->events->answered)
        relay->events->answered(relay);
}

void relay_down(struct relay *relay, const struct iovec *parts, int count,
                size_t bytes, bool finished)
{
    enum status status = STATUS_OK;
    size_t taken = 0;

    relay_stream_answered(relay);
    if (relay->closing || relay->down_ended) {
        consumed(relay, bytes); /* nobody to give them to any more */
        return;
    }
    if (relay->connection.fd >= 0 && bytes > 0)
        status = connection_write(&relay->connection, parts, count, &taken);
    if (status == STATUS_OK &&
        keep_rest(relay, parts, count, taken) != STATUS_OK) {
        relay_abort(relay, RELAY_SHORT);
        return;
    }
    relay->down_bytes += bytes;
    consumed(relay, taken);
    relay->down_finished = relay->down_finished || finished;
    if (status == STATUS_OK)
        status = pass_fin(relay);
    if (status != STATUS_OK)
        connection_failed(relay);
    else
        settle(relay);
}

/* ---- up: connection -> stream ---- */

static void up_ended(struct relay *relay)
{
    relay->up_ended = relay->up_finished = true;
    session_finish(tunnel_session(relay->tunnel), relay->stream,
                   loop_now_us(relay->host->loop));
}

/* One read; false if there is no more to do now. */
static bool pull_some(struct relay *relay, size_t *pulled)
{
    struct session *session = tunnel_session(relay->tunnel);
    struct iovec parts[MAX_PARTS];
    int count = session_prepare(session, relay->stream, parts, MAX_PARTS);
    enum status status;
    size_t bytes = 0;

    if (count == 0) { /* relay_wake() follows */
        if (!relay->failing && connection_has_failed(&relay->connection))
            connection_failed(relay);
        return false;
    }
    status = connection_read(&relay->connection, parts, count, &bytes);
    session_commit(session, relay->stream, bytes,
                   loop_now_us(relay->host->loop));
    relay->up_bytes += bytes;
    *pulled += bytes;
    if (status == STATUS_CLOSED)
        up_ended(relay);
    else if (status != STATUS_OK)
        connection_failed(relay);
    return status == STATUS_OK && bytes > 0;
}

static void pull_up(struct relay *relay)
{
    size_t pulled = 0;

    while (relay->stream && !relay->up_ended && relay->connection.readable) {
        if (pulled >= MAX_TURN_BYTES) {
            loop_schedule(relay->host->loop, &relay->task);
            break;
        }
        if (!pull_some(relay, &pulled))
            break;
    }
    if (relay->tunnel)
        tunnel_touch(relay->tunnel);
}

static void run(struct loop_task *task)
{
    struct relay *relay = CONTAINER_OF(task, struct relay, task);

    if (relay->closing || relay->connection.fd < 0)
        return;
    if (!relay->stream && !relay->resetting) { /* it waits for one */
        if (connection_has_failed(&relay->connection))
            connection_failed(relay);
        return;
    }
    if (relay->failing && !relay->resetting) {
        pull_up(relay);
        return;
    }
    if ((relay->connection.queue.bytes > 0 ||
         (relay->down_finished && !relay->down_ended)) &&
        push_down(relay) != STATUS_OK) {
        connection_failed(relay);
        return;
    }
    if (relay->resetting) {
        reset_when_delivered(relay);
        return;
    }
    if (relay->up_ended && relay->connection.failed != STATUS_OK) {
        connection_failed(relay); /* a reset behind its FIN */
        return;
    }
    pull_up(relay);
    settle(relay);
}

void relay_wake(struct relay *relay)
{
    loop_schedule(relay->host->loop, &relay->task);
}

/* ---- what becomes of the stream ---- */

void relay_stream_reset(struct relay *relay, enum code code)
{
    (void)code;
    relay_stream_answered(relay); /* anything but OPEN_FAIL is an answer */
    /* One that fails has stopped that direction: this is the answer. */
    if (!relay->closing && !relay->resetting && !relay->failing)
        reset_connection(relay, RELAY_RESET_THERE);
}

void relay_stream_stopped(struct relay *relay, enum code code)
{
    (void)code;
    relay_stream_answered(relay);
    if (relay->closing || relay->resetting)
        return;
    relay->up_ended = true;
    if (relay->failing)
        reset_stream(relay);
    else
        settle(relay);
}

void relay_stream_refused(struct relay *relay, enum code code, bool delivered)
{
    if (relay->closing || relay->resetting)
        return;
    if (relay->failing) { /* nobody is left to take it elsewhere for */
        end_by_reset(relay, RELAY_RESET_HERE, code);
        return;
    }
    if (!delivered)
        session_take_back(tunnel_session(relay->tunnel), relay->stream,
                          &relay->early);
    leave_stream(relay, code);
    relay->events->open_failed(relay, code, delivered);
}

/* May what the lost stream was for be tried elsewhere? */
static bool can_go_elsewhere(const struct relay *relay)
{
    return relay->events->open_failed && !relay->failing &&
           session_is_blank(relay->stream);
}

void relay_stream_lost(struct relay *relay)
{
    bool is_to_go_on = !relay->closing && !relay->resetting;
    bool is_blank = is_to_go_on && can_go_elsewhere(relay);

    if (is_blank)
        session_take_back(tunnel_session(relay->tunnel), relay->stream,
                          &relay->early);
    relay->stream = NULL; /* it goes with its tunnel */
    relay->tunnel = NULL;
    if (is_blank)
        relay->events->open_failed(relay, CODE_LOST, false);
    else if (is_to_go_on)
        reset_connection(relay, RELAY_LOST);
}

/* ---- from outside ---- */

void relay_init(struct relay *relay, struct host *host,
                const struct relay_events *events)
{
    *relay = (struct relay){ .host = host, .events = events };
    loop_task_init(&relay->task, run);
    connection_init(&relay->connection, host->loop, &host->pool, &relay->task);
    host->relay_count++;
}

enum status relay_connect(struct relay *relay, int fd)
{
    enum status status;

    if (relay->closing) { /* in this very turn */
        close(fd);
        return STATUS_CLOSED;
    }
    status = connection_open(&relay->connection, fd);
    if (status == STATUS_OK && relay->stream)
        session_accept(tunnel_session(relay->tunnel), relay->stream,
                       loop_now_us(relay->host->loop));
    return status;
}

enum status relay_attach(struct relay *relay, struct tunnel *tunnel,
                         const struct metadata *metadata)
{
    struct session *session = tunnel_session(tunnel);
    uint64_t now_us = loop_now_us(relay->host->loop);
    enum status status = session_open(session, metadata, relay, &relay->early,
                                      now_us, &relay->stream);

    if (status != STATUS_OK)
        return status;
    relay->tunnel = tunnel;
    if (relay->up_finished)
        session_finish(session, relay->stream, now_us);
    tunnel_touch(tunnel);
    loop_schedule(relay->host->loop, &relay->task);
    return STATUS_OK;
}

enum status relay_prefix(struct relay *relay, const uint8_t *bytes,
                         size_t length)
{
    uint64_t offset = 0;

    if (!chunk_queue_copy(&relay->early, &relay->host->pool, bytes, length))
        return STATUS_NO_MEMORY;
    for (struct chunk *chunk = relay->early.head; chunk; chunk = chunk->next) {
        chunk->offset = offset;
        offset += chunk->end;
    }
    return STATUS_OK;
}

int relay_take(struct relay *relay)
{
    int fd = connection_take(&relay->connection);

    ASSERT(!relay->stream);
    end(relay, RELAY_REFUSED, CODE_NONE);
    return fd;
}

void relay_adopt(struct relay *relay, struct tunnel *tunnel,
                 struct stream *stream)
{
    stream->owner = relay;
    relay->tunnel = tunnel;
    relay->stream = stream;
}

enum status relay_announce(struct relay *relay, const uint8_t *bytes,
                           size_t length)
{
    struct connection *connection = &relay->connection;

    ASSERT(connection->fd < 0);
    if (relay->closing) /* in this very turn */
        return STATUS_CLOSED;
    if (!chunk_queue_put_first(&connection->queue, &relay->host->pool, bytes,
                               length))
        return STATUS_NO_MEMORY;
    relay->announced_bytes += length;
    return STATUS_OK;
}

void relay_refuse(struct relay *relay, enum code code)
{
    if (relay->stream) {
        session_refuse(tunnel_session(relay->tunnel), relay->stream, code,
                       false);
        tunnel_touch(relay->tunnel);
    }
    end_by_reset(relay, RELAY_REFUSED, code);
}

void relay_abort(struct relay *relay, enum relay_ending ending)
{
    end_by_reset(relay, ending, CODE_RESET);
}
