/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_TLS_SETTINGS_H
#define CRYPTO_TLS_SETTINGS_H
#include "crypto/tls.h"
#include <mbedtls/ssl.h>

/* Private to crypto/tls_settings and crypto/handshake. */
struct tls_settings {
    mbedtls_ssl_config roles[2]; /* by enum tls_role */
    const char *alpn[2];         /* ours, and the NULL mbedTLS wants */
    int suites[3];               /* by preference; 0 ends */
    const struct trust *trust;   /* borrowed */
};
/* In crypto/handshake: a server looks at what the client wants. */
int handshake_on_hello(mbedtls_ssl_context *ssl);
#endif
