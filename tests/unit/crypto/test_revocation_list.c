/* SPDX-License-Identifier: MIT */
/* What we write must be a list to others, too: OpenSSL reads it back. */
#include "crypto/der.h"
#include "crypto/revocation_list.h"
#include "support/check_test.h"
#include "support/crypto/forge.h"
#include <stdio.h>

static const char *directory;

static const char *path_of(const char *name)
{
    return forge_path(directory, name);
}

static bool shell(const char *command)
{
    return forge_shell(directory, command);
}

static void openssl_verifies_it(void **state)
{
    struct forged *authority =
        forge(&(struct forge_plan){ .is_authority = true });
    struct forged *leaf = forge(&(struct forge_plan){ .issuer = authority });
    struct forged *revoked = forge(&(struct forge_plan){ .issuer = authority });

    (void)state;
    forge_write_certificates(path_of("ca.crt"), &authority, 1);
    forge_write_certificates(path_of("leaf.crt"), &leaf, 1);
    forge_write_certificates(path_of("revoked.crt"), &revoked, 1);
    remove(path_of("ca.crl"));
    forge_append_list(path_of("ca.crl"),
                      &(struct forge_list_plan){ .issuer = authority,
                                                 .revoked = { revoked } });
    assert_true(shell("openssl crl -in ca.crl -CAfile ca.crt -noout -verify "
                      "2>&1 | grep -q 'verify OK'"));
    assert_true(shell("openssl crl -in ca.crl -noout -text | "
                      "grep -q 'X509v3 CRL Number'"));
    assert_true(shell("openssl verify -crl_check -CAfile ca.crt "
                      "-CRLfile ca.crl leaf.crt"));
    assert_false(shell("openssl verify -crl_check -CAfile ca.crt "
                       "-CRLfile ca.crl revoked.crt"));
    assert_true(shell("openssl verify -crl_check -CAfile ca.crt -CRLfile "
                      "ca.crl revoked.crt 2>&1 | grep -q 'revoked'"));
    forge_free(revoked);
    forge_free(leaf);
    forge_free(authority);
}

static void a_list_of_nobody_is_a_list(void **state)
{
    struct forged *authority =
        forge(&(struct forge_plan){ .is_authority = true });

    (void)state;
    forge_write_certificates(path_of("ca.crt"), &authority, 1);
    remove(path_of("ca.crl"));
    forge_append_list(path_of("ca.crl"),
                      &(struct forge_list_plan){ .issuer = authority });
    assert_true(shell("openssl crl -in ca.crl -noout -text | "
                      "grep -q 'No Revoked Certificates'"));
    forge_free(authority);
}

/* ---- the encoding underneath ---- */

static void assert_written(const struct der *der, const char *bytes,
                           size_t length)
{
    assert_false(der->failed);
    assert_int_equal(der_length(der), length);
    assert_memory_equal(der->at, bytes, length);
}
#define ASSERT_WRITTEN(der, bytes) assert_written(der, bytes, sizeof(bytes) - 1)

static void integers_are_short_and_positive(void **state)
{
    uint8_t room[64];
    struct der to;

    (void)state;
    to = der(room, sizeof(room));
    der_put_integer(&to, (const uint8_t *)"\x7f", 1);
    ASSERT_WRITTEN(&to, "\x02\x01\x7f");
    to = der(room, sizeof(room));
    der_put_integer(&to, (const uint8_t *)"\x80", 1);
    ASSERT_WRITTEN(&to, "\x02\x02\x00\x80");
    to = der(room, sizeof(room));
    der_put_integer(&to, (const uint8_t *)"\0\0\x12\x34", 4);
    ASSERT_WRITTEN(&to, "\x02\x02\x12\x34");
    to = der(room, sizeof(room));
    der_put_integer(&to, (const uint8_t *)"\0\0", 2);
    ASSERT_WRITTEN(&to, "\x02\x01\x00");
}

static void lengths_take_what_they_need(void **state)
{
    static uint8_t room[70000], content[66000];
    static const struct {
        size_t length;
        const char *header;
        size_t header_length;
    } cases[] = {
        { 0, "\x04\x00", 2 },           { 127, "\x04\x7f", 2 },
        { 128, "\x04\x81\x80", 3 },     { 255, "\x04\x81\xff", 3 },
        { 256, "\x04\x82\x01\x00", 4 }, { 65536, "\x04\x83\x01\x00\x00", 5 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct der to = der(room, sizeof(room));

        der_put_tagged(&to, 4, content, cases[i].length);
        assert_false(to.failed);
        assert_int_equal(der_length(&to),
                         cases[i].header_length + cases[i].length);
        assert_memory_equal(to.at, cases[i].header, cases[i].header_length);
    }
}

static void times_change_their_kind_in_2050(void **state)
{
    uint8_t room[64];
    struct der to = der(room, sizeof(room));

    (void)state;
    der_put_time(&to, 2524607999); /* the last second of 2049 */
    ASSERT_WRITTEN(&to, "\x17\x0d"
                        "491231235959Z");
    to = der(room, sizeof(room));
    der_put_time(&to, 2524608000);
    ASSERT_WRITTEN(&to, "\x18\x0f"
                        "20500101000000Z");
}

static void what_has_no_room_stays_failed(void **state)
{
    uint8_t room[4];
    struct der to = der(room, sizeof(room));

    (void)state;
    der_put(&to, "abcde", 5);
    assert_true(to.failed);
    der_put(&to, "a", 1);
    assert_true(to.failed);
    assert_int_equal(der_length(&to), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(openssl_verifies_it),
        TEST(a_list_of_nobody_is_a_list),
        TEST(integers_are_short_and_positive),
        TEST(lengths_take_what_they_need),
        TEST(times_change_their_kind_in_2050),
        TEST(what_has_no_room_stays_failed),
    };
    int failed;

    directory = forge_directory();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    forge_remove(directory);
    return failed;
}
