/* SPDX-License-Identifier: MIT */
#include "discovery/resolver.h"
#include "support/await.h"
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct fixture {
    struct loop *loop;
    struct resolver *resolver;
    unsigned done;
    enum lookup_outcome outcome;
    size_t addresses;
};

static void start(struct fixture *fixture, const char *server)
{
    struct resolver_options options = { .loop = NULL };

    *fixture = (struct fixture){ .loop = loop_new() };
    options.loop = fixture->loop;
    assert_true(text_list_add(&options.servers, server));
    assert_int_equal(resolver_open(&options, &fixture->resolver), STATUS_OK);
    text_list_clear(&options.servers);
}

static void stop(struct fixture *fixture)
{
    resolver_close(fixture->resolver);
    loop_free(fixture->loop);
}

static void on_done(void *context, const struct lookup_result *result)
{
    struct fixture *fixture = context;

    fixture->done++;
    fixture->outcome = result->outcome;
    fixture->addresses = result->answer.address_count;
    assert_true((result->outcome == LOOKUP_FOUND) || result->reason);
}

static struct lookup *look_up(struct fixture *fixture, const char *name,
                              enum lookup_kind kind)
{
    struct lookup_options options = {
        .kind = kind, .name = name, .done = on_done, .context = fixture
    };
    unsigned before = fixture->done;
    struct lookup *lookup = lookup_start(fixture->resolver, &options);

    assert_int_equal(fixture->done, before); /* never from inside */
    return lookup;
}

static void await(struct fixture *fixture, unsigned done)
{
    AWAIT_IN(fixture->loop, fixture->done >= done);
    assert_int_equal(fixture->done, done);
}

static void a_server_is_an_address_with_or_without_a_port(void **state)
{
    (void)state;
    assert_true(resolver_is_server("10.0.0.2"));
    assert_true(resolver_is_server("10.0.0.2:5353"));
    assert_true(resolver_is_server("2001:db8::1"));
    assert_true(resolver_is_server("[2001:db8::1]:53"));
    assert_false(resolver_is_server("dns.example.com"));
    assert_false(resolver_is_server("10.0.0.2:"));
    assert_false(resolver_is_server("10.0.0.2:0"));
    assert_false(resolver_is_server("unix:/run/dns"));
    assert_false(resolver_is_server(""));
}

static void the_hosts_file_is_asked_first(void **state)
{
    struct fixture fixture;

    (void)state;
    start(&fixture, "127.0.0.1:1");
    assert_non_null(look_up(&fixture, "localhost", LOOKUP_ADDRESSES));
    await(&fixture, 1);
    assert_int_equal(fixture.outcome, LOOKUP_FOUND);
    assert_true(fixture.addresses > 0);
    stop(&fixture);
}

static void a_server_that_is_not_there_fails(void **state)
{
    struct fixture fixture;

    (void)state;
    start(&fixture, "127.0.0.1:1");
    assert_non_null(look_up(&fixture, "a.example", LOOKUP_ADDRESSES));
    await(&fixture, 1);
    assert_int_equal(fixture.outcome, LOOKUP_FAILED);
    assert_non_null(look_up(&fixture, "_a._tcp.example", LOOKUP_TARGETS));
    await(&fixture, 2);
    assert_int_equal(fixture.outcome, LOOKUP_FAILED);
    stop(&fixture);
}

static void a_name_too_long_is_refused(void **state)
{
    struct fixture fixture;
    char name[300];

    (void)state;
    start(&fixture, "127.0.0.1:1");
    memset(name, 'a', sizeof(name));
    name[299] = '\0';
    assert_null(look_up(&fixture, name, LOOKUP_ADDRESSES));
    stop(&fixture);
}

/* A socket that takes questions and never answers. */
static int open_silence(char *address, size_t size)
{
    struct sockaddr_in name = { .sin_family = AF_INET };
    socklen_t length = sizeof(name);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &length), 0);
    snprintf(address, size, "127.0.0.1:%u", ntohs(name.sin_port));
    return fd;
}

static void what_is_cancelled_is_never_heard_of_again(void **state)
{
    enum { MANY = 200 }; /* more than are asked for at once */
    struct lookup *lookups[MANY];
    struct fixture fixture;
    char server[32];
    int silence = open_silence(server, sizeof(server));

    (void)state;
    start(&fixture, server);
    for (int i = 0; i < MANY; i++)
        lookups[i] = look_up(&fixture, "a.example", LOOKUP_ADDRESSES);
    for (int i = 0; i < 20; i++)
        loop_turn(fixture.loop, 1000);
    for (int i = 0; i < MANY; i++)
        lookup_cancel(lookups[i]);
    lookup_cancel(NULL);
    for (int i = 0; i < 20; i++)
        loop_turn(fixture.loop, 1000);
    assert_int_equal(fixture.done, 0);
    stop(&fixture);
    close(silence);
}

static void silence_ends_in_a_failure(void **state)
{
    struct fixture fixture;
    char server[32];
    int silence = open_silence(server, sizeof(server));

    (void)state;
    start(&fixture, server);
    assert_non_null(look_up(&fixture, "a.example", LOOKUP_ADDRESSES));
    await(&fixture, 1);
    assert_int_equal(fixture.outcome, LOOKUP_FAILED);
    stop(&fixture);
    close(silence);
}

RUN_TESTS(TEST(a_server_is_an_address_with_or_without_a_port),
          TEST(the_hosts_file_is_asked_first),
          TEST(a_server_that_is_not_there_fails),
          TEST(a_name_too_long_is_refused),
          TEST(what_is_cancelled_is_never_heard_of_again),
          TEST(silence_ends_in_a_failure))
