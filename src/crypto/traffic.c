/* SPDX-License-Identifier: MIT */
#include "crypto/traffic.h"
#include "base/bytes.h"
#include "crypto/secret.h"
#include <sodium.h>
#include <string.h>

#define MAX_BLOCK 128u /* of SHA-384 */
#define MAX_HASH 48u

static const struct {
    size_t block_bytes;
    size_t hash_bytes;
} hashes[] = {
    [TRAFFIC_SHA256] = { 64, 32 },
    [TRAFFIC_SHA384] = { 128, 48 },
};

enum traffic_hash traffic_hash(enum aead_kind kind)
{
    return kind == AEAD_AES_256_GCM ? TRAFFIC_SHA384 : TRAFFIC_SHA256;
}

size_t traffic_secret_bytes(enum aead_kind kind)
{
    return hashes[traffic_hash(kind)].hash_bytes;
}

struct part {
    const uint8_t *bytes;
    size_t length;
};

static void sha256_parts(const struct part parts[2], uint8_t *to)
{
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    for (size_t i = 0; i < 2; i++)
        crypto_hash_sha256_update(&state, parts[i].bytes, parts[i].length);
    crypto_hash_sha256_final(&state, to);
}

/*
 * SHA-384 is SHA-512 that starts elsewhere and is cut (FIPS 180-4, sections
 * 5.3.4 and 6.5); libsodium has only the latter.
 */
static void sha384_parts(const struct part parts[2], uint8_t *to)
{
    static const uint64_t start[8] = {
        UINT64_C(0xcbbb9d5dc1059ed8), UINT64_C(0x629a292a367cd507),
        UINT64_C(0x9159015a3070dd17), UINT64_C(0x152fecd8f70e5939),
        UINT64_C(0x67332667ffc00b31), UINT64_C(0x8eb44a8768581511),
        UINT64_C(0xdb0c2e0d64f98fa7), UINT64_C(0x47b5481dbefa4fa4)
    };
    crypto_hash_sha512_state state;
    uint8_t whole[crypto_hash_sha512_BYTES];

    crypto_hash_sha512_init(&state);
    memcpy(state.state, start, sizeof(start));
    for (size_t i = 0; i < 2; i++)
        crypto_hash_sha512_update(&state, parts[i].bytes, parts[i].length);
    crypto_hash_sha512_final(&state, whole);
    memcpy(to, whole, hashes[TRAFFIC_SHA384].hash_bytes);
    secret_wipe(whole, sizeof(whole));
}

static void hash_parts(enum traffic_hash hash, const struct part parts[2],
                       uint8_t *to)
{
    if (hash == TRAFFIC_SHA256)
        sha256_parts(parts, to);
    else
        sha384_parts(parts, to);
}

/*
 * HMAC (RFC 2104).  Not mbedTLS's: that one allocates and keeps keys in a
 * table that can be full, and changing keys in the middle of a connection
 * cannot fail.
 */
static void hmac(enum traffic_hash hash, const uint8_t *secret,
                 const uint8_t *message, size_t length, uint8_t *to)
{
    size_t block = hashes[hash].block_bytes;
    size_t width = hashes[hash].hash_bytes;
    uint8_t inner[MAX_BLOCK], outer[MAX_BLOCK], digest[MAX_HASH];

    memset(inner, 0x36, sizeof(inner));
    memset(outer, 0x5c, sizeof(outer));
    for (size_t i = 0; i < width; i++) {
        inner[i] ^= secret[i];
        outer[i] ^= secret[i];
    }
    hash_parts(hash, (struct part[]){ { inner, block }, { message, length } },
               digest);
    hash_parts(hash, (struct part[]){ { outer, block }, { digest, width } },
               to);
    secret_wipe(inner, sizeof(inner));
    secret_wipe(outer, sizeof(outer));
    secret_wipe(digest, sizeof(digest));
}

/*
 * One block of HKDF-Expand is enough, as nothing asked for is longer than a
 * hash: HMAC(secret, info | 1), cut to measure.
 */
void traffic_expand_label(enum traffic_hash hash, const uint8_t *secret,
                          const char *label, uint8_t *to, size_t length)
{
    static const char prefix[] = "tls13 ";
    uint8_t info[64], block[MAX_HASH];
    struct bytes_writer writer = bytes_writer(info, sizeof(info));
    size_t label_length = strlen(label);

    ASSERT(length <= hashes[hash].hash_bytes);
    bytes_put_u16(&writer, (uint16_t)length);
    bytes_put_u8(&writer, (uint8_t)(sizeof(prefix) - 1 + label_length));
    bytes_put(&writer, prefix, sizeof(prefix) - 1);
    bytes_put(&writer, label, label_length);
    bytes_put_u8(&writer, 0); /* no context */
    bytes_put_u8(&writer, 1);
    ASSERT(!writer.failed);
    hmac(hash, secret, info, bytes_written(&writer), block);
    memcpy(to, block, length);
    secret_wipe(block, sizeof(block));
}

/* Key and iv of the secret that is there. */
static void derive(struct traffic *traffic)
{
    enum traffic_hash hash = traffic_hash(traffic->kind);
    uint8_t key[AEAD_KEY_BYTES];

    traffic_expand_label(hash, traffic->secret, "key", key, sizeof(key));
    traffic_expand_label(hash, traffic->secret, "iv", traffic->iv,
                         sizeof(traffic->iv));
    aead_init(&traffic->aead, traffic->kind, key);
    secret_wipe(key, sizeof(key));
    traffic->sequence = 0;
}

void traffic_init(struct traffic *traffic, enum aead_kind kind,
                  const uint8_t *secret)
{
    traffic->kind = kind;
    memcpy(traffic->secret, secret, traffic_secret_bytes(kind));
    derive(traffic);
}

void traffic_update(struct traffic *traffic)
{
    uint8_t next[TRAFFIC_MAX_SECRET];
    size_t length = traffic_secret_bytes(traffic->kind);

    traffic_expand_label(traffic_hash(traffic->kind), traffic->secret,
                         "traffic upd", next, length);
    memcpy(traffic->secret, next, length);
    secret_wipe(next, sizeof(next));
    derive(traffic);
}

void traffic_next_nonce(struct traffic *traffic,
                        uint8_t nonce[AEAD_NONCE_BYTES])
{
    uint64_t sequence = traffic->sequence;

    /* A nonce that comes twice gives the key away; nobody gets here. */
    ASSERT(sequence != UINT64_MAX);
    memcpy(nonce, traffic->iv, AEAD_NONCE_BYTES);
    for (size_t i = 0; i < sizeof(sequence); i++)
        nonce[AEAD_NONCE_BYTES - 1 - i] ^= (uint8_t)(sequence >> (8 * i));
    traffic->sequence++;
}
