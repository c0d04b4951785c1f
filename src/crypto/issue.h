/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_ISSUE_H
#define CRYPTO_ISSUE_H
#include "base/check.h"
#include "base/status.h"
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>
#include <stdbool.h>
#include <stdint.h>

/* Private to crypto/authority*: certificates by the rules we demand of them. */
#define ISSUE_KEY_ID 20u
#define ISSUE_SERIAL 18u
#define ISSUE_PEM 4096u

struct issue_order {
    bool is_authority;
    const char *uri;     /* its one name */
    const char *subject; /* for people */
    mbedtls_pk_context *key;
    mbedtls_pk_context *issuer_key; /* its own for a root */
    const mbedtls_x509_crt *issuer; /* NULL for a root */
    int64_t starts, ends;           /* seconds since 1970 */
    uint8_t serial[ISSUE_SERIAL];
};

/* A fresh P-256 key, and a serial number nobody can foresee. */
MUST_CHECK enum status issue_key(mbedtls_pk_context *key);
MUST_CHECK enum status issue_serial(uint8_t serial[ISSUE_SERIAL]);

/* PEM, with its NUL. */
MUST_CHECK enum status issue_certificate(const struct issue_order *order,
                                         char pem[ISSUE_PEM]);

/* What stands for a key in other certificates (RFC 7093, method 1). */
MUST_CHECK enum status issue_key_id(const mbedtls_pk_context *key,
                                    uint8_t id[ISSUE_KEY_ID]);
#endif
