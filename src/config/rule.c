/* SPDX-License-Identifier: MIT */
#include "config/rule.h"
#include "base/clock.h"
#include "base/text.h"
#include "crypto/spiffe.h"
#include "discovery/announcement.h"
#include "discovery/source.h"
#include "net/address.h"
#include "service/presence.h"
#include <inttypes.h>
#include <string.h>

/* ---- times ---- */

void rule_format_duration(uint64_t us, char *text, size_t size)
{
    static const struct {
        const char *unit;
        uint64_t us;
    } units[] = {
        { "d", 86400 * CLOCK_SECOND },
        { "h", 3600 * CLOCK_SECOND },
        { "m", 60 * CLOCK_SECOND },
        { "s", CLOCK_SECOND },
        { "ms", CLOCK_MS },
        { "us", 1 },
    };
    size_t i = 0;

    if (us == 0) {
        (void)text_format(text, size, "0");
        return;
    }
    while (us % units[i].us != 0)
        i++;
    (void)text_format(text, size, "%" PRIu64 "%s", us / units[i].us,
                      units[i].unit);
}

/* ---- what is expected ---- */

static const char *const samples[KEY_TYPES] = {
    [KEY_NAME] = "a name of at most 63 letters, digits, '.', '_' and '-', "
                 "like web-1",
    [KEY_FILE] = "a path like certs/web-1.crt",
    [KEY_DIRECTORY] = "a directory like /var/lib/entente",
    [KEY_ADMIN] = "an address like unix:/run/entente/web-1.sock or "
                  "127.0.0.1:7412",
    [KEY_LISTEN] = "an address like 127.0.0.1:6379, [::1]:6379 or "
                   "unix:/run/redis.sock",
    [KEY_DIAL] = "a host and its port, like db-1.example.com:7411",
    [KEY_ADVERTISE] = "a host, perhaps with its port, like "
                      "db-1.example.com:7411 or 10.0.0.7",
    [KEY_RESOLVERS] = "an address like 10.0.0.2:53",
    [KEY_SOURCES] = "a source like static:db-1.example.com:7411",
    [KEY_IDENTITIES] = "an identity like spiffe://acme/web-1 or "
                       "spiffe://acme/web-*",
    [KEY_REGISTRIES] = "a registry like zookeeper:zk-1:2181/services/redis or "
                       "mdns:_redis._tcp",
    [KEY_FLAG] = "true or false",
    [KEY_WORD] = "a word like entente, in plain letters",
    [KEY_URL_PATH] = "a path like /health, without spaces",
    [KEY_HOST] = "a host like www.example.com or www.example.com:8080",
};

static void expect_choice(const struct key *key, char *text, size_t size)
{
    size_t used = 0;

    for (unsigned i = 0; key->word(i); i++) {
        const char *comma = i == 0 ? "" : key->word(i + 1) ? ", " : " or ";

        if (!text_format(text + used, size - used, "%s%s", comma, key->word(i)))
            return;
        used += strlen(text + used);
    }
}

void rule_expected(const struct key *key, char *text, size_t size)
{
    char min[32], max[32];

    if (key->type == KEY_CHOICE) {
        expect_choice(key, text, size);
    } else if (key->type == KEY_DURATION) {
        rule_format_duration(key->min, min, sizeof(min));
        rule_format_duration(key->max, max, sizeof(max));
        (void)text_format(text, size, "a time like 500ms or 10s, from %s to %s",
                          min, max);
    } else if (key->type == KEY_MOVE) {
        rule_format_duration(key->max, max, sizeof(max));
        (void)text_format(text, size,
                          "keep, close, or drain and a time up to %s, like "
                          "drain 30s",
                          max);
    } else if (key->type == KEY_NUMBER) {
        (void)text_format(text, size,
                          "a number from %" PRIu64 " to %" PRIu64 "%s%s",
                          key->min, key->max, key->word ? ", or " : "",
                          key->word ? key->word(0) : "");
    } else {
        (void)text_format(text, size, "%s", samples[key->type]);
    }
}

bool rule_say_expected(const struct key *key, char *why, size_t size)
{
    char expected[256];

    rule_expected(key, expected, sizeof(expected));
    (void)text_format(why, size, "expected %s", expected);
    return false;
}

/* ---- by type: each true, or false with |why| filled ---- */

static bool is_listen(const struct key *key, const char *text, char *why,
                      size_t size)
{
    const char *reason = address_why_not(text);

    (void)key;
    if (reason)
        (void)text_format(why, size, "%s", reason);
    return !reason;
}

static bool is_admin(const struct key *key, const char *text, char *why,
                     size_t size)
{
    struct address address;

    if (!is_listen(key, text, why, size))
        return false;
    if (address_parse(&address, text) && address_is_loopback(&address))
        return true;
    (void)text_format(why, size,
                      "it must be a Unix socket or a loopback address, since "
                      "it asks nobody for a password");
    return false;
}

static bool is_dial(const struct key *key, const char *text, char *why,
                    size_t size)
{
    struct address address;
    char host[256];
    uint16_t port;

    if (address_split(text, host, sizeof(host), &port) ||
        (address_parse(&address, text) && address_is_unix(&address)))
        return true;
    return rule_say_expected(key, why, size);
}

static bool is_advertise(const struct key *key, const char *text, char *why,
                         size_t size)
{
    struct presence_place place;

    return presence_place_parse(&place, text) ||
           rule_say_expected(key, why, size);
}

static bool is_resolver(const struct key *key, const char *text, char *why,
                        size_t size)
{
    struct address address;

    if (address_parse(&address, text) && address_port(&address) != 0)
        return true;
    return rule_say_expected(key, why, size);
}

static bool is_source(const struct key *key, const char *text, char *why,
                      size_t size)
{
    /* Peers that dialled us are no registry's answer, but one of tunnels'. */
    if (strcmp(text, "inbound:") == 0 && strcmp(key_word(key), "from") == 0)
        return true;
    return source_is_valid(text, why, size);
}

static bool is_registry(const struct key *key, const char *text, char *why,
                        size_t size)
{
    (void)key;
    return announcement_is_valid(text, why, size);
}

static bool is_identity(const struct key *key, const char *text, char *why,
                        size_t size)
{
    if (spiffe_pattern_is_valid(text))
        return true;
    if (strncmp(text, "spiffe://", 9) != 0 || !strchr(text, '*'))
        return rule_say_expected(key, why, size);
    (void)text_format(why, size,
                      "a * stands for one whole segment of the path or for the "
                      "end of one, like spiffe://acme/*/web or "
                      "spiffe://acme/web-*");
    return false;
}

static bool is_path(const struct key *key, const char *text, char *why,
                    size_t size)
{
    return text[0] != '\0' || rule_say_expected(key, why, size);
}

static bool is_move(const struct key *key, const char *text, char *why,
                    size_t size)
{
    char expected[256];

    if (strcmp(text, "migrate") != 0)
        return true; /* so far: value_set() reads on */
    rule_expected(key, expected, sizeof(expected));
    (void)text_format(why, size,
                      "it is not supported by this version; expected %s",
                      expected);
    return false;
}

/* Printable ASCII, which means the same everywhere; not too long for us. */
static bool is_visible(const struct key *key, const char *text)
{
    size_t length = strlen(text);

    if (length == 0 || length > key->max)
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] >= 0x7f)
            return false;
    return true;
}

static bool is_word(const struct key *key, const char *text, char *why,
                    size_t size)
{
    return is_visible(key, text) || rule_say_expected(key, why, size);
}

static bool is_url_path(const struct key *key, const char *text, char *why,
                        size_t size)
{
    return (is_visible(key, text) && text[0] == '/') ||
           rule_say_expected(key, why, size);
}

static bool is_host(const struct key *key, const char *text, char *why,
                    size_t size)
{
    struct address address;
    char host[256];
    uint16_t port;

    if (is_visible(key, text) &&
        (address_is_host_name(text) || address_from_ip(&address, text, 1) ||
         address_split(text, host, sizeof(host), &port)))
        return true;
    return rule_say_expected(key, why, size);
}

static bool (*const checks[KEY_TYPES])(const struct key *key, const char *text,
                                       char *why, size_t size) = {
    [KEY_FILE] = is_path,           [KEY_DIRECTORY] = is_path,
    [KEY_ADMIN] = is_admin,         [KEY_LISTEN] = is_listen,
    [KEY_DIAL] = is_dial,           [KEY_ADVERTISE] = is_advertise,
    [KEY_RESOLVERS] = is_resolver,  [KEY_SOURCES] = is_source,
    [KEY_IDENTITIES] = is_identity, [KEY_REGISTRIES] = is_registry,
    [KEY_MOVE] = is_move,           [KEY_WORD] = is_word,
    [KEY_URL_PATH] = is_url_path,   [KEY_HOST] = is_host,
};

/* ---- what all texts must be ---- */

/* Length of the character at |text|, 0 if it is not UTF-8. */
static size_t character_length(const unsigned char *text)
{
    static const struct {
        unsigned char mask, lead, second_min;
        size_t length;
    } forms[] = { { 0x80, 0x00, 0, 1 },
                  { 0xe0, 0xc0, 0, 2 },
                  { 0xf0, 0xe0, 0xa0, 3 },
                  { 0xf8, 0xf0, 0x90, 4 } };
    size_t i = 0;

    while (i < ARRAY_LENGTH(forms) &&
           (text[0] & forms[i].mask) != forms[i].lead)
        i++;
    if (i == ARRAY_LENGTH(forms) || text[0] == 0xc0 || text[0] == 0xc1 ||
        text[0] > 0xf4)
        return 0;
    for (size_t j = 1; j < forms[i].length; j++)
        if ((text[j] & 0xc0) != 0x80)
            return 0;
    /* Too long a form, a surrogate, or beyond U+10FFFF. */
    if (((text[0] == 0xe0 || text[0] == 0xf0) &&
         text[1] < forms[i].second_min) ||
        (text[0] == 0xed && text[1] > 0x9f) ||
        (text[0] == 0xf4 && text[1] > 0x8f))
        return 0;
    return forms[i].length;
}

static bool is_clean(const char *text, char *why, size_t size)
{
    const unsigned char *at = (const unsigned char *)text;

    if (strlen(text) > RULE_MAX_BYTES) {
        (void)text_format(why, size, "it is longer than %d bytes",
                          RULE_MAX_BYTES);
        return false;
    }
    while (*at != '\0') {
        size_t length = character_length(at);

        if (length == 0 || *at < ' ' || *at == 0x7f) {
            (void)text_format(why, size,
                              length == 0 ? "it is not UTF-8"
                                          : "it has a control character");
            return false;
        }
        at += length;
    }
    return true;
}

bool rule_check(const struct key *key, const char *text, char *why, size_t size)
{
    if (!is_clean(text, why, size))
        return false;
    return !checks[key->type] || checks[key->type](key, text, why, size);
}
