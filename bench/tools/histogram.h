/* SPDX-License-Identifier: MIT */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H
#include <stdint.h>

/*
 * How often each duration was seen: buckets that are 1/32 of their power of
 * two wide, so a percentile is right to 3 %, in 16 KiB and without sorting.
 */
enum { HISTOGRAM_BUCKETS = 60 * 32 };

struct histogram {
    uint64_t count;
    uint64_t maximum;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);

/* The value that |share| (0 to 1) of all values do not exceed; 0 if empty. */
uint64_t histogram_percentile(const struct histogram *histogram, double share);
#endif
