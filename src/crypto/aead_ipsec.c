/* SPDX-License-Identifier: MIT */
/*
 * AES-256-GCM by Intel's multi-buffer library, where the build found it: on
 * processors with VAES three times as fast as libsodium's.
 */
#include "crypto/aead_method.h"
#ifdef ENTENTE_IPSEC_MB
#include <intel-ipsec-mb.h>
#include <sodium.h>

_Static_assert(sizeof(struct gcm_key_data) <= AEAD_CONTEXT_BYTES,
               "an expanded AES key with its hash keys fits");

/* Functions for this processor, or NULL; only read once made. */
static IMB_MGR *functions;
static bool looked_for;

static void find_functions(void)
{
    IMB_ARCH architecture = IMB_ARCH_NONE;

    functions = alloc_mb_mgr(0);
    if (!functions)
        return;
    init_mb_mgr_auto(functions, &architecture);
    /* Without VAES libsodium is as good. */
    if (!(functions->features & IMB_FEATURE_VAES) ||
        imb_get_errno(functions) != 0) {
        free_mb_mgr(functions);
        functions = NULL;
    }
}

/* First at start, before there are threads: see library_start(). */
static bool is_available(void)
{
    if (!looked_for)
        find_functions();
    looked_for = true;
    return functions != NULL;
}

static const struct gcm_key_data *key_of(const uint8_t *context)
{
    return (const struct gcm_key_data *)(const void *)context;
}

static void init(uint8_t *context, const uint8_t *key)
{
    IMB_AES256_GCM_PRE(functions, key, (struct gcm_key_data *)(void *)context);
}

static void seal(const uint8_t *context, const struct aead_message *message,
                 const uint8_t *plaintext, size_t length, uint8_t *to)
{
    struct gcm_context_data scratch;

    IMB_AES256_GCM_ENC(functions, key_of(context), &scratch, to, plaintext,
                       length, message->nonce, message->associated,
                       message->associated_length, to + length, AEAD_TAG_BYTES);
}

static bool open(const uint8_t *context, const struct aead_message *message,
                 uint8_t *bytes, size_t length)
{
    struct gcm_context_data scratch;
    size_t plaintext = length - AEAD_TAG_BYTES;
    uint8_t tag[AEAD_TAG_BYTES];

    IMB_AES256_GCM_DEC(functions, key_of(context), &scratch, bytes, bytes,
                       plaintext, message->nonce, message->associated,
                       message->associated_length, tag, sizeof(tag));
    return sodium_memcmp(tag, bytes + plaintext, sizeof(tag)) == 0;
}

const struct aead_method aead_ipsec_aes = {
    "aes-256-gcm", AEAD_AES_256_GCM, is_available, init, seal, open,
};
#endif
