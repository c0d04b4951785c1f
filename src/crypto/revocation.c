/* SPDX-License-Identifier: MIT */
#include "crypto/revocation.h"
#include "crypto/certificate.h"
#include "crypto/pem.h"
#include "crypto/secret.h"
#include <mbedtls/md.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LISTS_BYTES ((size_t)64 << 20)

struct revocation {
    mbedtls_x509_crl lists;
    const mbedtls_x509_crt *roots; /* borrowed: of the trust we are part of */
    const mbedtls_x509_crt **signers; /* of each list the root, or NULL */
    int64_t expires;
};

void revocation_free(struct revocation *revocation)
{
    if (!revocation)
        return;
    mbedtls_x509_crl_free(&revocation->lists);
    free(revocation->signers);
    free(revocation);
}

/* Whether |issuer|, which may, signed |list| with something strong. */
static bool is_signed_by(const mbedtls_x509_crl *list, mbedtls_x509_crt *issuer)
{
    mbedtls_md_type_t type = list->MBEDTLS_PRIVATE(sig_md);
    const mbedtls_md_info_t *info = mbedtls_md_info_from_type(type);
    uint8_t hash[MBEDTLS_MD_MAX_SIZE];

    if (list->issuer_raw.len != issuer->subject_raw.len ||
        memcmp(list->issuer_raw.p, issuer->subject_raw.p,
               list->issuer_raw.len) != 0 ||
        !mbedtls_x509_crt_has_ext_type(issuer, MBEDTLS_X509_EXT_KEY_USAGE) ||
        mbedtls_x509_crt_check_key_usage(issuer, MBEDTLS_X509_KU_CRL_SIGN) ||
        !info || !certificate_hash_is_strong(type) ||
        mbedtls_md(info, list->tbs.p, list->tbs.len, hash) != 0)
        return false;
    return mbedtls_pk_verify_ext(list->MBEDTLS_PRIVATE(sig_pk),
                                 list->MBEDTLS_PRIVATE(sig_opts), &issuer->pk,
                                 type, hash, mbedtls_md_get_size(info),
                                 list->MBEDTLS_PRIVATE(sig).p,
                                 list->MBEDTLS_PRIVATE(sig).len) == 0;
}

/* A list without an end would never be replaced: it is in force never. */
static bool is_in_force(const mbedtls_x509_crl *list, int64_t now)
{
    return list->next_update.year != 0 &&
           now >= certificate_seconds(&list->this_update) &&
           now <= certificate_seconds(&list->next_update);
}

static bool is_root(const struct revocation *revocation,
                    const mbedtls_x509_crt *issuer)
{
    const mbedtls_x509_crt *root = revocation->roots;

    while (root && root != issuer)
        root = root->next;
    return root != NULL;
}

/* The signatures of roots were checked when loading. */
static bool belongs_to(const struct revocation *revocation,
                       const mbedtls_x509_crl *list, size_t index,
                       mbedtls_x509_crt *issuer)
{
    if (is_root(revocation, issuer))
        return revocation->signers[index] == issuer;
    return is_signed_by(list, issuer);
}

/*
 * The list of |issuer| that is in force longest; failing that, one that is
 * not in force; failing that NULL.
 */
static const mbedtls_x509_crl *find_list(const struct revocation *revocation,
                                         mbedtls_x509_crt *issuer, int64_t now)
{
    const mbedtls_x509_crl *list = &revocation->lists;
    const mbedtls_x509_crl *best = NULL;

    for (size_t i = 0; list; list = list->next, i++) {
        if (!belongs_to(revocation, list, i, issuer))
            continue;
        if (!best || (is_in_force(list, now) &&
                      (!is_in_force(best, now) ||
                       certificate_seconds(&list->next_update) >
                           certificate_seconds(&best->next_update))))
            best = list;
    }
    return best;
}

static const mbedtls_x509_crl_entry *
find_entry(const struct revocation *revocation,
           const mbedtls_x509_crt *certificate, mbedtls_x509_crt *issuer)
{
    const mbedtls_x509_crl *list = &revocation->lists;

    for (size_t i = 0; list; list = list->next, i++) {
        const mbedtls_x509_crl_entry *entry = &list->entry;

        if (!belongs_to(revocation, list, i, issuer))
            continue;
        for (; entry && entry->serial.len > 0; entry = entry->next)
            if (entry->serial.len == certificate->serial.len &&
                memcmp(entry->serial.p, certificate->serial.p,
                       entry->serial.len) == 0)
                return entry;
    }
    return NULL;
}

/* Why |list|, found by find_list(), does not do; false if it does. */
static bool explain(const mbedtls_x509_crl *list,
                    const mbedtls_x509_crt *issuer, int64_t now,
                    struct failure *failure)
{
    char name[CERTIFICATE_NAME], day[CERTIFICATE_DAY];

    certificate_name(&issuer->subject, name);
    if (!list)
        failure_set(failure, STATUS_AUTH, ALERT_CERTIFICATE_UNKNOWN,
                    "there is no revocation list signed by the CA \"%s\"",
                    name);
    else if (list->next_update.year == 0)
        failure_set(failure, STATUS_AUTH, ALERT_CERTIFICATE_UNKNOWN,
                    "the revocation list of the CA \"%s\" does not say when "
                    "the next one comes",
                    name);
    else if (now > certificate_seconds(&list->next_update))
        failure_set(failure, STATUS_AUTH, ALERT_CERTIFICATE_UNKNOWN,
                    "the revocation list of the CA \"%s\" expired on %s "
                    "(clock wrong?); get a new one",
                    name, certificate_day(&list->next_update, day));
    else if (now < certificate_seconds(&list->this_update))
        failure_set(failure, STATUS_AUTH, ALERT_CERTIFICATE_UNKNOWN,
                    "the revocation list of the CA \"%s\" is not in force "
                    "before %s (clock wrong?)",
                    name, certificate_day(&list->this_update, day));
    else
        return false;
    return true;
}

bool revocation_check(const struct revocation *revocation,
                      const mbedtls_x509_crt *certificate,
                      mbedtls_x509_crt *issuer, int64_t now, const char *who,
                      struct failure *failure)
{
    const mbedtls_x509_crl_entry *entry =
        find_entry(revocation, certificate, issuer);
    char day[CERTIFICATE_DAY];

    if (entry) {
        failure_set(failure, STATUS_AUTH, ALERT_CERTIFICATE_REVOKED,
                    "%s was revoked on %s", who,
                    certificate_day(&entry->revocation_date, day));
        return false;
    }
    return !explain(find_list(revocation, issuer, now), issuer, now, failure);
}

/* ---- loading ---- */

static enum status parse(struct revocation *revocation, const char *path,
                         struct crypto_error *error)
{
    static const char what[] = "the revocation list";
    uint8_t *bytes;
    size_t length;
    enum status status =
        pem_read(path, what, MAX_LISTS_BYTES, &bytes, &length, error);
    int failed;

    if (status != STATUS_OK)
        return status;
    failed = mbedtls_x509_crl_parse(&revocation->lists, bytes, length + 1);
    secret_free(bytes);
    if (failed == MBEDTLS_ERR_X509_ALLOC_FAILED) {
        pem_refuse(error, "no memory to read %s %s", what, path);
        return STATUS_NO_MEMORY;
    }
    if (failed != 0)
        return pem_refuse(error, "%s %s cannot be read: %s", what, path,
                          certificate_parse_error(failed));
    return STATUS_OK;
}

static size_t count_lists(const mbedtls_x509_crl *list)
{
    size_t count = 0;

    for (; list; list = list->next)
        count++;
    return count;
}

static void find_signers(struct revocation *revocation, mbedtls_x509_crt *roots)
{
    const mbedtls_x509_crl *list = &revocation->lists;

    for (size_t i = 0; list; list = list->next, i++)
        for (mbedtls_x509_crt *root = roots; root; root = root->next)
            if (!revocation->signers[i] && is_signed_by(list, root))
                revocation->signers[i] = root;
}

/* A root without a list would make a promise of revocation a lie. */
static enum status check_roots(struct revocation *revocation, const char *path,
                               mbedtls_x509_crt *roots, int64_t now,
                               struct crypto_error *error)
{
    revocation->expires = INT64_MAX;
    for (mbedtls_x509_crt *root = roots; root; root = root->next) {
        const mbedtls_x509_crl *list = find_list(revocation, root, now);
        struct failure failure = { 0 };
        int64_t end;

        if (now > certificate_seconds(&root->valid_to))
            continue; /* vouches for nobody any more */
        if (explain(list, root, now, &failure))
            return pem_refuse(error, "%s: %s", path, failure.text);
        end = certificate_seconds(&list->next_update);
        if (end < revocation->expires)
            revocation->expires = end;
    }
    return STATUS_OK;
}

static enum status load(struct revocation *revocation, const char *path,
                        mbedtls_x509_crt *roots, int64_t now,
                        struct crypto_error *error)
{
    enum status status = parse(revocation, path, error);

    if (status != STATUS_OK)
        return status;
    revocation->signers =
        calloc(count_lists(&revocation->lists), sizeof(*revocation->signers));
    if (!revocation->signers) {
        pem_refuse(error, "no memory for the revocation list %s", path);
        return STATUS_NO_MEMORY;
    }
    find_signers(revocation, roots);
    return check_roots(revocation, path, roots, now, error);
}

enum status revocation_load(const char *path, mbedtls_x509_crt *roots,
                            int64_t now, struct revocation **revocation,
                            struct crypto_error *error)
{
    struct revocation *fresh = calloc(1, sizeof(*fresh));
    enum status status;

    if (!fresh) {
        pem_refuse(error, "no memory for the revocation list %s", path);
        return STATUS_NO_MEMORY;
    }
    mbedtls_x509_crl_init(&fresh->lists);
    fresh->roots = roots;
    status = load(fresh, path, roots, now, error);
    if (status == STATUS_OK)
        *revocation = fresh;
    else
        revocation_free(fresh);
    return status;
}

int64_t revocation_expires(const struct revocation *revocation)
{
    return revocation->expires;
}
