/* SPDX-License-Identifier: MIT */
#include "wire/offers.h"
#include <stdlib.h>
#include <string.h>

enum { OFFER_USABLE = 0x01, OFFER_FLAGS = OFFER_USABLE };

/* flags: 8, load: 32, length of the name: 8, name. */
#define OFFER_HEADER 6u

bool offers_put(struct bytes_writer *writer, const struct offer *offer)
{
    size_t length = strlen(offer->name);

    if ((size_t)(writer->end - writer->at) < OFFER_HEADER + length)
        return false;
    bytes_put_u8(writer, offer->is_usable ? OFFER_USABLE : 0);
    bytes_put_u32(writer, offer->load);
    bytes_put_u8(writer, (uint8_t)length);
    bytes_put(writer, offer->name, length);
    return true;
}

/* An offer where it lies. */
struct entry {
    uint8_t flags;
    uint32_t load;
    size_t length;
    const char *name; /* without a NUL */
};

static bool next_entry(struct bytes_reader *reader, struct entry *entry)
{
    if (bytes_left(reader) == 0 || reader->failed)
        return false;
    entry->flags = bytes_take_u8(reader);
    entry->load = bytes_take_u32(reader);
    entry->length = bytes_take_u8(reader);
    entry->name = (const char *)bytes_take(reader, entry->length);
    return !reader->failed;
}

static void read_entry(const struct entry *entry, struct offer *offer)
{
    *offer = (struct offer){ .is_usable = entry->flags & OFFER_USABLE,
                             .load = entry->load };
    memcpy(offer->name, entry->name, entry->length);
}

bool offers_next(struct bytes_reader *reader, struct offer *offer)
{
    struct entry entry;

    if (!next_entry(reader, &entry))
        return false;
    if ((entry.flags & ~OFFER_FLAGS) != 0 ||
        !text_is_name(entry.name, entry.length)) {
        reader->failed = true;
        return false;
    }
    read_entry(&entry, offer);
    return true;
}

bool offers_are_sound(const struct offers *offers)
{
    struct bytes_reader reader = bytes_reader(offers->bytes, offers->length);
    struct offer offer;

    while (offers_next(&reader, &offer))
        ;
    return !reader.failed;
}

bool offers_find(const struct offers *offers, const char *name,
                 struct offer *found)
{
    struct bytes_reader reader = bytes_reader(offers->bytes, offers->length);
    size_t length = strlen(name);
    struct entry entry;

    while (next_entry(&reader, &entry)) {
        if (entry.length != length || memcmp(entry.name, name, length) != 0)
            continue;
        read_entry(&entry, found);
        return true;
    }
    return false;
}

bool offers_equal(const struct offers *a, const struct offers *b)
{
    return a->is_partial == b->is_partial && a->length == b->length &&
           (a->length == 0 || memcmp(a->bytes, b->bytes, a->length) == 0);
}

static bool is_noticeable(uint32_t before, uint32_t now)
{
    uint64_t larger = before > now ? before : now;
    uint64_t difference = before > now ? before - now : now - before;

    return difference > 0 && difference * 10 >= larger;
}

bool offers_are_news(const struct offers *before, const struct offers *now)
{
    struct bytes_reader readers[2] = {
        bytes_reader(before->bytes, before->length),
        bytes_reader(now->bytes, now->length),
    };
    struct entry a, b;

    if (before->is_partial != now->is_partial || before->length != now->length)
        return true;
    while (next_entry(&readers[0], &a)) {
        if (!next_entry(&readers[1], &b) || a.length != b.length ||
            memcmp(a.name, b.name, a.length) != 0 || a.flags != b.flags ||
            is_noticeable(a.load, b.load))
            return true;
    }
    return false;
}

struct offers *offers_copy(const struct offers *offers)
{
    struct offers *copy = malloc(sizeof(*copy) + offers->length);
    uint8_t *bytes;

    if (!copy)
        return NULL;
    bytes = (uint8_t *)(copy + 1);
    if (offers->length > 0)
        memcpy(bytes, offers->bytes, offers->length);
    *copy = (struct offers){ .bytes = bytes,
                             .length = offers->length,
                             .is_partial = offers->is_partial };
    return copy;
}
