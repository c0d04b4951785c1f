/* SPDX-License-Identifier: MIT */
#include "crypto/library.h"
#include "support/check_test.h"
#include <pthread.h>

static void it_starts_as_often_as_one_likes(void **state)
{
    struct crypto_error error = { "left over" };

    (void)state;
    assert_int_equal(library_start(&error), STATUS_OK);
    assert_string_equal(error.text, "");
    assert_int_equal(library_start(&error), STATUS_OK);
}

static void *start(void *outcome)
{
    struct crypto_error error;

    *(enum status *)outcome = library_start(&error);
    return NULL;
}

static void it_starts_from_several_threads_at_once(void **state)
{
    pthread_t threads[4];
    enum status outcomes[4];

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, start, &outcomes[i]),
                         0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(outcomes[i], STATUS_OK);
    }
}

static void it_names_what_it_stands_on(void **state)
{
    (void)state;
    assert_string_equal(library_version(0)->name, "mbedTLS");
    assert_string_equal(library_version(1)->name, "libsodium");
    assert_null(library_version(2));
    for (size_t i = 0; i < 2; i++)
        assert_true(library_is_recent(library_version(i)->version,
                                      library_version(i)->floor));
}

static void versions_compare_as_numbers(void **state)
{
    (void)state;
    assert_true(library_is_recent("3.6.7", "3.6.7"));
    assert_true(library_is_recent("3.6.10", "3.6.7"));
    assert_true(library_is_recent("4.0.0", "3.6.7"));
    assert_true(library_is_recent("2.1.13-stable", "2.1.13"));
    assert_false(library_is_recent("2.1.12-stable", "2.1.13"));
    assert_false(library_is_recent("3.6.6", "3.6.7"));
    assert_false(library_is_recent("3.5.9", "3.6.7"));
    assert_false(library_is_recent("2.28.8", "3.6.7"));
    assert_false(library_is_recent("unknown", "3.6.7"));
}

RUN_TESTS(TEST(it_starts_from_several_threads_at_once),
          TEST(it_starts_as_often_as_one_likes),
          TEST(it_names_what_it_stands_on), TEST(versions_compare_as_numbers))
