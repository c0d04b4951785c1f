/* SPDX-License-Identifier: MIT */
#include "crypto/revocation_list.h"
#include "base/bytes.h"
#include "crypto/der.h"
#include "crypto/entropy.h"
#include <mbedtls/asn1.h>
#include <mbedtls/md.h>
#include <mbedtls/oid.h>
#include <stdlib.h>
#include <string.h>

#define SEQUENCE (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE)
#define EXPLICIT_0 \
    (MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED | 0)
#define KEY_ID (MBEDTLS_ASN1_CONTEXT_SPECIFIC | 0)
#define OID_CRL_NUMBER MBEDTLS_OID_ID_CE "\x14"
#define MAX_SIGNATURE MBEDTLS_PK_SIGNATURE_MAX_SIZE
#define ROOM (4096 + MAX_SIGNATURE)
#define ROOM_FOR_ENTRY 64u

static void put_algorithm(struct der *to)
{
    const uint8_t *end = to->at;

    der_put_tagged(to, MBEDTLS_ASN1_OID, MBEDTLS_OID_ECDSA_SHA256,
                   sizeof(MBEDTLS_OID_ECDSA_SHA256) - 1);
    der_wrap(to, SEQUENCE, end);
}

static void put_entries(struct der *to, const struct revocation_list *list)
{
    const uint8_t *end = to->at;

    if (list->count == 0)
        return; /* must be left out then */
    for (size_t i = list->count; i > 0; i--) {
        const struct revocation_entry *entry = &list->entries[i - 1];
        const uint8_t *entry_end = to->at;

        der_put_time(to, entry->when);
        der_put_integer(to, entry->serial, entry->serial_length);
        der_wrap(to, SEQUENCE, entry_end);
    }
    der_wrap(to, SEQUENCE, end);
}

/* What was written since |end| is the value of |oid|. */
static void wrap_extension(struct der *to, const char *oid, size_t oid_length,
                           const uint8_t *end)
{
    der_wrap(to, MBEDTLS_ASN1_OCTET_STRING, end);
    der_put_tagged(to, MBEDTLS_ASN1_OID, oid, oid_length);
    der_wrap(to, SEQUENCE, end);
}

static void put_extensions(struct der *to, const struct revocation_list *list)
{
    const uint8_t *end = to->at;
    const uint8_t *extension_end = to->at;
    uint8_t number[8];
    struct bytes_writer writer = bytes_writer(number, sizeof(number));

    bytes_put_u64(&writer, list->number);
    der_put_integer(to, number, sizeof(number));
    wrap_extension(to, OID_CRL_NUMBER, sizeof(OID_CRL_NUMBER) - 1,
                   extension_end);
    if (list->key_id) {
        extension_end = to->at;
        der_put_tagged(to, KEY_ID, list->key_id, list->key_id_length);
        der_wrap(to, SEQUENCE, extension_end);
        wrap_extension(to, MBEDTLS_OID_AUTHORITY_KEY_IDENTIFIER,
                       sizeof(MBEDTLS_OID_AUTHORITY_KEY_IDENTIFIER) - 1,
                       extension_end);
    }
    der_wrap(to, SEQUENCE, end);
    der_wrap(to, EXPLICIT_0, end);
}

/* The part that gets signed. */
static void put_body(struct der *to, const struct revocation_list *list)
{
    static const uint8_t version_2 = 1;
    const uint8_t *end = to->at;

    put_extensions(to, list);
    put_entries(to, list);
    if (list->ends != 0)
        der_put_time(to, list->ends);
    der_put_time(to, list->starts);
    der_put(to, list->issuer->p, list->issuer->len);
    put_algorithm(to);
    der_put_integer(to, &version_2, 1);
    der_wrap(to, SEQUENCE, end);
}

static bool sign(mbedtls_pk_context *key, const struct der *body,
                 uint8_t signature[MAX_SIGNATURE], size_t *length)
{
    const mbedtls_md_info_t *sha256 =
        mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
    uint8_t hash[32];

    return mbedtls_md(sha256, body->at, der_length(body), hash) == 0 &&
           mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, hash, sizeof(hash),
                           signature, MAX_SIGNATURE, length, entropy_get,
                           NULL) == 0;
}

/* |body| stands where it will; signature and frame go around it. */
static bool put_signed(struct der *to, const struct der *body,
                       mbedtls_pk_context *key)
{
    static const uint8_t no_unused_bits = 0;
    uint8_t signature[MAX_SIGNATURE];
    const uint8_t *end = to->at;
    size_t length;

    if (body->failed || !sign(key, body, signature, &length))
        return false;
    der_put(to, signature, length);
    der_put(to, &no_unused_bits, 1);
    der_wrap(to, MBEDTLS_ASN1_BIT_STRING, end);
    put_algorithm(to);
    der_put(to, body->at, der_length(body));
    der_wrap(to, SEQUENCE, end);
    return !to->failed;
}

enum status revocation_list_write(const struct revocation_list *list,
                                  uint8_t **bytes, size_t *length)
{
    size_t size = ROOM + list->issuer->len + list->count * ROOM_FOR_ENTRY;
    uint8_t *room = malloc(2 * size);
    struct der body, whole;

    if (!room)
        return STATUS_NO_MEMORY;
    body = der(room, size);
    whole = der(room + size, size);
    put_body(&body, list);
    if (!put_signed(&whole, &body, list->key)) {
        free(room);
        return STATUS_NO_MEMORY; /* there is room; signing allocates */
    }
    *length = der_length(&whole);
    memmove(room, whole.at, *length);
    *bytes = room;
    return STATUS_OK;
}
