/* SPDX-License-Identifier: MIT */
#include "discovery/endpoint.h"
#include "support/check_test.h"
#include <stdio.h>
#include <stdlib.h>

static struct endpoint make(const char *address, const char *name,
                            uint16_t priority, uint16_t weight)
{
    struct endpoint endpoint = { .priority = priority, .weight = weight };

    assert_true(address_parse(&endpoint.address, address));
    snprintf(endpoint.name, sizeof(endpoint.name), "%s", name);
    return endpoint;
}

static void an_answer_is_sorted_by_priority_name_and_address(void **state)
{
    struct endpoint items[] = { make("10.0.0.2:1", "b", 5, 1),
                                make("10.0.0.9:1", "a", 9, 1),
                                make("10.0.0.3:1", "b", 5, 1),
                                make("10.0.0.1:1", "c", 5, 1),
                                make("[::1]:1", "b", 5, 1) };
    struct endpoints *sorted = endpoints_new(items, ARRAY_LENGTH(items));
    static const char *const expected[] = { "10.0.0.2:1", "10.0.0.3:1",
                                            "[::1]:1", "10.0.0.1:1",
                                            "10.0.0.9:1" };
    char text[ADDRESS_TEXT];

    (void)state;
    assert_non_null(sorted);
    assert_int_equal(sorted->count, ARRAY_LENGTH(expected));
    for (size_t i = 0; i < sorted->count; i++)
        assert_string_equal(address_format(&sorted->items[i].address, text),
                            expected[i]);
    free(sorted);
}

static void of_two_with_one_address_the_preferred_stays(void **state)
{
    struct endpoint items[] = { make("10.0.0.1:1", "late", 7, 9),
                                make("10.0.0.1:1", "light", 3, 1),
                                make("10.0.0.1:1", "heavy", 3, 2),
                                make("10.0.0.1:2", "other port", 3, 1) };
    struct endpoints *sorted = endpoints_new(items, ARRAY_LENGTH(items));

    (void)state;
    assert_int_equal(sorted->count, 2);
    assert_string_equal(sorted->items[0].name, "heavy");
    assert_string_equal(sorted->items[1].name, "other port");
    free(sorted);
}

static void the_order_of_an_answer_makes_no_difference(void **state)
{
    struct endpoint items[] = { make("10.0.0.1:1", "a", 1, 1),
                                make("10.0.0.2:1", "b", 1, 1) };
    struct endpoint turned[] = { items[1], items[0] };
    struct endpoints *one = endpoints_new(items, 2);
    struct endpoints *two = endpoints_new(turned, 2);
    struct endpoints *less = endpoints_new(items, 1);
    struct endpoints *other;

    (void)state;
    assert_true(endpoints_equal(one, two));
    assert_true(endpoints_digest(one) == endpoints_digest(two));
    assert_false(endpoints_equal(one, less));
    assert_true(endpoints_digest(one) != endpoints_digest(less));
    turned[0].weight = 2;
    other = endpoints_new(turned, 2);
    assert_false(endpoints_equal(one, other));
    assert_true(endpoints_digest(one) != endpoints_digest(other));
    two->is_set = true; /* the same, but whoever dialled us is not meant */
    assert_false(endpoints_equal(one, two));
    one->is_set = true;
    assert_true(endpoints_equal(one, two));
    free(one);
    free(two);
    free(less);
    free(other);
}

static void nothing_equals_nothing(void **state)
{
    struct endpoints *none = endpoints_new(NULL, 0);

    (void)state;
    assert_int_equal(none->count, 0);
    assert_true(endpoints_equal(none, NULL));
    assert_true(endpoints_equal(NULL, NULL));
    none->is_set = true;
    assert_false(endpoints_equal(none, NULL));
    free(none);
}

static void an_address_is_found_with_its_port(void **state)
{
    struct endpoint item = make("10.0.0.1:1", "a", 1, 1);
    struct endpoints *one = endpoints_new(&item, 1);
    struct address other = item.address;

    (void)state;
    assert_true(endpoints_have(one, &item.address));
    address_set_port(&other, 2);
    assert_false(endpoints_have(one, &other));
    assert_false(endpoints_have(NULL, &other));
    free(one);
}

static void too_many_are_cut_at_the_least_preferred(void **state)
{
    size_t count = ENDPOINTS_MAX + 10;
    struct endpoint *items = calloc(count, sizeof(*items));
    struct endpoints *cut;
    char text[ADDRESS_TEXT];

    (void)state;
    for (size_t i = 0; i < count; i++) {
        snprintf(text, sizeof(text), "10.0.%zu.%zu:1", i / 256, i % 256);
        items[i] = make(text, "x", (uint16_t)(count - i), 1);
    }
    cut = endpoints_new(items, count);
    assert_int_equal(cut->count, ENDPOINTS_MAX);
    assert_int_equal(cut->items[0].priority, 1);
    free(cut);
    free(items);
}

static void what_another_answer_lacks_is_counted(void **state)
{
    struct endpoint items[] = { make("10.0.0.1:1", "a", 0, 1),
                                make("10.0.0.2:1", "z", 0, 1),
                                make("[::1]:1", "b", 0, 1),
                                make("10.0.0.1:2", "c", 0, 1) };
    struct endpoint others[] = { make("[::1]:1", "other name", 7, 9),
                                 make("10.0.0.3:1", "a", 0, 1),
                                 make("10.0.0.1:2", "c", 0, 1) };
    struct endpoints *one = endpoints_new(items, ARRAY_LENGTH(items));
    struct endpoints *other = endpoints_new(others, ARRAY_LENGTH(others));

    (void)state;
    assert_int_equal(endpoints_missing(one, other), 2);
    assert_int_equal(endpoints_missing(other, one), 1);
    assert_int_equal(endpoints_missing(one, one), 0);
    assert_int_equal(endpoints_missing(one, NULL), 4);
    assert_int_equal(endpoints_missing(NULL, one), 0);
    free(one);
    free(other);
}

RUN_TESTS(TEST(an_answer_is_sorted_by_priority_name_and_address),
          TEST(of_two_with_one_address_the_preferred_stays),
          TEST(the_order_of_an_answer_makes_no_difference),
          TEST(nothing_equals_nothing), TEST(an_address_is_found_with_its_port),
          TEST(what_another_answer_lacks_is_counted),
          TEST(too_many_are_cut_at_the_least_preferred))
