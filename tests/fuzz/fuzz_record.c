/* SPDX-License-Identifier: MIT */
/*
 * What an authenticated peer may put in records: each is a byte that says how,
 * a length and that many bytes, sealed with the peer's keys or left raw.
 */
#include "base/bytes.h"
#include "crypto/failure.h"
#include "crypto/library.h"
#include "crypto/record.h"
#include "crypto/secret.h"
#include <string.h>

enum { RAW = 1, NEW_KEYS = 2, AS_DATA = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t wire[TLS_MAX_RECORD + 512];

static size_t put(struct traffic *peer, int how, const uint8_t *bytes,
                  size_t length)
{
    uint8_t inner[1 << 11], nonce[AEAD_NONCE_BYTES];
    size_t total = length + !!(how & AS_DATA);

    if (how & RAW || total > sizeof(inner)) {
        memcpy(wire, bytes, length);
        return length;
    }
    memcpy(inner, bytes, length);
    inner[total ? total - 1 : 0] =
        how & AS_DATA ? 23 : inner[total ? total - 1 : 0];
    memcpy(wire,
           (uint8_t[]){ 23, 3, 3, (uint8_t)((total + 16) >> 8),
                        (uint8_t)(total + 16) },
           5);
    traffic_next_nonce(peer, nonce);
    aead_seal(&peer->aead, &(struct aead_message){ nonce, wire, 5 }, inner,
              total, wire + 5);
    if (how & NEW_KEYS)
        traffic_update(peer);
    return 5 + total + 16;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t secret[TRAFFIC_MAX_SECRET] = { 9 };
    struct bytes_reader reader = bytes_reader(data, size);
    enum tls_role role = size % 2 ? TLS_CLIENT : TLS_SERVER;
    enum status status = STATUS_OK;
    struct crypto_error error;
    struct traffic *peer;
    struct record *record;

    ASSERT(library_start(&error) == STATUS_OK);
    peer = secret_new(sizeof(*peer));
    record = record_new(role, AEAD_CHACHA20_POLY1305, secret, secret);
    ASSERT(peer && record);
    traffic_init(peer, AEAD_CHACHA20_POLY1305, secret);
    while (bytes_left(&reader) > 2) {
        uint8_t how = bytes_take_u8(&reader);
        size_t length = bytes_take_u16(&reader) % (1 << 11);
        const uint8_t *bytes;
        struct tls_record opened;
        enum status next;

        if (length > bytes_left(&reader))
            length = bytes_left(&reader);
        bytes = bytes_take(&reader, length);
        length = put(peer, how, bytes, length);
        next = record_open(record, wire, length, &opened);
        ASSERT(opened.consumed <= length && opened.length <= length);
        ASSERT(next == STATUS_OK || (!opened.consumed && !opened.length));
        ASSERT(status == STATUS_OK || next == status); /* an end is an end */
        ASSERT((next == STATUS_OK || next == STATUS_CLOSED) ==
               (record_failure(record)->status == STATUS_OK));
        if (opened.length > 0)
            ASSERT(opened.plaintext == wire + 5);
        status = next;
    }
    record_free(record);
    secret_free(peer);
    return 0;
}
