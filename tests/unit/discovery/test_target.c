/* SPDX-License-Identifier: MIT */
#include "discovery/resolver.h"
#include "discovery/targets.h"
#include "support/await.h"

static bool parse(struct target *target, const char *text)
{
    char error[256] = "";
    bool parsed = target_parse(target, text, error, sizeof(error));

    assert_true(parsed == (error[0] == '\0'));
    return parsed;
}

static void a_target_is_a_host_and_a_port(void **state)
{
    struct target target;

    (void)state;
    assert_true(parse(&target, "db-1.example.com:7411"));
    assert_string_equal(target.host, "db-1.example.com");
    assert_int_equal(target.port, 7411);
    assert_int_equal(target.weight, TARGET_WEIGHT);
    assert_int_equal(target.priority, 0);
    assert_true(parse(&target, "[2001:db8::1]:1"));
    assert_string_equal(target.host, "2001:db8::1");
    assert_true(parse(&target, "unix:@abstract"));
    assert_int_equal(target.port, 0);
    assert_false(parse(&target, "db-1.example.com"));
    assert_false(parse(&target, "db-1.example.com:0"));
    assert_false(parse(&target, "db 1:1"));
    assert_false(parse(&target, "1.2.3:1"));
    assert_false(parse(&target, "2001:db8::1:1"));
    assert_false(parse(&target, ":1"));
    assert_false(parse(&target, "unix:"));
}

static void assert_error(const char *text, const char *expected)
{
    struct target target;
    char error[256] = "";

    assert_false(target_parse(&target, text, error, sizeof(error)));
    assert_string_equal(error, expected);
}

static void what_is_wrong_is_said_of_the_host_or_of_the_port(void **state)
{
    (void)state;
    assert_error("1.2.3:80", "1.2.3 is neither an IP address nor a name");
    assert_error("a..b:80", "a..b is neither an IP address nor a name");
    assert_error("b\xc3\xbc"
                 "cher.test:80",
                 "b\xc3\xbc"
                 "cher.test is neither an IP address nor a name; "
                 "in DNS it begins with xn--");
    assert_error("db:0",
                 "expected host:port, with a port from 1 to 65535, got db:0");
    assert_error("::1:80",
                 "expected host:port, with a port from 1 to 65535, got ::1:80");
    assert_error(":80",
                 "expected host:port, with a port from 1 to 65535, got :80");
}

static void a_target_made_of_parts_is_checked_too(void **state)
{
    struct target target;

    (void)state;
    assert_true(target_make(&target, "::1", 65535));
    assert_true(target_make(&target, "db", 1));
    assert_false(target_make(&target, "db", 0));
    assert_false(target_make(&target, "db", 65536));
    assert_false(target_make(&target, "", 1));
    assert_false(target_make(&target, "unix:/x", 1));
}

static void its_name_is_what_the_operator_knows(void **state)
{
    struct target target;
    char name[256];

    (void)state;
    assert_true(parse(&target, "db.example.com.:7411"));
    target_name(&target, name, sizeof(name));
    assert_string_equal(name, "db.example.com:7411");
    assert_true(parse(&target, "[::1]:7411"));
    target_name(&target, name, sizeof(name));
    assert_string_equal(name, "[::1]:7411");
    assert_true(parse(&target, "unix:/run/x"));
    target_name(&target, name, sizeof(name));
    assert_string_equal(name, "unix:/run/x");
}

/* ---- sets ---- */

struct fixture {
    struct loop *loop;
    struct resolver *resolver;
    struct targets *targets;
    unsigned reports;
    size_t count;
    bool all_failed;
    char first[ADDRESS_TEXT];
};

static void on_changed(void *context, const struct targets_report *report)
{
    struct fixture *fixture = context;

    fixture->reports++;
    fixture->count = report->count;
    fixture->all_failed = report->all_failed;
    fixture->first[0] = '\0';
    if (report->count > 0)
        address_format(&report->items[0].address, fixture->first);
}

static void start(struct fixture *fixture)
{
    struct resolver_options resolver = { .loop = NULL };
    struct targets_options options = { .changed = on_changed,
                                       .context = fixture };

    *fixture = (struct fixture){ .loop = loop_new() };
    resolver.loop = options.loop = fixture->loop;
    /* Nobody listens there: a name fails at once. */
    assert_true(text_list_add(&resolver.servers, "127.0.0.1:1"));
    assert_int_equal(resolver_open(&resolver, &fixture->resolver), STATUS_OK);
    text_list_clear(&resolver.servers);
    options.resolver = fixture->resolver;
    fixture->targets = targets_new(&options);
    assert_non_null(fixture->targets);
}

static void stop(struct fixture *fixture)
{
    targets_free(fixture->targets);
    resolver_close(fixture->resolver);
    loop_free(fixture->loop);
}

static void await(struct fixture *fixture, unsigned reports)
{
    AWAIT_IN(fixture->loop, fixture->reports >= reports);
}

static void set(struct fixture *fixture, const char *one, const char *two)
{
    struct target items[2];

    assert_true(parse(&items[0], one));
    if (two)
        assert_true(parse(&items[1], two));
    assert_int_equal(targets_set(fixture->targets, items, two ? 2 : 1, NULL),
                     STATUS_OK);
}

static void addresses_need_nobody_to_ask(void **state)
{
    struct fixture fixture;

    (void)state;
    start(&fixture);
    set(&fixture, "10.0.0.1:1", "10.0.0.2:2");
    assert_int_equal(fixture.reports, 0);
    await(&fixture, 1);
    assert_int_equal(fixture.count, 2);
    assert_string_equal(fixture.first, "10.0.0.1:1");
    assert_false(fixture.all_failed);
    assert_int_equal(targets_set(fixture.targets, NULL, 0, NULL), STATUS_OK);
    await(&fixture, 2);
    assert_int_equal(fixture.count, 0);
    assert_false(fixture.all_failed);
    stop(&fixture);
}

static void a_name_that_fails_leaves_the_addresses(void **state)
{
    struct fixture fixture;

    (void)state;
    start(&fixture);
    set(&fixture, "nowhere.example:1", NULL);
    await(&fixture, 1);
    assert_true(fixture.all_failed);
    assert_int_equal(fixture.count, 0);
    set(&fixture, "nowhere.example:1", "10.0.0.2:2");
    await(&fixture, 2);
    assert_false(fixture.all_failed);
    assert_int_equal(fixture.count, 1);
    stop(&fixture);
}

static void addresses_the_registry_brought_are_used(void **state)
{
    struct dns_target target = { .host = "db.example", .address_ttl_s = 60 };
    struct dns_address address = { .target = 0 };
    struct dns_answer known = { .addresses = &address,
                                .address_count = 1,
                                .targets = &target,
                                .target_count = 1 };
    struct fixture fixture;
    struct target item;

    (void)state;
    start(&fixture);
    assert_true(parse(&item, "db.example.:6379"));
    assert_true(address_from_ip(&address.address, "10.0.0.9", 1));
    assert_int_equal(targets_set(fixture.targets, &item, 1, &known), STATUS_OK);
    await(&fixture, 1);
    assert_string_equal(fixture.first, "10.0.0.9:6379");
    /* And kept when nobody can be asked. */
    targets_doubt(fixture.targets);
    await(&fixture, 2);
    assert_true(fixture.all_failed);
    assert_int_equal(fixture.count, 1);
    stop(&fixture);
}

static void a_set_may_go_while_names_are_asked_for(void **state)
{
    struct fixture fixture;

    (void)state;
    start(&fixture);
    for (int i = 0; i < 50; i++) {
        set(&fixture, i % 2 ? "a.example:1" : "b.example:1", "c.example:1");
        loop_turn(fixture.loop, 0);
    }
    stop(&fixture);
}

RUN_TESTS(TEST(a_target_is_a_host_and_a_port),
          TEST(what_is_wrong_is_said_of_the_host_or_of_the_port),
          TEST(a_target_made_of_parts_is_checked_too),
          TEST(its_name_is_what_the_operator_knows),
          TEST(addresses_need_nobody_to_ask),
          TEST(a_name_that_fails_leaves_the_addresses),
          TEST(addresses_the_registry_brought_are_used),
          TEST(a_set_may_go_while_names_are_asked_for))
