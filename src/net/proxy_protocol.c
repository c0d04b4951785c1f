/* SPDX-License-Identifier: MIT */
#include "net/proxy_protocol.h"

#include "base/bytes.h"

enum {
    COMMAND_LOCAL = 0x20, /* version 2 in the upper half */
    COMMAND_PROXY = 0x21,
    FAMILY_NONE = 0x00,
    FAMILY_TCP4 = 0x11, /* a stream in the lower half */
    FAMILY_TCP6 = 0x21
};

static void put_start(struct bytes_writer *writer, uint8_t command,
                      uint8_t family, uint16_t length)
{
    static const uint8_t signature[12] = { '\r', '\n', '\r', '\n', 0,   '\r',
                                           '\n', 'Q',  'U',  'I',  'T', '\n' };

    bytes_put(writer, signature, sizeof(signature));
    bytes_put_u8(writer, command);
    bytes_put_u8(writer, family);
    bytes_put_u16(writer, length);
}

size_t proxy_protocol_write(const struct address *source,
                            const struct address *destination, uint8_t *out)
{
    struct bytes_writer writer = bytes_writer(out, PROXY_PROTOCOL_MAX);

    if (source->family == AF_INET && destination->family == AF_INET) {
        put_start(&writer, COMMAND_PROXY, FAMILY_TCP4, 4 + 4 + 2 + 2);
        bytes_put(&writer, &source->v4.sin_addr, 4);
        bytes_put(&writer, &destination->v4.sin_addr, 4);
    } else if (source->family == AF_INET6 && destination->family == AF_INET6) {
        put_start(&writer, COMMAND_PROXY, FAMILY_TCP6, 16 + 16 + 2 + 2);
        bytes_put(&writer, &source->v6.sin6_addr, 16);
        bytes_put(&writer, &destination->v6.sin6_addr, 16);
    } else {
        put_start(&writer, COMMAND_LOCAL, FAMILY_NONE, 0);
        return bytes_written(&writer);
    }
    bytes_put_u16(&writer, address_port(source));
    bytes_put_u16(&writer, address_port(destination));
    ASSERT(!writer.failed);
    return bytes_written(&writer);
}
