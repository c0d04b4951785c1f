/* SPDX-License-Identifier: MIT */
/*
 * A handshake with a stranger: any bytes to a server or a client, or two ends
 * of ours with bytes changed between them.  Nobody gets in who should not, and
 * what is established carries what was sent.
 */
#include "base/bytes.h"
#include "support/crypto/forge.h"
#include "support/crypto/tls_pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct tls_settings *settings;

static void start(void)
{
    struct forged *root = forge(&(struct forge_plan){ .is_authority = true });
    struct identity *peer = forge_leaf(&(struct forge_plan){ .issuer = root });

    ASSERT(tls_settings_new(peer, forge_trust(&root, 1, NULL), TLS_PAIR_ALPN,
                            &settings) == STATUS_OK);
    forge_free(root);
}

static void meet(enum tls_role role, const uint8_t *bytes, size_t length)
{
    struct tls *tls = tls_new(role, settings);
    enum status status = STATUS_OK;
    bool established = false;
    size_t part = length > 0 ? 1 + bytes[0] * 5u : 0;

    ASSERT(tls);
    for (; length > 0 && status == STATUS_OK; bytes += part, length -= part) {
        part = part < length ? part : length;
        status = tls_incoming(tls, bytes, part);
        if (status == STATUS_OK)
            status = tls_step(tls, &established);
        ASSERT(!established);
    }
    ASSERT((status == STATUS_OK) == (tls_failure(tls)[0] == '\0'));
    tls_free(tls);
}

/* Each change: to whom, where, what. */
static void change(struct tls_pair *pair, enum tls_role to, uint8_t *bytes,
                   size_t *length, void *context)
{
    struct bytes_reader changes = *(struct bytes_reader *)context;

    (void)pair;
    while (bytes_left(&changes) >= 4) {
        unsigned place = bytes_take_u16(&changes);
        uint16_t value = bytes_take_u16(&changes);

        if ((place & 1) == to && place >> 1 < *length)
            bytes[place >> 1] ^= (uint8_t)value;
    }
}

static void meddle(const uint8_t *bytes, size_t length)
{
    struct tls_pair *pair = tls_pair_new(settings, settings);
    struct bytes_reader changes = bytes_reader(bytes, length);

    pair->meddle = change;
    pair->meddle_context = &changes;
    if (tls_pair_shake(pair)) {
        tls_pair_write(pair, TLS_CLIENT, "hello", 5);
        tls_pair_read(pair, TLS_SERVER);
        ASSERT(pair->ends[TLS_SERVER].plaintext_bytes == 5);
    }
    tls_pair_free(pair);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!settings)
        start();
    if (size > 0 && data[0] % 32 == 31)
        meddle(data + 1, size - 1);
    else if (size > 0)
        meet(data[0] % 2 ? TLS_CLIENT : TLS_SERVER, data + 1, size - 1);
    return 0;
}
