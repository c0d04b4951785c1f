/* SPDX-License-Identifier: MIT */
/* Where registries say that peers reach us. */
#include "unit/config/config_test.h"

/* |listen| and |advertise| as in a file; NULL: not there. */
static struct config *parse_place(const char *listen, const char *advertise)
{
    char text[512];

    text_format(text, sizeof(text),
                "identity: {certificate: a, private_key: b, trust: c}\n"
                "tunnels:\n  listen: %s\n%s%s%s"
                "offer: {r: {to: static:h:1, allow: spiffe://a/b}}\n",
                listen, advertise ? "  advertise: \"" : "",
                advertise ? advertise : "", advertise ? "\"\n" : "");
    return parse(text);
}

static void peers_are_told_what_is_said_or_else_where_we_listen(void **state)
{
    static const struct {
        const char *listen;
        const char *advertise;
        const char *host;
        uint16_t port;
        sa_family_t family;
        size_t listener;
    } cases[] = {
        { "10.0.0.7:7411", NULL, "10.0.0.7", 7411, AF_UNSPEC, 0 },
        { "10.0.0.7:0", NULL, "10.0.0.7", 0, AF_UNSPEC, 0 },
        { "\"[fd00::7]:7411\"", NULL, "fd00::7", 7411, AF_UNSPEC, 0 },
        { "[unix:/x, 10.0.0.7:1, 10.0.0.8:2]", NULL, "10.0.0.7", 1, AF_UNSPEC,
          1 },
        { "0.0.0.0:7411", NULL, "", 7411, AF_INET, 0 },
        { "\"[::]:7411\"", NULL, "", 7411, AF_INET6, 0 },
        { "[\"[::]:7411\", 0.0.0.0:7411]", NULL, "", 7411, AF_UNSPEC, 0 },
        { "[0.0.0.0:7411, \"[::]:7412\"]", NULL, "", 7411, AF_INET, 0 },
        { "[0.0.0.0:7411, \"[::1]:7411\"]", NULL, "", 7411, AF_INET, 0 },
        { "[0.0.0.0:0, \"[::]:0\"]", NULL, "", 0, AF_INET, 0 },
        { "0.0.0.0:7411", "db-1", "db-1", 7411, AF_UNSPEC, 0 },
        { "[unix:/x, 0.0.0.0:7411]", "db-1", "db-1", 7411, AF_UNSPEC, 1 },
        { "0.0.0.0:7411", "db-1:99", "db-1", 99, AF_UNSPEC, 0 },
        { "unix:/x", "10.0.0.7:99", "10.0.0.7", 99, AF_UNSPEC, 1 },
        { "10.0.0.7:7411", "[fd00::7]", "fd00::7", 7411, AF_UNSPEC, 0 },
        { "\"[fe80::1%lo]:7411\"", "[fd00::7]:9", "fd00::7", 9, AF_UNSPEC, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct config *config =
            parse_place(cases[i].listen, cases[i].advertise);
        struct presence_place place;
        size_t listener;
        char why[256];

        assert_true(
            config_find_place(config, &place, &listener, why, sizeof(why)));
        assert_string_equal(place.host, cases[i].host);
        assert_int_equal(place.port, cases[i].port);
        assert_int_equal(place.family, cases[i].family);
        assert_int_equal(listener, cases[i].listener);
        config_free(config);
    }
}

static void what_others_cannot_use_is_no_place(void **state)
{
    static const struct {
        const char *listen;
        const char *advertise;
        const char *why;
    } cases[] = {
        { "unix:/x", NULL, "it is not said at which port" },
        { "unix:/x", "db-1", "it is not said at which port" },
        { "\"[fe80::1%lo]:7411\"", NULL,
          "[fe80::1%lo]:7411 is an address for this host alone" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct config *config =
            parse_place(cases[i].listen, cases[i].advertise);
        struct presence_place place;
        size_t listener;
        char why[256];

        assert_false(
            config_find_place(config, &place, &listener, why, sizeof(why)));
        assert_string_equal(why, cases[i].why);
        config_free(config);
    }
}

RUN_TESTS(TEST(peers_are_told_what_is_said_or_else_where_we_listen),
          TEST(what_others_cannot_use_is_no_place))
