/* SPDX-License-Identifier: MIT */
#include "wire/schedule.h"
#include "base/clock.h"

enum {
    QUANTUM_BYTES = 65536,
    INTERACTIVE_BYTES = 65536, /* in a second; more makes a stream bulk */
    BULK_EVERY_BYTES = 131072  /* of interactive, one turn of bulk */
};

void schedule_init(struct schedule *schedule)
{
    list_init(&schedule->interactive);
    list_init(&schedule->bulk);
    schedule->interactive_bytes = 0;
}

void schedule_add(struct schedule *schedule, struct stream *stream,
                  uint64_t now_us)
{
    if (!list_is_empty(&stream->ring))
        return;
    if (now_us - stream->recent_us >= CLOCK_SECOND) {
        stream->recent_us = now_us;
        stream->recent_bytes = 0;
        stream->bulk = stream->always_bulk;
    }
    stream->deficit = 0; /* who was away saves nothing up */
    list_append(stream->bulk ? &schedule->bulk : &schedule->interactive,
                &stream->ring);
}

void schedule_remove(struct stream *stream)
{
    list_remove(&stream->ring);
}

static struct list *ring_to_serve(const struct schedule *schedule)
{
    const struct list *ring = &schedule->interactive;

    if (list_is_empty(ring) ||
        (schedule->interactive_bytes >= BULK_EVERY_BYTES &&
         !list_is_empty(&schedule->bulk)))
        ring = &schedule->bulk;
    return list_is_empty(ring) ? NULL : ring->next->previous;
}

struct stream *schedule_next(struct schedule *schedule)
{
    struct list *ring = ring_to_serve(schedule);
    struct stream *stream;

    if (!ring)
        return NULL;
    stream = LIST_ITEM(ring->next, struct stream, ring);
    if (stream->deficit <= 0)
        stream->deficit += QUANTUM_BYTES;
    return stream;
}

void schedule_charge(struct schedule *schedule, struct stream *stream,
                     uint32_t bytes)
{
    bool is_demoted;

    stream->deficit -= (int32_t)bytes;
    stream->recent_bytes += bytes;
    if (stream->bulk)
        schedule->interactive_bytes = 0;
    else
        schedule->interactive_bytes += bytes;
    is_demoted = !stream->bulk && stream->recent_bytes > INTERACTIVE_BYTES;
    stream->bulk = stream->bulk || is_demoted;
    /* Who is bulk now goes there at once, or it would pass for bulk's turn. */
    if ((stream->deficit <= 0 || is_demoted) && !list_is_empty(&stream->ring)) {
        list_remove(&stream->ring);
        list_append(stream->bulk ? &schedule->bulk : &schedule->interactive,
                    &stream->ring);
    }
}
