/* SPDX-License-Identifier: MIT */
#include "admin/server.h"

#include "unit/admin/server_test.h"
#include <sys/stat.h>

/* ---- answering ---- */

static void a_request_is_answered_whole_and_the_connection_ends(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(ask(fixture, GET("/now")), 200);
    assert_string_equal(body(fixture), "{\"now\": true}");
    assert_non_null(
        strstr(fixture->answer, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(fixture->answer, "Content-Length: 13\r\n"));
    assert_non_null(strstr(fixture->answer, "Connection: close\r\n"));
    assert_null(strstr(fixture->answer, "Access-Control"));
    assert_int_equal(ask(fixture, POST("/change")), 202);
    assert_int_equal(fixture->window->changes, 1);
}

static void answer_who(void *context, struct admin_request *request)
{
    char who[64];

    (void)context;
    admin_who(request, who, sizeof(who));
    admin_answer(request, 200, "text/plain", who);
}

static void check_who(const char *address, const char *expected)
{
    static const struct admin_route routes[] = { { "GET", "/who", answer_who },
                                                 { NULL, NULL, NULL } };
    struct window *window = window_open(address, routes, NULL);
    char request[128], answer[1024];

    snprintf(request, sizeof(request),
             "GET /who HTTP/1.1\r\nHost: localhost:%u\r\n\r\n",
             address_port(&window->address));
    assert_int_equal(window_ask(window, request, answer, sizeof(answer)), 200);
    assert_string_equal(strstr(answer, "\r\n\r\n") + 4, expected);
    window_close(window);
}

static void who_asks_is_known_on_a_path(void **state)
{
    char expected[64];

    (void)state;
    snprintf(expected, sizeof(expected), "uid %u, pid %d", geteuid(), getpid());
    check_who(NULL, expected);
    check_who("127.0.0.1:0", "a local port");
}

static void a_port_of_ipv6_answers_too(void **state)
{
    struct window *window;
    char request[128], answer[1024];

    (void)state;
    if (!sockets_have(SOCKETS_V6))
        skip();
    window = window_open("[::1]:0", NULL, NULL);
    snprintf(request, sizeof(request),
             "GET /now HTTP/1.1\r\nHost: [::1]:%u\r\n\r\n",
             address_port(&window->address));
    assert_int_equal(window_ask(window, request, answer, sizeof(answer)), 200);
    window_close(window);
}

static void a_large_answer_arrives_whole(void **state)
{
    struct fixture *fixture = *state;
    size_t room = WINDOW_BIG_BYTES + 1024;
    char *answer = malloc(room);
    const char *end;

    assert_non_null(answer);
    assert_int_equal(window_ask(fixture->window, GET("/big"), answer, room),
                     200);
    end = strstr(answer, "\r\n\r\n");
    assert_non_null(end);
    assert_int_equal(strlen(end + 4), WINDOW_BIG_BYTES);
    free(answer);
}

static void an_answer_may_come_later(void **state)
{
    struct fixture *fixture = *state;
    uint64_t begun_us = clock_now_us();

    assert_int_equal(ask(fixture, POST("/later")), 200);
    assert_string_equal(body(fixture), "later\n");
    assert_true(clock_now_us() - begun_us >= WINDOW_LATER_US);
}

static void a_client_that_leaves_before_the_answer_does_no_harm(void **state)
{
    struct fixture *fixture = *state;

    for (unsigned i = 1; i <= 5; i++) {
        int fd = window_connect(fixture->window);

        assert_true(window_send(fd, POST("/later"), strlen(POST("/later"))));
        if (i % 2)
            close(fd);
        else
            sockets_reset(fd);
        window_wait_for(&fixture->window->changes, i);
    }
    assert_int_equal(ask(fixture, GET("/now")), 200);
}

static void a_client_that_leaves_within_an_answer_does_no_harm(void **state)
{
    struct fixture *fixture = *state;
    char some[100];
    int fd = window_connect(fixture->window);

    assert_true(window_send(fd, GET("/big"), strlen(GET("/big"))));
    sockets_receive(fd, some, sizeof(some));
    close(fd);
    assert_int_equal(ask(fixture, GET("/now")), 200);
}

static void
a_client_that_sends_its_end_behind_the_request_is_answered(void **state)
{
    struct fixture *fixture = *state;
    int fd = window_connect(fixture->window);

    assert_true(window_send(fd, POST("/later"), strlen(POST("/later"))));
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    window_receive(fd, fixture->answer, sizeof(fixture->answer));
    assert_string_equal(body(fixture), "later\n");
}

static void arguments_are_decoded(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(ask(fixture, GET("/echo?x=1&say=a%2db%20c")), 200);
    assert_string_equal(body(fixture), "a-b c");
    assert_int_equal(ask(fixture, GET("/echo?sa=1")), 400);
    assert_string_equal(body(fixture), "nothing said");
    assert_int_equal(ask(fixture, GET("/echo?say=redis%00x")), 400);
    assert_string_equal(body(fixture), "the query is malformed\n");
    assert_int_equal(ask(fixture, GET("/echo?say")), 400);
    assert_string_equal(body(fixture), "the query is malformed\n");
}

/* ---- the end ---- */

static void an_answer_given_before_the_end_arrives(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(ask(fixture, POST("/quit")), 202);
    assert_string_equal(body(fixture), "quitting\n");
    window_wait_for(&fixture->window->changes, 1);
    assert_int_equal(access(fixture->window->path, F_OK), -1);
}

/* ---- where it may listen ---- */

static enum status try(struct loop *loop, const char *text,
                       struct admin_server **server, struct net_error *error)
{
    struct admin_options options = { .loop = loop, .routes = window_routes };

    assert_true(address_parse(&options.address, text));
    return admin_server_open(&options, server, error);
}

static void an_address_that_others_reach_is_refused(void **state)
{
    static const char *const refused[] = { "0.0.0.0:0", "[::]:0",
                                           "192.0.2.1:0" };
    struct loop *loop = loop_new();
    struct admin_server *server = NULL;
    struct net_error error;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
        assert_int_equal(try(loop, refused[i], &server, &error), STATUS_CONFIG);
        assert_non_null(strstr(error.text, refused[i]));
        assert_non_null(strstr(error.text, "127.0.0.1"));
    }
    assert_int_equal(try(loop, "127.0.0.1:0", &server, &error), STATUS_OK);
    admin_server_close(server);
    loop_free(loop);
}

static void a_path_is_private_and_not_taken_from_the_living(void **state)
{
    struct fixture *fixture = *state;
    struct admin_server *server = NULL;
    struct loop *loop = loop_new();
    struct net_error error;
    struct stat file;
    char text[128];

    assert_int_equal(stat(fixture->window->path, &file), 0);
    assert_int_equal(file.st_mode & 07777, 0600);
    snprintf(text, sizeof(text), "unix:%s", fixture->window->path);
    assert_int_equal(try(loop, text, &server, &error), STATUS_CONFIG);
    assert_non_null(strstr(error.text, "another process listens there"));
    assert_int_equal(ask(fixture, GET("/now")), 200);
    loop_free(loop);
}

static void a_path_of_the_dead_is_taken_over(void **state)
{
    char directory[] = "/tmp/entente-window-XXXXXX", text[128];
    struct loop *loop = loop_new();
    struct admin_server *server = NULL;
    struct net_error error;
    struct address address;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(text, sizeof(text), "unix:%s/s", directory);
    assert_true(address_parse(&address, text));
    assert_int_equal(bind(fd, &address.any, address.length), 0);
    close(fd);
    assert_int_equal(try(loop, text, &server, &error), STATUS_OK);
    admin_server_close(server);
    loop_free(loop);
    assert_int_equal(rmdir(directory), 0); /* nothing is left in it */
}

/* ---- another client than ours ---- */

static void curl_understands_us(void **state)
{
    struct fixture *fixture = *state;
    char command[512], line[64] = "";
    FILE *curl;

    if (system("command -v curl >/dev/null") != 0)
        skip();
    snprintf(command, sizeof(command),
             "curl -s -m 10 -w ' %%{http_code} %%{size_download}' "
             "--unix-socket %s http://localhost/now",
             fixture->window->path);
    curl = popen(command, "r");
    assert_non_null(curl);
    assert_non_null(fgets(line, sizeof(line), curl));
    assert_int_equal(pclose(curl), 0);
    assert_string_equal(line, "{\"now\": true} 200 13");
}

RUN_TESTS(ON_PATH(a_request_is_answered_whole_and_the_connection_ends),
          TEST(who_asks_is_known_on_a_path), TEST(a_port_of_ipv6_answers_too),
          ON_PATH(a_large_answer_arrives_whole),
          ON_PATH(an_answer_may_come_later),
          ON_PATH(a_client_that_leaves_before_the_answer_does_no_harm),
          ON_PATH(a_client_that_leaves_within_an_answer_does_no_harm),
          ON_PATH(a_client_that_sends_its_end_behind_the_request_is_answered),
          ON_PATH(arguments_are_decoded),
          ON_PATH(an_answer_given_before_the_end_arrives),
          TEST(an_address_that_others_reach_is_refused),
          ON_PATH(a_path_is_private_and_not_taken_from_the_living),
          TEST(a_path_of_the_dead_is_taken_over), ON_PATH(curl_understands_us))
