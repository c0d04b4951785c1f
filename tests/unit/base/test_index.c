/* SPDX-License-Identifier: MIT */
#include "base/index.h"
#include "base/random.h"
#include "support/check_test.h"

enum { ITEMS = 300 };

struct item {
    int number;
    bool present;
};

static bool has_number(const void *item, const void *number)
{
    return ((const struct item *)item)->number == *(const int *)number;
}

/* A seventh of them share each hash. */
static uint64_t hash_of(int number)
{
    return index_hash(&(int){ number % 43 }, sizeof(number));
}

static void it_finds_exactly_what_was_added_and_not_removed(void **state)
{
    static struct item items[ITEMS];
    struct random random = random_from_seed(7);
    struct index index;

    (void)state;
    index_init(&index);
    for (int i = 0; i < ITEMS; i++)
        items[i].number = i;
    for (int round = 0; round < 20000; round++) {
        int number = (int)random_below(&random, ITEMS);
        struct item *item = &items[number];

        if (item->present)
            index_remove(&index, hash_of(number), item);
        else
            assert_true(index_add(&index, hash_of(number), item));
        item->present = !item->present;
        number = (int)random_below(&random, ITEMS);
        assert_ptr_equal(index_find(&index, hash_of(number), has_number,
                                    &number),
                         items[number].present ? &items[number] : NULL);
    }
    index_clear(&index);
}

static void what_is_not_there_can_be_removed(void **state)
{
    struct item one = { .number = 1 }, other = { .number = 2 };
    struct index index;

    (void)state;
    index_init(&index);
    index_remove(&index, 5, &one);
    assert_true(index_add(&index, 5, &one));
    index_remove(&index, 5, &other);
    assert_int_equal(index.count, 1);
    assert_ptr_equal(index_find(&index, 5, has_number, &one.number), &one);
    assert_null(index_find(&index, 5, has_number, &other.number));
    index_clear(&index);
    assert_null(index_find(&index, 5, has_number, &one.number));
}

static void texts_have_hashes_of_their_own(void **state)
{
    (void)state;
    assert_int_equal(index_hash_text("redis"), index_hash_text("redis"));
    assert_int_not_equal(index_hash_text("redis"), index_hash_text("redis-2"));
    assert_int_not_equal(index_hash_text(""), index_hash_text("r"));
}

RUN_TESTS(TEST(it_finds_exactly_what_was_added_and_not_removed),
          TEST(what_is_not_there_can_be_removed),
          TEST(texts_have_hashes_of_their_own))
