/* SPDX-License-Identifier: MIT */
/*
 * The receiving half: one handler for each type of frame.  A handler returns
 * NULL, or what the peer broke; it fills |event| if its owner must know.
 */
#include "wire/session_internal.h"
#include <stdlib.h>
#include <string.h>

struct arrival {
    struct frame_header header;
    const uint8_t *payload;
    struct bytes_reader reader; /* over the payload */
    uint64_t now_us;
};

typedef const char *handler(struct session *session, struct arrival *arrival,
                            struct session_event *event);

/* What costs us nothing but should not happen; NULL while it may. */
static const char *glitch(struct session *session, uint64_t now_us)
{
    if (!bucket_take(&session->glitches, now_us))
        return "too many frames to no purpose";
    if (bucket_tokens(&session->glitches) <= session->glitches.max_tokens / 4)
        session_go_away(session, CODE_PROTOCOL);
    return NULL;
}

static const char out_of_memory[] = "out of memory";

/* What crossed with the end of its stream; more than may have is odd. */
static const char *crossed(struct session *session, uint64_t now_us)
{
    if (session->crossings == 0)
        return glitch(session, now_us);
    session->crossings--;
    return NULL;
}

/* ---- about the session ---- */

static const char *take_hello(struct session *session, struct arrival *arrival,
                              struct session_event *event)
{
    if (session->peer_ready)
        return "a second hello";
    if (!hello_decode(&session->peer, arrival->payload, arrival->header.length))
        return "malformed hello";
    session->peer_ready = true;
    session->open_limit = session->peer.max_streams;
    /* Measure the path at once: windows grow by it. */
    if (liveness_check(&session->liveness, arrival->now_us, true) ==
        LIVENESS_ASK) {
        session->ping_due = true;
        session->ping_number = session->liveness.number;
    }
    event->type = SESSION_READY;
    return NULL;
}

static const char *take_streams(struct session *session,
                                struct arrival *arrival,
                                struct session_event *event)
{
    uint32_t total = bytes_take_u32(&arrival->reader);

    (void)event;
    if (total <= session->open_limit)
        return glitch(session, arrival->now_us);
    session->open_limit = total;
    return NULL;
}

static const char *take_ping(struct session *session, struct arrival *arrival,
                             struct session_event *event)
{
    uint64_t number = bytes_take_u64(&arrival->reader);

    (void)event;
    if (arrival->header.flags & FRAME_FLAG_ANSWER)
        return liveness_answered(&session->liveness, number, arrival->now_us)
                   ? NULL
                   : "an answer to what was not asked";
    session->answer_due = true;
    session->answer_number = number;
    if (!bucket_take(&session->pings, arrival->now_us))
        return glitch(session, arrival->now_us);
    return NULL;
}

static const char *take_goaway(struct session *session, struct arrival *arrival,
                               struct session_event *event)
{
    uint16_t code = bytes_take_u16(&arrival->reader);

    if (session->goaway_received)
        return glitch(session, arrival->now_us);
    session->goaway_received = true;
    event->type = SESSION_GOING_AWAY;
    event->code = code_from_wire(code);
    return NULL;
}

static const char *take_offers(struct session *session, struct arrival *arrival,
                               struct session_event *event)
{
    struct offers offers = {
        .bytes = arrival->payload,
        .length = arrival->header.length,
        .is_partial = arrival->header.flags & FRAME_FLAG_PARTIAL,
    };
    const char *fault = NULL;

    if (!offers_are_sound(&offers))
        return "malformed offers";
    if (!bucket_take(&session->offers, arrival->now_us))
        fault = glitch(session, arrival->now_us);
    if (fault ||
        (session->peer_offers && offers_equal(session->peer_offers, &offers)))
        return fault;
    /* Without memory it is as if the peer had never said. */
    free(session->peer_offers);
    session->peer_offers = offers_copy(&offers);
    event->type = SESSION_OFFERS;
    return NULL;
}

static const char *take_close(struct session *session, struct arrival *arrival,
                              struct session_event *event)
{
    size_t length;
    uint16_t code = bytes_take_u16(&arrival->reader);

    length = bytes_left(&arrival->reader);
    memcpy(session->peer_reason, arrival->reader.at, length);
    session->peer_reason[length] = '\0';
    session->peer_closed = true;
    event->type = SESSION_CLOSED;
    event->code = code_from_wire(code);
    event->reason = session->peer_reason;
    return NULL;
}

/* ---- about a stream ---- */

/* RESET or OPEN_FAIL has come. */
static void end_by_reset(struct session *session, struct stream *stream)
{
    credit_end(&session->credit, stream);
    stream_advance(stream, STREAM_RESET_RECEIVED);
}

static const char *take_open(struct session *session, struct arrival *arrival,
                             struct session_event *event)
{
    uint32_t id = arrival->header.stream;
    uint32_t first = session->role == SESSION_DIALER ? 2 : 1;
    uint32_t expected =
        session->last_accepted ? session->last_accepted + 2 : first;
    struct stream *stream;

    if (id != expected || id > LAST_STREAM)
        return "a stream out of turn";
    if (session->accepted >= session->accept_limit)
        return "more streams than allowed";
    stream = calloc(1, sizeof(*stream));
    if (!stream)
        return out_of_memory;
    stream_init(stream, id, session->peer.credit,
                session->limits.min_window_bytes);
    if (!table_add(&session->streams, id, stream)) {
        free(stream);
        return out_of_memory;
    }
    session->last_accepted = id;
    session->accepted++;
    session->crossings += CROSSINGS;
    credit_begin(&session->credit, stream, arrival->now_us);
    if (!metadata_decode(&session->opened_metadata, arrival->payload,
                         arrival->header.length)) {
        session_refuse(session, stream, CODE_BAD_METADATA, false);
        return glitch(session, arrival->now_us);
    }
    if (session->goaway_sent || session_memory_is_short(session)) {
        session_refuse(session, stream,
                       session->goaway_sent ? CODE_DRAINING : CODE_OVERLOAD,
                       false);
        return NULL;
    }
    stream->bulk = stream->always_bulk =
        session->opened_metadata.class == CLASS_BULK;
    event->type = SESSION_OPENED;
    event->stream = stream;
    event->metadata = &session->opened_metadata;
    return NULL;
}

static const char *take_open_fail(struct session *session,
                                  struct arrival *arrival,
                                  struct session_event *event)
{
    struct stream *stream = session_find(session, arrival->header.stream);
    enum code code = code_from_wire(bytes_take_u16(&arrival->reader));
    uint8_t delivered = bytes_take_u8(&arrival->reader);

    if (!stream || !session_is_ours(session, stream->id))
        return "refusal of a stream that is not open";
    if (stream->answered || stream->open_due)
        return "refusal of a stream that was answered";
    if (delivered > 1)
        return "malformed refusal";
    stream->answered = stream->refused = true;
    end_by_reset(session, stream);
    if (!stream->owner) {
        session_reset(session, stream, CODE_STOPPED);
        session_settle(session, stream);
        return NULL;
    }
    event->type = SESSION_OPEN_FAILED;
    event->stream = stream;
    event->code = code;
    event->delivered = delivered;
    return NULL;
}

static const char *take_data(struct session *session, struct arrival *arrival,
                             struct session_event *event)
{
    struct stream *stream = session_find(session, arrival->header.stream);
    uint64_t offset = bytes_take_u64(&arrival->reader);
    size_t length = bytes_left(&arrival->reader);
    const char *fault;

    if (!stream || stream->open_due)
        return "data on a stream that is not open";
    fault = stream_data_fault(stream, offset, length);
    if (fault)
        return fault;
    if (!credit_received(&session->credit, stream, length))
        return "more data than all streams may have under way";
    stream->answered = true;
    session->received_bytes += length;
    stream->awaited = arrival->header.flags & FRAME_FLAG_WAITS;
    if (arrival->header.flags & FRAME_FLAG_FIN)
        stream_advance(stream, STREAM_FIN_RECEIVED);
    if (stream->discarding || !stream->owner) {
        session_discard(session, stream);
        return NULL;
    }
    event->type = SESSION_DATA;
    event->stream = stream;
    event->bytes = arrival->reader.at;
    event->length = length;
    event->finished = arrival->header.flags & FRAME_FLAG_FIN;
    return NULL;
}

/* A frame that may have crossed with the end of its stream. */
static bool is_crossing(const struct session *session, uint32_t id)
{
    return session_is_ours(session, id) ? id <= session->last_opened
                                        : id <= session->last_accepted;
}

/* The stream of a frame that may cross; NULL and |*fault|, or just NULL. */
static struct stream *find_crossing(const struct session *session,
                                    const struct arrival *arrival,
                                    const char **fault)
{
    struct stream *stream = session_find(session, arrival->header.stream);

    *fault = NULL;
    if (!stream && !is_crossing(session, arrival->header.stream))
        *fault = "frame for a stream that was never opened";
    else if (stream && stream->open_due)
        *fault = "frame for a stream that is not open yet";
    return *fault ? NULL : stream;
}

/* Of a stream that is refused, only that FIN has arrived is news. */
static const char *take_refused_window(struct session *session,
                                       struct stream *stream, uint64_t consumed)
{
    if (consumed > stream->sent) {
        stream_advance(stream, STREAM_FIN_ACKNOWLEDGED);
        session_settle(session, stream);
    }
    return NULL;
}

/*
 * Whether a WINDOW is odd: it says nothing new (but the first says that the
 * service was reached), or it promises less than any end may, to make us send
 * in drips.
 */
static bool is_odd(const struct stream *stream, uint64_t consumed,
                   uint64_t limit)
{
    if (consumed == stream->acknowledged && limit == stream->send_limit)
        return stream->answered;
    return (stream->sending == SENDING_OPEN ||
            stream->sending == SENDING_FINISHING) &&
           limit - consumed < HELLO_MIN_CREDIT;
}

static void take_acknowledgement(struct session *session, struct stream *stream,
                                 uint64_t consumed, uint64_t now_us)
{
    if (consumed > stream->sent) {
        session_acknowledge(session, stream, stream->sent);
        stream_advance(stream, STREAM_FIN_ACKNOWLEDGED);
        session_settle(session, stream); /* not if it has an owner to tell */
        return;
    }
    session_acknowledge(session, stream, consumed);
    session_data(session, stream, now_us);
    session_offer_room(session, stream);
}

static const char *take_window(struct session *session, struct arrival *arrival,
                               struct session_event *event)
{
    const char *fault;
    struct stream *stream = find_crossing(session, arrival, &fault);
    uint64_t consumed = bytes_take_u64(&arrival->reader);
    uint64_t limit = bytes_take_u64(&arrival->reader);

    if (fault)
        return fault;
    if (!stream || stream->sending == SENDING_OVER)
        return crossed(session, arrival->now_us);
    fault = stream_window_fault(stream, consumed, limit);
    if (fault)
        return fault;
    if (stream->refused)
        return take_refused_window(session, stream, consumed);
    if (is_odd(stream, consumed, limit))
        fault = glitch(session, arrival->now_us);
    if (!stream->answered && stream->owner &&
        session_is_ours(session, stream->id)) {
        event->type = SESSION_ANSWERED;
        event->stream = stream;
    }
    stream->answered = true;
    stream->send_limit = limit;
    take_acknowledgement(session, stream, consumed, arrival->now_us);
    return fault;
}

static const char *take_reset(struct session *session, struct arrival *arrival,
                              struct session_event *event)
{
    const char *fault;
    struct stream *stream = find_crossing(session, arrival, &fault);
    enum code code = code_from_wire(bytes_take_u16(&arrival->reader));
    uint64_t final = bytes_take_u64(&arrival->reader);

    if (fault)
        return fault;
    if (!stream || stream->receiving == RECEIVING_OVER)
        return crossed(session, arrival->now_us);
    if (final != stream->received)
        return "reset at a wrong offset";
    stream->answered = true;
    end_by_reset(session, stream);
    if (stream->discarding || !stream->owner) {
        session_discard(session, stream);
        session_settle(session, stream);
        return NULL;
    }
    event->type = SESSION_RESET;
    event->stream = stream;
    event->code = code;
    return NULL;
}

static const char *take_stop(struct session *session, struct arrival *arrival,
                             struct session_event *event)
{
    const char *fault;
    struct stream *stream = find_crossing(session, arrival, &fault);
    enum code code = code_from_wire(bytes_take_u16(&arrival->reader));

    if (fault)
        return fault;
    if (!stream || stream->sending == SENDING_OVER)
        return crossed(session, arrival->now_us);
    if (stream->stopped)
        return glitch(session, arrival->now_us);
    stream->answered = stream->stopped = true;
    if (stream->sending != SENDING_FINISHED) /* all is sent: it may stay so */
        session_reset(session, stream, CODE_STOPPED);
    if (!stream->owner)
        return NULL;
    event->type = SESSION_STOPPED;
    event->stream = stream;
    event->code = code;
    return NULL;
}

static handler *const handlers[] = {
    [FRAME_HELLO] = take_hello,         [FRAME_OPEN] = take_open,
    [FRAME_OPEN_FAIL] = take_open_fail, [FRAME_DATA] = take_data,
    [FRAME_WINDOW] = take_window,       [FRAME_RESET] = take_reset,
    [FRAME_STOP] = take_stop,           [FRAME_STREAMS] = take_streams,
    [FRAME_PING] = take_ping,           [FRAME_GOAWAY] = take_goaway,
    [FRAME_CLOSE] = take_close,         [FRAME_OFFERS] = take_offers,
};

/* ---- frames out of bytes ---- */

/* Who asks hears nothing from us: that shows one direction only to be alive. */
static bool is_question(const struct frame_header *header)
{
    return header->type == FRAME_PING && !(header->flags & FRAME_FLAG_ANSWER);
}

static const char *take_frame(struct session *session, const uint8_t *frame,
                              uint64_t now_us, struct session_event *event)
{
    struct arrival arrival = { .header = frame_decode_header(frame),
                               .payload = frame + FRAME_HEADER,
                               .now_us = now_us };

    arrival.reader = bytes_reader(arrival.payload, arrival.header.length);
    if (!is_question(&arrival.header))
        liveness_heard(&session->liveness, now_us);
    if (!session->peer_ready && arrival.header.type != FRAME_HELLO)
        return "a frame before hello";
    if (!frame_is_known(&arrival.header))
        return glitch(session, now_us);
    return handlers[arrival.header.type](session, &arrival, event);
}

/* Move bytes of |input| behind the piece we have, up to |wanted| in all. */
static bool gather(struct session *session, struct session_input *input,
                   size_t wanted)
{
    size_t missing = wanted - session->partial_length;
    size_t part = missing < input->length ? missing : input->length;

    if (part > 0)
        memcpy(session->partial + session->partial_length, input->at, part);
    session->partial_length += part;
    input->at += part;
    input->length -= part;
    return session->partial_length == wanted;
}

/*
 * The next whole frame, in the input or put together from pieces; NULL if it
 * is not all there, or if |*fault| says what is wrong with it.
 */
static const uint8_t *next_frame(struct session *session,
                                 struct session_input *input,
                                 const char **fault)
{
    struct frame_header header;
    const uint8_t *frame = input->at;

    if (session->partial_length > 0) {
        if (session->partial_length < FRAME_HEADER &&
            !gather(session, input, FRAME_HEADER))
            return NULL;
        frame = session->partial;
    } else if (input->length < FRAME_HEADER) {
        goto keep;
    }
    header = frame_decode_header(frame);
    *fault = frame_fault(&header);
    if (*fault)
        return NULL;
    if (session->partial_length > 0) {
        if (!gather(session, input, FRAME_HEADER + header.length))
            return NULL;
        session->partial_length = 0;
        return session->partial;
    }
    if (input->length < FRAME_HEADER + header.length)
        goto keep;
    input->at += FRAME_HEADER + header.length;
    input->length -= FRAME_HEADER + header.length;
    return frame;

keep:
    if (input->length == 0)
        return NULL;
    if (!session->partial)
        session->partial = malloc(FRAME_MAX);
    if (!session->partial) {
        *fault = out_of_memory;
        return NULL;
    }
    (void)gather(session, input, input->length);
    return NULL;
}

static enum status fail(struct session *session, const char *fault)
{
    bool is_ours = fault == out_of_memory;

    session->failed = is_ours ? STATUS_NO_MEMORY : STATUS_PROTOCOL;
    session->close_due = true;
    session->close_code = is_ours ? CODE_INTERNAL : CODE_PROTOCOL;
    strncpy(session->close_reason, fault, FRAME_MAX_REASON);
    return session->failed;
}

enum status session_receive(struct session *session,
                            struct session_input *input, uint64_t now_us,
                            struct session_event *event)
{
    const char *fault = NULL;
    const uint8_t *frame;

    *event = (struct session_event){ .type = SESSION_NOTHING };
    if (session->failed != STATUS_OK)
        return session->failed;
    while (event->type == SESSION_NOTHING) {
        bool has_input = input->length > 0;

        if (session->peer_closed) {
            if (input->length == 0)
                return STATUS_OK;
            return fail(session, "a frame after close");
        }
        frame = next_frame(session, input, &fault);
        if (has_input && !frame)
            liveness_heard(&session->liveness, now_us); /* a piece of one */
        if (frame)
            fault = take_frame(session, frame, now_us, event);
        if (fault)
            return fail(session, fault);
        if (!frame)
            break;
    }
    return STATUS_OK;
}
