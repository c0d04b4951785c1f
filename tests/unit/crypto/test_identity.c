/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "crypto/identity.h"
#include "support/check_test.h"
#include "support/crypto/forge.h"
#include <mbedtls/oid.h>
#include <stdio.h>
#include <sys/stat.h>

static const char *directory;
static struct forged *authority;
static struct crypto_error warning, error;

static const char *path_of(const char *name)
{
    return forge_path(directory, name);
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Files of a leaf by |plan|, the key readable by its owner alone. */
static struct forged *put_leaf(const struct forge_plan *plan)
{
    struct forged *leaf = forge(plan);

    forge_write_certificates(path_of("x.crt"), &leaf, 1);
    forge_write_key(path_of("x.key"), leaf);
    assert_int_equal(chmod(path_of("x.key"), 0600), 0);
    return leaf;
}

static enum status load(struct identity **identity)
{
    *identity = NULL;
    return identity_load(path_of("x.crt"), path_of("x.key"), identity, &warning,
                         &error);
}

static void assert_refused(enum status status, const char *words)
{
    struct identity *identity;

    assert_int_equal(load(&identity), status);
    assert_null(identity);
    if (!strstr(error.text, words))
        print_message("said: %s\n", error.text);
    assert_non_null(strstr(error.text, words));
    assert_non_null(strstr(error.text, directory)); /* which file */
}

static void put_good(void)
{
    forge_free(put_leaf(&(struct forge_plan){ .issuer = authority }));
}

static void a_good_one_says_who_we_are(void **state)
{
    struct identity *identity;

    (void)state;
    put_good();
    assert_int_equal(load(&identity), STATUS_OK);
    assert_string_equal(warning.text, "");
    assert_string_equal(error.text, "");
    assert_string_equal(identity_spiffe(identity)->text, "spiffe://acme/peer");
    assert_in_range(identity_expires(identity),
                    clock_wall_seconds() + 29 * FORGE_DAY,
                    clock_wall_seconds() + 31 * FORGE_DAY);
    identity_free(identity);
    identity_free(NULL);
}

static void the_first_end_in_the_chain_counts(void **state)
{
    struct forged *middle =
        forge(&(struct forge_plan){ .issuer = authority,
                                    .is_authority = true,
                                    .subject = "CN=middle",
                                    .ends = 20 * FORGE_DAY });
    struct forged *leaf = put_leaf(&(struct forge_plan){ .issuer = middle });
    struct forged *both[] = { leaf, middle };
    struct identity *identity;

    (void)state;
    forge_write_certificates(path_of("x.crt"), both, 2);
    assert_int_equal(load(&identity), STATUS_OK);
    assert_in_range(identity_expires(identity),
                    clock_wall_seconds() + 19 * FORGE_DAY,
                    clock_wall_seconds() + 20 * FORGE_DAY);
    identity_free(identity);
    forge_free(leaf);
    forge_free(middle);
}

static void a_key_that_others_can_read_is_told_and_used(void **state)
{
    static const mode_t modes[] = { 0640, 0604, 0660, 0444 };
    struct identity *identity;

    (void)state;
    put_good();
    for (size_t i = 0; i < ARRAY_LENGTH(modes); i++) {
        assert_int_equal(chmod(path_of("x.key"), modes[i]), 0);
        assert_int_equal(load(&identity), STATUS_OK);
        assert_non_null(strstr(warning.text, "chmod 600"));
        assert_non_null(strstr(warning.text, path_of("x.key")));
        identity_free(identity);
    }
    assert_int_equal(chmod(path_of("x.key"), 0400), 0);
    assert_int_equal(load(&identity), STATUS_OK);
    assert_string_equal(warning.text, "");
    identity_free(identity);
    remove(path_of("x.key"));
}

static void one_that_ends_soon_is_told(void **state)
{
    struct identity *identity;

    (void)state;
    forge_free(put_leaf(&(struct forge_plan){ .issuer = authority,
                                              .starts = -90 * FORGE_DAY,
                                              .ends = 3 * FORGE_DAY + 60 }));
    assert_int_equal(load(&identity), STATUS_OK);
    assert_non_null(strstr(warning.text, "expires in 3 days"));
    identity_free(identity);
    /* one that lives for hours only is renewed by whoever makes it */
    forge_free(put_leaf(&(struct forge_plan){
        .issuer = authority, .starts = -600, .ends = 3600 }));
    assert_int_equal(load(&identity), STATUS_OK);
    assert_string_equal(warning.text, "");
    identity_free(identity);
}

static void files_that_are_not_there_are_named(void **state)
{
    (void)state;
    put_good();
    remove(path_of("x.key"));
    assert_refused(STATUS_IO, "cannot read the private key");
    put_good();
    remove(path_of("x.crt"));
    assert_refused(STATUS_IO, "No such file");
}

static void files_that_hold_something_else_are_named(void **state)
{
    (void)state;
    put_good();
    put("x.crt", "");
    assert_refused(STATUS_CONFIG, "is empty");
    put("x.crt", "this is no certificate\n");
    assert_refused(STATUS_CONFIG, "-----BEGIN CERTIFICATE-----");
    put("x.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n"
                 "-----END CERTIFICATE-----\n");
    assert_refused(STATUS_CONFIG, "malformed");
    put_good();
    put("x.key", "");
    assert_refused(STATUS_CONFIG, "is empty");
    put("x.key", "secret\n");
    assert_refused(STATUS_CONFIG, "holds no private key");
    put("x.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n"
                 "-----END PRIVATE KEY-----\n");
    assert_refused(STATUS_CONFIG, "damaged");
    put("x.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n"
                 "-----END ENCRYPTED PRIVATE KEY-----\n");
    assert_refused(STATUS_CONFIG, "encrypted");
}

static void swapped_files_are_noticed(void **state)
{
    struct identity *identity;

    (void)state;
    put_good();
    assert_int_equal(identity_load(path_of("x.key"), path_of("x.crt"),
                                   &identity, &warning, &error),
                     STATUS_CONFIG);
    assert_non_null(strstr(error.text, "swapped?"));
}

static void a_huge_file_is_not_read(void **state)
{
    FILE *file = fopen(path_of("x.key"), "w");

    (void)state;
    put_good();
    file = freopen(path_of("x.key"), "w", file);
    assert_non_null(file);
    for (size_t i = 0; i < 70000; i++)
        fputc('A', file);
    fclose(file);
    assert_refused(STATUS_CONFIG, "larger than any");
}

static void a_key_of_another_certificate_is_refused(void **state)
{
    struct forged *other = forge(&(struct forge_plan){ .issuer = authority });

    (void)state;
    put_good();
    forge_write_key(path_of("x.key"), other);
    assert_refused(STATUS_CONFIG, "do not belong together");
    forge_free(other);
}

static void what_no_peer_would_accept_is_refused(void **state)
{
    static const struct {
        struct forge_plan plan;
        const char *words;
    } odd[] = {
        { { .starts = -9 * FORGE_DAY, .ends = -60 }, "expired on" },
        { { .starts = 3600 }, "is not valid before" },
        { { .no_names = true }, "names no identity" },
        { { .uris = { "spiffe://acme/a", "spiffe://acme/b" } }, "more than" },
        { { .uris = { "spiffe://acme/*" } }, "not a SPIFFE identity" },
        { { .no_purpose = true }, "no extended key usage" },
        { { .purposes = { MBEDTLS_OID_CLIENT_AUTH } }, "serverAuth" },
        { { .no_key_usage = true }, "no key usage" },
        { { .is_authority = true, .uris = { "spiffe://acme/ca" } },
          "is a CA's" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(odd); i++) {
        struct forge_plan plan = odd[i].plan;

        plan.issuer = authority;
        forge_free(put_leaf(&plan));
        assert_refused(STATUS_CONFIG, odd[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_one_says_who_we_are),
        TEST(the_first_end_in_the_chain_counts),
        TEST(a_key_that_others_can_read_is_told_and_used),
        TEST(one_that_ends_soon_is_told),
        TEST(files_that_are_not_there_are_named),
        TEST(files_that_hold_something_else_are_named),
        TEST(swapped_files_are_noticed),
        TEST(a_huge_file_is_not_read),
        TEST(a_key_of_another_certificate_is_refused),
        TEST(what_no_peer_would_accept_is_refused),
    };
    int failed;

    directory = forge_directory();
    authority = forge(&(struct forge_plan){ .is_authority = true });
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    forge_free(authority);
    forge_remove(directory);
    return failed;
}
