/* SPDX-License-Identifier: MIT */
/* Any bytes as a peer's certificate: our rules, and a path to a root. */
#include "base/clock.h"
#include "crypto/certificate.h"
#include "support/crypto/forge.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct trust *trust;

static void start(void)
{
    struct forged *root = forge(&(struct forge_plan){ .is_authority = true });

    trust = forge_trust(&root, 1, NULL);
    forge_free(root);
}

static void judge(const mbedtls_x509_crt *certificate)
{
    struct failure leaf = { 0 }, authority = { 0 }, other = { 0 };
    struct spiffe identity, domain;
    char who[CERTIFICATE_WHO];
    bool is_leaf;

    certificate_who(certificate, "it", who);
    is_leaf = certificate_check_leaf(certificate, who, &identity, &leaf);
    ASSERT(is_leaf == (leaf.status == STATUS_OK));
    if (is_leaf)
        ASSERT(spiffe_parse(&domain, identity.text, strlen(identity.text)));
    /* nobody is both */
    if (certificate_check_authority(certificate, who, &domain, &authority))
        ASSERT(!is_leaf);
    (void)!certificate_check_strength(certificate, who, &other);
    (void)!certificate_check_time(certificate, clock_wall_seconds(), who,
                                  &other);
    for (const char *at = leaf.text; *at; at++)
        ASSERT(*at >= ' ' && *at <= '~'); /* fit for a log */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct crypto_error error;
    mbedtls_x509_crt certificate;

    if (!trust)
        start();
    mbedtls_x509_crt_init(&certificate);
    if (mbedtls_x509_crt_parse_der(&certificate, data, size) == 0)
        judge(&certificate);
    mbedtls_x509_crt_free(&certificate);
    /* The root's key is new each time: nobody can have signed this. */
    ASSERT(trust_check_again(trust, data, size, &error) == STATUS_AUTH);
    return 0;
}
