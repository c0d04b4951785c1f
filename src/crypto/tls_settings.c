/* SPDX-License-Identifier: MIT */
#include "crypto/tls_settings.h"
#include "crypto/aead.h"
#include "crypto/entropy.h"
#include "crypto/identity_internal.h"
#include "crypto/trust_path.h"
#include <stdlib.h>

/* The first one's share goes with the first message. */
static const uint16_t groups[] = { MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
                                   MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
                                   MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
                                   MBEDTLS_SSL_IANA_TLS_GROUP_NONE };

/* The PKCS#1 ones only ever stand in certificates. */
static const uint16_t signatures[] = {
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA512,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA512,
    MBEDTLS_TLS1_3_SIG_NONE,
};

/* An end without fast AES does not offer AES, so both take ChaCha20. */
static void choose_suites(struct tls_settings *settings)
{
    size_t count = 0;

    if (aead_is_available(AEAD_AES_256_GCM))
        settings->suites[count++] = MBEDTLS_TLS1_3_AES_256_GCM_SHA384;
    settings->suites[count++] = MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256;
    settings->suites[count] = 0;
}

/* mbedTLS takes what it will not change as not const. */
static int configure(struct tls_settings *settings, enum tls_role role,
                     struct identity *identity)
{
    mbedtls_ssl_config *config = &settings->roles[role];
    int failed =
        mbedtls_ssl_config_defaults(config,
                                    role == TLS_CLIENT ? MBEDTLS_SSL_IS_CLIENT
                                                       : MBEDTLS_SSL_IS_SERVER,
                                    MBEDTLS_SSL_TRANSPORT_STREAM,
                                    MBEDTLS_SSL_PRESET_DEFAULT);

    if (failed)
        return failed;
    mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_3);
    mbedtls_ssl_conf_max_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_3);
    /* Compiled out of our build; a system's may have more. */
    mbedtls_ssl_conf_tls13_key_exchange_modes(
        config, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL);
    mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_rng(config, entropy_get, NULL);
    mbedtls_ssl_conf_ciphersuites(config, settings->suites);
    mbedtls_ssl_conf_groups(config, groups);
    mbedtls_ssl_conf_sig_algs(config, signatures);
    mbedtls_ssl_conf_cert_profile(config, &trust_path_profile);
    mbedtls_ssl_conf_cert_cb(config, handshake_on_hello);
    mbedtls_ssl_conf_ca_chain(config, trust_path_roots(settings->trust), NULL);
    failed =
        mbedtls_ssl_conf_own_cert(config, &identity->chain, &identity->key);
    return failed ? failed
                  : mbedtls_ssl_conf_alpn_protocols(config, settings->alpn);
}

enum status tls_settings_new(const struct identity *identity,
                             const struct trust *trust, const char *alpn,
                             struct tls_settings **settings)
{
    struct tls_settings *fresh = calloc(1, sizeof(*fresh));
    /* through an integer, since mbedTLS's pointer is not const */
    struct identity *ours = (struct identity *)(uintptr_t)identity;

    if (!fresh)
        return STATUS_NO_MEMORY;
    fresh->trust = trust;
    fresh->alpn[0] = alpn;
    choose_suites(fresh);
    mbedtls_ssl_config_init(&fresh->roles[TLS_CLIENT]);
    mbedtls_ssl_config_init(&fresh->roles[TLS_SERVER]);
    if (configure(fresh, TLS_CLIENT, ours) != 0 ||
        configure(fresh, TLS_SERVER, ours) != 0) {
        tls_settings_free(fresh);
        return STATUS_NO_MEMORY; /* nothing else can fail there */
    }
    *settings = fresh;
    return STATUS_OK;
}

void tls_settings_free(struct tls_settings *settings)
{
    if (!settings)
        return;
    mbedtls_ssl_config_free(&settings->roles[TLS_CLIENT]);
    mbedtls_ssl_config_free(&settings->roles[TLS_SERVER]);
    free(settings);
}
