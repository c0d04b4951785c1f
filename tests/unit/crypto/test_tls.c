/* SPDX-License-Identifier: MIT */
#include "crypto/tls.h"
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

RUN_TESTS(cmocka_unit_test_setup_teardown(both_ends_learn_who_the_other_is,
                                          set_up, tear_down),
          cmocka_unit_test_setup_teardown(bytes_come_out_as_they_went_in,
                                          set_up, tear_down))
