/* SPDX-License-Identifier: MIT */
/* Distributions, by seeded random numbers: each run sees the same. */
#include "base/index.h"
#include "base/random.h"
#include "service/balance.h"
#include "support/check_test.h"
#include <string.h>

enum { MANY = 20000, MAX = 8 };

/* Some candidates, and how often each was chosen. */
struct field {
    struct balance_rule rule;
    struct random random;
    struct candidate candidates[MAX];
    size_t count;
    uint32_t chosen[MAX];
};

static struct field make_field(enum service_balance balance, size_t count)
{
    struct field field = { .rule = { .balance = balance },
                           .random = random_from_seed(1),
                           .count = count };

    for (size_t i = 0; i < count; i++)
        field.candidates[i] = (struct candidate){
            .usable = true, .fit = true, .weight = 1, .key = index_hash(&i, 1)
        };
    return field;
}

static size_t choose(struct field *field, uint64_t client)
{
    size_t chosen =
        balance_choose(&field->rule, field->candidates, field->count, client,
                       random_next(&field->random));

    if (chosen != BALANCE_NONE)
        field->chosen[chosen]++;
    return chosen;
}

static void choose_many(struct field *field)
{
    memset(field->chosen, 0, sizeof(field->chosen));
    for (uint64_t i = 0; i < MANY; i++)
        assert_int_not_equal(choose(field, index_hash(&i, sizeof(i))),
                             BALANCE_NONE);
}

static void break_candidate(struct field *field, size_t index)
{
    field->candidates[index].usable = field->candidates[index].fit = false;
}

/* |share| of MANY, give or take |percent| of it. */
static void assert_share(uint32_t count, double share, double percent)
{
    assert_true(count >= MANY * share * (1 - percent / 100));
    assert_true(count <= MANY * share * (1 + percent / 100));
}

/* ---- shares ---- */

static void round_robin_is_exact_and_smooth(void **state)
{
    struct field field = make_field(BALANCE_ROUND_ROBIN, 3);
    size_t last = BALANCE_NONE;

    (void)state;
    field.candidates[0].weight = 2;
    for (int i = 0; i < 400; i++) {
        size_t chosen = choose(&field, 0);

        /* Half of them, but never twice in a row. */
        assert_false(i % 4 != 0 && chosen == last);
        last = chosen;
    }
    assert_int_equal(field.chosen[0], 200);
    assert_int_equal(field.chosen[1], 100);
    assert_int_equal(field.chosen[2], 100);
}

static void round_robin_heeds_new_weights_at_once(void **state)
{
    struct field field = make_field(BALANCE_ROUND_ROBIN, 2);

    (void)state;
    field.candidates[0].weight = 65535;
    for (int i = 0; i < 30000; i++)
        choose(&field, 0);
    field.candidates[0].weight = 1;
    memset(field.chosen, 0, sizeof(field.chosen));
    for (int i = 0; i < 100; i++)
        choose(&field, 0);
    assert_in_range(field.chosen[0], 48, 52);
}

static void those_who_begin_together_do_not_begin_at_one_place(void **state)
{
    uint32_t first[4] = { 0 };

    (void)state;
    for (uint64_t i = 0; i < 400; i++) {
        struct field field = make_field(BALANCE_ROUND_ROBIN, 4);

        field.random = random_from_seed(i);
        for (size_t j = 0; j < 4; j++)
            field.candidates[j].order = random_next(&field.random);
        first[choose(&field, 0)]++;
        for (int turn = 0; turn < 20; turn++) { /* and never twice in a row */
            size_t chosen = choose(&field, 0), next = choose(&field, 0);

            assert_int_not_equal(chosen, next);
        }
    }
    for (size_t i = 0; i < 4; i++)
        assert_in_range(first[i], 60, 140);
}

static void every_balance_heeds_weights(void **state)
{
    static const enum service_balance balances[] = { BALANCE_ROUND_ROBIN,
                                                     BALANCE_TWO_CHOICES,
                                                     BALANCE_HASH };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(balances); i++) {
        struct field field = make_field(balances[i], 3);

        field.candidates[0].weight = 6;
        field.candidates[1].weight = 3;
        choose_many(&field);
        /* Of two that are drawn the heavier one is likelier to be both. */
        assert_share(field.chosen[0], 0.6, 20);
        assert_share(field.chosen[1], 0.3, 20);
        assert_share(field.chosen[2], 0.1, 30);
    }
}

static void weight_nought_is_for_when_nothing_else_is(void **state)
{
    struct field field = make_field(BALANCE_TWO_CHOICES, 2);

    (void)state;
    field.candidates[0].weight = 0;
    choose_many(&field);
    assert_int_equal(field.chosen[0], 0);
    break_candidate(&field, 1);
    choose_many(&field);
    assert_int_equal(field.chosen[0], MANY);
}

static void least_loaded_fills_by_weight(void **state)
{
    struct field field = make_field(BALANCE_LEAST_LOADED, 3);

    (void)state;
    field.candidates[0].weight = 4;
    for (int i = 0; i < 600; i++)
        field.candidates[choose(&field, 0)].active++;
    assert_in_range(field.candidates[0].active, 398, 402);
    assert_in_range(field.candidates[1].active, 98, 102);
    assert_in_range(field.candidates[2].active, 98, 102);
}

static void least_loaded_has_no_favourite_among_equals(void **state)
{
    struct field field = make_field(BALANCE_LEAST_LOADED, 4);

    (void)state;
    choose_many(&field);
    for (size_t i = 0; i < 4; i++)
        assert_share(field.chosen[i], 0.25, 10);
}

static void two_choices_shun_what_is_slow_or_loaded(void **state)
{
    struct field field = make_field(BALANCE_TWO_CHOICES, 4);

    (void)state;
    for (size_t i = 0; i < 4; i++)
        field.candidates[i].latency_us = 1000;
    field.candidates[0].latency_us = 10000;
    choose_many(&field);
    /* Only when it is drawn eight times in a row. */
    assert_true(field.chosen[0] < MANY / 1000);
    /* A queue weighs as much as latency: no herd on the fast ones. */
    for (size_t i = 1; i < 4; i++)
        field.candidates[i].active = 100;
    choose_many(&field);
    assert_true(field.chosen[0] > MANY / 3);
}

static void a_hash_keeps_clients_where_they_are(void **state)
{
    struct field field = make_field(BALANCE_HASH, 5);
    uint32_t moved = 0;

    (void)state;
    for (uint64_t client = 0; client < 2000; client++) {
        uint64_t key = index_hash(&client, sizeof(client));
        size_t before = choose(&field, key), after;

        assert_int_equal(choose(&field, key), before);
        field.candidates[2].usable = false;
        after = choose(&field, key);
        field.candidates[2].usable = true;
        assert_true(before == 2 || after == before);
        moved += before != after;
    }
    assert_in_range(moved, 300, 500); /* its own, a fifth */
}

static void a_hash_keeps_clients_whatever_the_weights(void **state)
{
    struct field field = make_field(BALANCE_HASH, 4);

    (void)state;
    field.candidates[0].weight = 1000;
    field.candidates[1].weight = 300;
    field.candidates[2].weight = 100;
    field.candidates[3].weight = 20;
    for (uint64_t client = 0; client < 20000; client++) {
        uint64_t key = index_hash(&client, sizeof(client));
        size_t before = choose(&field, key);

        field.candidates[0].usable = false;
        assert_true(before == 0 || choose(&field, key) == before);
        field.candidates[0].usable = true;
    }
    choose_many(&field);
    assert_share(field.chosen[0], 1000.0 / 1420, 5);
    assert_share(field.chosen[1], 300.0 / 1420, 5);
    assert_share(field.chosen[2], 100.0 / 1420, 10);
    assert_share(field.chosen[3], 20.0 / 1420, 20);
}

/* ---- tiers ---- */

static void only_the_first_tier_that_has_one_counts(void **state)
{
    struct field field = make_field(BALANCE_ROUND_ROBIN, 4);

    (void)state;
    field.candidates[2].priority = 5;
    field.candidates[3].priority = 9;
    choose_many(&field);
    assert_int_equal(field.chosen[2] + field.chosen[3], 0);
    break_candidate(&field, 0);
    break_candidate(&field, 1);
    choose_many(&field);
    assert_int_equal(field.chosen[2], MANY);
    break_candidate(&field, 2);
    choose_many(&field);
    assert_int_equal(field.chosen[3], MANY);
    break_candidate(&field, 3);
    assert_int_equal(choose(&field, 0), BALANCE_NONE);
}

static void the_next_tier_helps_where_too_few_are_healthy(void **state)
{
    struct field field = make_field(BALANCE_ROUND_ROBIN, 6);

    (void)state;
    field.rule.min_healthy = 50;
    field.candidates[4].priority = 1;
    field.candidates[5].priority = 2;
    break_candidate(&field, 0);
    break_candidate(&field, 1);
    choose_many(&field); /* half of them: just enough */
    assert_int_equal(field.chosen[4], 0);
    break_candidate(&field, 2);
    choose_many(&field);
    assert_share(field.chosen[3], 0.5, 1);
    assert_share(field.chosen[4], 0.5, 1);
    assert_int_equal(field.chosen[5], 0); /* the second has enough */
    assert_false(balance_is_short(&field.rule, field.candidates, field.count));
}

static void it_is_short_when_every_tier_is(void **state)
{
    struct field field = make_field(BALANCE_ROUND_ROBIN, 4);

    (void)state;
    field.rule.min_healthy = 60;
    field.candidates[2].priority = field.candidates[3].priority = 1;
    break_candidate(&field, 0);
    assert_false(balance_is_short(&field.rule, field.candidates, field.count));
    break_candidate(&field, 2);
    assert_true(balance_is_short(&field.rule, field.candidates, field.count));
}

static void having_been_tried_makes_nobody_unfit(void **state)
{
    struct field field = make_field(BALANCE_ROUND_ROBIN, 3);

    (void)state;
    field.rule.min_healthy = 60;
    field.candidates[2].priority = 1;
    field.candidates[0].usable = false; /* but fit */
    choose_many(&field);
    assert_int_equal(field.chosen[1], MANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_robin_is_exact_and_smooth),
        cmocka_unit_test(round_robin_heeds_new_weights_at_once),
        cmocka_unit_test(those_who_begin_together_do_not_begin_at_one_place),
        cmocka_unit_test(every_balance_heeds_weights),
        cmocka_unit_test(weight_nought_is_for_when_nothing_else_is),
        cmocka_unit_test(least_loaded_fills_by_weight),
        cmocka_unit_test(least_loaded_has_no_favourite_among_equals),
        cmocka_unit_test(two_choices_shun_what_is_slow_or_loaded),
        cmocka_unit_test(a_hash_keeps_clients_where_they_are),
        cmocka_unit_test(a_hash_keeps_clients_whatever_the_weights),
        cmocka_unit_test(only_the_first_tier_that_has_one_counts),
        cmocka_unit_test(the_next_tier_helps_where_too_few_are_healthy),
        cmocka_unit_test(it_is_short_when_every_tier_is),
        cmocka_unit_test(having_been_tried_makes_nobody_unfit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
