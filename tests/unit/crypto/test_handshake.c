/* SPDX-License-Identifier: MIT */
/*
 * Whom a handshake lets in.  Every odd certificate is tried in both roles; the
 * end that judges must say why in words, the other must learn it by an alert,
 * and not one byte of plaintext may come out.
 */
#include "crypto/alert.h"
#include "crypto/tls.h"
#include "crypto/tls_settings.h"
#include "support/check_test.h"
#include "support/crypto/forge.h"
#include "support/crypto/tls_pair.h"
#include <mbedtls/oid.h>
#include <mbedtls/x509.h>
#include <stdio.h>

/* A CA, somebody good below it, and another CA that nobody trusts. */
static struct {
    const char *directory;
    struct forged *authority;
    struct forged *stranger; /* an untrusted CA of another name */
    struct forged *namesake; /* an untrusted CA of the same name */
    struct identity *good;
    struct trust *trust;
} world;

static const char *path_of(const char *name)
{
    return forge_path(world.directory, name);
}

static int build_world(void **state)
{
    (void)state;
    world.directory = forge_directory();
    world.authority = forge(&(struct forge_plan){ .is_authority = true });
    world.namesake = forge(&(struct forge_plan){ .is_authority = true });
    world.stranger = forge(
        &(struct forge_plan){ .is_authority = true, .subject = "CN=stranger" });
    world.good = forge_leaf(&(struct forge_plan){
        .issuer = world.authority, .uris = { "spiffe://acme/good" } });
    world.trust = forge_trust(&world.authority, 1, NULL);
    forge_write_certificates(path_of("ca.crt"), &world.authority, 1);
    forge_write_key(path_of("ca.key"), world.authority);
    return 0;
}

static int tear_world(void **state)
{
    (void)state;
    trust_free(world.trust);
    forge_identity_free(world.good);
    forge_free(world.stranger);
    forge_free(world.namesake);
    forge_free(world.authority);
    forge_remove(world.directory);
    return 0;
}

static struct tls_settings *settings_for(const struct identity *identity,
                                         const struct trust *trust)
{
    struct tls_settings *settings;

    assert_int_equal(tls_settings_new(identity, trust, TLS_PAIR_ALPN,
                                      &settings),
                     STATUS_OK);
    return settings;
}

/* ---- one odd end, one that judges ---- */

/* Data sent by an end that thinks it is let in must not come out. */
static void push_data(struct tls_pair *pair, enum tls_role from)
{
    enum tls_role to = from == TLS_CLIENT ? TLS_SERVER : TLS_CLIENT;

    if (!pair->ends[from].is_established)
        return;
    tls_pair_write(pair, from, "plaintext", 9);
    if (pair->ends[to].is_established)
        tls_pair_read(pair, to);
    assert_int_equal(pair->ends[to].plaintext_bytes, 0);
}

static void assert_judged(struct tls_pair *pair, enum tls_role odd,
                          enum alert alert, const char *words)
{
    enum tls_role judge = odd == TLS_CLIENT ? TLS_SERVER : TLS_CLIENT;
    struct tls *ours = pair->ends[judge].tls;
    struct tls *theirs = pair->ends[odd].tls;

    assert_false(pair->ends[judge].is_established);
    push_data(pair, odd);
    if (pair->ends[odd].is_established)
        tls_pair_read(pair, odd);
    if (!strstr(tls_failure(ours), words))
        print_message("said: %s\n", tls_failure(ours));
    assert_non_null(strstr(tls_failure(ours), words));
    assert_int_equal(tls_failure_alert(ours), alert);
    assert_false(tls_failure_is_theirs(ours));
    assert_int_equal(pair->ends[odd].status, STATUS_REFUSED);
    if (tls_failure_alert(theirs) != (int)alert)
        print_message("learned: %s\n", tls_failure(theirs));
    assert_int_equal(tls_failure_alert(theirs), alert);
    assert_true(tls_failure_is_theirs(theirs));
    assert_non_null(strstr(tls_failure(theirs), alert_words(alert)));
}

static void try_roles(const struct identity *odd, const struct trust *trust,
                      enum alert alert, const char *words)
{
    struct tls_settings *odds = settings_for(odd, world.trust);
    struct tls_settings *judges = settings_for(world.good, trust);

    for (enum tls_role role = TLS_CLIENT; role <= TLS_SERVER; role++) {
        struct tls_pair *pair = role == TLS_CLIENT ? tls_pair_new(odds, judges)
                                                   : tls_pair_new(judges, odds);

        assert_false(tls_pair_shake(pair));
        assert_judged(pair, role, alert, words);
        tls_pair_free(pair);
    }
    tls_settings_free(odds);
    tls_settings_free(judges);
}

static void assert_refused_by(const struct trust *trust, struct identity *odd,
                              enum alert alert, const char *words)
{
    try_roles(odd, trust, alert, words);
    forge_identity_free(odd);
}

static void assert_refused(struct identity *odd, enum alert alert,
                           const char *words)
{
    assert_refused_by(world.trust, odd, alert, words);
}

static void assert_accepted_by(const struct trust *trust, struct identity *peer)
{
    struct tls_settings *peers = settings_for(peer, world.trust);
    struct tls_settings *judges = settings_for(world.good, trust);

    for (enum tls_role role = TLS_CLIENT; role <= TLS_SERVER; role++) {
        struct tls_pair *pair = role == TLS_CLIENT
                                    ? tls_pair_new(peers, judges)
                                    : tls_pair_new(judges, peers);

        if (!tls_pair_shake(pair))
            print_message("said: %s, %s\n",
                          tls_failure(pair->ends[TLS_CLIENT].tls),
                          tls_failure(pair->ends[TLS_SERVER].tls));
        assert_true(pair->ends[TLS_CLIENT].is_established &&
                    pair->ends[TLS_SERVER].is_established);
        tls_pair_free(pair);
    }
    tls_settings_free(peers);
    tls_settings_free(judges);
    forge_identity_free(peer);
}

static void assert_accepted(struct identity *peer)
{
    assert_accepted_by(world.trust, peer);
}

#define LEAF(...) \
    forge_leaf(&(struct forge_plan){ .issuer = world.authority, __VA_ARGS__ })

/* ---- who signed it ---- */

static void a_good_certificate_is_accepted(void **state)
{
    (void)state;
    assert_accepted(LEAF(.subject = "CN=peer"));
    assert_accepted(LEAF(.curve_384 = true));
}

static void the_ca_must_be_ours(void **state)
{
    (void)state;
    assert_refused(forge_leaf(&(struct forge_plan){ .issuer = world.stranger }),
                   ALERT_UNKNOWN_CA, "not signed by a CA we trust");
    assert_refused(forge_leaf(&(struct forge_plan){ .issuer = world.namesake }),
                   ALERT_UNKNOWN_CA, "is not signed with its key");
    assert_refused(forge_leaf(&(struct forge_plan){ 0 }), ALERT_UNKNOWN_CA,
                   "signed by itself");
    assert_refused(LEAF(.signed_by = world.stranger), ALERT_UNKNOWN_CA,
                   "is not signed with its key");
}

static void a_changed_certificate_is_refused(void **state)
{
    struct forged *leaf =
        forge(&(struct forge_plan){ .issuer = world.authority });
    size_t length;

    (void)state;
    forge_der(leaf, &length);
    forge_flip(leaf, length - 1); /* the signature */
    assert_refused(forge_identity(&leaf, 1), ALERT_UNKNOWN_CA,
                   "is not signed with its key");
    forge_free(leaf);
}

static void a_certificate_without_its_key_is_worth_nothing(void **state)
{
    struct forged *victim =
        forge(&(struct forge_plan){ .issuer = world.authority });
    struct forged *thief = forge_steal(victim);

    (void)state;
    assert_refused(forge_identity(&thief, 1), ALERT_DECRYPT_ERROR,
                   "not the key of its certificate");
    forge_free(thief);
    forge_free(victim);
}

static void a_leaf_may_not_be_listed_as_a_root(void **state)
{
    struct forged *leaf = forge(&(struct forge_plan){ 0 });
    struct trust *trust = forge_trust(&leaf, 1, NULL);

    (void)state;
    assert_refused_by(trust, forge_identity(&leaf, 1), ALERT_UNKNOWN_CA,
                      "is itself in our list of CAs");
    trust_free(trust);
    forge_free(leaf);
}

/* A chain of |count| plans, each signed by the one before, leaf last. */
static struct identity *chain(struct forge_plan *plans, size_t count)
{
    struct forged *made[16];
    struct forged *leaf_first[16] = { NULL };
    struct identity *identity;

    for (size_t i = 0; i < count; i++) {
        plans[i].issuer = i == 0 ? world.authority : made[i - 1];
        made[i] = forge(&plans[i]);
        leaf_first[count - 1 - i] = made[i];
    }
    identity = forge_identity(leaf_first, count);
    for (size_t i = 0; i < count; i++)
        forge_free(made[i]);
    return identity;
}

#define CHAIN(...)                                       \
    chain((struct forge_plan[]){ __VA_ARGS__ },          \
          sizeof((struct forge_plan[]){ __VA_ARGS__ }) / \
              sizeof(struct forge_plan))

static void intermediates_are_judged_like_roots(void **state)
{
    (void)state;
    assert_accepted(CHAIN({ .is_authority = true, .subject = "CN=middle" },
                          { .subject = "CN=peer" }));
    assert_refused(CHAIN({ .subject = "CN=leaf" }, { .subject = "CN=peer" }),
                   ALERT_UNKNOWN_CA,
                   "is signed by a certificate that is not a CA's");
    assert_refused(
        CHAIN({ .is_authority = true, .subject = "CN=middle", .ends = -3600 },
              { .subject = "CN=peer" }),
        ALERT_CERTIFICATE_EXPIRED, "expired on");
    assert_refused(CHAIN({ .is_authority = true,
                           .subject = "CN=middle",
                           .key_usage = MBEDTLS_X509_KU_CRL_SIGN },
                         { .subject = "CN=peer" }),
                   ALERT_UNKNOWN_CA, "not a CA's");
    assert_refused(CHAIN({ .is_authority = true,
                           .subject = "CN=middle",
                           .no_key_usage = true },
                         { .subject = "CN=peer" }),
                   ALERT_UNKNOWN_CA, "may not sign certificates");
}

static void a_path_is_only_as_long_as_allowed(void **state)
{
    (void)state;
    assert_accepted(CHAIN({ .is_authority = true,
                            .subject = "CN=one",
                            .has_path_length = true,
                            .path_length = 1 },
                          { .is_authority = true, .subject = "CN=two" },
                          { .subject = "CN=peer" }));
    assert_refused(CHAIN({ .is_authority = true,
                           .subject = "CN=one",
                           .has_path_length = true,
                           .path_length = 0 },
                         { .is_authority = true, .subject = "CN=two" },
                         { .subject = "CN=peer" }),
                   ALERT_UNKNOWN_CA, "may not sign this deep");
}

static void a_chain_without_end_is_refused(void **state)
{
    struct forge_plan plans[12] = { { 0 } };
    char names[12][16];

    (void)state;
    for (size_t i = 0; i < 12; i++) {
        snprintf(names[i], sizeof(names[i]), "CN=level %zu", i);
        plans[i].subject = names[i];
        plans[i].is_authority = i < 11;
    }
    assert_refused(chain(plans, 12), ALERT_CERTIFICATE_UNKNOWN,
                   "chain is too long");
}

static void name_constraints_are_not_ignored(void **state)
{
    (void)state;
    assert_refused(CHAIN({ .is_authority = true,
                           .subject = "CN=middle",
                           .extra_oid = MBEDTLS_OID_NAME_CONSTRAINTS },
                         { .subject = "CN=peer" }),
                   ALERT_UNKNOWN_CA, "has name constraints");
    assert_refused(CHAIN({ .is_authority = true,
                           .subject = "CN=middle",
                           .extra_oid = MBEDTLS_OID_NAME_CONSTRAINTS,
                           .extra_is_critical = true },
                         { .subject = "CN=peer" }),
                   ALERT_BAD_CERTIFICATE, "critical");
}

/* ---- when ---- */

static void certificates_have_their_time(void **state)
{
    (void)state;
    assert_refused(LEAF(.starts = -9 * FORGE_DAY, .ends = -60),
                   ALERT_CERTIFICATE_EXPIRED, "(clock wrong?)");
    assert_refused(LEAF(.starts = 3600), ALERT_CERTIFICATE_EXPIRED,
                   "is not valid before");
    assert_accepted(LEAF(.starts = -60, .ends = 60));
}

static void an_expired_root_vouches_for_nobody(void **state)
{
    struct forged *old = forge(&(struct forge_plan){
        .is_authority = true, .starts = -9 * FORGE_DAY, .ends = -3600 });
    struct forged *roots[] = { world.authority, old };
    struct trust *trust = forge_trust(roots, 2, NULL);

    (void)state;
    assert_refused_by(trust, forge_leaf(&(struct forge_plan){ .issuer = old }),
                      ALERT_CERTIFICATE_EXPIRED, "expired on");
    trust_free(trust);
    forge_free(old);
}

/* ---- what for ---- */

static void key_usage_is_required(void **state)
{
    (void)state;
    assert_refused(LEAF(.no_key_usage = true), ALERT_UNSUPPORTED_CERTIFICATE,
                   "no key usage marked critical");
    assert_refused(LEAF(.plain_key_usage = true), ALERT_UNSUPPORTED_CERTIFICATE,
                   "no key usage marked critical");
    assert_refused(LEAF(.key_usage = MBEDTLS_X509_KU_KEY_ENCIPHERMENT),
                   ALERT_UNSUPPORTED_CERTIFICATE, "digitalSignature");
    assert_refused(LEAF(.key_usage = MBEDTLS_X509_KU_DIGITAL_SIGNATURE |
                                     MBEDTLS_X509_KU_KEY_CERT_SIGN),
                   ALERT_UNSUPPORTED_CERTIFICATE, "a CA's key usage");
    assert_refused(LEAF(.key_usage = MBEDTLS_X509_KU_DIGITAL_SIGNATURE |
                                     MBEDTLS_X509_KU_CRL_SIGN),
                   ALERT_UNSUPPORTED_CERTIFICATE, "a CA's key usage");
    assert_accepted(LEAF(.key_usage = MBEDTLS_X509_KU_DIGITAL_SIGNATURE |
                                      MBEDTLS_X509_KU_KEY_ENCIPHERMENT));
}

static void both_extended_usages_are_required(void **state)
{
    (void)state;
    assert_refused(LEAF(.no_purpose = true), ALERT_UNSUPPORTED_CERTIFICATE,
                   "no extended key usage");
    assert_refused(LEAF(.purposes = { MBEDTLS_OID_SERVER_AUTH }),
                   ALERT_UNSUPPORTED_CERTIFICATE, "clientAuth");
    assert_refused(LEAF(.purposes = { MBEDTLS_OID_CLIENT_AUTH }),
                   ALERT_UNSUPPORTED_CERTIFICATE, "serverAuth");
    assert_refused(LEAF(.purposes = { MBEDTLS_OID_CODE_SIGNING }),
                   ALERT_UNSUPPORTED_CERTIFICATE, "serverAuth");
    assert_refused(LEAF(.purposes = { MBEDTLS_OID_ANY_EXTENDED_KEY_USAGE }),
                   ALERT_UNSUPPORTED_CERTIFICATE, "serverAuth");
    assert_accepted(
        LEAF(.purposes = { MBEDTLS_OID_CODE_SIGNING, MBEDTLS_OID_CLIENT_AUTH,
                           MBEDTLS_OID_SERVER_AUTH }));
}

static void a_ca_does_not_speak_for_itself(void **state)
{
    (void)state;
    assert_refused(LEAF(.is_authority = true, .subject = "CN=ca leaf",
                        .uris = { "spiffe://acme/ca" },
                        .key_usage = MBEDTLS_X509_KU_DIGITAL_SIGNATURE,
                        .purposes = { MBEDTLS_OID_SERVER_AUTH,
                                      MBEDTLS_OID_CLIENT_AUTH }),
                   ALERT_BAD_CERTIFICATE, "is a CA's");
}

static void what_is_critical_and_unknown_is_refused(void **state)
{
    (void)state;
    assert_refused(LEAF(.extra_oid = "\x2a\x03\x04\x05",
                        .extra_is_critical = true),
                   ALERT_BAD_CERTIFICATE, "critical");
    assert_accepted(LEAF(.extra_oid = "\x2a\x03\x04\x05"));
}

static void malformed_basic_constraints_are_refused(void **state)
{
    /* What older mbedTLS took for a CA's: a number where a boolean belongs. */
    static const uint8_t number[] = { 0x30, 3, 2, 1, 1 };
    static const uint8_t tail[] = { 0x30, 3, 1, 1, 0xff, 0 };
    struct forge_plan plan = { .extra_oid = MBEDTLS_OID_BASIC_CONSTRAINTS,
                               .extra_value = number,
                               .extra_length = sizeof(number),
                               .issuer = world.authority };

    (void)state;
    assert_refused(forge_leaf(&plan), ALERT_BAD_CERTIFICATE, "malformed");
    plan.extra_value = tail;
    plan.extra_length = sizeof(tail);
    assert_refused(forge_leaf(&plan), ALERT_BAD_CERTIFICATE, "malformed");
}

/* ---- who ---- */

static void exactly_one_uri_is_an_identity(void **state)
{
    (void)state;
    assert_refused(LEAF(.no_names = true, .subject = "CN=peer"),
                   ALERT_BAD_CERTIFICATE, "names no identity");
    assert_refused(LEAF(.no_names = true, .subject = "CN=spiffe://acme/peer"),
                   ALERT_BAD_CERTIFICATE, "names no identity");
    assert_refused(LEAF(.dns = "peer.acme.example"), ALERT_BAD_CERTIFICATE,
                   "names no identity");
    assert_refused(LEAF(.dns = "spiffe://acme/peer"), ALERT_BAD_CERTIFICATE,
                   "names no identity");
    assert_refused(LEAF(.uris = { "spiffe://acme/a", "spiffe://acme/b" }),
                   ALERT_BAD_CERTIFICATE, "more than one URI");
    assert_refused(LEAF(.uris = { "spiffe://acme/a", "https://acme/b" }),
                   ALERT_BAD_CERTIFICATE, "more than one URI");
    assert_refused(LEAF(.uris = { "https://acme/b" }), ALERT_BAD_CERTIFICATE,
                   "not a SPIFFE identity");
    assert_accepted(
        LEAF(.uris = { "spiffe://acme/a" }, .dns = "also.acme.example"));
}

static void odd_identities_are_refused(void **state)
{
    static const char *const odd[] = {
        "spiffe://acme/*",        "spiffe://*/peer",
        "spiffe://Acme/peer",     "SPIFFE://acme/peer",
        "spiffe://acme",          "spiffe://acme/",
        "spiffe://acme/../peer",  "spiffe://acme//peer",
        "spiffe://acme/%70eer",   "spiffe://acme/peer/",
        "spiffe://acme:1/peer",   "spiffe://acme/peer?",
        "spiffe://acme/\xd0\xb0", "spiffe://acme/pe er\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(odd); i++)
        assert_refused(LEAF(.uris = { odd[i] }), ALERT_BAD_CERTIFICATE,
                       "not a SPIFFE identity");
}

static void a_ca_vouches_for_its_trust_domain_only(void **state)
{
    struct forged *bound =
        forge(&(struct forge_plan){ .is_authority = true,
                                    .subject = "CN=bound",
                                    .uris = { "spiffe://acme" } });
    struct trust *trust = forge_trust(&bound, 1, NULL);

    (void)state;
    assert_accepted_by(trust,
                       forge_leaf(&(struct forge_plan){
                           .issuer = bound, .uris = { "spiffe://acme/x" } }));
    assert_refused_by(trust,
                      forge_leaf(&(struct forge_plan){
                          .issuer = bound, .uris = { "spiffe://evil/x" } }),
                      ALERT_ACCESS_DENIED, "another trust domain");
    assert_refused_by(trust,
                      forge_leaf(&(struct forge_plan){
                          .issuer = bound, .uris = { "spiffe://acm/x" } }),
                      ALERT_ACCESS_DENIED, "another trust domain");
    /* one bound to none vouches for any */
    assert_accepted(LEAF(.uris = { "spiffe://evil/x" }));
    trust_free(trust);
    forge_free(bound);
}

static void an_intermediate_binds_too(void **state)
{
    (void)state;
    assert_accepted(CHAIN({ .is_authority = true,
                            .subject = "CN=middle",
                            .uris = { "spiffe://acme" } },
                          { .uris = { "spiffe://acme/x" } }));
    assert_refused(CHAIN({ .is_authority = true,
                           .subject = "CN=middle",
                           .uris = { "spiffe://acme" } },
                         { .uris = { "spiffe://evil/x" } }),
                   ALERT_ACCESS_DENIED, "another trust domain");
    assert_refused(CHAIN({ .is_authority = true,
                           .subject = "CN=middle",
                           .uris = { "spiffe://acme", "spiffe://evil" } },
                         { .uris = { "spiffe://evil/x" } }),
                   ALERT_UNKNOWN_CA, "not one trust domain");
    assert_refused(CHAIN({ .is_authority = true,
                           .subject = "CN=middle",
                           .uris = { "spiffe://acme/with/path" } },
                         { .uris = { "spiffe://acme/x" } }),
                   ALERT_UNKNOWN_CA, "not one trust domain");
}

/* ---- how strong: what mbedTLS as we build it cannot even make ---- */

static void shell(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
static void shell(const char *format, ...)
{
    char command[2048];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    if (system(command) != 0)
        fail_msg("failed: %s", command);
}

/* A leaf by OpenSSL with |key| (options of openssl req) and |hash|. */
static struct forged *by_openssl(const char *key, const char *hash,
                                 bool has_key)
{
    FILE *file = fopen(path_of("ext"), "w");

    assert_non_null(file);
    fputs("keyUsage=critical,digitalSignature\n"
          "extendedKeyUsage=serverAuth,clientAuth\n"
          "subjectAltName=URI:spiffe://acme/odd\n",
          file);
    fclose(file);
    shell("cd %s && { openssl req -new -newkey %s -nodes -subj /CN=odd "
          "-keyout odd.key -out odd.csr && openssl x509 -req -in odd.csr "
          "-CA ca.crt -CAkey ca.key -days 10 -extfile ext -%s -out odd.crt; "
          "} >log 2>&1 || { cat log; false; }",
          world.directory, key, hash);
    return forge_read(path_of("odd.crt"), has_key ? path_of("odd.key") : NULL);
}

static void assert_odd_strength(const char *key, const char *hash, bool has_key,
                                enum alert alert, const char *words)
{
    struct forged *odd = by_openssl(key, hash, has_key);
    struct identity *identity = forge_identity(&odd, 1);

    if (words)
        assert_refused(identity, alert, words);
    else
        assert_accepted(identity);
    forge_free(odd);
}

static void weak_keys_are_refused(void **state)
{
    (void)state;
    assert_odd_strength("rsa:1024", "sha256", true,
                        ALERT_UNSUPPORTED_CERTIFICATE, "too weak a key");
    assert_odd_strength("rsa:2048", "sha256", true,
                        ALERT_UNSUPPORTED_CERTIFICATE, "too weak a key");
    assert_odd_strength("rsa:3072", "sha256", true, ALERT_NONE, NULL);
    assert_odd_strength("ec -pkeyopt ec_paramgen_curve:prime192v1", "sha256",
                        false, ALERT_BAD_CERTIFICATE, "its key is");
    assert_odd_strength("ec -pkeyopt ec_paramgen_curve:secp256k1", "sha256",
                        false, ALERT_BAD_CERTIFICATE, "its key is");
    assert_odd_strength("ed25519", "sha256", false, ALERT_BAD_CERTIFICATE,
                        "its key is");
}

static void weak_signatures_are_refused(void **state)
{
    static const char p256[] = "ec -pkeyopt ec_paramgen_curve:prime256v1";

    (void)state;
    assert_odd_strength(p256, "sha1", true, ALERT_BAD_CERTIFICATE, "SHA-1?");
    assert_odd_strength(p256, "sha224", true, ALERT_BAD_CERTIFICATE,
                        "signature is of a kind we do not accept");
    assert_odd_strength(p256, "sha384", true, ALERT_NONE, NULL);
}

/* ---- revoked ---- */

static struct identity *leaf_and_list(struct forge_list_plan *plan, bool revoke)
{
    struct forged *leaf =
        forge(&(struct forge_plan){ .issuer = world.authority });
    struct identity *identity = forge_identity(&leaf, 1);

    if (revoke)
        plan->revoked[0] = leaf;
    plan->issuer = world.authority;
    remove(path_of("ca.crl"));
    forge_append_list(path_of("ca.crl"), plan);
    forge_free(leaf);
    return identity;
}

static void the_revoked_are_refused(void **state)
{
    struct identity *identity =
        leaf_and_list(&(struct forge_list_plan){ 0 }, true);
    struct trust *trust = forge_trust(&world.authority, 1, path_of("ca.crl"));

    (void)state;
    assert_refused_by(trust, identity, ALERT_CERTIFICATE_REVOKED,
                      "was revoked on");
    assert_accepted_by(trust, LEAF(.subject = "CN=other"));
    trust_free(trust);
}

static void a_list_that_ran_out_refuses_everybody(void **state)
{
    struct identity *identity =
        leaf_and_list(&(struct forge_list_plan){ .starts = -9 * FORGE_DAY,
                                                 .ends = -60 },
                      false);
    struct trust *trust =
        forge_trust_at(&world.authority, 1, path_of("ca.crl"), -FORGE_DAY);

    (void)state;
    assert_refused_by(trust, identity, ALERT_CERTIFICATE_UNKNOWN,
                      "revocation list of the CA \"CN=authority\" expired");
    trust_free(trust);
}

static void an_intermediate_needs_a_list_too(void **state)
{
    struct forged *middle =
        forge(&(struct forge_plan){ .issuer = world.authority,
                                    .is_authority = true,
                                    .subject = "CN=middle" });
    struct forged *leaf = forge(&(struct forge_plan){ .issuer = middle });
    struct forged *both[] = { leaf, middle };
    struct trust *trust;
    const char *path = path_of("two.crl");

    (void)state;
    forge_append_list(path,
                      &(struct forge_list_plan){ .issuer = world.authority });
    trust = forge_trust(&world.authority, 1, path);
    assert_refused_by(trust, forge_identity(both, 2), ALERT_CERTIFICATE_UNKNOWN,
                      "no revocation list signed by the CA \"CN=middle\"");
    trust_free(trust);
    /* signed by somebody else */
    forge_append_list(path,
                      &(struct forge_list_plan){ .issuer = middle,
                                                 .signed_by = world.namesake });
    trust = forge_trust(&world.authority, 1, path);
    assert_refused_by(trust, forge_identity(both, 2), ALERT_CERTIFICATE_UNKNOWN,
                      "no revocation list");
    trust_free(trust);
    /* its own */
    forge_append_list(path, &(struct forge_list_plan){ .issuer = middle });
    trust = forge_trust(&world.authority, 1, path);
    assert_accepted_by(trust, forge_identity(both, 2));
    trust_free(trust);
    /* the intermediate itself is revoked */
    forge_append_list(path,
                      &(struct forge_list_plan){ .issuer = world.authority,
                                                 .revoked = { middle } });
    trust = forge_trust(&world.authority, 1, path);
    assert_refused_by(trust, forge_identity(both, 2), ALERT_CERTIFICATE_REVOKED,
                      "was revoked on");
    trust_free(trust);
    forge_free(leaf);
    forge_free(middle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_certificate_is_accepted),
        TEST(the_ca_must_be_ours),
        TEST(a_changed_certificate_is_refused),
        TEST(a_certificate_without_its_key_is_worth_nothing),
        TEST(a_leaf_may_not_be_listed_as_a_root),
        TEST(intermediates_are_judged_like_roots),
        TEST(a_path_is_only_as_long_as_allowed),
        TEST(a_chain_without_end_is_refused),
        TEST(name_constraints_are_not_ignored),
        TEST(certificates_have_their_time),
        TEST(an_expired_root_vouches_for_nobody),
        TEST(key_usage_is_required),
        TEST(both_extended_usages_are_required),
        TEST(a_ca_does_not_speak_for_itself),
        TEST(what_is_critical_and_unknown_is_refused),
        TEST(malformed_basic_constraints_are_refused),
        TEST(exactly_one_uri_is_an_identity),
        TEST(odd_identities_are_refused),
        TEST(a_ca_vouches_for_its_trust_domain_only),
        TEST(an_intermediate_binds_too),
        TEST(weak_keys_are_refused),
        TEST(weak_signatures_are_refused),
        TEST(the_revoked_are_refused),
        TEST(a_list_that_ran_out_refuses_everybody),
        TEST(an_intermediate_needs_a_list_too),
    };

    return cmocka_run_group_tests(tests, build_world, tear_world);
}
