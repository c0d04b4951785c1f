/* SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "health/rules.h"
#include "support/check_test.h"

/* Every field away from its default, so that each one counts. */
static const struct health_rules original = { .protocol = HEALTH_HTTP,
                                              .role = HEALTH_PRIMARY,
                                              .every_us = 5,
                                              .timeout_us = 6,
                                              .rise = 7,
                                              .fall = 8,
                                              .path = "/a",
                                              .host = "b",
                                              .expect = 204,
                                              .user = "c",
                                              .database = "d" };

static void change_protocol(struct health_rules *rules)
{
    rules->protocol = HEALTH_TCP;
}
static void change_role(struct health_rules *rules)
{
    rules->role = HEALTH_ANY_ROLE;
}
static void change_path(struct health_rules *rules)
{
    rules->path[0] = 'X';
}
static void change_host(struct health_rules *rules)
{
    rules->host[0] = 'X';
}
static void change_expect(struct health_rules *rules)
{
    rules->expect++;
}
static void change_user(struct health_rules *rules)
{
    rules->user[0] = 'X';
}
static void change_database(struct health_rules *rules)
{
    rules->database[0] = 'X';
}
static void change_word(struct health_rules *rules)
{
    rules->role = HEALTH_MASTER;
}
static void change_every(struct health_rules *rules)
{
    rules->every_us++;
}
static void change_timeout(struct health_rules *rules)
{
    rules->timeout_us++;
}
static void change_rise(struct health_rules *rules)
{
    rules->rise++;
}
static void change_fall(struct health_rules *rules)
{
    rules->fall++;
}

static void (*const others[])(struct health_rules *) = {
    change_protocol, change_role, change_path,     change_host,
    change_expect,   change_user, change_database,
};
static void (*const same[])(struct health_rules *) = {
    change_word, change_every, change_timeout, change_rise, change_fall,
};

static void any_single_change_makes_them_differ(void **state)
{
    (void)state;
    assert_true(health_rules_equal(&original, &original));
    for (size_t i = 0; i < ARRAY_LENGTH(others) + ARRAY_LENGTH(same); i++) {
        struct health_rules changed = original;

        if (i < ARRAY_LENGTH(others))
            others[i](&changed);
        else
            same[i - ARRAY_LENGTH(others)](&changed);
        assert_false(health_rules_equal(&original, &changed));
        assert_false(health_rules_equal(&changed, &original));
    }
}

/* How often is asked, and how many answers count, is no other question. */
static void only_another_question_makes_verdicts_worthless(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++) {
        struct health_rules changed = original;

        others[i](&changed);
        assert_false(health_rules_ask_alike(&original, &changed));
    }
    for (size_t i = 0; i < ARRAY_LENGTH(same); i++) {
        struct health_rules changed = original;

        same[i](&changed);
        assert_true(health_rules_ask_alike(&original, &changed));
    }
}

static void nothing_is_asked_unless_it_is_told(void **state)
{
    struct health_rules rules;

    (void)state;
    health_rules_init(&rules);
    assert_int_equal(rules.protocol, HEALTH_NONE);
    assert_int_equal(rules.role, HEALTH_ANY_ROLE);
    assert_true(rules.timeout_us > 0 && rules.every_us > rules.timeout_us);
    assert_true(rules.rise > 0 && rules.fall > 0);
}

RUN_TESTS(TEST(any_single_change_makes_them_differ),
          TEST(only_another_question_makes_verdicts_worthless),
          TEST(nothing_is_asked_unless_it_is_told))
