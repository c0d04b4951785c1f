/* SPDX-License-Identifier: MIT */
#include "crypto/authority_write.h"
#include "base/clock.h"
#include "crypto/certificate.h"
#include "crypto/issue.h"
#include "crypto/pem.h"
#include "crypto/revocation_list.h"
#include "crypto/secret.h"
#include <mbedtls/pem.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char ca_list[] = "ca.crl";

enum status authority_write_nothing(struct authority *authority)
{
    pem_refuse(authority->error, "no memory, or no random numbers");
    return STATUS_NO_MEMORY;
}

enum status authority_write_key(struct authority *authority, const char *name,
                                const char *what, mbedtls_pk_context *key,
                                bool overwrite)
{
    char *pem = secret_new(AUTHORITY_MAX_KEY);
    struct store_content content = { .name = name,
                                     .what = what,
                                     .bytes = pem,
                                     .mode = 0600,
                                     .overwrite = overwrite };
    enum status status = STATUS_NO_MEMORY;

    if (pem && mbedtls_pk_write_key_pem(key, (unsigned char *)pem,
                                        AUTHORITY_MAX_KEY) == 0) {
        content.length = strlen(pem);
        status = store_prepare(&authority->store, &content, authority->error);
    } else {
        authority_write_nothing(authority);
    }
    secret_free(pem);
    return status;
}

enum status authority_write_certificate(struct authority *authority,
                                        const char *name, const char *what,
                                        const char *pem, bool overwrite)
{
    return store_prepare(&authority->store,
                         &(struct store_content){ .name = name,
                                                  .what = what,
                                                  .bytes = pem,
                                                  .length = strlen(pem),
                                                  .mode = 0644,
                                                  .overwrite = overwrite },
                         authority->error);
}

static size_t parse_serial(const char *digits,
                           uint8_t serial[REVOCATION_MAX_SERIAL])
{
    size_t length = strlen(digits) / 2;

    for (size_t i = 0; i < length && i < REVOCATION_MAX_SERIAL; i++) {
        char pair[3] = { digits[2 * i], digits[2 * i + 1], '\0' };

        serial[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return length < REVOCATION_MAX_SERIAL ? length : REVOCATION_MAX_SERIAL;
}

/* Rises with every list, unless the clock goes back. */
static uint64_t list_number(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static struct revocation_entry *collect_revoked(const struct store *store,
                                                size_t *count)
{
    struct revocation_entry *revoked =
        calloc(store->entry_count + 1, sizeof(*revoked));

    *count = 0;
    for (size_t i = 0; revoked && i < store->entry_count; i++) {
        const struct authority_entry *entry = &store->entries[i];

        if (!entry->revoked)
            continue;
        revoked[*count].serial_length =
            parse_serial(entry->serial, revoked[*count].serial);
        revoked[(*count)++].when = entry->revoked_at;
    }
    return revoked;
}

static char *list_to_pem(const uint8_t *der, size_t length)
{
    size_t size = 2 * length + 256, written;
    unsigned char *pem = malloc(size);

    if (pem && mbedtls_pem_write_buffer("-----BEGIN X509 CRL-----\n",
                                        "-----END X509 CRL-----\n", der, length,
                                        pem, size, &written) != 0) {
        free(pem);
        return NULL;
    }
    return (char *)pem;
}

static char *make_list(struct authority *authority)
{
    uint8_t key_id[ISSUE_KEY_ID];
    struct revocation_list list = {
        .key = &authority->key,
        .issuer = &authority->certificate.subject_raw,
        .key_id = key_id,
        .key_id_length = sizeof(key_id),
        .number = list_number(),
        .starts = clock_wall_seconds() - AUTHORITY_BACKDATE,
        .ends = certificate_seconds(&authority->certificate.valid_to),
    };
    struct revocation_entry *revoked =
        collect_revoked(&authority->store, &list.count);
    uint8_t *der = NULL;
    char *pem = NULL;
    size_t length;

    list.entries = revoked;
    if (revoked && issue_key_id(&authority->key, key_id) == STATUS_OK &&
        revocation_list_write(&list, &der, &length) == STATUS_OK)
        pem = list_to_pem(der, length);
    free(der);
    free(revoked);
    return pem;
}

enum status authority_write_list(struct authority *authority)
{
    char *pem = make_list(authority);
    enum status status;

    if (!pem)
        return authority_write_nothing(authority);
    status =
        authority_write_certificate(authority, ca_list,
                                    "what the CA has revoked, for every host",
                                    pem, true);
    free(pem);
    return status;
}
