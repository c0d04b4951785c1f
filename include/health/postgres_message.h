/* SPDX-License-Identifier: MIT */
#ifndef HEALTH_POSTGRES_MESSAGE_H
#define HEALTH_POSTGRES_MESSAGE_H
#include "base/bytes.h"
#include "base/check.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Messages of PostgreSQL's protocol 3.  What a server says is read as it comes
 * in pieces, one message at a time; of a long one only the beginning is kept.
 * Pure and of fixed size.
 */
enum { POSTGRES_BODY = 512 };

struct postgres_message {
    char type;                   /* 'R', 'E', 'Z' ... */
    uint8_t body[POSTGRES_BODY]; /* its beginning */
    size_t length;               /* of what is kept */
};

struct postgres_reader {
    struct postgres_message message; /* under way */
    uint8_t head[5];
    size_t head_length;
    uint32_t left; /* bytes of the body that are still to come */
};

enum postgres_progress { POSTGRES_MORE, POSTGRES_READ, POSTGRES_BROKEN };

void postgres_reader_init(struct postgres_reader *reader);

/* Read at most one message from |bytes|; |*used| of them are. */
MUST_CHECK enum postgres_progress postgres_read(struct postgres_reader *reader,
                                                const uint8_t *bytes,
                                                size_t length, size_t *used);

/*
 * The field |code| of an 'E' ('C' is the SQLSTATE, 'M' the text), as far as it
 * fits in |size|; false, and |text| empty, if there is none.
 */
MUST_CHECK bool postgres_error_field(const struct postgres_message *message,
                                     char code, char *text, size_t size);

/* What a client says; a writer that is too short fails. */
void postgres_write_startup(struct bytes_writer *writer, const char *user,
                            const char *database);
void postgres_write_query(struct bytes_writer *writer, const char *query);
void postgres_write_end(struct bytes_writer *writer);
#endif
