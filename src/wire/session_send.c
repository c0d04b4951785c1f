/* SPDX-License-Identifier: MIT */
/*
 * The sending half: what is due, as frames in the plaintext of one record.
 * Replies are flags and numbers in objects that exist, so nothing queues up
 * for a peer that does not read.
 */
#include "wire/session_internal.h"
#include <stdlib.h>
#include <string.h>

enum {
    WORTH_SEALING_IN_PLACE = 4096, /* below, copying is cheaper */
    LARGEST_STREAM_CONTROL = FRAME_HEADER + FRAME_MAX_OPEN
};

static size_t room_in(const struct bytes_writer *writer)
{
    return (size_t)(writer->end - writer->at);
}

/* ---- about the session ---- */

static void put_hello(struct session *session, struct bytes_writer *writer)
{
    struct bytes_writer payload = *writer;

    frame_encode_header(&payload, FRAME_HELLO, 0, 0, 0);
    payload.start = payload.at;
    hello_encode(&session->hello, &payload);
    frame_encode_header(writer, FRAME_HELLO, 0, bytes_written(&payload), 0);
    writer->at = payload.at;
    session->hello_due = false;
}

static void put_session_frames(struct session *session,
                               struct bytes_writer *writer)
{
    if (session->hello_due)
        put_hello(session, writer);
    if (session->answer_due)
        frame_put_ping(writer, session->answer_number, true);
    if (session->ping_due)
        frame_put_ping(writer, session->ping_number, false);
    if (session->streams_due) {
        session->accept_limit =
            session->accepted_over + session->limits.max_streams;
        frame_put_streams(writer, session->accept_limit);
    }
    if (session->goaway_due)
        frame_put_goaway(writer, (uint16_t)session->goaway_code);
    if (session->offers_due)
        frame_put_offers(writer, session->offered->bytes,
                         session->offered->length,
                         session->offered->is_partial);
    session->answer_due = session->ping_due = session->streams_due =
        session->goaway_due = session->offers_due = false;
}

/* ---- about streams ---- */

static void put_open(struct stream *stream, struct bytes_writer *writer)
{
    struct bytes_writer payload = *writer;

    frame_encode_header(&payload, FRAME_OPEN, 0, 0, stream->id);
    payload.start = payload.at;
    metadata_encode(stream->metadata, &payload);
    frame_encode_header(writer, FRAME_OPEN, 0, bytes_written(&payload),
                        stream->id);
    writer->at = payload.at;
    free(stream->metadata);
    stream->metadata = NULL;
    stream->open_due = false;
}

static void put_window(struct session *session, struct stream *stream,
                       struct bytes_writer *writer, uint64_t now_us)
{
    bool is_consumed = stream->receiving == RECEIVING_CONSUMED;
    uint64_t limit = stream->receive_limit;

    stream->window_due = false;
    if (stream->receiving == RECEIVING_OVER)
        return;
    if (stream->receiving == RECEIVING_OPEN && !stream->discarding)
        limit = credit_limit(&session->credit, stream,
                             session_memory_is_short(session));
    if (stream->spoken && !is_consumed && limit == stream->receive_limit &&
        stream->consumed == stream->told_consumed)
        return; /* no news, and the peer knows that we are here */
    stream->spoken = true;
    credit_promise(&session->credit, stream, limit, now_us,
                   session->liveness.min_rtt_us);
    frame_put_window(writer, stream->id, stream->consumed + is_consumed, limit);
    if (is_consumed)
        stream_advance(stream, STREAM_ACKNOWLEDGEMENT_SENT);
}

static void put_ends(struct stream *stream, struct bytes_writer *writer)
{
    const uint8_t *before = writer->at;

    if (stream->stop_due)
        frame_put_stop(writer, stream->id, stream->stop_code);
    stream->stop_due = false;
    if (stream->open_fail_due) {
        frame_put_open_fail(writer, stream->id, stream->reset_code,
                            stream->delivered);
        stream->open_fail_due = false;
        stream_advance(stream, STREAM_RESET_SENT);
    } else if (stream->sending == SENDING_RESETTING &&
               session_unsent(stream) == 0) {
        frame_put_reset(writer, stream->id, stream->reset_code, stream->sent);
        stream_advance(stream, STREAM_RESET_SENT);
    }
    if (writer->at != before)
        stream->spoken = true;
}

/* What |stream| has due besides its bytes; it may be gone afterwards. */
static void put_control(struct session *session, struct stream *stream,
                        struct bytes_writer *writer, uint64_t now_us)
{
    list_remove(&stream->control);
    if (stream->open_due)
        put_open(stream, writer);
    put_ends(stream, writer); /* OPEN_FAIL comes before anything else */
    if (stream->window_due)
        put_window(session, stream, writer, now_us);
    session_data(session, stream, now_us);
    session_settle(session, stream);
}

static void put_controls(struct session *session, struct bytes_writer *writer,
                         uint64_t now_us)
{
    struct list *node;

    while (room_in(writer) >= LARGEST_STREAM_CONTROL &&
           (node = list_first(&session->control)))
        put_control(session, LIST_ITEM(node, struct stream, control), writer,
                    now_us);
}

/* ---- bytes of streams ---- */

/* |length| bytes of |stream| are on their way, with FIN if it is due. */
static void sent(struct session *session, struct stream *stream, size_t length,
                 bool fin)
{
    stream->spoken = true;
    stream->sent += length;
    session->unsent_bytes -= length;
    session->sent_bytes += length;
    while (stream->unsent &&
           stream->sent >= stream->unsent->offset + stream->unsent->end)
        stream->unsent = stream->unsent->next;
    if (fin)
        stream_advance(stream, STREAM_FIN_SENT);
    if (stream->sending == SENDING_RESETTING && session_unsent(stream) == 0)
        session_control(session, stream);
    if (session_unsent(stream) == 0 && !list_is_empty(&stream->room))
        session_offer_room(session, stream); /* its reserve, at least */
    if (!stream_wants_to_send(stream))
        schedule_remove(stream);
    schedule_charge(&session->schedule, stream,
                    (uint32_t)(length + FRAME_DATA_HEADER));
}

/* What goes with the next |length| bytes. */
static uint8_t flags_with(const struct session *session,
                          const struct stream *stream, size_t length)
{
    if (stream->sent + length < stream->written)
        return 0;
    if (stream->sending == SENDING_FINISHING)
        return FRAME_FLAG_FIN;
    return session_is_full(session, stream) ? FRAME_FLAG_WAITS : 0;
}

/*
 * A whole chunk that starts a frame can be sealed where it lies: the header
 * goes into its headroom.
 */
static bool lies_ready(const struct stream *stream)
{
    const struct chunk *chunk = stream->unsent;

    return chunk && chunk->offset == stream->sent &&
           chunk->end >= WORTH_SEALING_IN_PLACE &&
           chunk->end <= stream_sendable(stream);
}

static void put_in_place(struct session *session, struct stream *stream,
                         struct session_record *record)
{
    struct chunk *chunk = stream->unsent;
    struct bytes_writer writer = bytes_writer(chunk->room, CHUNK_HEADROOM);
    uint8_t flags = flags_with(session, stream, chunk->end);

    frame_put_data_header(&writer, stream->id, stream->sent, chunk->end, flags);
    record->bytes = chunk->room;
    record->length = CHUNK_HEADROOM + chunk->end;
    sent(session, stream, chunk->end, flags & FRAME_FLAG_FIN);
}

/* Copy unsent bytes from their chunks, which the retained ones stay in. */
static void copy_unsent(const struct stream *stream, size_t length,
                        struct bytes_writer *writer)
{
    const struct chunk *chunk = stream->unsent;
    uint64_t at = stream->sent;

    while (length > 0) {
        size_t skip = (size_t)(at - chunk->offset);
        size_t part = chunk->end - skip;

        if (part > length)
            part = length;
        bytes_put(writer, chunk->room + CHUNK_HEADROOM + skip, part);
        at += part;
        length -= part;
        chunk = chunk->next;
    }
}

static void put_copy(struct session *session, struct stream *stream,
                     struct bytes_writer *writer)
{
    size_t room = room_in(writer) - FRAME_DATA_HEADER;
    uint64_t sendable = stream_sendable(stream);
    size_t length = sendable < room ? (size_t)sendable : room;
    uint8_t flags = flags_with(session, stream, length);

    frame_put_data_header(writer, stream->id, stream->sent, length, flags);
    copy_unsent(stream, length, writer);
    sent(session, stream, length, flags & FRAME_FLAG_FIN);
}

/* Fill the record with data; true if it became another one, in place. */
static bool put_data(struct session *session, struct bytes_writer *writer,
                     struct session_record *record)
{
    struct stream *stream;

    while (room_in(writer) > FRAME_DATA_HEADER + WORTH_SEALING_IN_PLACE &&
           (stream = schedule_next(&session->schedule))) {
        if (!lies_ready(stream)) {
            put_copy(session, stream, writer);
            continue;
        }
        if (bytes_written(writer) > 0)
            return false; /* what is staged goes first */
        put_in_place(session, stream, record);
        return true;
    }
    return false;
}

/* ---- records ---- */

static bool session_frames_are_due(const struct session *session)
{
    return session->hello_due || session->answer_due || session->ping_due ||
           session->streams_due || session->goaway_due || session->offers_due;
}

bool session_wants_to_send(const struct session *session, uint64_t now_us)
{
    if (session->close_sent)
        return false;
    return session->close_due || session_frames_are_due(session) ||
           !list_is_empty(&session->control) ||
           !list_is_empty(&session->schedule.interactive) ||
           !list_is_empty(&session->schedule.bulk) ||
           (!list_is_empty(&session->lazy) && now_us >= session->lazy_us);
}

static bool put_close(struct session *session, struct session_record *record)
{
    struct bytes_writer writer = bytes_writer(session->staging, FRAME_MAX);

    if (session->hello_due)
        put_hello(session, &writer);
    frame_put_close(&writer, (uint16_t)session->close_code,
                    session->close_reason);
    session->close_sent = true;
    *record = (struct session_record){ .bytes = session->staging,
                                       .length = bytes_written(&writer) };
    return true;
}

bool session_pull(struct session *session, uint64_t now_us,
                  struct session_record *record)
{
    struct bytes_writer writer = bytes_writer(session->staging, FRAME_MAX);
    bool in_place;

    if (!session_wants_to_send(session, now_us))
        return false;
    if (session->close_due)
        return put_close(session, record);
    /* Acknowledgements that could wait travel with what is sent anyway. */
    list_splice(&session->control, &session->lazy);
    put_session_frames(session, &writer);
    put_controls(session, &writer, now_us);
    in_place = put_data(session, &writer, record);
    if (session->unsent_bytes < session->limits.max_unsent_bytes / 2)
        session_wake(session, WAKE_ON_PULL);
    if (in_place)
        return true;
    *record = (struct session_record){ .bytes = session->staging,
                                       .length = bytes_written(&writer) };
    return record->length > 0;
}
