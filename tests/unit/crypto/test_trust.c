/* SPDX-License-Identifier: MIT */
/* Loading; test_handshake has what happens to peers. */
#include "base/clock.h"
#include "crypto/trust.h"
#include "support/check_test.h"
#include "support/crypto/forge.h"
#include <mbedtls/oid.h>
#include <mbedtls/x509.h>
#include <stdio.h>

static const char *directory;
static struct forged *authority;
static struct crypto_error warning, error;

static const char *path_of(const char *name)
{
    return forge_path(directory, name);
}

static void put_roots(struct forged *const *roots, size_t count)
{
    forge_write_certificates(path_of("ca.crt"), roots, count);
}

static void put_list(const struct forge_list_plan *plan)
{
    remove(path_of("ca.crl"));
    forge_append_list(path_of("ca.crl"), plan);
}

static enum status load(bool with_list, struct trust **trust)
{
    *trust = NULL;
    return trust_load(path_of("ca.crt"), with_list ? path_of("ca.crl") : NULL,
                      trust, &warning, &error);
}

static void assert_refused(bool with_list, enum status status,
                           const char *words)
{
    struct trust *trust;

    assert_int_equal(load(with_list, &trust), status);
    assert_null(trust);
    if (!strstr(error.text, words))
        print_message("said: %s\n", error.text);
    assert_non_null(strstr(error.text, words));
    assert_non_null(strstr(error.text, directory));
    assert_string_equal(warning.text, "");
}

static void assert_loads(bool with_list, const char *words)
{
    struct trust *trust;

    if (load(with_list, &trust) != STATUS_OK)
        print_message("said: %s\n", error.text);
    assert_non_null(trust);
    assert_string_equal(error.text, "");
    assert_non_null(strstr(warning.text, words));
    if (*words == '\0')
        assert_string_equal(warning.text, "");
    trust_free(trust);
}

static struct forged *root(struct forge_plan plan)
{
    plan.is_authority = true;
    if (!plan.ends)
        plan.ends = 300 * FORGE_DAY;
    return forge(&plan);
}

static void a_bundle_of_roots_loads(void **state)
{
    struct forged *other = root((struct forge_plan){
        .subject = "CN=other", .uris = { "spiffe://other" } });
    struct forged *both[] = { authority, other };

    (void)state;
    put_roots(both, 2);
    assert_loads(false, "");
    trust_free(NULL);
    forge_free(other);
}

static void what_is_no_root_is_refused(void **state)
{
    static const struct {
        struct forge_plan plan;
        const char *words;
    } odd[] = {
        { { .is_authority = false }, "is not a CA's" },
        { { .is_authority = true,
            .key_usage = MBEDTLS_X509_KU_DIGITAL_SIGNATURE },
          "may not sign certificates" },
        { { .is_authority = true, .no_key_usage = true },
          "may not sign certificates" },
        { { .is_authority = true, .extra_oid = MBEDTLS_OID_NAME_CONSTRAINTS },
          "name constraints" },
        { { .is_authority = true,
            .extra_oid = MBEDTLS_OID_NAME_CONSTRAINTS,
            .extra_is_critical = true },
          "cannot be read" },
        { { .is_authority = true, .uris = { "spiffe://acme/x" } },
          "not one trust domain" },
        { { .is_authority = true,
            .uris = { "spiffe://acme", "spiffe://other" } },
          "not one trust domain" },
        { { .is_authority = true, .starts = -9 * FORGE_DAY, .ends = -60 },
          "expired on" },
        { { .is_authority = true, .starts = 3600 }, "is not valid before" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(odd); i++) {
        struct forged *forged = forge(&odd[i].plan);

        put_roots(&forged, 1);
        assert_refused(false, STATUS_CONFIG, odd[i].words);
        forge_free(forged);
    }
}

static void an_expired_root_among_others_is_told(void **state)
{
    struct forged *old = root((struct forge_plan){
        .subject = "CN=old", .starts = -9 * FORGE_DAY, .ends = -60 });
    struct forged *both[] = { old, authority };

    (void)state;
    put_roots(both, 2);
    assert_loads(false, "expired on");
    put_list(&(struct forge_list_plan){ .issuer = authority });
    assert_loads(true, "expired on"); /* it needs no list any more */
    forge_free(old);
}

static void a_root_that_ends_soon_is_told(void **state)
{
    struct forged *old = root((struct forge_plan){ .ends = 20 * FORGE_DAY });

    (void)state;
    put_roots(&old, 1);
    assert_loads(false, "plan for the next CA");
    forge_free(old);
}

static void files_that_do_not_do_are_named(void **state)
{
    FILE *file;

    (void)state;
    remove(path_of("ca.crt"));
    assert_refused(false, STATUS_IO, "cannot read the trusted CA");
    file = fopen(path_of("ca.crt"), "w");
    assert_non_null(file);
    fclose(file);
    assert_refused(false, STATUS_CONFIG, "is empty");
    put_roots(&authority, 1);
    file = fopen(path_of("ca.crt"), "a");
    assert_non_null(file);
    fputs("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
          file);
    fclose(file);
    assert_refused(false, STATUS_CONFIG, "1 of its certificates");
    put_roots(&authority, 1);
    remove(path_of("ca.crl"));
    assert_refused(true, STATUS_IO, "cannot read the revocation list");
    file = fopen(path_of("ca.crl"), "w");
    assert_non_null(file);
    fputs("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", file);
    fclose(file);
    assert_refused(true, STATUS_CONFIG, "cannot be read");
}

static void a_list_must_be_the_roots_and_in_force(void **state)
{
    struct forged *namesake = root((struct forge_plan){ .serial = NULL });
    struct forged *unable =
        root((struct forge_plan){ .key_usage = MBEDTLS_X509_KU_KEY_CERT_SIGN });

    (void)state;
    put_roots(&authority, 1);
    put_list(&(struct forge_list_plan){ .issuer = authority });
    assert_loads(true, "");
    put_list(&(struct forge_list_plan){ .issuer = authority,
                                        .signed_by = namesake });
    assert_refused(true, STATUS_CONFIG, "no revocation list signed by");
    put_list(&(struct forge_list_plan){ .issuer = namesake });
    assert_refused(true, STATUS_CONFIG, "no revocation list signed by");
    put_list(&(struct forge_list_plan){
        .issuer = authority, .starts = -9 * FORGE_DAY, .ends = -60 });
    assert_refused(true, STATUS_CONFIG, "expired on");
    put_list(&(struct forge_list_plan){ .issuer = authority, .starts = 3600 });
    assert_refused(true, STATUS_CONFIG, "is not in force before");
    put_list(&(struct forge_list_plan){ .issuer = authority, .no_end = true });
    assert_refused(true, STATUS_CONFIG, "when the next one comes");
    put_roots(&unable, 1);
    put_list(&(struct forge_list_plan){ .issuer = unable });
    assert_refused(true, STATUS_CONFIG, "no revocation list signed by");
    forge_free(unable);
    forge_free(namesake);
}

static void of_several_lists_one_must_be_in_force(void **state)
{
    (void)state;
    put_roots(&authority, 1);
    put_list(&(struct forge_list_plan){
        .issuer = authority, .starts = -9 * FORGE_DAY, .ends = -60 });
    forge_append_list(path_of("ca.crl"),
                      &(struct forge_list_plan){ .issuer = authority });
    assert_loads(true, "");
}

static void every_root_needs_a_list(void **state)
{
    struct forged *other = root((struct forge_plan){ .subject = "CN=other" });
    struct forged *both[] = { authority, other };

    (void)state;
    put_roots(both, 2);
    put_list(&(struct forge_list_plan){ .issuer = authority });
    assert_refused(true, STATUS_CONFIG, "\"CN=other\"");
    forge_append_list(path_of("ca.crl"),
                      &(struct forge_list_plan){ .issuer = other });
    assert_loads(true, "");
    forge_free(other);
}

static void the_first_end_counts(void **state)
{
    struct trust *trust;
    int64_t now = clock_wall_seconds();

    (void)state;
    put_roots(&authority, 1);
    put_list(&(struct forge_list_plan){ .issuer = authority });
    assert_int_equal(load(false, &trust), STATUS_OK);
    assert_in_range(trust_expires(trust), now + 299 * FORGE_DAY,
                    now + 301 * FORGE_DAY);
    trust_free(trust);
    assert_int_equal(load(true, &trust), STATUS_OK);
    assert_in_range(trust_expires(trust), now + 29 * FORGE_DAY,
                    now + 31 * FORGE_DAY);
    trust_free(trust);
}

/* ---- those who are in already ---- */

static enum status check(const struct forged *leaf)
{
    struct trust *trust;
    enum status status;
    size_t length;
    const uint8_t *bytes = forge_der(leaf, &length);

    assert_int_equal(load(true, &trust), STATUS_OK);
    status = trust_check_again(trust, bytes, length, &error);
    assert_int_equal(status == STATUS_OK, error.text[0] == '\0');
    trust_free(trust);
    return status;
}

static void a_peer_is_judged_again_by_the_new_lists(void **state)
{
    struct forged *leaf = forge(&(struct forge_plan){ .issuer = authority });

    (void)state;
    put_roots(&authority, 1);
    put_list(&(struct forge_list_plan){ .issuer = authority });
    assert_int_equal(check(leaf), STATUS_OK);
    put_list(
        &(struct forge_list_plan){ .issuer = authority, .revoked = { leaf } });
    assert_int_equal(check(leaf), STATUS_AUTH);
    assert_non_null(strstr(error.text, "was revoked on"));
    forge_free(leaf);
}

static void a_peer_is_judged_again_by_the_new_roots(void **state)
{
    struct forged *leaf = forge(&(struct forge_plan){ .issuer = authority });
    struct forged *other = root((struct forge_plan){ .subject = "CN=other" });

    (void)state;
    put_roots(&other, 1);
    put_list(&(struct forge_list_plan){ .issuer = other });
    assert_int_equal(check(leaf), STATUS_AUTH);
    assert_non_null(strstr(error.text, "not signed by a CA we trust"));
    forge_free(other);
    forge_free(leaf);
}

static void bytes_that_are_no_chain_are_refused(void **state)
{
    struct forged *leaf = forge(&(struct forge_plan){ .issuer = authority });
    size_t length;
    const uint8_t *bytes = forge_der(leaf, &length);
    struct trust *trust;

    (void)state;
    put_roots(&authority, 1);
    assert_int_equal(load(false, &trust), STATUS_OK);
    assert_int_equal(trust_check_again(trust, bytes, length, &error),
                     STATUS_OK);
    assert_int_equal(trust_check_again(trust, bytes, length - 1, &error),
                     STATUS_AUTH);
    assert_int_equal(trust_check_again(trust, bytes, 0, &error), STATUS_AUTH);
    forge_flip(leaf, 40);
    assert_int_equal(trust_check_again(trust, bytes, length, &error),
                     STATUS_AUTH);
    trust_free(trust);
    forge_free(leaf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_bundle_of_roots_loads),
        TEST(what_is_no_root_is_refused),
        TEST(an_expired_root_among_others_is_told),
        TEST(a_root_that_ends_soon_is_told),
        TEST(files_that_do_not_do_are_named),
        TEST(a_list_must_be_the_roots_and_in_force),
        TEST(of_several_lists_one_must_be_in_force),
        TEST(every_root_needs_a_list),
        TEST(the_first_end_counts),
        TEST(a_peer_is_judged_again_by_the_new_lists),
        TEST(a_peer_is_judged_again_by_the_new_roots),
        TEST(bytes_that_are_no_chain_are_refused),
    };
    int failed;

    directory = forge_directory();
    authority = root((struct forge_plan){ 0 });
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    forge_free(authority);
    forge_remove(directory);
    return failed;
}
