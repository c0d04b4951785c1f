/* SPDX-License-Identifier: MIT */
#include "crypto/aead.h"
#include "crypto/aead_method.h"

/* Of each kind the first that is available counts. */
static const struct aead_method *const methods[] = {
#ifdef ENTENTE_IPSEC_MB
    &aead_ipsec_aes,
#endif
    &aead_sodium_aes,
    &aead_sodium_chacha,
};

static const struct aead_method *find_method(enum aead_kind kind)
{
    for (size_t i = 0; i < ARRAY_LENGTH(methods); i++)
        if (methods[i]->kind == kind && methods[i]->is_available())
            return methods[i];
    return NULL;
}

bool aead_is_available(enum aead_kind kind)
{
    return find_method(kind) != NULL;
}

void aead_init(struct aead *aead, enum aead_kind kind,
               const uint8_t key[AEAD_KEY_BYTES])
{
    aead->method = find_method(kind);
    ASSERT(aead->method);
    aead->method->init(aead->context, key);
}

const char *aead_name(const struct aead *aead)
{
    return aead->method->name;
}

void aead_seal(const struct aead *aead, const struct aead_message *message,
               const uint8_t *plaintext, size_t length, uint8_t *to)
{
    aead->method->seal(aead->context, message, plaintext, length, to);
}

bool aead_open(const struct aead *aead, const struct aead_message *message,
               uint8_t *bytes, size_t length)
{
    return length >= AEAD_TAG_BYTES &&
           aead->method->open(aead->context, message, bytes, length);
}
