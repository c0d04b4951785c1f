/* SPDX-License-Identifier: MIT */
/*
 * Our TLS between a loopback socket and the standard streams, for
 * test_openssl.py:
 *
 *   tls_socket client PORT CERTIFICATE KEY CA [UPDATE_AFTER]
 *   tls_socket server 0 CERTIFICATE KEY CA [UPDATE_AFTER]
 *
 * What happens is told on standard error, a line each.  Exit code: 0 the peer
 * closed in order, 1 refused or failed, 3 it went without a word.
 */
#include "crypto/library.h"
#include "crypto/tls.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct end {
    struct tls *tls;
    int socket;
    uint8_t received[4 * TLS_MAX_RECORD];
    size_t received_bytes;
    uint8_t sealed[TLS_MAX_RECORD + TLS_SEAL_OVERHEAD];
    size_t sealed_start, sealed_end;
    bool input_ended;
    bool peer_closed;
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "broken: %s: %s\n", what, strerror(errno));
    exit(2);
}

static int give_up(const struct end *end)
{
    fprintf(stderr, "failure: %s\nalert: %d %s\n", tls_failure(end->tls),
            tls_failure_alert(end->tls),
            tls_failure_is_theirs(end->tls) ? "theirs" : "ours");
    return 1;
}

/* ---- socket ---- */

static int open_socket(enum tls_role role, unsigned port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct sockaddr *generic = (struct sockaddr *)(void *)&address;
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int accepted;

    if (listener < 0)
        die("socket");
    if (role == TLS_CLIENT) {
        if (connect(listener, generic, size) != 0)
            die("connect");
        return listener;
    }
    if (bind(listener, generic, size) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, generic, &size) != 0)
        die("listen");
    fprintf(stderr, "port: %u\n", ntohs(address.sin_port));
    accepted = accept(listener, NULL, NULL);
    if (accepted < 0)
        die("accept");
    close(listener);
    return accepted;
}

static void send_outgoing(struct end *end)
{
    size_t length;
    const uint8_t *bytes;

    while (bytes = tls_outgoing(end->tls, &length), length > 0) {
        ssize_t sent = send(end->socket, bytes, length, MSG_NOSIGNAL);

        if (sent < 0)
            return; /* it hung up; what it said comes out of receiving */
        tls_sent(end->tls, (size_t)sent);
    }
}

/* ---- handshake ---- */

static int shake(struct end *end)
{
    bool established = false;

    for (;;) {
        enum status status = tls_step(end->tls, &established);
        uint8_t bytes[4096];
        ssize_t got;

        send_outgoing(end);
        if (status != STATUS_OK)
            return give_up(end);
        if (established)
            return 0;
        got = recv(end->socket, bytes, sizeof(bytes), 0);
        if (got <= 0)
            return 3;
        if (tls_incoming(end->tls, bytes, (size_t)got) != STATUS_OK)
            return give_up(end);
    }
}

static void tell(const struct end *end)
{
    const uint8_t *exporter = tls_exporter(end->tls);

    fprintf(stderr, "peer: %s\naead: %s\nexporter: ", tls_peer(end->tls)->text,
            tls_aead_name(end->tls));
    for (size_t i = 0; i < TLS_EXPORTER_BYTES; i++)
        fprintf(stderr, "%02X", exporter[i]);
    fprintf(stderr, "\nestablished\n");
}

/* ---- after it ---- */

static void write_out(const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, length);

        if (written <= 0)
            die("write");
        bytes += written;
        length -= (size_t)written;
    }
}

/* 0 to go on, 1 if it failed. */
static int open_records(struct end *end)
{
    size_t at = 0;
    struct tls_record record;

    do {
        enum status status = tls_open(end->tls, end->received + at,
                                      end->received_bytes - at, &record);

        if (status == STATUS_CLOSED) {
            end->peer_closed = true;
            return 0;
        }
        if (status != STATUS_OK) {
            send_outgoing(end);
            return give_up(end);
        }
        write_out(record.plaintext, record.length);
        at += record.consumed;
    } while (record.consumed > 0);
    end->received_bytes -= at;
    memmove(end->received, end->received + at, end->received_bytes);
    return 0;
}

static void read_input(struct end *end)
{
    uint8_t plaintext[TLS_MAX_PLAINTEXT + 1];
    ssize_t got = read(STDIN_FILENO, plaintext, TLS_MAX_PLAINTEXT);

    if (got < 0)
        die("read");
    end->sealed_start = 0;
    end->input_ended = got == 0;
    end->sealed_end =
        got == 0 ? tls_seal_close(end->tls, end->sealed)
                 : tls_seal(end->tls, plaintext, (size_t)got, end->sealed);
}

static void send_sealed(struct end *end)
{
    ssize_t sent =
        send(end->socket, end->sealed + end->sealed_start,
             end->sealed_end - end->sealed_start, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent < 0 && errno != EAGAIN)
        end->sealed_start = end->sealed_end;
    if (sent > 0)
        end->sealed_start += (size_t)sent;
}

/* What poll() is asked for: records before input, input before silence. */
static int exchange(struct end *end)
{
    while (!end->peer_closed || !end->input_ended ||
           end->sealed_start < end->sealed_end) {
        bool pending = end->sealed_start < end->sealed_end;
        struct pollfd asked[2] = {
            { end->peer_closed && !pending ? -1 : end->socket,
              (short)((end->peer_closed ? 0 : POLLIN) |
                      (pending ? POLLOUT : 0)),
              0 },
            { pending || end->input_ended ? -1 : STDIN_FILENO, POLLIN, 0 },
        };

        if (poll(asked, 2, 20000) <= 0)
            die("poll");
        if (asked[0].revents & (POLLIN | POLLHUP | POLLERR)) {
            ssize_t got = recv(end->socket, end->received + end->received_bytes,
                               sizeof(end->received) - end->received_bytes, 0);

            if (got <= 0)
                return 3;
            end->received_bytes += (size_t)got;
            if (open_records(end) != 0)
                return 1;
        }
        if (pending && asked[0].revents & POLLOUT)
            send_sealed(end);
        if (asked[1].revents)
            read_input(end);
    }
    return 0;
}

static int run(struct end *end, uint64_t update_after)
{
    int code = shake(end);

    if (code != 0)
        return code;
    tell(end);
    if (update_after)
        tls_set_update_after(end->tls, update_after);
    end->received_bytes =
        tls_take_surplus(end->tls, end->received, sizeof(end->received));
    if (open_records(end) != 0)
        return 1;
    return exchange(end);
}

int main(int argc, char **argv)
{
    static struct end end;
    enum tls_role role;
    struct crypto_error warning, error;
    struct identity *identity;
    struct trust *trust;
    struct tls_settings *settings;
    int code;

    if (argc < 6)
        return 2;
    role = strcmp(argv[1], "client") == 0 ? TLS_CLIENT : TLS_SERVER;
    if (library_start(&error) != STATUS_OK ||
        identity_load(argv[3], argv[4], &identity, &warning, &error) !=
            STATUS_OK ||
        trust_load(argv[5], NULL, &trust, &warning, &error) != STATUS_OK ||
        tls_settings_new(identity, trust, "entente/1", &settings) !=
            STATUS_OK) {
        fprintf(stderr, "broken: %s\n", error.text);
        return 2;
    }
    end.tls = tls_new(role, settings);
    if (!end.tls)
        return 2;
    end.socket = open_socket(role, (unsigned)atoi(argv[2]));
    code = run(&end, argc > 6 ? strtoull(argv[6], NULL, 10) : 0);
    close(end.socket);
    tls_free(end.tls);
    tls_settings_free(settings);
    trust_free(trust);
    identity_free(identity);
    return code;
}
