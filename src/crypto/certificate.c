/* SPDX-License-Identifier: MIT */
#include "crypto/certificate.h"
#include "base/text.h"
#include <mbedtls/asn1.h>
#include <mbedtls/error.h>
#include <mbedtls/oid.h>
#include <string.h>
#include <time.h>

#define MIN_RSA_BITS 3072u
#define TAG_URI (MBEDTLS_ASN1_CONTEXT_SPECIFIC | 6)

/* ---- what is in it ---- */

int64_t certificate_seconds(const mbedtls_x509_time *time)
{
    struct tm fields = { .tm_year = time->year - 1900,
                         .tm_mon = time->mon - 1,
                         .tm_mday = time->day,
                         .tm_hour = time->hour,
                         .tm_min = time->min,
                         .tm_sec = time->sec };

    return (int64_t)timegm(&fields);
}

const char *certificate_day(const mbedtls_x509_time *time,
                            char day[CERTIFICATE_DAY])
{
    text_format(day, CERTIFICATE_DAY, "%04d-%02d-%02d", time->year, time->mon,
                time->day);
    return day;
}

const char *certificate_name(const mbedtls_x509_name *name,
                             char text[CERTIFICATE_NAME])
{
    char whole[1024];

    if (mbedtls_x509_dn_gets(whole, sizeof(whole), name) <= 0)
        return "a name that cannot be read";
    text_format(text, CERTIFICATE_NAME, "%s", whole);
    return text;
}

/* The next URI among the alternative names, from |name| on; or NULL. */
static const mbedtls_x509_sequence *find_uri(const mbedtls_x509_sequence *name)
{
    while (name && (name->buf.p == NULL || name->buf.tag != TAG_URI))
        name = name->next;
    return name;
}

const char *certificate_who(const mbedtls_x509_crt *certificate,
                            const char *who, char text[CERTIFICATE_WHO])
{
    const mbedtls_x509_sequence *uri =
        find_uri(&certificate->subject_alt_names);
    char name[CERTIFICATE_NAME];

    if (uri)
        text_format(text, CERTIFICATE_WHO, "%s (%.*s)", who,
                    uri->buf.len < 200 ? (int)uri->buf.len : 200,
                    (const char *)uri->buf.p);
    else
        text_format(text, CERTIFICATE_WHO, "%s (%s)", who,
                    certificate_name(&certificate->subject, name));
    return text;
}

struct extension {
    const unsigned char *oid;
    size_t oid_length;
    int is_critical;
};

/* The extension at |*at|, which is moved behind it. */
static bool take_extension(unsigned char **at, const unsigned char *end,
                           struct extension *extension)
{
    unsigned char *next;
    size_t length;

    if (mbedtls_asn1_get_tag(at, end, &length,
                             MBEDTLS_ASN1_CONSTRUCTED |
                                 MBEDTLS_ASN1_SEQUENCE) != 0)
        return false;
    next = *at + length;
    if (mbedtls_asn1_get_tag(at, next, &length, MBEDTLS_ASN1_OID) != 0)
        return false;
    extension->oid = *at;
    extension->oid_length = length;
    *at += length;
    extension->is_critical = 0;
    if (*at < next && **at == MBEDTLS_ASN1_BOOLEAN &&
        mbedtls_asn1_get_bool(at, next, &extension->is_critical) != 0)
        return false;
    *at = next;
    return true;
}

/* mbedTLS does not say which extensions were critical, or unknown to it. */
static bool find_extension(const mbedtls_x509_crt *certificate, const char *oid,
                           size_t oid_length, struct extension *extension)
{
    unsigned char *at = certificate->v3_ext.p;
    const unsigned char *end = at ? at + certificate->v3_ext.len : at;
    size_t length;

    if (!at || mbedtls_asn1_get_tag(&at, end, &length,
                                    MBEDTLS_ASN1_CONSTRUCTED |
                                        MBEDTLS_ASN1_SEQUENCE) != 0)
        return false;
    while (at < end && take_extension(&at, end, extension))
        if (extension->oid_length == oid_length &&
            memcmp(extension->oid, oid, oid_length) == 0)
            return true;
    return false;
}

#define FIND(certificate, oid, extension) \
    find_extension(certificate, oid, sizeof(oid) - 1, extension)

static bool is_authority(const mbedtls_x509_crt *certificate)
{
    return mbedtls_x509_crt_get_ca_istrue(certificate) == 1;
}

/* Whether the key usage is there and has |usage|. */
static bool has_usage(const mbedtls_x509_crt *certificate, unsigned usage)
{
    struct extension extension;

    return FIND(certificate, MBEDTLS_OID_KEY_USAGE, &extension) &&
           mbedtls_x509_crt_check_key_usage(certificate, usage) == 0;
}

static bool has_purpose(const mbedtls_x509_crt *certificate, const char *oid,
                        size_t oid_length)
{
    const mbedtls_x509_sequence *purpose = &certificate->ext_key_usage;

    for (; purpose && purpose->buf.p; purpose = purpose->next)
        if (purpose->buf.len == oid_length &&
            memcmp(purpose->buf.p, oid, oid_length) == 0)
            return true;
    return false;
}

/* ---- rules ---- */

static bool refuse(struct failure *failure, int alert, const char *who,
                   const char *what)
{
    failure_set(failure, STATUS_AUTH, alert, "%s %s", who, what);
    return false;
}

/* Key usage: to sign handshakes, and nothing that only a CA does. */
static bool check_usage(const mbedtls_x509_crt *certificate, const char *who,
                        struct failure *failure)
{
    struct extension extension;

    if (!FIND(certificate, MBEDTLS_OID_KEY_USAGE, &extension) ||
        !extension.is_critical)
        return refuse(failure, ALERT_UNSUPPORTED_CERTIFICATE, who,
                      "has no key usage marked critical");
    if (!has_usage(certificate, MBEDTLS_X509_KU_DIGITAL_SIGNATURE))
        return refuse(failure, ALERT_UNSUPPORTED_CERTIFICATE, who,
                      "is not for signatures (key usage digitalSignature)");
    if (has_usage(certificate, MBEDTLS_X509_KU_KEY_CERT_SIGN) ||
        has_usage(certificate, MBEDTLS_X509_KU_CRL_SIGN))
        return refuse(failure, ALERT_UNSUPPORTED_CERTIFICATE, who,
                      "has a CA's key usage (keyCertSign or cRLSign)");
    return true;
}

/* Every ambassador may dial and be dialed. */
static bool check_purpose(const mbedtls_x509_crt *certificate, const char *who,
                          struct failure *failure)
{
    if (!certificate->ext_key_usage.buf.p)
        return refuse(failure, ALERT_UNSUPPORTED_CERTIFICATE, who,
                      "has no extended key usage");
    if (!has_purpose(certificate, MBEDTLS_OID_SERVER_AUTH,
                     sizeof(MBEDTLS_OID_SERVER_AUTH) - 1))
        return refuse(failure, ALERT_UNSUPPORTED_CERTIFICATE, who,
                      "is not for servers (extended key usage serverAuth)");
    if (!has_purpose(certificate, MBEDTLS_OID_CLIENT_AUTH,
                     sizeof(MBEDTLS_OID_CLIENT_AUTH) - 1))
        return refuse(failure, ALERT_UNSUPPORTED_CERTIFICATE, who,
                      "is not for clients (extended key usage clientAuth)");
    return true;
}

/* Exactly one URI; names of other kinds do not count, nor does the CN. */
static bool check_identity(const mbedtls_x509_crt *certificate, const char *who,
                           struct spiffe *identity, struct failure *failure)
{
    const mbedtls_x509_sequence *uri =
        find_uri(&certificate->subject_alt_names);

    if (!uri)
        return refuse(failure, ALERT_BAD_CERTIFICATE, who,
                      "names no identity: it has no spiffe:// URI among its "
                      "alternative names (common name and DNS do not count)");
    if (find_uri(uri->next))
        return refuse(failure, ALERT_BAD_CERTIFICATE, who,
                      "has more than one URI and so no one identity");
    if (!spiffe_parse(identity, (const char *)uri->buf.p, uri->buf.len))
        return refuse(failure, ALERT_BAD_CERTIFICATE, who,
                      "has a URI that is not a SPIFFE identity with a path "
                      "(spiffe://trust-domain/name, no wildcard, no escapes)");
    return true;
}

bool certificate_check_leaf(const mbedtls_x509_crt *certificate,
                            const char *who, struct spiffe *identity,
                            struct failure *failure)
{
    if (certificate->version != 3)
        return refuse(failure, ALERT_UNSUPPORTED_CERTIFICATE, who,
                      "is not of X.509 version 3");
    if (is_authority(certificate))
        return refuse(failure, ALERT_BAD_CERTIFICATE, who,
                      "is a CA's, which may not speak for itself");
    return check_usage(certificate, who, failure) &&
           check_purpose(certificate, who, failure) &&
           check_identity(certificate, who, identity, failure);
}

/* mbedTLS would skip name constraints that are not critical. */
bool certificate_check_authority(const mbedtls_x509_crt *certificate,
                                 const char *who, struct spiffe *domain,
                                 struct failure *failure)
{
    const mbedtls_x509_sequence *uri =
        find_uri(&certificate->subject_alt_names);
    struct extension extension;

    domain->text[0] = '\0';
    if (certificate->version != 3 || !is_authority(certificate))
        return refuse(failure, ALERT_UNKNOWN_CA, who,
                      "is not a CA's (basic constraints cA)");
    if (!has_usage(certificate, MBEDTLS_X509_KU_KEY_CERT_SIGN))
        return refuse(failure, ALERT_UNKNOWN_CA, who,
                      "may not sign certificates (key usage keyCertSign)");
    if (FIND(certificate, MBEDTLS_OID_NAME_CONSTRAINTS, &extension))
        return refuse(failure, ALERT_UNKNOWN_CA, who,
                      "has name constraints, which we do not support and "
                      "will not ignore");
    if (!uri)
        return true;
    if (find_uri(uri->next) ||
        !spiffe_parse_trust_domain(domain, (const char *)uri->buf.p,
                                   uri->buf.len))
        return refuse(failure, ALERT_UNKNOWN_CA, who,
                      "has a URI that is not one trust domain "
                      "(spiffe://trust-domain)");
    return true;
}

bool certificate_hash_is_strong(mbedtls_md_type_t hash)
{
    return hash == MBEDTLS_MD_SHA256 || hash == MBEDTLS_MD_SHA384 ||
           hash == MBEDTLS_MD_SHA512;
}

bool certificate_check_strength(const mbedtls_x509_crt *certificate,
                                const char *who, struct failure *failure)
{
    mbedtls_pk_type_t type = mbedtls_pk_get_type(&certificate->pk);
    size_t bits = mbedtls_pk_get_bitlen(&certificate->pk);
    bool is_strong = type == MBEDTLS_PK_RSA     ? bits >= MIN_RSA_BITS
                     : type == MBEDTLS_PK_ECKEY ? bits == 256 || bits == 384
                                                : false;

    if (!is_strong)
        return refuse(failure, ALERT_UNSUPPORTED_CERTIFICATE, who,
                      "has too weak a key (P-256, P-384 or RSA of 3072 bits "
                      "and more are accepted)");
    if (!certificate_hash_is_strong(certificate->MBEDTLS_PRIVATE(sig_md)))
        return refuse(failure, ALERT_UNSUPPORTED_CERTIFICATE, who,
                      "has too weak a signature (SHA-256 and longer are "
                      "accepted)");
    return true;
}

bool certificate_check_time(const mbedtls_x509_crt *certificate, int64_t now,
                            const char *who, struct failure *failure)
{
    char day[CERTIFICATE_DAY];

    if (now > certificate_seconds(&certificate->valid_to)) {
        failure_set(failure, STATUS_AUTH, ALERT_CERTIFICATE_EXPIRED,
                    "%s expired on %s (clock wrong?)", who,
                    certificate_day(&certificate->valid_to, day));
        return false;
    }
    if (now < certificate_seconds(&certificate->valid_from)) {
        failure_set(failure, STATUS_AUTH, ALERT_CERTIFICATE_EXPIRED,
                    "%s is not valid before %s (clock wrong?)", who,
                    certificate_day(&certificate->valid_from, day));
        return false;
    }
    return true;
}

/* ---- errors ---- */

const char *certificate_parse_error(int error)
{
    static const struct {
        int high;
        const char *words;
    } table[] = {
        { MBEDTLS_ERR_X509_INVALID_EXTENSIONS,
          "an extension is malformed, comes twice, or is critical and unknown "
          "(like name constraints)" },
        { MBEDTLS_ERR_X509_FEATURE_UNAVAILABLE,
          "an extension is critical and not supported" },
        { MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG,
          "its signature is of a kind we do not accept (SHA-1?)" },
        { MBEDTLS_ERR_X509_SIG_MISMATCH,
          "it is at odds with itself about its signature" },
        { MBEDTLS_ERR_X509_INVALID_DATE, "its dates cannot be read" },
        { MBEDTLS_ERR_X509_UNKNOWN_VERSION, "its version is not known" },
        { MBEDTLS_ERR_PK_UNKNOWN_NAMED_CURVE,
          "its key is on a curve we do not accept" },
        { MBEDTLS_ERR_PK_UNKNOWN_PK_ALG,
          "its key is of a kind we do not accept" },
        { MBEDTLS_ERR_PK_INVALID_PUBKEY, "its key is not valid" },
    };
    int high = -(-error & 0xff80);

    for (size_t i = 0; i < ARRAY_LENGTH(table); i++)
        if (table[i].high == high)
            return table[i].words;
    return "it is malformed";
}
