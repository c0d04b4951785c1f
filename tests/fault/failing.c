/* SPDX-License-Identifier: MIT */
#include "fault/failing.h"
#include "base/check.h"
#include <stddef.h>
#include <stdio.h>

/* Only the thread of the test: what others allocate comes at any time. */
static _Thread_local bool counts;
static bool goes_on;
static uint64_t allocations;
static uint64_t failing_one;

static bool fails(void)
{
    if (!counts)
        return false;
    allocations++;
    return failing_one != 0 && (allocations == failing_one ||
                                (goes_on && allocations > failing_one));
}

void failing_start(uint64_t nth, bool for_good)
{
    allocations = 0;
    failing_one = nth;
    goes_on = for_good;
    counts = true;
}

bool failing_failed(void)
{
    return failing_one != 0 && allocations >= failing_one;
}

uint64_t failing_stop(void)
{
    counts = false;
    return allocations;
}

/* What the linker puts in place of the allocator's (-Wl,--wrap). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__real_sodium_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
void *__wrap_sodium_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

void *__wrap_sodium_malloc(size_t size)
{
    return fails() ? NULL : __real_sodium_malloc(size);
}

void failing_sweep(const char *name, bool (*scenario)(void), uint64_t runs)
{
    uint64_t total, step, refused = 0, survived = 0;
    bool succeeded;

    failing_start(0, false);
    succeeded = scenario();
    total = failing_stop();
    ASSERT(succeeded && total > 0);
    step = runs == 0 || total <= runs ? 1 : total / runs;
    for (uint64_t nth = 1; nth <= total; nth += step) {
        for (int for_good = 0; for_good < 2; for_good++) {
            failing_start(nth, for_good);
            succeeded = scenario();
            failing_stop();
            if (succeeded)
                survived++;
            else
                refused++;
        }
    }
    ASSERT(refused > 0);
    failing_start(0, false);
    ASSERT(scenario()); /* and nothing is broken for later */
    failing_stop();
    printf("%s: %llu allocations, %llu runs refused, %llu survived\n", name,
           (unsigned long long)total, (unsigned long long)refused,
           (unsigned long long)survived);
}
