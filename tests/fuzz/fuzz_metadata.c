/* SPDX-License-Identifier: MIT */
/*
 * The fields of OPEN and HELLO: what decodes is within its bounds, and is the
 * same after being encoded and decoded again.  The first byte says which.
 */
#include "wire/frame.h"
#include "wire/metadata.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_text(const char *text, size_t size)
{
    size_t length = strnlen(text, size);

    ASSERT(length < size);
    for (size_t i = 0; i < length; i++)
        ASSERT(text[i] >= 0x20 && text[i] <= 0x7e);
}

static void check_open(const uint8_t *data, size_t size)
{
    struct metadata first, second;
    uint8_t bytes[2][FRAME_MAX_OPEN];
    struct bytes_writer writers[2] = {
        bytes_writer(bytes[0], sizeof(bytes[0])),
        bytes_writer(bytes[1], sizeof(bytes[1])),
    };

    if (!metadata_decode(&first, data, size))
        return;
    ASSERT(text_is_name(first.service, strlen(first.service)));
    ASSERT(first.class <= CLASS_BULK);
    ASSERT(first.source_ip_length == 0 || first.source_ip_length == 4 ||
           first.source_ip_length == 16);
    metadata_encode(&first, &writers[0]);
    ASSERT(!writers[0].failed);
    ASSERT(metadata_decode(&second, bytes[0], bytes_written(&writers[0])));
    metadata_encode(&second, &writers[1]);
    ASSERT(bytes_written(&writers[0]) == bytes_written(&writers[1]));
    ASSERT(memcmp(bytes[0], bytes[1], bytes_written(&writers[0])) == 0);
    ASSERT(strcmp(first.service, second.service) == 0);
    ASSERT(first.source_port == second.source_port ||
           first.source_ip_length == 0);
}

static void check_hello(const uint8_t *data, size_t size)
{
    struct hello first, second;
    uint8_t bytes[2][512];
    struct bytes_writer writers[2] = {
        bytes_writer(bytes[0], sizeof(bytes[0])),
        bytes_writer(bytes[1], sizeof(bytes[1])),
    };

    if (!hello_decode(&first, data, size))
        return;
    ASSERT(first.credit >= HELLO_MIN_CREDIT &&
           first.credit <= HELLO_MAX_CREDIT);
    assert_text(first.version, sizeof(first.version));
    assert_text(first.node, sizeof(first.node));
    hello_encode(&first, &writers[0]);
    ASSERT(!writers[0].failed);
    ASSERT(hello_decode(&second, bytes[0], bytes_written(&writers[0])));
    hello_encode(&second, &writers[1]);
    ASSERT(bytes_written(&writers[0]) == bytes_written(&writers[1]));
    ASSERT(memcmp(bytes[0], bytes[1], bytes_written(&writers[0])) == 0);
    ASSERT(first.max_streams == second.max_streams);
    ASSERT(strcmp(first.node, second.node) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] & 1)
        check_hello(data + 1, size - 1);
    else
        check_open(data + 1, size - 1);
    return 0;
}
