/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_DOCUMENT_INTERNAL_H
#define CONFIG_DOCUMENT_INTERNAL_H
#include "config/document.h"
#include <stdbool.h>
#include <yaml.h>

/* Shared by document.c and document_failure.c only. */

/*
 * libyaml refuses `[inbound:]`: a colon at the end of a plain text in a flow
 * list.  Where it says so, the colon is replaced by this character for private
 * use (of the same width, so that places stay true) and we read again.
 */
#define COLON "\xee\x80\xba"
enum { COLON_BYTES = sizeof(COLON) - 1, MAX_COLONS = 64 };

struct document_reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the one we look at */
    size_t node_count;
    const char *text; /* borrowed */
    size_t length;
    struct document_error *error; /* borrowed */
    bool has_colons;              /* |text| has COLON for some ':' */
    bool stopped_at_colon;        /* at |colon|, bytes into |text| */
    size_t colon;
};

struct document_place document_place_of(yaml_mark_t mark);

/* Fill the reader's error; STATUS_CONFIG. */
enum status document_refuse(struct document_reader *reader,
                            struct document_place place, const char *text);
/* The same, with what libyaml found wrong. */
enum status document_refuse_yaml(struct document_reader *reader);
/* STATUS_NO_MEMORY. */
enum status document_no_memory(struct document_reader *reader);
#endif
