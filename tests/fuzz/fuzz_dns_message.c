/* SPDX-License-Identifier: MIT */
/* Any bytes as a name server's answer to each of our questions. */
#include "discovery/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_targets(const struct dns_answer *answer)
{
    for (size_t i = 0; i < answer->target_count; i++) {
        ASSERT(address_is_host_name(answer->targets[i].host));
        ASSERT(answer->targets[i].port > 0);
    }
    ASSERT(!answer->declined || answer->target_count == 0);
}

static void decode(const uint8_t *data, size_t size, enum dns_type type)
{
    struct dns_answer answer;

    if (dns_answer_decode(&answer, data, size, type) != STATUS_OK) {
        ASSERT(!answer.addresses && !answer.targets);
        return;
    }
    ASSERT(answer.ttl_s <= INT32_MAX);
    for (size_t i = 0; i < answer.address_count; i++) {
        char text[ADDRESS_TEXT];
        struct address again;

        address_format(&answer.addresses[i].address, text);
        ASSERT(address_parse(&again, text));
        ASSERT(type != DNS_SRV ||
               answer.addresses[i].target < answer.target_count);
    }
    check_targets(&answer);
    dns_answer_clear(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    decode(data, size, DNS_A);
    decode(data, size, DNS_AAAA);
    decode(data, size, DNS_SRV);
    return 0;
}
