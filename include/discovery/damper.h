/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_DAMPER_H
#define DISCOVERY_DAMPER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * When a new answer of a registry may be applied.  Pure.
 *
 * News is applied at once, but at most once in |interval_us|: what comes
 * between is merged.  An answer that was replaced a short while ago and comes
 * back is not news: a registry that goes to and fro has to give it without
 * interruption, at first for a moment, each further time for twice as long.
 * A registry that keeps calm is trusted again.
 */
enum { DAMPER_REPLACED = 8 };

struct damper {
    uint64_t interval_us;
    bool may_flap;
    uint64_t applied_us;   /* the last change; 0: none yet */
    uint64_t returned_us;  /* the last time an answer came back; 0 */
    unsigned returns;      /* how often one did lately */
    uint64_t candidate;    /* digest of the answer that waits; 0: none */
    uint64_t candidate_us; /* since when it is the answer */
    struct {
        uint64_t digest;
        uint64_t until_us;
    } replaced[DAMPER_REPLACED];
    size_t next;
};

/* Without |may_flap| what comes back is news as any other. */
void damper_init(struct damper *damper, uint64_t interval_us, bool may_flap);

/*
 * The registry says now what |digest| stands for, other than what is applied.
 * Returns when to apply it; not later than |now_us|: at once.
 */
uint64_t damper_offer(struct damper *damper, uint64_t digest, uint64_t now_us);

/* What is applied is the answer (again): nothing waits. */
void damper_withdraw(struct damper *damper);

/* The answer of |digest| was applied in place of that of |replaced|. */
void damper_apply(struct damper *damper, uint64_t replaced, uint64_t digest,
                  uint64_t now_us);
#endif
