/* SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "support/check_test.h"
#include "wire/code.h"

/* The numbers are the wire's: docs/PROTOCOL.md section 5. */
static void codes_have_the_numbers_of_the_protocol(void **state)
{
    static const enum code codes[] = {
        CODE_NONE,     CODE_REFUSED,     CODE_UNREACHABLE, CODE_TIMEOUT,
        CODE_RESET,    CODE_DENIED,      CODE_OVERLOAD,    CODE_DRAINING,
        CODE_PROTOCOL, CODE_INTERNAL,    CODE_REVOKED,     CODE_LOST,
        CODE_STOPPED,  CODE_BAD_METADATA
    };

    (void)state;
    assert_int_equal(ARRAY_LENGTH(codes), CODE_COUNT);
    for (uint16_t i = 0; i < ARRAY_LENGTH(codes); i++) {
        assert_int_equal(codes[i], i);
        assert_int_equal(code_from_wire(i), i);
    }
}

static void a_number_that_is_not_known_counts_as_internal(void **state)
{
    (void)state;
    assert_int_equal(code_from_wire(CODE_COUNT - 1), CODE_BAD_METADATA);
    assert_int_equal(code_from_wire(CODE_COUNT), CODE_INTERNAL);
    assert_int_equal(code_from_wire(UINT16_MAX), CODE_INTERNAL);
}

static void every_status_has_a_code(void **state)
{
    (void)state;
    for (int status = 0; status < STATUS_COUNT; status++) {
        enum code code = code_from_status((enum status)status);

        /* Only what is no failure is none. */
        assert_int_equal(code == CODE_NONE,
                         status == STATUS_OK || status == STATUS_CLOSED);
    }
    assert_int_equal(code_from_status(STATUS_REFUSED), CODE_REFUSED);
    assert_int_equal(code_from_status(STATUS_UNREACHABLE), CODE_UNREACHABLE);
    assert_int_equal(code_from_status(STATUS_TIMEOUT), CODE_TIMEOUT);
    assert_int_equal(code_from_status(STATUS_RESET), CODE_RESET);
    assert_int_equal(code_from_status(STATUS_DENIED), CODE_DENIED);
    assert_int_equal(code_from_status(STATUS_AUTH), CODE_DENIED);
    assert_int_equal(code_from_status(STATUS_LIMIT), CODE_OVERLOAD);
    assert_int_equal(code_from_status(STATUS_NO_MEMORY), CODE_OVERLOAD);
    assert_int_equal(code_from_status(STATUS_PROTOCOL), CODE_PROTOCOL);
    assert_int_equal(code_from_status(STATUS_IO), CODE_INTERNAL);
}

static void every_code_has_a_text_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < CODE_COUNT; i++) {
        assert_true(strlen(code_text((enum code)i)) > 0);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(code_text((enum code)i),
                                    code_text((enum code)j));
    }
}

RUN_TESTS(TEST(codes_have_the_numbers_of_the_protocol),
          TEST(a_number_that_is_not_known_counts_as_internal),
          TEST(every_status_has_a_code), TEST(every_code_has_a_text_of_its_own))
