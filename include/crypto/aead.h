/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_AEAD_H
#define CRYPTO_AEAD_H
#include "base/check.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Authenticated encryption, the fastest here.  One key, set up once and used
 * for many messages; the caller sees to it that no nonce comes twice.
 * Another implementation of a kind is one more file with a struct aead_method
 * (src/crypto/aead_method.h) and a line in aead.c.
 */
enum aead_kind { AEAD_AES_256_GCM, AEAD_CHACHA20_POLY1305 };

#define AEAD_KEY_BYTES 32u
#define AEAD_NONCE_BYTES 12u
#define AEAD_TAG_BYTES 16u
#define AEAD_CONTEXT_BYTES 4096u

struct aead_method;

/* A key, ready for use.  Lives in memory of secret_new() and is wiped there. */
struct aead {
    _Alignas(64) uint8_t context[AEAD_CONTEXT_BYTES];
    const struct aead_method *method;
};

/* Whether this machine has |kind|, fast.  ChaCha20-Poly1305 is everywhere. */
bool aead_is_available(enum aead_kind kind);

/* |kind| must be available. */
void aead_init(struct aead *aead, enum aead_kind kind,
               const uint8_t key[AEAD_KEY_BYTES]);

/* Like "aes-256-gcm"; for people. */
const char *aead_name(const struct aead *aead);

struct aead_message {
    const uint8_t *nonce; /* AEAD_NONCE_BYTES */
    const uint8_t *associated;
    size_t associated_length;
};

/*
 * Encrypt |length| bytes of |plaintext| to |to|, which has room for the tag
 * too.  Both are the same memory or do not overlap.
 */
void aead_seal(const struct aead *aead, const struct aead_message *message,
               const uint8_t *plaintext, size_t length, uint8_t *to);

/*
 * Decrypt |bytes| in place, the last AEAD_TAG_BYTES of which are the tag.
 * False if it was not sealed with this key, nonce and associated data; the
 * bytes are worth nothing then.
 */
MUST_CHECK bool aead_open(const struct aead *aead,
                          const struct aead_message *message, uint8_t *bytes,
                          size_t length);
#endif
