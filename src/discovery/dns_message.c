/* SPDX-License-Identifier: MIT */
#include "discovery/dns_message.h"
#include "base/bytes.h"
#include <stdlib.h>
#include <string.h>

enum {
    CLASS_IN = 1,
    MAX_RECORDS = 4096, /* more do not fit into a message that means well */
    MAX_TARGETS = 2048,
    MAX_ADDRESSES = 2048,
    MAX_ALIASES = 16,
    MAX_NAME = 253, /* as text; 255 bytes in the message */
    POINTER = 0xc0
};

struct record {
    size_t owner; /* offset of its name */
    size_t data;  /* offset and length of its data */
    size_t length;
    uint32_t ttl_s;
    uint16_t type;
};

struct message {
    const uint8_t *bytes; /* borrowed */
    size_t length;
    size_t question;     /* offset of the name that was asked for */
    size_t answer_count; /* the first so many records are the answer */
    size_t count;
    struct record *records;
};

static struct bytes_reader reader_at(const struct message *message, size_t at)
{
    return bytes_reader(message->bytes + at, message->length - at);
}

static char lower(uint8_t byte)
{
    if (byte >= 'A' && byte <= 'Z')
        return (char)(byte - 'A' + 'a');
    /* What is not of a host's name, and a dot in a label, equals no name. */
    return byte > ' ' && byte < 0x7f && byte != '.' ? (char)byte : '?';
}

/* Append a label, in front of it a dot unless it is the first. */
static bool append_label(char *name, size_t *used, const uint8_t *label,
                         size_t length)
{
    if (*used + (*used > 0) + length > MAX_NAME)
        return false;
    if (*used > 0)
        name[(*used)++] = '.';
    for (size_t i = 0; i < length; i++)
        name[(*used)++] = lower(label[i]);
    return true;
}

/*
 * The name at |at| as text, without the last dot; |*end| is behind it.  A
 * pointer must lead back before everything read so far, so there is no circle.
 */
static bool read_name(const struct message *message, size_t at, char *name,
                      size_t *end)
{
    struct bytes_reader reader = reader_at(message, at);
    size_t lowest = at, used = 0;
    bool jumped = false;

    for (;;) {
        uint8_t length = bytes_take_u8(&reader);
        const uint8_t *label;

        if (length >= POINTER) {
            size_t to = (size_t)(length & ~POINTER) << 8;

            to |= bytes_take_u8(&reader);
            if (!jumped)
                *end = message->length - bytes_left(&reader);
            if (reader.failed || to >= lowest)
                return false;
            jumped = true;
            lowest = to;
            reader = reader_at(message, to);
            continue;
        }
        if (length > 63)
            return false;
        label = bytes_take(&reader, length);
        if (reader.failed)
            return false;
        if (length == 0)
            break;
        if (!append_label(name, &used, label, length))
            return false;
    }
    if (!jumped)
        *end = message->length - bytes_left(&reader);
    name[used] = '\0';
    return true;
}

static bool read_record(struct message *message, size_t *at)
{
    struct record *record = &message->records[message->count];
    struct bytes_reader reader;
    char owner[DNS_NAME];
    uint16_t class;

    record->owner = *at;
    if (!read_name(message, *at, owner, at))
        return false;
    reader = reader_at(message, *at);
    record->type = bytes_take_u16(&reader);
    class = bytes_take_u16(&reader);
    record->ttl_s = bytes_take_u32(&reader);
    record->length = bytes_take_u16(&reader);
    record->data = message->length - bytes_left(&reader);
    bytes_take(&reader, record->length);
    if (reader.failed)
        return false;
    if (record->ttl_s > INT32_MAX)
        record->ttl_s = 0; /* RFC 2181, section 8 */
    if (class != CLASS_IN)
        record->type = 0; /* EDNS, or nothing we asked for */
    *at = message->length - bytes_left(&reader);
    message->count++;
    return true;
}

static enum status read_records(struct message *message, size_t at,
                                size_t total)
{
    message->records = calloc(total + 1, sizeof(*message->records));
    if (!message->records)
        return STATUS_NO_MEMORY;
    while (message->count < total)
        if (!read_record(message, &at))
            return STATUS_PROTOCOL;
    return STATUS_OK;
}

static enum status read_message(struct message *message)
{
    struct bytes_reader reader = reader_at(message, 0);
    size_t question_count, answer_count, total, at;
    char name[DNS_NAME];
    uint16_t flags;

    bytes_take_u16(&reader); /* id */
    flags = bytes_take_u16(&reader);
    question_count = bytes_take_u16(&reader);
    answer_count = bytes_take_u16(&reader);
    total = answer_count + bytes_take_u16(&reader);
    total += bytes_take_u16(&reader);
    if (reader.failed || !(flags & 0x8000) || question_count != 1 ||
        total > MAX_RECORDS)
        return STATUS_PROTOCOL;
    at = message->question = message->length - bytes_left(&reader);
    if (!read_name(message, at, name, &at))
        return STATUS_PROTOCOL;
    reader = reader_at(message, at);
    bytes_take(&reader, 4); /* type and class */
    if (reader.failed)
        return STATUS_PROTOCOL;
    message->answer_count = answer_count;
    return read_records(message, at + 4, total);
}

static bool is_owner(const struct message *message, const struct record *record,
                     const char *name)
{
    char owner[DNS_NAME];
    size_t end;

    return read_name(message, record->owner, owner, &end) &&
           strcmp(owner, name) == 0;
}

static void note_ttl(uint32_t *least, uint32_t ttl_s)
{
    if (ttl_s < *least)
        *least = ttl_s;
}

/* Replace |name| by what it is an alias of, if the answer says so. */
static bool follow_alias(const struct message *message, char *name,
                         uint32_t *ttl_s)
{
    for (size_t i = 0; i < message->answer_count; i++) {
        const struct record *record = &message->records[i];
        size_t end;

        if (record->type != DNS_CNAME || !is_owner(message, record, name))
            continue;
        note_ttl(ttl_s, record->ttl_s);
        return read_name(message, record->data, name, &end);
    }
    return false;
}

static bool read_address(const struct message *message,
                         const struct record *record, struct address *address)
{
    struct bytes_reader reader = reader_at(message, record->data);

    memset(address, 0, sizeof(*address));
    if (record->type == DNS_A && record->length == 4) {
        address->length = sizeof(address->v4);
        address->v4.sin_family = AF_INET;
        memcpy(&address->v4.sin_addr, bytes_take(&reader, 4), 4);
        return true;
    }
    if (record->type == DNS_AAAA && record->length == 16) {
        address->length = sizeof(address->v6);
        address->v6.sin6_family = AF_INET6;
        memcpy(&address->v6.sin6_addr, bytes_take(&reader, 16), 16);
        return true;
    }
    return false;
}

static void add_address(struct dns_answer *answer,
                        const struct address *address, size_t target)
{
    if (answer->address_count == MAX_ADDRESSES)
        return;
    answer->addresses[answer->address_count++] =
        (struct dns_address){ .address = *address, .target = target };
}

static void collect_addresses(const struct message *message, const char *name,
                              enum dns_type type, struct dns_answer *answer)
{
    for (size_t i = 0; i < message->answer_count; i++) {
        const struct record *record = &message->records[i];
        struct address address;

        if (record->type != type || !is_owner(message, record, name) ||
            !read_address(message, record, &address))
            continue;
        note_ttl(&answer->ttl_s, record->ttl_s);
        add_address(answer, &address, 0);
    }
}

static void read_target(const struct message *message,
                        const struct record *record, struct dns_answer *answer)
{
    struct dns_target *target = &answer->targets[answer->target_count];
    struct bytes_reader reader = reader_at(message, record->data);
    size_t end;

    target->priority = bytes_take_u16(&reader);
    target->weight = bytes_take_u16(&reader);
    target->port = bytes_take_u16(&reader);
    target->address_ttl_s = UINT32_MAX;
    if (record->length < 7 ||
        !read_name(message, record->data + 6, target->host, &end) ||
        end != record->data + record->length)
        return;
    note_ttl(&answer->ttl_s, record->ttl_s);
    if (target->host[0] == '\0')
        answer->declined = true;
    else if (target->port != 0 && address_is_host_name(target->host))
        answer->target_count++;
}

static void collect_targets(const struct message *message, const char *name,
                            struct dns_answer *answer)
{
    for (size_t i = 0; i < message->answer_count; i++) {
        const struct record *record = &message->records[i];

        if (record->type == DNS_SRV && answer->target_count < MAX_TARGETS &&
            is_owner(message, record, name))
            read_target(message, record, answer);
    }
}

/* Addresses that came along with the targets spare us questions. */
static void collect_target_addresses(const struct message *message,
                                     struct dns_answer *answer)
{
    for (size_t i = 0; i < message->count; i++) {
        const struct record *record = &message->records[i];
        struct address address;
        char owner[DNS_NAME];
        size_t end;

        if (!read_address(message, record, &address) ||
            !read_name(message, record->owner, owner, &end))
            continue;
        for (size_t j = 0; j < answer->target_count; j++) {
            struct dns_target *target = &answer->targets[j];

            if (strcmp(target->host, owner) != 0)
                continue;
            note_ttl(&target->address_ttl_s, record->ttl_s);
            add_address(answer, &address, j);
        }
    }
}

static enum status collect(const struct message *message, enum dns_type type,
                           struct dns_answer *answer)
{
    char name[DNS_NAME];
    size_t end;

    answer->addresses = calloc(MAX_ADDRESSES, sizeof(*answer->addresses));
    if (type == DNS_SRV)
        answer->targets = calloc(MAX_TARGETS, sizeof(*answer->targets));
    if (!answer->addresses || (type == DNS_SRV && !answer->targets))
        return STATUS_NO_MEMORY;
    answer->ttl_s = UINT32_MAX;
    if (!read_name(message, message->question, name, &end))
        return STATUS_PROTOCOL;
    for (int i = 0; i < MAX_ALIASES; i++)
        if (!follow_alias(message, name, &answer->ttl_s))
            break;
    if (type == DNS_SRV) {
        collect_targets(message, name, answer);
        collect_target_addresses(message, answer);
        answer->declined = answer->declined && answer->target_count == 0;
    } else {
        collect_addresses(message, name, type, answer);
    }
    if (answer->ttl_s == UINT32_MAX)
        answer->ttl_s = 0;
    return STATUS_OK;
}

enum status dns_answer_decode(struct dns_answer *answer, const uint8_t *bytes,
                              size_t length, enum dns_type type)
{
    struct message message = { .bytes = bytes, .length = length };
    enum status status = read_message(&message);

    *answer = (struct dns_answer){ 0 };
    if (status == STATUS_OK)
        status = collect(&message, type, answer);
    if (status != STATUS_OK)
        dns_answer_clear(answer);
    free(message.records);
    return status;
}

void dns_answer_clear(struct dns_answer *answer)
{
    free(answer->addresses);
    free(answer->targets);
    *answer = (struct dns_answer){ 0 };
}
