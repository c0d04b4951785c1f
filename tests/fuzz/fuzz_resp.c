/* SPDX-License-Identifier: MIT */
/* Any bytes as answers of Redis: the same, however they are cut. */
#include "health/resp.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum resp_progress next(struct resp_reader *reader, const uint8_t *data,
                               size_t size, size_t *at, size_t piece)
{
    enum resp_progress progress = RESP_MORE;

    while (progress == RESP_MORE && *at < size) {
        size_t part = size - *at < piece ? size - *at : piece, used;

        progress = resp_read(reader, data + *at, part, &used);
        ASSERT(used <= part);
        *at += used;
    }
    return progress;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct resp_reader whole, pieces;
    size_t at = 0, cut_at = 0;

    resp_init(&whole);
    resp_init(&pieces);
    for (;;) {
        enum resp_progress progress = next(&whole, data, size, &at, size);
        const struct resp_element *element = &whole.element;

        ASSERT(next(&pieces, data, size, &cut_at, 1) == progress);
        ASSERT(at == cut_at);
        if (progress != RESP_READ)
            return 0;
        ASSERT(memcmp(element->text, pieces.element.text,
                      element->length + 1) == 0);
        ASSERT(element->type == pieces.element.type &&
               element->number == pieces.element.number &&
               element->is_last == pieces.element.is_last);
        ASSERT(element->length <= RESP_TEXT &&
               element->text[element->length] == '\0');
        ASSERT(element->depth <= RESP_MAX_DEPTH);
    }
}
