/* SPDX-License-Identifier: MIT */
#ifndef CRYPTO_ENTROPY_H
#define CRYPTO_ENTROPY_H
#include <stddef.h>

/*
 * Random bytes from the kernel, in the shape mbedTLS asks for; |context| is
 * unused.  Always 0: where the kernel has none to give, libsodium aborts.
 */
int entropy_get(void *context, unsigned char *to, size_t length);
#endif
