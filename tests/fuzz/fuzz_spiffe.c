/* SPDX-License-Identifier: MIT */
/* A NUL parts the identity from the pattern; matching is done twice. */
#include "crypto/spiffe.h"
#include "support/crypto/spiffe_reference.h"
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *end = memchr(text, '\0', size);
    size_t length = end ? (size_t)(end - text) : size;
    struct spiffe identity, domain;
    char pattern[4096] = "";

    if (!spiffe_parse(&identity, text, length))
        return 0;
    ASSERT(strlen(identity.text) == length && length <= SPIFFE_MAX_LENGTH);
    ASSERT(memcmp(identity.text, text, length) == 0);
    ASSERT(!strstr(identity.text + 9, "//") &&
           !strstr(identity.text + 9, "/../"));
    ASSERT(strcspn(identity.text, "*%?#@ \t\r\n\\") == length);
    ASSERT(spiffe_pattern_is_valid(identity.text));
    ASSERT(spiffe_matches(&identity, identity.text));
    ASSERT(!spiffe_parse_trust_domain(&domain, text, length));
    if (!end || size - length - 1 >= sizeof(pattern))
        return 0;
    memcpy(pattern, end + 1, size - length - 1);
    if (spiffe_pattern_is_valid(pattern))
        ASSERT(spiffe_matches(&identity, pattern) ==
               spiffe_reference(identity.text, pattern));
    return 0;
}
