/* SPDX-License-Identifier: MIT */
#include "tunnel/acceptor.h"

#include "support/check_test.h"
#include "support/sockets.h"
#include "support/tunnel/papers.h"
#include "support/tunnel/patience.h"
#include "support/tunnel/stranger.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* As in acceptor.c: what strangers may have begun. */
enum { OF_ADDRESS = 64, IN_ALL = 512, BURST = 200, A_SECOND = 200 };

struct door {
    struct loop *loop;
    struct papers papers;
    struct handshaker *handshaker;
    struct acceptor *acceptor;
    unsigned established;
    struct address from; /* of the latest */
};

static void established(void *context, struct greeting *greeting)
{
    struct door *door = context;

    assert_int_equal(greeting->status, STATUS_OK);
    assert_non_null(greeting->tls);
    assert_true(greeting->fd >= 0);
    door->established++;
    door->from = greeting->address;
    greeting_free(greeting); /* and so the connection ends */
}

static enum status open_door(struct door *door, const char *text,
                             struct acceptor **acceptor,
                             struct net_error *error)
{
    struct acceptor_options options = { .loop = door->loop,
                                        .handshaker = door->handshaker,
                                        .established = established,
                                        .context = door };

    assert_true(address_parse(&options.address, text));
    return acceptor_open(&options, acceptor, error);
}

/* At every address of 127.0.0.0/8, so that strangers can have several. */
static int set_up(void **state)
{
    static struct door of_test;
    struct door *door = *state = &of_test;
    struct net_error error;
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    *door = (struct door){ .loop = loop_new() };
    assert_non_null(door->loop);
    papers_make(&door->papers);
    assert_int_equal(handshaker_start(&door->handshaker), STATUS_OK);
    papers_use(&door->papers, "db", door->handshaker);
    if (open_door(door, "0.0.0.0:0", &door->acceptor, &error) != STATUS_OK)
        fail_msg("%s", error.text);
    return 0;
}

/* Every handshake under way comes back, and nothing stays behind. */
static int tear_down(void **state)
{
    struct door *door = *state;

    acceptor_close(door->acceptor);
    handshaker_stop(door->handshaker);
    for (int i = 0; i < 3; i++)
        loop_turn(door->loop, 0);
    loop_free(door->loop);
    papers_remove(&door->papers);
    return 0;
}

/* ---- those who come ---- */

/* From 127.0.0.|host|; not yet accepted. */
static int come(struct door *door, unsigned host)
{
    const struct address *address = acceptor_address(door->acceptor);
    struct sockaddr_in from = { .sin_family = AF_INET,
                                .sin_addr.s_addr =
                                    htonl(INADDR_LOOPBACK - 1 + host) };
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons(address_port(address)) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static void come_many(struct door *door, unsigned host, int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fds[i] = come(door, host);
}

/* Has it been let go, by FIN or reset? */
static bool is_gone(int fd)
{
    char bytes[4096];
    ssize_t got;

    while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        ; /* an alert */
    return got == 0 || errno != EAGAIN;
}

static size_t count_gone(const int *fds, size_t count)
{
    size_t gone = 0;

    for (size_t i = 0; i < count; i++)
        gone += is_gone(fds[i]);
    return gone;
}

static bool await_gone(struct door *door, const int *fds, size_t count)
{
    uint64_t began_us = clock_now_us();

    while (count_gone(fds, count) < count) {
        if (clock_now_us() - began_us > 20 * CLOCK_SECOND)
            return false;
        loop_turn(door->loop, CLOCK_MS);
    }
    return true;
}

static void leave(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

/* A real peer from 127.0.0.|host|: is it let in? */
static bool shakes(struct door *door, unsigned host)
{
    unsigned before = door->established;
    struct stranger *stranger =
        stranger_new(door->loop, &door->papers, come(door, host));
    bool shaken = stranger_shake(stranger);

    if (shaken)
        (void)stranger_ending(stranger); /* established() lets it go */
    stranger_free(stranger);
    return shaken && door->established == before + 1;
}

/* ---- who is let in ---- */

static void a_peer_is_handed_over_with_where_it_came_from(void **state)
{
    struct door *door = *state;
    struct address expected;

    assert_true(address_port(acceptor_address(door->acceptor)) > 0);
    for (unsigned host = 1; host <= 3; host++) {
        char text[32];

        assert_true(shakes(door, host));
        snprintf(text, sizeof(text), "127.0.0.%u:1", host);
        assert_true(address_parse(&expected, text));
        address_set_port(&expected, address_port(&door->from));
        assert_true(address_equal(&expected, &door->from));
    }
    assert_int_equal(door->established, 3);
}

static void a_peer_of_another_authority_is_not(void **state)
{
    struct door *door = *state;
    struct papers others;
    struct stranger *stranger;

    papers_make(&others);
    stranger = stranger_new(door->loop, &others, come(door, 1));
    assert_false(stranger_shake(stranger));
    stranger_free(stranger);
    patience_pass(door->loop, 100 * CLOCK_MS);
    assert_int_equal(door->established, 0);
    assert_true(shakes(door, 1)); /* and it costs others nothing */
    papers_remove(&others);
}

/* ---- who is not ---- */

static void garbage_is_let_go_at_once(void **state)
{
    static const char *const garbage[] = {
        "GET / HTTP/1.1\r\nHost: me\r\n\r\n", "PROXY TCP4 1.2.3.4 5 6\r\n",
        "\x16\x03\x01\xff\xff\x01\x02\x03\x04\x05", "\n\n\n\n\n\n\n\n"
    };
    struct door *door = *state;
    int fds[ARRAY_LENGTH(garbage)];
    uint64_t began_us = clock_now_us();

    for (size_t i = 0; i < ARRAY_LENGTH(garbage); i++) {
        fds[i] = come(door, 1);
        sockets_send(fds[i], garbage[i], strlen(garbage[i]));
    }
    assert_true(await_gone(door, fds, ARRAY_LENGTH(garbage)));
    assert_true(clock_now_us() - began_us < 4 * CLOCK_SECOND);
    assert_int_equal(door->established, 0);
    leave(fds, ARRAY_LENGTH(garbage));
    assert_true(shakes(door, 1));
}

/* Five seconds for all of it, however busy one seems. */
static void silence_and_dribble_are_let_go_in_time(void **state)
{
    static const uint8_t hello[] = { 0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00,
                                     0x01, 0xfc, 0x03, 0x03, 0,    0,    0,
                                     0,    0,    0,    0,    0,    0 };
    struct door *door = *state;
    int fds[2];
    uint64_t began_us, at_us;
    size_t dribbled = 0;

    began_us = clock_now_us();
    come_many(door, 1, fds, 2);
    do {
        patience_pass(door->loop, 300 * CLOCK_MS);
        at_us = clock_now_us() - began_us;
        if (dribbled < sizeof(hello))
            (void)send(fds[1], hello + dribbled++, 1, MSG_NOSIGNAL);
        if (at_us < 4 * CLOCK_SECOND)
            assert_int_equal(count_gone(fds, 2), 0);
        assert_true(at_us < 20 * CLOCK_SECOND);
    } while (count_gone(fds, 2) < 2);
    assert_true(dribbled < sizeof(hello)); /* it was not for want of more */
    assert_int_equal(door->established, 0);
    leave(fds, 2);
    assert_true(shakes(door, 1));
}

/* ---- how many ---- */

static void one_address_has_only_so_many_under_way(void **state)
{
    struct door *door = *state;
    int fds[OF_ADDRESS + 3];

    come_many(door, 1, fds, OF_ADDRESS);
    patience_pass(door->loop, 200 * CLOCK_MS);
    assert_int_equal(count_gone(fds, OF_ADDRESS), 0);
    /* One more is let go at once; those before it and others are not. */
    come_many(door, 1, fds + OF_ADDRESS, 3);
    assert_true(await_gone(door, fds + OF_ADDRESS, 3));
    assert_int_equal(count_gone(fds, OF_ADDRESS), 0);
    assert_false(shakes(door, 1));
    assert_true(shakes(door, 2));
    /* Who goes makes room. */
    close(fds[0]);
    patience_pass(door->loop, 200 * CLOCK_MS);
    assert_true(shakes(door, 1));
    leave(fds + 1, OF_ADDRESS + 2);
}

static void there_are_only_so_many_under_way_in_all(void **state)
{
    enum { HOSTS = IN_ALL / OF_ADDRESS };
    static int fds[IN_ALL];
    struct door *door = *state;
    uint64_t began_us;
    int more;

    for (unsigned host = 0; host < HOSTS; host++)
        come_many(door, host + 1, fds + (size_t)host * OF_ADDRESS, OF_ADDRESS);
    /* Two seconds at their rate; none is let go before its five. */
    more = come(door, HOSTS + 1);
    began_us = clock_now_us();
    while (!is_gone(more)) {
        assert_true(clock_now_us() - began_us < 4 * CLOCK_SECOND);
        assert_int_equal(count_gone(fds, IN_ALL), 0);
        patience_pass(door->loop, 20 * CLOCK_MS);
    }
    close(more);
    assert_int_equal(count_gone(fds, IN_ALL), 0);
    /* When those have gone there is room for it. */
    leave(fds, IN_ALL);
    patience_pass(door->loop, 500 * CLOCK_MS);
    assert_true(shakes(door, HOSTS + 1));
}

/* More than a burst waits in the kernel, and is taken in later. */
static void only_so_many_begin_a_second(void **state)
{
    enum { MANY = 400, EACH = 50 };
    static int fds[MANY];
    struct door *door = *state;
    uint64_t began_us = clock_now_us();

    for (unsigned i = 0; i < MANY; i++)
        fds[i] = come(door, i / EACH + 1);
    assert_true(shakes(door, MANY / EACH + 1)); /* behind all of them */
    /* A second by the bucket; each breath lets one in besides. */
    assert_true(clock_now_us() - began_us >
                (MANY - BURST) * 8 / 10 * CLOCK_SECOND / A_SECOND);
    assert_int_equal(count_gone(fds, MANY), 0);
    leave(fds, MANY);
}

/* ---- the end ---- */

static void close_with_handshakes_under_way_lets_all_go(void **state)
{
    struct door *door = *state;
    struct stranger *stranger;
    struct sockaddr_in to = { .sin_family = AF_INET };
    int fds[10], fd;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(address_port(acceptor_address(door->acceptor)));
    come_many(door, 1, fds, 9);
    patience_pass(door->loop, 50 * CLOCK_MS);
    fds[9] = come(door, 1); /* in the kernel's queue */
    stranger = stranger_new(door->loop, &door->papers, come(door, 2));
    acceptor_close(door->acceptor);
    door->acceptor = NULL;
    assert_false(stranger_shake(stranger));
    stranger_free(stranger);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
    assert_true(await_gone(door, fds, 10));
    assert_int_equal(door->established, 0);
    leave(fds, 10);
}

/* The handshaker has done its part, and the answer is on its way. */
static void close_before_an_answer_lets_the_peer_go(void **state)
{
    struct door *door = *state;
    struct stranger *stranger;
    uint64_t began_us;

    /* A loop of its own: ours stands still, so the answer waits. */
    stranger = stranger_new(loop_new(), &door->papers, come(door, 1));
    patience_pass(door->loop,
                  50 * CLOCK_MS); /* accepted, and with the handshaker */
    assert_true(stranger_shake(stranger));
    usleep(200000);
    acceptor_close(door->acceptor);
    door->acceptor = NULL;
    began_us = clock_now_us();
    while (!is_gone(stranger->fd)) {
        assert_true(clock_now_us() - began_us < 10 * CLOCK_SECOND);
        loop_turn(door->loop, CLOCK_MS);
    }
    assert_int_equal(door->established, 0);
    loop_free(stranger->loop);
    stranger_free(stranger);
}

static void close_while_it_takes_breath_is_harmless(void **state)
{
    struct door *door = *state;
    int fds[OF_ADDRESS + 1];

    come_many(door, 1, fds, OF_ADDRESS + 1);
    assert_true(await_gone(door, fds + OF_ADDRESS, 1));
    acceptor_close(door->acceptor); /* it would listen again in 50 ms */
    door->acceptor = NULL;
    patience_pass(door->loop, 150 * CLOCK_MS);
    leave(fds, OF_ADDRESS + 1);
}

static void close_takes_nobody(void **state)
{
    (void)state;
    acceptor_close(NULL);
}

static void what_cannot_be_listened_at_is_said(void **state)
{
    struct door *door = *state;
    struct acceptor *second = NULL;
    struct net_error error;
    char text[ADDRESS_TEXT];

    address_format(acceptor_address(door->acceptor), text);
    assert_int_equal(open_door(door, text, &second, &error), STATUS_CONFIG);
    assert_null(second);
    assert_non_null(strstr(error.text, text));
    assert_int_equal(open_door(door, "203.0.113.7:7411", &second, &error),
                     STATUS_CONFIG);
    assert_null(second);
    assert_non_null(strstr(error.text, "203.0.113.7:7411"));
    assert_true(shakes(door, 1)); /* the first does not mind */
}

#define WITH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

RUN_TESTS(WITH(a_peer_is_handed_over_with_where_it_came_from),
          WITH(a_peer_of_another_authority_is_not),
          WITH(garbage_is_let_go_at_once),
          WITH(silence_and_dribble_are_let_go_in_time),
          WITH(one_address_has_only_so_many_under_way),
          WITH(there_are_only_so_many_under_way_in_all),
          WITH(only_so_many_begin_a_second),
          WITH(close_with_handshakes_under_way_lets_all_go),
          WITH(close_before_an_answer_lets_the_peer_go),
          WITH(close_while_it_takes_breath_is_harmless),
          TEST(close_takes_nobody), WITH(what_cannot_be_listened_at_is_said))
