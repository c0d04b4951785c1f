/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_CRYPTO_HEX_H
#define SUPPORT_CRYPTO_HEX_H
#include <stddef.h>
#include <stdint.h>

/* Bytes from hexadecimal digits, spaces allowed; returns how many. */
size_t hex(const char *digits, uint8_t *to, size_t size);
#endif
