/* SPDX-License-Identifier: MIT */
#include "crypto/der.h"
#include <mbedtls/asn1.h>
#include <string.h>
#include <time.h>

struct der der(uint8_t *room, size_t size)
{
    return (struct der){ .start = room, .at = room + size, .end = room + size };
}

size_t der_length(const struct der *der)
{
    return (size_t)(der->end - der->at);
}

void der_put(struct der *der, const void *bytes, size_t length)
{
    if (der->failed || length > (size_t)(der->at - der->start)) {
        der->failed = true;
        return;
    }
    der->at -= length;
    if (length > 0)
        memcpy(der->at, bytes, length);
}

static void put_byte(struct der *der, uint8_t byte)
{
    der_put(der, &byte, 1);
}

void der_wrap(struct der *der, uint8_t tag, const uint8_t *end)
{
    size_t length = (size_t)(end - der->at);
    uint8_t width = 0;

    if (length < 128) {
        put_byte(der, (uint8_t)length);
    } else {
        for (; length > 0; length >>= 8, width++)
            put_byte(der, (uint8_t)length);
        put_byte(der, (uint8_t)(0x80 | width));
    }
    put_byte(der, tag);
}

void der_put_tagged(struct der *der, uint8_t tag, const void *bytes,
                    size_t length)
{
    const uint8_t *end = der->at;

    der_put(der, bytes, length);
    der_wrap(der, tag, end);
}

void der_put_integer(struct der *der, const uint8_t *bytes, size_t length)
{
    const uint8_t *end = der->at;

    while (length > 1 && bytes[0] == 0) {
        bytes++;
        length--;
    }
    der_put(der, bytes, length);
    if (length > 0 && bytes[0] & 0x80)
        put_byte(der, 0); /* else it would be negative */
    der_wrap(der, MBEDTLS_ASN1_INTEGER, end);
}

void der_put_time(struct der *der, int64_t seconds)
{
    time_t moment = (time_t)seconds;
    struct tm fields;
    char text[32];
    bool is_short;

    ASSERT(gmtime_r(&moment, &fields) != NULL);
    is_short = fields.tm_year >= 50 && fields.tm_year < 150;
    strftime(text, sizeof(text), "%Y%m%d%H%M%SZ", &fields);
    if (is_short)
        der_put_tagged(der, MBEDTLS_ASN1_UTC_TIME, text + 2, strlen(text) - 2);
    else
        der_put_tagged(der, MBEDTLS_ASN1_GENERALIZED_TIME, text, strlen(text));
}
