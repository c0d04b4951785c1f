/* SPDX-License-Identifier: MIT */
#include "discovery/resolver.h"
#include "service/directory.h"
#include "support/await.h"
#include <stdlib.h>
#include <unistd.h>

struct fixture {
    struct loop *loop;
    struct source_world world;
    struct directory *directory;
    unsigned changes;
    char told[256]; /* the endpoints last told, "set" before those set */
    char folder[64];
    char path[96]; /* of a file with endpoints */
};

static void describe(const struct endpoints *endpoints, char *text, size_t size)
{
    text_format(text, size, "%s", endpoints->is_set ? "set" : "");
    for (size_t i = 0; i < endpoints->count; i++) {
        char address[ADDRESS_TEXT];

        address_format(&endpoints->items[i].address, address);
        text_format(text + strlen(text), size - strlen(text), "%s%s",
                    *text ? " " : "", address);
    }
}

static void on_changed(void *context, const struct endpoints *endpoints)
{
    struct fixture *fixture = context;

    fixture->changes++;
    describe(endpoints, fixture->told, sizeof(fixture->told));
}

static void turn_until(struct fixture *fixture, unsigned changes)
{
    AWAIT_IN(fixture->loop, fixture->changes >= changes);
    assert_int_equal(fixture->changes, changes);
}

static void turn(struct fixture *fixture)
{
    for (int i = 0; i < 5; i++)
        loop_turn(fixture->loop, 0);
}

static struct text_list list_of(const char *text)
{
    struct text_list list = { .count = 0 };

    assert_true(!text || text_list_add(&list, text));
    return list;
}

static void write_places(struct fixture *fixture, const char *text)
{
    char fresh[128];
    FILE *file;

    snprintf(fresh, sizeof(fresh), "%s.new", fixture->path);
    file = fopen(fresh, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(fresh, fixture->path), 0);
}

/* A directory of one source, which has answered. */
static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct text_list sources = list_of("static:10.0.0.1:1"), none = { 0 };
    struct directory_options options = { .sources = &sources,
                                         .fallback = &none,
                                         .world = &fixture->world,
                                         .changed = on_changed,
                                         .context = fixture };
    struct resolver_options resolver = { .configuration = "/dev/null" };

    fixture->loop = fixture->world.loop = resolver.loop = loop_new();
    /* Nobody answers there. */
    assert_true(text_list_add(&resolver.servers, "127.0.0.1:9"));
    assert_int_equal(resolver_open(&resolver, &fixture->world.resolver),
                     STATUS_OK);
    assert_int_equal(directory_open(&options, &fixture->directory), STATUS_OK);
    strcpy(fixture->folder, "/tmp/entente-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof(fixture->path), "%s/places",
             fixture->folder);
    write_places(fixture, "10.0.0.2:1\n");
    turn_until(fixture, 1);
    assert_string_equal(fixture->told, "10.0.0.1:1");
    text_list_clear(&sources);
    text_list_clear(&resolver.servers);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    directory_close(fixture->directory);
    resolver_close(fixture->world.resolver);
    loop_free(fixture->loop);
    unlink(fixture->path);
    rmdir(fixture->folder);
    free(fixture);
    return 0;
}

static bool set(struct fixture *fixture, const char *lines, bool may_wait)
{
    struct directory_setting setting = { .at = 1000, .is_kept = true };

    assert_int_equal(directory_ask(fixture->directory, lines, &setting.source),
                     STATUS_OK);
    return directory_set(fixture->directory, &setting, may_wait);
}

static void change(struct fixture *fixture, const char *source)
{
    struct text_list sources = list_of(source), none = { 0 };

    assert_int_equal(directory_change(fixture->directory, &sources, &none),
                     STATUS_OK);
    text_list_clear(&sources);
}

static void check(struct fixture *fixture, unsigned changes, const char *told)
{
    char now[256];

    assert_int_equal(fixture->changes, changes);
    assert_string_equal(fixture->told, told);
    describe(directory_endpoints(fixture->directory), now, sizeof(now));
    assert_string_equal(now, told);
}

static void what_is_set_counts_before_the_call_returns(void **state)
{
    struct fixture *fixture = *state;

    assert_null(directory_setting(fixture->directory));
    assert_true(set(fixture, "10.0.0.7:1\n[::1]:2", true));
    check(fixture, 2, "set 10.0.0.7:1 [::1]:2");
    assert_int_equal(directory_setting(fixture->directory)->at, 1000);
    assert_true(directory_setting(fixture->directory)->is_kept);
    assert_true(set(fixture, "10.0.0.8:1", true));
    check(fixture, 3, "set 10.0.0.8:1");
    turn(fixture);
    check(fixture, 3, "set 10.0.0.8:1");
    directory_unset(fixture->directory);
    check(fixture, 4, "10.0.0.1:1");
    assert_null(directory_setting(fixture->directory));
    directory_unset(fixture->directory);
    check(fixture, 4, "10.0.0.1:1");
}

static void what_the_sources_say_too_is_set_all_the_same(void **state)
{
    struct fixture *fixture = *state;

    assert_true(set(fixture, "10.0.0.1:1", true));
    check(fixture, 2, "set 10.0.0.1:1"); /* or inbound: would still count */
}

static void what_is_no_endpoint_is_not_asked(void **state)
{
    static const char *const texts[] = { "", "none", "10.0.0.1",
                                         "10.0.0.1:1\nx", "static:10.0.0.1:1" };
    struct fixture *fixture = *state;
    struct source *source;

    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
        assert_int_equal(directory_ask(fixture->directory, texts[i], &source),
                         STATUS_CONFIG);
    check(fixture, 1, "10.0.0.1:1");
}

static void sources_are_heard_and_do_not_count(void **state)
{
    struct fixture *fixture = *state;
    struct source_report report;
    char text[128];

    snprintf(text, sizeof(text), "file:%s", fixture->path);
    assert_true(set(fixture, "10.0.0.7:1", true));
    change(fixture, text);
    for (int i = 0; i < 1000; i++) {
        source_report(directory_source(fixture->directory, 0), &report);
        if (report.endpoints)
            break;
        loop_turn(fixture->loop, 10000);
    }
    assert_non_null(report.endpoints);
    turn(fixture);
    check(fixture, 2, "set 10.0.0.7:1");
    directory_unset(fixture->directory);
    check(fixture, 3, "10.0.0.2:1");
}

static void until_a_name_is_found_everything_stays(void **state)
{
    struct fixture *fixture = *state;

    assert_false(set(fixture, "nowhere.test:1", true));
    check(fixture, 1, "10.0.0.1:1");
    assert_null(directory_setting(fixture->directory));
    assert_non_null(directory_coming(fixture->directory));
    /* The sources still count. */
    change(fixture, "static:10.0.0.3:1");
    turn_until(fixture, 2);
    check(fixture, 2, "10.0.0.3:1");
    /* Another one takes its place; /etc/hosts has this name everywhere. */
    assert_false(set(fixture, "localhost:1", true));
    check(fixture, 2, "10.0.0.3:1");
    turn_until(fixture, 3);
    assert_ptr_equal(strstr(fixture->told, "set "), fixture->told);
    assert_null(directory_coming(fixture->directory));
    assert_non_null(directory_setting(fixture->directory));
    /* Over one that counts, which stays too. */
    assert_false(set(fixture, "nowhere.test:1", true));
    turn(fixture);
    assert_int_equal(fixture->changes, 3);
    assert_non_null(directory_setting(fixture->directory));
    directory_unset(fixture->directory);
    check(fixture, 4, "10.0.0.3:1");
    assert_null(directory_coming(fixture->directory));
}

static void one_address_among_names_is_enough(void **state)
{
    struct fixture *fixture = *state;

    assert_false(set(fixture, "nowhere.test:1\n10.0.0.7:1", true));
    turn_until(fixture, 2);
    check(fixture, 2, "set 10.0.0.7:1");
}

static void what_may_not_wait_counts_without_an_endpoint(void **state)
{
    struct fixture *fixture = *state;

    assert_true(set(fixture, "nowhere.test:1", false));
    check(fixture, 2, "set");
    turn(fixture);
    check(fixture, 2, "set");
}

static void other_sources_count_when_they_have_answered(void **state)
{
    struct fixture *fixture = *state;

    /* That it fails is no answer. */
    change(fixture, "file:/nowhere/at/all");
    turn(fixture);
    usleep(20000);
    turn(fixture);
    check(fixture, 1, "10.0.0.1:1");
    change(fixture, "static:10.0.0.1:1");
    turn(fixture);
    check(fixture, 1, "10.0.0.1:1"); /* the same */
    change(fixture, "static:10.0.0.4:1");
    check(fixture, 1, "10.0.0.1:1");
    turn_until(fixture, 2);
    check(fixture, 2, "10.0.0.4:1");
    /* It says that there is none: that is one. */
    write_places(fixture, "none\n");
    {
        char text[128];

        snprintf(text, sizeof(text), "file:%s", fixture->path);
        change(fixture, text);
    }
    turn_until(fixture, 3);
    check(fixture, 3, "");
    change(fixture, "static:10.0.0.4:1");
    turn_until(fixture, 4);
    change(fixture, "inbound:");
    check(fixture, 5, "");
}

static void change_to_both(struct fixture *fixture, const char *first,
                           const char *second)
{
    struct text_list sources = list_of(first), none = { 0 };

    assert_true(text_list_add(&sources, second));
    assert_int_equal(directory_change(fixture->directory, &sources, &none),
                     STATUS_OK);
    text_list_clear(&sources);
}

static void sources_that_stay_keep_their_answers(void **state)
{
    struct fixture *fixture = *state;
    struct text_list bad = list_of("static:10.0.0.9:1"), none = { 0 };
    char text[128];

    snprintf(text, sizeof(text), "file:%s", fixture->path);
    change(fixture, text);
    turn_until(fixture, 2);
    check(fixture, 2, "10.0.0.2:1");
    /* Its registry is gone when others join it, or leave. */
    unlink(fixture->path);
    change_to_both(fixture, "static:10.0.0.1:1", text);
    turn_until(fixture, 3);
    check(fixture, 3, "10.0.0.1:1 10.0.0.2:1");
    assert_true(text_list_add(&bad, text));
    assert_true(text_list_add(&bad, "nonsense"));
    assert_int_equal(directory_change(fixture->directory, &bad, &none),
                     STATUS_CONFIG);
    turn(fixture);
    check(fixture, 3, "10.0.0.1:1 10.0.0.2:1");
    change_to_both(fixture, text, text); /* once it is the one there was */
    check(fixture, 4, "10.0.0.2:1");
    change(fixture, text);
    turn(fixture);
    check(fixture, 4, "10.0.0.2:1");
    text_list_clear(&bad);
}

static void what_is_set_goes_on_over_other_sources(void **state)
{
    struct fixture *fixture = *state;
    struct text_list bad = list_of("nonsense"), none = { 0 };

    assert_true(set(fixture, "localhost:1", false));
    turn_until(fixture, 3); /* without an address, then with one */
    assert_int_equal(directory_change(fixture->directory, &bad, &none),
                     STATUS_CONFIG);
    assert_string_equal(source_text(directory_source(fixture->directory, 0)),
                        "static:10.0.0.1:1");
    change(fixture, "static:10.0.0.5:1");
    turn(fixture);
    assert_int_equal(fixture->changes, 3);
    directory_unset(fixture->directory);
    check(fixture, 4, "10.0.0.5:1");
    text_list_clear(&bad);
}

#define WITH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

RUN_TESTS(WITH(what_is_set_counts_before_the_call_returns),
          WITH(what_the_sources_say_too_is_set_all_the_same),
          WITH(what_is_no_endpoint_is_not_asked),
          WITH(sources_are_heard_and_do_not_count),
          WITH(until_a_name_is_found_everything_stays),
          WITH(one_address_among_names_is_enough),
          WITH(what_may_not_wait_counts_without_an_endpoint),
          WITH(other_sources_count_when_they_have_answered),
          WITH(sources_that_stay_keep_their_answers),
          WITH(what_is_set_goes_on_over_other_sources))
