/* SPDX-License-Identifier: MIT */
/* Any bytes as the file in which a source's last good answer was kept. */
#include "discovery/memory.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t now = 1700000000;
    struct memory memory = { 0 };

    if (memory_decode((const char *)data, size, "dns:db:1", now, &memory) !=
        STATUS_OK)
        return 0;
    ASSERT(memory.endpoints->count <= ENDPOINTS_MAX);
    ASSERT(memory.answered_at <= now);
    ASSERT(now - memory.answered_at <= MEMORY_MAX_AGE_S);
    for (size_t i = 1; i < memory.endpoints->count; i++)
        ASSERT(memory.endpoints->items[i - 1].priority <=
               memory.endpoints->items[i].priority);
    free(memory.endpoints);
    return 0;
}
