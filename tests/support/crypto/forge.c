/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* nftw() */
#include "support/crypto/forge.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/text.h"
#include "crypto/der.h"
#include "crypto/entropy.h"
#include "crypto/identity_internal.h"
#include "crypto/library.h"
#include "crypto/revocation_list.h"
#include "crypto/trust_internal.h"
#include <ftw.h>
#include <mbedtls/oid.h>
#include <mbedtls/pem.h>
#include <mbedtls/x509_crt.h>
#include <psa/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RANDOM entropy_get, NULL
#define SEQUENCE (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE)

struct forged {
    uint8_t *der;
    size_t length;
    mbedtls_pk_context key;
    bool owns_key;
    struct forged *lender; /* borrowed: whose key it is */
    char subject[128];
};

static mbedtls_pk_context *key_of(struct forged *forged)
{
    return forged->owns_key ? &forged->key : key_of(forged->lender);
}

static void start(void)
{
    struct crypto_error error;

    ASSERT(library_start(&error) == STATUS_OK);
}

static void make_key(mbedtls_pk_context *key, bool curve_384)
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_key_id_t id;

    psa_set_key_type(&attributes,
                     PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1));
    psa_set_key_bits(&attributes, curve_384 ? 384 : 256);
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_EXPORT |
                                             PSA_KEY_USAGE_COPY |
                                             PSA_KEY_USAGE_SIGN_HASH);
    psa_set_key_algorithm(&attributes, PSA_ALG_ECDSA(PSA_ALG_ANY_HASH));
    ASSERT(psa_generate_key(&attributes, &id) == PSA_SUCCESS);
    ASSERT(mbedtls_pk_copy_from_psa(id, key) == 0);
    ASSERT(psa_destroy_key(id) == PSA_SUCCESS);
}

static void set_time(char text[16], int64_t offset)
{
    time_t moment = (time_t)(clock_wall_seconds() + offset);
    struct tm fields;

    ASSERT(gmtime_r(&moment, &fields));
    ASSERT(strftime(text, 16, "%Y%m%d%H%M%S", &fields) == 14);
}

static void add(mbedtls_x509write_cert *to, const char *oid, size_t oid_length,
                bool critical, const struct der *value)
{
    ASSERT(!value->failed);
    ASSERT(mbedtls_x509write_crt_set_extension(to, oid, oid_length, critical,
                                               value->at,
                                               der_length(value)) == 0);
}
#define ADD(to, oid, critical, value) \
    add(to, oid, sizeof(oid) - 1, critical, value)

static void add_names(mbedtls_x509write_cert *to, const struct forge_plan *plan)
{
    uint8_t room[8192];
    struct der value = der(room, sizeof(room));
    const uint8_t *end = value.at;

    if (plan->dns)
        der_put_tagged(&value, MBEDTLS_ASN1_CONTEXT_SPECIFIC | 2, plan->dns,
                       strlen(plan->dns));
    for (size_t i = ARRAY_LENGTH(plan->uris); i > 0; i--)
        if (plan->uris[i - 1])
            der_put_tagged(&value, MBEDTLS_ASN1_CONTEXT_SPECIFIC | 6,
                           plan->uris[i - 1], strlen(plan->uris[i - 1]));
    if (value.at == end) {
        static const char peer[] = "spiffe://acme/peer";

        if (plan->is_authority || plan->no_names)
            return;
        der_put_tagged(&value, MBEDTLS_ASN1_CONTEXT_SPECIFIC | 6, peer,
                       sizeof(peer) - 1);
    }
    der_wrap(&value, SEQUENCE, end);
    ADD(to, MBEDTLS_OID_SUBJECT_ALT_NAME, false, &value);
}

static void add_usage(mbedtls_x509write_cert *to, const struct forge_plan *plan)
{
    unsigned usage = plan->key_usage      ? plan->key_usage
                     : plan->is_authority ? MBEDTLS_X509_KU_KEY_CERT_SIGN |
                                                MBEDTLS_X509_KU_CRL_SIGN
                                          : MBEDTLS_X509_KU_DIGITAL_SIGNATURE;
    uint8_t room[8], bits[2] = { 0, (uint8_t)usage };
    struct der value = der(room, sizeof(room));

    if (plan->no_key_usage)
        return;
    der_put_tagged(&value, MBEDTLS_ASN1_BIT_STRING, bits, sizeof(bits));
    ADD(to, MBEDTLS_OID_KEY_USAGE, !plan->plain_key_usage, &value);
}

static void add_purposes(mbedtls_x509write_cert *to,
                         const struct forge_plan *plan)
{
    static const char *const both[4] = { MBEDTLS_OID_SERVER_AUTH,
                                         MBEDTLS_OID_CLIENT_AUTH };
    const char *const *purposes = plan->purposes[0] ? plan->purposes : both;
    uint8_t room[256];
    struct der value = der(room, sizeof(room));
    const uint8_t *end = value.at;

    if (plan->no_purpose || (plan->is_authority && !plan->purposes[0]))
        return;
    for (size_t i = 4; i > 0; i--)
        if (purposes[i - 1])
            der_put_tagged(&value, MBEDTLS_ASN1_OID, purposes[i - 1],
                           strlen(purposes[i - 1]));
    der_wrap(&value, SEQUENCE, end);
    ADD(to, MBEDTLS_OID_EXTENDED_KEY_USAGE, false, &value);
}

static void add_extra(mbedtls_x509write_cert *to, const struct forge_plan *plan)
{
    static const uint8_t null[] = { MBEDTLS_ASN1_NULL, 0 };

    if (!plan->extra_oid)
        return;
    ASSERT(mbedtls_x509write_crt_set_extension(
               to, plan->extra_oid, strlen(plan->extra_oid),
               plan->extra_is_critical,
               plan->extra_value ? plan->extra_value : null,
               plan->extra_value ? plan->extra_length : sizeof(null)) == 0);
}

static void set_serial(mbedtls_x509write_cert *to,
                       const struct forge_plan *plan)
{
    uint8_t serial[16];

    if (plan->serial)
        memcpy(serial, plan->serial, sizeof(serial));
    else
        ASSERT(psa_generate_random(serial, sizeof(serial)) == PSA_SUCCESS);
    serial[0] = (serial[0] & 0x7f) | 0x40;
    ASSERT(mbedtls_x509write_crt_set_serial_raw(to, serial, sizeof(serial)) ==
           0);
}

static void set_all(mbedtls_x509write_cert *to, struct forged *forged,
                    const struct forge_plan *plan)
{
    struct forged *issuer = plan->issuer ? plan->issuer : forged;
    struct forged *signer = plan->signed_by ? plan->signed_by : issuer;
    char starts[16], ends[16];

    set_time(starts, plan->starts ? plan->starts : -FORGE_DAY);
    set_time(ends, plan->ends ? plan->ends : 30 * FORGE_DAY);
    mbedtls_x509write_crt_set_version(to, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(to, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(to, key_of(forged));
    mbedtls_x509write_crt_set_issuer_key(to, key_of(signer));
    ASSERT(mbedtls_x509write_crt_set_subject_name(to, forged->subject) == 0);
    ASSERT(mbedtls_x509write_crt_set_issuer_name(to, plan->issuer_name
                                                         ? plan->issuer_name
                                                         : issuer->subject) ==
           0);
    ASSERT(mbedtls_x509write_crt_set_validity(to, starts, ends) == 0);
    set_serial(to, plan);
    if (plan->is_authority)
        ASSERT(mbedtls_x509write_crt_set_basic_constraints(
                   to, 1, plan->has_path_length ? plan->path_length : -1) == 0);
    add_usage(to, plan);
    add_purposes(to, plan);
    add_names(to, plan);
    add_extra(to, plan);
}

struct forged *forge(const struct forge_plan *plan)
{
    struct forged *forged = calloc(1, sizeof(*forged));
    mbedtls_x509write_cert to;
    uint8_t room[16384];
    int length;

    start();
    ASSERT(forged);
    mbedtls_pk_init(&forged->key);
    forged->lender = plan->key_of;
    forged->owns_key = !plan->key_of;
    if (forged->owns_key)
        make_key(&forged->key, plan->curve_384);
    ASSERT(text_copy(forged->subject, sizeof(forged->subject),
                     plan->subject        ? plan->subject
                     : plan->is_authority ? "CN=authority"
                                          : "CN=peer"));
    mbedtls_x509write_crt_init(&to);
    set_all(&to, forged, plan);
    length = mbedtls_x509write_crt_der(&to, room, sizeof(room), RANDOM);
    ASSERT(length > 0);
    mbedtls_x509write_crt_free(&to);
    forged->length = (size_t)length;
    forged->der = malloc(forged->length);
    ASSERT(forged->der);
    memcpy(forged->der, room + sizeof(room) - forged->length, forged->length);
    return forged;
}

/* The whole of a file, with a NUL behind it. */
static uint8_t *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = calloc(1, 65536);

    ASSERT(file && bytes);
    *length = fread(bytes, 1, 65535, file);
    ASSERT(*length > 0 && fclose(file) == 0);
    return bytes;
}

struct forged *forge_read(const char *certificate_path, const char *key_path)
{
    struct forged *forged = calloc(1, sizeof(*forged));
    mbedtls_pem_context pem;
    uint8_t *bytes;
    size_t length, used;

    start();
    ASSERT(forged);
    mbedtls_pk_init(&forged->key);
    forged->owns_key = true;
    if (key_path) {
        bytes = read_file(key_path, &length);
        ASSERT(mbedtls_pk_parse_key(&forged->key, bytes, length + 1, NULL, 0,
                                    RANDOM) == 0);
        free(bytes);
    } else {
        make_key(&forged->key, false);
    }
    bytes = read_file(certificate_path, &length);
    mbedtls_pem_init(&pem);
    ASSERT(mbedtls_pem_read_buffer(&pem, "-----BEGIN CERTIFICATE-----",
                                   "-----END CERTIFICATE-----", bytes, NULL, 0,
                                   &used) == 0);
    free(bytes);
    forged->der = malloc(pem.MBEDTLS_PRIVATE(buflen));
    ASSERT(forged->der);
    forged->length = pem.MBEDTLS_PRIVATE(buflen);
    memcpy(forged->der, pem.MBEDTLS_PRIVATE(buf), forged->length);
    mbedtls_pem_free(&pem);
    return forged;
}

struct forged *forge_steal(const struct forged *victim)
{
    struct forged *thief = calloc(1, sizeof(*thief));

    ASSERT(thief);
    mbedtls_pk_init(&thief->key);
    thief->owns_key = true;
    make_key(&thief->key, false);
    thief->length = victim->length;
    thief->der = malloc(thief->length);
    ASSERT(thief->der);
    memcpy(thief->der, victim->der, thief->length);
    return thief;
}

void forge_free(struct forged *forged)
{
    if (!forged)
        return;
    mbedtls_pk_free(&forged->key);
    free(forged->der);
    free(forged);
}

const uint8_t *forge_der(const struct forged *forged, size_t *length)
{
    *length = forged->length;
    return forged->der;
}

void forge_flip(struct forged *forged, size_t offset)
{
    ASSERT(offset < forged->length);
    forged->der[offset] ^= 0x01;
}

/* ---- identities ---- */

/* Until the program ends, and without being a leak. */
static void keep(void *bytes)
{
    static struct kept {
        struct kept *next;
        void *bytes;
    } * all;
    struct kept *kept = malloc(sizeof(*kept));

    ASSERT(kept);
    *kept = (struct kept){ all, bytes };
    all = kept;
}

/*
 * mbedTLS only takes what it can parse, so it gets something good with the
 * right key, and odd bytes to send in place of the good ones.
 */
static void disguise(mbedtls_x509_crt *certificate, const struct forged *forged)
{
    uint8_t *bytes = malloc(forged->length);

    ASSERT(bytes);
    memcpy(bytes, forged->der, forged->length);
    keep(certificate->raw.p); /* names and the rest keep pointing there */
    certificate->raw.p = bytes;
    certificate->raw.len = forged->length;
}

static void append_good(mbedtls_x509_crt *chain, struct forged *key)
{
    struct forged *good = forge(&(struct forge_plan){ .key_of = key });

    ASSERT(mbedtls_x509_crt_parse_der(chain, good->der, good->length) == 0);
    forge_free(good);
}

struct identity *forge_identity(struct forged *const *chain, size_t count)
{
    struct identity *identity = calloc(1, sizeof(*identity));
    mbedtls_x509_crt *certificate;
    uint8_t der[8192];
    int length;

    ASSERT(identity);
    mbedtls_x509_crt_init(&identity->chain);
    mbedtls_pk_init(&identity->key);
    identity->expires = INT64_MAX;
    length = mbedtls_pk_write_key_der(key_of(chain[0]), der, sizeof(der));
    ASSERT(length > 0);
    ASSERT(mbedtls_pk_parse_key(&identity->key, der + sizeof(der) - length,
                                (size_t)length, NULL, 0, RANDOM) == 0);
    ASSERT(spiffe_parse(&identity->spiffe, "spiffe://acme/forged", 20));
    for (size_t i = 0; i < count; i++)
        append_good(&identity->chain, chain[0]);
    certificate = &identity->chain;
    for (size_t i = 0; i < count; i++, certificate = certificate->next)
        disguise(certificate, chain[i]);
    return identity;
}

struct identity *forge_leaf(const struct forge_plan *plan)
{
    struct forged *leaf = forge(plan);
    struct identity *identity = forge_identity(&leaf, 1);

    forge_free(leaf);
    return identity;
}

void forge_identity_free(struct identity *identity)
{
    identity_free(identity);
}

/* ---- files ---- */

static void write_pem(const char *path, const char *mode, const char *kind,
                      const uint8_t *bytes, size_t length)
{
    char header[64], footer[64];
    unsigned char text[65536];
    size_t written;
    FILE *file = fopen(path, mode);

    snprintf(header, sizeof(header), "-----BEGIN %s-----\n", kind);
    snprintf(footer, sizeof(footer), "-----END %s-----\n", kind);
    ASSERT(file);
    ASSERT(mbedtls_pem_write_buffer(header, footer, bytes, length, text,
                                    sizeof(text), &written) == 0);
    ASSERT(fputs((const char *)text, file) >= 0 && fclose(file) == 0);
}

void forge_write_certificates(const char *path, struct forged *const *chain,
                              size_t count)
{
    for (size_t i = 0; i < count; i++)
        write_pem(path, i == 0 ? "w" : "a", "CERTIFICATE", chain[i]->der,
                  chain[i]->length);
}

void forge_write_key(const char *path, const struct forged *forged)
{
    unsigned char text[8192];
    const struct forged *owner = forged;
    FILE *file = fopen(path, "w");

    while (!owner->owns_key)
        owner = owner->lender;
    ASSERT(file);
    ASSERT(mbedtls_pk_write_key_pem(&owner->key, text, sizeof(text)) == 0);
    ASSERT(fputs((const char *)text, file) >= 0 && fclose(file) == 0);
}

static void read_serial(const struct forged *forged,
                        struct revocation_entry *entry)
{
    mbedtls_x509_crt certificate;

    mbedtls_x509_crt_init(&certificate);
    ASSERT(mbedtls_x509_crt_parse_der(&certificate, forged->der,
                                      forged->length) == 0);
    ASSERT(certificate.serial.len <= sizeof(entry->serial));
    entry->serial_length = certificate.serial.len;
    memcpy(entry->serial, certificate.serial.p, certificate.serial.len);
    entry->when = clock_wall_seconds() - 3600;
    mbedtls_x509_crt_free(&certificate);
}

void forge_append_list(const char *path, const struct forge_list_plan *plan)
{
    struct revocation_entry entries[ARRAY_LENGTH(plan->revoked)];
    struct forged *signer = plan->signed_by ? plan->signed_by : plan->issuer;
    int64_t now = clock_wall_seconds();
    mbedtls_x509_crt issuer;
    struct revocation_list list = {
        .key = key_of(signer),
        .issuer = &issuer.subject_raw,
        .number = 1,
        .starts = now + (plan->starts ? plan->starts : -FORGE_DAY),
        .ends =
            plan->no_end ? 0 : now + (plan->ends ? plan->ends : 30 * FORGE_DAY),
        .entries = entries,
    };
    uint8_t *bytes;
    size_t length;

    mbedtls_x509_crt_init(&issuer);
    ASSERT(mbedtls_x509_crt_parse_der(&issuer, plan->issuer->der,
                                      plan->issuer->length) == 0);
    for (size_t i = 0; i < ARRAY_LENGTH(entries); i++)
        if (plan->revoked[i])
            read_serial(plan->revoked[i], &entries[list.count++]);
    ASSERT(revocation_list_write(&list, &bytes, &length) == STATUS_OK);
    write_pem(path, "a", "X509 CRL", bytes, length);
    free(bytes);
    mbedtls_x509_crt_free(&issuer);
}

struct trust *forge_trust_at(struct forged *const *roots, size_t count,
                             const char *lists_path, int64_t when)
{
    struct trust *trust = calloc(1, sizeof(*trust));
    struct crypto_error error = { "" };

    ASSERT(trust);
    trust->expires = INT64_MAX;
    trust->roots = calloc(1, sizeof(*trust->roots));
    ASSERT(trust->roots);
    mbedtls_x509_crt_init(trust->roots);
    for (size_t i = 0; i < count; i++)
        ASSERT(mbedtls_x509_crt_parse_der(trust->roots, roots[i]->der,
                                          roots[i]->length) == 0);
    if (lists_path &&
        revocation_load(lists_path, trust->roots, clock_wall_seconds() + when,
                        &trust->revocation, &error) != STATUS_OK) {
        fprintf(stderr, "%s\n", error.text);
        abort();
    }
    return trust;
}

struct trust *forge_trust(struct forged *const *roots, size_t count,
                          const char *lists_path)
{
    return forge_trust_at(roots, count, lists_path, 0);
}

const char *forge_directory(void)
{
    char *path = strdup("/tmp/entente-test-XXXXXX");

    ASSERT(path && mkdtemp(path));
    return path;
}

static int remove_one(const char *path, const struct stat *about, int kind,
                      struct FTW *place)
{
    (void)about;
    (void)kind;
    (void)place;
    return remove(path);
}

void forge_remove(const char *directory)
{
    ASSERT(nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
    free((void *)(uintptr_t)directory);
}

const char *forge_path(const char *directory, const char *name)
{
    static char paths[4][300];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
    return path;
}

bool forge_shell(const char *directory, const char *command)
{
    char line[1024];

    snprintf(line, sizeof(line), "cd %s && { %s; } >/dev/null 2>&1", directory,
             command);
    return system(line) == 0;
}
