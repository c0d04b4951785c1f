/* SPDX-License-Identifier: MIT */
#include "tools/histogram.h"
/* cmocka wants these first */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* What the histogram makes of |value| when a far larger one is there too. */
static uint64_t seen_as(uint64_t value)
{
    struct histogram histogram = { 0 };

    histogram_add(&histogram, value);
    histogram_add(&histogram, UINT64_MAX);
    return histogram_percentile(&histogram, 0.5);
}

static void a_value_is_never_understated_nor_overstated_by_4_percent(void **s)
{
    (void)s;
    for (unsigned bit = 0; bit < 63; bit++) {
        uint64_t power = (uint64_t)1 << bit;
        uint64_t values[] = { power - 1, power, power + power / 3 };

        for (unsigned i = 0; i < 3; i++) {
            uint64_t seen = seen_as(values[i]);
            assert_true(seen >= values[i]);
            assert_true(seen - values[i] <= values[i] / 28);
        }
    }
}

static void percentiles_count_values_not_buckets(void **s)
{
    struct histogram histogram = { 0 };

    (void)s;
    for (unsigned i = 0; i < 99; i++)
        histogram_add(&histogram, 10);
    histogram_add(&histogram, 50);
    assert_int_equal(histogram_percentile(&histogram, 0.5), 10);
    assert_int_equal(histogram_percentile(&histogram, 0.99), 10);
    assert_int_equal(histogram_percentile(&histogram, 0.995), 50);
}

static void a_percentile_is_never_more_than_the_maximum(void **s)
{
    struct histogram histogram = { 0 };

    (void)s;
    assert_int_equal(histogram_percentile(&histogram, 0.5), 0);
    histogram_add(&histogram, 1000001);
    assert_int_equal(histogram_percentile(&histogram, 0.5), 1000001);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_value_is_never_understated_nor_overstated_by_4_percent),
        cmocka_unit_test(percentiles_count_values_not_buckets),
        cmocka_unit_test(a_percentile_is_never_more_than_the_maximum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
