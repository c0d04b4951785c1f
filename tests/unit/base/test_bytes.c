/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"
#include "support/check_test.h"

static void what_is_put_is_taken(void **state)
{
    uint8_t memory[15];
    struct bytes_writer writer = bytes_writer(memory, sizeof(memory));
    struct bytes_reader reader = bytes_reader(memory, sizeof(memory));

    (void)state;
    bytes_put_u8(&writer, 0x12);
    bytes_put_u16(&writer, 0x3456);
    bytes_put_u32(&writer, 0x789abcde);
    bytes_put_u64(&writer, UINT64_C(0xfedcba9876543210));
    assert_false(writer.failed);
    assert_int_equal(bytes_written(&writer), 15);
    assert_int_equal(memory[1], 0x34); /* big-endian */
    assert_int_equal(bytes_take_u8(&reader), 0x12);
    assert_int_equal(bytes_take_u16(&reader), 0x3456);
    assert_int_equal(bytes_take_u32(&reader), 0x789abcde);
    assert_true(bytes_take_u64(&reader) == UINT64_C(0xfedcba9876543210));
    assert_false(reader.failed);
    assert_int_equal(bytes_left(&reader), 0);
}

static void a_reader_never_goes_past_its_end(void **state)
{
    uint8_t memory[3] = { 1, 2, 3 };
    struct bytes_reader reader = bytes_reader(memory, sizeof(memory));

    (void)state;
    assert_int_equal(bytes_take_u32(&reader), 0);
    assert_true(reader.failed);
    assert_int_equal(bytes_take_u8(&reader), 0); /* stays failed */
    assert_null(bytes_take(&reader, 1));
}

static void a_writer_never_goes_past_its_end(void **state)
{
    uint8_t memory[4] = { 0, 0, 0, 9 };
    struct bytes_writer writer = bytes_writer(memory, 3);

    (void)state;
    bytes_put_u32(&writer, 0xffffffff);
    assert_true(writer.failed);
    assert_int_equal(bytes_written(&writer), 0);
    assert_int_equal(memory[3], 9);
}

static void empty_memory_may_be_null(void **state)
{
    struct bytes_reader reader = bytes_reader(NULL, 0);

    (void)state;
    assert_int_equal(bytes_left(&reader), 0);
    bytes_take(&reader, 0);
    assert_false(reader.failed);
}

RUN_TESTS(TEST(what_is_put_is_taken), TEST(a_reader_never_goes_past_its_end),
          TEST(a_writer_never_goes_past_its_end),
          TEST(empty_memory_may_be_null))
