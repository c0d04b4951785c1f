/* SPDX-License-Identifier: MIT */
#ifndef WIRE_CREDIT_H
#define WIRE_CREDIT_H
#include "wire/stream.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * How much memory an end has promised the streams of one tunnel, and how much
 * more it may promise: docs/PROTOCOL.md section 7.  Pure.
 *
 * A stream's promise is receive_limit - consumed, and received - consumed once
 * the peer has ended it.  Its first |reserve| bytes are its own; what goes
 * beyond comes out of the pool and returns to it.
 */
struct credit {
    uint64_t pool_bytes;
    uint64_t promised_bytes; /* beyond the reserves */
    uint32_t reserve_bytes;
    uint32_t min_window_bytes; /* what a window starts with */
    uint32_t max_window_bytes;
};

/* A stream that was promised no more than its reserve begins. */
void credit_begin(const struct credit *credit, struct stream *stream,
                  uint64_t now_us);

/*
 * FIN or RESET ended the receiving of |stream| just now: what was promised
 * beyond the bytes that came returns.
 */
void credit_finish(struct credit *credit, const struct stream *stream);

/* A stream ends; its promise returns. */
void credit_end(struct credit *credit, const struct stream *stream);

/* |bytes| of |stream| have left our memory. */
void credit_consumed(struct credit *credit, struct stream *stream,
                     uint64_t bytes);

/*
 * The limit to tell the peer now: at least the one told before.  |is_short|:
 * memory is, so promise no more than the reserve.
 */
uint64_t credit_limit(const struct credit *credit, const struct stream *stream,
                      bool is_short);

/* Whether the peer needs to hear now, not when there is other news. */
bool credit_is_urgent(const struct credit *credit, const struct stream *stream,
                      bool is_short);

/* Tell the peer |limit| at |now_us|; grows or shrinks the window. */
void credit_promise(struct credit *credit, struct stream *stream,
                    uint64_t limit, uint64_t now_us, uint64_t min_rtt_us);
#endif
