/* SPDX-License-Identifier: MIT */
#include "config/keys.h"
#include "unit/config/config_test.h"
#include <stdio.h>

#define IDENTITY "identity: {certificate: a, private_key: b, trust: c}\n"

/* "node! identity.trust +offer.r -consume.r *consume.s": ! needs a restart. */
static void note(void *context, const struct config_difference *difference)
{
    const struct service_options *service =
        difference->after ? difference->after : difference->before;
    char *text = context;

    text += strlen(text);
    if (difference->key)
        sprintf(text, "%s%s ", difference->key,
                difference->needs_restart ? "!" : "");
    else
        sprintf(text, "%c%s.%s ",
                !difference->before  ? '+'
                : !difference->after ? '-'
                                     : '*',
                service->role == SERVICE_OFFER ? "offer" : "consume",
                service->name);
}

static void assert_differences(const char *before, const char *after,
                               const char *expected)
{
    struct config *a = parse(before), *b = parse(after);
    char text[512] = "";

    config_compare(a, b, note, text);
    assert_string_equal(text, expected);
    assert_int_equal(config_equal(a, b), expected[0] == '\0');
    config_free(a);
    config_free(b);
}

static void services_come_go_and_change_by_role_and_name(void **state)
{
    static const char before[] =
        IDENTITY "tunnels: {listen: 127.0.0.1:9}\n"
                 "consume:\n"
                 "  r: {listen: 127.0.0.1:1, direct: static:h:1}\n"
                 "  s: {listen: 127.0.0.1:2, direct: static:h:1}\n"
                 "  t: {listen: 127.0.0.1:3, direct: static:h:1}\n";
    static const char after[] =
        IDENTITY "tunnels: {listen: 127.0.0.1:9}\n"
                 "offer:\n"
                 "  r: {to: static:h:1, allow: spiffe://a/b}\n"
                 "consume:\n"
                 "  t: {listen: [127.0.0.1:3], direct: [static:h:1], hold: "
                 "10s}\n"
                 "  s: {listen: 127.0.0.1:2, direct: static:h:2}\n";

    (void)state;
    assert_differences(before, before, "");
    assert_differences(before, after, "-consume.r *consume.s +offer.r ");
    assert_differences(after, before, "-offer.r *consume.s +consume.r ");
}

static void a_service_that_changes_its_role_has_changed(void **state)
{
    (void)state;
    assert_differences(
        IDENTITY "consume: {r: {listen: 127.0.0.1:1, direct: static:h:1}}",
        IDENTITY "consume: {r: {listen: 127.0.0.1:1, from: static:h:1, peer: "
                 "spiffe://a/b}}",
        "*consume.r ");
}

static void each_key_of_the_ambassador_is_compared(void **state)
{
    static const struct {
        const char *key;
        const char *value;
    } values[] = {
        { "node", "n" },
        { "identity.certificate", "p" },
        { "identity.private_key", "p" },
        { "identity.trust", "p" },
        { "identity.revocation", "p" },
        { "tunnels.listen", "127.0.0.1:7411" },
        { "tunnels.advertise", "h:1" },
        { "tunnels.dial", "h:1" },
        { "admin", "127.0.0.1:7412" },
        { "workers", "2" },
        { "dns.servers", "10.0.0.1:53" },
        { "state", "p" },
        { "log.level", "debug" },
        { "log.format", "json" },
        { "drain", "1s" },
    };
    const struct key *keys;
    size_t count, seen = 0;

    (void)state;
    keys = keys_all(&count);
    for (size_t i = 0; i < count; i++) {
        struct config *a = config_new(), *b = config_new();
        struct config_error error;
        char text[512] = "", expected[64], restart[64];

        assert_true(a && b);
        if (keys[i].roles == 0) {
            assert_true(seen < ARRAY_LENGTH(values));
            assert_string_equal(keys[i].path, values[seen].key);
            assert_int_equal(config_set(b, values[seen].key, values[seen].value,
                                        "f", &error),
                             STATUS_OK);
            config_compare(a, b, note, text);
            sprintf(expected, "%s%s ", keys[i].path,
                    keys[i].needs_restart ? "!" : "");
            assert_string_equal(text, expected);
            assert_int_equal(config_needs_restart(a, b, restart,
                                                  sizeof(restart)),
                             keys[i].needs_restart);
            assert_string_equal(restart,
                                keys[i].needs_restart ? keys[i].path : "");
            seen++;
        }
        config_free(a);
        config_free(b);
    }
    assert_int_equal(seen, ARRAY_LENGTH(values));
}

static void what_needs_a_restart_is_listed(void **state)
{
    struct config *a = parse("consume: {r: {listen: 127.0.0.1:1, direct: "
                             "static:h:1}}");
    struct config *b = parse("node: x\nworkers: 2\nlog: {level: debug}\n"
                             "consume: {s: {listen: 127.0.0.1:1, direct: "
                             "static:h:1}}");
    char text[64];

    (void)state;
    assert_true(config_needs_restart(a, b, text, sizeof(text)));
    assert_string_equal(text, "node, workers");
    assert_true(config_needs_restart(a, b, text, 8));
    assert_string_equal(text, "node, w");
    config_free(a);
    config_free(b);
}

static void who_said_it_is_no_difference(void **state)
{
    struct config *a = config_new(), *b = config_new();
    struct config_error error;

    (void)state;
    assert_true(a && b);
    assert_int_equal(config_set(a, "node", "x", "one", &error), STATUS_OK);
    assert_int_equal(config_set(b, "node", "x", "two", &error), STATUS_OK);
    assert_true(config_equal(a, b));
    config_free(a);
    config_free(b);
}

static void what_needs_a_restart_is_kept_until_then(void **state)
{
    struct config *running = parse("consume: {r: {listen: 127.0.0.1:1, direct: "
                                   "static:h:1}}\nnode: a\nworkers: 1\n");
    struct config *config =
        parse("consume: {r: {listen: 127.0.0.1:2, direct: static:h:1}}\n"
              "node: b\nadmin: unix:/a\nworkers: 2\ndrain: 1s\n"
              "dns: {servers: 10.0.0.2:53}\nstate: /b\n");
    const struct key *keys;
    size_t count;
    char text[256], all[256] = "";

    (void)state;
    keys = keys_all(&count);
    for (size_t i = 0; i < count; i++)
        if (keys[i].needs_restart)
            sprintf(all + strlen(all), "%s%s", *all ? ", " : "", keys[i].path);
    assert_true(config_needs_restart(running, config, text, sizeof(text)));
    assert_string_equal(text, all);
    config_keep_until_restart(config, running);
    assert_string_equal(config->node, "a");
    assert_int_equal(config->workers, 1);
    assert_null(config->admin);
    assert_null(config->state);
    assert_int_equal(config->dns.count, 0);
    assert_string_equal(running->state, "/b");
    assert_int_equal(config->drain_us, 1000000);
    config_free(running);
    config_free(config);
}

RUN_TESTS(TEST(what_needs_a_restart_is_kept_until_then),
          TEST(services_come_go_and_change_by_role_and_name),
          TEST(a_service_that_changes_its_role_has_changed),
          TEST(each_key_of_the_ambassador_is_compared),
          TEST(what_needs_a_restart_is_listed),
          TEST(who_said_it_is_no_difference))
