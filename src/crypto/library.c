/* SPDX-License-Identifier: MIT */
#include "crypto/library.h"
#include "base/text.h"
#include "crypto/aead.h"
#include "crypto/entropy.h"
#include <mbedtls/version.h>
#include <psa/crypto.h>
#include <pthread.h>
#include <sodium.h>

/* docs/SECURITY.md says what is wrong with older ones. */
static char mbedtls_text[18];
static struct library_version versions[] = {
    { "mbedTLS", mbedtls_text, "3.6.7" },
    { "libsodium", NULL, "1.0.20" },
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_once_t versions_once = PTHREAD_ONCE_INIT;
static enum status outcome;
static struct crypto_error reason;

static void find_versions(void)
{
    mbedtls_version_get_string(mbedtls_text);
    versions[1].version = sodium_version_string();
}

const struct library_version *library_version(size_t index)
{
    pthread_once(&versions_once, find_versions);
    return index < ARRAY_LENGTH(versions) ? &versions[index] : NULL;
}

bool library_is_recent(const char *version, const char *floor)
{
    unsigned a[3] = { 0 }, b[3] = { 0 };

    if (sscanf(version, "%4u.%4u.%4u", &a[0], &a[1], &a[2]) < 2 ||
        sscanf(floor, "%4u.%4u.%4u", &b[0], &b[1], &b[2]) < 2)
        return false;
    for (size_t i = 0; i < ARRAY_LENGTH(a); i++)
        if (a[i] != b[i])
            return a[i] > b[i];
    return true;
}

static void start(void)
{
    unsigned char probe[16];

    for (size_t i = 0; library_version(i); i++) {
        const struct library_version *library = library_version(i);

        if (library_is_recent(library->version, library->floor))
            continue;
        outcome = STATUS_CONFIG;
        text_format(reason.text, sizeof(reason.text),
                    "%s %s is too old to be safe; %s or newer is needed",
                    library->name, library->version, library->floor);
        return;
    }
    /* Looks for the processor's instructions while there is one thread. */
    if (sodium_init() >= 0 && entropy_get(NULL, probe, sizeof(probe)) == 0 &&
        psa_crypto_init() == PSA_SUCCESS &&
        (aead_is_available(AEAD_AES_256_GCM) ||
         aead_is_available(AEAD_CHACHA20_POLY1305)))
        return;
    outcome = STATUS_IO;
    text_format(reason.text, sizeof(reason.text),
                "the system gives no random numbers or no memory to start "
                "cryptography with");
}

enum status library_start(struct crypto_error *error)
{
    pthread_once(&once, start);
    *error = reason;
    return outcome;
}
