/* SPDX-License-Identifier: MIT */
#include "crypto/authority.h"
#include "crypto/library.h"
#include "crypto/tls.h"
#include "fault/failing.h"
#include "support/crypto/forge.h"
#include <string.h>

static const char *directory;
static struct tls_settings *settings;

static const char *path_of(const char *name)
{
    return forge_path(directory, name);
}

/* ---- what is loaded at the start ---- */

static bool load(struct identity **identity, struct trust **trust)
{
    struct crypto_error warning, error;
    enum status status;

    *identity = NULL;
    *trust = NULL;
    status = identity_load(path_of("web.crt"), path_of("web.key"), identity,
                           &warning, &error);
    ASSERT((status == STATUS_OK) == (error.text[0] == '\0'));
    if (status == STATUS_OK)
        status = trust_load(path_of("ca.crt"), path_of("ca.crl"), trust,
                            &warning, &error);
    ASSERT((status == STATUS_OK) == (error.text[0] == '\0'));
    return status == STATUS_OK;
}

static bool load_all(void)
{
    struct identity *identity;
    struct trust *trust;
    struct tls_settings *made = NULL;
    bool loaded =
        load(&identity, &trust) &&
        tls_settings_new(identity, trust, "entente/1", &made) == STATUS_OK;

    tls_settings_free(made);
    trust_free(trust);
    identity_free(identity);
    return loaded;
}

/* ---- from the first byte to the last ---- */

/* One flight from one end to the other; false if either gave up. */
static bool carry(struct tls *from, struct tls *to, bool *established)
{
    size_t length;
    const uint8_t *bytes = tls_outgoing(from, &length);
    enum status status;

    if (length == 0)
        return true;
    status = tls_incoming(to, bytes, length);
    tls_sent(from, length);
    if (status == STATUS_OK)
        status = tls_step(to, established);
    ASSERT((status == STATUS_OK) == (tls_failure(to)[0] == '\0'));
    return status == STATUS_OK;
}

static bool shake(struct tls *client, struct tls *server)
{
    bool client_in = false, server_in = false;

    return tls_step(client, &client_in) == STATUS_OK &&
           carry(client, server, &server_in) &&
           carry(server, client, &client_in) && client_in &&
           carry(client, server, &server_in) && server_in;
}

/* Nothing is allocated any more, so nothing can fail. */
static void exchange(struct tls *client, struct tls *server)
{
    static uint8_t plaintext[1001], wire[1000 + TLS_SEAL_OVERHEAD];

    tls_set_update_after(client, 3);
    for (int i = 0; i < 20; i++) {
        size_t length = tls_seal(client, plaintext, 1000, wire), at = 0;

        while (at < length) {
            struct tls_record record;

            ASSERT(tls_open(server, wire + at, length - at, &record) ==
                   STATUS_OK);
            at += record.consumed;
        }
    }
    ASSERT(tls_seal_close(client, wire) > 0);
}

static bool live(void)
{
    struct tls *client = tls_new(TLS_CLIENT, settings);
    struct tls *server = tls_new(TLS_SERVER, settings);
    bool lived = client && server && shake(client, server);

    if (lived)
        exchange(client, server);
    tls_free(client);
    tls_free(server);
    return lived;
}

/* ---- the others ---- */

static struct forged *leaf;
static struct trust *trust_of_leaf;

static bool check_again(void)
{
    struct crypto_error error;
    size_t length;
    const uint8_t *bytes = forge_der(leaf, &length);

    return trust_check_again(trust_of_leaf, bytes, length, &error) == STATUS_OK;
}

static bool issue(void)
{
    struct authority_options options = { .directory = directory,
                                         .name = "another",
                                         .force = true };
    struct crypto_error error;
    enum status status = authority_issue(&options, NULL, NULL, &error);

    ASSERT((status == STATUS_OK) == (error.text[0] == '\0'));
    return status == STATUS_OK;
}

static void prepare(void)
{
    struct authority_options options = { .directory = directory,
                                         .trust_domain = "acme",
                                         .name = "web" };
    struct crypto_error error;
    struct forged *root;

    ASSERT(authority_init(&options, NULL, NULL, &error) == STATUS_OK);
    ASSERT(authority_issue(&options, NULL, NULL, &error) == STATUS_OK);
    root = forge(&(struct forge_plan){ .is_authority = true });
    leaf = forge(&(struct forge_plan){ .issuer = root });
    trust_of_leaf = forge_trust(&root, 1, NULL);
    forge_free(root);
}

int main(int argc, char **argv)
{
    uint64_t runs = argc > 1 && strcmp(argv[1], "--all") == 0 ? 0 : 150;
    struct crypto_error error;
    struct identity *identity;
    struct trust *trust;

    ASSERT(library_start(&error) == STATUS_OK);
    directory = forge_directory();
    prepare();
    ASSERT(load(&identity, &trust));
    ASSERT(tls_settings_new(identity, trust, "entente/1", &settings) ==
           STATUS_OK);
    failing_sweep("load", load_all, runs);
    failing_sweep("connection", live, runs * 2);
    failing_sweep("check again", check_again, runs);
    failing_sweep("issue", issue, runs);
    tls_settings_free(settings);
    trust_free(trust);
    identity_free(identity);
    trust_free(trust_of_leaf);
    forge_free(leaf);
    forge_remove(directory);
    return 0;
}
