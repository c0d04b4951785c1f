/* SPDX-License-Identifier: MIT */
/*
 * What a peer offers: a sound list is the same after being put again, each name
 * in it is found, and it is no news to who has it; any other is refused as a
 * whole.
 */
#include "wire/frame.h"
#include "wire/offers.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_names(const struct offers *offers)
{
    struct bytes_reader reader = bytes_reader(offers->bytes, offers->length);
    struct offer offer, found;

    while (offers_next(&reader, &offer)) {
        ASSERT(text_is_name(offer.name, strlen(offer.name)));
        ASSERT(offers_find(offers, offer.name, &found));
        ASSERT(strcmp(found.name, offer.name) == 0);
    }
    ASSERT(!offers_find(offers, "", &found));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t again[FRAME_MAX_OFFERS];
    struct bytes_writer writer = bytes_writer(again, sizeof(again));
    struct offers offers = { .bytes = data, .length = size }, *copy;
    struct bytes_reader reader = bytes_reader(data, size);
    struct offer offer;

    if (size > FRAME_MAX_OFFERS)
        return 0;
    while (offers_next(&reader, &offer))
        ASSERT(offers_put(&writer, &offer));
    ASSERT(offers_are_sound(&offers) == !reader.failed);
    ASSERT(memcmp(data, again, bytes_written(&writer)) == 0);
    if (reader.failed)
        return 0;
    ASSERT(bytes_written(&writer) == size);
    check_names(&offers);
    copy = offers_copy(&offers);
    ASSERT(copy && offers_equal(copy, &offers));
    ASSERT(!offers_are_news(copy, &offers));
    free(copy);
    return 0;
}
