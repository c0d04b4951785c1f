/* SPDX-License-Identifier: MIT */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H
#include <stdint.h>

#define CLOCK_MS UINT64_C(1000)        /* microseconds in a millisecond */
#define CLOCK_SECOND UINT64_C(1000000) /* microseconds in a second */

/*
 * Microseconds since some fixed moment; never goes back, whatever happens to
 * the time of day.  Read once per turn of a loop and passed on as |now_us|.
 */
uint64_t clock_now_us(void);

/* Seconds since 1970, for certificates and log lines only. */
int64_t clock_wall_seconds(void);
#endif
