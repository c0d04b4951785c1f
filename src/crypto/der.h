/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_DER_H
#define CRYPTO_DER_H
#include "base/check.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Writes DER from its end to its start, since a length stands in front of
 * what it measures.  One that ran out of room stays failed.
 */
struct der {
    uint8_t *start; /* borrowed */
    uint8_t *at;    /* the first byte written */
    uint8_t *end;
    bool failed;
};

struct der der(uint8_t *room, size_t size);
void der_put(struct der *der, const void *bytes, size_t length);

/* Everything written since |end| was der->at becomes the content of |tag|. */
void der_wrap(struct der *der, uint8_t tag, const uint8_t *end);

/* |tag| with |bytes| in it. */
void der_put_tagged(struct der *der, uint8_t tag, const void *bytes,
                    size_t length);

/* A positive INTEGER from big-endian |bytes|. */
void der_put_integer(struct der *der, const uint8_t *bytes, size_t length);

/* UTCTime until 2049, then GeneralizedTime, as X.509 wants it. */
void der_put_time(struct der *der, int64_t seconds);

size_t der_length(const struct der *der);
#endif
