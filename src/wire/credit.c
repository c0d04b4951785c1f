/* SPDX-License-Identifier: MIT */
#include "wire/credit.h"
#include "base/clock.h"

#define IDLE_US (10 * CLOCK_SECOND)

/*
 * The part of what |stream| holds that comes out of the pool.  Of one that was
 * reset the sender keeps no account either.
 */
static uint64_t beyond_reserve(const struct credit *credit,
                               const struct stream *stream)
{
    uint64_t held = stream->received - stream->consumed;

    if (stream->receiving == RECEIVING_OVER)
        return 0;
    return held > credit->reserve_bytes ? held - credit->reserve_bytes : 0;
}

void credit_begin(const struct credit *credit, struct stream *stream,
                  uint64_t now_us)
{
    stream->window = credit->min_window_bytes;
    stream->grown_us = now_us;
}

void credit_end(struct credit *credit, const struct stream *stream)
{
    credit->held_bytes -= beyond_reserve(credit, stream);
}

bool credit_received(struct credit *credit, struct stream *stream,
                     uint64_t bytes)
{
    uint64_t others = credit->held_bytes - beyond_reserve(credit, stream);

    stream->received += bytes;
    credit->held_bytes = others + beyond_reserve(credit, stream);
    return credit->held_bytes <= credit->pool_bytes;
}

void credit_consumed(struct credit *credit, struct stream *stream,
                     uint64_t bytes)
{
    uint64_t others = credit->held_bytes - beyond_reserve(credit, stream);

    ASSERT(bytes <= stream->received - stream->consumed);
    stream->consumed += bytes;
    credit->held_bytes = others + beyond_reserve(credit, stream);
}

uint64_t credit_limit(const struct credit *credit, const struct stream *stream,
                      bool is_short)
{
    uint64_t limit =
        stream->consumed + (is_short ? credit->reserve_bytes : stream->window);

    return limit > stream->receive_limit ? limit : stream->receive_limit;
}

bool credit_is_urgent(const struct credit *credit, const struct stream *stream,
                      bool is_short)
{
    uint64_t limit = credit_limit(credit, stream, is_short);
    uint64_t news = limit - stream->receive_limit;
    uint64_t had = stream->receive_limit - stream->told_consumed;
    uint64_t left = stream->receive_limit - stream->received;

    /* Worth telling, and the peer has used up half of what it had. */
    return news > 0 && news >= (limit - stream->consumed) / 2 &&
           left <= had / 2;
}

/*
 * Half of the window went within two round trips: the window, not the path,
 * is what limits the stream.
 */
static void adapt_window(const struct credit *credit, struct stream *stream,
                         uint64_t now_us, uint64_t min_rtt_us)
{
    uint64_t passed = now_us - stream->grown_us;

    if (stream->consumed - stream->grown_bytes < stream->window / 2)
        return;
    if (passed > IDLE_US)
        stream->window /= 2;
    else if (passed < 2 * min_rtt_us)
        stream->window *= 2;
    if (stream->window < credit->min_window_bytes)
        stream->window = credit->min_window_bytes;
    if (stream->window > credit->max_window_bytes)
        stream->window = credit->max_window_bytes;
    stream->grown_us = now_us;
    stream->grown_bytes = stream->consumed;
}

void credit_promise(const struct credit *credit, struct stream *stream,
                    uint64_t limit, uint64_t now_us, uint64_t min_rtt_us)
{
    adapt_window(credit, stream, now_us, min_rtt_us);
    stream->receive_limit = limit;
    stream->told_consumed = stream->consumed;
}
