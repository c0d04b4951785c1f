/* SPDX-License-Identifier: MIT */
#include "crypto/entropy.h"
#include <psa/crypto.h>
#include <sodium.h>

int entropy_get(void *context, unsigned char *to, size_t length)
{
    (void)context;
    randombytes_buf(to, length);
    return 0;
}

#ifdef MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG /* not in a system's mbedTLS */
psa_status_t
mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *context,
                                uint8_t *output, size_t output_size,
                                size_t *output_length)
{
    (void)context;
    *output_length = output_size;
    return entropy_get(NULL, output, output_size) == 0
               ? PSA_SUCCESS
               : PSA_ERROR_INSUFFICIENT_ENTROPY;
}
#endif
