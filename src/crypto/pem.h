/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_PEM_H
#define CRYPTO_PEM_H
#include "crypto/identity.h"
#include <mbedtls/x509_crt.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Read a file of keys, certificates or lists (bounded by |max_bytes|) as
 * secret_read() does, and say in |error| what is wrong with it: |what| it
 * should be, like "the certificate".
 */
MUST_CHECK enum status pem_read(const char *path, const char *what,
                                size_t max_bytes, uint8_t **bytes,
                                size_t *length, struct crypto_error *error);

/* The certificates of a file, at least one and every one readable. */
MUST_CHECK enum status pem_read_certificates(const char *path, const char *what,
                                             mbedtls_x509_crt *certificates,
                                             struct crypto_error *error);

/* Fill |error| and return STATUS_CONFIG. */
enum status pem_refuse(struct crypto_error *error, const char *format, ...)
    PRINTF_LIKE(2, 3);
#endif
