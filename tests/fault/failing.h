/* SPDX-License-Identifier: MIT */
#ifndef FAULT_FAILING_H
#define FAULT_FAILING_H
#include <stdbool.h>
#include <stdint.h>

/*
 * An allocator that says no, once or from then on.  Holds for all that is
 * linked statically, our code and the libraries in it, on the thread that
 * calls this.
 */
void failing_start(uint64_t nth, bool for_good); /* nth 0: only count */

/* Whether one failed since. */
bool failing_failed(void);

/* Back to normal; how many allocations there were. */
uint64_t failing_stop(void);

/*
 * |scenario| with each allocation failing in turn, in about |runs| runs (0:
 * all of them).  It returns whether it succeeded, which it must if nothing
 * fails; |name| is for the report.
 */
void failing_sweep(const char *name, bool (*scenario)(void), uint64_t runs);
#endif
