/* SPDX-License-Identifier: MIT */
#include "wire/metadata.h"
#include <string.h>

enum {
    FIELD_FIRST_OPTIONAL = 0x80,
    OPEN_SERVICE = 0x01,
    OPEN_SOURCE = 0x80,
    OPEN_CLASS = 0x81,
    HELLO_FIELD_INSTANCE = 0x01,
    HELLO_FIELD_STREAMS = 0x02,
    HELLO_FIELD_CREDIT = 0x03,
    HELLO_FIELD_VERSION = 0x80,
    HELLO_FIELD_NODE = 0x81
};

static void put_field(struct bytes_writer *writer, uint8_t type,
                      const void *value, size_t length)
{
    bytes_put_u8(writer, type);
    bytes_put_u16(writer, (uint16_t)length);
    bytes_put(writer, value, length);
}

static void put_field_u32(struct bytes_writer *writer, uint8_t type,
                          uint32_t value)
{
    bytes_put_u8(writer, type);
    bytes_put_u16(writer, sizeof(value));
    bytes_put_u32(writer, value);
}

/* One field after the other, each type at most once. */
struct fields {
    struct bytes_reader reader;
    uint64_t seen[4]; /* a bit for each type */
};

struct field {
    uint8_t type;
    struct bytes_reader value;
};

/* False at the end or if the fields are malformed: then reader.failed. */
static bool next_field(struct fields *fields, struct field *field)
{
    uint64_t bit;
    size_t length;
    const uint8_t *value;

    if (bytes_left(&fields->reader) == 0 || fields->reader.failed)
        return false;
    field->type = bytes_take_u8(&fields->reader);
    length = bytes_take_u16(&fields->reader);
    value = bytes_take(&fields->reader, length);
    bit = UINT64_C(1) << (field->type & 63);
    if (fields->seen[field->type >> 6] & bit)
        fields->reader.failed = true;
    fields->seen[field->type >> 6] |= bit;
    field->value = bytes_reader(value, length);
    return !fields->reader.failed;
}

static bool was_seen(const struct fields *fields, uint8_t type)
{
    return fields->seen[type >> 6] & (UINT64_C(1) << (type & 63));
}

/* A text of printable ASCII of at most size - 1 bytes. */
static bool take_text(struct field *field, char *to, size_t size)
{
    size_t length = bytes_left(&field->value);
    const uint8_t *bytes = bytes_take(&field->value, length);

    if (length >= size)
        return false;
    for (size_t i = 0; i < length; i++)
        if (bytes[i] < 0x20 || bytes[i] > 0x7e)
            return false;
    if (length > 0)
        memcpy(to, bytes, length);
    to[length] = '\0';
    return true;
}

static bool take_number(struct field *field, uint32_t *number)
{
    if (bytes_left(&field->value) != sizeof(*number))
        return false;
    *number = bytes_take_u32(&field->value);
    return true;
}

void metadata_encode(const struct metadata *metadata,
                     struct bytes_writer *writer)
{
    put_field(writer, OPEN_SERVICE, metadata->service,
              strlen(metadata->service));
    if (metadata->source_ip_length > 0) {
        bytes_put_u8(writer, OPEN_SOURCE);
        bytes_put_u16(writer, (uint16_t)(metadata->source_ip_length + 2));
        bytes_put(writer, metadata->source_ip, metadata->source_ip_length);
        bytes_put_u16(writer, metadata->source_port);
    }
    if (metadata->class != CLASS_AUTO) {
        uint8_t class = (uint8_t)metadata->class;

        put_field(writer, OPEN_CLASS, &class, 1);
    }
}

static bool take_source(struct field *field, struct metadata *metadata)
{
    size_t length = bytes_left(&field->value);

    if (length != 4 + 2 && length != 16 + 2)
        return false;
    metadata->source_ip_length = (uint8_t)(length - 2);
    memcpy(metadata->source_ip, bytes_take(&field->value, length - 2),
           length - 2);
    metadata->source_port = bytes_take_u16(&field->value);
    return true;
}

static bool take_class(struct field *field, struct metadata *metadata)
{
    uint8_t class;

    if (bytes_left(&field->value) != 1)
        return false;
    class = bytes_take_u8(&field->value);
    if (class > CLASS_BULK)
        return false;
    metadata->class = (enum metadata_class) class;
    return true;
}

static bool take_open_field(struct field *field, struct metadata *metadata)
{
    switch (field->type) {
    case OPEN_SERVICE:
        return take_text(field, metadata->service, sizeof(metadata->service)) &&
               text_is_name(metadata->service, strlen(metadata->service));
    case OPEN_SOURCE:
        return take_source(field, metadata);
    case OPEN_CLASS:
        return take_class(field, metadata);
    default:
        return field->type >= FIELD_FIRST_OPTIONAL;
    }
}

bool metadata_decode(struct metadata *metadata, const uint8_t *bytes,
                     size_t length)
{
    struct fields fields = { .reader = bytes_reader(bytes, length) };
    struct field field;

    *metadata = (struct metadata){ .class = CLASS_AUTO };
    while (next_field(&fields, &field))
        if (!take_open_field(&field, metadata))
            return false;
    return !fields.reader.failed && was_seen(&fields, OPEN_SERVICE);
}

void hello_encode(const struct hello *hello, struct bytes_writer *writer)
{
    put_field(writer, HELLO_FIELD_INSTANCE, hello->instance, HELLO_INSTANCE);
    put_field_u32(writer, HELLO_FIELD_STREAMS, hello->max_streams);
    put_field_u32(writer, HELLO_FIELD_CREDIT, hello->credit);
    put_field(writer, HELLO_FIELD_VERSION, hello->version,
              strlen(hello->version));
    put_field(writer, HELLO_FIELD_NODE, hello->node, strlen(hello->node));
}

static bool take_hello_field(struct field *field, struct hello *hello)
{
    switch (field->type) {
    case HELLO_FIELD_INSTANCE:
        if (bytes_left(&field->value) != HELLO_INSTANCE)
            return false;
        memcpy(hello->instance, bytes_take(&field->value, HELLO_INSTANCE),
               HELLO_INSTANCE);
        return true;
    case HELLO_FIELD_STREAMS:
        return take_number(field, &hello->max_streams);
    case HELLO_FIELD_CREDIT:
        return take_number(field, &hello->credit) &&
               hello->credit >= HELLO_MIN_CREDIT &&
               hello->credit <= HELLO_MAX_CREDIT;
    case HELLO_FIELD_VERSION:
        return take_text(field, hello->version, sizeof(hello->version));
    case HELLO_FIELD_NODE:
        return take_text(field, hello->node, sizeof(hello->node));
    default:
        return field->type >= FIELD_FIRST_OPTIONAL;
    }
}

bool hello_decode(struct hello *hello, const uint8_t *bytes, size_t length)
{
    struct fields fields = { .reader = bytes_reader(bytes, length) };
    struct field field;

    *hello = (struct hello){ 0 };
    while (next_field(&fields, &field))
        if (!take_hello_field(&field, hello))
            return false;
    return !fields.reader.failed && was_seen(&fields, HELLO_FIELD_INSTANCE) &&
           was_seen(&fields, HELLO_FIELD_STREAMS) &&
           was_seen(&fields, HELLO_FIELD_CREDIT);
}
