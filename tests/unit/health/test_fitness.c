/* SPDX-License-Identifier: MIT */
#include "health/fitness.h"
#include "support/check_test.h"

static const struct health_rules health = { .rise = 2, .fall = 3 };

/*
 * Verdicts by letter: f(it), u(nfit), r (wrong role), n(ot known).  What is
 * known after each: + or -, in capitals "P" and "M" if its text has changed.
 */
static void assert_course(const char *verdicts, const char *expected)
{
    struct fitness fitness;

    fitness_init(&fitness);
    assert_string_equal(fitness.unfit, FITNESS_NOT_CHECKED);
    for (size_t i = 0; verdicts[i] != '\0'; i++) {
        bool changed = false;

        if (verdicts[i] == 'f')
            changed = fitness_add(&fitness, &health, CHECK_FIT, "");
        else if (verdicts[i] == 'u')
            changed = fitness_add(&fitness, &health, CHECK_UNFIT, "refused");
        else if (verdicts[i] == 'r')
            changed =
                fitness_add(&fitness, &health, CHECK_WRONG_ROLE, "replica");
        else
            changed = fitness_add(&fitness, &health, CHECK_UNKNOWN, "memory");
        assert_int_equal(fitness.is_fit, *fitness.unfit == '\0');
        assert_int_equal(changed ? (fitness.is_fit ? 'P' : 'M')
                                 : (fitness.is_fit ? '+' : '-'),
                         expected[i]);
    }
}

static void the_first_verdict_counts_at_once(void **state)
{
    (void)state;
    assert_course("f", "P");
    assert_course("u", "M");
    assert_course("r", "M");
}

static void it_takes_several_in_a_row_to_change_a_mind(void **state)
{
    (void)state;
    assert_course("fuuu", "P++M");
    assert_course("fuufuuu", "P+++++M");
    assert_course("uff", "M-P");
    assert_course("ufuff", "M---P");
    assert_course("fuuuffuuu", "P++M-P++M");
}

static void the_wrong_role_needs_no_second_word(void **state)
{
    (void)state;
    assert_course("fr", "PM");
    assert_course("frff", "PM-P");
    assert_course("frfrff", "PM---P");
}

static void what_could_not_be_asked_is_no_verdict(void **state)
{
    (void)state;
    assert_course("n", "-");
    assert_course("nf", "-P");
    assert_course("fununu", "P++++M");
    assert_course("ufnf", "M--P");
}

static void who_had_the_wrong_role_is_demoted_until_fit(void **state)
{
    struct fitness fitness;

    (void)state;
    fitness_init(&fitness);
    assert_false(fitness.is_demoted);
    assert_true(fitness_add(&fitness, &health, CHECK_FIT, ""));
    assert_true(fitness_add(&fitness, &health, CHECK_WRONG_ROLE, "replica"));
    assert_true(fitness.is_demoted);
    assert_true(fitness_add(&fitness, &health, CHECK_UNFIT, "refused"));
    assert_true(fitness.is_demoted); /* it may be down, but it moved before */
    assert_false(fitness_add(&fitness, &health, CHECK_FIT, ""));
    assert_true(fitness.is_demoted);
    assert_true(fitness_add(&fitness, &health, CHECK_FIT, ""));
    assert_false(fitness.is_demoted);
}

static void another_reason_is_told(void **state)
{
    (void)state;
    assert_course("uur", "M-M");
    assert_course("uru", "MMM");
}

RUN_TESTS(TEST(the_first_verdict_counts_at_once),
          TEST(it_takes_several_in_a_row_to_change_a_mind),
          TEST(the_wrong_role_needs_no_second_word),
          TEST(who_had_the_wrong_role_is_demoted_until_fit),
          TEST(what_could_not_be_asked_is_no_verdict),
          TEST(another_reason_is_told))
