/* SPDX-License-Identifier: MIT */
#ifndef TUNNEL_RELAY_H
#define TUNNEL_RELAY_H
#include "base/check.h"
#include "base/status.h"
#include "net/connection.h"
#include "tunnel/host.h"
#include "wire/code.h"
#include "wire/stream.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * The pump between a local connection and a stream, with TCP's endings:
 * docs/PROTOCOL.md section 6.  Embedded in what opened it; lives until
 * relay_events.ended.
 *
 *   up    connection -> stream   ends by FIN or reset of the connection
 *   down  stream -> connection   ends by FIN or RESET of the stream
 *
 * Either half may come first: a consumer has the connection and opens a
 * stream, an offerer has the stream and dials.  What the stream brings before
 * there is a connection waits in its queue.
 */
struct relay;

/* How a relay ended, for the log and for counting. */
enum relay_ending {
    RELAY_ENDED_IN_ORDER,
    RELAY_RESET_HERE,  /* the local connection was reset */
    RELAY_RESET_THERE, /* the peer's was */
    RELAY_LOST,        /* the tunnel was */
    RELAY_REFUSED,     /* by us: relay_refuse(), relay_abort() */
    RELAY_SHORT        /* memory was */
};

struct relay_events {
    /* The service was reached; may be NULL. */
    void (*answered)(struct relay *relay);
    /*
     * The peer refused the stream, or it was lost with its tunnel (CODE_LOST)
     * before anything of it had left.  It is gone, and what was written to it
     * is kept if |delivered| is false: relay_attach() presents it elsewhere.
     * Otherwise, or if nobody else is there, relay_abort().  NULL: for a relay
     * that adopts its stream, which is never refused.
     */
    void (*open_failed)(struct relay *relay, enum code code, bool delivered);
    /* The last thing to happen: the callee frees what embeds |relay|. */
    void (*ended)(struct relay *relay, enum relay_ending ending);
};

struct relay {
    struct connection connection;
    struct loop_task task;
    struct loop_deferred deferred;
    struct host *host;                 /* borrowed */
    const struct relay_events *events; /* borrowed */
    struct tunnel *tunnel;             /* NULL without a stream */
    struct stream *stream;             /* NULL before, between and after */
    struct lingering lingering;
    uint64_t up_bytes;
    uint64_t down_bytes;
    size_t announced_bytes;   /* queued, but not of the stream */
    struct chunk_queue early; /* taken back from a stream that failed */
    uint8_t ending;           /* enum relay_ending */
    bool answered;            /* the far end has been heard of */
    bool up_ended;            /* no more bytes go up */
    bool up_finished;         /* by FIN */
    bool down_ended;          /* no more bytes come down */
    bool down_finished;       /* by FIN: it has yet to reach the connection */
    bool failing;   /* the connection was reset, but has bytes to be read */
    bool resetting; /* reset the connection when it has its last bytes */
    bool closing;
};

/* |relay| has neither a connection nor a stream yet. */
void relay_init(struct relay *relay, struct host *host,
                const struct relay_events *events);

/* Takes ownership of |fd|.  STATUS_NO_MEMORY: it is closed. */
MUST_CHECK enum status relay_connect(struct relay *relay, int fd);

/*
 * Open a stream for |metadata| in |tunnel| and begin; bytes taken back from a
 * stream before go first.  Fails as session_open() does.
 */
MUST_CHECK enum status relay_attach(struct relay *relay, struct tunnel *tunnel,
                                    const struct metadata *metadata);

/* Bytes of the application that were read before, by another worker. */
MUST_CHECK enum status relay_prefix(struct relay *relay, const uint8_t *bytes,
                                    size_t length);

/*
 * Give the connection of a relay without a stream away, as connection_take().
 * |ended| follows, not from inside.
 */
int relay_take(struct relay *relay);

/* Become the owner of a stream the peer opened. */
void relay_adopt(struct relay *relay, struct tunnel *tunnel,
                 struct stream *stream);

/*
 * Bytes for the service in front of those of the stream, some of which may
 * wait already: once it is known who that is, and before relay_connect().
 */
MUST_CHECK enum status relay_announce(struct relay *relay, const uint8_t *bytes,
                                      size_t length);

/*
 * The service cannot be reached: refuse the adopted stream, not one byte of
 * which was delivered.  |ended| follows, not from inside.
 */
void relay_refuse(struct relay *relay, enum code code);

/* Reset both sides.  |ended| follows, not from inside. */
void relay_abort(struct relay *relay, enum relay_ending ending);

/* ---- for the tunnel, which is the one to call these ---- */

/* |parts|, and FIN behind them if |finished|, came for the stream. */
void relay_down(struct relay *relay, const struct iovec *parts, int count,
                size_t bytes, bool finished);
void relay_stream_answered(struct relay *relay);
void relay_stream_reset(struct relay *relay, enum code code);
void relay_stream_stopped(struct relay *relay, enum code code);
void relay_stream_refused(struct relay *relay, enum code code, bool delivered);
void relay_stream_lost(struct relay *relay); /* with its tunnel */
void relay_wake(struct relay *relay);        /* there is room in the stream */
#endif
