/* SPDX-License-Identifier: MIT */
#ifndef WIRE_SESSION_INTERNAL_H
#define WIRE_SESSION_INTERNAL_H
/* What the files of the session share. */
#include "base/table.h"
#include "wire/credit.h"
#include "wire/frame.h"
#include "wire/liveness.h"
#include "wire/schedule.h"
#include "wire/session.h"

enum {
    MAX_PARTS = 16,           /* large chunks one read may fill */
    WAKE_ON_PULL = MAX_PARTS, /* who were refused room, at most */
    CROSSINGS = 64            /* of each stream: what a second's delay holds */
};

#define LAST_STREAM UINT32_C(0x7fffffff)

struct session {
    enum session_role role;
    struct limits limits;
    struct chunk_pool *pool; /* borrowed */
    struct table streams;    /* id -> struct stream; owned */
    struct credit credit;
    struct schedule schedule;
    struct liveness liveness;
    struct bucket glitches;
    struct bucket pings;
    struct bucket offers; /* lists of the peer's */

    /* Numbers of streams. */
    uint32_t last_opened;   /* by us; 0: none */
    uint32_t last_accepted; /* by the peer */
    uint32_t opened;        /* how many by us */
    uint32_t accepted;
    uint32_t accepted_over; /* of them */
    uint32_t open_limit;    /* how many we may open */
    uint32_t accept_limit;  /* how many the peer may, as told */
    uint64_t crossings;     /* frames that may yet come for streams over */

    /* What has yet to be told the peer about the session. */
    struct hello hello;
    struct hello peer;
    enum code goaway_code;
    enum code close_code;
    char close_reason[FRAME_MAX_REASON + 1];
    char peer_reason[FRAME_MAX_REASON + 1];
    uint64_t ping_number;       /* to ask */
    uint64_t answer_number;     /* to answer */
    struct offers *offered;     /* owned; NULL: nothing yet */
    struct offers *peer_offers; /* likewise */
    bool offers_due;
    bool hello_due;
    bool peer_ready; /* its HELLO is here */
    bool streams_due;
    bool ping_due;
    bool answer_due;
    bool goaway_due;
    bool goaway_sent;
    bool goaway_received;
    bool close_due;
    bool close_sent;
    bool peer_closed;   /* its CLOSE is here */
    enum status failed; /* it broke the protocol: take nothing more */

    struct list control;   /* streams with something due, in order */
    struct list lazy;      /* streams with an acknowledgement that may wait */
    uint64_t lazy_us;      /* until when */
    uint64_t ticked_us;    /* when session_tick() last looked */
    struct list starved;   /* streams refused room */
    struct list writable;  /* streams to be told that there is room again */
    uint64_t unsent_bytes; /* written and not sent, of all streams */
    uint64_t retained_bytes;

    /* Chunks handed out by session_prepare(). */
    struct chunk *prepared[MAX_PARTS];
    int prepared_count;

    uint64_t sent_bytes;
    uint64_t received_bytes;
    struct metadata opened_metadata; /* for SESSION_OPENED */
    uint8_t *partial;                /* a frame that came in pieces; owned */
    size_t partial_length;
    uint8_t staging[FRAME_MAX + 1]; /* small frames are put together here */
};

struct stream *session_find(const struct session *session, uint32_t id);
/* Whether |id| is of the streams we open. */
bool session_is_ours(const struct session *session, uint32_t id);

/* |stream| has something due: it gets its turn among the control frames. */
void session_control(struct session *session, struct stream *stream);
/* The same, but it may wait for company. */
void session_control_later(struct session *session, struct stream *stream,
                           uint64_t now_us);
/* |stream| may have bytes to send. */
void session_data(struct session *session, struct stream *stream,
                  uint64_t now_us);
/* Let go of |stream| if it is over and nobody's. */
void session_settle(struct session *session, struct stream *stream);
/* Free retained bytes before |offset|. */
void session_acknowledge(struct session *session, struct stream *stream,
                         uint64_t offset);
/* Drop what is written but will not be sent. */
void session_drop_unsent(struct session *session, struct stream *stream);
/* Bytes of the peer's that nobody wants leave our memory; FIN likewise. */
void session_discard(struct session *session, struct stream *stream);
/* Tell |stream|'s owner that there is room, if it was refused. */
void session_offer_room(struct session *session, struct stream *stream);
/* Let |count| of those who were refused try again, the longest waiting first.
 */
void session_wake(struct session *session, unsigned count);
/* Whether only acknowledgements let more of |stream| be sent: there is credit,
 * but as much is kept as may be. */
bool session_is_full(const struct session *session,
                     const struct stream *stream);
bool session_memory_is_short(const struct session *session);
#endif
