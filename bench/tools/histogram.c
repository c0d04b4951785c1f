/* SPDX-License-Identifier: MIT */
#include "histogram.h"

static unsigned bucket_of(uint64_t value)
{
    unsigned shift;

    if (value < 64)
        return (unsigned)value;
    shift = 63u - (unsigned)__builtin_clzll(value) - 5u;
    return shift * 32 + (unsigned)(value >> shift);
}

/* The largest value that falls into |bucket|. */
static uint64_t top_of(unsigned bucket)
{
    unsigned shift;

    if (bucket < 64)
        return bucket;
    shift = bucket / 32 - 1;
    return ((uint64_t)(bucket - shift * 32 + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->count++;
    histogram->buckets[bucket_of(value)]++;
    if (value > histogram->maximum)
        histogram->maximum = value;
}

uint64_t histogram_percentile(const struct histogram *histogram, double share)
{
    double wanted = share * (double)histogram->count;
    uint64_t seen = 0;

    for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        seen += histogram->buckets[bucket];
        if (seen > 0 && (double)seen >= wanted) {
            uint64_t top = top_of(bucket);
            return top < histogram->maximum ? top : histogram->maximum;
        }
    }
    return histogram->maximum;
}
