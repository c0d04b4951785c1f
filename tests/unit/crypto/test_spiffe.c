/* SPDX-License-Identifier: MIT */
#include "base/random.h"
#include "crypto/spiffe.h"
#include "support/check_test.h"
#include "support/crypto/spiffe_reference.h"

static bool parses(const char *text)
{
    struct spiffe spiffe;
    bool ok = spiffe_parse(&spiffe, text, strlen(text));

    if (ok)
        assert_string_equal(spiffe.text, text);
    return ok;
}

static void identities_are_written_in_one_way_only(void **state)
{
    (void)state;
    assert_true(parses("spiffe://acme/web-1"));
    assert_true(parses("spiffe://a.b-c_d.9/x/Y.z_0-"));
    assert_true(parses("spiffe://acme/..."));
    assert_true(parses("spiffe://acme/.a"));
    assert_false(parses(""));
    assert_false(parses("spiffe://"));
    assert_false(parses("spiffe://acme"));
    assert_false(parses("spiffe://acme/"));
    assert_false(parses("spiffe:///web"));
    assert_false(parses("SPIFFE://acme/web"));
    assert_false(parses("https://acme/web"));
    assert_false(parses("spiffe:/acme/web"));
    assert_false(parses("spiffe://Acme/web"));
    assert_false(parses("spiffe://acme:80/web"));
    assert_false(parses("spiffe://user@acme/web"));
    assert_false(parses("spiffe://acme/web/"));
    assert_false(parses("spiffe://acme//web"));
    assert_false(parses("spiffe://acme/./web"));
    assert_false(parses("spiffe://acme/../web"));
    assert_false(parses("spiffe://acme/web/.."));
    assert_false(parses("spiffe://acme/%2e"));
    assert_false(parses("spiffe://acme/web?x=1"));
    assert_false(parses("spiffe://acme/web#x"));
    assert_false(parses("spiffe://acme/web*"));
    assert_false(parses("spiffe://acme/w eb"));
    assert_false(parses(" spiffe://acme/web"));
    assert_false(parses("spiffe://acme/web\n"));
    assert_false(parses("spiffe://acm\xc3\xa9/web"));
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    static const char hidden[] = "spiffe://acme/web\0.evil";
    struct spiffe spiffe;

    (void)state;
    assert_false(spiffe_parse(&spiffe, hidden, sizeof(hidden) - 1));
    assert_true(spiffe_parse(&spiffe, hidden, 17));
    assert_false(spiffe_parse(&spiffe, hidden, 18));
    assert_false(spiffe_parse(&spiffe, NULL, 0));
}

static void lengths_have_their_limits(void **state)
{
    char text[SPIFFE_MAX_LENGTH + 2];
    char domain[300];
    struct spiffe spiffe;

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text, "spiffe://acme/", 14);
    assert_true(spiffe_parse(&spiffe, text, SPIFFE_MAX_LENGTH));
    assert_false(spiffe_parse(&spiffe, text, SPIFFE_MAX_LENGTH + 1));
    memset(domain, 'd', sizeof(domain));
    memcpy(domain, "spiffe://", 9);
    domain[9 + 255] = '/';
    assert_true(spiffe_parse(&spiffe, domain, 9 + 255 + 2));
    domain[9 + 255] = 'd';
    domain[9 + 256] = '/';
    assert_false(spiffe_parse(&spiffe, domain, 9 + 256 + 2));
}

static void a_trust_domain_stands_alone(void **state)
{
    struct spiffe spiffe;

    (void)state;
    assert_true(spiffe_parse_trust_domain(&spiffe, "spiffe://acme", 13));
    assert_string_equal(spiffe.text, "spiffe://acme");
    assert_false(spiffe_parse_trust_domain(&spiffe, "spiffe://acme/", 14));
    assert_false(spiffe_parse_trust_domain(&spiffe, "spiffe://acme/w", 15));
    assert_false(spiffe_parse_trust_domain(&spiffe, "spiffe://", 9));
    assert_false(spiffe_parse_trust_domain(&spiffe, "spiffe://Acme", 13));
    assert_false(spiffe_parse_trust_domain(&spiffe, "", 0));
}

static bool same(const char *a, const char *b)
{
    struct spiffe x, y;

    assert_true(spiffe_parse(&x, a, strlen(a)) ||
                spiffe_parse_trust_domain(&x, a, strlen(a)));
    assert_true(spiffe_parse(&y, b, strlen(b)) ||
                spiffe_parse_trust_domain(&y, b, strlen(b)));
    return spiffe_same_trust_domain(&x, &y);
}

static void trust_domains_are_compared_whole(void **state)
{
    (void)state;
    assert_true(same("spiffe://acme/a", "spiffe://acme/b/c"));
    assert_true(same("spiffe://acme", "spiffe://acme/b"));
    assert_false(same("spiffe://acme", "spiffe://acme.evil/b"));
    assert_false(same("spiffe://acme/a", "spiffe://acm/a"));
}

static bool matches(const char *identity, const char *pattern)
{
    struct spiffe spiffe;

    assert_true(spiffe_parse(&spiffe, identity, strlen(identity)));
    assert_true(spiffe_pattern_is_valid(pattern));
    return spiffe_matches(&spiffe, pattern);
}

static void without_a_star_only_the_same_matches(void **state)
{
    (void)state;
    assert_true(matches("spiffe://acme/a/b", "spiffe://acme/a/b"));
    assert_false(matches("spiffe://acme/a/bc", "spiffe://acme/a/b"));
    assert_false(matches("spiffe://acme/a/b", "spiffe://acme/a/bc"));
    assert_false(matches("spiffe://acme/a/b/c", "spiffe://acme/a/b"));
    assert_false(matches("spiffe://acme/a", "spiffe://acme/a/b"));
    assert_false(matches("spiffe://acme/A", "spiffe://acme/a"));
    assert_false(matches("spiffe://acme.org/a", "spiffe://acme/a"));
}

static void a_star_stays_inside_its_segment(void **state)
{
    (void)state;
    assert_true(matches("spiffe://acme/web-1", "spiffe://acme/web-*"));
    assert_true(matches("spiffe://acme/web", "spiffe://acme/*"));
    assert_true(matches("spiffe://acme/a/x/b", "spiffe://acme/a/*/b"));
    assert_true(matches("spiffe://acme/a1/x/b2", "spiffe://acme/a*/x/b*"));
    assert_false(matches("spiffe://acme/web-", "spiffe://acme/web-*"));
    assert_false(matches("spiffe://acme/web-1/x", "spiffe://acme/web-*"));
    assert_false(matches("spiffe://acme/web", "spiffe://acme/*/x"));
    assert_false(matches("spiffe://acme/a/b", "spiffe://acme/a/*/b"));
    assert_false(matches("spiffe://acme/a/x/c", "spiffe://acme/a/*/b"));
    assert_false(matches("spiffe://other/web", "spiffe://acme/*"));
}

static void a_star_elsewhere_is_no_pattern(void **state)
{
    (void)state;
    assert_true(spiffe_pattern_is_valid("spiffe://acme/*"));
    assert_true(spiffe_pattern_is_valid("spiffe://acme/..*"));
    assert_false(spiffe_pattern_is_valid("spiffe://*/web"));
    assert_false(spiffe_pattern_is_valid("spiffe://ac*/web"));
    assert_false(spiffe_pattern_is_valid("spiffe://acme/*web"));
    assert_false(spiffe_pattern_is_valid("spiffe://acme/w*b"));
    assert_false(spiffe_pattern_is_valid("spiffe://acme/**"));
    assert_false(spiffe_pattern_is_valid("spiffe://acme"));
    assert_false(spiffe_pattern_is_valid("spiffe://acme*"));
    assert_false(spiffe_pattern_is_valid("*"));
    assert_false(spiffe_pattern_is_valid(""));
}

static void random_pairs_agree_with_the_reference(void **state)
{
    static const char alphabet[] = "ab/*";
    struct random random = random_from_seed(52);
    size_t judged = 0, matched = 0;

    (void)state;
    for (size_t round = 0; round < 1000000; round++) {
        char identity[32] = "spiffe://d/", pattern[32] = "spiffe://d/";
        size_t a = 11, b = 11;
        struct spiffe spiffe;

        while (a < 18 && random_below(&random, 6) > 0)
            identity[a++] = alphabet[random_below(&random, 3)];
        while (b < 18 && random_below(&random, 6) > 0)
            pattern[b++] = alphabet[random_below(&random, 4)];
        if (!spiffe_parse(&spiffe, identity, a) ||
            !spiffe_pattern_is_valid(pattern))
            continue;
        judged++;
        matched += spiffe_matches(&spiffe, pattern);
        assert_int_equal(spiffe_matches(&spiffe, pattern),
                         spiffe_reference(identity, pattern));
    }
    assert_true(judged > 10000 && matched > 1000);
}

RUN_TESTS(TEST(identities_are_written_in_one_way_only),
          TEST(bytes_that_are_no_text_are_refused),
          TEST(lengths_have_their_limits), TEST(a_trust_domain_stands_alone),
          TEST(trust_domains_are_compared_whole),
          TEST(without_a_star_only_the_same_matches),
          TEST(a_star_stays_inside_its_segment),
          TEST(a_star_elsewhere_is_no_pattern),
          TEST(random_pairs_agree_with_the_reference))
