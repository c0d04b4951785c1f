/* SPDX-License-Identifier: MIT */
#include "keystream.h"
#include <string.h>

/* SplitMix64 at |index|: fast, and any place can be had at once. */
static uint64_t word_at(uint64_t key, uint64_t index)
{
    uint64_t z = key + (index + 1) * 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void keystream_fill(uint64_t key, uint64_t offset, uint8_t *bytes,
                    size_t length)
{
    size_t done = 0;

    while (done < length) {
        uint64_t word = word_at(key, (offset + done) / 8);
        size_t skip = (size_t)((offset + done) % 8);
        size_t take = length - done < 8 - skip ? length - done : 8 - skip;
        uint8_t raw[8];

        memcpy(raw, &word, sizeof(raw));
        memcpy(bytes + done, raw + skip, take);
        done += take;
    }
}

size_t keystream_match(uint64_t key, uint64_t offset, const uint8_t *bytes,
                       size_t length)
{
    uint8_t expected[4096];
    size_t done = 0;

    while (done < length) {
        size_t take =
            length - done < sizeof(expected) ? length - done : sizeof(expected);

        keystream_fill(key, offset + done, expected, take);
        if (memcmp(expected, bytes + done, take) != 0) {
            while (expected[0] == bytes[done] && take-- > 0) {
                done++;
                keystream_fill(key, offset + done, expected, 1);
            }
            return done;
        }
        done += take;
    }
    return length;
}
