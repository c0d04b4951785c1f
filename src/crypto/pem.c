/* SPDX-License-Identifier: MIT */
#include "crypto/pem.h"
#include "base/text.h"
#include "crypto/certificate.h"
#include "crypto/secret.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_CERTIFICATES ((size_t)1 << 20)

enum status pem_refuse(struct crypto_error *error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    return STATUS_CONFIG;
}

enum status pem_read(const char *path, const char *what, size_t max_bytes,
                     uint8_t **bytes, size_t *length,
                     struct crypto_error *error)
{
    enum status status = secret_read(path, max_bytes, bytes, length);

    if (status == STATUS_OK && *length > 0)
        return STATUS_OK;
    if (status == STATUS_OK) {
        secret_free(*bytes);
        return pem_refuse(error, "%s %s is empty", what, path);
    }
    if (status == STATUS_IO)
        text_format(error->text, sizeof(error->text), "cannot read %s %s: %s",
                    what, path, strerror(errno));
    else if (status == STATUS_LIMIT)
        return pem_refuse(error, "%s %s is larger than any we accept", what,
                          path);
    else
        text_format(error->text, sizeof(error->text), "no memory to read %s %s",
                    what, path);
    return status;
}

/* What kind of file it seems to be instead. */
static const char *hint(const uint8_t *bytes)
{
    const char *text = (const char *)bytes;

    if (strstr(text, "PRIVATE KEY-----"))
        return " (it holds a private key; are the two files swapped?)";
    if (strstr(text, "-----BEGIN CERTIFICATE-----"))
        return "";
    return " (PEM is expected: -----BEGIN CERTIFICATE-----)";
}

enum status pem_read_certificates(const char *path, const char *what,
                                  mbedtls_x509_crt *certificates,
                                  struct crypto_error *error)
{
    uint8_t *bytes;
    size_t length;
    enum status status =
        pem_read(path, what, MAX_CERTIFICATES, &bytes, &length, error);
    int failed;

    if (status != STATUS_OK)
        return status;
    failed = mbedtls_x509_crt_parse(certificates, bytes, length + 1);
    if (failed == MBEDTLS_ERR_X509_ALLOC_FAILED) {
        status = STATUS_NO_MEMORY;
        text_format(error->text, sizeof(error->text), "no memory to read %s %s",
                    what, path);
    } else if (failed > 0) {
        status = pem_refuse(error,
                            "%s %s: %d of its certificates cannot be "
                            "read (damaged, or of a kind we do not "
                            "accept)",
                            what, path, failed);
    } else if (failed < 0) {
        status = pem_refuse(error, "%s %s cannot be read: %s%s", what, path,
                            certificate_parse_error(failed), hint(bytes));
    }
    secret_free(bytes);
    return status;
}
