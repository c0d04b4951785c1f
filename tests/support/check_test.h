/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_CHECK_TEST_H
#define SUPPORT_CHECK_TEST_H
/* cmocka with the headers it wants, and its list of tests in one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A test program: RUN_TESTS(cmocka_unit_test(name), ...). */
#define RUN_TESTS(...)                                      \
    int main(void)                                          \
    {                                                       \
        const struct CMUnitTest tests_[] = { __VA_ARGS__ }; \
        return cmocka_run_group_tests(tests_, NULL, NULL);  \
    }

#define TEST(name) cmocka_unit_test(name)
#endif
