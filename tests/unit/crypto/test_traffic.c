/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"
#include "crypto/library.h"
#include "crypto/secret.h"
#include "crypto/traffic.h"
#include "support/check_test.h"
#include "support/crypto/hex.h"
#include <mbedtls/hkdf.h>

/* RFC 8448 section 3: "Simple 1-RTT Handshake". */
static void keys_are_those_of_rfc_8448(void **state)
{
    static const struct {
        const char *secret, *key, *iv;
    } directions[] = {
        { "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643",
          "9f02283b6c9c07efc26bb9f2ac92e356", "cf782b88dd83549aadf1e984" },
        { "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
          "17422dda596ed5d9acd890e3c63f5051", "5b78923dee08579033e523d9" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(directions); i++) {
        uint8_t secret[32], wanted[32], got[32];
        size_t length;

        hex(directions[i].secret, secret, sizeof(secret));
        length = hex(directions[i].key, wanted, sizeof(wanted));
        traffic_expand_label(TRAFFIC_SHA256, secret, "key", got, length);
        assert_memory_equal(got, wanted, length);
        length = hex(directions[i].iv, wanted, sizeof(wanted));
        traffic_expand_label(TRAFFIC_SHA256, secret, "iv", got, length);
        assert_memory_equal(got, wanted, length);
    }
}

/* The same by mbedTLS's HKDF, for every label and hash there is. */
static void expand(mbedtls_md_type_t hash, const uint8_t *secret,
                   const char *label, uint8_t *to, size_t length)
{
    const mbedtls_md_info_t *info = mbedtls_md_info_from_type(hash);
    uint8_t text[64];
    struct bytes_writer writer = bytes_writer(text, sizeof(text));

    bytes_put_u16(&writer, (uint16_t)length);
    bytes_put_u8(&writer, (uint8_t)(6 + strlen(label)));
    bytes_put(&writer, "tls13 ", 6);
    bytes_put(&writer, label, strlen(label));
    bytes_put_u8(&writer, 0);
    assert_int_equal(mbedtls_hkdf_expand(info, secret,
                                         mbedtls_md_get_size(info), text,
                                         bytes_written(&writer), to, length),
                     0);
}

static void expansion_agrees_with_mbedtls(void **state)
{
    static const struct {
        const char *label;
        size_t length;
    } asked[] = { { "key", 32 }, { "iv", 12 }, { "traffic upd", 32 } };

    (void)state;
    for (size_t i = 0; i < 3 * ARRAY_LENGTH(asked); i++) {
        size_t j = i % ARRAY_LENGTH(asked);
        uint8_t secret[48], a[48], b[48];

        memset(secret, (int)(i * 37 + 1), sizeof(secret));
        traffic_expand_label(TRAFFIC_SHA256, secret, asked[j].label, a,
                             asked[j].length);
        expand(MBEDTLS_MD_SHA256, secret, asked[j].label, b, asked[j].length);
        assert_memory_equal(a, b, asked[j].length);
        traffic_expand_label(TRAFFIC_SHA384, secret, asked[j].label, a,
                             asked[j].length);
        expand(MBEDTLS_MD_SHA384, secret, asked[j].label, b, asked[j].length);
        assert_memory_equal(a, b, asked[j].length);
    }
}

static void hashes_go_with_their_ciphers(void **state)
{
    (void)state;
    assert_int_equal(traffic_hash(AEAD_AES_256_GCM), TRAFFIC_SHA384);
    assert_int_equal(traffic_secret_bytes(AEAD_AES_256_GCM), 48);
    assert_int_equal(traffic_hash(AEAD_CHACHA20_POLY1305), TRAFFIC_SHA256);
    assert_int_equal(traffic_secret_bytes(AEAD_CHACHA20_POLY1305), 32);
}

static void every_record_has_its_own_nonce(void **state)
{
    struct traffic *traffic = secret_new(sizeof(*traffic));
    uint8_t secret[48] = { 5 }, iv[12], nonce[12];

    (void)state;
    traffic_init(traffic, AEAD_CHACHA20_POLY1305, secret);
    expand(MBEDTLS_MD_SHA256, secret, "iv", iv, sizeof(iv));
    traffic_next_nonce(traffic, nonce);
    assert_memory_equal(nonce, iv, sizeof(iv));
    traffic_next_nonce(traffic, nonce);
    iv[11] ^= 1;
    assert_memory_equal(nonce, iv, sizeof(iv));
    iv[11] ^= 1;
    traffic->sequence = UINT64_C(0x0102030405060708);
    traffic_next_nonce(traffic, nonce);
    for (size_t i = 0; i < 8; i++)
        iv[4 + i] ^= (uint8_t)(i + 1);
    assert_memory_equal(nonce, iv, sizeof(iv));
    assert_int_equal(traffic->sequence, UINT64_C(0x0102030405060709));
    secret_free(traffic);
}

static void an_update_goes_on_from_the_secret(void **state)
{
    struct traffic *traffic = secret_new(sizeof(*traffic));
    uint8_t secret[48] = { 5 }, next[48], iv[12];

    (void)state;
    traffic_init(traffic, AEAD_CHACHA20_POLY1305, secret);
    traffic->sequence = 9;
    traffic_update(traffic);
    expand(MBEDTLS_MD_SHA256, secret, "traffic upd", next, 32);
    expand(MBEDTLS_MD_SHA256, next, "iv", iv, sizeof(iv));
    assert_memory_equal(traffic->secret, next, 32);
    assert_memory_equal(traffic->iv, iv, sizeof(iv));
    assert_int_equal(traffic->sequence, 0);
    secret_free(traffic);
}

static int start(void **state)
{
    struct crypto_error error;

    (void)state;
    return library_start(&error) == STATUS_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_are_those_of_rfc_8448),
        TEST(expansion_agrees_with_mbedtls),
        TEST(hashes_go_with_their_ciphers),
        TEST(every_record_has_its_own_nonce),
        TEST(an_update_goes_on_from_the_secret),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
