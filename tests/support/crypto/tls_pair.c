/* SPDX-License-Identifier: MIT */
#include "support/crypto/tls_pair.h"
#include <stdlib.h>
#include <string.h>

struct tls_pair *tls_pair_new(struct tls_settings *client,
                              struct tls_settings *server)
{
    struct tls_pair *pair = calloc(1, sizeof(*pair));

    ASSERT(pair);
    pair->random = random_from_seed(1);
    pair->ends[TLS_CLIENT].tls = tls_new(TLS_CLIENT, client);
    pair->ends[TLS_SERVER].tls = tls_new(TLS_SERVER, server);
    ASSERT(pair->ends[TLS_CLIENT].tls && pair->ends[TLS_SERVER].tls);
    return pair;
}

void tls_pair_free(struct tls_pair *pair)
{
    tls_free(pair->ends[TLS_CLIENT].tls);
    tls_free(pair->ends[TLS_SERVER].tls);
    free(pair);
}

void tls_pair_inject(struct tls_pair *pair, enum tls_role to, const void *bytes,
                     size_t length)
{
    struct tls_pair_end *end = &pair->ends[to];

    ASSERT(length <= sizeof(end->wire) - end->wire_bytes);
    memcpy(end->wire + end->wire_bytes, bytes, length);
    end->wire_bytes += length;
}

/* What |from| wants sent, through the meddler, onto the wire. */
static bool move_out(struct tls_pair *pair, enum tls_role from)
{
    enum tls_role to = from == TLS_CLIENT ? TLS_SERVER : TLS_CLIENT;
    struct tls *tls = pair->ends[from].tls;
    static uint8_t copy[1 << 17];
    size_t length;
    const uint8_t *bytes = tls_outgoing(tls, &length);

    if (length == 0)
        return false;
    ASSERT(length <= sizeof(copy) / 2);
    memcpy(copy, bytes, length);
    tls_sent(tls, length);
    if (pair->meddle)
        pair->meddle(pair, to, copy, &length, pair->meddle_context);
    tls_pair_inject(pair, to, copy, length);
    return true;
}

static void drop_front(struct tls_pair_end *end, size_t length)
{
    end->wire_bytes -= length;
    memmove(end->wire, end->wire + length, end->wire_bytes);
}

static bool step(struct tls_pair *pair, enum tls_role role)
{
    struct tls_pair_end *end = &pair->ends[role];
    size_t length = end->wire_bytes;

    if (end->is_established || end->status != STATUS_OK)
        return false;
    if (pair->max_fragment > 0) {
        size_t limit =
            1 + (size_t)random_below(&pair->random, pair->max_fragment);

        length = length < limit ? length : limit;
    }
    if (length > 0) {
        end->status = tls_incoming(end->tls, end->wire, length);
        drop_front(end, length);
    }
    if (end->status == STATUS_OK)
        end->status = tls_step(end->tls, &end->is_established);
    return length > 0;
}

/* What came behind the handshake goes back to the front of the wire. */
static void put_back_surplus(struct tls_pair_end *end)
{
    static uint8_t copy[1 << 20];
    size_t surplus;

    if (!end->is_established)
        return;
    surplus = tls_take_surplus(end->tls, copy, sizeof(copy));
    ASSERT(surplus + end->wire_bytes <= sizeof(end->wire));
    memmove(end->wire + surplus, end->wire, end->wire_bytes);
    memcpy(end->wire, copy, surplus);
    end->wire_bytes += surplus;
}

bool tls_pair_shake(struct tls_pair *pair)
{
    bool moves = true;

    for (size_t turn = 0; moves; turn++) {
        ASSERT(turn < 1000000);
        moves = false;
        for (enum tls_role role = TLS_CLIENT; role <= TLS_SERVER; role++) {
            moves |= step(pair, role);
            put_back_surplus(&pair->ends[role]);
            moves |= move_out(pair, role);
        }
    }
    return pair->ends[TLS_CLIENT].is_established &&
           pair->ends[TLS_SERVER].is_established;
}

void tls_pair_write(struct tls_pair *pair, enum tls_role from,
                    const void *bytes, size_t length)
{
    enum tls_role to = from == TLS_CLIENT ? TLS_SERVER : TLS_CLIENT;
    uint8_t plaintext[TLS_MAX_PLAINTEXT + 1];
    static uint8_t out[TLS_MAX_PLAINTEXT + TLS_SEAL_OVERHEAD];
    size_t sealed;

    memcpy(plaintext, bytes, length);
    sealed = tls_seal(pair->ends[from].tls, plaintext, length, out);
    ASSERT(sealed <= length + TLS_SEAL_OVERHEAD);
    ASSERT(memcmp(plaintext, bytes, length) == 0);
    tls_pair_inject(pair, to, out, sealed);
}

void tls_pair_read(struct tls_pair *pair, enum tls_role to)
{
    struct tls_pair_end *end = &pair->ends[to];
    struct tls_record record;

    do {
        end->status = tls_open(end->tls, end->wire, end->wire_bytes, &record);
        if (end->status != STATUS_OK) {
            ASSERT(record.length == 0 && record.consumed == 0);
            end->is_closed = end->status == STATUS_CLOSED;
            break;
        }
        ASSERT(record.length <= sizeof(end->plaintext) - end->plaintext_bytes);
        if (record.length > 0)
            memcpy(end->plaintext + end->plaintext_bytes, record.plaintext,
                   record.length);
        end->plaintext_bytes += record.length;
        drop_front(end, record.consumed);
    } while (record.consumed > 0);
    move_out(pair, to);
}
