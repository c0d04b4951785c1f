/* SPDX-License-Identifier: MIT */
#include "discovery/backoff.h"
#include "base/clock.h"

static const uint64_t first_us = 500 * CLOCK_MS;
static const uint64_t max_us = 30 * CLOCK_SECOND;
static const uint64_t min_refresh_us = CLOCK_SECOND;
static const uint64_t max_refresh_us = 30 * CLOCK_SECOND;
static const uint64_t max_late_us = 500 * CLOCK_MS;

uint64_t backoff_next(struct backoff *backoff, struct random *random)
{
    uint64_t limit_us = max_us;

    if (backoff->failures < 6)
        limit_us = first_us << backoff->failures;
    backoff->failures++;
    return limit_us / 2 + random_below(random, limit_us / 2);
}

void backoff_reset(struct backoff *backoff)
{
    backoff->failures = 0;
}

uint64_t backoff_refresh(uint32_t ttl_s, struct random *random)
{
    uint64_t refresh_us = ttl_s * CLOCK_SECOND;
    uint64_t late_us;

    if (refresh_us < min_refresh_us)
        refresh_us = min_refresh_us;
    if (refresh_us > max_refresh_us)
        refresh_us = max_refresh_us;
    late_us = refresh_us / 10;
    return refresh_us +
           random_below(random, late_us < max_late_us ? late_us : max_late_us);
}
