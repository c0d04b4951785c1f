/* SPDX-License-Identifier: MIT */
#include "crypto/aead.h"
#include "crypto/alert.h"
#include "crypto/tls.h"
#include "crypto/tls_settings.h"
#include "support/check_test.h"
#include "support/crypto/forge.h"
#include "support/crypto/tls_pair.h"
#include <stdio.h>

/* One CA, two ends that trust it, and what each is made of. */
struct world {
    struct forged *authority;
    struct identity *identities[2];
    struct trust *trust;
    struct tls_settings *settings[2];
};

static int set_up(void **state)
{
    struct world *world = test_calloc(1, sizeof(*world));
    static const char *const uris[] = { "spiffe://acme/client",
                                        "spiffe://acme/server" };

    world->authority = forge(&(struct forge_plan){ .is_authority = true });
    world->trust = forge_trust(&world->authority, 1, NULL);
    for (int i = 0; i < 2; i++) {
        world->identities[i] = forge_leaf(&(struct forge_plan){
            .issuer = world->authority, .uris = { uris[i] } });
        assert_int_equal(tls_settings_new(world->identities[i], world->trust,
                                          TLS_PAIR_ALPN, &world->settings[i]),
                         STATUS_OK);
    }
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    for (int i = 0; i < 2; i++) {
        tls_settings_free(world->settings[i]);
        forge_identity_free(world->identities[i]);
    }
    trust_free(world->trust);
    forge_free(world->authority);
    test_free(world);
    return 0;
}

static struct tls_pair *make_pair(struct world *world)
{
    return tls_pair_new(world->settings[TLS_CLIENT],
                        world->settings[TLS_SERVER]);
}

static struct tls_pair *shaken_pair(struct world *world)
{
    struct tls_pair *pair = make_pair(world);

    assert_true(tls_pair_shake(pair));
    return pair;
}

static void both_ends_learn_who_the_other_is(void **state)
{
    struct tls_pair *pair = shaken_pair(*state);
    struct tls *client = pair->ends[TLS_CLIENT].tls;
    struct tls *server = pair->ends[TLS_SERVER].tls;
    size_t length;

    assert_string_equal(tls_peer(client)->text, "spiffe://acme/server");
    assert_string_equal(tls_peer(server)->text, "spiffe://acme/client");
    assert_string_equal(tls_aead_name(client), tls_aead_name(server));
    assert_memory_equal(tls_exporter(client), tls_exporter(server),
                        TLS_EXPORTER_BYTES);
    assert_non_null(tls_peer_chain(server, &length));
    assert_in_range(length, 200, 4096);
    assert_string_equal(tls_failure(client), "");
    assert_int_equal(tls_failure_alert(client), -1);
    tls_pair_free(pair);
}

static void bytes_come_out_as_they_went_in(void **state)
{
    struct tls_pair *pair = shaken_pair(*state);
    static uint8_t bytes[TLS_MAX_PLAINTEXT];
    struct tls_pair_end *server = &pair->ends[TLS_SERVER];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 31);
    tls_pair_write(pair, TLS_CLIENT, bytes, 1);
    tls_pair_write(pair, TLS_CLIENT, bytes + 1, sizeof(bytes) - 1);
    tls_pair_read(pair, TLS_SERVER);
    assert_int_equal(server->status, STATUS_OK);
    assert_int_equal(server->plaintext_bytes, sizeof(bytes));
    assert_memory_equal(server->plaintext, bytes, sizeof(bytes));
    tls_pair_write(pair, TLS_SERVER, bytes, sizeof(bytes));
    tls_pair_read(pair, TLS_CLIENT);
    assert_memory_equal(pair->ends[TLS_CLIENT].plaintext, bytes, sizeof(bytes));
    tls_pair_free(pair);
}

static void data_right_behind_the_handshake_is_surplus(void **state)
{
    struct world *world = *state;
    struct tls_pair *pair = make_pair(world);
    struct tls *client = pair->ends[TLS_CLIENT].tls;
    struct tls *server = pair->ends[TLS_SERVER].tls;
    uint8_t all[16384], plaintext[8] = "hello";
    const uint8_t *bytes;
    size_t length, total = 0;
    bool established = false;
    struct tls_record record;

    assert_int_equal(tls_step(client, &established), STATUS_OK);
    bytes = tls_outgoing(client, &length);
    assert_int_equal(tls_incoming(server, bytes, length), STATUS_OK);
    tls_sent(client, length);
    assert_int_equal(tls_step(server, &established), STATUS_OK);
    bytes = tls_outgoing(server, &length);
    assert_int_equal(tls_incoming(client, bytes, length), STATUS_OK);
    tls_sent(server, length);
    assert_int_equal(tls_step(client, &established), STATUS_OK);
    assert_true(established);
    bytes = tls_outgoing(client, &total);
    memcpy(all, bytes, total);
    tls_sent(client, total);
    total += tls_seal(client, plaintext, 5, all + total);
    assert_int_equal(tls_incoming(server, all, total), STATUS_OK);
    assert_int_equal(tls_step(server, &established), STATUS_OK);
    assert_true(established);
    total = tls_take_surplus(server, all, 10);
    assert_int_equal(total, 10);
    total += tls_take_surplus(server, all + 10, sizeof(all) - 10);
    assert_int_equal(total, 27);
    assert_int_equal(tls_open(server, all, total, &record), STATUS_OK);
    assert_int_equal(record.length, 5);
    assert_memory_equal(record.plaintext, "hello", 5);
    tls_pair_free(pair);
}

static void any_fragmentation_gives_the_same(void **state)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct tls_pair *pair = make_pair(*state);

        pair->random = random_from_seed(seed);
        pair->max_fragment = seed == 0 ? 1 : 1 + (size_t)(seed * seed * 7);
        assert_true(tls_pair_shake(pair));
        tls_pair_write(pair, TLS_CLIENT, "x", 1);
        tls_pair_read(pair, TLS_SERVER);
        assert_int_equal(pair->ends[TLS_SERVER].plaintext_bytes, 1);
        tls_pair_free(pair);
    }
}

static void close_notify_goes_each_way_by_itself(void **state)
{
    struct tls_pair *pair = shaken_pair(*state);
    uint8_t out[TLS_SEAL_OVERHEAD];
    size_t length = tls_seal_close(pair->ends[TLS_CLIENT].tls, out);

    tls_pair_inject(pair, TLS_SERVER, out, length);
    tls_pair_read(pair, TLS_SERVER);
    assert_int_equal(pair->ends[TLS_SERVER].status, STATUS_CLOSED);
    assert_string_equal(tls_failure(pair->ends[TLS_SERVER].tls), "");
    tls_pair_write(pair, TLS_SERVER, "still here", 10);
    tls_pair_read(pair, TLS_CLIENT);
    assert_int_equal(pair->ends[TLS_CLIENT].plaintext_bytes, 10);
    tls_pair_free(pair);
}

static void keys_are_changed_on_the_way(void **state)
{
    struct tls_pair *pair = shaken_pair(*state);
    struct tls_pair_end *server = &pair->ends[TLS_SERVER];

    tls_set_update_after(pair->ends[TLS_CLIENT].tls, 10);
    for (size_t i = 0; i < 1000; i++) {
        char text[1000] = "";

        snprintf(text, sizeof(text), "record number %05zu.", i);
        tls_pair_write(pair, TLS_CLIENT, text, sizeof(text));
        server->plaintext_bytes = 0;
        tls_pair_read(pair, TLS_SERVER);
        assert_int_equal(server->plaintext_bytes, sizeof(text));
        assert_memory_equal(server->plaintext, text, sizeof(text));
    }
    tls_pair_free(pair);
}

static void a_forged_record_is_answered_by_an_alert(void **state)
{
    struct tls_pair *pair = shaken_pair(*state);
    struct tls_pair_end *client = &pair->ends[TLS_CLIENT];
    struct tls_pair_end *server = &pair->ends[TLS_SERVER];

    tls_pair_write(pair, TLS_CLIENT, "attack at dawn", 14);
    server->wire[9] ^= 1;
    tls_pair_read(pair, TLS_SERVER);
    assert_int_equal(server->status, STATUS_PROTOCOL);
    assert_int_equal(server->plaintext_bytes, 0);
    assert_int_equal(tls_failure_alert(server->tls), ALERT_BAD_RECORD_MAC);
    assert_non_null(strstr(tls_failure(server->tls), "forged on the way"));
    tls_pair_read(pair, TLS_CLIENT);
    assert_int_equal(client->status, STATUS_REFUSED);
    assert_true(tls_failure_is_theirs(client->tls));
    assert_int_equal(tls_failure_alert(client->tls), ALERT_BAD_RECORD_MAC);
    tls_pair_free(pair);
}

/* ---- what both must agree on ---- */

/* Both fail, |judge| by itself, the other by its alert; no data comes out. */
static void assert_no_agreement(struct tls_pair *pair, enum tls_role judge,
                                enum alert alert, const char *words)
{
    enum tls_role other = judge == TLS_CLIENT ? TLS_SERVER : TLS_CLIENT;
    struct tls *ours = pair->ends[judge].tls;

    assert_false(tls_pair_shake(pair));
    if (pair->ends[other].is_established)
        tls_pair_read(pair, other);
    if (!strstr(tls_failure(ours), words))
        print_message("said: %s\n", tls_failure(ours));
    assert_non_null(strstr(tls_failure(ours), words));
    assert_int_equal(tls_failure_alert(ours), alert);
    assert_false(tls_failure_is_theirs(ours));
    assert_int_equal(tls_failure_alert(pair->ends[other].tls), alert);
    assert_true(tls_failure_is_theirs(pair->ends[other].tls));
}

static void another_protocol_inside_is_refused(void **state)
{
    struct world *world = *state;
    struct tls_settings *other;
    struct tls_pair *pair;

    assert_int_equal(tls_settings_new(world->identities[0], world->trust, "h2",
                                      &other),
                     STATUS_OK);
    pair = tls_pair_new(other, world->settings[TLS_SERVER]);
    assert_no_agreement(pair, TLS_SERVER, ALERT_NO_APPLICATION_PROTOCOL,
                        "another protocol inside TLS");
    tls_pair_free(pair);
    tls_settings_free(other);
}

/* A server that names none is among tests/crypto: ours always does. */
static void a_client_that_names_no_protocol_is_refused(void **state)
{
    struct world *world = *state;
    struct tls_settings *silent;
    struct tls_pair *pair;

    assert_int_equal(tls_settings_new(world->identities[0], world->trust, "h2",
                                      &silent),
                     STATUS_OK);
    silent->roles[TLS_CLIENT].MBEDTLS_PRIVATE(alpn_list) = NULL;
    pair = tls_pair_new(silent, world->settings[TLS_SERVER]);
    assert_no_agreement(pair, TLS_SERVER, ALERT_NO_APPLICATION_PROTOCOL,
                        "does not say that it speaks entente/1");
    tls_pair_free(pair);
    tls_settings_free(silent);
}

static void a_client_without_a_certificate_is_refused(void **state)
{
    struct world *world = *state;
    struct tls_settings *bare;
    struct tls_pair *pair;

    assert_int_equal(tls_settings_new(world->identities[0], world->trust,
                                      TLS_PAIR_ALPN, &bare),
                     STATUS_OK);
    assert_int_equal(mbedtls_ssl_conf_own_cert(&bare->roles[TLS_CLIENT], NULL,
                                               NULL),
                     0);
    pair = tls_pair_new(bare, world->settings[TLS_SERVER]);
    assert_no_agreement(pair, TLS_SERVER, ALERT_CERTIFICATE_REQUIRED,
                        "presented no certificate");
    tls_pair_free(pair);
    tls_settings_free(bare);
}

static void the_weaker_machine_decides_the_cipher(void **state)
{
    struct world *world = *state;
    struct tls_settings *plain; /* a machine without AES instructions */

    assert_int_equal(tls_settings_new(world->identities[0], world->trust,
                                      TLS_PAIR_ALPN, &plain),
                     STATUS_OK);
    plain->suites[0] = MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256;
    plain->suites[1] = 0;
    for (int i = 0; i < 2; i++) {
        struct tls_pair *pair =
            i == 0 ? tls_pair_new(plain, world->settings[TLS_SERVER])
                   : tls_pair_new(world->settings[TLS_CLIENT], plain);

        assert_true(tls_pair_shake(pair));
        for (int role = 0; role < 2; role++)
            assert_string_equal(tls_aead_name(pair->ends[role].tls),
                                "chacha20-poly1305");
        tls_pair_write(pair, TLS_SERVER, "chacha", 6);
        tls_pair_read(pair, TLS_CLIENT);
        assert_memory_equal(pair->ends[TLS_CLIENT].plaintext, "chacha", 6);
        tls_pair_free(pair);
    }
    tls_settings_free(plain);
}

static void fast_machines_take_aes(void **state)
{
    struct tls_pair *pair = shaken_pair(*state);

    if (aead_is_available(AEAD_AES_256_GCM))
        assert_memory_equal(tls_aead_name(pair->ends[TLS_CLIENT].tls),
                            "aes-256-gcm", 11);
    tls_pair_free(pair);
}

/* ---- strangers ---- */

/* A fresh server hears |bytes|; what it says is in |pair|. */
static struct tls_pair *server_hears(struct world *world, const void *bytes,
                                     size_t length)
{
    struct tls_pair *pair = make_pair(world);
    struct tls_pair_end *server = &pair->ends[TLS_SERVER];

    server->status = tls_incoming(server->tls, bytes, length);
    if (server->status == STATUS_OK)
        server->status = tls_step(server->tls, &server->is_established);
    assert_false(server->is_established);
    return pair;
}

static void assert_server_refuses(struct world *world, const void *bytes,
                                  size_t length, enum alert alert,
                                  const char *words)
{
    struct tls_pair *pair = server_hears(world, bytes, length);
    struct tls *server = pair->ends[TLS_SERVER].tls;
    const uint8_t *out;
    bool established;

    assert_int_equal(pair->ends[TLS_SERVER].status, STATUS_PROTOCOL);
    if (!strstr(tls_failure(server), words))
        print_message("said: %s\n", tls_failure(server));
    assert_non_null(strstr(tls_failure(server), words));
    out = tls_outgoing(server, &length);
    assert_int_equal(length, 7);
    assert_memory_equal(out, "\x15\x03\x03\x00\x02\x02", 6);
    assert_int_equal(out[6], alert);
    /* nothing moves any more, and nothing loops */
    assert_int_equal(tls_step(server, &established), STATUS_PROTOCOL);
    assert_int_equal(tls_incoming(server, bytes, 1), STATUS_PROTOCOL);
    tls_pair_free(pair);
}

static void what_is_not_tls_is_named(void **state)
{
    static const char http[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    static const char redis[] = "*1\r\n$4\r\nPING\r\n";
    static const char ssh[] = "SSH-2.0-OpenSSH_9.2\r\n";
    static const uint8_t zeros[64];

    assert_server_refuses(*state, http, sizeof(http) - 1,
                          ALERT_UNEXPECTED_MESSAGE,
                          "not TLS; it begins with \"GET /\"");
    assert_server_refuses(*state, redis, sizeof(redis) - 1,
                          ALERT_UNEXPECTED_MESSAGE, "not TLS");
    assert_server_refuses(*state, ssh, sizeof(ssh) - 1,
                          ALERT_UNEXPECTED_MESSAGE, "SSH-2");
    assert_server_refuses(*state, zeros, sizeof(zeros),
                          ALERT_UNEXPECTED_MESSAGE, "not TLS");
}

/* A ClientHello as TLS 1.2 clients write it: no supported_versions. */
static void tls_1_2_is_refused_at_once(void **state)
{
    static const uint8_t hello[] = {
        22, 3,  1,  0,  0x3b, 1,  0,  0,    0x37, 3,    3,    1,    2,
        3,  4,  5,  6,  7,    8,  9,  10,   11,   12,   13,   14,   15,
        16, 17, 18, 19, 20,   21, 22, 23,   24,   25,   26,   27,   28,
        29, 30, 31, 32, 0,    0,  4,  0xc0, 0x2b, 0x56, 0x00, 1,    0,
        0,  10, 0,  10, 0,    6,  0,  4,    0,    0x1d, 0,    0x17,
    };

    assert_server_refuses(*state, hello, sizeof(hello), ALERT_PROTOCOL_VERSION,
                          "TLS 1.3");
}

static void random_bytes_never_get_in(void **state)
{
    struct random random = random_from_seed(17);

    for (size_t round = 0; round < 200; round++) {
        uint8_t bytes[512];
        size_t length = 1 + (size_t)random_below(&random, sizeof(bytes));
        struct tls_pair *pair;

        for (size_t i = 0; i < length; i++)
            bytes[i] = (uint8_t)random_next(&random);
        if (round % 2 == 0) /* as far as a record's header goes */
            memcpy(bytes, "\x16\x03\x01\x00\x40\x01\x00\x00\x3c", 9);
        pair = server_hears(*state, bytes, length);
        tls_pair_free(pair);
    }
}

static void a_handshake_without_end_is_cut(void **state)
{
    struct tls_pair *pair = make_pair(*state);
    struct tls *server = pair->ends[TLS_SERVER].tls;
    static const uint8_t warning[] = { 21, 3, 3, 0, 2, 1, 90 };
    uint8_t bytes[7 * 1024];
    enum status status = STATUS_OK;
    size_t total = 0;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = warning[i % 7];
    while (status == STATUS_OK) {
        bool established;

        assert_true(total < (1 << 20));
        status = tls_incoming(server, bytes, sizeof(bytes));
        if (status == STATUS_OK)
            status = tls_step(server, &established);
        total += sizeof(bytes);
    }
    assert_int_not_equal(status, STATUS_OK);
    assert_true(total <= TLS_MAX_HANDSHAKE + sizeof(bytes));
    tls_pair_free(pair);

    pair = make_pair(*state);
    assert_int_equal(tls_incoming(pair->ends[TLS_SERVER].tls,
                                  pair->ends[TLS_SERVER].wire,
                                  TLS_MAX_HANDSHAKE + 1),
                     STATUS_LIMIT);
    assert_non_null(
        strstr(tls_failure(pair->ends[TLS_SERVER].tls), "has no end"));
    tls_pair_free(pair);
}

/* ---- somebody in between ---- */

struct meddling {
    enum tls_role to;
    size_t position; /* of the byte to change */
    size_t seen;
};

static void flip_one(struct tls_pair *pair, enum tls_role to, uint8_t *bytes,
                     size_t *length, void *context)
{
    struct meddling *meddling = context;

    (void)pair;
    if (to != meddling->to)
        return;
    if (meddling->position >= meddling->seen &&
        meddling->position < meddling->seen + *length)
        bytes[meddling->position - meddling->seen] ^= 0x04;
    meddling->seen += *length;
}

/* Only a field nobody reads may change: versions in front of clear records. */
static void no_changed_byte_goes_unnoticed(void **state)
{
    size_t noticed = 0, passed = 0;

    for (enum tls_role to = TLS_CLIENT; to <= TLS_SERVER; to++)
        for (size_t position = 0; position < 2000; position += 1) {
            struct tls_pair *pair = make_pair(*state);
            struct meddling meddling = { to, position, 0 };

            pair->meddle = flip_one;
            pair->meddle_context = &meddling;
            if (tls_pair_shake(pair) && meddling.seen > position)
                passed++;
            else if (meddling.seen > position)
                noticed++;
            assert_int_equal(pair->ends[to].plaintext_bytes, 0);
            tls_pair_free(pair);
            if (meddling.seen <= position)
                break;
            position += position > 300 ? 13 : 0; /* time is short */
        }
    assert_true(noticed > 600);
    assert_true(passed <= 8);
}

static void inject_clear(struct tls_pair *pair, enum tls_role to,
                         uint8_t *bytes, size_t *length, void *context)
{
    const uint8_t *record = context;

    /* in front of the client's second flight: keys are in use by then */
    if (to != TLS_SERVER || pair->ends[TLS_CLIENT].is_established == false)
        return;
    memmove(bytes + 27, bytes, *length);
    memcpy(bytes, record, 27);
    *length += 27;
}

static void nothing_in_the_clear_counts_once_there_are_keys(void **state)
{
    static const struct {
        uint8_t record[27];
        const char *words;
    } injected[] = {
        { { 22, 3, 3, 0, 22, 20, 0, 0, 18 }, "changed or forged" },
        { { 23, 3, 3, 0, 22, 'e', 'a', 'r', 'l', 'y' }, "changed or forged" },
        { { 21, 3, 3, 0, 2, 2, 42 }, "refused our certificate" },
    };

    for (size_t i = 0; i < ARRAY_LENGTH(injected); i++) {
        struct tls_pair *pair = make_pair(*state);
        struct tls_pair_end *server = &pair->ends[TLS_SERVER];
        uint8_t record[27];

        memcpy(record, injected[i].record, sizeof(record));
        pair->meddle = inject_clear;
        pair->meddle_context = record;
        assert_false(tls_pair_shake(pair));
        assert_false(server->is_established);
        assert_int_equal(server->plaintext_bytes, 0);
        if (!strstr(tls_failure(server->tls), injected[i].words))
            print_message("said: %s\n", tls_failure(server->tls));
        assert_non_null(strstr(tls_failure(server->tls), injected[i].words));
        tls_pair_free(pair);
    }
}

/* ---- what is not there ---- */

static void what_we_do_not_use_is_compiled_out(void **state)
{
    (void)state;
#ifdef MBEDTLS_SELF_TEST
    skip(); /* a distribution's, with ENTENTE_DEPS=system: all is in it */
#elif defined(MBEDTLS_SSL_PROTO_TLS1_2) || defined(MBEDTLS_SSL_PROTO_DTLS) || \
    defined(MBEDTLS_SSL_SESSION_TICKETS) || defined(MBEDTLS_SSL_TICKET_C) ||  \
    defined(MBEDTLS_SSL_EARLY_DATA) || defined(MBEDTLS_SSL_CACHE_C) ||        \
    defined(MBEDTLS_SSL_RENEGOTIATION) ||                                     \
    defined(MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_ENABLED) ||              \
    defined(MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL_ENABLED) ||    \
    defined(MBEDTLS_SHA1_C) || defined(MBEDTLS_MD5_C) ||                      \
    defined(MBEDTLS_DEBUG_C) || defined(MBEDTLS_DHM_C) ||                     \
    defined(MBEDTLS_SSL_KEYLOG) || defined(MBEDTLS_PKCS7_C)
    fail();
#endif
#if !defined(MBEDTLS_SSL_PROTO_TLS1_3) || !defined(MBEDTLS_THREADING_C)
    fail();
#endif
}

static void nobody_may_go_without_a_certificate(void **state)
{
    struct world *world = *state;

    for (int i = 0; i < 2; i++)
        for (int role = 0; role < 2; role++)
            assert_int_equal(world->settings[i]->roles[role].MBEDTLS_PRIVATE(
                                 authmode),
                             MBEDTLS_SSL_VERIFY_REQUIRED);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

RUN_TESTS(T(both_ends_learn_who_the_other_is),
          T(bytes_come_out_as_they_went_in),
          T(data_right_behind_the_handshake_is_surplus),
          T(any_fragmentation_gives_the_same),
          T(close_notify_goes_each_way_by_itself),
          T(keys_are_changed_on_the_way),
          T(a_forged_record_is_answered_by_an_alert),
          T(another_protocol_inside_is_refused),
          T(a_client_that_names_no_protocol_is_refused),
          T(a_client_without_a_certificate_is_refused),
          T(the_weaker_machine_decides_the_cipher), T(fast_machines_take_aes),
          T(what_is_not_tls_is_named), T(tls_1_2_is_refused_at_once),
          T(random_bytes_never_get_in), T(a_handshake_without_end_is_cut),
          T(no_changed_byte_goes_unnoticed),
          T(nothing_in_the_clear_counts_once_there_are_keys),
          T(what_we_do_not_use_is_compiled_out),
          T(nobody_may_go_without_a_certificate))
