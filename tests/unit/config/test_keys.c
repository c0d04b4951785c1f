/* SPDX-License-Identifier: MIT */
#include "config/config.h"
#include "config/keys.h"
#include "config/value.h"
#include "support/check_test.h"

static const struct key *find(const char *path, const char *expected_name)
{
    const char *name;
    size_t length;
    const struct key *key = key_find(path, &name, &length);

    if (key) {
        assert_int_equal(length, strlen(expected_name));
        assert_memory_equal(name, expected_name, length);
    }
    return key;
}

static void a_path_names_a_key_and_perhaps_a_service(void **state)
{
    (void)state;
    assert_string_equal(find("identity.trust", "")->path, "identity.trust");
    assert_string_equal(find("consume.redis.listen", "redis")->path,
                        "consume.*.listen");
    assert_string_equal(find("offer.my.redis.to", "my.redis")->path,
                        "offer.*.to");
    assert_null(find("consume..listen", ""));
    assert_null(find("consume.listen", ""));
    assert_null(find("consume.redis", ""));
    assert_null(find("consume.redis.to", ""));
    assert_null(find("identity", ""));
    assert_null(find("identity.trust.x", ""));
    assert_null(find("identity.x.trust", ""));
    assert_null(find("", ""));
}

static void rows_are_found_by_their_exact_path(void **state)
{
    (void)state;
    assert_non_null(key_at("consume.*.listen"));
    assert_null(key_at("consume.redis.listen"));
    assert_null(key_at("consume"));
}

static void sections_are_what_keys_are_below(void **state)
{
    (void)state;
    assert_true(key_is_section("consume"));
    assert_true(key_is_section("consume.*"));
    assert_true(key_is_section("identity"));
    assert_false(key_is_section("ident"));
    assert_false(key_is_section("identity.trust"));
    assert_false(key_is_section("node"));
    assert_false(key_is_section("consume.redis"));
}

static void words_of_a_section_come_once_and_in_order(void **state)
{
    static const char *const expected[] = { "node",    "identity", "tunnels",
                                            "admin",   "workers",  "dns",
                                            "state",   "log",      "drain",
                                            "consume", "offer" };
    size_t position = 0, length, count = 0;
    const char *word;

    (void)state;
    while ((word = key_next_word("", &position, &length))) {
        assert_true(count < ARRAY_LENGTH(expected));
        assert_int_equal(length, strlen(expected[count]));
        assert_memory_equal(word, expected[count], length);
        count++;
    }
    assert_int_equal(count, ARRAY_LENGTH(expected));
    position = 0;
    while ((word = key_next_word("offer.*", &position, &length)))
        assert_true(strncmp(word, "credentials", 11) !=
                    0); /* not in this version */
    assert_null(key_next_word("node", &(size_t){ 0 }, &length));
}

/* ---- the table is well made ---- */

static bool needs_bounds(const struct key *key)
{
    return key->type == KEY_NUMBER || key->type == KEY_DURATION ||
           key->type == KEY_MOVE || key->type == KEY_WORD ||
           key->type == KEY_URL_PATH || key->type == KEY_HOST;
}

static void every_row_has_what_its_type_needs(void **state)
{
    const struct key *keys;
    size_t count;

    (void)state;
    keys = keys_all(&count);
    for (size_t i = 0; i < count; i++) {
        const struct key *key = &keys[i];

        assert_int_equal(key->roles != 0, strchr(key->path, '*') != NULL);
        assert_ptr_equal(key_at(key->path), key); /* no path twice */
        assert_false(key_is_section(key->path));
        if (key->type == KEY_LATER)
            continue;
        assert_non_null(key->help);
        assert_non_null(key->flag);
        assert_true(strlen(key->flag) + sizeof("ENTENTE_") <= KEY_ENVIRONMENT);
        assert_int_equal(needs_bounds(key), key->max > 0);
        assert_true(key->min <= key->max);
        if (key->type == KEY_CHOICE)
            assert_non_null(key->word);
        if (key->type == KEY_NUMBER || key->type == KEY_DURATION ||
            key->type == KEY_CHOICE || key->type == KEY_FLAG)
            assert_non_null(key->initial);
    }
}

/* One flag may serve consume and offer, or two that exclude each other. */
static void flags_of_one_command_differ(void **state)
{
    const unsigned consume = KEY_OF(SERVICE_CONSUME) | KEY_OF(SERVICE_DIRECT);
    const struct key *keys;
    size_t count;

    (void)state;
    keys = keys_all(&count);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++) {
            unsigned a = keys[i].roles, b = keys[j].roles;
            bool together = a == 0 || b == 0 ||
                            ((a & consume) != 0) == ((b & consume) != 0);

            if (keys[i].flag && keys[j].flag && together)
                assert_string_not_equal(keys[i].flag, keys[j].flag);
        }
}

/*
 * Names of services may have dots, so a key whose last words are all of
 * another key of the section would be ambiguous.
 */
static void no_key_ends_like_another_of_its_section(void **state)
{
    const struct key *keys;
    size_t count;

    (void)state;
    keys = keys_all(&count);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) {
            const char *a = strstr(keys[i].path, "*.");
            const char *b = strstr(keys[j].path, "*.");

            if (i == j || !a || !b || keys[i].path[0] != keys[j].path[0])
                continue;
            if (strlen(a) > strlen(b))
                assert_string_not_equal(a + strlen(a) - strlen(b) + 1, b + 1);
        }
}

static void defaults_of_services_are_those_of_the_table(void **state)
{
    static const enum service_role roles[] = { SERVICE_CONSUME, SERVICE_DIRECT,
                                               SERVICE_OFFER };
    struct service_options options;
    const struct key *keys;
    char room[VALUE_TEXT];
    size_t count;

    (void)state;
    keys = keys_all(&count);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < ARRAY_LENGTH(roles); j++) {
            if (!(keys[i].roles & KEY_OF(roles[j])))
                continue;
            service_options_init(&options, roles[j]);
            if (!keys[i].initial)
                assert_int_equal(value_count(&keys[i], &options), 0);
            else
                assert_string_equal(value_text(&keys[i], &options, 0, room),
                                    keys[i].initial);
        }
}

static void defaults_of_the_ambassador_are_those_of_the_table(void **state)
{
    struct config *config = config_new();
    const struct key *keys;
    char room[VALUE_TEXT];
    size_t count;

    (void)state;
    assert_non_null(config);
    keys = keys_all(&count);
    for (size_t i = 0; i < count; i++)
        if (keys[i].roles == 0 && value_count(&keys[i], config) > 0)
            assert_string_equal(value_text(&keys[i], config, 0, room),
                                keys[i].initial);
    assert_int_equal(config->workers, 0);
    assert_int_equal(config->log_level, LOG_INFO);
    assert_int_equal(config->drain_us, 30000000);
    config_free(config);
}

static void variables_are_named_after_flags(void **state)
{
    char name[KEY_ENVIRONMENT];

    (void)state;
    assert_string_equal(key_environment(key_at("identity.private_key"), name),
                        "ENTENTE_PRIVATE_KEY");
    assert_string_equal(key_environment(key_at("tunnels.listen"), name),
                        "ENTENTE_TUNNEL_LISTEN");
    assert_string_equal(key_environment(key_at("consume.*.listen"), name),
                        "ENTENTE_LISTEN");
}

static void words_and_kinds_are_for_people(void **state)
{
    (void)state;
    assert_string_equal(key_word(key_at("node")), "node");
    assert_string_equal(key_word(key_at("consume.*.hold")), "hold");
    assert_string_equal(key_type_text(key_at("consume.*.hold")), "time");
    assert_string_equal(key_metavariable(key_at("consume.*.from")), "SOURCE");
    assert_true(key_is_list(key_at("offer.*.allow")));
    assert_false(key_is_list(key_at("consume.*.hold")));
}

RUN_TESTS(TEST(a_path_names_a_key_and_perhaps_a_service),
          TEST(rows_are_found_by_their_exact_path),
          TEST(sections_are_what_keys_are_below),
          TEST(words_of_a_section_come_once_and_in_order),
          TEST(every_row_has_what_its_type_needs),
          TEST(flags_of_one_command_differ),
          TEST(no_key_ends_like_another_of_its_section),
          TEST(defaults_of_services_are_those_of_the_table),
          TEST(defaults_of_the_ambassador_are_those_of_the_table),
          TEST(variables_are_named_after_flags),
          TEST(words_and_kinds_are_for_people))
