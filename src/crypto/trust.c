/* SPDX-License-Identifier: MIT */
#include "crypto/trust.h"
#include "base/clock.h"
#include "base/text.h"
#include "crypto/certificate.h"
#include "crypto/pem.h"
#include "crypto/trust_internal.h"
#include "crypto/trust_path.h"
#include <stdlib.h>

void trust_free(struct trust *trust)
{
    if (!trust)
        return;
    if (trust->roots)
        mbedtls_x509_crt_free(trust->roots);
    free(trust->roots);
    revocation_free(trust->revocation);
    free(trust);
}

/* A root that breaks a rule would only be found out by the first peer. */
static enum status check_root(struct trust *trust, const mbedtls_x509_crt *root,
                              const char *path, int64_t now,
                              struct crypto_error *warning, bool *in_force)
{
    char who[CERTIFICATE_WHO], day[CERTIFICATE_DAY];
    struct failure failure = { 0 };
    struct spiffe domain;
    int64_t end = certificate_seconds(&root->valid_to);

    certificate_who(root, "the CA's certificate", who);
    if (!certificate_check_authority(root, who, &domain, &failure) ||
        !certificate_check_strength(root, who, &failure)) {
        text_format(warning->text, sizeof(warning->text), "%s: %s", path,
                    failure.text);
        return STATUS_CONFIG;
    }
    if (!certificate_check_time(root, now, who, &failure)) {
        text_format(warning->text, sizeof(warning->text), "%s: %s", path,
                    failure.text);
        return STATUS_OK;
    }
    *in_force = true;
    if (end < trust->expires)
        trust->expires = end;
    if (end - now < (int64_t)30 * 86400)
        text_format(warning->text, sizeof(warning->text),
                    "%s: %s expires on %s; plan for the next CA now", path, who,
                    certificate_day(&root->valid_to, day));
    return STATUS_OK;
}

static enum status check_roots(struct trust *trust, const char *path,
                               int64_t now, struct crypto_error *warning,
                               struct crypto_error *error)
{
    const mbedtls_x509_crt *root = trust->roots;
    bool in_force = false;

    for (; root; root = root->next) {
        enum status status =
            check_root(trust, root, path, now, warning, &in_force);

        if (status != STATUS_OK) {
            *error = *warning;
            warning->text[0] = '\0';
            return status;
        }
    }
    if (in_force)
        return STATUS_OK;
    *error = *warning;
    warning->text[0] = '\0';
    return STATUS_CONFIG;
}

static enum status load(struct trust *trust, const char *roots_path,
                        const char *revocation_path,
                        struct crypto_error *warning,
                        struct crypto_error *error)
{
    int64_t now = clock_wall_seconds();
    enum status status;

    trust->expires = INT64_MAX;
    trust->roots = calloc(1, sizeof(*trust->roots));
    if (!trust->roots) {
        pem_refuse(error, "no memory to read %s", roots_path);
        return STATUS_NO_MEMORY;
    }
    mbedtls_x509_crt_init(trust->roots);
    status = pem_read_certificates(roots_path, "the trusted CA's certificate",
                                   trust->roots, error);
    if (status == STATUS_OK)
        status = check_roots(trust, roots_path, now, warning, error);
    if (status != STATUS_OK || !revocation_path)
        return status;
    status = revocation_load(revocation_path, trust->roots, now,
                             &trust->revocation, error);
    if (status != STATUS_OK)
        return status;
    if (revocation_expires(trust->revocation) < trust->expires)
        trust->expires = revocation_expires(trust->revocation);
    return STATUS_OK;
}

enum status trust_load(const char *roots_path, const char *revocation_path,
                       struct trust **trust, struct crypto_error *warning,
                       struct crypto_error *error)
{
    struct trust *fresh = calloc(1, sizeof(*fresh));
    enum status status;

    warning->text[0] = error->text[0] = '\0';
    if (!fresh) {
        pem_refuse(error, "no memory to read %s", roots_path);
        return STATUS_NO_MEMORY;
    }
    status = load(fresh, roots_path, revocation_path, warning, error);
    if (status == STATUS_OK)
        *trust = fresh;
    else
        trust_free(fresh);
    return status;
}

int64_t trust_expires(const struct trust *trust)
{
    return trust->expires;
}

/* DER behind DER; each knows its own length. */
static bool parse_chain(mbedtls_x509_crt *chain, const uint8_t *bytes,
                        size_t length)
{
    mbedtls_x509_crt *last = chain;

    while (length > 0) {
        if (mbedtls_x509_crt_parse_der(chain, bytes, length) != 0)
            return false;
        while (last->next)
            last = last->next;
        bytes += last->raw.len;
        length -= last->raw.len;
    }
    return chain->raw.len > 0;
}

enum status trust_check_again(const struct trust *trust, const uint8_t *bytes,
                              size_t length, struct crypto_error *error)
{
    static const char who[] = "the peer's certificate";
    struct trust_path path;
    mbedtls_x509_crt chain;
    uint32_t flags;
    int failed;

    trust_path_start(&path, trust, who);
    mbedtls_x509_crt_init(&chain);
    if (!parse_chain(&chain, bytes, length)) {
        failure_set(&path.failure, STATUS_AUTH, ALERT_BAD_CERTIFICATE,
                    "%s cannot be read again", who);
    } else {
        failed = mbedtls_x509_crt_verify_with_profile(&chain,
                                                      trust_path_roots(trust),
                                                      NULL, &trust_path_profile,
                                                      NULL, &flags,
                                                      trust_path_judge, &path);
        if (failed || flags || !path.is_accepted)
            failure_set(&path.failure, STATUS_AUTH, ALERT_CERTIFICATE_UNKNOWN,
                        "%s is not accepted any more", who);
    }
    mbedtls_x509_crt_free(&chain);
    text_format(error->text, sizeof(error->text), "%s", path.failure.text);
    return path.failure.status;
}
