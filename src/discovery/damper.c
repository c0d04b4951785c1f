/* SPDX-License-Identifier: MIT */
#include "discovery/damper.h"
#include "base/clock.h"

/* For so long an answer that was replaced counts as coming back. */
static const uint64_t memory_us = 60 * CLOCK_SECOND;
static const uint64_t max_hold_us = 30 * CLOCK_SECOND;

void damper_init(struct damper *damper, uint64_t interval_us, bool may_flap)
{
    *damper =
        (struct damper){ .interval_us = interval_us, .may_flap = may_flap };
}

static bool was_replaced(const struct damper *damper, uint64_t digest,
                         uint64_t now_us)
{
    for (size_t i = 0; i < DAMPER_REPLACED; i++)
        if (damper->replaced[i].digest == digest &&
            damper->replaced[i].until_us > now_us)
            return true;
    return false;
}

/* One return is a change of mind, or a move that failed: no penalty. */
static uint64_t hold_us(unsigned returns)
{
    if (returns == 0)
        return 0;
    if (returns > 4)
        return max_hold_us;
    return CLOCK_SECOND << returns;
}

uint64_t damper_offer(struct damper *damper, uint64_t digest, uint64_t now_us)
{
    uint64_t at_us = now_us;

    if (damper->candidate != digest) {
        damper->candidate = digest;
        damper->candidate_us = now_us;
    }
    if (damper->returned_us && now_us - damper->returned_us > memory_us)
        damper->returns = 0;
    if (damper->applied_us)
        at_us = damper->applied_us + damper->interval_us;
    if (damper->may_flap && was_replaced(damper, digest, now_us)) {
        uint64_t calm_us = damper->candidate_us + hold_us(damper->returns);

        if (calm_us > at_us)
            at_us = calm_us;
    }
    return at_us;
}

void damper_withdraw(struct damper *damper)
{
    damper->candidate = 0;
}

void damper_apply(struct damper *damper, uint64_t replaced, uint64_t digest,
                  uint64_t now_us)
{
    if (was_replaced(damper, digest, now_us)) {
        damper->returns++;
        damper->returned_us = now_us;
    }
    damper->replaced[damper->next].digest = replaced;
    damper->replaced[damper->next].until_us = now_us + memory_us;
    damper->next = (damper->next + 1) % DAMPER_REPLACED;
    damper->applied_us = now_us;
    damper->candidate = 0;
}
