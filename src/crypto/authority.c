/* SPDX-License-Identifier: MIT */
#include "crypto/authority.h"
#include "base/clock.h"
#include "base/text.h"
#include "crypto/authority_write.h"
#include "crypto/certificate.h"
#include "crypto/entropy.h"
#include "crypto/issue.h"
#include "crypto/pem.h"
#include "crypto/secret.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DAY ((int64_t)86400)
#define MAX_NAME 200u
#define SCHEME "spiffe://"

static const char ca_certificate[] = "ca.crt";
static const char ca_key[] = "ca.key";

bool authority_exists(const char *directory)
{
    char path[1024];

    return text_format(path, sizeof(path), "%s/%s", directory,
                       ca_certificate) &&
           access(path, F_OK) == 0;
}

static void close_authority(struct authority *authority)
{
    store_close(&authority->store);
    mbedtls_x509_crt_free(&authority->certificate);
    mbedtls_pk_free(&authority->key);
}

static enum status open_authority(struct authority *authority,
                                  const struct authority_options *options,
                                  bool create, struct crypto_error *error)
{
    error->text[0] = '\0';
    *authority = (struct authority){ .error = error };
    authority->store.handle = -1;
    mbedtls_x509_crt_init(&authority->certificate);
    mbedtls_pk_init(&authority->key);
    if (options->days < 0 || options->days > AUTHORITY_MAX_DAYS)
        return pem_refuse(error, "a certificate can be for 1 to %d days",
                          AUTHORITY_MAX_DAYS);
    if (!create && !authority_exists(options->directory))
        return pem_refuse(error,
                          "there is no CA in %s; make one: entente pki "
                          "init --dir %s",
                          options->directory, options->directory);
    return store_open(&authority->store, options->directory, create, error);
}

/* ---- the CA's own files ---- */

static enum status load_key(struct authority *authority, const char *path)
{
    uint8_t *bytes;
    size_t length;
    enum status status =
        pem_read(path, "the CA's private key", AUTHORITY_MAX_KEY, &bytes,
                 &length, authority->error);

    if (status != STATUS_OK)
        return status;
    if (mbedtls_pk_parse_key(&authority->key, bytes, length + 1, NULL, 0,
                             entropy_get, NULL) != 0 ||
        mbedtls_pk_check_pair(&authority->certificate.pk, &authority->key,
                              entropy_get, NULL) != 0)
        status =
            pem_refuse(authority->error,
                       "%s is not the private key of the CA beside it", path);
    secret_free(bytes);
    return status;
}

static enum status check_certificate(struct authority *authority,
                                     const char *path)
{
    struct failure failure = { 0 };

    if (certificate_check_authority(&authority->certificate, "it",
                                    &authority->domain, &failure) &&
        certificate_check_time(&authority->certificate, clock_wall_seconds(),
                               "it", &failure) &&
        authority->domain.text[0] != '\0')
        return STATUS_OK;
    return pem_refuse(authority->error,
                      "%s is not a CA to issue with: %s; entente pki init "
                      "--force makes a new one",
                      path,
                      failure.status != STATUS_OK
                          ? failure.text
                          : "it is bound to no trust domain");
}

static enum status load_authority(struct authority *authority)
{
    char path[1024];
    const char *directory = authority->store.directory;
    enum status status;

    text_format(path, sizeof(path), "%s/%s", directory, ca_certificate);
    status = pem_read_certificates(path, "the CA's certificate",
                                   &authority->certificate, authority->error);
    if (status == STATUS_OK)
        status = check_certificate(authority, path);
    text_format(path, sizeof(path), "%s/%s", directory, ca_key);
    if (status == STATUS_OK)
        status = load_key(authority, path);
    return status == STATUS_OK
               ? store_read_entries(&authority->store, authority->error)
               : status;
}

/* ---- init ---- */

static enum status make_authority(struct authority *authority,
                                  const struct authority_options *options)
{
    struct issue_order order = { .is_authority = true,
                                 .uri = authority->domain.text,
                                 .key = &authority->key,
                                 .issuer_key = &authority->key };
    int64_t days = options->days ? options->days : AUTHORITY_DEFAULT_CA_DAYS;
    char pem[ISSUE_PEM], subject[128];

    /* A name is at most 64 characters, and only for people. */
    text_format(subject, sizeof(subject), "O=entente,CN=%.60s CA",
                options->trust_domain);
    order.subject = subject;
    order.starts = clock_wall_seconds() - AUTHORITY_BACKDATE;
    order.ends = clock_wall_seconds() + days * DAY;
    if (issue_key(&authority->key) != STATUS_OK ||
        issue_serial(order.serial) != STATUS_OK ||
        issue_certificate(&order, pem) != STATUS_OK ||
        mbedtls_x509_crt_parse(&authority->certificate, (unsigned char *)pem,
                               strlen(pem) + 1) != 0)
        return authority_write_nothing(authority);
    return authority_write_certificate(authority, ca_certificate,
                                       "the CA's certificate, for every host",
                                       pem, options->force);
}

static enum status init(struct authority *authority,
                        const struct authority_options *options)
{
    char uri[512];
    enum status status;

    text_format(uri, sizeof(uri), SCHEME "%s", options->trust_domain);
    if (!spiffe_parse_trust_domain(&authority->domain, uri, strlen(uri)))
        return pem_refuse(authority->error,
                          "\"%s\" cannot be a trust domain: lower-case "
                          "letters, digits, '.', '-' and '_' are allowed",
                          options->trust_domain);
    status = make_authority(authority, options);
    if (status == STATUS_OK)
        status =
            authority_write_key(authority, ca_key,
                                "the CA's private key; it stays here, no host "
                                "needs it",
                                &authority->key, options->force);
    /* What an earlier CA issued is not this one's. */
    if (status == STATUS_OK)
        status = authority_write_list(authority);
    if (status == STATUS_OK)
        status = store_prepare_entries(&authority->store, authority->error);
    return status;
}

enum status authority_init(const struct authority_options *options,
                           authority_wrote *wrote, void *context,
                           struct crypto_error *error)
{
    struct authority authority;
    enum status status = open_authority(&authority, options, true, error);

    if (status == STATUS_OK)
        status = init(&authority, options);
    if (status == STATUS_OK)
        status = store_commit(&authority.store, wrote, context, error);
    close_authority(&authority);
    return status;
}

/* ---- issue, renew ---- */

/* The identity of |name|, and whether it can also be a path. */
static enum status name_to_identity(const struct authority *authority,
                                    const char *name, struct spiffe *identity)
{
    char uri[1024];

    if (strlen(name) <= MAX_NAME && name[0] != '.' && !strstr(name, "/.") &&
        strcmp(name, "ca") != 0 &&
        text_format(uri, sizeof(uri), "%s/%s", authority->domain.text, name) &&
        spiffe_parse(identity, uri, strlen(uri)))
        return STATUS_OK;
    return pem_refuse(authority->error,
                      "\"%s\" cannot be a name: letters, digits, '.', '-' and "
                      "'_' are allowed, in segments with '/' between them "
                      "that do not begin with '.'",
                      name);
}

static enum status fill_order(struct authority *authority,
                              const struct authority_options *options,
                              struct issue_order *order)
{
    int64_t days = options->days ? options->days : AUTHORITY_DEFAULT_DAYS;
    int64_t last = certificate_seconds(&authority->certificate.valid_to);

    order->issuer_key = &authority->key;
    order->issuer = &authority->certificate;
    order->starts = clock_wall_seconds() - AUTHORITY_BACKDATE;
    order->ends = clock_wall_seconds() + days * DAY;
    if (order->ends > last)
        order->ends = last; /* it would not be accepted after that */
    if (issue_key(order->key) != STATUS_OK ||
        issue_serial(order->serial) != STATUS_OK)
        return authority_write_nothing(authority);
    return STATUS_OK;
}

/* The two files of |name|. */
static enum status prepare_pair(struct authority *authority, const char *name,
                                const struct issue_order *order, bool overwrite)
{
    char file[MAX_NAME + 8], what[128], pem[ISSUE_PEM];
    enum status status;

    if (issue_certificate(order, pem) != STATUS_OK)
        return authority_write_nothing(authority);
    text_format(file, sizeof(file), "%s.key", name);
    text_format(what, sizeof(what), "the private key, for the host of %.60s",
                name);
    status = authority_write_key(authority, file, what, order->key, overwrite);
    if (status != STATUS_OK)
        return status;
    text_format(file, sizeof(file), "%s.crt", name);
    text_format(what, sizeof(what), "the certificate, for the host of %.60s",
                name);
    return authority_write_certificate(authority, file, what, pem, overwrite);
}

static void format_serial(const uint8_t serial[ISSUE_SERIAL], char text[65])
{
    for (size_t i = 0; i < ISSUE_SERIAL; i++)
        snprintf(text + 2 * i, 3, "%02x", serial[i]);
}

static enum status record_issued(struct authority *authority, const char *name,
                                 const struct issue_order *order)
{
    struct authority_entry entry = { .expires = order->ends };

    format_serial(order->serial, entry.serial);
    if (!text_copy(entry.identity, sizeof(entry.identity), order->uri) ||
        !text_copy(entry.name, sizeof(entry.name), name))
        return authority_write_nothing(authority);
    return store_add_entry(&authority->store, &entry, authority->error);
}

static enum status issue(struct authority *authority,
                         const struct authority_options *options,
                         bool overwrite)
{
    const char *name = options->name;
    mbedtls_pk_context key;
    struct spiffe identity;
    char subject[128];
    struct issue_order order = { .uri = identity.text,
                                 .subject = subject,
                                 .key = &key };
    enum status status = name_to_identity(authority, name, &identity);

    if (status != STATUS_OK)
        return status;
    text_format(subject, sizeof(subject), "O=entente,CN=%.64s", name);
    mbedtls_pk_init(&key);
    status = fill_order(authority, options, &order);
    /* Written down first: what is not known cannot be revoked. */
    if (status == STATUS_OK)
        status = record_issued(authority, name, &order);
    if (status == STATUS_OK)
        status = store_prepare_entries(&authority->store, authority->error);
    if (status == STATUS_OK)
        status = prepare_pair(authority, name, &order, overwrite);
    if (status == STATUS_OK)
        status = authority_write_list(authority);
    mbedtls_pk_free(&key);
    return status;
}

static bool was_issued(const struct authority *authority, const char *name)
{
    for (size_t i = 0; i < authority->store.entry_count; i++)
        if (strcmp(authority->store.entries[i].name, name) == 0)
            return true;
    return false;
}

static enum status renew(struct authority *authority,
                         const struct authority_options *options)
{
    if (!was_issued(authority, options->name))
        return pem_refuse(authority->error,
                          "nothing was issued to %s yet; entente pki issue %s "
                          "does that",
                          options->name, options->name);
    return issue(authority, options, true);
}

static enum status revoke_all(struct authority *authority,
                              const struct authority_options *options)
{
    enum status status;

    if (!was_issued(authority, options->name))
        return pem_refuse(authority->error, "nothing was issued to %s",
                          options->name);
    for (size_t i = 0; i < authority->store.entry_count; i++) {
        struct authority_entry *entry = &authority->store.entries[i];

        if (strcmp(entry->name, options->name) != 0 || entry->revoked)
            continue;
        entry->revoked = true;
        entry->revoked_at = clock_wall_seconds();
    }
    status = store_prepare_entries(&authority->store, authority->error);
    return status == STATUS_OK ? authority_write_list(authority) : status;
}

static enum status issue_new(struct authority *authority,
                             const struct authority_options *options)
{
    return issue(authority, options, options->force);
}

/* What issue, renew and revoke have in common. */
static enum status
change(enum status (*work)(struct authority *authority,
                           const struct authority_options *options),
       const struct authority_options *options, authority_wrote *wrote,
       void *context, struct crypto_error *error)
{
    struct authority authority;
    enum status status = open_authority(&authority, options, false, error);

    if (status == STATUS_OK)
        status = load_authority(&authority);
    if (status == STATUS_OK)
        status = work(&authority, options);
    if (status == STATUS_OK)
        status = store_commit(&authority.store, wrote, context, error);
    close_authority(&authority);
    return status;
}

enum status authority_issue(const struct authority_options *options,
                            authority_wrote *wrote, void *context,
                            struct crypto_error *error)
{
    return change(issue_new, options, wrote, context, error);
}

enum status authority_renew(const struct authority_options *options,
                            authority_wrote *wrote, void *context,
                            struct crypto_error *error)
{
    return change(renew, options, wrote, context, error);
}

enum status authority_revoke(const struct authority_options *options,
                             authority_wrote *wrote, void *context,
                             struct crypto_error *error)
{
    return change(revoke_all, options, wrote, context, error);
}

/* ---- show ---- */

static void describe_authority(const struct authority *authority,
                               struct authority_entry *entry)
{
    const mbedtls_x509_buf *serial = &authority->certificate.serial;

    *entry = (struct authority_entry){ .expires = certificate_seconds(
                                           &authority->certificate.valid_to) };
    for (size_t i = 0; i < serial->len && i < 32; i++)
        snprintf(entry->serial + 2 * i, 3, "%02x", serial->p[i]);
    memcpy(entry->identity, authority->domain.text, sizeof(entry->identity));
    memcpy(entry->name, "ca", 3);
}

/* Needs no key, and shows an expired CA too. */
static enum status list(struct authority *authority,
                        void (*each)(void *context,
                                     const struct authority_entry *entry),
                        void *context)
{
    struct failure failure = { 0 };
    struct authority_entry entry;
    char path[1024];
    enum status status;

    text_format(path, sizeof(path), "%s/%s", authority->store.directory,
                ca_certificate);
    status = pem_read_certificates(path, "the CA's certificate",
                                   &authority->certificate, authority->error);
    if (status != STATUS_OK)
        return status;
    if (!certificate_check_authority(&authority->certificate, path,
                                     &authority->domain, &failure))
        return pem_refuse(authority->error, "%s", failure.text);
    status = store_read_entries(&authority->store, authority->error);
    if (status != STATUS_OK)
        return status;
    describe_authority(authority, &entry);
    each(context, &entry);
    for (size_t i = 0; i < authority->store.entry_count; i++)
        each(context, &authority->store.entries[i]);
    return STATUS_OK;
}

enum status authority_list(const struct authority_options *options,
                           void (*each)(void *context,
                                        const struct authority_entry *entry),
                           void *context, struct crypto_error *error)
{
    struct authority authority;
    enum status status = open_authority(&authority, options, false, error);

    if (status == STATUS_OK)
        status = list(&authority, each, context);
    close_authority(&authority);
    return status;
}
