/* SPDX-License-Identifier: MIT */
#include "crypto/spiffe.h"
#include <string.h>

static const char scheme[] = "spiffe://";

#define SCHEME_LENGTH (sizeof(scheme) - 1)
#define MAX_TRUST_DOMAIN 255u

static bool is_domain_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

static bool is_path_character(char c)
{
    return is_domain_character(c) || (c >= 'A' && c <= 'Z');
}

/* Length of scheme and trust domain at the front of |text|, or 0. */
static size_t domain_end(const char *text, size_t length)
{
    size_t at = SCHEME_LENGTH;

    if (length <= SCHEME_LENGTH || memcmp(text, scheme, SCHEME_LENGTH) != 0)
        return 0;
    while (at < length && is_domain_character(text[at]))
        at++;
    if (at == SCHEME_LENGTH || at - SCHEME_LENGTH > MAX_TRUST_DOMAIN)
        return 0;
    return at;
}

/* One segment of a path; its last character may be '*' if |pattern|. */
static bool is_segment(const char *text, size_t length, bool pattern)
{
    if (length > 0 && pattern && text[length - 1] == '*')
        return length == 1 || is_segment(text, length - 1, false) ||
               strspn(text, ".") + 1 == length;
    if (length == 0 || (length == 1 && text[0] == '.') ||
        (length == 2 && text[0] == '.' && text[1] == '.'))
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_path_character(text[i]))
            return false;
    return true;
}

static bool is_identity(const char *text, size_t length, bool pattern)
{
    size_t at = domain_end(text, length);

    if (at == 0 || at == length || length > SPIFFE_MAX_LENGTH)
        return false;
    while (at < length) {
        const char *segment = text + at + 1;
        const char *slash;
        size_t segment_length;

        if (text[at] != '/')
            return false;
        slash = memchr(segment, '/', length - at - 1);
        segment_length = slash ? (size_t)(slash - segment) : length - at - 1;
        if (!is_segment(segment, segment_length, pattern))
            return false;
        at += 1 + segment_length;
    }
    return true;
}

static void keep(struct spiffe *spiffe, const char *text, size_t length)
{
    memcpy(spiffe->text, text, length);
    spiffe->text[length] = '\0';
}

bool spiffe_parse(struct spiffe *spiffe, const char *text, size_t length)
{
    if (!is_identity(text, length, false))
        return false;
    keep(spiffe, text, length);
    return true;
}

bool spiffe_parse_trust_domain(struct spiffe *spiffe, const char *text,
                               size_t length)
{
    if (length > SPIFFE_MAX_LENGTH || domain_end(text, length) != length ||
        length == 0)
        return false;
    keep(spiffe, text, length);
    return true;
}

bool spiffe_pattern_is_valid(const char *pattern)
{
    return is_identity(pattern, strlen(pattern), true);
}

/* A valid pattern has '*' only where a segment ends. */
bool spiffe_matches(const struct spiffe *spiffe, const char *pattern)
{
    const char *text = spiffe->text;

    ASSERT(spiffe_pattern_is_valid(pattern));
    for (; *pattern != '\0'; pattern++) {
        if (*pattern == '*') {
            size_t rest = strcspn(text, "/");

            if (rest == 0)
                return false;
            text += rest;
        } else if (*pattern != *text++) {
            return false;
        }
    }
    return *text == '\0';
}

bool spiffe_same_trust_domain(const struct spiffe *a, const struct spiffe *b)
{
    size_t length = domain_end(a->text, strlen(a->text));

    return length > 0 && length == domain_end(b->text, strlen(b->text)) &&
           memcmp(a->text, b->text, length) == 0;
}
