/* SPDX-License-Identifier: MIT */
/* Any bytes of a server: the same, however they are cut. */
#include "health/mysql_packet.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum mysql_progress next(struct mysql_reader *reader,
                                const uint8_t *data, size_t size, size_t *at,
                                size_t piece)
{
    enum mysql_progress progress = MYSQL_MORE;

    while (progress == MYSQL_MORE && *at < size) {
        size_t part = size - *at < piece ? size - *at : piece, used;

        progress = mysql_read(reader, data + *at, part, &used);
        ASSERT(used <= part);
        *at += used;
    }
    return progress;
}

static void interpret(const struct mysql_packet *packet)
{
    char text[16];

    ASSERT(packet->length > 0);
    ASSERT(mysql_error(packet, text, sizeof(text)) <= UINT16_MAX);
    ASSERT(strnlen(text, sizeof(text)) < sizeof(text));
    if (!mysql_switch_method(packet, text, sizeof(text)))
        return;
    ASSERT(strlen(text) < packet->length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mysql_reader whole, pieces;
    size_t at = 0, cut_at = 0;

    mysql_reader_init(&whole);
    mysql_reader_init(&pieces);
    for (;;) {
        enum mysql_progress progress = next(&whole, data, size, &at, size);

        ASSERT(next(&pieces, data, size, &cut_at, 1) == progress);
        ASSERT(at == cut_at);
        if (progress != MYSQL_READ)
            return 0;
        ASSERT(whole.packet.length <= MYSQL_BODY);
        ASSERT(whole.packet.length == pieces.packet.length);
        ASSERT(memcmp(whole.packet.body, pieces.packet.body,
                      whole.packet.length) == 0);
        interpret(&whole.packet);
    }
}
