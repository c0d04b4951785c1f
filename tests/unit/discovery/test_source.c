/* SPDX-License-Identifier: MIT */
#include "discovery/resolver.h"
#include "discovery/source.h"
#include "support/await.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool is_valid(const char *text)
{
    char error[256] = "";
    bool valid = source_is_valid(text, error, sizeof(error));

    /* Whoever is refused learns why. */
    assert_true(valid == (error[0] == '\0'));
    return valid;
}

static void only_what_can_be_watched_is_valid(void **state)
{
    (void)state;
    assert_true(is_valid("static:10.0.0.1:7411"));
    assert_true(is_valid("static:[2001:db8::1]:7411"));
    assert_true(is_valid("static:unix:/run/redis.sock"));
    assert_true(is_valid("static:db-1.example.com:7411"));
    assert_true(is_valid("dns:tasks.redis:6379"));
    assert_false(is_valid("static:10.0.0.1"));
    assert_false(is_valid("static:10.0.0.1:0"));
    assert_false(is_valid("static:10.0.0.1:65536"));
    assert_false(is_valid("static:unix:relative"));
    assert_false(is_valid("static:a b:1"));
    assert_false(is_valid("static:"));
    assert_false(is_valid("dns:10.0.0.1:6379"));
    assert_false(is_valid("dns:redis"));
    assert_false(is_valid("dns:unix:/x"));
    assert_false(is_valid("inbound:"));
    assert_false(is_valid("consul:redis"));
    assert_false(is_valid(""));
}

static void a_bare_address_is_told_its_scheme(void **state)
{
    char error[256];

    (void)state;
    assert_false(source_is_valid("10.0.0.1:6379", error, sizeof(error)));
    assert_string_equal(error, "expected static:10.0.0.1:6379");
    assert_false(source_is_valid("redis:6379", error, sizeof(error)));
    assert_string_equal(error, "expected static:redis:6379");
    assert_false(source_is_valid("nothing", error, sizeof(error)));
    assert_non_null(strstr(error, "dns:NAME:PORT"));
}

struct watch {
    struct loop *loop;
    struct source_world world;
    struct source *source;
    unsigned changes;
};

static void on_changed(void *context, struct source *source)
{
    struct watch *watch = context;

    assert_true(watch->source == source);
    watch->changes++;
}

static void start(struct watch *watch, const char *text)
{
    struct resolver_options resolver_options = { 0 };
    struct source_options options = { .text = text,
                                      .world = &watch->world,
                                      .changed = on_changed,
                                      .context = watch };

    *watch = (struct watch){ .loop = loop_new() };
    assert_non_null(watch->loop);
    resolver_options.loop = watch->world.loop = watch->loop;
    assert_int_equal(resolver_open(&resolver_options, &watch->world.resolver),
                     STATUS_OK);
    assert_int_equal(source_open(&options, &watch->source), STATUS_OK);
    /* Never from inside source_open(). */
    assert_int_equal(watch->changes, 0);
}

/* Turn until something has changed |changes| times. */
static void await(struct watch *watch, unsigned changes)
{
    AWAIT_IN(watch->loop, watch->changes >= changes);
}

static void stop(struct watch *watch)
{
    source_close(watch->source);
    resolver_close(watch->world.resolver);
    loop_free(watch->loop);
}

static void an_address_is_its_own_endpoint(void **state)
{
    struct source_report report;
    struct watch watch;

    (void)state;
    start(&watch, "static:10.0.0.1:7411");
    await(&watch, 1);
    source_report(watch.source, &report);
    assert_non_null(report.endpoints);
    assert_int_equal(report.endpoints->count, 1);
    assert_string_equal(report.endpoints->items[0].name, "10.0.0.1:7411");
    assert_int_equal(address_port(&report.endpoints->items[0].address), 7411);
    assert_false(report.is_stale);
    assert_true(report.answered_us > 0);
    assert_string_equal(source_text(watch.source), "static:10.0.0.1:7411");
    source_doubt(watch.source);
    loop_turn(watch.loop, 0);
    assert_int_equal(watch.changes, 1);
    stop(&watch);
}

static void a_socket_path_is_its_own_endpoint(void **state)
{
    struct source_report report;
    struct watch watch;

    (void)state;
    start(&watch, "static:unix:/run/redis.sock");
    await(&watch, 1);
    source_report(watch.source, &report);
    assert_int_equal(report.endpoints->count, 1);
    assert_true(address_is_unix(&report.endpoints->items[0].address));
    stop(&watch);
}

static void a_name_of_the_hosts_file_is_resolved(void **state)
{
    struct source_report report;
    struct watch watch;

    (void)state;
    start(&watch, "static:localhost:7411");
    await(&watch, 1);
    source_report(watch.source, &report);
    assert_non_null(report.endpoints);
    assert_true(report.endpoints->count >= 1);
    for (size_t i = 0; i < report.endpoints->count; i++) {
        assert_true(address_is_loopback(&report.endpoints->items[i].address));
        assert_string_equal(report.endpoints->items[i].name, "localhost:7411");
    }
    stop(&watch);
}

static void an_invalid_text_is_not_opened(void **state)
{
    struct source_world world = { .loop = loop_new() };
    struct source_options options = { .text = "dns:redis", .world = &world };
    struct source *source;

    (void)state;
    assert_int_equal(source_open(&options, &source), STATUS_CONFIG);
    options.text = "nonsense";
    assert_int_equal(source_open(&options, &source), STATUS_CONFIG);
    source_close(NULL);
    loop_free(world.loop);
}

/* ---- when ---- */

/* Replaces it whole, as who writes such a file should. */
static void write_places(const char *path, const char *text)
{
    char fresh[128];
    FILE *file;

    snprintf(fresh, sizeof(fresh), "%s.new", path);
    file = fopen(fresh, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(fresh, path), 0);
}

struct folder {
    char path[64];
    char file[96];
    char source[128];
};

static struct folder make_folder(void)
{
    struct folder folder = { .path = "/tmp/test_source.XXXXXX" };

    assert_non_null(mkdtemp(folder.path));
    snprintf(folder.file, sizeof(folder.file), "%s/places", folder.path);
    snprintf(folder.source, sizeof(folder.source), "file:%s", folder.file);
    return folder;
}

static void a_failure_is_dated_until_it_is_over(void **state)
{
    struct folder folder = make_folder();
    uint64_t begun_us = clock_now_us();
    struct source_report report;
    struct watch watch;

    (void)state;
    start(&watch, folder.source);
    await(&watch, 1);
    source_report(watch.source, &report);
    assert_null(report.endpoints);
    assert_true(*report.failure != '\0');
    assert_in_range(report.failed_us, begun_us, clock_now_us());
    write_places(folder.file, "10.0.0.1:1\n");
    await(&watch, watch.changes + 1);
    source_report(watch.source, &report);
    assert_non_null(report.endpoints);
    assert_string_equal(report.failure, "");
    assert_int_equal(report.failed_us, 0);
    stop(&watch);
    unlink(folder.file);
    rmdir(folder.path);
}

static void what_is_held_back_is_told(void **state)
{
    struct folder folder = make_folder();
    struct source_report report = { .held = NULL };
    struct watch watch;
    char text[32];

    (void)state;
    write_places(folder.file, "10.0.0.1:1\n");
    start(&watch, folder.source);
    await(&watch, 1);
    /* Changes faster than they are applied: one has to wait. */
    for (unsigned i = 2; i < 250 && !report.held; i++) {
        snprintf(text, sizeof(text), "10.0.0.%u:1\n", i);
        write_places(folder.file, text);
        for (unsigned turn = 0; turn < 5 && !report.held; turn++) {
            loop_turn(watch.loop, 1000);
            source_report(watch.source, &report);
        }
    }
    assert_non_null(report.held);
    assert_int_equal(report.held->count, 1);
    assert_false(endpoints_equal(report.held, report.endpoints));
    assert_in_range(report.held_until_us, loop_now_us(watch.loop) + 1,
                    loop_now_us(watch.loop) + CLOCK_SECOND);
    await(&watch, watch.changes + 1);
    stop(&watch);
    unlink(folder.file);
    rmdir(folder.path);
}

RUN_TESTS(TEST(a_failure_is_dated_until_it_is_over),
          TEST(what_is_held_back_is_told),
          TEST(only_what_can_be_watched_is_valid),
          TEST(a_bare_address_is_told_its_scheme),
          TEST(an_address_is_its_own_endpoint),
          TEST(a_socket_path_is_its_own_endpoint),
          TEST(a_name_of_the_hosts_file_is_resolved),
          TEST(an_invalid_text_is_not_opened))
