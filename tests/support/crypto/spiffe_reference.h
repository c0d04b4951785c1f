/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_CRYPTO_SPIFFE_REFERENCE_H
#define SUPPORT_CRYPTO_SPIFFE_REFERENCE_H
#include <stdbool.h>
#include <string.h>

/* What spiffe_matches() says, segment by segment instead. */
static inline bool spiffe_reference(const char *identity, const char *pattern)
{
    for (;;) {
        size_t a = strcspn(identity, "/"), b = strcspn(pattern, "/");
        bool star = b > 0 && pattern[b - 1] == '*';

        if (star ? a < b || memcmp(identity, pattern, b - 1) != 0
                 : a != b || memcmp(identity, pattern, b) != 0)
            return false;
        identity += a;
        pattern += b;
        if (*identity != *pattern)
            return false;
        if (*identity == '\0')
            return true;
        identity++;
        pattern++;
    }
}
#endif
