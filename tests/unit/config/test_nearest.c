/* SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "config/nearest.h"
#include "support/check_test.h"

static unsigned distance(const char *a, const char *b)
{
    return nearest_distance(a, strlen(a), b, strlen(b));
}

static void each_slip_of_a_finger_counts_one(void **state)
{
    (void)state;
    assert_int_equal(distance("listen", "listen"), 0);
    assert_int_equal(distance("listen", "listn"), 1);
    assert_int_equal(distance("listen", "llisten"), 1);
    assert_int_equal(distance("listen", "lisden"), 1);
    assert_int_equal(distance("listen", "litsen"), 1);
    assert_int_equal(distance("listen", "lsitn"), 2);
    assert_int_equal(distance("", "abc"), 3);
    assert_int_equal(distance("abc", ""), 3);
    assert_int_equal(distance("kitten", "sitting"), 3);
    assert_int_equal(distance("from", "form"), distance("form", "from"));
}

static void long_words_are_far_from_all(void **state)
{
    char word[65];

    (void)state;
    memset(word, 'a', sizeof(word));
    assert_int_equal(nearest_distance(word, 64, word, 64), 0);
    assert_int_equal(nearest_distance(word, 65, word, 65), 65);
    assert_int_equal(nearest_distance("a", 1, word, 65), 65);
}

static const char *guess(const char *typed)
{
    static const char *const known[] = { "to",   "from",   "form_factor",
                                         "peer", "listen", "private_key" };
    struct nearest nearest;

    nearest_init(&nearest, typed);
    for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
        nearest_offer(&nearest, known[i], strlen(known[i]));
    if (nearest.found)
        assert_int_equal(nearest.found_length, strlen(nearest.found));
    return nearest.found ? nearest.found : "";
}

static void only_what_is_near_is_a_guess(void **state)
{
    (void)state;
    assert_string_equal(guess("form"), "from");
    assert_string_equal(guess("peers"), "peer");
    assert_string_equal(guess("privat_kye"), "private_key");
    assert_string_equal(guess("lsiten"), "listen");
    assert_string_equal(guess("fo"), "to");
    assert_string_equal(guess("pear"), "peer");
    assert_string_equal(guess("bear"), ""); /* two of four letters */
    assert_string_equal(guess("colour"), "");
    assert_string_equal(guess(""), "");
}

static void the_first_of_equals_is_found(void **state)
{
    struct nearest nearest;

    (void)state;
    nearest_init(&nearest, "bat");
    nearest_offer(&nearest, "cat", 3);
    nearest_offer(&nearest, "hat", 3);
    assert_string_equal(nearest.found, "cat");
    nearest_offer(&nearest, "bat", 3);
    assert_string_equal(nearest.found, "bat");
}

RUN_TESTS(TEST(each_slip_of_a_finger_counts_one),
          TEST(long_words_are_far_from_all), TEST(only_what_is_near_is_a_guess),
          TEST(the_first_of_equals_is_found))
