/* SPDX-License-Identifier: MIT */
#include "crypto/aead.h"
#include "crypto/aead_method.h"
#include "crypto/library.h"
#include "crypto/secret.h"
#include "support/check_test.h"
#include "support/crypto/hex.h"

/* McGrew and Viega's GCM test case 16; RFC 8439 section 2.8.2. */
static const struct vector {
    enum aead_kind kind;
    const char *name, *key, *nonce, *associated, *plaintext, *sealed;
} vectors[] = {
    { AEAD_AES_256_GCM, "aes-256-gcm",
      "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
      "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
      "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
      "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
      "76fc6ece0f4e1768cddf8853bb2d551b" },
    { AEAD_CHACHA20_POLY1305, "chacha20-poly1305",
      "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
      "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
      "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
      "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
      "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
      "637265656e20776f756c642062652069742e",
      "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
      "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
      "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
      "3ff4def08e4b7a9de576d26586cec64b6116"
      "1ae10b594f09e26a7e902ecbd0600691" },
};

struct loaded {
    struct aead *aead;
    struct aead_message message;
    uint8_t nonce[AEAD_NONCE_BYTES], associated[32];
    uint8_t plaintext[160], sealed[160];
    size_t plaintext_length, sealed_length;
};

/* False if this machine has no such kind. */
static bool load(struct loaded *loaded, const struct vector *vector)
{
    uint8_t key[AEAD_KEY_BYTES];

    if (!aead_is_available(vector->kind))
        return false;
    loaded->aead = secret_new(sizeof(*loaded->aead));
    assert_int_equal(hex(vector->key, key, sizeof(key)), sizeof(key));
    aead_init(loaded->aead, vector->kind, key);
    hex(vector->nonce, loaded->nonce, sizeof(loaded->nonce));
    loaded->message = (struct aead_message){ loaded->nonce, loaded->associated,
                                             hex(vector->associated,
                                                 loaded->associated, 32) };
    loaded->plaintext_length = hex(vector->plaintext, loaded->plaintext, 160);
    loaded->sealed_length = hex(vector->sealed, loaded->sealed, 160);
    return true;
}

static void published_vectors_come_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(vectors); i++) {
        struct loaded v;
        uint8_t out[160];

        if (!load(&v, &vectors[i]))
            continue;
        assert_memory_equal(aead_name(v.aead), vectors[i].name,
                            strlen(vectors[i].name));
        aead_seal(v.aead, &v.message, v.plaintext, v.plaintext_length, out);
        assert_memory_equal(out, v.sealed, v.sealed_length);
        assert_true(aead_open(v.aead, &v.message, out, v.sealed_length));
        assert_memory_equal(out, v.plaintext, v.plaintext_length);
        /* in place */
        memcpy(out, v.plaintext, v.plaintext_length);
        aead_seal(v.aead, &v.message, out, v.plaintext_length, out);
        assert_memory_equal(out, v.sealed, v.sealed_length);
        secret_free(v.aead);
    }
}

static void a_single_changed_bit_is_noticed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(vectors); i++) {
        struct loaded v;
        uint8_t out[160];

        if (!load(&v, &vectors[i]))
            continue;
        for (size_t bit = 0; bit < v.sealed_length * 8; bit++) {
            memcpy(out, v.sealed, v.sealed_length);
            out[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(aead_open(v.aead, &v.message, out, v.sealed_length));
        }
        memcpy(out, v.sealed, v.sealed_length);
        v.nonce[3] ^= 1;
        assert_false(aead_open(v.aead, &v.message, out, v.sealed_length));
        v.nonce[3] ^= 1;
        v.associated[3] ^= 1;
        memcpy(out, v.sealed, v.sealed_length);
        assert_false(aead_open(v.aead, &v.message, out, v.sealed_length));
        v.associated[3] ^= 1;
        memcpy(out, v.sealed, v.sealed_length);
        assert_true(aead_open(v.aead, &v.message, out, v.sealed_length));
        secret_free(v.aead);
    }
}

static void what_is_shorter_than_a_tag_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(vectors); i++) {
        struct loaded v;

        if (!load(&v, &vectors[i]))
            continue;
        for (size_t length = 0; length < v.sealed_length; length++) {
            uint8_t out[160];

            memcpy(out, v.sealed, length);
            assert_false(aead_open(v.aead, &v.message, out, length));
        }
        secret_free(v.aead);
    }
}

/* Whatever is faster must do exactly what libsodium does. */
static void implementations_agree_on_every_length(void **state)
{
    static uint8_t plaintext[17000], a[17000], b[17000], key[AEAD_KEY_BYTES];
    static _Alignas(64) uint8_t context[AEAD_CONTEXT_BYTES];
    uint8_t nonce[AEAD_NONCE_BYTES] = { 3 }, header[5] = { 23, 3, 3, 1, 2 };
    struct aead_message message = { nonce, header, sizeof(header) };
    struct aead *fastest = secret_new(sizeof(*fastest));

    (void)state;
    if (!aead_sodium_aes.is_available()) {
        secret_free(fastest);
        skip();
    }
    memset(plaintext, 0x33, sizeof(plaintext));
    memset(key, 0x44, sizeof(key));
    aead_init(fastest, AEAD_AES_256_GCM, key);
    aead_sodium_aes.init(context, key);
    for (size_t length = 0; length < 16640;
         length += length < 600 ? 1 : length / 10) {
        nonce[11]++;
        aead_seal(fastest, &message, plaintext, length, a);
        aead_sodium_aes.seal(context, &message, plaintext, length, b);
        assert_memory_equal(a, b, length + AEAD_TAG_BYTES);
        assert_true(aead_open(fastest, &message, b, length + AEAD_TAG_BYTES));
        assert_memory_equal(b, plaintext, length);
        a[length] ^= 1;
        assert_false(aead_open(fastest, &message, a, length + AEAD_TAG_BYTES));
    }
    secret_free(fastest);
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
        TEST(published_vectors_come_out),
        TEST(a_single_changed_bit_is_noticed),
        TEST(what_is_shorter_than_a_tag_is_refused),
        TEST(implementations_agree_on_every_length),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
