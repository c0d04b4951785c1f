/* SPDX-License-Identifier: MIT */
#include "discovery/endpoint.h"
#include <stdlib.h>
#include <string.h>

static int compare_numbers(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int compare_addresses(const struct address *a, const struct address *b)
{
    int order = compare_numbers(a->family, b->family);

    if (order != 0)
        return order;
    if (a->family == AF_INET)
        order = memcmp(&a->v4.sin_addr, &b->v4.sin_addr, 4);
    else if (a->family == AF_INET6)
        order = memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, 16);
    else
        order = memcmp(&a->path, &b->path,
                       a->length < b->length ? a->length : b->length);
    if (order == 0)
        order = compare_numbers(a->length, b->length);
    if (order == 0)
        order = compare_numbers(address_port(a), address_port(b));
    if (order == 0 && a->family == AF_INET6)
        order = compare_numbers(a->v6.sin6_scope_id, b->v6.sin6_scope_id);
    return order;
}

/* One address's entries together, the preferred one first. */
static int by_address(const void *left, const void *right)
{
    const struct endpoint *a = left, *b = right;
    int order = compare_addresses(&a->address, &b->address);

    if (order == 0)
        order = compare_numbers(a->tier, b->tier);
    if (order == 0)
        order = compare_numbers(a->priority, b->priority);
    if (order == 0)
        order = compare_numbers(b->weight, a->weight);
    return order != 0 ? order : strcmp(a->name, b->name);
}

static int by_preference(const void *left, const void *right)
{
    const struct endpoint *a = left, *b = right;
    int order = compare_numbers(a->tier, b->tier);

    if (order == 0)
        order = compare_numbers(a->priority, b->priority);
    if (order == 0)
        order = strcmp(a->name, b->name);
    return order != 0 ? order : compare_addresses(&a->address, &b->address);
}

struct endpoints *endpoints_new(const struct endpoint *items, size_t count)
{
    struct endpoints *endpoints =
        calloc(1, sizeof(*endpoints) + count * sizeof(*items));
    size_t kept = 0;

    if (!endpoints)
        return NULL;
    if (count > 0)
        memcpy(endpoints->items, items, count * sizeof(*items));
    qsort(endpoints->items, count, sizeof(*items), by_address);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || compare_addresses(&endpoints->items[kept - 1].address,
                                           &endpoints->items[i].address) != 0)
            endpoints->items[kept++] = endpoints->items[i];
    qsort(endpoints->items, kept, sizeof(*items), by_preference);
    endpoints->count = kept < ENDPOINTS_MAX ? kept : ENDPOINTS_MAX;
    return endpoints;
}

static bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
    return a->tier == b->tier && a->priority == b->priority &&
           a->weight == b->weight &&
           compare_addresses(&a->address, &b->address) == 0 &&
           strcmp(a->name, b->name) == 0;
}

bool endpoints_equal(const struct endpoints *a, const struct endpoints *b)
{
    size_t count = a ? a->count : 0;

    if (count != (b ? b->count : 0) || (a && a->is_set) != (b && b->is_set))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!endpoint_equal(&a->items[i], &b->items[i]))
            return false;
    return true;
}

/* FNV-1a. */
static uint64_t mix(uint64_t digest, const void *bytes, size_t length)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < length; i++)
        digest = (digest ^ at[i]) * UINT64_C(0x100000001b3);
    return digest;
}

uint64_t endpoints_digest(const struct endpoints *endpoints)
{
    uint64_t digest = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; endpoints && i < endpoints->count; i++) {
        const struct endpoint *endpoint = &endpoints->items[i];
        char text[ADDRESS_TEXT];

        address_format(&endpoint->address, text);
        digest = mix(digest, text, strlen(text) + 1);
        digest = mix(digest, endpoint->name, strlen(endpoint->name) + 1);
        digest = mix(digest, &endpoint->priority, sizeof(endpoint->priority));
        digest = mix(digest, &endpoint->weight, sizeof(endpoint->weight));
    }
    return digest;
}

bool endpoints_have(const struct endpoints *endpoints,
                    const struct address *address)
{
    for (size_t i = 0; endpoints && i < endpoints->count; i++)
        if (compare_addresses(&endpoints->items[i].address, address) == 0)
            return true;
    return false;
}

static int by_pointed_address(const void *left, const void *right)
{
    const struct address *const *a = left, *const *b = right;

    return compare_addresses(*a, *b);
}

/* The addresses in order; NULL without memory. */
static const struct address **sort_addresses(const struct endpoints *endpoints)
{
    const struct address **sorted =
        calloc(endpoints->count + 1, sizeof(*sorted));

    if (!sorted)
        return NULL;
    for (size_t i = 0; i < endpoints->count; i++)
        sorted[i] = &endpoints->items[i].address;
    qsort(sorted, endpoints->count, sizeof(*sorted), by_pointed_address);
    return sorted;
}

size_t endpoints_missing(const struct endpoints *from,
                         const struct endpoints *in)
{
    size_t all = from ? from->count : 0, missing = 0;
    const struct address **sorted = in ? sort_addresses(in) : NULL;

    if (!sorted) /* without memory they cannot be told apart, either */
        return all;
    for (size_t i = 0; i < all; i++) {
        const struct address *address = &from->items[i].address;

        missing += !bsearch(&address, sorted, in->count, sizeof(*sorted),
                            by_pointed_address);
    }
    free(sorted);
    return missing;
}
