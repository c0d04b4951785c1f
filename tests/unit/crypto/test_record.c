/* SPDX-License-Identifier: MIT */
#include "crypto/failure.h"
#include "crypto/library.h"
#include "crypto/record.h"
#include "crypto/secret.h"
#include "support/check_test.h"
#include <mbedtls/chachapoly.h>
#include <mbedtls/gcm.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ALERT = 21, HANDSHAKE = 22, DATA = 23 };

/* Two ends, and a third that holds the client's keys and writes what it likes.
 */
struct scene {
    struct record *client;
    struct record *server;
    struct traffic *forger;
    uint8_t wire[4 * TLS_MAX_RECORD];
    size_t bytes;
};

static const uint8_t client_secret[TRAFFIC_MAX_SECRET] = { 1, 2, 3 };
static const uint8_t server_secret[TRAFFIC_MAX_SECRET] = { 4, 5, 6 };

static enum aead_kind kinds[2];
static size_t kind_count;

static struct scene *scene_new(enum aead_kind kind)
{
    struct scene *scene = test_calloc(1, sizeof(*scene));

    scene->client = record_new(TLS_CLIENT, kind, client_secret, server_secret);
    scene->server = record_new(TLS_SERVER, kind, client_secret, server_secret);
    scene->forger = secret_new(sizeof(*scene->forger));
    traffic_init(scene->forger, kind, client_secret);
    return scene;
}

static void scene_free(struct scene *scene)
{
    record_free(scene->client);
    record_free(scene->server);
    secret_free(scene->forger);
    test_free(scene);
}

static void client_writes(struct scene *scene, const void *bytes, size_t length)
{
    uint8_t plaintext[TLS_MAX_PLAINTEXT + 1];

    memcpy(plaintext, bytes, length);
    scene->bytes += record_seal(scene->client, plaintext, length,
                                scene->wire + scene->bytes);
}

/* A record as a broken or evil client would write it, |padding| included. */
static void forge_record(struct scene *scene, int content, const void *bytes,
                         size_t length, size_t padding)
{
    static uint8_t inner[TLS_MAX_PLAINTEXT + 1024];
    uint8_t *out = scene->wire + scene->bytes;
    uint8_t nonce[AEAD_NONCE_BYTES];
    size_t total = length + (content >= 0) + padding;
    size_t ciphertext = total + AEAD_TAG_BYTES;

    memset(inner, 0, sizeof(inner));
    memcpy(inner, bytes, length);
    if (content >= 0)
        inner[length] = (uint8_t)content;
    out[0] = DATA;
    out[1] = out[2] = 3;
    out[3] = (uint8_t)(ciphertext >> 8);
    out[4] = (uint8_t)ciphertext;
    traffic_next_nonce(scene->forger, nonce);
    aead_seal(&scene->forger->aead, &(struct aead_message){ nonce, out, 5 },
              inner, total, out + 5);
    scene->bytes += 5 + ciphertext;
}

/* The server opens the first record on the wire, and takes it off. */
static enum status server_opens(struct scene *scene, struct tls_record *opened)
{
    static uint8_t copy[sizeof(scene->wire)];
    enum status status;

    memcpy(copy, scene->wire, scene->bytes);
    status = record_open(scene->server, copy, scene->bytes, opened);
    scene->bytes -= opened->consumed;
    memmove(scene->wire, scene->wire + opened->consumed, scene->bytes);
    return status;
}

static void assert_refused(struct scene *scene, enum alert alert)
{
    struct tls_record opened;

    assert_int_equal(server_opens(scene, &opened), STATUS_PROTOCOL);
    assert_int_equal(opened.length, 0);
    assert_int_equal(opened.consumed, 0);
    assert_int_equal(record_failure(scene->server)->alert, alert);
    assert_int_not_equal(record_failure(scene->server)->text[0], '\0');
    /* and it stays so, whatever comes */
    scene->bytes = 0;
    client_writes(scene, "late", 4);
    assert_int_equal(server_opens(scene, &opened), STATUS_PROTOCOL);
}

static void assert_data(struct scene *scene, const char *text)
{
    struct tls_record opened;

    assert_int_equal(server_opens(scene, &opened), STATUS_OK);
    assert_int_equal(opened.length, strlen(text));
    assert_memory_equal(opened.plaintext, text, strlen(text));
}

/* A record that is for TLS itself, and fine. */
static void assert_swallowed(struct scene *scene)
{
    struct tls_record opened;

    assert_int_equal(server_opens(scene, &opened), STATUS_OK);
    assert_int_not_equal(opened.consumed, 0);
    assert_int_equal(opened.length, 0);
}

static const uint8_t key_update[] = { 24, 0, 0, 1, 0 };
static const uint8_t key_update_wanted[] = { 24, 0, 0, 1, 1 };
static const uint8_t ticket[] = { 4, 0, 0, 3, 'a', 'b', 'c' };

/* ---- what goes through ---- */

static void every_length_comes_out_as_it_went_in(void **state)
{
    static uint8_t bytes[TLS_MAX_PLAINTEXT];
    static const size_t lengths[] = { 1,   2,    15,    16,    17,
                                      255, 1000, 16383, 16384, 1 };

    (void)state;
    memset(bytes, 0x5a, sizeof(bytes));
    for (size_t kind = 0; kind < kind_count; kind++) {
        struct scene *scene = scene_new(kinds[kind]);

        for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
            struct tls_record opened;

            client_writes(scene, bytes, lengths[i]);
            assert_int_equal(scene->bytes, lengths[i] + 22);
            assert_int_equal(server_opens(scene, &opened), STATUS_OK);
            assert_int_equal(opened.length, lengths[i]);
            assert_memory_equal(opened.plaintext, bytes, lengths[i]);
            assert_int_equal(scene->bytes, 0);
        }
        scene_free(scene);
    }
}

/* Not by our own cipher and key schedule, but by mbedTLS's. */
static void another_implementation_reads_our_records(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < kind_count; kind++) {
        struct scene *scene = scene_new(kinds[kind]);
        bool is_aes = kinds[kind] == AEAD_AES_256_GCM;
        enum traffic_hash hash = traffic_hash(kinds[kind]);
        uint8_t key[32], iv[12], out[64];
        mbedtls_gcm_context gcm;
        mbedtls_chachapoly_context chacha;

        traffic_expand_label(hash, client_secret, "key", key, sizeof(key));
        traffic_expand_label(hash, client_secret, "iv", iv, sizeof(iv));
        client_writes(scene, "first", 5);
        scene->bytes = 0;
        client_writes(scene, "second", 6);
        iv[11] ^= 1;
        mbedtls_gcm_init(&gcm);
        mbedtls_chachapoly_init(&chacha);
        if (is_aes) {
            mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, 256);
            assert_int_equal(mbedtls_gcm_auth_decrypt(&gcm, 7, iv, 12,
                                                      scene->wire, 5,
                                                      scene->wire + 12, 16,
                                                      scene->wire + 5, out),
                             0);
        } else {
            mbedtls_chachapoly_setkey(&chacha, key);
            assert_int_equal(mbedtls_chachapoly_auth_decrypt(
                                 &chacha, 7, iv, scene->wire, 5,
                                 scene->wire + 12, scene->wire + 5, out),
                             0);
        }
        assert_memory_equal(out, "second\x17", 7);
        mbedtls_gcm_free(&gcm);
        mbedtls_chachapoly_free(&chacha);
        scene_free(scene);
    }
}

static void less_than_a_record_is_not_enough(void **state)
{
    struct scene *scene = scene_new(kinds[0]);
    uint8_t whole[64];
    size_t length;
    struct tls_record opened;

    (void)state;
    client_writes(scene, "hello", 5);
    length = scene->bytes;
    memcpy(whole, scene->wire, length);
    for (size_t part = 0; part < length; part++) {
        assert_int_equal(record_open(scene->server, whole, part, &opened),
                         STATUS_OK);
        assert_int_equal(opened.consumed, 0);
        assert_memory_equal(whole, scene->wire, length);
    }
    assert_data(scene, "hello");
    scene_free(scene);
}

static void padding_is_taken_off(void **state)
{
    struct scene *scene = scene_new(kinds[0]);
    static uint8_t full[TLS_MAX_PLAINTEXT];

    (void)state;
    forge_record(scene, DATA, "padded", 6, 100);
    assert_data(scene, "padded");
    forge_record(scene, DATA, "x", 1, TLS_MAX_PLAINTEXT - 1);
    assert_data(scene, "x");
    forge_record(scene, DATA, "", 0, 50); /* nothing but padding */
    assert_swallowed(scene);
    forge_record(scene, DATA, full, sizeof(full), 1); /* one too many */
    assert_refused(scene, ALERT_RECORD_OVERFLOW);
    scene_free(scene);
}

/* ---- forgeries ---- */

static void every_changed_bit_is_noticed(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < kind_count; kind++)
        for (size_t bit = 0; bit < (5 + 5 + 1 + 16) * 8; bit++) {
            struct scene *scene = scene_new(kinds[kind]);
            struct tls_record opened;
            size_t length_field = bit / 8 == 3 || bit / 8 == 4;

            client_writes(scene, "hello", 5);
            scene->wire[bit / 8] ^= (uint8_t)(1 << bit % 8);
            /* A length that grew would only make us wait for more. */
            scene->bytes = sizeof(scene->wire);
            assert_int_equal(server_opens(scene, &opened), STATUS_PROTOCOL);
            assert_int_equal(opened.length, 0);
            if (bit / 8 == 0)
                assert_int_equal(record_failure(scene->server)->alert,
                                 ALERT_UNEXPECTED_MESSAGE);
            else if (!length_field)
                assert_int_equal(record_failure(scene->server)->alert,
                                 ALERT_BAD_RECORD_MAC);
            scene_free(scene);
        }
}

static void records_cannot_be_replayed_reordered_or_left_out(void **state)
{
    struct scene *scene = scene_new(kinds[0]);
    uint8_t first[64];
    size_t length;

    (void)state;
    client_writes(scene, "first", 5);
    length = scene->bytes;
    memcpy(first, scene->wire, length);
    assert_data(scene, "first");
    memcpy(scene->wire, first, length);
    scene->bytes = length;
    assert_refused(scene, ALERT_BAD_RECORD_MAC);
    scene_free(scene);

    scene = scene_new(kinds[0]);
    client_writes(scene, "first", 5);
    scene->bytes = 0; /* the first is lost, or comes later */
    client_writes(scene, "second", 6);
    assert_refused(scene, ALERT_BAD_RECORD_MAC);
    scene_free(scene);
}

static void a_record_does_not_fit_the_other_direction(void **state)
{
    struct scene *scene = scene_new(kinds[0]);
    struct tls_record opened;

    (void)state;
    client_writes(scene, "mirror", 6);
    assert_int_equal(record_open(scene->client, scene->wire, scene->bytes,
                                 &opened),
                     STATUS_PROTOCOL);
    scene_free(scene);
}

static void lengths_that_cannot_be_are_refused(void **state)
{
    static const uint8_t too_long[] = { DATA, 3, 3, 0x41, 0x01 };
    struct scene *scene;

    (void)state;
    scene = scene_new(kinds[0]);
    memcpy(scene->wire, too_long, 5);
    scene->bytes = 5; /* at once, without waiting for the rest */
    assert_refused(scene, ALERT_RECORD_OVERFLOW);
    scene_free(scene);
    for (uint8_t length = 0; length < 17; length++) {
        scene = scene_new(kinds[0]);
        memcpy(scene->wire, (uint8_t[]){ DATA, 3, 3, 0, length }, 5);
        scene->bytes = 5u + length;
        assert_refused(scene, ALERT_BAD_RECORD_MAC);
        scene_free(scene);
    }
    scene = scene_new(kinds[0]);
    forge_record(scene, -1, "", 0, 0); /* sealed well, and nothing inside */
    assert_refused(scene, ALERT_UNEXPECTED_MESSAGE);
    scene_free(scene);
    scene = scene_new(kinds[0]);
    forge_record(scene, -1, "", 0, 40); /* nothing but zeros */
    assert_refused(scene, ALERT_UNEXPECTED_MESSAGE);
    scene_free(scene);
}

static void nothing_is_accepted_in_the_clear(void **state)
{
    static const uint8_t types[] = { 20, 21, 22, 24, 0, 'G', 255 };

    (void)state;
    for (size_t i = 0; i < sizeof(types); i++) {
        struct scene *scene = scene_new(kinds[0]);

        memcpy(scene->wire, (uint8_t[]){ types[i], 3, 3, 0, 2, 1, 0 }, 7);
        scene->bytes = 7;
        assert_refused(scene, ALERT_UNEXPECTED_MESSAGE);
        scene_free(scene);
    }
}

static void unknown_kinds_of_content_are_refused(void **state)
{
    (void)state;
    for (int content = 1; content < 256; content++) {
        struct scene *scene = scene_new(kinds[0]);

        forge_record(scene, content, "\1\1", 2, 0);
        if (content == DATA || content == ALERT || content == HANDSHAKE) {
            scene_free(scene);
            continue;
        }
        assert_refused(scene, ALERT_UNEXPECTED_MESSAGE);
        scene_free(scene);
    }
}

/* ---- alerts ---- */

static void close_notify_ends_what_one_side_sends(void **state)
{
    struct scene *scene = scene_new(kinds[0]);
    struct tls_record opened;
    uint8_t back[64];

    (void)state;
    client_writes(scene, "bye", 3);
    scene->bytes += record_seal_alert(scene->client, ALERT_CLOSE_NOTIFY,
                                      scene->wire + scene->bytes);
    assert_false(record_can_seal(scene->client));
    assert_data(scene, "bye");
    assert_int_equal(server_opens(scene, &opened), STATUS_CLOSED);
    assert_string_equal(record_failure(scene->server)->text, "");
    /* whatever comes behind it does not count */
    memset(scene->wire, 0, 10);
    scene->bytes = 10;
    assert_int_equal(server_opens(scene, &opened), STATUS_CLOSED);
    assert_int_equal(opened.consumed, 0);
    /* the other direction goes on */
    assert_true(record_can_seal(scene->server));
    memcpy(scene->wire, "ok", 2);
    scene->bytes = record_seal(scene->server, scene->wire, 2, back);
    assert_int_equal(record_open(scene->client, back, scene->bytes, &opened),
                     STATUS_OK);
    assert_int_equal(opened.length, 2);
    scene_free(scene);
}

static void a_fatal_alert_is_told_in_words(void **state)
{
    struct scene *scene = scene_new(kinds[0]);
    const struct failure *failure = record_failure(scene->server);
    struct tls_record opened;

    (void)state;
    scene->bytes = record_seal_alert(scene->client, ALERT_CERTIFICATE_REVOKED,
                                     scene->wire);
    assert_int_equal(server_opens(scene, &opened), STATUS_REFUSED);
    assert_true(failure->is_theirs);
    assert_int_equal(failure->alert, ALERT_CERTIFICATE_REVOKED);
    assert_non_null(strstr(failure->text, "refused our certificate: revoked"));
    assert_int_equal(server_opens(scene, &opened), STATUS_REFUSED);
    scene_free(scene);
}

static void every_alert_but_two_is_fatal_whatever_its_level(void **state)
{
    (void)state;
    for (int alert = 1; alert < 256; alert++) {
        struct scene *scene = scene_new(kinds[0]);
        struct tls_record opened;

        forge_record(scene, ALERT, (uint8_t[]){ 1, (uint8_t)alert }, 2, 0);
        assert_int_equal(server_opens(scene, &opened),
                         alert == ALERT_USER_CANCELED ? STATUS_OK
                                                      : STATUS_REFUSED);
        scene_free(scene);
    }
}

static void alerts_of_odd_lengths_are_refused(void **state)
{
    static const size_t lengths[] = { 0, 1, 3, 4 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
        struct scene *scene = scene_new(kinds[0]);

        forge_record(scene, ALERT, "\1\0\1\0", lengths[i], 0);
        assert_refused(scene, ALERT_DECODE_ERROR);
        scene_free(scene);
    }
}

/* ---- KeyUpdate ---- */

static void keys_change_before_the_limit(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < kind_count; kind++) {
        struct scene *scene = scene_new(kinds[kind]);
        size_t updates = 0;

        record_set_update_after(scene->client, 5);
        for (size_t i = 0; i < 40; i++) {
            client_writes(scene, "0123456789abcdef", 16);
            if (scene->bytes > 16 + 22) {
                assert_int_equal(scene->bytes, 16 + 22 + 27);
                assert_swallowed(scene);
                updates++;
            }
            assert_data(scene, "0123456789abcdef");
        }
        /* four of data and the update itself under each key */
        assert_int_equal(updates, 9);
        scene_free(scene);
    }
}

static void an_old_key_opens_nothing_after_the_change(void **state)
{
    struct scene *scene = scene_new(kinds[0]);

    (void)state;
    forge_record(scene, HANDSHAKE, key_update, 5, 0);
    assert_swallowed(scene);
    forge_record(scene, DATA, "old", 3, 0); /* the forger did not change */
    assert_refused(scene, ALERT_BAD_RECORD_MAC);
    scene_free(scene);
}

static void a_new_key_opens_what_follows(void **state)
{
    struct scene *scene = scene_new(kinds[0]);

    (void)state;
    for (int i = 0; i < 5; i++) {
        forge_record(scene, HANDSHAKE, key_update, 5, i == 3 ? 7 : 0);
        traffic_update(scene->forger);
        assert_swallowed(scene);
        forge_record(scene, DATA, "new", 3, 0);
        assert_data(scene, "new");
    }
    scene_free(scene);
}

static void a_wanted_change_is_answered_once(void **state)
{
    struct scene *scene = scene_new(kinds[0]);
    uint8_t plaintext[4] = "abc", out[128];
    size_t length;
    struct tls_record opened;

    (void)state;
    for (int i = 0; i < 3; i++) {
        forge_record(scene, HANDSHAKE, key_update_wanted, 5, 0);
        traffic_update(scene->forger);
        assert_swallowed(scene);
    }
    length = record_seal(scene->server, plaintext, 3, out);
    assert_int_equal(length, 27 + 25);
    assert_int_equal(record_open(scene->client, out, length, &opened),
                     STATUS_OK);
    assert_int_equal(opened.consumed, 27);
    assert_int_equal(record_open(scene->client, out + 27, length - 27, &opened),
                     STATUS_OK);
    assert_int_equal(opened.length, 3);
    /* it did not ask back */
    length = record_seal(scene->client, plaintext, 3, out);
    assert_int_equal(length, 25);
    length = record_seal(scene->server, plaintext, 3, out);
    assert_int_equal(length, 25);
    scene_free(scene);
}

static void odd_key_updates_are_refused(void **state)
{
    static const struct {
        uint8_t bytes[6];
        size_t length;
        enum alert alert;
    } odd[] = {
        { { 24, 0, 0, 1, 2 }, 5, ALERT_ILLEGAL_PARAMETER },
        { { 24, 0, 0, 1, 255 }, 5, ALERT_ILLEGAL_PARAMETER },
        { { 24, 0, 0, 0 }, 4, ALERT_DECODE_ERROR },
        { { 24, 0, 0, 2, 0, 0 }, 6, ALERT_DECODE_ERROR },
        { { 24, 0, 1, 1, 0 }, 5, ALERT_DECODE_ERROR },
        { { 24, 0, 0, 1, 0, 24 }, 6, ALERT_UNEXPECTED_MESSAGE },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(odd); i++) {
        struct scene *scene = scene_new(kinds[0]);

        forge_record(scene, HANDSHAKE, odd[i].bytes, odd[i].length, 0);
        assert_refused(scene, odd[i].alert);
        scene_free(scene);
    }
}

static void a_key_update_in_pieces_is_one(void **state)
{
    struct scene *scene = scene_new(kinds[0]);

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        forge_record(scene, HANDSHAKE, key_update + i, 1, 0);
        assert_swallowed(scene);
    }
    traffic_update(scene->forger);
    forge_record(scene, DATA, "new", 3, 0);
    assert_data(scene, "new");
    scene_free(scene);
}

static void nothing_comes_between_the_pieces(void **state)
{
    static const int contents[] = { DATA, ALERT };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(contents); i++) {
        struct scene *scene = scene_new(kinds[0]);

        forge_record(scene, HANDSHAKE, key_update, 3, 0);
        assert_swallowed(scene);
        forge_record(scene, contents[i], "\1\0", 2, 0);
        assert_refused(scene, ALERT_UNEXPECTED_MESSAGE);
        scene_free(scene);
    }
}

/* Whether one nonce more ends the program; tried in a child. */
static bool aborts(struct traffic *traffic)
{
    uint8_t nonce[AEAD_NONCE_BYTES];
    int outcome;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        traffic_next_nonce(traffic, nonce);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &outcome, 0), child);
    return WIFSIGNALED(outcome) && WTERMSIG(outcome) == SIGABRT;
}

static void the_last_possible_record_is_not_reached(void **state)
{
    struct scene *scene = scene_new(kinds[0]);
    uint8_t nonce[AEAD_NONCE_BYTES];

    (void)state;
    scene->forger->sequence = UINT64_MAX - 1;
    traffic_next_nonce(scene->forger, nonce);
    assert_int_equal(scene->forger->sequence, UINT64_MAX);
    assert_true(aborts(scene->forger));
    scene_free(scene);
}

/* ---- other messages, floods ---- */

static void a_server_refuses_tickets_and_the_rest_of_the_handshake(void **state)
{
    (void)state;
    for (int type = 0; type < 256; type++) {
        struct scene *scene = scene_new(kinds[0]);

        if (type == 24) {
            scene_free(scene);
            continue;
        }
        forge_record(scene, HANDSHAKE, (uint8_t[]){ (uint8_t)type, 0, 0, 0 }, 4,
                     0);
        assert_refused(scene, ALERT_UNEXPECTED_MESSAGE);
        scene_free(scene);
    }
}

/* A scene whose forger is the server: the client is who reads. */
static struct scene *mirrored(void)
{
    struct scene *scene = scene_new(kinds[0]);
    struct record *client = scene->client;

    scene->client = scene->server;
    scene->server = client;
    traffic_init(scene->forger, kinds[0], server_secret);
    return scene;
}

static void a_client_skips_tickets(void **state)
{
    struct scene *scene = mirrored();
    uint8_t several[3 * sizeof(ticket)];

    (void)state;
    for (size_t i = 0; i < 3; i++)
        memcpy(several + i * sizeof(ticket), ticket, sizeof(ticket));
    forge_record(scene, HANDSHAKE, several, sizeof(several), 0);
    assert_swallowed(scene);
    for (size_t i = 0; i < sizeof(ticket); i++) { /* in pieces */
        forge_record(scene, HANDSHAKE, ticket + i, 1, 0);
        assert_swallowed(scene);
    }
    forge_record(scene, DATA, "data", 4, 0);
    assert_data(scene, "data");
    forge_record(scene, HANDSHAKE, (uint8_t[]){ 4, 1, 0, 1 }, 4, 0);
    assert_refused(scene, ALERT_UNEXPECTED_MESSAGE); /* longer than allowed */
    scene_free(scene);
}

static void a_client_refuses_what_is_no_ticket(void **state)
{
    static const uint8_t types[] = { 0, 1, 2, 11, 13, 15, 20, 254 };

    (void)state;
    for (size_t i = 0; i < sizeof(types); i++) {
        struct scene *scene = mirrored();

        forge_record(scene, HANDSHAKE, (uint8_t[]){ types[i], 0, 0, 0 }, 4, 0);
        assert_refused(scene, ALERT_UNEXPECTED_MESSAGE);
        scene_free(scene);
    }
}

static void a_handshake_record_with_nothing_in_it_is_refused(void **state)
{
    struct scene *scene = scene_new(kinds[0]);

    (void)state;
    forge_record(scene, HANDSHAKE, "", 0, 0);
    assert_refused(scene, ALERT_UNEXPECTED_MESSAGE);
    scene_free(scene);
}

/* How many of these until the server has enough; it must within |limit|. */
static size_t flood(int content, const void *bytes, size_t length,
                    bool is_update, size_t limit)
{
    struct scene *scene = scene_new(kinds[0]);
    struct tls_record opened;
    size_t count = 0;

    do {
        assert_true(count < limit);
        scene->bytes = 0;
        forge_record(scene, content, bytes, length, 0);
        if (is_update)
            traffic_update(scene->forger);
        count++;
    } while (server_opens(scene, &opened) == STATUS_OK);
    assert_int_equal(record_failure(scene->server)->status, STATUS_PROTOCOL);
    scene_free(scene);
    return count;
}

static void floods_of_next_to_nothing_end(void **state)
{
    (void)state;
    assert_int_equal(flood(DATA, "", 0, false, 20000), 10001);
    assert_in_range(flood(DATA, "x", 1, false, 20000), 10001, 11000);
    assert_in_range(flood(ALERT, "\1\x5a", 2, false, 20000), 5000, 10001);
    assert_in_range(flood(HANDSHAKE, key_update, 5, true, 1000), 30, 50);
    assert_in_range(flood(HANDSHAKE, key_update_wanted, 5, true, 1000), 30, 50);
}

static void what_carries_data_may_go_on_for_ever(void **state)
{
    struct scene *scene = scene_new(kinds[0]);
    static uint8_t bytes[TLS_MAX_PLAINTEXT];

    (void)state;
    for (size_t i = 0; i < 30000; i++) {
        client_writes(scene, "0123456789abcdef", 16);
        assert_data(scene, "0123456789abcdef");
    }
    /* a KeyUpdate for every record of 16 KiB is odd, and affordable */
    record_set_update_after(scene->client, 2);
    for (size_t i = 0; i < 500; i++) {
        struct tls_record opened;

        client_writes(scene, bytes, sizeof(bytes));
        while (scene->bytes > 0)
            assert_int_equal(server_opens(scene, &opened), STATUS_OK);
    }
    scene_free(scene);
}

static int start(void **state)
{
    struct crypto_error error;

    (void)state;
    if (library_start(&error) != STATUS_OK)
        return -1;
    if (aead_is_available(AEAD_AES_256_GCM))
        kinds[kind_count++] = AEAD_AES_256_GCM;
    kinds[kind_count++] = AEAD_CHACHA20_POLY1305;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_length_comes_out_as_it_went_in),
        TEST(another_implementation_reads_our_records),
        TEST(less_than_a_record_is_not_enough),
        TEST(padding_is_taken_off),
        TEST(every_changed_bit_is_noticed),
        TEST(records_cannot_be_replayed_reordered_or_left_out),
        TEST(a_record_does_not_fit_the_other_direction),
        TEST(lengths_that_cannot_be_are_refused),
        TEST(nothing_is_accepted_in_the_clear),
        TEST(unknown_kinds_of_content_are_refused),
        TEST(close_notify_ends_what_one_side_sends),
        TEST(a_fatal_alert_is_told_in_words),
        TEST(every_alert_but_two_is_fatal_whatever_its_level),
        TEST(alerts_of_odd_lengths_are_refused),
        TEST(keys_change_before_the_limit),
        TEST(an_old_key_opens_nothing_after_the_change),
        TEST(a_new_key_opens_what_follows),
        TEST(a_wanted_change_is_answered_once),
        TEST(odd_key_updates_are_refused),
        TEST(a_key_update_in_pieces_is_one),
        TEST(nothing_comes_between_the_pieces),
        TEST(the_last_possible_record_is_not_reached),
        TEST(a_server_refuses_tickets_and_the_rest_of_the_handshake),
        TEST(a_client_skips_tickets),
        TEST(a_client_refuses_what_is_no_ticket),
        TEST(a_handshake_record_with_nothing_in_it_is_refused),
        TEST(floods_of_next_to_nothing_end),
        TEST(what_carries_data_may_go_on_for_ever),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
