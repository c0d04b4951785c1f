/* SPDX-License-Identifier: MIT */
#ifndef WIRE_LIVENESS_H
#define WIRE_LIVENESS_H
#include <stdbool.h>
#include <stdint.h>

/*
 * Is the peer still there, and how far away: docs/PROTOCOL.md section 3, PING.
 * A function of the time it is given.  Pure.
 */
struct liveness {
    uint64_t heard_us;     /* when a sign of life last arrived */
    uint64_t asked_us;     /* when the last question left; 0: none is open */
    uint64_t number;       /* of the last question */
    uint64_t answered;     /* the last that was answered */
    uint64_t measured_us;  /* when the round trip was last measured */
    uint64_t min_rtt_us;   /* of the last minute; 0: not measured yet */
    uint64_t min_until_us; /* how long that may count */
    uint64_t smooth_rtt_us;
};

void liveness_init(struct liveness *liveness, uint64_t now_us);

/*
 * Bytes arrived, other than a question: who asks may well hear nothing of us,
 * so where one direction is dead both ends know it at the same time.
 */
void liveness_heard(struct liveness *liveness, uint64_t now_us);

/* The answer to question |number|; false if it was not asked. */
bool liveness_answered(struct liveness *liveness, uint64_t number,
                       uint64_t now_us);

enum liveness_verdict {
    LIVENESS_FINE,
    LIVENESS_ASK, /* send PING with |number|: it has been noted as sent */
    LIVENESS_LOST
};

/*
 * |is_active|: streams are open.  An answer that is overdue counts from when
 * the question was asked, so a process that was stopped asks before it judges.
 */
enum liveness_verdict liveness_check(struct liveness *liveness, uint64_t now_us,
                                     bool is_active);

/* When to check again, at the latest. */
uint64_t liveness_deadline(const struct liveness *liveness, bool is_active);
#endif
