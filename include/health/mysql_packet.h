/* SPDX-License-Identifier: MIT */
#ifndef HEALTH_MYSQL_PACKET_H
#define HEALTH_MYSQL_PACKET_H
#include "base/bytes.h"
#include "base/check.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Packets of MySQL's and MariaDB's protocol, as far as a login needs them.
 * What a server says is read as it comes in pieces, one packet at a time; of a
 * long one only the beginning is kept.  Pure and of fixed size.
 */
enum { MYSQL_BODY = 512 };

/* What the first byte of an answer says. */
enum mysql_answer {
    MYSQL_OK = 0x00,
    MYSQL_MORE_DATA = 0x01,
    MYSQL_GREETING = 0x0a, /* the first packet, of protocol 10 */
    MYSQL_SWITCH = 0xfe,   /* log in by another method */
    MYSQL_ERROR = 0xff
};

struct mysql_packet {
    uint8_t number;           /* the answer has the next one */
    uint8_t body[MYSQL_BODY]; /* its beginning */
    size_t length;            /* of what is kept */
};

struct mysql_reader {
    struct mysql_packet packet; /* under way */
    uint8_t head[4];
    size_t head_length;
    uint32_t left; /* bytes of the body that are still to come */
};

enum mysql_progress { MYSQL_MORE, MYSQL_READ, MYSQL_BROKEN };

void mysql_reader_init(struct mysql_reader *reader);

/* Read at most one packet from |bytes|; |*used| of them are. */
MUST_CHECK enum mysql_progress mysql_read(struct mysql_reader *reader,
                                          const uint8_t *bytes, size_t length,
                                          size_t *used);

/* The number of an MYSQL_ERROR, 0 if it has none, and its text. */
unsigned mysql_error(const struct mysql_packet *packet, char *text,
                     size_t size);

/* The method that an MYSQL_SWITCH names; false if it names none. */
MUST_CHECK bool mysql_switch_method(const struct mysql_packet *packet,
                                    char *method, size_t size);

/* What a client says; a writer that is too short fails. */
void mysql_write_login(struct bytes_writer *writer, uint8_t number,
                       const char *user);
/* That there is no password, as |method| wants to hear it. */
void mysql_write_no_password(struct bytes_writer *writer, uint8_t number,
                             const char *method);
void mysql_write_quit(struct bytes_writer *writer);
#endif
