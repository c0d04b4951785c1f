/* SPDX-License-Identifier: MIT */
#include "support/check_test.h"
#include "wire/frame.h"
#include "wire/offers.h"
#include <stdlib.h>

static uint8_t bytes[2][FRAME_MAX_OFFERS];

/* The |index|th list, of what is put behind each other. */
static struct offers list(int index, const struct offer *items, size_t count)
{
    struct bytes_writer writer = bytes_writer(bytes[index], sizeof(bytes[0]));

    for (size_t i = 0; i < count; i++)
        assert_true(offers_put(&writer, &items[i]));
    return (struct offers){ .bytes = bytes[index],
                            .length = bytes_written(&writer) };
}

static const struct offer three[] = { { "redis", true, 7 },
                                      { "web.internal", false, 0 },
                                      { "a", true, UINT32_MAX } };

static void a_list_is_read_as_it_was_put(void **state)
{
    struct offers offers = list(0, three, 3);
    struct bytes_reader reader = bytes_reader(offers.bytes, offers.length);
    struct offer offer;

    (void)state;
    assert_true(offers_are_sound(&offers));
    for (int i = 0; i < 3; i++) {
        assert_true(offers_next(&reader, &offer));
        assert_string_equal(offer.name, three[i].name);
        assert_int_equal(offer.is_usable, three[i].is_usable);
        assert_int_equal(offer.load, three[i].load);
    }
    assert_false(offers_next(&reader, &offer));
    assert_false(reader.failed);
}

static void an_offer_is_these_bytes(void **state)
{
    static const uint8_t expected[] = { 1,   0,   0,   0,   7,  5,
                                        'r', 'e', 'd', 'i', 's' };
    struct offers offers = list(0, three, 1);

    (void)state;
    assert_int_equal(offers.length, sizeof(expected));
    assert_memory_equal(offers.bytes, expected, sizeof(expected));
}

static void nothing_is_a_sound_list(void **state)
{
    struct offers offers = { .bytes = NULL };
    struct offer offer;

    (void)state;
    assert_true(offers_are_sound(&offers));
    assert_false(offers_find(&offers, "redis", &offer));
    assert_true(offers_equal(&offers, &offers));
    assert_false(offers_are_news(&offers, &offers));
}

static void a_name_is_found_as_a_whole(void **state)
{
    struct offers offers = list(0, three, 3);
    struct offer offer;

    (void)state;
    assert_true(offers_find(&offers, "web.internal", &offer));
    assert_string_equal(offer.name, "web.internal");
    assert_false(offer.is_usable);
    assert_false(offers_find(&offers, "web", &offer));
    assert_false(offers_find(&offers, "redis2", &offer));
    assert_false(offers_find(&offers, "", &offer));
}

static void of_a_name_that_comes_twice_the_first_counts(void **state)
{
    const struct offer twice[] = { { "redis", false, 1 },
                                   { "redis", true, 2 } };
    struct offers offers = list(0, twice, 2);
    struct offer offer;

    (void)state;
    assert_true(offers_find(&offers, "redis", &offer));
    assert_int_equal(offer.load, 1);
}

static void what_does_not_fit_is_not_put_in_part(void **state)
{
    uint8_t room[20];
    struct bytes_writer writer = bytes_writer(room, sizeof(room));

    (void)state;
    assert_true(offers_put(&writer, &three[0])); /* 11 bytes */
    assert_false(offers_put(&writer, &three[1]));
    assert_int_equal(bytes_written(&writer), 11);
    assert_false(writer.failed);
    assert_true(offers_put(&writer, &three[2])); /* 7 */
}

static void a_frame_holds_a_hundred_of_the_longest_names(void **state)
{
    struct bytes_writer writer = bytes_writer(bytes[0], sizeof(bytes[0]));
    struct offer offer = { .load = 1 };
    int count = 0;

    (void)state;
    memset(offer.name, 'x', TEXT_MAX_NAME);
    while (offers_put(&writer, &offer))
        count++;
    assert_in_range(count, 100, 200);
}

/* Is |b| news to who was told |a|? */
static bool is_news(struct offer a, struct offer b)
{
    struct offers before = list(0, &a, 1), now = list(1, &b, 1);

    return offers_are_news(&before, &now);
}

static void another_service_or_state_is_news(void **state)
{
    struct offers one = list(0, three, 1), all = list(1, three, 3);
    struct offers partial = one;

    (void)state;
    partial.is_partial = true;
    assert_true(offers_are_news(&one, &all));
    assert_true(offers_are_news(&all, &one));
    assert_true(offers_are_news(&one, &partial));
    assert_false(offers_equal(&one, &partial));
    assert_true(is_news((struct offer){ "a", true, 1 },
                        (struct offer){ "b", true, 1 }));
    assert_true(is_news((struct offer){ "a", true, 1 },
                        (struct offer){ "a", false, 1 }));
    assert_false(is_news((struct offer){ "a", true, 1 },
                         (struct offer){ "a", true, 1 }));
}

static bool is_other_load(uint32_t a, uint32_t b)
{
    bool is_other =
        is_news((struct offer){ "a", true, a }, (struct offer){ "a", true, b });

    assert_int_equal(is_other, is_news((struct offer){ "a", true, b },
                                       (struct offer){ "a", true, a }));
    return is_other;
}

static void a_load_is_news_if_it_differs_by_a_tenth(void **state)
{
    (void)state;
    assert_true(is_other_load(0, 1));
    assert_true(is_other_load(9, 10));
    assert_false(is_other_load(10, 11));
    assert_true(is_other_load(10, 12));
    assert_false(is_other_load(1000, 1111));
    assert_true(is_other_load(1000, 1112));
    assert_true(is_other_load(0, UINT32_MAX));
    assert_false(is_other_load(UINT32_MAX, UINT32_MAX - 1000));
}

static void a_copy_lives_by_itself(void **state)
{
    struct offers offers = list(0, three, 3), *copy;

    (void)state;
    offers.is_partial = true;
    copy = offers_copy(&offers);
    assert_true(offers_equal(copy, &offers));
    memset(bytes[0], 0xff, sizeof(bytes[0]));
    assert_true(offers_are_sound(copy));
    free(copy);
}

RUN_TESTS(TEST(a_list_is_read_as_it_was_put), TEST(an_offer_is_these_bytes),
          TEST(nothing_is_a_sound_list), TEST(a_name_is_found_as_a_whole),
          TEST(of_a_name_that_comes_twice_the_first_counts),
          TEST(what_does_not_fit_is_not_put_in_part),
          TEST(a_frame_holds_a_hundred_of_the_longest_names),
          TEST(another_service_or_state_is_news),
          TEST(a_load_is_news_if_it_differs_by_a_tenth),
          TEST(a_copy_lives_by_itself))
