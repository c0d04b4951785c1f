/* SPDX-License-Identifier: MIT */
#include "base/text.h"
#include "config/document.h"
#include "support/check_test.h"
#include <stdio.h>
#include <stdlib.h>

static struct document_node *parse(const char *text)
{
    struct document_node *root = NULL;
    struct document_error error;
    enum status status = document_parse(text, strlen(text), &root, &error);

    if (status != STATUS_OK)
        fail_msg("%zu:%zu: %s", error.place.line, error.place.column,
                 error.text);
    return root;
}

static void assert_place(struct document_place place, size_t line,
                         size_t column)
{
    assert_int_equal(place.line, line);
    assert_int_equal(place.column, column);
}

static void every_key_and_value_has_its_place(void **state)
{
    struct document_node *root = parse("a: x\n"
                                       "# a comment\n"
                                       "bb:\n"
                                       "  - 1\n"
                                       "  - {c: 'two words'}\n"
                                       "d:\n");
    const struct document_node *a = root->children, *b = a->next, *d = b->next;
    const struct document_node *one = b->children, *map = one->next;

    (void)state;
    assert_int_equal(root->kind, DOCUMENT_MAP);
    assert_string_equal(a->key, "a");
    assert_place(a->key_place, 1, 1);
    assert_int_equal(a->kind, DOCUMENT_TEXT);
    assert_string_equal(a->text, "x");
    assert_place(a->place, 1, 4);
    assert_place(b->key_place, 3, 1);
    assert_int_equal(b->kind, DOCUMENT_LIST);
    assert_null(one->key);
    assert_place(one->place, 4, 5);
    assert_int_equal(map->kind, DOCUMENT_MAP);
    assert_string_equal(map->children->text, "two words");
    assert_place(map->children->key_place, 5, 6);
    assert_place(map->children->place, 5, 9);
    assert_null(map->next);
    assert_int_equal(d->kind, DOCUMENT_NOTHING);
    assert_null(d->next);
    document_free(root);
}

static void columns_count_characters(void **state)
{
    struct document_node *root = parse("{\xc3\xbc\xe2\x82\xac: x}");

    (void)state;
    assert_place(root->children->place, 1, 6);
    document_free(root);
}

static void only_unquoted_nothing_is_nothing(void **state)
{
    static const struct {
        const char *text;
        enum document_kind kind;
    } cases[] = {
        { "a:", DOCUMENT_NOTHING },       { "a: ~", DOCUMENT_NOTHING },
        { "a: null", DOCUMENT_NOTHING },  { "a: ''", DOCUMENT_TEXT },
        { "a: \"null\"", DOCUMENT_TEXT }, { "a: nul", DOCUMENT_TEXT },
        { "a: no", DOCUMENT_TEXT },       { "a: []", DOCUMENT_LIST },
        { "a: {}", DOCUMENT_MAP },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct document_node *root = parse(cases[i].text);

        assert_int_equal(root->children->kind, cases[i].kind);
        document_free(root);
    }
}

static void an_empty_text_is_nothing(void **state)
{
    static const char *const texts[] = { "", "\n\n", "# only a comment\n",
                                         "---\n...\n" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        struct document_node *root = parse(texts[i]);

        assert_int_equal(root->kind, DOCUMENT_NOTHING);
        assert_null(root->children);
        document_free(root);
    }
}

static void a_colon_at_the_end_of_a_text_in_a_list_is_part_of_it(void **state)
{
    struct document_node *root =
        parse("\xc3\xbc: [inbound:, b, c:]\nd: \"e:\"\n");
    const struct document_node *first = root->children->children;

    (void)state;
    assert_string_equal(first->text, "inbound:");
    assert_string_equal(first->next->text, "b");
    assert_place(first->next->place, 1, 15);
    assert_string_equal(first->next->next->text, "c:");
    assert_string_equal(root->children->next->text, "e:");
    assert_place(root->children->next->place, 2, 4);
    document_free(root);
    /* JSON means what it means. */
    root = parse("{\"a\":[1,2],\"b\":{\"c\":\"x:\"}}");
    assert_int_equal(root->children->kind, DOCUMENT_LIST);
    assert_string_equal(root->children->next->children->text, "x:");
    document_free(root);
}

static const struct {
    const char *text;
    const char *message; /* "line:column: text" */
} refused[] = {
    { "a: 1\nb: 2\na: 3\n", "3:1: the same key is at line 1, column 1" },
    { "x: {b: 1, a: 2, b: 3, a: 4}",
      "1:17: the same key is at line 1, column 5" },
    { "x:\n  'k': 1\n  k: 2\n", "3:3: the same key is at line 2, column 3" },
    { "a: &x 1", "1:4: anchors are not supported" },
    { "a: &x [1]", "1:4: anchors are not supported" },
    { "a: &x {b: 1}", "1:4: anchors are not supported" },
    { "a: *x", "1:4: aliases are not supported" },
    { "*x : 1", "1:1: aliases are not supported" },
    { "&x a: 1", "1:1: anchors are not supported" },
    { "a: !!str 1", "1:4: tags are not supported" },
    { "a: ! 1", "1:4: tags are not supported" },
    { "a: !x [1]", "1:4: tags are not supported" },
    { "!!map {a: 1}", "1:1: tags are not supported" },
    { "a: 1\n---\nb: 2\n",
      "2:1: a second document begins here; one is allowed" },
    { "[a]: 1", "1:1: a key must be a plain word" },
    { "? {a: 1}\n: 2\n", "1:3: a key must be a plain word" },
    { "a: \"x\\0y\"", "1:4: a zero byte is not allowed" },
    { "\"x\\0y\": a", "1:1: a zero byte is not allowed" },
    { "a:\n\tb: 1\n", "2:1: a tab cannot indent; use spaces" },
    { "\xc3\xbc:\n\tb: 1\n", "2:1: a tab cannot indent; use spaces" },
    { "a: [1, 2", "2:1: this is not YAML: did not find expected ',' or ']' "
                  "while parsing a flow sequence" },
    { "a: 'x", "1:6: this is not YAML: found unexpected end of stream while "
               "scanning a quoted scalar" },
    { "a: 1\n b: 2\n", "2:3: this is not YAML: mapping values are not allowed "
                       "in this context (a text that ends in ':' needs "
                       "quotes)" },
    { "a: b:", "1:5: this is not YAML: mapping values are not allowed in this "
               "context (a text that ends in ':' needs quotes)" },
    { "a: 1\nb: \xff\n", "2:4: this byte is not allowed in UTF-8 text" },
    { "a: 1\nb: x\x01\n", "2:5: this byte is not allowed in UTF-8 text" },
    { "a: \xee\x80\xba\nb: [c:]\n", "2:6: this is not YAML: found unexpected "
                                    "':' while scanning a plain scalar" },
};

static void what_is_refused_says_what_and_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
        const char *text = refused[i].text;
        struct document_node *root;
        struct document_error error;
        char message[600];

        assert_int_equal(document_parse(text, strlen(text), &root, &error),
                         STATUS_CONFIG);
        text_format(message, sizeof(message), "%zu:%zu: %s", error.place.line,
                    error.place.column, error.text);
        assert_string_equal(message, refused[i].message);
    }
}

static void a_byte_of_zero_ends_nothing(void **state)
{
    struct document_node *root;
    struct document_error error;

    (void)state;
    assert_int_equal(document_parse("a: 1\n\0b: 2", 10, &root, &error),
                     STATUS_CONFIG);
    assert_int_equal(error.place.line, 2);
}

/* "[[[...]]]" or "aaa...": |count| times |open|, |middle|, |close|. */
static enum status parse_many(const char *open, const char *middle,
                              const char *close, size_t count,
                              struct document_error *error)
{
    size_t length = (strlen(open) + strlen(close)) * count + strlen(middle);
    char *text = malloc(length + 1), *at = text;
    struct document_node *root = NULL;
    enum status status;

    assert_non_null(text);
    for (size_t i = 0; i < count; i++)
        at += sprintf(at, "%s", open);
    at += sprintf(at, "%s", middle);
    for (size_t i = 0; i < count; i++)
        at += sprintf(at, "%s", close);
    status = document_parse(text, length, &root, error);
    if (status == STATUS_OK)
        document_free(root);
    free(text);
    return status;
}

static void depth_size_and_number_are_bounded(void **state)
{
    struct document_error error;

    (void)state;
    assert_int_equal(parse_many("[", "", "]", DOCUMENT_MAX_DEPTH, &error),
                     STATUS_OK);
    assert_int_equal(parse_many("[", "x", "]", DOCUMENT_MAX_DEPTH + 1, &error),
                     STATUS_CONFIG);
    assert_string_equal(error.text, "this is nested too deeply");
    assert_place(error.place, 1, DOCUMENT_MAX_DEPTH + 2);
    assert_int_equal(parse_many("[", "", "", 100000, &error), STATUS_CONFIG);

    assert_int_equal(parse_many("- 1\n", "", "", DOCUMENT_MAX_NODES, &error),
                     STATUS_OK);
    assert_int_equal(parse_many("- 1\n", "", "", DOCUMENT_MAX_NODES + 1,
                                &error),
                     STATUS_CONFIG);
    assert_string_equal(error.text, "the file says too many things");

    assert_int_equal(parse_many("\n", "", "", DOCUMENT_MAX_BYTES, &error),
                     STATUS_OK);
    assert_int_equal(parse_many("\n", "", "", DOCUMENT_MAX_BYTES + 1, &error),
                     STATUS_CONFIG);
    assert_string_equal(error.text, "the file is larger than 1 MiB");
    assert_place(error.place, 0, 0);
}

static void endless_colons_are_given_up(void **state)
{
    struct document_error error;

    (void)state;
    assert_int_equal(parse_many("[a:],", "x", "", 1, &error), STATUS_CONFIG);
    assert_int_equal(parse_many("- [a:]\n", "", "", 64, &error), STATUS_OK);
    assert_int_equal(parse_many("- [a:]\n", "", "", 65, &error), STATUS_CONFIG);
    assert_place(error.place, 65, 5);
}

RUN_TESTS(TEST(every_key_and_value_has_its_place),
          TEST(columns_count_characters),
          TEST(only_unquoted_nothing_is_nothing),
          TEST(an_empty_text_is_nothing),
          TEST(a_colon_at_the_end_of_a_text_in_a_list_is_part_of_it),
          TEST(what_is_refused_says_what_and_where),
          TEST(a_byte_of_zero_ends_nothing),
          TEST(depth_size_and_number_are_bounded),
          TEST(endless_colons_are_given_up))
