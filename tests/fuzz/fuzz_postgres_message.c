/* SPDX-License-Identifier: MIT */
/* Any bytes of a server: the same, however they are cut. */
#include "health/postgres_message.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum postgres_progress next(struct postgres_reader *reader,
                                   const uint8_t *data, size_t size, size_t *at,
                                   size_t piece)
{
    enum postgres_progress progress = POSTGRES_MORE;

    while (progress == POSTGRES_MORE && *at < size) {
        size_t part = size - *at < piece ? size - *at : piece, used;

        progress = postgres_read(reader, data + *at, part, &used);
        ASSERT(used <= part);
        *at += used;
    }
    return progress;
}

static void interpret(const struct postgres_message *message)
{
    static const char codes[] = "SVCMDH";
    char text[8];

    for (size_t i = 0; i < sizeof(codes); i++) {
        bool is_there =
            postgres_error_field(message, codes[i], text, sizeof(text));

        ASSERT(strnlen(text, sizeof(text)) < sizeof(text));
        ASSERT(is_there || !*text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct postgres_reader whole, pieces;
    size_t at = 0, cut_at = 0;

    postgres_reader_init(&whole);
    postgres_reader_init(&pieces);
    for (;;) {
        enum postgres_progress progress = next(&whole, data, size, &at, size);

        ASSERT(next(&pieces, data, size, &cut_at, 1) == progress);
        ASSERT(at == cut_at);
        if (progress != POSTGRES_READ)
            return 0;
        ASSERT(whole.message.length <= POSTGRES_BODY);
        ASSERT(whole.message.length == pieces.message.length);
        ASSERT(memcmp(whole.message.body, pieces.message.body,
                      whole.message.length) == 0);
        interpret(&whole.message);
    }
}
