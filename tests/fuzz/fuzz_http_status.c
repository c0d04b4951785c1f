/* SPDX-License-Identifier: MIT */
/* Any bytes as an answer of HTTP: the same, wherever they are cut. */
#include "health/http_status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_status whole, pieces;
    enum http_progress expected, progress = HTTP_MORE;

    http_status_init(&whole);
    http_status_init(&pieces);
    expected = http_status_read(&whole, data, size);
    for (size_t i = 0; i < size && progress == HTTP_MORE; i++)
        progress = http_status_read(&pieces, data + i, 1);
    ASSERT(progress == expected);
    ASSERT(whole.code == pieces.code);
    ASSERT(expected != HTTP_STATUS || (whole.code >= 200 && whole.code < 600));
    return 0;
}
