/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_TRAFFIC_H
#define CRYPTO_TRAFFIC_H
#include "crypto/aead.h"
#include <stddef.h>
#include <stdint.h>

/*
 * The keys of one direction of a TLS 1.3 connection (RFC 8446 sections 5.3 and
 * 7.1 to 7.3): from a traffic secret to key, iv and the nonce of each record,
 * and on to the next generation.  Allocates nothing and cannot fail.  Lives in
 * memory of secret_new().
 */
enum traffic_hash { TRAFFIC_SHA256, TRAFFIC_SHA384 };

#define TRAFFIC_MAX_SECRET 48u

struct traffic {
    struct aead aead;
    enum aead_kind kind;
    uint8_t secret[TRAFFIC_MAX_SECRET];
    uint8_t iv[AEAD_NONCE_BYTES];
    uint64_t sequence; /* of the next record */
};

/* The hash of the cipher suite with |kind|, and the bytes of its secrets. */
enum traffic_hash traffic_hash(enum aead_kind kind);
size_t traffic_secret_bytes(enum aead_kind kind);

void traffic_init(struct traffic *traffic, enum aead_kind kind,
                  const uint8_t *secret);

/* The next generation of keys, counting records from 0 again. */
void traffic_update(struct traffic *traffic);

/* The nonce of the next record, which is counted as used. */
void traffic_next_nonce(struct traffic *traffic,
                        uint8_t nonce[AEAD_NONCE_BYTES]);

/*
 * HKDF-Expand-Label with an empty context: |length| bytes, at most what the
 * hash gives, to |to|.
 */
void traffic_expand_label(enum traffic_hash hash, const uint8_t *secret,
                          const char *label, uint8_t *to, size_t length);
#endif
