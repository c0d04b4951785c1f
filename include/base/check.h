/* SPDX-License-Identifier: MIT */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H
#include <stddef.h>

/* For functions whose outcome the caller must look at. */
#define MUST_CHECK __attribute__((warn_unused_result))

#define PRINTF_LIKE(format_index, first_index) \
    __attribute__((format(printf, format_index, first_index)))

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* The |type| whose |member| is at |pointer|. */
#define CONTAINER_OF(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/*
 * For our own bugs only, never for what comes from outside: prints the broken
 * sentence and aborts, in every build.
 */
#define ASSERT(sentence) \
    ((sentence) ? (void)0 : check_failed(#sentence, __FILE__, __LINE__))

_Noreturn void check_failed(const char *sentence, const char *file, int line);
#endif
