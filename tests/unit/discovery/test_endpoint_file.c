/* SPDX-License-Identifier: MIT */
#include "discovery/endpoint_file.h"
#include "support/check_test.h"
#include <stdbool.h>
#include <stdlib.h>

static struct endpoint_file file;
static char error[256];

static bool parse_as(enum endpoint_file_format format, const char *text)
{
    free(file.items);
    error[0] = '\0';
    return endpoint_file_parse(&file, format, text, strlen(text), error,
                               sizeof(error)) == STATUS_OK;
}

static bool lines(const char *text)
{
    return parse_as(ENDPOINT_FILE_LINES, text);
}

static bool yaml(const char *text)
{
    return parse_as(ENDPOINT_FILE_YAML, text);
}

static int clear(void **state)
{
    (void)state;
    free(file.items);
    file = (struct endpoint_file){ 0 };
    return 0;
}

static void the_end_of_the_path_tells_the_format(void **state)
{
    (void)state;
    assert_int_equal(endpoint_file_format("/etc/db.yaml"), ENDPOINT_FILE_YAML);
    assert_int_equal(endpoint_file_format("db.yml"), ENDPOINT_FILE_YAML);
    assert_int_equal(endpoint_file_format("/x/db.json"), ENDPOINT_FILE_YAML);
    assert_int_equal(endpoint_file_format("/etc/db"), ENDPOINT_FILE_LINES);
    assert_int_equal(endpoint_file_format("/x.yaml/db"), ENDPOINT_FILE_LINES);
    assert_int_equal(endpoint_file_format(".yaml"), ENDPOINT_FILE_LINES);
}

static void a_line_is_an_endpoint(void **state)
{
    (void)state;
    assert_true(lines("# all of them\n"
                      "\n"
                      "db-1.example.com:7411\r\n"
                      "  10.0.0.2:7411\tweight=0  priority=65535 # spare\n"
                      "[2001:db8::1]:1\n"
                      "unix:/run/redis.sock"));
    assert_int_equal(file.count, 4);
    assert_string_equal(file.items[0].host, "db-1.example.com");
    assert_int_equal(file.items[0].port, 7411);
    assert_int_equal(file.items[0].weight, TARGET_WEIGHT);
    assert_int_equal(file.items[0].priority, 0);
    assert_int_equal(file.items[1].weight, 0);
    assert_int_equal(file.items[1].priority, 65535);
    assert_string_equal(file.items[2].host, "2001:db8::1");
    assert_string_equal(file.items[3].host, "unix:/run/redis.sock");
}

static void one_bad_line_refuses_all_and_is_named(void **state)
{
    (void)state;
    assert_false(lines("10.0.0.1:1\n10.0.0.2\n"));
    assert_non_null(strstr(error, "line 2: "));
    assert_null(file.items);
    assert_false(lines("10.0.0.1:1 weight\n"));
    assert_false(lines("10.0.0.1:1 weight=65536\n"));
    assert_false(lines("10.0.0.1:1 weight=-1\n"));
    assert_false(lines("10.0.0.1:1 wieght=1\n"));
    assert_non_null(strstr(error, "wieght"));
    assert_false(lines("10.0.0.1:1 10.0.0.2:1\n"));
    assert_false(lines("10.0.0.1:99999\n"));
}

static void an_empty_file_is_a_mistake_and_none_is_not(void **state)
{
    (void)state;
    assert_false(lines(""));
    assert_string_equal(error,
                        "no endpoint in it; write none if there is none");
    assert_false(lines("# nothing\n\n"));
    assert_true(lines("# moved away\nnone\n"));
    assert_int_equal(file.count, 0);
    assert_false(lines("none\n10.0.0.1:1\n"));
    assert_false(yaml(""));
    assert_true(yaml("[]"));
    assert_int_equal(file.count, 0);
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    static const char zero[] = "10.0.0.1:1\n10.0\0.0.2:1\n";
    char longest[600];

    (void)state;
    free(file.items);
    assert_int_equal(endpoint_file_parse(&file, ENDPOINT_FILE_LINES, zero,
                                         sizeof(zero) - 1, error,
                                         sizeof(error)),
                     STATUS_CONFIG);
    memset(longest, '#', sizeof(longest) - 1);
    longest[599] = '\0';
    assert_false(lines(longest));
    longest[511] = '\0';
    assert_false(lines(longest)); /* no endpoint, but the line is read */
    assert_non_null(strstr(error, "no endpoint"));
}

static void yaml_lists_addresses_or_mappings(void **state)
{
    (void)state;
    assert_true(yaml("- db-1.example.com:7411\n"
                     "- {weight: 3, address: 10.0.0.2:7411, priority: 1}\n"
                     "- address: '[::1]:1'\n"));
    assert_int_equal(file.count, 3);
    assert_int_equal(file.items[1].weight, 3);
    assert_int_equal(file.items[1].priority, 1);
    assert_string_equal(file.items[2].host, "::1");
    assert_true(yaml("[\"10.0.0.1:1\", {\"address\": \"10.0.0.2:1\"}]"));
    assert_int_equal(file.count, 2);
}

static void yaml_of_any_other_shape_is_refused(void **state)
{
    (void)state;
    assert_false(yaml("endpoints: [10.0.0.1:1]"));
    assert_false(yaml("- - 10.0.0.1:1"));
    assert_false(yaml("- {weight: 1}"));
    assert_non_null(strstr(error, "address is missing"));
    assert_false(yaml("- {address: 10.0.0.1:1, address: 10.0.0.2:1}"));
    assert_non_null(strstr(error, "twice"));
    assert_false(yaml("- {address: 10.0.0.1:1, port: 2}"));
    assert_false(yaml("- {address: [10.0.0.1:1]}"));
    assert_false(yaml("- 10.0.0.1:1\n--- \n- 10.0.0.2:1\n"));
    assert_false(yaml("- &a 10.0.0.1:1\n- *a\n"));
    assert_false(yaml("- 10.0.0.1:1\n- [\n"));
    assert_non_null(strstr(error, "line "));
    assert_false(yaml("- 10.0.0.1:1\n- nonsense\n"));
    assert_non_null(strstr(error, "line 2: "));
}

static void there_is_a_most(void **state)
{
    static char text[TARGETS_MAX * 16 + 64];
    size_t used = 0;

    (void)state;
    for (int i = 0; i < TARGETS_MAX; i++) {
        memcpy(text + used, "127.0.0.1:1\n", 12);
        used += 12;
    }
    assert_true(lines(text));
    assert_int_equal(file.count, TARGETS_MAX);
    memcpy(text + used, "127.0.0.1:1\n", 13);
    assert_false(lines(text));
}

#define CLEARED(name) cmocka_unit_test_teardown(name, clear)

RUN_TESTS(TEST(the_end_of_the_path_tells_the_format),
          CLEARED(a_line_is_an_endpoint),
          CLEARED(one_bad_line_refuses_all_and_is_named),
          CLEARED(an_empty_file_is_a_mistake_and_none_is_not),
          CLEARED(bytes_that_are_no_text_are_refused),
          CLEARED(yaml_lists_addresses_or_mappings),
          CLEARED(yaml_of_any_other_shape_is_refused), CLEARED(there_is_a_most))
