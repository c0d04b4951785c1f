/* SPDX-License-Identifier: MIT */
#include "crypto/library.h"
#include "crypto/secret.h"
#include "support/check_test.h"
#include "support/crypto/forge.h"
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static const char *directory;

static const char *path_of(const char *name)
{
    return forge_path(directory, name);
}

static void put(const char *name, const char *bytes, size_t length)
{
    FILE *file = fopen(path_of(name), "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void it_is_zero_and_aligned_at_birth(void **state)
{
    (void)state;
    for (size_t size = 0; size < 200; size += 13) {
        uint8_t *secret = secret_new(size);

        assert_non_null(secret);
        assert_int_equal((uintptr_t)secret % 64, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(secret[i], 0);
        memset(secret, 0xff, size);
        secret_free(secret);
    }
    assert_null(secret_new(SIZE_MAX - 8));
    secret_free(NULL);
}

static void memory_of_others_is_wiped(void **state)
{
    uint8_t bytes[4] = { 1, 2, 3, 4 };

    (void)state;
    secret_wipe(bytes, 2);
    assert_memory_equal(bytes, ((uint8_t[]){ 0, 0, 3, 4 }), sizeof(bytes));
}

static void a_file_is_read_whole(void **state)
{
    uint8_t *bytes;
    size_t length;

    (void)state;
    put("some", "abc\0d", 5);
    assert_int_equal(secret_read(path_of("some"), 5, &bytes, &length),
                     STATUS_OK);
    assert_int_equal(length, 5);
    assert_memory_equal(bytes, "abc\0d", 6);
    secret_free(bytes);
    put("empty", "", 0);
    assert_int_equal(secret_read(path_of("empty"), 5, &bytes, &length),
                     STATUS_OK);
    assert_int_equal(length, 0);
    secret_free(bytes);
}

static void what_is_no_file_of_that_size_is_refused(void **state)
{
    uint8_t *bytes;
    size_t length;

    (void)state;
    put("some", "abcde", 5);
    assert_int_equal(secret_read(path_of("some"), 4, &bytes, &length),
                     STATUS_LIMIT);
    assert_int_equal(secret_read(path_of("none"), 4, &bytes, &length),
                     STATUS_IO);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(secret_read(directory, 4, &bytes, &length), STATUS_IO);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
    assert_int_equal(secret_read(path_of("pipe"), 4, &bytes, &length),
                     STATUS_IO);
    assert_int_equal(errno, EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_zero_and_aligned_at_birth),
        TEST(memory_of_others_is_wiped),
        TEST(a_file_is_read_whole),
        TEST(what_is_no_file_of_that_size_is_refused),
    };
    struct crypto_error error;
    int failed;

    if (library_start(&error) != STATUS_OK)
        return 1;
    directory = forge_directory();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    forge_remove(directory);
    return failed;
}
