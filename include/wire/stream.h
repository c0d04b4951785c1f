/* SPDX-License-Identifier: MIT */
#ifndef WIRE_STREAM_H
#define WIRE_STREAM_H
#include "base/check.h"
#include "base/chunk.h"
#include "base/list.h"
#include "base/status.h"
#include "wire/code.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * One multiplexed byte stream: where its two directions are, in states and in
 * absolute offsets.  Pure, and drives nothing: the session embeds the rules of
 * the whole tunnel, owns every stream and is the only one to change it.
 *
 * Sending:
 *   OPEN --FIN wanted--> FINISHING --FIN sent--> FINISHED --acknowledged-->
 * OVER OPEN, FINISHING --reset wanted--> RESETTING --RESET sent--> OVER (RESET
 * goes out behind what is still unsent) FINISHED --reset wanted--> RESETTING
 * Receiving:
 *   OPEN --FIN--> FINISHED --all consumed--> CONSUMED --acknowledged--> OVER
 *   OPEN, FINISHED --RESET--> OVER
 */
enum stream_sending {
    SENDING_INVALID, /* "no such transition"; never stored */
    SENDING_OPEN,
    SENDING_FINISHING, /* FIN goes out behind the last byte */
    SENDING_FINISHED,  /* FIN is sent */
    SENDING_RESETTING, /* RESET goes out behind the last byte */
    SENDING_OVER,
    SENDING_STATES
};

enum stream_receiving {
    RECEIVING_INVALID,
    RECEIVING_OPEN,
    RECEIVING_FINISHED, /* FIN is here, not every byte consumed */
    RECEIVING_CONSUMED, /* every byte is; the peer does not know yet */
    RECEIVING_OVER,
    RECEIVING_STATES
};

enum stream_event {
    STREAM_FIN_WANTED,
    STREAM_FIN_SENT,
    STREAM_FIN_ACKNOWLEDGED,
    STREAM_RESET_WANTED,
    STREAM_RESET_SENT,
    STREAM_FIN_RECEIVED,
    STREAM_ALL_CONSUMED,
    STREAM_ACKNOWLEDGEMENT_SENT,
    STREAM_RESET_RECEIVED,
    STREAM_EVENTS
};

struct stream {
    uint32_t id;       /* odd if the tunnel's dialer opened it */
    uint8_t sending;   /* enum stream_sending */
    uint8_t receiving; /* enum stream_receiving */

    /* What has yet to be told the peer. */
    bool open_due : 1;
    bool open_fail_due : 1;
    bool stop_due : 1;
    bool window_due : 1;
    bool awaited : 1;   /* the peer waits until all it sent is acknowledged */
    bool delivered : 1; /* for OPEN_FAIL: a byte reached the service */

    bool answered : 1; /* any frame has come back for our OPEN */
    bool spoken : 1;   /* any frame of ours has gone out for it */
    bool fin_sent : 1;
    bool discarding : 1; /* STOP was sent: drop what still arrives */
    bool refused : 1;    /* OPEN_FAIL has come: nobody takes our bytes */
    bool stopped : 1;    /* STOP has come */
    bool starved : 1;    /* the owner wants to write and could not */
    bool bulk : 1;       /* in the ring that is served second */
    bool always_bulk : 1;
    uint16_t reset_code;
    uint16_t stop_code;

    /* Sending: acknowledged <= sent <= written, sent <= send_limit. */
    uint64_t acknowledged;
    uint64_t sent;
    uint64_t written;
    uint64_t send_limit;
    struct chunk_queue retained; /* [acknowledged, written) */
    struct chunk *unsent;        /* the chunk that holds offset |sent| */

    /* Receiving: consumed <= received <= receive_limit. */
    uint64_t received;
    uint64_t consumed;
    uint64_t receive_limit; /* as told the peer */
    uint64_t told_consumed; /* likewise */
    uint64_t grown_us;      /* when half of |window| was last used up */
    uint64_t grown_bytes;   /* |consumed| at that time */
    uint32_t window;        /* what we would promise, given memory */

    /* Scheduling. */
    int32_t deficit;       /* bytes it may still send this round */
    uint32_t recent_bytes; /* sent since |recent_us| */
    uint64_t recent_us;
    uint8_t read_parts;  /* how many chunks the next read may fill */
    struct list ring;    /* in a ring of the schedule */
    struct list control; /* has something due */
    struct list room;    /* starved, or about to be told that it need not */

    struct metadata *metadata; /* of our OPEN until it is sent; owned */
    void *owner; /* borrowed: who is told; NULL: nobody any more */
};

void stream_init(struct stream *stream, uint32_t id, uint64_t send_limit,
                 uint64_t receive_limit);

/* Whether |event| is legal where the stream is. */
bool stream_can(const struct stream *stream, enum stream_event event);
/* Move on by |event|, which must be legal. */
void stream_advance(struct stream *stream, enum stream_event event);

bool stream_is_over(const struct stream *stream);

/* May more bytes be put behind what is written? */
bool stream_can_write(const struct stream *stream);

/* Bytes written that the peer lets us send now. */
uint64_t stream_sendable(const struct stream *stream);

/* Has FIN or bytes to send right now. */
bool stream_wants_to_send(const struct stream *stream);

/*
 * Take note of |length| bytes at |offset| from the peer, and of its FIN.  What
 * is wrong with them in a few words, and no change; NULL if nothing.
 */
const char *stream_data_fault(const struct stream *stream, uint64_t offset,
                              uint64_t length);

/* What is wrong with a WINDOW, or NULL. */
const char *stream_window_fault(const struct stream *stream, uint64_t consumed,
                                uint64_t limit);
#endif
