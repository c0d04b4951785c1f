/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_WIRE_SESSION_INVARIANTS_H
#define SUPPORT_WIRE_SESSION_INVARIANTS_H
#include "wire/session_internal.h"

/*
 * What holds for every session at any time, whatever its peer and its owners
 * do.  Each function says what is broken, or NULL.
 */
static inline const char *stream_broken(const struct stream *stream)
{
    uint64_t held = 0;

    if (stream->acknowledged > stream->sent || stream->sent > stream->written)
        return "acknowledged <= sent <= written";
    if (stream->sent > stream->send_limit)
        return "sent <= send_limit";
    if (stream->consumed > stream->received ||
        stream->received > stream->receive_limit)
        return "consumed <= received <= receive_limit";
    if (stream->told_consumed > stream->consumed)
        return "told_consumed <= consumed";
    for (const struct chunk *chunk = stream->retained.head; chunk;
         chunk = chunk->next) {
        if (chunk->start != 0 || chunk->end == 0 ||
            chunk->end > chunk->capacity)
            return "a chunk holds bytes, all it was given";
        if (chunk->offset + chunk->end > stream->written ||
            (chunk->next && chunk->offset + chunk->end != chunk->next->offset))
            return "chunks follow each other";
        held += chunk->end;
    }
    if (held != stream->retained.bytes)
        return "retained bytes are those of the chunks";
    /* Of one that is refused, all may have been taken back. */
    if (held < stream->written - stream->acknowledged && !stream->refused)
        return "what is not acknowledged is retained";
    if (stream_wants_to_send(stream) == list_is_empty(&stream->ring) &&
        !stream->open_due)
        return "who wants to send is in a ring, and nobody else";
    if (stream->starved && !stream_can_write(stream))
        return "only who can write waits for room";
    return NULL;
}

static inline const char *session_broken(const struct session *session)
{
    uint64_t unsent = 0, retained = 0, held = 0, kept = 0;
    uint32_t accepted = 0;
    size_t position = 0;
    const struct stream *stream;

    while ((stream = table_next(&session->streams, &position))) {
        const char *broken = stream_broken(stream);
        uint64_t reserve = session->limits.reserve_bytes;
        uint64_t holds = stream->receiving == RECEIVING_OVER
                             ? 0
                             : stream->received - stream->consumed;

        if (broken)
            return broken;
        unsent += stream->written - stream->sent;
        retained += stream->retained.bytes;
        held += holds > reserve ? holds - reserve : 0;
        if (stream->retained.bytes > reserve)
            kept += stream->retained.bytes - reserve;
        accepted += !session_is_ours(session, stream->id);
        if (stream_is_over(stream) && !stream->owner &&
            list_is_empty(&stream->control))
            return "a stream that is over and nobody's is gone";
    }
    if (unsent != session->unsent_bytes)
        return "unsent bytes are those of the streams";
    if (retained != session->retained_bytes)
        return "retained bytes are those of the streams";
    if (held != session->credit.held_bytes)
        return "held bytes are those of the streams";
    if (held > session->credit.pool_bytes)
        return "held bytes are in the pool";
    if (kept > session->limits.pool_bytes)
        return "no more is kept than the peer may hold";
    if (accepted != session->accepted - session->accepted_over)
        return "streams of the peer's are counted";
    if (accepted > session->limits.max_streams)
        return "streams of the peer's are limited";
    return NULL;
}
#endif
