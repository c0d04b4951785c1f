/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_TRUST_INTERNAL_H
#define CRYPTO_TRUST_INTERNAL_H
#include "crypto/revocation.h"
#include "crypto/trust.h"
#include <mbedtls/x509_crt.h>

/* Private to crypto/trust*. */
struct trust {
    /* mbedTLS takes what it will not change as not const. */
    mbedtls_x509_crt *roots;
    struct revocation *revocation; /* NULL: nobody asked for it */
    int64_t expires;
};
#endif
