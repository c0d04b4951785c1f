/* SPDX-License-Identifier: MIT */
#include "tunnel/bridge.h"
#include <unistd.h>

enum { MAX_TURN_BYTES = 1024 * 1024, READ_BYTES = 256 * 1024 };

static void released(struct loop_deferred *deferred)
{
    struct bridge *bridge = CONTAINER_OF(deferred, struct bridge, deferred);

    bridge->ended(bridge, bridge->in_order);
}

static void end(struct bridge *bridge, bool in_order)
{
    if (bridge->closing)
        return;
    bridge->closing = true;
    bridge->in_order = in_order;
    for (int i = 0; i < 2; i++) {
        if (in_order)
            connection_close_in_order(&bridge->ends[i]);
        else
            connection_reset(&bridge->ends[i]);
    }
    loop_task_cancel(&bridge->task);
    host_leave(&bridge->lingering);
    bridge->host->relay_count--;
    loop_defer(bridge->host->loop, &bridge->deferred, released);
}

/* Has everything that was read from one end reached the other's kernel? */
static bool is_delivered(const struct bridge *bridge)
{
    for (int i = 0; i < 2; i++) {
        const struct connection *to = &bridge->ends[i];

        if (to->fd >= 0 &&
            (to->queue.bytes > 0 || connection_unacknowledged(to) > 0))
            return false;
    }
    return true;
}

static void look_at_linger(struct lingering *lingering, bool is_over)
{
    struct bridge *bridge = CONTAINER_OF(lingering, struct bridge, lingering);

    if (is_over || (bridge->resetting && is_delivered(bridge)))
        end(bridge, false);
}

/*
 * |from| failed: the other end gets what had come before, which run() goes on
 * to read, then a reset.
 */
static void reset_behind(struct bridge *bridge, struct connection *from)
{
    if (bridge->failing && bridge->failing != from) { /* both have */
        end(bridge, false);
        return;
    }
    if (!bridge->failing) {
        bridge->failing = from;
        host_linger(bridge->host, &bridge->lingering, look_at_linger);
        loop_schedule(bridge->host->loop, &bridge->task);
    }
    if (connection_unread(from) > 0)
        return;
    connection_reset(from);
    bridge->resetting = true;
    if (is_delivered(bridge))
        end(bridge, false);
}

/* Write |bytes| of host.input to |to|; what it does not take is queued. */
static enum status pass_on(struct bridge *bridge, struct connection *to,
                           size_t bytes)
{
    struct iovec part = { .iov_base = bridge->host->input, .iov_len = bytes };
    size_t taken;
    enum status status = connection_write(to, &part, 1, &taken);

    if (status != STATUS_OK || taken == bytes)
        return status;
    return connection_queue(to, bridge->host->input + taken, bytes - taken);
}

/* One read and write from end |i|; false if there is no more to do now. */
static bool pump_some(struct bridge *bridge, int i, size_t *moved)
{
    struct connection *from = &bridge->ends[i], *to = &bridge->ends[!i];
    struct iovec part = { .iov_base = bridge->host->input,
                          .iov_len = READ_BYTES };
    size_t bytes;
    enum status status = connection_read(from, &part, 1, &bytes);

    if (status == STATUS_CLOSED) {
        bridge->was_finished[i] = true;
        if (connection_finish(to) != STATUS_OK)
            reset_behind(bridge, to);
        return false;
    }
    if (status != STATUS_OK) {
        reset_behind(bridge, from);
        return false;
    }
    bridge->bytes[i] += bytes;
    *moved += bytes;
    if (bytes > 0 && pass_on(bridge, to, bytes) != STATUS_OK) {
        reset_behind(bridge, to);
        return false;
    }
    return bytes > 0;
}

/* Everything that can move from end |i| now. */
static void pump(struct bridge *bridge, int i)
{
    struct connection *from = &bridge->ends[i], *to = &bridge->ends[!i];
    size_t moved = 0;

    while (!bridge->closing && !bridge->resetting && from->readable &&
           !bridge->was_finished[i] && to->queue.bytes == 0) {
        if (moved >= MAX_TURN_BYTES) {
            loop_schedule(bridge->host->loop, &bridge->task);
            return;
        }
        if (!pump_some(bridge, i, &moved))
            return;
    }
}

static void flush(struct bridge *bridge)
{
    for (int i = 0; i < 2 && !bridge->closing; i++) {
        struct connection *to = &bridge->ends[i];
        size_t taken;

        if (to != bridge->failing && to->fd >= 0 &&
            (to->queue.bytes > 0 || to->finish_wanted) &&
            connection_flush(to, &taken) != STATUS_OK)
            reset_behind(bridge, to);
    }
}

/* Who is not read, since the other end is slow, may have been reset. */
static void notice_failures(struct bridge *bridge)
{
    for (int i = 0; i < 2; i++)
        if (!bridge->closing && !bridge->failing &&
            bridge->ends[!i].queue.bytes > 0 &&
            connection_has_failed(&bridge->ends[i]))
            reset_behind(bridge, &bridge->ends[i]);
}

static void run(struct loop_task *task)
{
    struct bridge *bridge = CONTAINER_OF(task, struct bridge, task);
    struct connection *ends = bridge->ends;

    if (bridge->closing)
        return;
    flush(bridge);
    if (bridge->resetting) {
        look_at_linger(&bridge->lingering, false);
        return;
    }
    if (ends[BRIDGE_SERVICE].fd < 0) { /* it is being dialled */
        if (connection_has_failed(&ends[BRIDGE_APPLICATION]))
            end(bridge, false);
        return;
    }
    for (int i = 0; i < 2; i++)
        if (!bridge->failing || bridge->failing == &ends[i])
            pump(bridge, i);
    notice_failures(bridge);
    if (!bridge->closing && bridge->was_finished[0] &&
        bridge->was_finished[1] && ends[0].finished && ends[1].finished)
        end(bridge, true);
}

void bridge_init(struct bridge *bridge, struct host *host,
                 void (*ended)(struct bridge *bridge, bool in_order))
{
    *bridge = (struct bridge){ .host = host, .ended = ended };
    loop_task_init(&bridge->task, run);
    for (int i = 0; i < 2; i++)
        connection_init(&bridge->ends[i], host->loop, &host->pool,
                        &bridge->task);
    host->relay_count++;
}

enum status bridge_connect(struct bridge *bridge, int end, int fd)
{
    if (bridge->closing) { /* in this very turn */
        close(fd);
        return STATUS_CLOSED;
    }
    return connection_open(&bridge->ends[end], fd);
}

enum status bridge_prefix(struct bridge *bridge, const uint8_t *bytes,
                          size_t length)
{
    return connection_queue(&bridge->ends[BRIDGE_SERVICE], bytes, length);
}

void bridge_abort(struct bridge *bridge)
{
    end(bridge, false);
}
