/* SPDX-License-Identifier: MIT */
#ifndef WIRE_SCHEDULE_H
#define WIRE_SCHEDULE_H
#include "wire/stream.h"
#include <stdint.h>

/*
 * Which stream sends next: deficit round robin in two rings, interactive
 * before bulk, so that a short request does not wait behind megabytes, and
 * bulk is not starved by many short ones: docs/PROTOCOL.md section 7.  Pure.
 */
struct schedule {
    struct list interactive;
    struct list bulk;
    uint32_t interactive_bytes; /* sent since bulk had its last turn */
};

void schedule_init(struct schedule *schedule);

/* |stream| has something to send; harmless if it was known. */
void schedule_add(struct schedule *schedule, struct stream *stream,
                  uint64_t now_us);
void schedule_remove(struct stream *stream);

/* Whose turn it is, with deficit > 0; NULL if nobody wants to send. */
struct stream *schedule_next(struct schedule *schedule);

/* It sent |bytes|, headers included. */
void schedule_charge(struct schedule *schedule, struct stream *stream,
                     uint32_t bytes);
#endif
