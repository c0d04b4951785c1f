/* SPDX-License-Identifier: MIT */
/* What is printed is read again, and what is documented is true. */
#include "config/keys.h"
#include "config/rule.h"
#include "unit/config/config_test.h"
#include <stdio.h>
#include <stdlib.h>

static char *print(const struct config *config)
{
    char *text = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);

    assert_non_null(to);
    config_print(config, to);
    assert_int_equal(fclose(to), 0);
    return text;
}

/* Parsed, printed and parsed again it is the same. */
static void assert_fixpoint(const char *text)
{
    struct config *first = parse(text), *second;
    char *once = print(first), *twice;

    second = parse(once);
    twice = print(second);
    assert_true(config_equal(first, second));
    assert_string_equal(once, twice);
    config_free(first);
    config_free(second);
    free(once);
    free(twice);
}

static void every_default_is_printed(void **state)
{
    struct config *config =
        parse("consume: {r: {listen: \"[::1]:1\", direct: static:h:1}}");
    char *text = print(config);

    (void)state;
    assert_string_equal(text, "workers: auto\n"
                              "log:\n"
                              "  level: info\n"
                              "  format: text\n"
                              "drain: 30s\n"
                              "consume:\n"
                              "  r:\n"
                              "    listen: [\"[::1]:1\"]\n"
                              "    direct: [static:h:1]\n"
                              "    balance: least-loaded\n"
                              "    min_healthy: 0\n"
                              "    slow_start: 0\n"
                              "    retry_budget: 20\n"
                              "    max_per_endpoint: unlimited\n"
                              "    hold: 10s\n"
                              "    on_move: keep\n"
                              "    connect_timeout: 3s\n"
                              "    proxy_protocol: false\n"
                              "    max_connections: 10000\n"
                              "    max_waiting: 1000\n"
                              "    health:\n"
                              "      protocol: none\n");
    config_free(config);
    free(text);
}

static void what_is_printed_means_the_same(void **state)
{
    static const char *const healths[] = {
        "protocol: none",
        "protocol: tcp, every: 100ms, timeout: 10ms, rise: 7, fall: 9",
        "protocol: http, path: /x?y=z, host: h.example, expect: 204",
        "protocol: redis, role: master",
        "protocol: redis, role: primary",
        "protocol: postgres, role: primary, user: me, database: mine",
        "protocol: mysql, user: me",
    };

    (void)state;
    assert_fixpoint("consume: {r: {listen: 127.0.0.1:1, direct: static:h:1}}");
    assert_fixpoint(
        "node: n\nidentity: {certificate: a, private_key: b, trust: c, "
        "revocation: d}\n"
        "tunnels: {listen: [127.0.0.1:1, unix:/x], dial: [h:1, \"[::1]:2\"],\n"
        "  advertise: \"[fd00::1]:9\"}\n"
        "admin: unix:@x\nworkers: 7\ndns: {servers: [\"[::1]:53\"]}\n"
        "state: s\nlog: {level: error, format: json}\ndrain: 1500ms\n"
        "offer: {true: {to: static:h:1, allow: [spiffe://a/*, spiffe://a/b]},\n"
        "  123: {to: static:h:1, allow: spiffe://a/b, balance: round-robin,\n"
        "  announce: [mdns:_r._tcp, \"zookeeper:h,[::1]:2/a?auth_file=b\"],\n"
        "  announce_weight: 0, announce_priority: 65535,\n"
        "  on_move: drain 1500ms}}\n"
        "consume: {null.: {from: [inbound:], peer: spiffe://a/b, listen:\n"
        "  unix:/y, hold: 0, max_waiting: 0, on_move: close}}\n");
    for (size_t i = 0; i < ARRAY_LENGTH(healths); i++) {
        char text[512];

        text_format(text, sizeof(text),
                    "consume: {r: {listen: 127.0.0.1:1, direct: static:h:1, "
                    "health: {%s}}}",
                    healths[i]);
        assert_fixpoint(text);
    }
}

static void any_path_survives(void **state)
{
    static const char *const paths[] = {
        "null",
        "~",
        "a: b",
        "a #b",
        "- a",
        "[a]",
        "{a}",
        "'a'",
        "\\\"a\\\"",
        "a\\\\b",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a",
        "|",
        ">",
        "a:",
        ":a",
        "a,b",
        " a ",
        "\\u00e9\\u2028\\ufeff\\U0001f600",
        "\\u0085",
        "\\u009f",
        "---",
        "...",
        "true",
        "NULL",
        "0x10",
        "a b",
        "?",
    };
    char text[256];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        text_format(text, sizeof(text),
                    "state: \"%s\"\n"
                    "consume: {r: {listen: \"unix:/%s\", direct: "
                    "static:h:1}}\n",
                    paths[i], paths[i]);
        assert_fixpoint(text);
    }
}

static void times_are_printed_in_the_largest_exact_unit(void **state)
{
    static const struct {
        uint64_t us;
        const char *text;
    } cases[] = {
        { 0, "0" },         { 1, "1us" },         { 1500, "1500us" },
        { 2000, "2ms" },    { 1000000, "1s" },    { 90000000, "90s" },
        { 60000000, "1m" }, { 3600000000, "1h" }, { 86400000000, "1d" },
    };
    char text[32];
    uint64_t us;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        rule_format_duration(cases[i].us, text, sizeof(text));
        assert_string_equal(text, cases[i].text);
        assert_true(text_parse_duration(text, &us));
        assert_int_equal(us, cases[i].us);
    }
}

/* ---- documents ---- */

/* A file of docs/, which is found from where this one is. */
static char *read_document(const char *name)
{
    static const char here[] = "tests/unit/config/test_config_print.c";
    size_t root = strlen(__FILE__) - strlen(here);
    char path[4096], *text;
    size_t length;
    FILE *file;

    text_format(path, sizeof(path), "%.*sdocs/%s", (int)root, __FILE__, name);
    file = fopen(path, "r");
    if (!file)
        fail_msg("%s is not there", path);
    text = malloc(1 << 20);
    assert_non_null(text);
    length = fread(text, 1, (1 << 20) - 1, file);
    text[length] = '\0';
    fclose(file);
    return text;
}

static void the_example_is_sound(void **state)
{
    char *text = read_document("entente.example.yaml");
    const struct key *keys;
    size_t count;

    (void)state;
    assert_fixpoint(text);
    keys = keys_all(&count);
    for (size_t i = 0; i < count; i++) {
        char word[64];

        text_format(word, sizeof(word), "%s:", key_word(&keys[i]));
        if (keys[i].type != KEY_LATER && !strstr(text, word))
            fail_msg("the example does not show %s", keys[i].path);
    }
    free(text);
}

/* The rows of docs/CONFIGURATION.md between its two marks. */
static void print_rows(FILE *to)
{
    char name[KEY_ENVIRONMENT], kind[256];
    const struct key *keys;
    size_t count;

    keys = keys_all(&count);
    for (size_t i = 0; i < count; i++) {
        const struct key *key = &keys[i];

        if (key->type == KEY_LATER)
            continue;
        text_format(kind, sizeof(kind), "%s", key_type_text(key));
        if (key->type == KEY_CHOICE || key->type == KEY_NUMBER ||
            key->type == KEY_DURATION || key->type == KEY_MOVE)
            rule_expected(key, kind, sizeof(kind));
        fprintf(to, "| `%s` | %s | %s | %s | `--%s` `%s` | %s |\n", key->path,
                kind, key->initial ? key->initial : "",
                key->needs_restart ? "restart" : "reload", key->flag,
                key_environment(key, name), key->help);
    }
}

static void the_reference_is_the_table(void **state)
{
    static const char begin[] = "<!-- keys: generated, see test_config_print "
                                "-->\n",
                      end[] = "<!-- end of keys -->\n";
    char *text = read_document("CONFIGURATION.md");
    const char *from = strstr(text, begin), *rule, *to = strstr(text, end);
    char *rows = NULL;
    size_t length;
    FILE *memory = open_memstream(&rows, &length);

    (void)state;
    assert_non_null(memory);
    print_rows(memory);
    assert_int_equal(fclose(memory), 0);
    assert_true(from && to);
    rule = strstr(from, "| --- |"); /* under the head of the table */
    assert_true(rule && rule < to);
    rule = strchr(rule, '\n') + 1;
    if ((size_t)(to - rule) != length || memcmp(rule, rows, length) != 0) {
        fputs(rows, stderr);
        fail_msg("docs/CONFIGURATION.md should have the rows above");
    }
    free(rows);
    free(text);
}

static void count_line(void *context, const char *text)
{
    (*(size_t *)context)++;
    assert_true(strlen(text) > 30);
    assert_null(strchr(text, '\n'));
}

static void the_printed_reference_has_a_line_a_key(void **state)
{
    const struct key *keys;
    size_t count, lines = 0, expected = 0;

    (void)state;
    keys = keys_all(&count);
    for (size_t i = 0; i < count; i++)
        expected += keys[i].type != KEY_LATER;
    config_print_reference(count_line, &lines);
    assert_int_equal(lines, expected);
}

RUN_TESTS(TEST(every_default_is_printed), TEST(what_is_printed_means_the_same),
          TEST(any_path_survives),
          TEST(times_are_printed_in_the_largest_exact_unit),
          TEST(the_example_is_sound), TEST(the_reference_is_the_table),
          TEST(the_printed_reference_has_a_line_a_key))
