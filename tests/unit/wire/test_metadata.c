/* SPDX-License-Identifier: MIT */
#include "support/check_test.h"
#include "wire/frame.h"
#include "wire/metadata.h"

/* ---- payloads, field by field ---- */

struct payload {
    uint8_t bytes[2048];
    struct bytes_writer writer;
};

static void start(struct payload *payload)
{
    payload->writer = bytes_writer(payload->bytes, sizeof(payload->bytes));
}

static void put(struct payload *payload, uint8_t type, const void *value,
                size_t length)
{
    bytes_put_u8(&payload->writer, type);
    bytes_put_u16(&payload->writer, (uint16_t)length);
    bytes_put(&payload->writer, value, length);
    assert_false(payload->writer.failed);
}

static bool decodes(struct payload *payload)
{
    struct metadata metadata;

    return metadata_decode(&metadata, payload->bytes,
                           bytes_written(&payload->writer));
}

static bool greets(struct payload *payload)
{
    struct hello hello;

    return hello_decode(&hello, payload->bytes,
                        bytes_written(&payload->writer));
}

/* A payload of OPEN with |service|, and room for a field more. */
static void start_open(struct payload *payload)
{
    start(payload);
    put(payload, 0x01, "redis", 5);
}

static bool decodes_with(uint8_t type, const void *value, size_t length)
{
    struct payload payload;

    start_open(&payload);
    put(&payload, type, value, length);
    return decodes(&payload);
}

static bool service_decodes(const char *name, size_t length)
{
    struct payload payload;

    start(&payload);
    put(&payload, 0x01, name, length);
    return decodes(&payload);
}

/* ---- OPEN ---- */

static void assert_same(const struct metadata *a, const struct metadata *b)
{
    assert_string_equal(a->service, b->service);
    assert_int_equal(a->source_ip_length, b->source_ip_length);
    assert_memory_equal(a->source_ip, b->source_ip, a->source_ip_length);
    assert_int_equal(a->source_port, b->source_port);
    assert_int_equal(a->class, b->class);
}

static void what_is_encoded_decodes_to_the_same(void **state)
{
    struct metadata in = { .service = "redis",
                           .source_ip = { 10, 0, 0, 7 },
                           .source_ip_length = 4,
                           .source_port = 40123,
                           .class = CLASS_INTERACTIVE };
    struct metadata out;
    uint8_t bytes[FRAME_MAX_OPEN];
    struct bytes_writer writer = bytes_writer(bytes, sizeof(bytes));

    (void)state;
    metadata_encode(&in, &writer);
    assert_true(metadata_decode(&out, bytes, bytes_written(&writer)));
    assert_same(&in, &out);
    in.source_ip_length = 16;
    memset(in.source_ip, 0xfe, 16);
    in.class = CLASS_BULK;
    writer.at = writer.start;
    metadata_encode(&in, &writer);
    assert_true(metadata_decode(&out, bytes, bytes_written(&writer)));
    assert_same(&in, &out);
}

static void what_is_not_given_is_left_out(void **state)
{
    struct metadata in = { .service = "a", .class = CLASS_AUTO }, out;
    const uint8_t expected[] = { 0x01, 0, 1, 'a' };
    uint8_t bytes[64];
    struct bytes_writer writer = bytes_writer(bytes, sizeof(bytes));

    (void)state;
    metadata_encode(&in, &writer);
    assert_int_equal(bytes_written(&writer), sizeof(expected));
    assert_memory_equal(bytes, expected, sizeof(expected));
    assert_true(metadata_decode(&out, bytes, sizeof(expected)));
    assert_int_equal(out.source_ip_length, 0);
    assert_int_equal(out.class, CLASS_AUTO);
}

static void the_largest_metadata_fits_in_an_open(void **state)
{
    struct metadata metadata = { .source_ip_length = 16, .class = CLASS_BULK };
    uint8_t bytes[FRAME_MAX_OPEN];
    struct bytes_writer writer = bytes_writer(bytes, sizeof(bytes));

    (void)state;
    memset(metadata.service, 'x', TEXT_MAX_NAME);
    metadata_encode(&metadata, &writer);
    assert_false(writer.failed);
}

static void a_service_is_required(void **state)
{
    struct payload payload;

    (void)state;
    start(&payload);
    assert_false(decodes(&payload));
    put(&payload, 0x81, "\1", 1);
    assert_false(decodes(&payload));
    put(&payload, 0x01, "redis", 5);
    assert_true(decodes(&payload));
}

static void a_service_is_a_name_of_1_to_63_bytes(void **state)
{
    char name[65];

    (void)state;
    memset(name, 'n', sizeof(name));
    assert_true(service_decodes(name, 1));
    assert_false(service_decodes(name, 0));
    assert_true(service_decodes(name, 63));
    assert_false(service_decodes(name, 64));
}

static void a_service_has_only_letters_digits_dots_and_dashes(void **state)
{
    (void)state;
    assert_true(service_decodes("a.B_9-c", 7));
    assert_false(service_decodes("a b", 3));
    assert_false(service_decodes("a\0b", 3));
    assert_false(service_decodes("a\r\n", 3));
    assert_false(service_decodes("a/b", 3));
    assert_false(service_decodes("\xc3\xa9t\xc3\xa9", 5));
    assert_false(service_decodes("\xff\xfe", 2));
    assert_false(service_decodes("-a", 2));
}

static void a_source_is_4_or_16_bytes_and_a_port(void **state)
{
    uint8_t value[32] = { 127, 0, 0, 1, 0x12, 0x34 };
    struct payload payload;
    struct metadata metadata;

    (void)state;
    for (size_t length = 0; length < sizeof(value); length++)
        assert_int_equal(decodes_with(0x80, value, length),
                         length == 6 || length == 18);
    start_open(&payload);
    put(&payload, 0x80, value, 6);
    assert_true(metadata_decode(&metadata, payload.bytes,
                                bytes_written(&payload.writer)));
    assert_int_equal(metadata.source_ip_length, 4);
    assert_int_equal(metadata.source_port, 0x1234);
    assert_memory_equal(metadata.source_ip, value, 4);
}

static void a_class_is_one_byte_and_known(void **state)
{
    (void)state;
    assert_true(decodes_with(0x81, "\0", 1));
    assert_true(decodes_with(0x81, "\2", 1));
    assert_false(decodes_with(0x81, "\3", 1));
    assert_false(decodes_with(0x81, "\1\1", 2));
    assert_false(decodes_with(0x81, "", 0));
}

static void unknown_fields_pass_only_if_they_are_optional(void **state)
{
    (void)state;
    assert_true(decodes_with(0xfe, "anything", 8));
    assert_true(decodes_with(0xfe, "", 0));
    assert_false(decodes_with(0x02, "anything", 8));
    assert_false(decodes_with(0x7f, "", 0));
    assert_false(decodes_with(0x00, "", 0));
}

static void a_field_that_comes_twice_is_refused(void **state)
{
    struct payload payload;

    (void)state;
    for (unsigned type = 0x82; type < 0x100; type++) {
        start_open(&payload);
        put(&payload, (uint8_t)type, "", 0);
        assert_true(decodes(&payload));
        put(&payload, (uint8_t)type, "", 0);
        assert_false(decodes(&payload));
    }
    start_open(&payload);
    put(&payload, 0x01, "redis", 5);
    assert_false(decodes(&payload));
}

static void a_field_cut_short_is_refused(void **state)
{
    struct payload payload;
    struct metadata metadata;
    size_t length;

    (void)state;
    start_open(&payload);
    put(&payload, 0x80, "\1\2\3\4\5\6", 6);
    length = bytes_written(&payload.writer);
    for (size_t cut = 0; cut <= length; cut++)
        assert_int_equal(metadata_decode(&metadata, payload.bytes, cut),
                         cut == 8 || cut == length);
    start(&payload);
    bytes_put_u8(&payload.writer, 0x01);
    bytes_put_u16(&payload.writer, UINT16_MAX);
    bytes_put(&payload.writer, "redis", 5);
    assert_false(decodes(&payload));
}

/* ---- HELLO ---- */

static const uint8_t instance[HELLO_INSTANCE] = "sixteen bytes...";

/* The three required fields, without the one numbered |left_out|. */
static void start_hello(struct payload *payload, uint8_t left_out)
{
    start(payload);
    if (left_out != 1)
        put(payload, 0x01, instance, sizeof(instance));
    if (left_out != 2)
        put(payload, 0x02, "\0\0\3\350", 4);
    if (left_out != 3)
        put(payload, 0x03, "\0\0\100\0", 4);
}

static bool greets_with(uint8_t type, const void *value, size_t length)
{
    struct payload payload;

    start_hello(&payload, type);
    put(&payload, type, value, length);
    return greets(&payload);
}

static void a_hello_decodes_to_what_was_encoded(void **state)
{
    struct hello in = { .max_streams = 7,
                        .credit = 16384,
                        .version = "entente 1.0 (Linux)",
                        .node = "web-1" };
    struct hello out;
    uint8_t bytes[512];
    struct bytes_writer writer = bytes_writer(bytes, sizeof(bytes));

    (void)state;
    memcpy(in.instance, instance, sizeof(instance));
    hello_encode(&in, &writer);
    assert_true(hello_decode(&out, bytes, bytes_written(&writer)));
    assert_memory_equal(in.instance, out.instance, sizeof(instance));
    assert_int_equal(in.max_streams, out.max_streams);
    assert_int_equal(in.credit, out.credit);
    assert_string_equal(in.version, out.version);
    assert_string_equal(in.node, out.node);
}

static void the_first_three_fields_of_hello_are_required(void **state)
{
    struct payload payload;

    (void)state;
    start_hello(&payload, 0);
    assert_true(greets(&payload));
    for (uint8_t field = 1; field <= 3; field++) {
        start_hello(&payload, field);
        assert_false(greets(&payload));
    }
    start(&payload);
    assert_false(greets(&payload));
}

static void an_instance_is_16_bytes(void **state)
{
    (void)state;
    assert_true(greets_with(0x01, instance, 16));
    assert_false(greets_with(0x01, instance, 15));
    assert_false(greets_with(0x01, "seventeen bytes..", 17));
}

static void credit_is_from_1024_to_1048576(void **state)
{
    (void)state;
    assert_true(greets_with(0x03, "\0\0\4\0", 4));
    assert_false(greets_with(0x03, "\0\0\3\377", 4));
    assert_true(greets_with(0x03, "\0\20\0\0", 4));
    assert_false(greets_with(0x03, "\0\20\0\1", 4));
    assert_false(greets_with(0x03, "\4\0", 2));
    assert_false(greets_with(0x03, "\0\0\4\0\0", 5));
}

static void any_count_of_streams_passes(void **state)
{
    (void)state;
    assert_true(greets_with(0x02, "\0\0\0\0", 4));
    assert_true(greets_with(0x02, "\377\377\377\377", 4));
    assert_false(greets_with(0x02, "\377\377\377", 3));
    assert_false(greets_with(0x02, "\0\0\0\1\0", 5));
}

static void texts_for_people_are_printable_and_short(void **state)
{
    char text[80];

    (void)state;
    memset(text, 't', sizeof(text));
    assert_true(greets_with(0x80, text, 64));
    assert_false(greets_with(0x80, text, 65));
    assert_true(greets_with(0x81, text, 63));
    assert_false(greets_with(0x81, text, 64));
    assert_true(greets_with(0x80, "", 0));
    assert_true(greets_with(0x80, " ~", 2));
    assert_false(greets_with(0x80, "\x1f", 1));
    assert_false(greets_with(0x80, "\x7f", 1));
    assert_false(greets_with(0x81, "a\0b", 3));
    assert_false(greets_with(0x81, "\xc3\xa9", 2));
}

static void unknown_fields_of_hello_pass_only_if_optional(void **state)
{
    (void)state;
    assert_true(greets_with(0x90, "later", 5));
    assert_false(greets_with(0x04, "later", 5));
}

RUN_TESTS(TEST(what_is_encoded_decodes_to_the_same),
          TEST(what_is_not_given_is_left_out),
          TEST(the_largest_metadata_fits_in_an_open),
          TEST(a_service_is_required),
          TEST(a_service_is_a_name_of_1_to_63_bytes),
          TEST(a_service_has_only_letters_digits_dots_and_dashes),
          TEST(a_source_is_4_or_16_bytes_and_a_port),
          TEST(a_class_is_one_byte_and_known),
          TEST(unknown_fields_pass_only_if_they_are_optional),
          TEST(a_field_that_comes_twice_is_refused),
          TEST(a_field_cut_short_is_refused),
          TEST(a_hello_decodes_to_what_was_encoded),
          TEST(the_first_three_fields_of_hello_are_required),
          TEST(an_instance_is_16_bytes), TEST(credit_is_from_1024_to_1048576),
          TEST(any_count_of_streams_passes),
          TEST(texts_for_people_are_printable_and_short),
          TEST(unknown_fields_of_hello_pass_only_if_optional))
