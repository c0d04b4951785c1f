/* SPDX-License-Identifier: MIT */
/*
 * How fast the record layer seals and opens, and how many handshakes one core
 * does.  bench_record [SECONDS a figure, default 1]
 */
#include "crypto/library.h"
#include "crypto/record.h"
#include "support/crypto/forge.h"
#include "support/crypto/tls_pair.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void report(const char *what, size_t length, uint64_t records,
                   double seconds)
{
    printf("%-24s %6zu B  %8.0f ns a record  %6.2f GB/s\n", what, length,
           seconds / (double)records * 1e9,
           (double)records * (double)length / seconds / 1e9);
}

enum { MAX_BATCH = 4096 };

static struct record *make_record(enum tls_role role, enum aead_kind kind)
{
    static const uint8_t secret[TRAFFIC_MAX_SECRET] = { 7 };
    struct record *record = record_new(role, kind, secret, secret);

    ASSERT(record);
    return record;
}

/* Batches of 256 KiB: through the caches as in a tunnel, not through memory */
static void bench_records(enum aead_kind kind, size_t length, double seconds)
{
    struct record *client = make_record(TLS_CLIENT, kind);
    struct record *server = make_record(TLS_SERVER, kind);
    size_t batch = (256 << 10) / length;
    uint8_t *plaintext = calloc(1, TLS_MAX_PLAINTEXT + 1);
    uint8_t *wire = malloc((batch + 1) * (length + TLS_SEAL_OVERHEAD));
    double seal = 0, open = 0;
    uint64_t records = 0;
    char what[64];

    ASSERT(plaintext && wire);
    while (seal + open < seconds) {
        size_t end = 0, at = 0;
        double start = cpu_seconds();

        for (size_t i = 0; i < batch; i++)
            end += record_seal(client, plaintext, length, wire + end);
        seal += cpu_seconds() - start;
        start = cpu_seconds();
        while (at < end) {
            struct tls_record record;

            ASSERT(record_open(server, wire + at, end - at, &record) ==
                   STATUS_OK);
            at += record.consumed;
        }
        open += cpu_seconds() - start;
        records += batch;
    }
    snprintf(what, sizeof(what), "%s seal", record_aead_name(client));
    report(what, length, records, seal);
    snprintf(what, sizeof(what), "%s open", record_aead_name(client));
    report(what, length, records, open);
    free(plaintext);
    free(wire);
    record_free(client);
    record_free(server);
}

static void bench_handshakes(double seconds)
{
    struct forged *authority =
        forge(&(struct forge_plan){ .is_authority = true });
    struct identity *identity =
        forge_leaf(&(struct forge_plan){ .issuer = authority });
    struct trust *trust = forge_trust(&authority, 1, NULL);
    struct tls_settings *settings;
    double start = cpu_seconds();
    unsigned count = 0;

    ASSERT(tls_settings_new(identity, trust, TLS_PAIR_ALPN, &settings) ==
           STATUS_OK);
    for (; cpu_seconds() - start < seconds; count++) {
        struct tls_pair *pair = tls_pair_new(settings, settings);

        ASSERT(tls_pair_shake(pair));
        tls_pair_free(pair);
    }
    printf("handshakes, both ends    %.2f ms each, %.0f a second and core\n",
           (cpu_seconds() - start) / count * 1e3,
           count / (cpu_seconds() - start));
    tls_settings_free(settings);
    trust_free(trust);
    forge_identity_free(identity);
    forge_free(authority);
}

int main(int argc, char **argv)
{
    static const size_t lengths[] = { TLS_MAX_PLAINTEXT, 1024, 64 };
    double seconds = argc > 1 ? atof(argv[1]) : 1;
    struct crypto_error error;

    ASSERT(library_start(&error) == STATUS_OK);
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++)
        if (aead_is_available(AEAD_AES_256_GCM))
            bench_records(AEAD_AES_256_GCM, lengths[i], seconds);
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++)
        bench_records(AEAD_CHACHA20_POLY1305, lengths[i], seconds);
    bench_handshakes(seconds);
    return 0;
}
