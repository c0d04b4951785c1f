/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_TRUST_PATH_H
#define CRYPTO_TRUST_PATH_H
#include "crypto/failure.h"
#include "crypto/trust.h"
#include <mbedtls/x509_crt.h>

/*
 * One certificate path being judged, from the root down to the peer.  The
 * judge is mbedTLS's verify callback: it adds our rules to what mbedTLS found,
 * and lets nothing pass that either of the two does not like.
 */
struct trust_path {
    const struct trust *trust;
    const char *who;          /* "the peer's certificate" */
    int64_t now;              /* seconds since 1970 */
    mbedtls_x509_crt *issuer; /* of the certificate that comes next */
    struct spiffe domain;     /* what the CAs are bound to, or empty */
    struct spiffe identity;   /* of the leaf, once it was accepted */
    int64_t expires;          /* the first end in the path */
    bool is_accepted;         /* the leaf was reached and nothing failed */
    struct failure failure;
};

void trust_path_start(struct trust_path *path, const struct trust *trust,
                      const char *who);

/* For mbedtls_ssl_set_verify() and mbedtls_x509_crt_verify_with_profile(). */
int trust_path_judge(void *path, mbedtls_x509_crt *certificate, int depth,
                     uint32_t *flags);

/* What mbedTLS needs to know; borrowed. */
mbedtls_x509_crt *trust_path_roots(const struct trust *trust);
extern const mbedtls_x509_crt_profile trust_path_profile;
#endif
