/* SPDX-License-Identifier: MIT */
#include "support/crypto/hex.h"
#include "base/check.h"
#include <stdlib.h>
#include <string.h>

size_t hex(const char *digits, uint8_t *to, size_t size)
{
    size_t length = 0;

    while (digits += strspn(digits, " "), *digits) {
        char pair[3] = { digits[0], digits[1], '\0' };

        ASSERT(length < size && strspn(pair, "0123456789abcdef") == 2);
        to[length++] = (uint8_t)strtoul(pair, NULL, 16);
        digits += 2;
    }
    return length;
}
