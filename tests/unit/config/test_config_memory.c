/* SPDX-License-Identifier: MIT */
/*
 * Each allocation fails in its turn, alone and with all after it; the
 * sanitizer sees what leaks.  This program's malloc() is everybody's.
 */
#include "config/config.h"
#include "support/check_test.h"
#include <stdlib.h>

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    HAS_FEATURE(address_sanitizer) || HAS_FEATURE(thread_sanitizer)
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name
#endif

void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t count, size_t size);
void *REAL(realloc)(void *memory, size_t size);

static volatile bool armed; /* malloc() is not seen to look at them */
static volatile bool stays_broken;
static volatile long left; /* allocations that still succeed */

static bool fails(void)
{
    if (!armed)
        return false;
    left--;
    return left == -1 || (left < -1 && stays_broken);
}

void *malloc(size_t size)
{
    return fails() ? NULL : REAL(malloc)(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : REAL(calloc)(count, size);
}

void *realloc(void *memory, size_t size)
{
    return fails() ? NULL : REAL(realloc)(memory, size);
}

static const char text[] =
    "node: n\n"
    "identity: {certificate: a, private_key: b, trust: c}\n"
    "tunnels: {listen: [127.0.0.1:7411], dial: h:1, advertise: 10.0.0.7}\n"
    "consume:\n"
    "  r: {listen: [127.0.0.1:1, 127.0.0.1:2], from: [inbound:], peer: "
    "spiffe://a/b}\n"
    "  s: {listen: unix:/x, direct: static:h:1, balance: hash}\n"
    "offer:\n"
    "  r: {to: static:h:1, allow: [spiffe://a/b, spiffe://a/c],\n"
    "    announce: [mdns:_r._tcp, zookeeper:h/r]}\n";

static enum status parse(struct config **config, struct config_error *error)
{
    return config_parse("f", text, strlen(text), config, error);
}

static enum status set(struct config **config, struct config_error *error)
{
    struct config *made = config_new();
    enum status status;

    if (!made)
        return STATUS_NO_MEMORY;
    status = config_set(made, "consume.r.listen", "127.0.0.1:1", "-l", error);
    if (!status)
        status =
            config_set(made, "consume.r.direct", "static:h:1", "-d", error);
    if (!status)
        status = config_set(made, "identity.trust", "ca", "-t", error);
    if (!status)
        status = config_check(made, error);
    if (status) {
        config_free(made);
        return status;
    }
    *config = made;
    return STATUS_OK;
}

/* Not under valgrind, which brings its own. */
static bool malloc_is_ours(void)
{
    void *volatile memory;

    left = 0;
    armed = true;
    memory = malloc(1);
    armed = false;
    free(memory);
    return !memory;
}

static void sweep(enum status (*make)(struct config **config,
                                      struct config_error *error),
                  bool broken)
{
    enum status status = STATUS_NO_MEMORY;
    long tries = 0;

    if (!malloc_is_ours())
        skip();
    for (; status != STATUS_OK && tries < 10000; tries++) {
        struct config *config = NULL;
        struct config_error error = { .text = "out of memory" };

        stays_broken = broken;
        left = tries;
        armed = true;
        status = make(&config, &error);
        armed = false;
        if (status == STATUS_OK) {
            config_free(config);
            break;
        }
        assert_int_equal(status, STATUS_NO_MEMORY);
        assert_string_equal(error.text, "out of memory");
        assert_null(config);
    }
    assert_true(tries > 5);
    assert_true(tries < 10000);
}

static void a_file_without_memory_is_no_file_and_no_leak(void **state)
{
    (void)state;
    sweep(parse, false);
    sweep(parse, true);
}

static void a_value_without_memory_is_told(void **state)
{
    (void)state;
    sweep(set, false);
    sweep(set, true);
}

RUN_TESTS(TEST(a_file_without_memory_is_no_file_and_no_leak),
          TEST(a_value_without_memory_is_told))
