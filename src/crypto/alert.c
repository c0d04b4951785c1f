/* SPDX-License-Identifier: MIT */
#include "crypto/alert.h"
#include "base/check.h"
#include <stddef.h>

#define NO_CERTIFICATE \
    "wants a certificate and saw none of ours (identity not configured?)"

static const struct {
    enum alert alert;
    const char *name;
    const char *words;
} alerts[] = {
    { ALERT_CLOSE_NOTIFY, "close_notify", "closed the connection" },
    { ALERT_UNEXPECTED_MESSAGE, "unexpected_message",
      "broke off: it got a message it did not expect" },
    { ALERT_BAD_RECORD_MAC, "bad_record_mac",
      "broke off: what it received was changed on the way" },
    { ALERT_RECORD_OVERFLOW, "record_overflow",
      "broke off: it got a record that is too long" },
    { ALERT_HANDSHAKE_FAILURE, "handshake_failure",
      "found nothing in common with us to speak (cipher, curve, signature)" },
    { ALERT_NO_CERTIFICATE, "no_certificate", NO_CERTIFICATE },
    { ALERT_BAD_CERTIFICATE, "bad_certificate",
      "refused our certificate: malformed, or not one identity" },
    { ALERT_UNSUPPORTED_CERTIFICATE, "unsupported_certificate",
      "refused our certificate: not made for this use, or too weak" },
    { ALERT_CERTIFICATE_REVOKED, "certificate_revoked",
      "refused our certificate: revoked" },
    { ALERT_CERTIFICATE_EXPIRED, "certificate_expired",
      "refused our certificate: expired or not yet valid (clock wrong?)" },
    { ALERT_CERTIFICATE_UNKNOWN, "certificate_unknown",
      "refused our certificate without saying why" },
    { ALERT_ILLEGAL_PARAMETER, "illegal_parameter",
      "broke off: it got a value that is not allowed" },
    { ALERT_UNKNOWN_CA, "unknown_ca",
      "refused our certificate: it does not trust the CA that signed it" },
    { ALERT_ACCESS_DENIED, "access_denied",
      "refused our certificate: genuine, but it may not be used here" },
    { ALERT_DECODE_ERROR, "decode_error",
      "broke off: it could not read what it received" },
    { ALERT_DECRYPT_ERROR, "decrypt_error",
      "broke off: a signature or checksum of ours was wrong for it" },
    { ALERT_PROTOCOL_VERSION, "protocol_version", "does not speak TLS 1.3" },
    { ALERT_INSUFFICIENT_SECURITY, "insufficient_security",
      "wants stronger ciphers than we have" },
    { ALERT_INTERNAL_ERROR, "internal_error",
      "broke off: something failed on its side" },
    { ALERT_USER_CANCELED, "user_canceled", "canceled" },
    { ALERT_MISSING_EXTENSION, "missing_extension",
      "broke off: it misses an extension of TLS" },
    { ALERT_UNSUPPORTED_EXTENSION, "unsupported_extension",
      "broke off: it got an extension of TLS it had not asked for" },
    { ALERT_CERTIFICATE_REQUIRED, "certificate_required", NO_CERTIFICATE },
    { ALERT_NO_APPLICATION_PROTOCOL, "no_application_protocol",
      "does not speak our protocol (not an ambassador, or another version)" },
};

const char *alert_name(int alert)
{
    for (size_t i = 0; i < ARRAY_LENGTH(alerts); i++)
        if ((int)alerts[i].alert == alert)
            return alerts[i].name;
    return "unknown";
}

const char *alert_words(int alert)
{
    for (size_t i = 0; i < ARRAY_LENGTH(alerts); i++)
        if ((int)alerts[i].alert == alert)
            return alerts[i].words;
    return "broke off, for a reason we do not know";
}
