/* SPDX-License-Identifier: MIT */
#include "base/chunk.h"
#include "base/random.h"
#include "support/check_test.h"
#include <string.h>

static void a_pool_never_gives_more_than_its_maximum(void **state)
{
    struct chunk_pool pool;
    struct chunk *first, *second;

    (void)state;
    chunk_pool_init(&pool, 20000);
    first = chunk_new(&pool, CHUNK_LARGE);
    assert_non_null(first);
    second = chunk_new(&pool, CHUNK_LARGE);
    assert_null(second);
    second = chunk_new(&pool, 1);
    assert_non_null(second);
    chunk_free(&pool, first);
    chunk_free(&pool, second);
    assert_int_equal(pool.used_bytes, 0);
    chunk_pool_clear(&pool);
}

static void a_large_chunk_is_used_again(void **state)
{
    struct chunk_pool pool;
    struct chunk *first, *second;

    (void)state;
    chunk_pool_init(&pool, 100000);
    first = chunk_new(&pool, CHUNK_LARGE);
    chunk_free(&pool, first);
    second = chunk_new(&pool, CHUNK_LARGE);
    assert_ptr_equal(first, second);
    chunk_free(&pool, second);
    chunk_pool_clear(&pool);
}

/* The bytes of a queue as one would read them. */
static uint8_t peek(const struct chunk_queue *queue)
{
    const struct chunk *chunk = queue->head;

    return chunk->room[CHUNK_HEADROOM + chunk->start];
}

static void a_queue_gives_bytes_in_the_order_they_came(void **state)
{
    struct random random = random_from_seed(7);
    struct chunk_pool pool;
    struct chunk_queue queue = { 0 };
    uint8_t bytes[50000], in = 0, out = 0;

    (void)state;
    chunk_pool_init(&pool, 10 * 1000 * 1000);
    for (int round = 0; round < 500; round++) {
        size_t length = random_below(&random, sizeof(bytes));
        size_t taken;

        for (size_t i = 0; i < length; i++)
            bytes[i] = in++;
        if (!chunk_queue_copy(&queue, &pool, bytes, length))
            in = (uint8_t)(in - length);
        taken = random_below(&random, queue.bytes + 1);
        for (size_t i = 0; i < taken; i++) {
            assert_int_equal(peek(&queue), out++);
            chunk_queue_consume(&queue, &pool, 1);
        }
    }
    chunk_queue_clear(&queue, &pool);
    assert_int_equal(pool.used_bytes, 0);
    chunk_pool_clear(&pool);
}

static void a_queue_can_be_given_a_beginning(void **state)
{
    struct chunk_pool pool;
    struct chunk_queue queue = { 0 };
    static uint8_t bytes[CHUNK_LARGE + 10], zeros[3 * CHUNK_LARGE];

    (void)state;
    memset(bytes, 'b', sizeof(bytes));
    chunk_pool_init(&pool, 4 * (CHUNK_LARGE + 200));
    assert_true(chunk_queue_put_first(&queue, &pool, bytes, 0));
    assert_int_equal(queue.bytes, 0);
    assert_true(chunk_queue_put_first(&queue, &pool, bytes, sizeof(bytes)));
    assert_true(chunk_queue_put_first(&queue, &pool, (const uint8_t *)"a", 1));
    assert_true(chunk_queue_copy(&queue, &pool, (const uint8_t *)"c", 1));
    assert_false(chunk_queue_put_first(&queue, &pool, zeros, sizeof(zeros)));
    assert_int_equal(queue.bytes, sizeof(bytes) + 2);
    for (size_t i = 0; i < sizeof(bytes) + 2; i++) {
        assert_int_equal(peek(&queue), i == 0               ? 'a'
                                       : i <= sizeof(bytes) ? 'b'
                                                            : 'c');
        chunk_queue_consume(&queue, &pool, 1);
    }
    assert_int_equal(pool.used_bytes, 0);
    chunk_pool_clear(&pool);
}

static void a_copy_that_does_not_fit_changes_nothing(void **state)
{
    struct chunk_pool pool;
    struct chunk_queue queue = { 0 };
    static const uint8_t bytes[3 * CHUNK_LARGE];
    size_t used;

    (void)state;
    chunk_pool_init(&pool, 2 * (CHUNK_LARGE + 200));
    assert_true(chunk_queue_copy(&queue, &pool, bytes, 100));
    used = pool.used_bytes;
    assert_false(chunk_queue_copy(&queue, &pool, bytes, sizeof(bytes)));
    assert_int_equal(queue.bytes, 100);
    assert_int_equal(pool.used_bytes, used);
    chunk_queue_clear(&queue, &pool);
    chunk_pool_clear(&pool);
}

RUN_TESTS(TEST(a_pool_never_gives_more_than_its_maximum),
          TEST(a_large_chunk_is_used_again),
          TEST(a_queue_gives_bytes_in_the_order_they_came),
          TEST(a_queue_can_be_given_a_beginning),
          TEST(a_copy_that_does_not_fit_changes_nothing))
