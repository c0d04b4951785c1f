/* SPDX-License-Identifier: MIT */
#include "wire/limits.h"
#include "base/clock.h"

enum { MILLI = 1000 };

void bucket_init(struct bucket *bucket, uint32_t max_tokens,
                 uint32_t tokens_a_second, uint64_t now_us)
{
    *bucket = (struct bucket){ .max_tokens = max_tokens,
                               .tokens_a_second = tokens_a_second,
                               .millitokens = (uint64_t)max_tokens * MILLI,
                               .filled_us = now_us };
}

static void refill(struct bucket *bucket, uint64_t now_us)
{
    uint64_t max = (uint64_t)bucket->max_tokens * MILLI, passed_ms;

    if (now_us < bucket->filled_us + CLOCK_MS)
        return;
    passed_ms = (now_us - bucket->filled_us) / CLOCK_MS;
    bucket->filled_us += passed_ms * CLOCK_MS;
    if (passed_ms > max) /* so the product below cannot overflow */
        passed_ms = max;
    bucket->millitokens += passed_ms * bucket->tokens_a_second;
    if (bucket->millitokens > max)
        bucket->millitokens = max;
}

bool bucket_take(struct bucket *bucket, uint64_t now_us)
{
    refill(bucket, now_us);
    if (bucket->millitokens < MILLI)
        return false;
    bucket->millitokens -= MILLI;
    return true;
}

uint32_t bucket_tokens(const struct bucket *bucket)
{
    return (uint32_t)(bucket->millitokens / MILLI);
}
