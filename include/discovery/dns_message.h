/* SPDX-License-Identifier: MIT */
#ifndef DISCOVERY_DNS_MESSAGE_H
#define DISCOVERY_DNS_MESSAGE_H
#include "base/check.h"
#include "base/status.h"
#include "net/address.h"
#include <stddef.h>
#include <stdint.h>

/*
 * What a DNS server answered, read from the bytes of its message (RFC 1035,
 * RFC 2782).  The library that fetched it has matched it to our question.
 * Pure; every byte comes from outside.
 */
enum dns_type { DNS_A = 1, DNS_CNAME = 5, DNS_AAAA = 28, DNS_SRV = 33 };

enum { DNS_NAME = 256 };

struct dns_address {
    struct address address; /* port 0 */
    size_t target; /* index of the first target of that name; SRV only */
};

struct dns_target {
    char host[DNS_NAME]; /* lower case, without the last dot */
    uint16_t port;
    uint16_t priority;
    uint16_t weight;
    uint32_t address_ttl_s; /* of its addresses, if any came along */
};

struct dns_answer {
    uint32_t ttl_s; /* the least of the records that were asked for */
    bool declined; /* SRV with target ".": there is decidedly no such service */
    size_t useless_count; /* SRV whose port is 0 or whose target is no name */
    size_t address_count;
    struct dns_address *addresses; /* A, AAAA: all; SRV: those it brought */
    size_t target_count;
    struct dns_target *targets; /* SRV only; those to be preferred first */
};

/*
 * The answer to a question for |type| (DNS_A, DNS_AAAA or DNS_SRV) in |bytes|;
 * aliases are followed.  STATUS_OK with nothing found in it is possible.
 * STATUS_PROTOCOL: not a DNS answer.  Released by dns_answer_clear().
 */
MUST_CHECK enum status dns_answer_decode(struct dns_answer *answer,
                                         const uint8_t *bytes, size_t length,
                                         enum dns_type type);
void dns_answer_clear(struct dns_answer *answer);
#endif
