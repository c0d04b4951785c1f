/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_AEAD_METHOD_H
#define CRYPTO_AEAD_METHOD_H
#include "crypto/aead.h"

/* Private to crypto/aead*: one implementation of one kind. */
struct aead_method {
    const char *name;
    enum aead_kind kind;
    bool (*is_available)(void);
    void (*init)(uint8_t *context, const uint8_t *key);
    void (*seal)(const uint8_t *context, const struct aead_message *message,
                 const uint8_t *plaintext, size_t length, uint8_t *to);
    bool (*open)(const uint8_t *context, const struct aead_message *message,
                 uint8_t *bytes, size_t length);
};

#ifdef ENTENTE_IPSEC_MB
extern const struct aead_method aead_ipsec_aes;
#endif
extern const struct aead_method aead_sodium_aes;
extern const struct aead_method aead_sodium_chacha;
#endif
