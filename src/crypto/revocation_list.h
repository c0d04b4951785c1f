/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_REVOCATION_LIST_H
#define CRYPTO_REVOCATION_LIST_H
#include "base/check.h"
#include "base/status.h"
#include <mbedtls/pk.h>
#include <mbedtls/x509.h>
#include <stddef.h>
#include <stdint.h>

/* Writes what mbedTLS can only read: X.509 revocation lists (RFC 5280). */
#define REVOCATION_MAX_SERIAL 20u

struct revocation_entry {
    uint8_t serial[REVOCATION_MAX_SERIAL];
    size_t serial_length;
    int64_t when; /* seconds since 1970 */
};

struct revocation_list {
    mbedtls_pk_context *key;        /* signs; P-256 */
    const mbedtls_x509_buf *issuer; /* its name as DER */
    const uint8_t *key_id;          /* of the issuer, or NULL */
    size_t key_id_length;
    uint64_t number; /* rises from list to list */
    int64_t starts;
    int64_t ends; /* 0: it does not say */
    const struct revocation_entry *entries;
    size_t count;
};

/* The signed list as DER, which the caller frees. */
MUST_CHECK enum status revocation_list_write(const struct revocation_list *list,
                                             uint8_t **bytes, size_t *length);
#endif
