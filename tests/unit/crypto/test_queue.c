/* SPDX-License-Identifier: MIT */
#include "base/random.h"
#include "crypto/queue.h"
#include "support/check_test.h"

static void bytes_come_out_in_order(void **state)
{
    struct random random = random_from_seed(3);
    struct queue queue = { 0 };
    size_t in = 0, out = 0;

    (void)state;
    while (out < 100000) {
        uint8_t bytes[700];
        size_t length = (size_t)random_below(&random, sizeof(bytes));

        for (size_t i = 0; i < length; i++)
            bytes[i] = (uint8_t)((in + i) * 7);
        assert_int_equal(queue_append(&queue, bytes, length), STATUS_OK);
        in += length;
        length = queue_take(&queue, bytes, (size_t)random_below(&random, 700));
        for (size_t i = 0; i < length; i++)
            assert_int_equal(bytes[i], (uint8_t)((out + i) * 7));
        out += length;
        assert_int_equal(queue_length(&queue), in - out);
    }
    queue_clear(&queue);
    assert_int_equal(queue_length(&queue), 0);
}

static void both_ends_can_be_cut(void **state)
{
    struct queue queue = { 0 };

    (void)state;
    assert_null(queue_bytes(&queue));
    assert_int_equal(queue_append(&queue, (const uint8_t *)"abcdef", 6),
                     STATUS_OK);
    queue_consume(&queue, 2);
    queue_cut(&queue, 3);
    assert_int_equal(queue_length(&queue), 3);
    assert_memory_equal(queue_bytes(&queue), "cde", 3);
    queue_cut(&queue, 0);
    assert_int_equal(queue_length(&queue), 0);
    queue_clear(&queue);
}

static void what_does_not_fit_in_memory_changes_nothing(void **state)
{
    struct queue queue = { 0 };

    (void)state;
    assert_int_equal(queue_append(&queue, (const uint8_t *)"ab", 2), STATUS_OK);
    assert_int_equal(queue_append(&queue, (const uint8_t *)"x", SIZE_MAX / 2),
                     STATUS_NO_MEMORY);
    assert_int_equal(queue_length(&queue), 2);
    queue_clear(&queue);
}

RUN_TESTS(TEST(bytes_come_out_in_order), TEST(both_ends_can_be_cut),
          TEST(what_does_not_fit_in_memory_changes_nothing))
