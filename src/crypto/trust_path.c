/* SPDX-License-Identifier: MIT */
#include "crypto/trust_path.h"
#include "base/clock.h"
#include "crypto/certificate.h"
#include "crypto/revocation.h"
#include "crypto/trust_internal.h"
#include <string.h>

/* For mbedTLS; certificate_check_strength() says the same in words. */
const mbedtls_x509_crt_profile trust_path_profile = {
    .allowed_mds = MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA256) |
                   MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA384) |
                   MBEDTLS_X509_ID_FLAG(MBEDTLS_MD_SHA512),
    .allowed_pks = MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECKEY) |
                   MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_ECDSA) |
                   MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_RSA) |
                   MBEDTLS_X509_ID_FLAG(MBEDTLS_PK_RSASSA_PSS),
    .allowed_curves = MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP256R1) |
                      MBEDTLS_X509_ID_FLAG(MBEDTLS_ECP_DP_SECP384R1),
    .rsa_min_bitlen = 3072,
};

mbedtls_x509_crt *trust_path_roots(const struct trust *trust)
{
    return trust->roots;
}

void trust_path_start(struct trust_path *path, const struct trust *trust,
                      const char *who)
{
    *path = (struct trust_path){ .trust = trust,
                                 .who = who,
                                 .now = clock_wall_seconds(),
                                 .expires = INT64_MAX };
}

static bool has_subject(const mbedtls_x509_crt *certificate,
                        const mbedtls_x509_buf *name)
{
    return certificate->subject_raw.len == name->len &&
           memcmp(certificate->subject_raw.p, name->p, name->len) == 0;
}

/* |certificate| ends the path and is no root: why no CA of ours is above. */
static const char *find_reason(const struct trust *trust,
                               const mbedtls_x509_crt *certificate)
{
    const mbedtls_x509_buf *issuer = &certificate->issuer_raw;
    const mbedtls_x509_crt *other;

    for (other = trust->roots; other; other = other->next)
        if (has_subject(other, issuer))
            return "names a CA of ours but is not signed with its key, or is "
                   "deeper below it than it allows";
    if (has_subject(certificate, issuer))
        return "is signed by itself and not by a CA we trust";
    for (other = certificate->next; other; other = other->next)
        if (has_subject(other, issuer))
            return "is signed by a certificate that is not a CA's, or may not "
                   "sign this deep";
    return "is not signed by a CA we trust";
}

static void explain_untrusted(struct trust_path *path,
                              const mbedtls_x509_crt *certificate,
                              const char *who)
{
    char issuer[CERTIFICATE_NAME];

    failure_set(&path->failure, STATUS_AUTH, ALERT_UNKNOWN_CA,
                "%s %s (issuer \"%s\")", who,
                find_reason(path->trust, certificate),
                certificate_name(&certificate->issuer, issuer));
}

/* All CAs of a path that are bound to a trust domain must agree. */
static bool bind_domain(struct trust_path *path, const struct spiffe *domain,
                        const char *who)
{
    if (domain->text[0] == '\0')
        return true;
    if (path->domain.text[0] != '\0' &&
        !spiffe_same_trust_domain(&path->domain, domain)) {
        failure_set(&path->failure, STATUS_AUTH, ALERT_ACCESS_DENIED,
                    "%s is below a CA of another trust domain, %s", who,
                    path->domain.text);
        return false;
    }
    path->domain = *domain;
    return true;
}

static bool judge_authority(struct trust_path *path,
                            const mbedtls_x509_crt *certificate,
                            const char *who)
{
    struct spiffe domain;

    return certificate_check_authority(certificate, who, &domain,
                                       &path->failure) &&
           bind_domain(path, &domain, who);
}

static bool judge_leaf(struct trust_path *path,
                       const mbedtls_x509_crt *certificate, const char *who)
{
    if (!path->issuer) {
        /* mbedTLS accepts a leaf that is itself listed as a root. */
        failure_set(&path->failure, STATUS_AUTH, ALERT_UNKNOWN_CA,
                    "%s is itself in our list of CAs, which vouch for others "
                    "and not for themselves",
                    who);
        return false;
    }
    return certificate_check_leaf(certificate, who, &path->identity,
                                  &path->failure) &&
           bind_domain(path, &path->identity, who);
}

/* What holds at every depth. */
static bool judge_any(struct trust_path *path,
                      const mbedtls_x509_crt *certificate, uint32_t flags,
                      const char *who)
{
    const struct revocation *revocation = path->trust->revocation;

    if (flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) {
        explain_untrusted(path, certificate, who);
        return false;
    }
    if (!certificate_check_time(certificate, path->now, who, &path->failure) ||
        !certificate_check_strength(certificate, who, &path->failure))
        return false;
    return !revocation || !path->issuer ||
           revocation_check(revocation, certificate, path->issuer, path->now,
                            who, &path->failure);
}

static bool judge(struct trust_path *path, mbedtls_x509_crt *certificate,
                  int depth, uint32_t flags)
{
    char who[CERTIFICATE_WHO];
    int64_t end = certificate_seconds(&certificate->valid_to);

    certificate_who(certificate,
                    depth == 0 ? path->who : "a CA's certificate in the path",
                    who);
    if (!judge_any(path, certificate, flags, who))
        return false;
    if (depth == 0 ? !judge_leaf(path, certificate, who)
                   : !judge_authority(path, certificate, who))
        return false;
    if (flags != 0) {
        failure_set(&path->failure, STATUS_AUTH, ALERT_CERTIFICATE_UNKNOWN,
                    "%s was not accepted (mbedTLS: %#x)", who, (unsigned)flags);
        return false;
    }
    if (end < path->expires)
        path->expires = end;
    return true;
}

int trust_path_judge(void *context, mbedtls_x509_crt *certificate, int depth,
                     uint32_t *flags)
{
    struct trust_path *path = context;

    if (path->failure.status == STATUS_OK &&
        judge(path, certificate, depth, *flags)) {
        path->is_accepted = depth == 0;
        path->issuer = certificate;
    } else {
        *flags |= MBEDTLS_X509_BADCERT_OTHER;
    }
    return 0;
}
