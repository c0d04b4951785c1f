/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "crypto/authority.h"
#include "crypto/identity_internal.h"
#include "crypto/library.h"
#include "crypto/tls.h"
#include "support/check_test.h"
#include "support/crypto/forge.h"
#include "support/crypto/tls_pair.h"
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *directory;
static struct authority_options options;
static struct crypto_error error;

static int set_up(void **state)
{
    (void)state;
    directory = forge_directory();
    options = (struct authority_options){ .directory = directory,
                                          .trust_domain = "acme",
                                          .name = "web-1" };
    return library_start(&error) == STATUS_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    forge_remove(directory);
    return 0;
}

static const char *path_of(const char *name)
{
    return forge_path(directory, name);
}

static bool shell(const char *command)
{
    return forge_shell(directory, command);
}

static void init(void)
{
    assert_int_equal(authority_init(&options, NULL, NULL, &error), STATUS_OK);
    assert_string_equal(error.text, "");
}

static void issue(const char *name)
{
    options.name = name;
    if (authority_issue(&options, NULL, NULL, &error) != STATUS_OK)
        print_message("said: %s\n", error.text);
    assert_string_equal(error.text, "");
}

static void assert_said(enum status status, const char *words)
{
    assert_int_equal(status, STATUS_CONFIG);
    if (!strstr(error.text, words))
        print_message("said: %s\n", error.text);
    assert_non_null(strstr(error.text, words));
}

static unsigned mode_of(const char *name)
{
    struct stat about;

    assert_int_equal(stat(path_of(name), &about), 0);
    return (unsigned)about.st_mode & 07777;
}

/* The contents, to see whether they changed. */
static char *contents(const char *name)
{
    char *text = test_calloc(1, 65536);
    FILE *file = fopen(path_of(name), "r");

    assert_non_null(file);
    assert_true(fread(text, 1, 65535, file) > 0);
    fclose(file);
    return text;
}

static struct identity *load(const char *name)
{
    char certificate[300], key[300];
    struct crypto_error warning;
    struct identity *identity = NULL;

    snprintf(certificate, sizeof(certificate), "%s/%s.crt", directory, name);
    snprintf(key, sizeof(key), "%s/%s.key", directory, name);
    if (identity_load(certificate, key, &identity, &warning, &error) !=
        STATUS_OK)
        print_message("said: %s\n", error.text);
    assert_non_null(identity);
    assert_string_equal(warning.text, "");
    return identity;
}

static struct trust *load_trust(void)
{
    struct crypto_error warning;
    struct trust *trust = NULL;

    assert_int_equal(trust_load(path_of("ca.crt"), path_of("ca.crl"), &trust,
                                &warning, &error),
                     STATUS_OK);
    assert_string_equal(warning.text, "");
    return trust;
}

static void what_it_issues_is_accepted_by_our_own_rules(void **state)
{
    struct identity *identity;
    struct trust *trust;

    (void)state;
    assert_false(authority_exists(directory));
    init();
    assert_true(authority_exists(directory));
    issue("web-1");
    identity = load("web-1");
    assert_string_equal(identity_spiffe(identity)->text, "spiffe://acme/web-1");
    assert_in_range(identity_expires(identity) - clock_wall_seconds(),
                    364 * FORGE_DAY, 365 * FORGE_DAY);
    trust = load_trust();
    assert_in_range(trust_expires(trust) - clock_wall_seconds(),
                    3649 * FORGE_DAY, 3650 * FORGE_DAY);
    trust_free(trust);
    identity_free(identity);
}

static void two_of_its_names_speak_to_each_other(void **state)
{
    struct identity *identities[2];
    struct tls_settings *settings[2];
    struct trust *trust;
    struct tls_pair *pair;

    (void)state;
    init();
    issue("a");
    issue("deep/er/b");
    identities[0] = load("a");
    identities[1] = load("deep/er/b");
    trust = load_trust();
    for (int i = 0; i < 2; i++)
        assert_int_equal(tls_settings_new(identities[i], trust, TLS_PAIR_ALPN,
                                          &settings[i]),
                         STATUS_OK);
    pair = tls_pair_new(settings[0], settings[1]);
    assert_true(tls_pair_shake(pair));
    assert_string_equal(tls_peer(pair->ends[TLS_CLIENT].tls)->text,
                        "spiffe://acme/deep/er/b");
    tls_pair_free(pair);
    for (int i = 0; i < 2; i++) {
        tls_settings_free(settings[i]);
        identity_free(identities[i]);
    }
    trust_free(trust);
}

static void openssl_agrees(void **state)
{
    (void)state;
    init();
    issue("web-1");
    issue("web-2");
    assert_int_equal(authority_revoke(&options, NULL, NULL, &error), STATUS_OK);
    assert_true(shell("openssl verify -x509_strict -crl_check -CAfile ca.crt "
                      "-CRLfile ca.crl -purpose sslserver web-1.crt"));
    assert_true(shell("openssl verify -x509_strict -crl_check -CAfile ca.crt "
                      "-CRLfile ca.crl -purpose sslclient web-1.crt"));
    assert_true(shell("openssl verify -crl_check -CAfile ca.crt -CRLfile "
                      "ca.crl web-2.crt 2>&1 | grep -q revoked"));
    assert_true(shell("openssl crl -in ca.crl -CAfile ca.crt -noout 2>&1 | "
                      "grep -q 'verify OK'"));
    assert_true(shell("openssl x509 -in ca.crt -noout -text | grep -q "
                      "'CA:TRUE, pathlen:0'"));
}

static void keys_are_for_their_owner_only(void **state)
{
    mode_t old = umask(0);

    (void)state;
    init();
    issue("web-1");
    umask(old);
    assert_int_equal(mode_of("ca.key"), 0600);
    assert_int_equal(mode_of("web-1.key"), 0600);
    assert_int_equal(mode_of("ca.crt"), 0644);
    assert_int_equal(mode_of("ca.crl"), 0644);
}

static void nothing_is_overwritten_unless_forced(void **state)
{
    char *before, *after;

    (void)state;
    init();
    issue("web-1");
    before = contents("ca.key");
    assert_said(authority_init(&options, NULL, NULL, &error),
                "exists already; --force");
    after = contents("ca.key");
    assert_string_equal(before, after);
    test_free(after);
    test_free(before);
    before = contents("web-1.key");
    assert_said(authority_issue(&options, NULL, NULL, &error),
                "exists already; --force");
    after = contents("web-1.key");
    assert_string_equal(before, after);
    test_free(after);
    options.force = true;
    assert_int_equal(authority_issue(&options, NULL, NULL, &error), STATUS_OK);
    after = contents("web-1.key");
    assert_string_not_equal(before, after);
    test_free(after);
    test_free(before);
    assert_true(shell("test -z \"$(ls | grep new)\"")); /* nothing is left */
}

static void a_key_alone_is_not_overwritten_either(void **state)
{
    (void)state;
    init();
    issue("web-1");
    assert_int_equal(unlink(path_of("web-1.crt")), 0);
    assert_said(authority_issue(&options, NULL, NULL, &error), "exists");
    assert_int_equal(access(path_of("web-1.crt"), F_OK), -1);
}

/* ---- names ---- */

static void names_that_are_no_path_are_refused(void **state)
{
    static const char *const odd[] = { "",         "/",    "a/",     "/a",
                                       "..",       "../a", "a/../b", ".hidden",
                                       "a/.b",     "a b",  "a*",     "ca",
                                       "\xc3\xa4", "a\nb", "a//b" };
    char longest[202];

    (void)state;
    init();
    for (size_t i = 0; i < ARRAY_LENGTH(odd); i++) {
        options.name = odd[i];
        assert_said(authority_issue(&options, NULL, NULL, &error),
                    "cannot be a name");
    }
    memset(longest, 'x', sizeof(longest) - 1);
    longest[201] = '\0';
    options.name = longest;
    assert_said(authority_issue(&options, NULL, NULL, &error),
                "cannot be a name");
    longest[200] = '\0';
    issue(longest);
}

static void trust_domains_are_checked(void **state)
{
    static const char *const odd[] = { "", "Acme", "a/b", "a b", "a:1" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(odd); i++) {
        options.trust_domain = odd[i];
        assert_said(authority_init(&options, NULL, NULL, &error),
                    "cannot be a trust domain");
        assert_false(authority_exists(directory));
    }
}

static void days_are_counted(void **state)
{
    struct identity *identity;

    (void)state;
    init();
    options.days = 7;
    issue("short");
    identity = load("short");
    assert_in_range(identity_expires(identity) - clock_wall_seconds(),
                    7 * FORGE_DAY - 60, 7 * FORGE_DAY);
    identity_free(identity);
    /* not longer than the CA itself */
    options.days = 36500;
    issue("long");
    identity = load("long");
    assert_in_range(identity_expires(identity) - clock_wall_seconds(),
                    3649 * FORGE_DAY, 3650 * FORGE_DAY);
    identity_free(identity);
    options.days = 36501;
    options.name = "longer";
    assert_said(authority_issue(&options, NULL, NULL, &error), "1 to 36500");
    options.days = -1;
    assert_said(authority_issue(&options, NULL, NULL, &error), "1 to 36500");
}

/* ---- revoke, renew, show ---- */

struct seen {
    struct authority_entry entries[16];
    size_t count;
};

static void on_entry(void *context, const struct authority_entry *entry)
{
    struct seen *seen = context;

    assert_true(seen->count < ARRAY_LENGTH(seen->entries));
    seen->entries[seen->count++] = *entry;
}

static struct seen *list(void)
{
    static struct seen seen;

    seen.count = 0;
    assert_int_equal(authority_list(&options, on_entry, &seen, &error),
                     STATUS_OK);
    return &seen;
}

static void what_was_issued_is_written_down(void **state)
{
    struct seen *seen;

    (void)state;
    init();
    issue("web-1");
    issue("web-2");
    seen = list();
    assert_int_equal(seen->count, 3);
    assert_string_equal(seen->entries[0].name, "ca");
    assert_string_equal(seen->entries[0].identity, "spiffe://acme");
    assert_int_equal(strlen(seen->entries[0].serial), 36);
    assert_string_equal(seen->entries[2].name, "web-2");
    assert_string_equal(seen->entries[2].identity, "spiffe://acme/web-2");
    assert_false(seen->entries[2].revoked);
    assert_string_not_equal(seen->entries[1].serial, seen->entries[2].serial);
}

static void a_revoked_name_is_out_with_all_it_ever_had(void **state)
{
    struct identity *old, *new;
    struct trust *trust;
    struct seen *seen;
    const mbedtls_x509_crt *chain;

    (void)state;
    init();
    issue("web-1");
    issue("web-2");
    options.name = "web-1";
    old = load("web-1");
    assert_int_equal(authority_renew(&options, NULL, NULL, &error), STATUS_OK);
    new = load("web-1");
    trust = load_trust();
    for (int i = 0; i < 2; i++) { /* the old one is good until revoked */
        chain = &(i ? new : old)->chain;
        assert_int_equal(trust_check_again(trust, chain->raw.p, chain->raw.len,
                                           &error),
                         STATUS_OK);
    }
    trust_free(trust);
    assert_int_equal(authority_revoke(&options, NULL, NULL, &error), STATUS_OK);
    trust = load_trust();
    for (int i = 0; i < 2; i++) {
        chain = &(i ? new : old)->chain;
        assert_int_equal(trust_check_again(trust, chain->raw.p, chain->raw.len,
                                           &error),
                         STATUS_AUTH);
        assert_non_null(strstr(error.text, "was revoked"));
    }
    trust_free(trust);
    seen = list();
    assert_int_equal(seen->count, 4);
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(seen->entries[i].revoked,
                         strcmp(seen->entries[i].name, "web-1") == 0);
    identity_free(old);
    identity_free(new);
    /* and may come back with another */
    assert_int_equal(authority_renew(&options, NULL, NULL, &error), STATUS_OK);
    new = load("web-1");
    trust = load_trust();
    assert_int_equal(trust_check_again(trust, new->chain.raw.p,
                                       new->chain.raw.len, &error),
                     STATUS_OK);
    trust_free(trust);
    identity_free(new);
}

static void names_that_have_nothing_are_refused(void **state)
{
    (void)state;
    init();
    options.name = "nobody";
    assert_said(authority_revoke(&options, NULL, NULL, &error),
                "nothing was issued to nobody");
    assert_said(authority_renew(&options, NULL, NULL, &error),
                "nothing was issued to nobody");
}

/* ---- what may be wrong in the directory ---- */

static void without_a_ca_nothing_is_issued(void **state)
{
    (void)state;
    assert_said(authority_issue(&options, NULL, NULL, &error),
                "entente pki init");
    assert_said(authority_list(&options, on_entry, NULL, &error),
                "entente pki init");
}

static void a_foreign_key_is_not_used(void **state)
{
    (void)state;
    init();
    issue("web-1");
    assert_true(shell("cp web-1.key ca.key"));
    options.name = "web-2";
    assert_said(authority_issue(&options, NULL, NULL, &error),
                "is not the private key of the CA");
    assert_int_equal(access(path_of("web-2.key"), F_OK), -1);
}

static void an_expired_ca_issues_nothing(void **state)
{
    struct forged *old =
        forge(&(struct forge_plan){ .is_authority = true,
                                    .uris = { "spiffe://acme" },
                                    .starts = -9 * FORGE_DAY,
                                    .ends = -60 });

    (void)state;
    forge_write_certificates(path_of("ca.crt"), &old, 1);
    forge_write_key(path_of("ca.key"), old);
    assert_said(authority_issue(&options, NULL, NULL, &error), "expired on");
    forge_free(old);
}

static void a_ca_of_no_trust_domain_issues_nothing(void **state)
{
    struct forged *other = forge(&(struct forge_plan){ .is_authority = true });

    (void)state;
    forge_write_certificates(path_of("ca.crt"), &other, 1);
    forge_write_key(path_of("ca.key"), other);
    assert_said(authority_issue(&options, NULL, NULL, &error),
                "bound to no trust domain");
    forge_free(other);
}

static void a_line_that_cannot_be_read_stops_everything(void **state)
{
    static const char *const odd[] = {
        "nonsense",
        "zz 2027-01-01T00:00:00Z valid spiffe://acme/x x",
        "00 2027-01-01 valid spiffe://acme/x x",
        "00 2027-01-01T00:00:00Z maybe spiffe://acme/x x",
        "00 2027-01-01T00:00:00Z revoked:soon spiffe://acme/x x",
        "00 2027-01-01T00:00:00Z valid spiffe://acme/x",
        "00 2027-01-01T00:00:00Z valid spiffe://acme/x x y",
        "00  2027-01-01T00:00:00Z valid spiffe://acme/x x",
    };

    (void)state;
    init();
    for (size_t i = 0; i < ARRAY_LENGTH(odd); i++) {
        FILE *file = fopen(path_of("issued.txt"), "w");

        assert_non_null(file);
        fprintf(file, "00 2027-01-01T00:00:00Z valid spiffe://acme/a a\n%s\n",
                odd[i]);
        fclose(file);
        assert_said(authority_issue(&options, NULL, NULL, &error),
                    "issued.txt:2:");
        assert_int_equal(access(path_of("web-1.key"), F_OK), -1);
    }
}

static void a_directory_that_cannot_be_written_changes_nothing(void **state)
{
    char *before, *after;

    (void)state;
    if (geteuid() == 0)
        skip(); /* root may write anywhere */
    init();
    before = contents("issued.txt");
    assert_int_equal(chmod(directory, 0555), 0);
    options.name = "web-9";
    assert_int_equal(authority_issue(&options, NULL, NULL, &error), STATUS_IO);
    assert_int_equal(chmod(directory, 0755), 0);
    after = contents("issued.txt");
    assert_string_equal(before, after);
    test_free(before);
    test_free(after);
}

static void a_place_that_is_taken_changes_nothing(void **state)
{
    char *before, *after;

    (void)state;
    init();
    issue("web-1");
    before = contents("issued.txt");
    assert_int_equal(mkdir(path_of("web-9.crt.new"), 0755), 0);
    options.name = "web-9";
    assert_int_equal(authority_issue(&options, NULL, NULL, &error), STATUS_IO);
    assert_non_null(strstr(error.text, "cannot write"));
    after = contents("issued.txt");
    assert_string_equal(before, after);
    assert_int_equal(access(path_of("web-9.key"), F_OK), -1);
    assert_int_equal(access(path_of("web-9.key.new"), F_OK), -1);
    test_free(before);
    test_free(after);
}

static void commands_wait_for_each_other(void **state)
{
    pid_t children[4];
    struct seen *seen;

    (void)state;
    init();
    for (size_t i = 0; i < ARRAY_LENGTH(children); i++) {
        char name[16];

        snprintf(name, sizeof(name), "web-%zu", i);
        options.name = name;
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0)
            _exit(authority_issue(&options, NULL, NULL, &error) != STATUS_OK);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(children); i++) {
        int outcome;

        assert_int_equal(waitpid(children[i], &outcome, 0), children[i]);
        assert_int_equal(outcome, 0);
    }
    seen = list();
    assert_int_equal(seen->count, 5); /* no line was lost */
}

static void remember(void *context, const char *path, const char *what)
{
    unsigned *count = context;

    assert_non_null(strstr(path, directory));
    assert_true(strlen(what) > 5);
    assert_int_equal(access(path, F_OK), 0);
    (*count)++;
}

static void every_file_written_is_told(void **state)
{
    unsigned count = 0;

    (void)state;
    assert_int_equal(authority_init(&options, remember, &count, &error),
                     STATUS_OK);
    assert_int_equal(count, 4);
    assert_int_equal(authority_issue(&options, remember, &count, &error),
                     STATUS_OK);
    assert_int_equal(count, 8);
    assert_int_equal(authority_revoke(&options, remember, &count, &error),
                     STATUS_OK);
    assert_int_equal(count, 10);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

RUN_TESTS(T(what_it_issues_is_accepted_by_our_own_rules),
          T(two_of_its_names_speak_to_each_other), T(openssl_agrees),
          T(keys_are_for_their_owner_only),
          T(nothing_is_overwritten_unless_forced),
          T(a_key_alone_is_not_overwritten_either),
          T(names_that_are_no_path_are_refused), T(trust_domains_are_checked),
          T(days_are_counted), T(what_was_issued_is_written_down),
          T(a_revoked_name_is_out_with_all_it_ever_had),
          T(names_that_have_nothing_are_refused),
          T(without_a_ca_nothing_is_issued), T(a_foreign_key_is_not_used),
          T(an_expired_ca_issues_nothing),
          T(a_ca_of_no_trust_domain_issues_nothing),
          T(a_line_that_cannot_be_read_stops_everything),
          T(a_directory_that_cannot_be_written_changes_nothing),
          T(a_place_that_is_taken_changes_nothing),
          T(commands_wait_for_each_other), T(every_file_written_is_told))
