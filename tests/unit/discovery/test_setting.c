/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "discovery/setting.h"
#include "discovery/source.h"
#include "support/check_test.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void only_lines_of_endpoints_are_valid(void **state)
{
    static const struct {
        const char *text;
        const char *error; /* NULL: valid */
    } cases[] = {
        { "10.0.0.1:1", NULL },
        { "10.0.0.1:1\n[::1]:2\nunix:/x\ndb-1.example.com:3", NULL },
        { "10.0.0.1:1 weight=3 priority=1", NULL },
        { "", "no endpoint" },
        { " \n\n", "no endpoint" },
        { "none", "no endpoint" },
        { "10.0.0.1:1\nnowhere", "endpoint 2: expected host:port" },
        { "10.0.0.1:0", "endpoint 1: expected host:port" },
        { "10.0.0.1:1 10.0.0.2:1", "endpoint 1: expected weight=N" },
        { "unix:x", "endpoint 1: unix:x is not unix:/path" },
    };
    char error[256], *many = malloc(SETTING_MAX_BYTES + 1);

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        bool valid = setting_is_valid(cases[i].text, error, sizeof(error));

        assert_int_equal(valid, cases[i].error == NULL);
        if (cases[i].error)
            assert_ptr_equal(strstr(error, cases[i].error), error);
    }
    memset(many, '\n', SETTING_MAX_BYTES);
    memcpy(many, "10.0.0.1:1", 10);
    many[SETTING_MAX_BYTES - 100] = '\0';
    assert_true(setting_is_valid(many, error, sizeof(error)));
    many[SETTING_MAX_BYTES - 100] = '\n';
    many[SETTING_MAX_BYTES] = '\0';
    assert_false(setting_is_valid(many, error, sizeof(error)));
    assert_non_null(strstr(error, "more than"));
    free(many);
}

static void no_configuration_may_have_it(void **state)
{
    char error[256];

    (void)state;
    assert_false(
        source_is_valid(SETTING_SCHEME "10.0.0.1:1", error, sizeof(error)));
    assert_string_equal(error, "set: is only for entente set");
    assert_false(source_is_valid("nothing", error, sizeof(error)));
    assert_null(strstr(error, "set:"));
}

static void never(void *context, struct source *source)
{
    (void)source;
    *(bool *)context = true;
}

static void addresses_are_an_answer_at_once(void **state)
{
    struct source_world world = { .loop = loop_new() };
    bool told = false;
    struct source_options options = { .text = SETTING_SCHEME
                                      "10.0.0.2:1 weight=5\nunix:/x",
                                      .world = &world,
                                      .changed = never,
                                      .context = &told };
    struct source_report report;
    struct source *source;

    (void)state;
    assert_int_equal(source_open(&options, &source), STATUS_OK);
    source_report(source, &report);
    assert_int_equal(report.endpoints->count, 2);
    assert_string_equal(report.endpoints->items[0].name, "10.0.0.2:1");
    assert_int_equal(report.endpoints->items[0].weight, 5);
    assert_int_equal(address_port(&report.endpoints->items[0].address), 1);
    assert_true(address_is_unix(&report.endpoints->items[1].address));
    assert_false(told);
    loop_turn(world.loop, 0);
    assert_true(told);
    source_doubt(source);
    source_close(source);
    options.text = SETTING_SCHEME "none";
    assert_int_equal(source_open(&options, &source), STATUS_CONFIG);
    loop_free(world.loop);
}

/* ---- the disk ---- */

static char folder[64];

static void what_is_saved_is_loaded(void **state)
{
    const int64_t now = clock_wall_seconds();
    char *text, path[96];
    int64_t at;

    (void)state;
    snprintf(path, sizeof(path), "%s/state", folder);
    assert_int_equal(setting_load(path, "offer-x", &text, &at), STATUS_CLOSED);
    assert_int_equal(setting_forget(path, "offer-x"), STATUS_OK);
    assert_int_equal(setting_save(path, "offer-x", "10.0.0.1:1"), STATUS_OK);
    assert_int_equal(setting_save(path, "offer-x", "10.0.0.2:1\nb:2"),
                     STATUS_OK);
    assert_int_equal(setting_load(path, "direct-x", &text, &at), STATUS_CLOSED);
    assert_int_equal(setting_load(path, "offer-x", &text, &at), STATUS_OK);
    assert_string_equal(text, "10.0.0.2:1\nb:2");
    assert_in_range(at, now - 1, now + 10);
    free(text);
    assert_int_equal(setting_forget(path, "offer-x"), STATUS_OK);
    assert_int_equal(setting_load(path, "offer-x", &text, &at), STATUS_CLOSED);
    assert_int_equal(rmdir(path), 0); /* and nothing else is left */
}

static void what_cannot_be_saved_is_told(void **state)
{
    char path[96], file[128], *text;
    int64_t at;

    (void)state;
    snprintf(path, sizeof(path), "%s/none/state", folder);
    assert_int_equal(setting_save(path, "x", "10.0.0.1:1"), STATUS_CONFIG);
    snprintf(path, sizeof(path), "%s/state", folder);
    snprintf(file, sizeof(file), "%s/set-x.list", path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(mkdir(file, 0700), 0);
    assert_int_equal(setting_save(path, "x", "10.0.0.1:1"), STATUS_CONFIG);
    assert_int_equal(setting_forget(path, "x"), STATUS_CONFIG);
    assert_int_equal(setting_load(path, "x", &text, &at), STATUS_PROTOCOL);
    rmdir(file);
    assert_int_equal(rmdir(path), 0); /* no half a file either */
}

static void half_a_file_is_not_believed(void **state)
{
    static const char whole[] = "10.0.0.1:12\n10.0.0.2:34\n# end\n";
    char *text, changed[sizeof(whole)];

    (void)state;
    for (size_t length = 0; length < sizeof(whole) - 1; length++)
        assert_int_equal(setting_decode(whole, length, &text), STATUS_PROTOCOL);
    assert_int_equal(setting_decode(whole, sizeof(whole) - 1, &text),
                     STATUS_OK);
    assert_string_equal(text, "10.0.0.1:12\n10.0.0.2:34");
    free(text);
    for (size_t i = 0; i < sizeof(whole) - 1; i++) {
        memcpy(changed, whole, sizeof(whole));
        changed[i] = '\0';
        assert_int_equal(setting_decode(changed, sizeof(whole) - 1, &text),
                         STATUS_PROTOCOL);
    }
}

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/entente-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

#define WITH(name) \
    cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

RUN_TESTS(TEST(only_lines_of_endpoints_are_valid),
          TEST(no_configuration_may_have_it),
          TEST(addresses_are_an_answer_at_once), WITH(what_is_saved_is_loaded),
          WITH(what_cannot_be_saved_is_told), TEST(half_a_file_is_not_believed))
