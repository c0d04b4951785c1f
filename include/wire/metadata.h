/* SPDX-License-Identifier: MIT */
#ifndef WIRE_METADATA_H
#define WIRE_METADATA_H
#include "base/bytes.h"
#include "base/check.h"
#include "base/text.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The fields of OPEN and HELLO: docs/PROTOCOL.md sections 3 and 4.  Pure.
 */
enum metadata_class { CLASS_AUTO, CLASS_INTERACTIVE, CLASS_BULK };

/* What a stream is opened for. */
struct metadata {
    char service[TEXT_MAX_NAME + 1];
    uint8_t source_ip[16];
    uint8_t source_ip_length; /* 4, 16, or 0: not given */
    uint16_t source_port;
    enum metadata_class class;
};

/* Payload of OPEN, at most FRAME_MAX_OPEN bytes. */
void metadata_encode(const struct metadata *metadata,
                     struct bytes_writer *writer);
/* False if any field is bad or the service is missing. */
MUST_CHECK bool metadata_decode(struct metadata *metadata, const uint8_t *bytes,
                                size_t length);

enum { HELLO_INSTANCE = 16, HELLO_MAX_VERSION = 64 };

/* What an end says of itself. */
struct hello {
    uint8_t instance[HELLO_INSTANCE];
    uint32_t max_streams;
    uint32_t credit;
    char version[HELLO_MAX_VERSION + 1];
    char node[TEXT_MAX_NAME + 1];
};

#define HELLO_MIN_CREDIT 1024u
#define HELLO_MAX_CREDIT 1048576u

void hello_encode(const struct hello *hello, struct bytes_writer *writer);
/* False if a required field is missing or any is bad. */
MUST_CHECK bool hello_decode(struct hello *hello, const uint8_t *bytes,
                             size_t length);
#endif
