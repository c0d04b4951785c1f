/* SPDX-License-Identifier: MIT */
#include "service/options.h"
#include "support/check_test.h"

/* Every field away from its default, so that each one counts. */
static void fill(struct service_options *options)
{
    service_options_init(options, SERVICE_CONSUME);
    assert_true(text_copy(options->name, sizeof(options->name), "redis"));
    assert_true(text_list_add(&options->listen, "127.0.0.1:6379"));
    assert_true(text_list_add(&options->sources, "static:10.0.0.1:7411"));
    assert_true(text_list_add(&options->peers, "spiffe://acme/db"));
    assert_true(text_list_add(&options->allow, "spiffe://acme/web"));
    assert_true(text_list_add(&options->announce, "mdns:_redis._tcp"));
    options->balance = BALANCE_HASH;
    options->hold_us = 1;
    options->connect_timeout_us = 2;
    options->proxy_protocol = true;
    options->move_us = 5;
    options->max_connections = 3;
    options->max_waiting = 4;
    options->announce_weight = 5;
    options->announce_priority = 6;
    options->health.protocol = HEALTH_HTTP;
}

static void a_copy_is_equal_and_its_own(void **state)
{
    struct service_options original, copy;

    (void)state;
    fill(&original);
    assert_true(service_options_copy(&copy, &original));
    assert_true(service_options_equal(&original, &copy));
    assert_ptr_not_equal(original.listen.items, copy.listen.items);
    service_options_clear(&original);
    assert_string_equal(copy.sources.items[0], "static:10.0.0.1:7411");
    service_options_clear(&copy);
}

static void change_name(struct service_options *options)
{
    options->name[0] = 'X';
}
static void change_role(struct service_options *options)
{
    options->role = SERVICE_DIRECT;
}
static void change_listen(struct service_options *options)
{
    options->listen.items[0][0] = 'X';
}
static void change_sources(struct service_options *options)
{
    options->sources.items[0][0] = 'X';
}
static void change_peers(struct service_options *options)
{
    options->peers.items[0][0] = 'X';
}
static void change_allow(struct service_options *options)
{
    options->allow.items[0][0] = 'X';
}
static void change_announce(struct service_options *options)
{
    options->announce.items[0][0] = 'X';
}
static void change_announce_weight(struct service_options *options)
{
    options->announce_weight++;
}
static void change_announce_priority(struct service_options *options)
{
    options->announce_priority++;
}
static void change_balance(struct service_options *options)
{
    options->balance = BALANCE_ROUND_ROBIN;
}
static void change_hold(struct service_options *options)
{
    options->hold_us++;
}
static void change_connect_timeout(struct service_options *options)
{
    options->connect_timeout_us++;
}
static void change_proxy_protocol(struct service_options *options)
{
    options->proxy_protocol = false;
}
static void change_move(struct service_options *options)
{
    options->move_us = SERVICE_MOVE_KEEP;
}
static void change_max_connections(struct service_options *options)
{
    options->max_connections++;
}
static void change_max_waiting(struct service_options *options)
{
    options->max_waiting++;
}

static void change_health(struct service_options *options)
{
    options->health.rise++;
}

static void any_single_change_makes_them_differ(void **state)
{
    static void (*const changes[])(struct service_options *) = {
        change_name,
        change_role,
        change_listen,
        change_sources,
        change_peers,
        change_allow,
        change_balance,
        change_hold,
        change_connect_timeout,
        change_proxy_protocol,
        change_move,
        change_max_connections,
        change_max_waiting,
        change_announce,
        change_announce_weight,
        change_announce_priority,
        change_health,
    };
    struct service_options original, changed;

    (void)state;
    fill(&original);
    for (size_t i = 0; i < ARRAY_LENGTH(changes); i++) {
        assert_true(service_options_copy(&changed, &original));
        assert_true(service_options_equal(&original, &changed));
        changes[i](&changed);
        assert_false(service_options_equal(&original, &changed));
        assert_false(service_options_equal(&changed, &original));
        service_options_clear(&changed);
    }
    service_options_clear(&original);
}

static void only_the_side_of_the_application_waits(void **state)
{
    struct service_options options;

    (void)state;
    service_options_init(&options, SERVICE_CONSUME);
    assert_true(options.hold_us > 0 && options.max_waiting > 0);
    service_options_init(&options, SERVICE_DIRECT);
    assert_true(options.hold_us > 0 && options.max_waiting > 0);
    service_options_init(&options, SERVICE_OFFER);
    assert_true(options.hold_us == 0 && options.max_waiting == 0);
    assert_true(options.connect_timeout_us > 0 && options.max_connections > 0);
}

static void a_role_is_one_of_its_words(void **state)
{
    enum service_role role;

    (void)state;
    for (unsigned i = 0; i < SERVICE_ROLES; i++) {
        const char *text = service_role_text((enum service_role)i);

        assert_true(service_role_parse(text, &role));
        assert_int_equal(role, i);
    }
    assert_string_equal(service_role_text(SERVICE_DIRECT), "direct");
    assert_false(service_role_parse("Offer", &role));
    assert_false(service_role_parse("", &role));
}

static void a_balance_is_one_of_its_words(void **state)
{
    enum service_balance balance;

    (void)state;
    for (unsigned i = BALANCE_ROUND_ROBIN; i <= BALANCE_HASH; i++) {
        const char *text = service_balance_text((enum service_balance)i);

        assert_true(service_balance_parse(text, &balance));
        assert_int_equal(balance, i);
    }
    assert_string_equal(service_balance_text(BALANCE_TWO_CHOICES),
                        "two-choices");
    assert_false(service_balance_parse("random", &balance));
    assert_false(service_balance_parse("Hash", &balance));
    assert_false(service_balance_parse("", &balance));
}

static void a_move_is_kept_unless_it_is_told_otherwise(void **state)
{
    static const enum service_role roles[] = { SERVICE_CONSUME, SERVICE_DIRECT,
                                               SERVICE_OFFER };
    struct service_options options;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(roles); i++) {
        service_options_init(&options, roles[i]);
        assert_true(options.move_us == SERVICE_MOVE_KEEP);
    }
    assert_string_equal(service_move_text(SERVICE_MOVE_KEEP), "keep");
    assert_string_equal(service_move_text(SERVICE_MOVE_CLOSE), "close");
    assert_string_equal(service_move_text(1), "drain");
}

RUN_TESTS(TEST(a_copy_is_equal_and_its_own),
          TEST(any_single_change_makes_them_differ),
          TEST(only_the_side_of_the_application_waits),
          TEST(a_role_is_one_of_its_words), TEST(a_balance_is_one_of_its_words),
          TEST(a_move_is_kept_unless_it_is_told_otherwise))
