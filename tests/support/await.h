/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_AWAIT_H
#define SUPPORT_AWAIT_H
/*
 * Waiting for what needs the turns of a loop.  Ten seconds are more than
 * anything takes here, however busy the machine is; then the test fails.
 */
#include "base/clock.h"
#include "support/check_test.h"

/* Do |turn| until |condition|. */
#define AWAIT_BY(turn, condition)                                \
    do {                                                         \
        uint64_t until_us_ = clock_now_us() + 10 * CLOCK_SECOND; \
        while (!(condition)) {                                   \
            if (clock_now_us() > until_us_)                      \
                fail_msg("waited ten seconds for " #condition);  \
            turn;                                                \
        }                                                        \
    } while (0)

/* Turn |loop| until |condition|. */
#define AWAIT_IN(loop, condition) AWAIT_BY(loop_turn(loop, CLOCK_MS), condition)
#endif
