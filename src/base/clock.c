/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include <time.h>

uint64_t clock_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * CLOCK_SECOND + (uint64_t)now.tv_nsec / 1000;
}

int64_t clock_wall_seconds(void)
{
    return (int64_t)time(NULL);
}
