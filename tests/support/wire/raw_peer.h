/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_WIRE_RAW_PEER_H
#define SUPPORT_WIRE_RAW_PEER_H
#include "base/bytes.h"
#include "base/chunk.h"
#include "base/clock.h"
#include "support/check_test.h"
#include "support/wire/raw_frame.h"
#include "wire/session.h"

/*
 * One session under test and, in the place of its peer, whatever bytes a test
 * wants it to get: put frames with frame_put_*() into |out|, then deliver.
 */
struct raw_peer {
    struct session *session;
    struct chunk_pool pool;
    enum session_role role; /* of the session under test */
    uint64_t now_us;
    bool reads; /* what the session sends is dropped after each delivery */

    struct bytes_writer out;
    size_t taken; /* of what was put, by the session */
    uint8_t bytes[1 << 17];

    /* A record that was pulled and is looked at frame by frame. */
    uint8_t record[FRAME_MAX];
    size_t record_at, record_length;

    /* For bounds on work. */
    uint64_t delivered_bytes, pulled_bytes, events;
};

/* |limits| NULL: the defaults. */
void raw_start(struct raw_peer *raw, enum session_role role,
               const struct limits *limits);
/* The same, and both HELLOs have gone through, PING too. */
void raw_start_ready(struct raw_peer *raw, enum session_role role,
                     const struct limits *limits);
/* Frees the session; nothing of its pool may be out then. */
void raw_stop(struct raw_peer *raw);

/* What a well-behaved peer says first. */
struct hello raw_hello(void);
void raw_put_hello(struct raw_peer *raw, const struct hello *hello);
/* The number of the peer's |index|th stream, from 0; of the session's. */
uint32_t raw_id(const struct raw_peer *raw, uint32_t index);
uint32_t raw_own_id(const struct raw_peer *raw, uint32_t index);
/* For the service "echo". */
void raw_put_open(struct raw_peer *raw, uint32_t id);
void raw_put_data(struct raw_peer *raw, uint32_t id, uint64_t offset,
                  size_t length, bool fin);
/* |count| offers, or as many as fit: "s0" that is up, with load |load| ... */
void raw_put_offers(struct raw_peer *raw, uint32_t count, uint32_t load);
/* A frame with any header and |length| zeros behind it. */
void raw_put_zeros(struct raw_peer *raw, uint8_t type, uint8_t flags,
                   size_t length, uint32_t stream);

/* Give the session what was put, up to the first event. */
enum status raw_deliver(struct raw_peer *raw, struct session_event *event);
/* The same; it must be of |type|, and no fault. */
struct session_event raw_expect(struct raw_peer *raw,
                                enum session_event_type type);
/* DATA is put and comes out at once. */
void raw_deliver_data(struct raw_peer *raw, uint32_t id, uint64_t offset,
                      size_t length, bool fin);
/* It takes everything, and nobody needs to know. */
void raw_expect_nothing(struct raw_peer *raw);
/* It breaks the protocol: CLOSE says |why| and is the last that is said. */
void raw_expect_broken(struct raw_peer *raw, const char *why);
/* Everything put is delivered, events thrown away; true if it was taken. */
bool raw_flood(struct raw_peer *raw);

/* The next frame that the session sends; false if there is none. */
bool raw_pull(struct raw_peer *raw, struct raw_frame *frame);
/* It must be there and of |type|, on |stream|. */
struct raw_frame raw_expect_frame(struct raw_peer *raw, enum frame_type type,
                                  uint32_t stream);
void raw_expect_no_frame(struct raw_peer *raw);
/* Pull and drop all there is; returns how many bytes. */
size_t raw_drop_frames(struct raw_peer *raw);

/* A stream that the peer opens, with an owner. */
struct stream *raw_accept(struct raw_peer *raw, uint32_t index);
/* A stream that the session opens; OPEN has been pulled. */
struct stream *raw_open(struct raw_peer *raw);
/* Ready, with a stream 1: of the peer's in an acceptor, its own in a dialer. */
struct stream *raw_start_accepted(struct raw_peer *raw);
struct stream *raw_start_opened(struct raw_peer *raw);
/* Write |bytes| of a known pattern, as many as there is room for. */
size_t raw_write(struct raw_peer *raw, struct stream *stream, size_t bytes);

/* Memory that the session holds on behalf of its peer, at most. */
size_t raw_memory(const struct raw_peer *raw);
#endif
