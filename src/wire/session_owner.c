/* SPDX-License-Identifier: MIT */
/*
 * What the owner of a stream does with it once it is open: write, read, end,
 * let go.
 */
#include "wire/session_internal.h"
#include <string.h>

enum {
    SMALL_READ = CHUNK_LARGE / 4, /* kept in a chunk of its own size */
    WORTH_READING = 1024
};

/* ---- writing ---- */

uint64_t session_unsent(const struct stream *stream)
{
    return stream->written - stream->sent;
}

/* Credit for bytes that are not written yet, if it is worth using. */
static uint64_t credit_to_write(const struct stream *stream)
{
    uint64_t credit = stream->send_limit > stream->written
                          ? stream->send_limit - stream->written
                          : 0;

    if (credit < WORTH_READING && stream->written > stream->acknowledged)
        return 0; /* more will come with the acknowledgement */
    return credit;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t difference(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/*
 * How much of its reserve |stream|, which holds |held| bytes, has left: that is
 * always its own, so that nobody waits for others.
 */
static uint64_t own_room(const struct session *session, uint64_t held)
{
    return difference(session->limits.reserve_bytes, held);
}

/* What |stream| may add to the bytes that are not sent. */
static uint64_t unsent_room(const struct session *session,
                            const struct stream *stream)
{
    return larger(difference(session->limits.max_unsent_bytes,
                             session->unsent_bytes),
                  own_room(session, session_unsent(stream)));
}

/*
 * What it may add to the bytes that are not acknowledged.  Beyond the reserve
 * it may have the same part of what is left as is left of all: so a stream
 * alone has plenty, and any number of stalled ones leaves the next one some.
 */
static uint64_t retained_room(const struct session *session,
                              const struct stream *stream)
{
    uint64_t most = session->limits.max_retained_bytes;
    uint64_t left = difference(most, session->retained_bytes);
    uint64_t part = left > 0 ? left * left / most : 0;

    return difference(session->limits.reserve_bytes + part,
                      stream->retained.bytes);
}

/* How many bytes |stream| may be given now. */
static uint64_t room_for(const struct session *session,
                         const struct stream *stream)
{
    uint64_t room;

    if (!stream_can_write(stream))
        return 0;
    /* Credit is the peer's to give, but the memory is ours. */
    room =
        smaller(unsent_room(session, stream), retained_room(session, stream));
    if (room < WORTH_READING)
        return 0;
    return smaller(room, credit_to_write(stream));
}

bool session_is_full(const struct session *session, const struct stream *stream)
{
    return stream_can_write(stream) && credit_to_write(stream) > 0 &&
           retained_room(session, stream) < WORTH_READING;
}

/* Remember to tell |stream|'s owner when there is room again. */
static int refuse_room(struct session *session, struct stream *stream)
{
    if (!stream_can_write(stream))
        return 0;
    stream->starved = true;
    list_remove(&stream->room);
    /* For credit the peer's WINDOW will call it, for room whoever makes it. */
    if (credit_to_write(stream) > 0)
        list_append(&session->starved, &stream->room);
    return 0;
}

/* Those who could not use it go behind the others. */
void session_wake(struct session *session, unsigned count)
{
    struct list *node;

    for (; count > 0 && (node = list_first(&session->starved)); count--) {
        bool has_room =
            room_for(session, LIST_ITEM(node, struct stream, room)) > 0;

        list_remove(node);
        list_append(has_room ? &session->writable : &session->starved, node);
    }
}

int session_prepare(struct session *session, struct stream *stream,
                    struct iovec *parts, int max_parts)
{
    uint64_t room = room_for(session, stream);
    int count = 0;

    ASSERT(session->prepared_count == 0);
    if (room == 0)
        return refuse_room(session, stream);
    if (max_parts > stream->read_parts)
        max_parts = stream->read_parts;
    for (; count < max_parts && room > 0; count++) {
        struct chunk *chunk = chunk_new(session->pool, CHUNK_LARGE);

        if (!chunk)
            break;
        parts[count].iov_base = chunk_bytes(chunk);
        parts[count].iov_len = room < CHUNK_LARGE ? room : CHUNK_LARGE;
        room -= parts[count].iov_len;
        session->prepared[count] = chunk;
    }
    session->prepared_count = count;
    return count > 0 ? count : refuse_room(session, stream);
}

/* Put |chunk|, with |bytes| in it, behind what is written. */
static void append(struct session *session, struct stream *stream,
                   struct chunk *chunk, uint32_t bytes)
{
    chunk->offset = stream->written;
    chunk->end = bytes;
    chunk_queue_append(&stream->retained, chunk);
    if (!stream->unsent)
        stream->unsent = chunk;
    stream->written += bytes;
    session->unsent_bytes += bytes;
    session->retained_bytes += bytes;
}

/*
 * Keep a short read in the last chunk or in one of its size, so that it does
 * not hold a large one until it is acknowledged.  False: keep the large one.
 */
static bool append_small(struct session *session, struct stream *stream,
                         const struct chunk *read, uint32_t bytes)
{
    struct chunk *tail = stream->retained.tail;
    const uint8_t *from = read->room + CHUNK_HEADROOM;

    if (tail && tail->capacity - tail->end >= bytes) {
        memcpy(chunk_bytes(tail) + tail->end, from, bytes);
        tail->end += bytes;
        stream->retained.bytes += bytes;
        if (!stream->unsent)
            stream->unsent = tail;
        stream->written += bytes;
        session->unsent_bytes += bytes;
        session->retained_bytes += bytes;
        return true;
    }
    tail = chunk_new(session->pool, bytes);
    if (!tail)
        return false;
    memcpy(chunk_bytes(tail), from, bytes);
    append(session, stream, tail, bytes);
    return true;
}

/* Read as much at once next time as this time shows there is. */
static void adapt_read(struct stream *stream, int prepared, size_t bytes)
{
    if (bytes >= (size_t)prepared * CHUNK_LARGE) {
        if (stream->read_parts < MAX_PARTS)
            stream->read_parts = (uint8_t)(stream->read_parts * 2);
    } else if (bytes < (size_t)prepared * CHUNK_LARGE / 4 &&
               stream->read_parts > 1) {
        stream->read_parts /= 2;
    }
}

void session_commit(struct session *session, struct stream *stream,
                    size_t bytes, uint64_t now_us)
{
    int count = session->prepared_count;

    session->prepared_count = 0;
    if (bytes > 0)
        adapt_read(stream, count, bytes);
    for (int i = 0; i < count; i++) {
        struct chunk *chunk = session->prepared[i];
        uint32_t part = (uint32_t)(bytes < CHUNK_LARGE ? bytes : CHUNK_LARGE);

        bytes -= part;
        if (part == 0 ||
            (part <= SMALL_READ && append_small(session, stream, chunk, part)))
            chunk_free(session->pool, chunk);
        else
            append(session, stream, chunk, part);
    }
    ASSERT(bytes == 0 && stream->written <= stream->send_limit);
    stream->starved = false;
    session_data(session, stream, now_us);
}

static void want_no_room(struct stream *stream)
{
    stream->starved = false;
    list_remove(&stream->room);
}

void session_finish(struct session *session, struct stream *stream,
                    uint64_t now_us)
{
    if (stream->sending != SENDING_OPEN)
        return;
    stream_advance(stream, STREAM_FIN_WANTED);
    want_no_room(stream);
    session_data(session, stream, now_us);
}

static void want_reset(struct session *session, struct stream *stream,
                       enum code code)
{
    want_no_room(stream);
    if (!stream_can(stream, STREAM_RESET_WANTED))
        return;
    stream_advance(stream, STREAM_RESET_WANTED);
    stream->reset_code = (uint16_t)code;
    if (session_unsent(stream) == 0) {
        schedule_remove(stream);
        session_control(session, stream);
    }
}

void session_reset(struct session *session, struct stream *stream,
                   enum code code)
{
    if (stream->sending == SENDING_OVER)
        return;
    session_drop_unsent(session, stream);
    schedule_remove(stream);
    if (stream->sending == SENDING_RESETTING)
        session_control(session, stream); /* it was behind bytes until now */
    else
        want_reset(session, stream, code);
}

void session_reset_behind(struct session *session, struct stream *stream,
                          enum code code, uint64_t now_us)
{
    if (stream->sending == SENDING_OVER || stream->sending == SENDING_RESETTING)
        return;
    want_reset(session, stream, code);
    session_data(session, stream, now_us);
}

/* ---- reading ---- */

void session_stop(struct session *session, struct stream *stream,
                  enum code code)
{
    if (stream->discarding || stream->receiving == RECEIVING_OVER ||
        stream->receiving == RECEIVING_CONSUMED)
        return;
    stream->discarding = true;
    if (stream->receiving == RECEIVING_OPEN) { /* there is more to stop */
        stream->stop_due = true;
        stream->stop_code = (uint16_t)code;
        session_control(session, stream);
    }
    session_discard(session, stream);
}

void session_consumed(struct session *session, struct stream *stream,
                      size_t bytes, uint64_t now_us)
{
    if (bytes == 0 || stream->discarding)
        return;
    credit_consumed(&session->credit, stream, bytes);
    if (stream->receiving == RECEIVING_OVER)
        return; /* the peer has ended it and wants no news */
    stream->window_due = true;
    if ((stream->awaited && stream->consumed == stream->received) ||
        (stream->receiving == RECEIVING_OPEN && !stream->discarding &&
         credit_is_urgent(&session->credit, stream,
                          session_memory_is_short(session))))
        session_control(session, stream);
    else
        session_control_later(session, stream, now_us);
}

void session_fin_consumed(struct session *session, struct stream *stream,
                          uint64_t now_us)
{
    if (stream->receiving != RECEIVING_FINISHED)
        return;
    ASSERT(stream->consumed == stream->received);
    stream_advance(stream, STREAM_ALL_CONSUMED);
    stream->window_due = true;
    session_control_later(session, stream, now_us);
}

void session_release(struct session *session, struct stream *stream,
                     enum code code)
{
    stream->owner = NULL;
    list_remove(&stream->room);
    /* What was refused can wait for credit for ever. */
    if (stream->sending == SENDING_OPEN ||
        (stream->refused && session_unsent(stream) > 0))
        session_reset(session, stream, code);
    session_stop(session, stream, code);
    session_discard(session, stream);
    session_settle(session, stream);
}

bool session_is_blank(const struct stream *stream)
{
    return !stream->answered && stream->sent == 0 &&
           (stream->sending == SENDING_OPEN ||
            stream->sending == SENDING_FINISHING);
}

void session_take_back(struct session *session, struct stream *stream,
                       struct chunk_queue *bytes)
{
    ASSERT(stream->acknowledged == 0);
    ASSERT(stream->refused || session_is_blank(stream));
    session->unsent_bytes -= session_unsent(stream);
    session->retained_bytes -= stream->retained.bytes;
    *bytes = stream->retained;
    stream->retained = (struct chunk_queue){ 0 };
    stream->unsent = NULL;
    stream->written = stream->sent;
    if (stream->sending != SENDING_FINISHED)
        session_reset(session, stream, CODE_STOPPED);
}

struct stream *session_next_writable(struct session *session)
{
    struct list *node = list_first(&session->writable);
    struct stream *stream;

    if (!node)
        return NULL;
    list_remove(node);
    stream = LIST_ITEM(node, struct stream, room);
    stream->starved = false;
    return stream;
}
