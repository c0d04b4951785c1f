/* SPDX-License-Identifier: MIT */
#include "wire/liveness.h"
#include "base/clock.h"

#define ACTIVE_SILENCE_US CLOCK_SECOND
#define ACTIVE_ANSWER_US (2 * CLOCK_SECOND)
#define IDLE_SILENCE_US (15 * CLOCK_SECOND)
#define IDLE_ANSWER_US (5 * CLOCK_SECOND)
#define MEASURE_EVERY_US (10 * CLOCK_SECOND)
#define MINIMUM_HOLDS_US (60 * CLOCK_SECOND)

void liveness_init(struct liveness *liveness, uint64_t now_us)
{
    *liveness = (struct liveness){ .heard_us = now_us };
}

void liveness_heard(struct liveness *liveness, uint64_t now_us)
{
    liveness->heard_us = now_us;
}

static void measure(struct liveness *liveness, uint64_t rtt, uint64_t now_us)
{
    /* A path can become longer: the shortest of the last while counts. */
    if (rtt < liveness->min_rtt_us || now_us >= liveness->min_until_us) {
        liveness->min_rtt_us = rtt;
        liveness->min_until_us = now_us + MINIMUM_HOLDS_US;
    }
    /* RFC 6298 section 2: one eighth of what is new. */
    liveness->smooth_rtt_us =
        liveness->smooth_rtt_us ? (liveness->smooth_rtt_us * 7 + rtt) / 8 : rtt;
    liveness->measured_us = now_us;
}

bool liveness_answered(struct liveness *liveness, uint64_t number,
                       uint64_t now_us)
{
    uint64_t rtt = now_us - liveness->asked_us;

    if (number <= liveness->answered || number > liveness->number)
        return false;
    liveness->answered = number;
    if (number == liveness->number) {
        measure(liveness, rtt ? rtt : 1, now_us);
        liveness->asked_us = 0;
    }
    return true;
}

/* Silence that calls for a question, and how long its answer may take. */
static uint64_t silence_us(bool is_active)
{
    return is_active ? ACTIVE_SILENCE_US : IDLE_SILENCE_US;
}

static uint64_t answer_us(bool is_active)
{
    return is_active ? ACTIVE_ANSWER_US : IDLE_ANSWER_US;
}

/* A question is open and nothing at all came since. */
static bool is_waiting(const struct liveness *liveness)
{
    return liveness->asked_us && liveness->heard_us <= liveness->asked_us;
}

static bool wants_to_ask(const struct liveness *liveness, uint64_t now_us,
                         bool is_active)
{
    if (is_waiting(liveness))
        return false;
    if (now_us - liveness->heard_us >= silence_us(is_active))
        return true;
    if (liveness->asked_us)
        return false;
    return !liveness->measured_us ||
           (is_active && now_us - liveness->measured_us >= MEASURE_EVERY_US);
}

enum liveness_verdict liveness_check(struct liveness *liveness, uint64_t now_us,
                                     bool is_active)
{
    if (wants_to_ask(liveness, now_us, is_active)) {
        liveness->asked_us = now_us;
        liveness->number++;
        return LIVENESS_ASK;
    }
    if (is_waiting(liveness) &&
        now_us - liveness->asked_us >= answer_us(is_active))
        return LIVENESS_LOST;
    return LIVENESS_FINE;
}

uint64_t liveness_deadline(const struct liveness *liveness, bool is_active)
{
    uint64_t deadline = liveness->heard_us + silence_us(is_active);
    uint64_t measure_us = liveness->measured_us + MEASURE_EVERY_US;

    if (is_waiting(liveness))
        return liveness->asked_us + answer_us(is_active);
    if (is_active && !liveness->asked_us && measure_us < deadline)
        return measure_us;
    return deadline;
}
