/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_IDENTITY_INTERNAL_H
#define CRYPTO_IDENTITY_INTERNAL_H
#include "crypto/identity.h"
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>

/* Private to crypto/identity and crypto/tls_settings. */
struct identity {
    mbedtls_x509_crt chain;
    mbedtls_pk_context key;
    struct spiffe spiffe;
    int64_t expires;
};
#endif
