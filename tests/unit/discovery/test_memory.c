/* SPDX-License-Identifier: MIT */
#include "base/text.h"
#include "discovery/memory.h"
#include "support/check_test.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char source[] = "dns:redis.internal:6379";
static const int64_t then = 1700000000;

static char directory[] = "memory-test-XXXXXX";

static int make_directory(void **state)
{
    (void)state;
    strcpy(directory + sizeof(directory) - 7, "XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static size_t clear_directory(void)
{
    DIR *open = opendir(directory);
    struct dirent *entry;
    size_t count = 0;
    char path[512];

    while (open && (entry = readdir(open))) {
        snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
        count += unlink(path) == 0;
    }
    closedir(open);
    return count;
}

static int remove_directory(void **state)
{
    (void)state;
    clear_directory();
    return rmdir(directory);
}

static struct endpoints *make_answer(size_t count)
{
    struct endpoint items[8] = { { .priority = 0 } };
    char text[32];

    for (size_t i = 0; i < count; i++) {
        text_format(text, sizeof(text), "10.0.0.%zu:6379", i + 1);
        assert_true(address_parse(&items[i].address, text));
        text_format(items[i].name, sizeof(items[i].name), "db-%zu:6379", i);
        items[i].priority = (uint16_t)i;
        items[i].weight = (uint16_t)(65535 - i);
    }
    return endpoints_new(items, count);
}

static void save(const struct endpoints *answer)
{
    assert_int_equal(memory_save(directory, source, answer, then), STATUS_OK);
}

static void what_was_saved_is_loaded(void **state)
{
    struct endpoints *answer = make_answer(3);
    struct memory memory;

    (void)state;
    save(answer);
    assert_int_equal(memory_load(directory, source, then + 60, &memory),
                     STATUS_OK);
    assert_true(endpoints_equal(memory.endpoints, answer));
    assert_int_equal(memory.answered_at, then);
    free(memory.endpoints);
    free(answer);
}

static void a_newer_answer_replaces_the_file_and_leaves_no_other(void **state)
{
    struct endpoints *old = make_answer(3), *new = make_answer(1);
    struct memory memory;

    (void)state;
    save(old);
    save(new);
    assert_int_equal(memory_load(directory, source, then, &memory), STATUS_OK);
    assert_int_equal(memory.endpoints->count, 1);
    assert_int_equal(clear_directory(), 1);
    free(memory.endpoints);
    free(old);
    free(new);
}

static void the_file_is_for_its_owner_only(void **state)
{
    struct endpoints *answer = make_answer(1);
    struct dirent *entry;
    struct stat about;
    char path[512];
    DIR *open;

    (void)state;
    save(answer);
    open = opendir(directory);
    while ((entry = readdir(open)) && entry->d_name[0] == '.')
        continue;
    assert_non_null(entry);
    snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    closedir(open);
    free(answer);
}

static void what_is_too_old_or_of_another_source_is_not_loaded(void **state)
{
    struct endpoints *answer = make_answer(1);
    struct memory memory;

    (void)state;
    save(answer);
    assert_int_equal(memory_load(directory, source, then + MEMORY_MAX_AGE_S,
                                 &memory),
                     STATUS_OK);
    free(memory.endpoints);
    assert_int_equal(memory_load(directory, source, then + MEMORY_MAX_AGE_S + 1,
                                 &memory),
                     STATUS_CLOSED);
    assert_int_equal(memory_load(directory, "dns:other:1", then, &memory),
                     STATUS_CLOSED);
    free(answer);
}

static void a_clock_that_was_set_back_makes_it_fresh(void **state)
{
    struct endpoints *answer = make_answer(1);
    struct memory memory;

    (void)state;
    save(answer);
    assert_int_equal(memory_load(directory, source, then - 1000, &memory),
                     STATUS_OK);
    assert_int_equal(memory.answered_at, then - 1000);
    free(memory.endpoints);
    free(answer);
}

static enum status decode(const char *text)
{
    struct memory memory = { 0 };
    enum status status =
        memory_decode(text, strlen(text), source, then, &memory);

    if (status == STATUS_OK)
        free(memory.endpoints);
    return status;
}

#define HEAD "{\"version\":1,\"source\":\"dns:redis.internal:6379\","
#define ITEM                                                                \
    "{\"address\":\"10.0.0.1:1\",\"name\":\"a\",\"priority\":1,\"weight\":" \
    "1}"

static void what_is_damaged_is_told_from_what_is_whole(void **state)
{
    (void)state;
    assert_int_equal(decode(HEAD "\"answered\":1700000000,\"endpoints\":[" ITEM
                                 "]}"),
                     STATUS_OK);
    assert_int_equal(decode(HEAD "\"answered\":1700000000,\"endpoints\":[]}"),
                     STATUS_OK);
    assert_int_equal(decode(HEAD "\"answered\":1700000000,\"endpoints\":[" ITEM
                                 "]"),
                     STATUS_PROTOCOL);
    assert_int_equal(decode(""), STATUS_PROTOCOL);
    assert_int_equal(decode("[]"), STATUS_PROTOCOL);
    assert_int_equal(decode(HEAD "\"answered\":-1,\"endpoints\":[]}"),
                     STATUS_PROTOCOL);
    assert_int_equal(decode(HEAD "\"answered\":1700000000,\"endpoints\":{}}"),
                     STATUS_PROTOCOL);
    assert_int_equal(decode("{\"version\":2,\"source\":\"dns:redis.internal:"
                            "6379\",\"answered\":1700000000,\"endpoints\":[]}"),
                     STATUS_PROTOCOL);
    assert_int_equal(decode("{\"version\":1,\"source\":\"dns:other:1\","
                            "\"answered\":1700000000,\"endpoints\":[]}"),
                     STATUS_PROTOCOL);
    assert_int_equal(decode(HEAD "\"answered\":1700000000,\"endpoints\":["
                                 "{\"address\":\"nowhere\",\"name\":\"a\","
                                 "\"priority\":1,\"weight\":1}]}"),
                     STATUS_PROTOCOL);
    assert_int_equal(decode(HEAD "\"answered\":1700000000,\"endpoints\":["
                                 "{\"address\":\"10.0.0.1:1\",\"name\":\"a\","
                                 "\"priority\":65536,\"weight\":1}]}"),
                     STATUS_PROTOCOL);
}

static void a_place_that_cannot_be_written_is_reported(void **state)
{
    struct endpoints *answer = make_answer(1);

    (void)state;
    assert_int_equal(memory_save("/proc/nowhere", source, answer, then),
                     STATUS_CONFIG);
    free(answer);
}

#define IN_DIRECTORY(name) \
    cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)

RUN_TESTS(IN_DIRECTORY(what_was_saved_is_loaded),
          IN_DIRECTORY(a_newer_answer_replaces_the_file_and_leaves_no_other),
          IN_DIRECTORY(the_file_is_for_its_owner_only),
          IN_DIRECTORY(what_is_too_old_or_of_another_source_is_not_loaded),
          IN_DIRECTORY(a_clock_that_was_set_back_makes_it_fresh),
          TEST(what_is_damaged_is_told_from_what_is_whole),
          TEST(a_place_that_cannot_be_written_is_reported))
