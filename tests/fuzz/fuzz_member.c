/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the data of a ZooKeeper node: nerve's JSON, Finagle's
 * serverset, or plain text.  What is accepted survives being announced.
 */
#include "discovery/member.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct member member, again;
    char error[128] = "", text[1024];

    if (member_parse(&member, (const char *)data, size, error, sizeof(error)) !=
        STATUS_OK) {
        ASSERT(error[0] != '\0');
        return 0;
    }
    ASSERT(member.target.port > 0 && member.target.host[0] != '\0');
    ASSERT(member_format(&member.target, "name", text, sizeof(text)));
    ASSERT(member_parse(&again, text, strlen(text), error, sizeof(error)) ==
           STATUS_OK);
    ASSERT(strcmp(again.target.host, member.target.host) == 0);
    ASSERT(again.target.port == member.target.port);
    ASSERT(again.target.weight == member.target.weight);
    ASSERT(again.target.priority == member.target.priority);
    return 0;
}
