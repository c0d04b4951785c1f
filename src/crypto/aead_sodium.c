/* SPDX-License-Identifier: MIT */
#include "crypto/aead_method.h"
#include <sodium.h>
#include <string.h>

_Static_assert(sizeof(crypto_aead_aes256gcm_state) <= AEAD_CONTEXT_BYTES,
               "an expanded AES key fits");
_Static_assert(crypto_aead_aes256gcm_KEYBYTES == AEAD_KEY_BYTES &&
                   crypto_aead_chacha20poly1305_IETF_KEYBYTES == AEAD_KEY_BYTES,
               "one size of key");

static bool aes_is_available(void)
{
    return crypto_aead_aes256gcm_is_available() == 1;
}

static const crypto_aead_aes256gcm_state *aes_state(const uint8_t *context)
{
    return (const crypto_aead_aes256gcm_state *)(const void *)context;
}

static void aes_init(uint8_t *context, const uint8_t *key)
{
    int failed = crypto_aead_aes256gcm_beforenm(
        (crypto_aead_aes256gcm_state *)(void *)context, key);

    ASSERT(!failed);
}

static void aes_seal(const uint8_t *context, const struct aead_message *message,
                     const uint8_t *plaintext, size_t length, uint8_t *to)
{
    crypto_aead_aes256gcm_encrypt_afternm(to, NULL, plaintext, length,
                                          message->associated,
                                          message->associated_length, NULL,
                                          message->nonce, aes_state(context));
}

static bool aes_open(const uint8_t *context, const struct aead_message *message,
                     uint8_t *bytes, size_t length)
{
    return crypto_aead_aes256gcm_decrypt_afternm(bytes, NULL, NULL, bytes,
                                                 length, message->associated,
                                                 message->associated_length,
                                                 message->nonce,
                                                 aes_state(context)) == 0;
}

static bool chacha_is_available(void)
{
    return true;
}

static void chacha_init(uint8_t *context, const uint8_t *key)
{
    memcpy(context, key, AEAD_KEY_BYTES);
}

static void chacha_seal(const uint8_t *context,
                        const struct aead_message *message,
                        const uint8_t *plaintext, size_t length, uint8_t *to)
{
    crypto_aead_chacha20poly1305_ietf_encrypt(to, NULL, plaintext, length,
                                              message->associated,
                                              message->associated_length, NULL,
                                              message->nonce, context);
}

static bool chacha_open(const uint8_t *context,
                        const struct aead_message *message, uint8_t *bytes,
                        size_t length)
{
    return crypto_aead_chacha20poly1305_ietf_decrypt(
               bytes, NULL, NULL, bytes, length, message->associated,
               message->associated_length, message->nonce, context) == 0;
}

const struct aead_method aead_sodium_aes = {
    "aes-256-gcm", AEAD_AES_256_GCM, aes_is_available,
    aes_init,      aes_seal,         aes_open,
};

const struct aead_method aead_sodium_chacha = {
    "chacha20-poly1305", AEAD_CHACHA20_POLY1305,
    chacha_is_available, chacha_init,
    chacha_seal,         chacha_open,
};
