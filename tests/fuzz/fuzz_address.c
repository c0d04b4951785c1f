/* SPDX-License-Identifier: MIT */
/*
 * Addresses come from configuration, registries and name servers.  Whatever
 * is accepted must survive being written and read again.
 */
#include "net/address.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct address address, again;
    char text[512], host[256], formatted[ADDRESS_TEXT];
    uint16_t port;

    if (size >= sizeof(text))
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    ASSERT(address_parse(&address, text) == !address_why_not(text));
    if (address_parse(&address, text)) {
        ASSERT(address_parse(&again, address_format(&address, formatted)));
        ASSERT(address_equal(&address, &again));
    }
    if (address_split(text, host, sizeof(host), &port))
        ASSERT(port > 0 && (address_is_host_name(host) ||
                            address_from_ip(&address, host, port)));
    return 0;
}
