/* SPDX-License-Identifier: MIT */
#ifndef WIRE_CREDIT_H
#define WIRE_CREDIT_H
#include "base/check.h"
#include "wire/stream.h"
#include <stdbool.h>
#include <stdint.h>

/*
 * What the streams of one tunnel may send us, each and together:
 * docs/PROTOCOL.md section 7.  Pure.
 *
 * Each stream has a window, told to the peer as a limit.  A window that is not
 * used costs nothing: memory is what streams hold, received - consumed.  The
 * first |reserve| bytes of that are each stream's own; what goes beyond comes
 * out of the pool, and the peer keeps to the pool by itself.
 */
struct credit {
    uint64_t pool_bytes; /* a peer that has us hold more breaks the protocol */
    uint64_t held_bytes; /* beyond the reserves */
    uint32_t reserve_bytes;
    uint32_t min_window_bytes; /* what a window starts with */
    uint32_t max_window_bytes;
};

/* A stream that was promised the smallest window begins. */
void credit_begin(const struct credit *credit, struct stream *stream,
                  uint64_t now_us);

/* A stream ends, or its receiving is about to; what it holds returns. */
void credit_end(struct credit *credit, const struct stream *stream);

/* |bytes| have come for |stream|; false: the pool is not as large. */
MUST_CHECK bool credit_received(struct credit *credit, struct stream *stream,
                                uint64_t bytes);

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
void credit_promise(const struct credit *credit, struct stream *stream,
                    uint64_t limit, uint64_t now_us, uint64_t min_rtt_us);
#endif
