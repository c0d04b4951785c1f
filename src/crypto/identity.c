/* SPDX-License-Identifier: MIT */
#include "crypto/identity.h"
#include "base/clock.h"
#include "base/text.h"
#include "crypto/certificate.h"
#include "crypto/entropy.h"
#include "crypto/identity_internal.h"
#include "crypto/pem.h"
#include "crypto/secret.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_KEY_BYTES ((size_t)1 << 16)
#define DAY ((int64_t)86400)

void identity_free(struct identity *identity)
{
    if (!identity)
        return;
    mbedtls_x509_crt_free(&identity->chain);
    mbedtls_pk_free(&identity->key); /* wipes */
    free(identity);
}

/* Our own are held to the rules peers apply. */
static enum status check_chain(struct identity *identity, const char *path,
                               struct crypto_error *error)
{
    const mbedtls_x509_crt *certificate = &identity->chain;
    struct failure failure = { 0 };
    struct spiffe domain;
    char who[CERTIFICATE_WHO];
    bool good = true;

    identity->expires = INT64_MAX;
    for (; certificate && good; certificate = certificate->next) {
        bool is_leaf = certificate == &identity->chain;
        int64_t end = certificate_seconds(&certificate->valid_to);

        certificate_who(certificate,
                        is_leaf ? "our certificate" : "a CA's certificate",
                        who);
        good = certificate_check_time(certificate, clock_wall_seconds(), who,
                                      &failure) &&
               certificate_check_strength(certificate, who, &failure) &&
               (is_leaf ? certificate_check_leaf(certificate, who,
                                                 &identity->spiffe, &failure)
                        : certificate_check_authority(certificate, who, &domain,
                                                      &failure));
        if (end < identity->expires)
            identity->expires = end;
    }
    if (good)
        return STATUS_OK;
    return pem_refuse(error,
                      "%s: %s; no peer would accept it: get another "
                      "(entente pki renew NAME)",
                      path, failure.text);
}

/* What to say about a file that is no key we can read. */
static const char *explain_key(const uint8_t *bytes)
{
    const char *text = (const char *)bytes;

    if (strstr(text, "ENCRYPTED"))
        return "is encrypted, and nobody is there to ask for the password; "
               "write it out without one: openssl pkey -in FILE -out FILE";
    if (!strstr(text, "PRIVATE KEY-----"))
        return "holds no private key in PEM (-----BEGIN PRIVATE KEY-----)";
    return "is damaged or of a kind we do not accept (P-256, P-384 and RSA "
           "are)";
}

static enum status load_key(struct identity *identity, const char *path,
                            struct crypto_error *error)
{
    uint8_t *bytes;
    size_t length;
    enum status status = pem_read(path, "the private key", MAX_KEY_BYTES,
                                  &bytes, &length, error);
    int failed;

    if (status != STATUS_OK)
        return status;
    failed = mbedtls_pk_parse_key(&identity->key, bytes, length + 1, NULL, 0,
                                  entropy_get, NULL);
    if (failed == MBEDTLS_ERR_PK_ALLOC_FAILED) {
        pem_refuse(error, "no memory to read the private key %s", path);
        status = STATUS_NO_MEMORY;
    } else if (failed) {
        status = pem_refuse(error, "the private key %s %s", path,
                            explain_key(bytes));
    }
    secret_free(bytes);
    return status;
}

static enum status check_pair(struct identity *identity,
                              const char *certificate_path,
                              const char *key_path, struct crypto_error *error)
{
    if (mbedtls_pk_check_pair(&identity->chain.pk, &identity->key, entropy_get,
                              NULL) == 0)
        return STATUS_OK;
    return pem_refuse(error,
                      "the certificate %s and the private key %s do not belong "
                      "together; put the two that were made together in place, "
                      "or make new ones (entente pki renew NAME)",
                      certificate_path, key_path);
}

static void warn(const struct identity *identity, const char *certificate_path,
                 const char *key_path, struct crypto_error *warning)
{
    int64_t left = identity->expires - clock_wall_seconds();
    int64_t life =
        identity->expires - certificate_seconds(&identity->chain.valid_from);
    struct stat about;

    if (stat(key_path, &about) == 0 && (about.st_mode & 077) != 0)
        text_format(warning->text, sizeof(warning->text),
                    "the private key %s can be used by others than its owner "
                    "(mode %04o); fix it: chmod 600 %s",
                    key_path, (unsigned)about.st_mode & 07777, key_path);
    else if (left < 14 * DAY && left < life / 5)
        text_format(warning->text, sizeof(warning->text),
                    "the certificate %s expires in %lld days; renew it "
                    "(entente pki renew NAME)",
                    certificate_path, (long long)(left / DAY));
}

static enum status load(struct identity *identity, const char *certificate_path,
                        const char *key_path, struct crypto_error *error)
{
    enum status status =
        pem_read_certificates(certificate_path, "the certificate",
                              &identity->chain, error);

    if (status == STATUS_OK)
        status = load_key(identity, key_path, error);
    if (status == STATUS_OK)
        status = check_pair(identity, certificate_path, key_path, error);
    if (status == STATUS_OK)
        status = check_chain(identity, certificate_path, error);
    return status;
}

enum status identity_load(const char *certificate_path, const char *key_path,
                          struct identity **identity,
                          struct crypto_error *warning,
                          struct crypto_error *error)
{
    struct identity *fresh = calloc(1, sizeof(*fresh));
    enum status status;

    warning->text[0] = error->text[0] = '\0';
    if (!fresh) {
        pem_refuse(error, "no memory to read %s", certificate_path);
        return STATUS_NO_MEMORY;
    }
    mbedtls_x509_crt_init(&fresh->chain);
    mbedtls_pk_init(&fresh->key);
    status = load(fresh, certificate_path, key_path, error);
    if (status == STATUS_OK) {
        warn(fresh, certificate_path, key_path, warning);
        *identity = fresh;
    } else {
        identity_free(fresh);
    }
    return status;
}

const struct spiffe *identity_spiffe(const struct identity *identity)
{
    return &identity->spiffe;
}

int64_t identity_expires(const struct identity *identity)
{
    return identity->expires;
}
