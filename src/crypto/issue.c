/* SPDX-License-Identifier: MIT */
#include "crypto/issue.h"
#include "crypto/der.h"
#include "crypto/entropy.h"
#include <mbedtls/md.h>
#include <mbedtls/oid.h>
#include <psa/crypto.h>
#include <string.h>
#include <time.h>

#define RANDOM entropy_get, NULL
#define SEQUENCE (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE)
#define KEY_ID (MBEDTLS_ASN1_CONTEXT_SPECIFIC | 0)
#define URI (MBEDTLS_ASN1_CONTEXT_SPECIFIC | 6)
#define MAX_EXTENSION 2304u

enum status issue_key(mbedtls_pk_context *key)
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_key_id_t id;
    int copied;

    psa_set_key_type(&attributes,
                     PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1));
    psa_set_key_bits(&attributes, 256);
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_EXPORT |
                                             PSA_KEY_USAGE_COPY |
                                             PSA_KEY_USAGE_SIGN_HASH);
    psa_set_key_algorithm(&attributes, PSA_ALG_ECDSA(PSA_ALG_ANY_HASH));
    if (psa_generate_key(&attributes, &id) != PSA_SUCCESS)
        return STATUS_NO_MEMORY;
    copied = mbedtls_pk_copy_from_psa(id, key);
    psa_destroy_key(id);
    return copied == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status issue_serial(uint8_t serial[ISSUE_SERIAL])
{
    if (psa_generate_random(serial, ISSUE_SERIAL) != PSA_SUCCESS)
        return STATUS_IO;
    serial[0] = (serial[0] & 0x7f) | 0x40; /* positive, and always as long */
    return STATUS_OK;
}

enum status issue_key_id(const mbedtls_pk_context *key,
                         uint8_t id[ISSUE_KEY_ID])
{
    uint8_t room[160], hash[32];
    uint8_t *at = room + sizeof(room);
    int length = mbedtls_pk_write_pubkey(&at, room, key);

    if (length <= 0 || mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256),
                                  at, (size_t)length, hash) != 0)
        return STATUS_NO_MEMORY;
    memcpy(id, hash, ISSUE_KEY_ID);
    return STATUS_OK;
}

/* ---- extensions ---- */

static bool add(mbedtls_x509write_cert *to, const char *oid, size_t oid_length,
                bool critical, const struct der *value)
{
    return !value->failed &&
           mbedtls_x509write_crt_set_extension(to, oid, oid_length, critical,
                                               value->at,
                                               der_length(value)) == 0;
}
#define ADD(to, oid, critical, value) \
    add(to, oid, sizeof(oid) - 1, critical, value)

static bool add_constraints(mbedtls_x509write_cert *to, bool is_authority)
{
    /* Whom it signs may not sign others. */
    static const uint8_t yes = 0xff, no_deeper = 0;
    uint8_t room[16];
    struct der value = der(room, sizeof(room));
    const uint8_t *end = value.at;

    if (is_authority) {
        der_put_tagged(&value, MBEDTLS_ASN1_INTEGER, &no_deeper, 1);
        der_put_tagged(&value, MBEDTLS_ASN1_BOOLEAN, &yes, 1);
    }
    der_wrap(&value, SEQUENCE, end);
    return ADD(to, MBEDTLS_OID_BASIC_CONSTRAINTS, true, &value);
}

static bool add_usage(mbedtls_x509write_cert *to, bool is_authority)
{
    unsigned usage =
        is_authority ? MBEDTLS_X509_KU_KEY_CERT_SIGN | MBEDTLS_X509_KU_CRL_SIGN
                     : MBEDTLS_X509_KU_DIGITAL_SIGNATURE;

    return mbedtls_x509write_crt_set_key_usage(to, usage) == 0;
}

static bool add_purposes(mbedtls_x509write_cert *to)
{
    uint8_t room[32];
    struct der value = der(room, sizeof(room));
    const uint8_t *end = value.at;

    der_put_tagged(&value, MBEDTLS_ASN1_OID, MBEDTLS_OID_CLIENT_AUTH,
                   sizeof(MBEDTLS_OID_CLIENT_AUTH) - 1);
    der_put_tagged(&value, MBEDTLS_ASN1_OID, MBEDTLS_OID_SERVER_AUTH,
                   sizeof(MBEDTLS_OID_SERVER_AUTH) - 1);
    der_wrap(&value, SEQUENCE, end);
    return ADD(to, MBEDTLS_OID_EXTENDED_KEY_USAGE, false, &value);
}

static bool add_name(mbedtls_x509write_cert *to, const char *uri)
{
    uint8_t room[MAX_EXTENSION];
    struct der value = der(room, sizeof(room));
    const uint8_t *end = value.at;

    der_put_tagged(&value, URI, uri, strlen(uri));
    der_wrap(&value, SEQUENCE, end);
    return ADD(to, MBEDTLS_OID_SUBJECT_ALT_NAME, false, &value);
}

static bool add_key_ids(mbedtls_x509write_cert *to,
                        const struct issue_order *order)
{
    uint8_t own[ISSUE_KEY_ID], issuers[ISSUE_KEY_ID], room[32];
    struct der value = der(room, sizeof(room));
    const uint8_t *end = value.at;

    if (issue_key_id(order->key, own) != STATUS_OK ||
        issue_key_id(order->issuer_key, issuers) != STATUS_OK)
        return false;
    der_put_tagged(&value, MBEDTLS_ASN1_OCTET_STRING, own, sizeof(own));
    if (!ADD(to, MBEDTLS_OID_SUBJECT_KEY_IDENTIFIER, false, &value))
        return false;
    value = der(room, sizeof(room));
    der_put_tagged(&value, KEY_ID, issuers, sizeof(issuers));
    der_wrap(&value, SEQUENCE, end);
    return ADD(to, MBEDTLS_OID_AUTHORITY_KEY_IDENTIFIER, false, &value);
}

/* ---- the whole ---- */

static bool set_validity(mbedtls_x509write_cert *to, int64_t starts,
                         int64_t ends)
{
    time_t moments[2] = { (time_t)starts, (time_t)ends };
    char texts[2][32];

    for (size_t i = 0; i < 2; i++) {
        struct tm fields;

        if (!gmtime_r(&moments[i], &fields) ||
            strftime(texts[i], sizeof(texts[i]), "%Y%m%d%H%M%S", &fields) != 14)
            return false;
    }
    return mbedtls_x509write_crt_set_validity(to, texts[0], texts[1]) == 0;
}

static bool set_names(mbedtls_x509write_cert *to,
                      const struct issue_order *order)
{
    char issuer[256];

    if (mbedtls_x509write_crt_set_subject_name(to, order->subject) != 0)
        return false;
    if (!order->issuer)
        return mbedtls_x509write_crt_set_issuer_name(to, order->subject) == 0;
    return mbedtls_x509_dn_gets(issuer, sizeof(issuer),
                                &order->issuer->subject) > 0 &&
           mbedtls_x509write_crt_set_issuer_name(to, issuer) == 0;
}

static bool fill(mbedtls_x509write_cert *to, const struct issue_order *order)
{
    uint8_t serial[ISSUE_SERIAL];

    memcpy(serial, order->serial, sizeof(serial));
    mbedtls_x509write_crt_set_version(to, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(to, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(to, order->key);
    mbedtls_x509write_crt_set_issuer_key(to, order->issuer_key);
    return mbedtls_x509write_crt_set_serial_raw(to, serial, sizeof(serial)) ==
               0 &&
           set_names(to, order) &&
           set_validity(to, order->starts, order->ends) &&
           add_constraints(to, order->is_authority) &&
           add_usage(to, order->is_authority) &&
           (order->is_authority || add_purposes(to)) &&
           add_name(to, order->uri) && add_key_ids(to, order);
}

enum status issue_certificate(const struct issue_order *order,
                              char pem[ISSUE_PEM])
{
    mbedtls_x509write_cert to;
    bool written;

    mbedtls_x509write_crt_init(&to);
    written =
        fill(&to, order) && mbedtls_x509write_crt_pem(&to, (unsigned char *)pem,
                                                      ISSUE_PEM, RANDOM) == 0;
    mbedtls_x509write_crt_free(&to);
    return written ? STATUS_OK : STATUS_NO_MEMORY;
}
