/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_BACKOFF_H
#define DISCOVERY_BACKOFF_H
#include "base/random.h"
#include <stdint.h>

/*
 * How long to wait after the n-th failure in a row: twice as long each time,
 * up to half a minute, half of it chance, so that those who lost a server
 * together do not return together.  Pure.
 */
struct backoff {
    unsigned failures;
};

uint64_t backoff_next(struct backoff *backoff, struct random *random);
void backoff_reset(struct backoff *backoff);

/*
 * When to ask again for something that may be used for |ttl_s| seconds: in its
 * time, within bounds, and a little later so that not all ask at once.
 */
uint64_t backoff_refresh(uint32_t ttl_s, struct random *random);
#endif
