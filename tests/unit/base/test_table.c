/* SPDX-License-Identifier: MIT */
#include "base/random.h"
#include "base/table.h"
#include "support/check_test.h"

enum { KEYS = 300 };

static void it_finds_exactly_what_was_added_and_not_removed(void **state)
{
    struct random random = random_from_seed(11);
    struct table table;
    static int values[KEYS + 1];
    bool present[KEYS + 1] = { false };

    (void)state;
    table_init(&table, KEYS, 12345);
    for (int round = 0; round < 20000; round++) {
        uint64_t key = 1 + random_below(&random, KEYS);

        if (present[key])
            assert_ptr_equal(table_remove(&table, key), &values[key]);
        else
            assert_true(table_add(&table, key, &values[key]));
        present[key] = !present[key];
        key = 1 + random_below(&random, KEYS);
        assert_ptr_equal(table_find(&table, key),
                         present[key] ? &values[key] : NULL);
    }
    table_clear(&table);
}

static void a_full_table_refuses(void **state)
{
    struct table table;
    int value;

    (void)state;
    table_init(&table, 2, 1);
    assert_true(table_add(&table, 1, &value));
    assert_true(table_add(&table, 2, &value));
    assert_false(table_add(&table, 3, &value));
    assert_null(table_find(&table, 3));
    table_clear(&table);
}

static void a_walk_sees_every_value_once(void **state)
{
    struct table table;
    int values[50] = { 0 };
    size_t position = 0;
    int *value;

    (void)state;
    table_init(&table, 50, 99);
    for (uint64_t key = 1; key <= 50; key++)
        assert_true(table_add(&table, key, &values[key - 1]));
    while ((value = table_next(&table, &position)))
        (*value)++;
    for (size_t i = 0; i < 50; i++)
        assert_int_equal(values[i], 1);
    table_clear(&table);
}

RUN_TESTS(TEST(it_finds_exactly_what_was_added_and_not_removed),
          TEST(a_full_table_refuses), TEST(a_walk_sees_every_value_once))
