/* SPDX-License-Identifier: MIT */
#ifndef WIRE_SESSION_H
#define WIRE_SESSION_H
#include "base/check.h"
#include "base/chunk.h"
#include "base/status.h"
#include "wire/code.h"
#include "wire/limits.h"
#include "wire/metadata.h"
#include "wire/offers.h"
#include "wire/stream.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/*
 * The multiplexer of one tunnel: docs/PROTOCOL.md.  Bytes in, events out;
 * bytes out are pulled, a record at a time.  Pure: no socket, no clock (the
 * time is an argument), no log, and no call back, so that nothing is ever
 * re-entered.  Not for two threads at once.
 *
 *   session_receive()  plaintext of the peer -> an event, until there is none
 *   session_pull()     -> plaintext of the next record
 *   session_tick()     time passed
 *   session_open() ... what the owners of streams want
 *
 * A stream lives until it is over on the wire and released by its owner.
 */
struct session;

enum session_role { SESSION_DIALER, SESSION_ACCEPTOR };

struct session_options {
    enum session_role role;
    struct limits limits;
    struct chunk_pool *pool; /* borrowed; memory of what is retained */
    struct hello hello;      /* instance, version and node; limits fill it */
    uint64_t seed;           /* of the stream table */
    uint64_t now_us;
};

/* NULL without memory. */
MUST_CHECK struct session *session_new(const struct session_options *options);
/* Every stream goes with it, whatever its owner thinks.  Accepts NULL. */
void session_free(struct session *session);

/* ---- in ---- */

enum session_event_type {
    SESSION_NOTHING,  /* the input is used up */
    SESSION_READY,    /* the peer's HELLO is here: streams may be opened */
    SESSION_OPENED,   /* the peer opened |stream|: give it an owner or refuse */
    SESSION_ANSWERED, /* the service was reached; or SESSION_DATA says so */
    SESSION_OPEN_FAILED, /* |code|, |delivered|; the stream is dead */
    SESSION_DATA,        /* |bytes|, and FIN behind them if |finished| */
    SESSION_RESET,       /* the peer's direction ended abruptly: |code| */
    SESSION_STOPPED,     /* the peer wants no more bytes: |code| */
    SESSION_GOING_AWAY,  /* no new streams to this peer; |code| */
    SESSION_OFFERS,      /* session_peer_offers() is another list now */
    SESSION_CLOSED       /* CLOSE: |code|, |reason| */
};

struct session_event {
    enum session_event_type type;
    struct stream *stream;
    const uint8_t *bytes; /* in the input, or valid until the next receive */
    size_t length;
    bool finished;
    bool delivered;
    enum code code;
    const struct metadata *metadata; /* of SESSION_OPENED; until next receive */
    const char *reason;
};

struct session_input {
    const uint8_t *at;
    size_t length;
};

/*
 * Take frames from |input|, moving it on, up to the first that is an event.
 * STATUS_PROTOCOL: the peer broke the protocol; session_failure() says how,
 * and CLOSE is to be pulled and sent.
 */
MUST_CHECK enum status session_receive(struct session *session,
                                       struct session_input *input,
                                       uint64_t now_us,
                                       struct session_event *event);

/* What the peer broke, or "". */
const char *session_failure(const struct session *session);

/* ---- out ---- */

struct session_record {
    uint8_t *bytes; /* the byte behind them may be overwritten */
    size_t length;
};

/*
 * The plaintext of the next record; false if there is nothing to send now.
 * Valid until the next call of any function of the session.
 */
MUST_CHECK bool session_pull(struct session *session, uint64_t now_us,
                             struct session_record *record);
/* Would session_pull() give something? */
bool session_wants_to_send(const struct session *session, uint64_t now_us);

/* A stream whose owner was refused room, and may try again; NULL: none. */
struct stream *session_next_writable(struct session *session);

/* ---- time ---- */

/*
 * Look at the time; STATUS_TIMEOUT: the peer is gone.  Call it at the deadline
 * at the latest; afterwards there may be something to pull.
 */
MUST_CHECK enum status session_tick(struct session *session, uint64_t now_us);
uint64_t session_deadline(const struct session *session);

/* ---- streams ---- */

/*
 * Open a stream for |owner|.  |early| (may be NULL) are bytes from offset 0
 * for it, and move to it: chunks of the session's pool.  STATUS_LIMIT: the peer
 * allows no more streams now.  STATUS_CLOSED: it takes none any more.
 */
MUST_CHECK enum status session_open(struct session *session,
                                    const struct metadata *metadata,
                                    void *owner, struct chunk_queue *early,
                                    uint64_t now_us, struct stream **stream);
bool session_can_open(const struct session *session);
/* It will never take another stream: out of numbers, or told so. */
bool session_is_worn(const struct session *session);

/* Refuse a stream the peer opened, as the first thing ever said about it. */
void session_refuse(struct session *session, struct stream *stream,
                    enum code code, bool delivered);

/*
 * Tell the opener that the service was reached: with the next frame for the
 * stream, or by itself when an acknowledgement would be.
 */
void session_accept(struct session *session, struct stream *stream,
                    uint64_t now_us);

/*
 * Room for bytes of |stream|, to read into: at most |max_parts| of |parts|,
 * where each but the first of a stream that sends little holds CHUNK_LARGE
 * bytes.  0: no room now; session_next_writable() will name the stream when
 * there is.  Every prepare is followed by one commit, before anything else.
 */
MUST_CHECK int session_prepare(struct session *session, struct stream *stream,
                               struct iovec *parts, int max_parts);
/* |bytes| were put there; 0 is fine. */
void session_commit(struct session *session, struct stream *stream,
                    size_t bytes, uint64_t now_us);

/* No more bytes: FIN behind the last.  Harmless once the direction ended. */
void session_finish(struct session *session, struct stream *stream,
                    uint64_t now_us);
/*
 * End our direction abruptly: what is not sent yet is dropped, or, for the
 * second, sent first.  Harmless once the direction is over.
 */
void session_reset(struct session *session, struct stream *stream,
                   enum code code);
void session_reset_behind(struct session *session, struct stream *stream,
                          enum code code, uint64_t now_us);
/* Want no more bytes from the peer; what still comes is dropped. */
void session_stop(struct session *session, struct stream *stream,
                  enum code code);
/* Bytes written but not sent yet. */
uint64_t session_unsent(const struct stream *stream);

/* |bytes| from SESSION_DATA have left our memory. */
void session_consumed(struct session *session, struct stream *stream,
                      size_t bytes, uint64_t now_us);
/* The FIN from SESSION_DATA has been passed on, all bytes before it too. */
void session_fin_consumed(struct session *session, struct stream *stream,
                          uint64_t now_us);

/*
 * The owner looks at |stream| no more.  What it has not ended itself is ended:
 * reset and stopped with |code|.
 */
void session_release(struct session *session, struct stream *stream,
                     enum code code);

/*
 * Of our own |stream| at most the OPEN has been sent, neither a byte nor FIN,
 * and nothing has come back: nobody can have been given anything of it.
 */
bool session_is_blank(const struct stream *stream);

/*
 * Take back everything written to |stream|, for another place: only after
 * OPEN_FAIL without delivery, or while it is blank.  The chunks go to |bytes|,
 * from offset 0.
 */
void session_take_back(struct session *session, struct stream *stream,
                       struct chunk_queue *bytes);

/* Walk the streams that have an owner; start with |position| 0. */
struct stream *session_next_stream(const struct session *session,
                                   size_t *position);

/* ---- what is offered ---- */

/*
 * Tell the peer what we offer it now, |offers|, a copy of which replaces what
 * was told before or has yet to be sent.  At most ten a second are welcome.
 */
MUST_CHECK enum status session_offer(struct session *session,
                                     const struct offers *offers);
/* What the peer was last told, or soon will be; NULL: nothing yet. */
const struct offers *session_offered(const struct session *session);
/* What the peer offers us; NULL: it has not said. */
const struct offers *session_peer_offers(const struct session *session);

/* ---- the end ---- */

/* Take no new streams; what is open goes on. */
void session_go_away(struct session *session, enum code code);
/* Say CLOSE, once, behind what is sent already. */
void session_close(struct session *session, enum code code, const char *reason);
/* CLOSE is said and pulled: nothing more will be. */
bool session_is_finished(const struct session *session);

/* ---- to look at ---- */

struct session_stats {
    uint32_t streams;        /* now */
    uint64_t opened;         /* by us, ever */
    uint64_t accepted;       /* by the peer, ever */
    uint64_t sent_bytes;     /* of streams */
    uint64_t received_bytes; /* of streams */
    uint64_t rtt_us;         /* smoothed; 0: not measured yet */
    uint64_t retained_bytes;
    uint32_t glitches;
};

void session_stats(const struct session *session, struct session_stats *stats);
uint32_t session_stream_count(const struct session *session);
/* The peer's HELLO; NULL before it came. */
const struct hello *session_peer(const struct session *session);
#endif
