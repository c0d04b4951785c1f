/* SPDX-License-Identifier: MIT */
/* Any text as a source or an announcement: a verdict, and a reason for no. */
#include "discovery/announcement.h"
#include "discovery/source.h"
#include "discovery/zookeeper_place.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[2048], error[256] = "";
    struct zookeeper_place place;

    if (size >= sizeof(text))
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    ASSERT(source_is_valid(text, error, sizeof(error)) == (error[0] == '\0'));
    error[0] = '\0';
    ASSERT(announcement_is_valid(text, error, sizeof(error)) ==
           (error[0] == '\0'));
    error[0] = '\0';
    if (zookeeper_place_parse(&place, text, error, sizeof(error)))
        ASSERT(place.count > 0 && place.path[0] == '/' &&
               strlen(place.path) > 1);
    if (announcement_is_name(text))
        ASSERT(text[0] != '\0' && strlen(text) <= 63 && !strchr(text, '/'));
    return 0;
}
