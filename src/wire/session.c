/* SPDX-License-Identifier: MIT */
/*
 * The session's streams and what their owners ask for; the two halves of the
 * wire are in session_receive.c and session_send.c.
 */
#include "wire/session_internal.h"
#include <stdlib.h>
#include <string.h>

enum {
    GLITCHES = 100,
    GLITCHES_A_SECOND = 10,
    PINGS = 20,
    PINGS_A_SECOND = 10,
    OFFERS = 20,
    OFFERS_A_SECOND = 10,
    RETRY_ROOM_US = 20000,
    WAKE_ON_RETRY = 256
};

struct session *session_new(const struct session_options *options)
{
    struct session *session = calloc(1, sizeof(*session));

    if (!session)
        return NULL;
    session->role = options->role;
    session->limits = options->limits;
    session->pool = options->pool;
    session->hello = options->hello;
    session->hello.max_streams = options->limits.max_streams;
    session->hello.credit = options->limits.min_window_bytes;
    session->hello_due = true;
    session->accept_limit = options->limits.max_streams;
    session->credit = (struct credit){
        .pool_bytes = options->limits.pool_bytes,
        .reserve_bytes = options->limits.reserve_bytes,
        .min_window_bytes = options->limits.min_window_bytes,
        .max_window_bytes = options->limits.max_window_bytes,
    };
    /* Streams of both sides, and those the peer has yet to end. */
    table_init(&session->streams, SIZE_MAX, options->seed);
    schedule_init(&session->schedule);
    liveness_init(&session->liveness, options->now_us);
    bucket_init(&session->glitches, GLITCHES, GLITCHES_A_SECOND,
                options->now_us);
    bucket_init(&session->pings, PINGS, PINGS_A_SECOND, options->now_us);
    bucket_init(&session->offers, OFFERS, OFFERS_A_SECOND, options->now_us);
    list_init(&session->control);
    list_init(&session->lazy);
    list_init(&session->starved);
    list_init(&session->writable);
    return session;
}

static void free_stream(struct session *session, struct stream *stream)
{
    session_drop_unsent(session, stream);
    session_acknowledge(session, stream, stream->written);
    schedule_remove(stream);
    list_remove(&stream->control);
    list_remove(&stream->room);
    free(stream->metadata);
    free(stream);
}

void session_free(struct session *session)
{
    size_t position = 0;
    struct stream *stream;

    if (!session)
        return;
    while ((stream = table_next(&session->streams, &position)))
        free_stream(session, stream);
    table_clear(&session->streams);
    free(session->offered);
    free(session->peer_offers);
    free(session->partial);
    free(session);
}

/* ---- shared with the two halves ---- */

struct stream *session_find(const struct session *session, uint32_t id)
{
    return table_find(&session->streams, id);
}

bool session_is_ours(const struct session *session, uint32_t id)
{
    return (id & 1) == (session->role == SESSION_DIALER);
}

void session_control(struct session *session, struct stream *stream)
{
    if (stream->open_due && !list_is_empty(&stream->control))
        return; /* OPEN frames leave in the order of their numbers */
    list_remove(&stream->control); /* it may be among the lazy ones */
    list_append(&session->control, &stream->control);
}

void session_control_later(struct session *session, struct stream *stream,
                           uint64_t now_us)
{
    if (!list_is_empty(&stream->control))
        return;
    if (list_is_empty(&session->lazy))
        session->lazy_us = now_us + session->limits.acknowledge_us;
    list_append(&session->lazy, &stream->control);
}

void session_data(struct session *session, struct stream *stream,
                  uint64_t now_us)
{
    if (stream_wants_to_send(stream))
        schedule_add(&session->schedule, stream, now_us);
}

static bool is_due(const struct stream *stream)
{
    return !list_is_empty(&stream->control);
}

void session_settle(struct session *session, struct stream *stream)
{
    if (!stream_is_over(stream) || stream->owner || is_due(stream))
        return;
    table_remove(&session->streams, stream->id);
    credit_end(&session->credit, stream);
    if (!session_is_ours(session, stream->id)) {
        uint32_t news;

        session->accepted_over++;
        news = session->accepted_over + session->limits.max_streams -
               session->accept_limit;
        /* A quarter at a time, or the peer is about to run out. */
        if (news >= session->limits.max_streams / 4 ||
            session->accept_limit - session->accepted <
                session->limits.max_streams / 4)
            session->streams_due = true;
    }
    free_stream(session, stream);
}

void session_acknowledge(struct session *session, struct stream *stream,
                         uint64_t offset)
{
    struct chunk_queue *retained = &stream->retained;
    unsigned freed = 0;

    stream->acknowledged = offset;
    while (retained->head) {
        struct chunk *head = retained->head;

        if (head->offset + head->end > offset)
            break;
        ASSERT(head != stream->unsent);
        session->retained_bytes -= head->end;
        chunk_queue_consume(retained, session->pool, head->end);
        freed++;
    }
    session_wake(session, freed); /* no more than may have it now */
}

void session_drop_unsent(struct session *session, struct stream *stream)
{
    struct chunk_queue kept = { 0 };

    session->unsent_bytes -= stream->written - stream->sent;
    stream->written = stream->sent;
    while (stream->retained.head) {
        struct chunk *chunk = stream->retained.head;
        size_t dropped = 0;

        stream->retained.head = chunk->next;
        if (chunk->offset + chunk->end > stream->sent) {
            uint64_t keep =
                stream->sent > chunk->offset ? stream->sent - chunk->offset : 0;

            dropped = chunk->end - keep;
            chunk->end = (uint32_t)keep;
        }
        session->retained_bytes -= dropped;
        if (chunk->end == 0)
            chunk_free(session->pool, chunk);
        else
            chunk_queue_append(&kept, chunk);
    }
    stream->retained = kept;
    stream->unsent = NULL;
}

void session_offer_room(struct session *session, struct stream *stream)
{
    if (!stream->starved || !stream->owner)
        return;
    list_remove(&stream->room);
    list_append(&session->writable, &stream->room);
}

void session_discard(struct session *session, struct stream *stream)
{
    credit_consumed(&session->credit, stream,
                    stream->received - stream->consumed);
    if (stream->receiving == RECEIVING_FINISHED) {
        stream_advance(stream, STREAM_ALL_CONSUMED);
        stream->window_due = true;
        session_control(session, stream);
    }
}

bool session_memory_is_short(const struct session *session)
{
    return chunk_pool_fill(session->pool) >= 128;
}

/* ---- opening ---- */

static bool is_out_of_numbers(const struct session *session)
{
    return session->last_opened + 2 > LAST_STREAM;
}

bool session_can_open(const struct session *session)
{
    return session->peer_ready && session->failed == STATUS_OK &&
           !session->close_due && !session->close_sent &&
           !session->goaway_received && session->opened < session->open_limit &&
           !is_out_of_numbers(session);
}

bool session_is_worn(const struct session *session)
{
    return session->goaway_received || session->goaway_sent ||
           session->failed != STATUS_OK || session->close_due ||
           session->close_sent || is_out_of_numbers(session);
}

static uint32_t next_id(const struct session *session)
{
    if (session->last_opened)
        return session->last_opened + 2;
    return session->role == SESSION_DIALER ? 1 : 2;
}

/*
 * Whether the peer could hold |early|, which nobody asked for room for: it was
 * meant for another tunnel.
 */
static bool is_too_early(const struct session *session,
                         const struct chunk_queue *early)
{
    return early && early->bytes > session->limits.reserve_bytes &&
           session->retained_bytes + early->bytes > session->limits.pool_bytes;
}

/* |early| becomes what is written to |stream|. */
static void adopt(struct session *session, struct stream *stream,
                  struct chunk_queue *early)
{
    if (!early || !early->head)
        return;
    stream->retained = *early;
    stream->unsent = early->head;
    for (struct chunk *chunk = early->head; chunk; chunk = chunk->next) {
        ASSERT(chunk->start == 0);
        chunk->offset = stream->written;
        stream->written += chunk->end;
    }
    session->unsent_bytes += early->bytes;
    session->retained_bytes += early->bytes;
    *early = (struct chunk_queue){ 0 };
}

enum status session_open(struct session *session,
                         const struct metadata *metadata, void *owner,
                         struct chunk_queue *early, uint64_t now_us,
                         struct stream **opened)
{
    struct stream *stream;

    if (!session_can_open(session))
        return session->goaway_received || session->close_due ||
                       session->close_sent || session->failed != STATUS_OK ||
                       is_out_of_numbers(session)
                   ? STATUS_CLOSED
                   : STATUS_LIMIT;
    if (is_too_early(session, early))
        return STATUS_LIMIT;
    stream = calloc(1, sizeof(*stream));
    if (!stream)
        return STATUS_NO_MEMORY;
    stream_init(stream, next_id(session), session->peer.credit,
                session->limits.min_window_bytes);
    stream->metadata = malloc(sizeof(*metadata));
    if (!stream->metadata ||
        !table_add(&session->streams, stream->id, stream)) {
        free(stream->metadata);
        free(stream);
        return STATUS_NO_MEMORY;
    }
    *stream->metadata = *metadata;
    stream->owner = owner;
    stream->open_due = true;
    stream->bulk = stream->always_bulk = metadata->class == CLASS_BULK;
    credit_begin(&session->credit, stream, now_us);
    adopt(session, stream, early);
    session->last_opened = stream->id;
    session->opened++;
    session->crossings += CROSSINGS;
    session_control(session, stream);
    *opened = stream;
    return STATUS_OK;
}

void session_refuse(struct session *session, struct stream *stream,
                    enum code code, bool delivered)
{
    ASSERT(stream->written == 0);
    if (stream->sending != SENDING_OPEN || stream->spoken) {
        /* It has had an answer, or wanted none: a refusal would not be it. */
        session_reset(session, stream, code);
        session_stop(session, stream, code);
        return;
    }
    session_discard(session, stream);
    stream->discarding = true;
    stream->stop_due = false; /* a refusal says as much */
    stream->open_fail_due = true;
    stream->delivered = delivered;
    stream->reset_code = (uint16_t)code;
    stream_advance(stream, STREAM_RESET_WANTED);
    session_control(session, stream);
}

void session_accept(struct session *session, struct stream *stream,
                    uint64_t now_us)
{
    stream->window_due = true;
    session_control_later(session, stream, now_us);
}

struct stream *session_next_stream(const struct session *session,
                                   size_t *position)
{
    struct stream *stream;

    while ((stream = table_next(&session->streams, position)))
        if (stream->owner)
            return stream;
    return NULL;
}

/* ---- what is offered ---- */

enum status session_offer(struct session *session, const struct offers *offers)
{
    struct offers *copy;

    ASSERT(offers->length <= FRAME_MAX_OFFERS);
    copy = offers_copy(offers);
    if (!copy)
        return STATUS_NO_MEMORY;
    free(session->offered);
    session->offered = copy;
    session->offers_due = true;
    return STATUS_OK;
}

const struct offers *session_offered(const struct session *session)
{
    return session->offered;
}

const struct offers *session_peer_offers(const struct session *session)
{
    return session->peer_offers;
}

/* ---- time and the end ---- */

enum status session_tick(struct session *session, uint64_t now_us)
{
    bool is_active = session->streams.count > 0;

    if (!session->peer_ready)
        return STATUS_OK; /* until then the tunnel has a deadline */
    session->ticked_us = now_us;
    session_wake(session, WAKE_ON_RETRY);
    /* Due now: while they cannot leave they must not ask for the time again. */
    if (now_us >= session->lazy_us)
        list_splice(&session->control, &session->lazy);
    switch (liveness_check(&session->liveness, now_us, is_active)) {
    case LIVENESS_FINE:
        break;
    case LIVENESS_ASK:
        session->ping_due = true;
        session->ping_number = session->liveness.number;
        break;
    case LIVENESS_LOST:
        return STATUS_TIMEOUT;
    }
    return STATUS_OK;
}

uint64_t session_deadline(const struct session *session)
{
    uint64_t deadline;

    if (!session->peer_ready)
        return UINT64_MAX;
    deadline =
        liveness_deadline(&session->liveness, session->streams.count > 0);
    if (!list_is_empty(&session->lazy) && session->lazy_us < deadline)
        deadline = session->lazy_us;
    if (!list_is_empty(&session->starved) &&
        session->ticked_us + RETRY_ROOM_US < deadline)
        deadline = session->ticked_us + RETRY_ROOM_US;
    return deadline;
}

void session_go_away(struct session *session, enum code code)
{
    if (session->goaway_sent)
        return;
    session->goaway_sent = true;
    session->goaway_due = true;
    session->goaway_code = code;
}

void session_close(struct session *session, enum code code, const char *reason)
{
    if (session->close_due || session->close_sent)
        return;
    session->close_due = true;
    session->close_code = code;
    strncpy(session->close_reason, reason, FRAME_MAX_REASON);
}

bool session_is_finished(const struct session *session)
{
    return session->close_sent;
}

const char *session_failure(const struct session *session)
{
    return session->failed != STATUS_OK ? session->close_reason : "";
}

void session_stats(const struct session *session, struct session_stats *stats)
{
    *stats = (struct session_stats){
        .streams = (uint32_t)session->streams.count,
        .opened = session->opened,
        .accepted = session->accepted,
        .sent_bytes = session->sent_bytes,
        .received_bytes = session->received_bytes,
        .rtt_us = session->liveness.smooth_rtt_us,
        .retained_bytes = session->retained_bytes,
        .glitches = GLITCHES - bucket_tokens(&session->glitches),
    };
}

uint32_t session_stream_count(const struct session *session)
{
    return (uint32_t)session->streams.count;
}

const struct hello *session_peer(const struct session *session)
{
    return session->peer_ready ? &session->peer : NULL;
}
