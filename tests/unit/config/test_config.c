/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "unit/config/config_test.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void a_file_fills_every_member(void **state)
{
    struct config *config = parse("node: web-1\n"
                                  "identity:\n"
                                  "  certificate: w.crt\n"
                                  "  private_key: w.key\n"
                                  "  trust: ca.crt\n"
                                  "  revocation: ca.crl\n"
                                  "tunnels:\n"
                                  "  listen: 0.0.0.0:7411\n"
                                  "  advertise: db-1.example.com\n"
                                  "  dial: [h:1, 10.0.0.1:2]\n"
                                  "admin: 127.0.0.1:7412\n"
                                  "workers: 3\n"
                                  "dns: {servers: 10.0.0.2:53}\n"
                                  "state: /var/lib/x\n"
                                  "log: {level: debug, format: json}\n"
                                  "drain: 5m\n"
                                  "offer:\n"
                                  "  r:\n"
                                  "    to: [static:h:1, static:h:2]\n"
                                  "    allow: spiffe://a/b\n"
                                  "    announce: zookeeper:zk/r\n"
                                  "    announce_weight: 8\n"
                                  "    announce_priority: 9\n"
                                  "    balance: hash\n"
                                  "    on_move: drain 90s\n"
                                  "    connect_timeout: 1s\n"
                                  "    proxy_protocol: on\n"
                                  "    max_connections: 7\n");
    const struct service_options *service = &config->services[0];

    (void)state;
    assert_string_equal(config->node, "web-1");
    assert_string_equal(config->identity.certificate, "w.crt");
    assert_string_equal(config->identity.private_key, "w.key");
    assert_string_equal(config->identity.trust, "ca.crt");
    assert_string_equal(config->identity.revocation, "ca.crl");
    assert_int_equal(config->tunnels.listen.count, 1);
    assert_int_equal(config->tunnels.dial.count, 2);
    assert_string_equal(config->tunnels.advertise, "db-1.example.com");
    assert_string_equal(config->tunnels.dial.items[1], "10.0.0.1:2");
    assert_string_equal(config->admin, "127.0.0.1:7412");
    assert_int_equal(config->workers, 3);
    assert_string_equal(config->dns.items[0], "10.0.0.2:53");
    assert_string_equal(config->state, "/var/lib/x");
    assert_int_equal(config->log_level, LOG_DEBUG);
    assert_int_equal(config->log_format, LOG_JSON);
    assert_int_equal(config->drain_us, 300 * CLOCK_SECOND);
    assert_int_equal(config->service_count, 1);
    assert_string_equal(service->name, "r");
    assert_int_equal(service->role, SERVICE_OFFER);
    assert_int_equal(service->sources.count, 2);
    assert_string_equal(service->allow.items[0], "spiffe://a/b");
    assert_string_equal(service->announce.items[0], "zookeeper:zk/r");
    assert_int_equal(service->announce_weight, 8);
    assert_int_equal(service->announce_priority, 9);
    assert_int_equal(service->balance, BALANCE_HASH);
    assert_int_equal(service->move_us, 90 * CLOCK_SECOND);
    assert_int_equal(service->connect_timeout_us, CLOCK_SECOND);
    assert_true(service->proxy_protocol);
    assert_int_equal(service->max_connections, 7);
    config_free(config);
}

static void from_and_direct_decide_the_role(void **state)
{
    struct config *config =
        parse("identity: {certificate: a, private_key: b, trust: c}\n"
              "tunnels: {listen: 0.0.0.0:7411}\n"
              "consume:\n"
              "  a: {listen: 127.0.0.1:1, from: [inbound:], peer: "
              "spiffe://a/b, hold: 0, max_waiting: 0}\n"
              "  b: {max_connections: 5, direct: static:h:1, listen: "
              "[127.0.0.1:2, 127.0.0.1:3]}\n"
              "offer:\n"
              "  a: {to: static:h:1, allow: spiffe://a/b}\n");

    (void)state;
    assert_int_equal(config->service_count, 3);
    assert_int_equal(config->services[0].role, SERVICE_CONSUME);
    assert_string_equal(config->services[0].sources.items[0], "inbound:");
    assert_int_equal(config->services[0].hold_us, 0);
    assert_int_equal(config->services[0].max_waiting, 0);
    assert_int_equal(config->services[1].role, SERVICE_DIRECT);
    assert_int_equal(config->services[1].listen.count, 2);
    assert_int_equal(config->services[1].max_connections, 5);
    assert_ptr_equal(config_find(config, false, "a"), &config->services[0]);
    assert_ptr_equal(config_find(config, true, "a"), &config->services[2]);
    assert_null(config_find(config, true, "b"));
    config_free(config);
}

static void inbound_may_be_written_in_any_way(void **state)
{
    static const char *const ways[] = {
        "[inbound:]",       "[ \"inbound:\" ]",
        "'inbound:'",       "\n      - inbound:",
        "\n      inbound:", "[static:h:1, inbound:, static:h:2]"
    };
    char text[512];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(ways); i++) {
        struct config *config;
        const struct text_list *sources;

        text_format(text, sizeof(text),
                    "identity: {certificate: a, private_key: b, trust: c}\n"
                    "tunnels: {listen: 0.0.0.0:7411}\n"
                    "consume:\n"
                    "  a:\n"
                    "    from: %s\n"
                    "    listen: 127.0.0.1:1\n"
                    "    peer: spiffe://a/b\n",
                    ways[i]);
        config = parse(text);
        sources = &config->services[0].sources;
        assert_string_equal(sources->items[sources->count / 2], "inbound:");
        config_free(config);
    }
}

static void json_is_understood(void **state)
{
    struct config *config =
        parse("{\"consume\":{\"r\":{\"listen\":[\"127.0.0.1:1\"],"
              "\"direct\":[\"static:h:1\"],\"proxy_protocol\":true,"
              "\"max_waiting\":9}}}");

    (void)state;
    assert_true(config->services[0].proxy_protocol);
    assert_int_equal(config->services[0].max_waiting, 9);
    config_free(config);
}

static void ports_chosen_by_the_kernel_are_not_twice_the_same(void **state)
{
    struct config *config =
        parse("consume: {r: {listen: [127.0.0.1:0, 127.0.0.1:0], direct: "
              "static:h:1}}");

    (void)state;
    config_free(config);
}

/* ---- value by value ---- */

static void assert_set(struct config *config, const char *key,
                       const char *value)
{
    struct config_error error;

    if (config_set(config, key, value, "--flag", &error) != STATUS_OK)
        fail_msg("%s", error.text);
}

static void assert_not_set(struct config *config, const char *key,
                           const char *value, const char *message)
{
    struct config_error error;

    assert_int_equal(config_set(config, key, value, "--flag", &error),
                     STATUS_CONFIG);
    assert_string_equal(error.text, message);
}

static void a_list_grows_and_anything_else_is_replaced(void **state)
{
    struct config *config = config_new();

    (void)state;
    assert_non_null(config);
    assert_set(config, "consume.a.b.listen", "127.0.0.1:1");
    assert_set(config, "consume.a.b.listen", "127.0.0.1:2");
    assert_set(config, "consume.a.b.hold", "1s");
    assert_set(config, "consume.a.b.hold", "2s");
    assert_set(config, "identity.trust", "one");
    assert_set(config, "identity.trust", "two");
    assert_int_equal(config->service_count, 1);
    assert_string_equal(config->services[0].name, "a.b");
    assert_int_equal(config->services[0].listen.count, 2);
    assert_int_equal(config->services[0].hold_us, 2 * CLOCK_SECOND);
    assert_string_equal(config->identity.trust, "two");
    config_free(config);
}

static void bounds_are_within(void **state)
{
    static const struct {
        const char *key;
        const char *value;
    } values[] = {
        { "consume.r.hold", "3600s" },
        { "consume.r.hold", "0" },
        { "consume.r.on_move", "keep" },
        { "consume.r.on_move", "close" },
        { "offer.r.on_move", "drain 7d" },
        { "consume.r.connect_timeout", "10ms" },
        { "consume.r.connect_timeout", "5m" },
        { "workers", "256" },
        { "workers", "1" },
        { "workers", "auto" },
        { "consume.r.max_waiting", "0" },
        { "consume.r.max_waiting", "1000000" },
        { "drain", "24h" },
    };
    struct config *config = config_new();

    (void)state;
    assert_non_null(config);
    for (size_t i = 0; i < ARRAY_LENGTH(values); i++)
        assert_set(config, values[i].key, values[i].value);
    config_free(config);
}

static void a_refused_value_is_not_there(void **state)
{
    struct config *config = config_new();

    (void)state;
    assert_non_null(config);
    assert_set(config, "consume.r.listen", "127.0.0.1:1");
    assert_not_set(config, "consume.r.listen", "here",
                   "--flag: \"here\": expected an address and a port like "
                   "127.0.0.1:6379 or [::1]:6379, or unix:/path");
    assert_int_equal(config->services[0].listen.count, 1);
    assert_set(config, "consume.r.hold", "7s");
    assert_not_set(config, "consume.r.hold", "7",
                   "--flag: \"7\": expected a time like 500ms or 10s, from 0 "
                   "to 1h");
    assert_int_equal(config->services[0].hold_us, 7 * CLOCK_SECOND);
    assert_not_set(config, "identity.trust", "\xff",
                   "--flag: \"\\xff\": it is not UTF-8");
    assert_null(config->identity.trust);
    config_free(config);
}

static void only_utf_8_is_text(void **state)
{
    static const char *const refused[] = {
        "\x80",
        "\xc0\xaf",
        "\xc1\x81",
        "\xc3",
        "\xe0\x9f\xbf",
        "\xe2\x82",
        "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "a\xff",
    };
    static const char *const accepted[] = {
        "\xc2\x80",     "\xdf\xbf",         "\xe0\xa0\x80",     "\xed\x9f\xbf",
        "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
    };
    struct config *config = config_new();
    struct config_error error;

    (void)state;
    assert_non_null(config);
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++)
        assert_int_equal(config_set(config, "state", refused[i], "--state",
                                    &error),
                         STATUS_CONFIG);
    for (size_t i = 0; i < ARRAY_LENGTH(accepted); i++)
        assert_set(config, "state", accepted[i]);
    config_free(config);
}

static void a_path_that_is_no_key_gets_the_nearest(void **state)
{
    struct config *config = config_new();

    (void)state;
    assert_non_null(config);
    assert_not_set(
        config, "consume.r.lisen", "x",
        "--flag: unknown key \"lisen\"; did you mean \"listen\"? (known "
        "here: listen, from, direct, fallback, peer, balance, min_healthy, "
        "slow_start, retry_budget, max_per_endpoint, hold, on_move, "
        "connect_timeout, proxy_protocol, max_connections, max_waiting, "
        "health)");
    assert_not_set(config, "identity.thrust", "x",
                   "--flag: unknown key \"thrust\"; did you mean \"trust\"? "
                   "(known here: certificate, private_key, trust, "
                   "revocation)");
    assert_not_set(config, "nodes", "x",
                   "--flag: unknown key \"nodes\"; did you mean \"node\"? "
                   "(known here: node, identity, tunnels, admin, workers, dns, "
                   "state, log, drain, consume, offer)");
    assert_not_set(config, "offer.r.announce", "x",
                   "--flag: \"x\": expected zookeeper:SERVER,SERVER/PATH or "
                   "mdns:_SERVICE._tcp");
    assert_not_set(config, "consume.a/b.listen", "127.0.0.1:1",
                   "--flag: \"a/b\": a service's name is at most 63 letters, "
                   "digits, '.', '_' and '-', like redis");
    config_free(config);
}

static void what_is_unset_was_never_said(void **state)
{
    struct config *config = config_new();

    (void)state;
    assert_non_null(config);
    assert_set(config, "consume.r.from", "static:h:1");
    config_unset(config, "consume.r.from");
    assert_int_equal(config->services[0].sources.count, 0);
    assert_set(config, "consume.r.direct", "static:h:1"); /* no conflict */
    assert_int_equal(config->services[0].role, SERVICE_DIRECT);
    assert_set(config, "consume.r.hold", "1s");
    config_unset(config, "consume.r.hold");
    assert_int_equal(config->services[0].hold_us, 10 * CLOCK_SECOND);
    assert_set(config, "node", "x");
    config_unset(config, "node");
    assert_string_equal(config->node, "");
    assert_set(config, "admin", "127.0.0.1:1");
    config_unset(config, "admin");
    assert_null(config->admin);
    config_unset(config, "consume.other.hold"); /* harmless */
    assert_int_equal(config->service_count, 1);
    config_free(config);
}

static void layers_are_checked_together(void **state)
{
    static const char text[] = "consume: {r: {listen: 127.0.0.1:1, from: "
                               "static:h:1, peer: spiffe://a/b}}\n";
    struct config *config = config_new();
    struct config_error error;

    (void)state;
    assert_non_null(config);
    assert_int_equal(config_add_text(config, "f", text, strlen(text), &error),
                     STATUS_OK);
    assert_int_equal(config_check(config, &error), STATUS_CONFIG);
    assert_set(config, "identity.certificate", "a");
    assert_set(config, "identity.private_key", "b");
    assert_set(config, "identity.trust", "c");
    assert_int_equal(config_check(config, &error), STATUS_OK);
    assert_set(config, "tunnels.listen", "127.0.0.1:1");
    assert_int_equal(config_check(config, &error), STATUS_CONFIG);
    assert_string_equal(
        error.text,
        "f:1:23: 127.0.0.1:1 is listened on twice; the other is at --flag");
    config_free(config);
}

static void the_last_who_said_it_is_named(void **state)
{
    struct config *config = config_new();
    struct config_error error;

    (void)state;
    assert_non_null(config);
    assert_int_equal(config_set(config, "admin", "127.0.0.1:1", "ENTENTE_ADMIN",
                                &error),
                     STATUS_OK);
    assert_int_equal(config_set(config, "admin", "127.0.0.1:2", "--admin",
                                &error),
                     STATUS_OK);
    assert_set(config, "consume.r.listen", "127.0.0.1:2");
    assert_set(config, "consume.r.direct", "static:h:1");
    assert_int_equal(config_check(config, &error), STATUS_CONFIG);
    assert_string_equal(
        error.text,
        "--flag: 127.0.0.1:2 is listened on twice; the other is at --admin");
    config_free(config);
}

static void keys_are_called_by_their_flags_on_demand(void **state)
{
    struct config *config = config_new();
    struct config_error error;

    (void)state;
    assert_non_null(config);
    config_name_flags(config);
    assert_int_equal(config_add_service(config, true, "r", "offer r", &error),
                     STATUS_OK);
    assert_set(config, "offer.r.to", "static:h:1");
    assert_int_equal(config_check(config, &error), STATUS_CONFIG);
    assert_true(error.is_incomplete);
    assert_string_equal(error.text,
                        "offer r: r: --allow is missing (who may open it; "
                        "nobody else can); give an identity like "
                        "spiffe://acme/web-1 or spiffe://acme/web-*");
    assert_set(config, "offer.r.allow", "spiffe://a/b");
    assert_int_equal(config_check(config, &error), STATUS_CONFIG);
    assert_string_equal(error.text,
                        "offer r: r: no peer can reach it; give "
                        "--tunnel-listen, like 0.0.0.0:7411, or --tunnel-dial, "
                        "like web-1.example.com:7411");
    config_free(config);
}

/* ---- files ---- */

static void a_file_is_read_whole(void **state)
{
    static const char text[] =
        "consume: {r: {listen: 127.0.0.1:1, direct: static:h:1}}\n";
    char path[] = "test_config-XXXXXX", message[256];
    int fd = mkstemp(path);
    struct config *config = NULL;
    struct config_error error;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(config_load(path, &config, &error), STATUS_OK);
    assert_true(text_is_name(config->node, strlen(config->node)));
    config_free(config);
    assert_int_equal(ftruncate(fd, 20), 0);
    assert_int_equal(config_load(path, &config, &error), STATUS_CONFIG);
    text_format(message, sizeof(message), "%s:2:1: ", path);
    assert_memory_equal(error.text, message, strlen(message));
    assert_int_equal(ftruncate(fd, (1 << 20) + 1), 0);
    assert_int_equal(config_load(path, &config, &error), STATUS_CONFIG);
    text_format(message, sizeof(message), "%s: the file is larger than 1 MiB",
                path);
    assert_string_equal(error.text, message);
    close(fd);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(config_load(path, &config, &error), STATUS_IO);
    text_format(message, sizeof(message), "%s: cannot be read: %s", path,
                strerror(ENOENT));
    assert_string_equal(error.text, message);
    assert_int_equal(config_load("/", &config, &error), STATUS_IO);
    text_format(message, sizeof(message), "/: cannot be read: %s",
                strerror(EISDIR));
    assert_string_equal(error.text, message);
}

static void a_node_that_has_a_name_keeps_it(void **state)
{
    struct config *config = config_new();

    (void)state;
    assert_non_null(config);
    assert_string_equal(config->node, "");
    assert_set(config, "node", "web-1");
    config_complete(config);
    assert_string_equal(config->node, "web-1");
    config_unset(config, "node");
    config_complete(config);
    assert_true(text_is_name(config->node, strlen(config->node)));
    assert_null(strchr(config->node, '.'));
    config_free(config);
}

/* ---- warnings ---- */

/* There is to be this one, once. */
static void take_warning(void *context, const char *text)
{
    const char **expected = context;

    assert_non_null(*expected);
    assert_string_equal(text, *expected);
    *expected = NULL;
}

static void plaintext_for_other_hosts_is_worth_a_warning(void **state)
{
    struct config *config =
        parse("consume: {r: {listen: [127.0.0.1:1, \"[::1]:1\", 0.0.0.0:2, "
              "unix:/run/x], direct: static:h:1}}");
    const char *expected =
        "f:1:48: 0.0.0.0:2: other hosts can connect to r here, in plaintext";

    (void)state;
    config_each_warning(config, take_warning, &expected);
    assert_null(expected);
    config_free(config);
}

static void an_announced_place_of_no_use_is_worth_a_warning(void **state)
{
    static const char text[] =
        "identity: {certificate: a, private_key: b, trust: c}\n"
        "tunnels: {listen: 127.0.0.1:7411%s}\n"
        "offer:\n"
        "  q: {to: static:h:1, allow: spiffe://a/b}\n"
        "  r: {to: static:h:1, allow: spiffe://a/b, announce: [mdns:_a._tcp, "
        "mdns:_b._tcp]}\n";
    const char *expected = "f:5:44: r is announced at 127.0.0.1, where other "
                           "hosts find themselves";
    struct config *config;
    char made[512];

    (void)state;
    text_format(made, sizeof(made), text, "");
    config = parse(made);
    config_each_warning(config, take_warning, &expected);
    assert_null(expected);
    config_free(config);
    text_format(made, sizeof(made), text, ", advertise: 10.0.0.7");
    config = parse(made);
    config_each_warning(config, take_warning, &expected);
    config_free(config);
}

RUN_TESTS(TEST(a_file_fills_every_member),
          TEST(from_and_direct_decide_the_role),
          TEST(inbound_may_be_written_in_any_way), TEST(json_is_understood),
          TEST(ports_chosen_by_the_kernel_are_not_twice_the_same),
          TEST(a_list_grows_and_anything_else_is_replaced),
          TEST(bounds_are_within), TEST(a_refused_value_is_not_there),
          TEST(only_utf_8_is_text),
          TEST(a_path_that_is_no_key_gets_the_nearest),
          TEST(what_is_unset_was_never_said), TEST(layers_are_checked_together),
          TEST(the_last_who_said_it_is_named),
          TEST(keys_are_called_by_their_flags_on_demand),
          TEST(a_file_is_read_whole), TEST(a_node_that_has_a_name_keeps_it),
          TEST(plaintext_for_other_hosts_is_worth_a_warning),
          TEST(an_announced_place_of_no_use_is_worth_a_warning))
