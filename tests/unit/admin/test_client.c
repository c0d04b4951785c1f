/* SPDX-License-Identifier: MIT */
#include "admin/client.h"

#include "support/sockets.h"
#include "unit/admin/window.h"
#include <sys/stat.h>
#include <sys/wait.h>

#define SECONDS(n) ((n)*CLOCK_SECOND)

/* ---- a server that says what the test wants ---- */

struct script {
    int listener;
    struct address address;
    const char *says;    /* once it has the request */
    const char *repeats; /* after that, without end; or NULL */
    useconds_t pause_us; /* between repeats */
    bool resets;         /* instead of an end of file */
    bool stays;          /* open, until the client leaves */
    bool is_deaf;        /* does not wait for the request */
    pthread_t thread;
    char heard[1024];
};

static void hear(struct script *script, int fd)
{
    size_t length = 0;

    while (!script->is_deaf && !strstr(script->heard, "\r\n\r\n")) {
        ssize_t count = recv(fd, script->heard + length,
                             sizeof(script->heard) - length - 1, 0);

        if (count <= 0)
            return;
        length += (size_t)count;
        script->heard[length] = '\0';
    }
}

static void *play(void *context)
{
    struct script *script = context;
    int fd = accept(script->listener, NULL, NULL);
    char byte;

    assert_true(fd >= 0);
    hear(script, fd);
    (void)window_send(fd, script->says, strlen(script->says));
    while (script->repeats &&
           window_send(fd, script->repeats, strlen(script->repeats)))
        usleep(script->pause_us);
    if (script->stays)
        (void)recv(fd, &byte, 1, 0);
    if (script->resets)
        sockets_reset(fd);
    else
        close(fd);
    return NULL;
}

static enum status call_script(struct script *script, uint64_t timeout_us,
                               int *code, char **body, struct net_error *error)
{
    enum status status;

    script->listener = sockets_listen(SOCKETS_V4, 5);
    assert_true(address_of_socket(&script->address, script->listener));
    assert_int_equal(pthread_create(&script->thread, NULL, play, script), 0);
    status = admin_call(&script->address, "GET", "/status", timeout_us, code,
                        body, error);
    assert_int_equal(pthread_join(script->thread, NULL), 0);
    close(script->listener);
    return status;
}

static void check_answer(struct script script, int wanted_code,
                         const char *wanted_body)
{
    struct net_error error;
    char *body = NULL;
    int code = 0;

    assert_int_equal(call_script(&script, SECONDS(10), &code, &body, &error),
                     STATUS_OK);
    assert_int_equal(code, wanted_code);
    assert_string_equal(body, wanted_body);
    free(body);
}

static void check_failure(struct script script, enum status wanted,
                          const char *sentence)
{
    struct net_error error;
    char *body = NULL, text[ADDRESS_TEXT];
    int code = 77;

    assert_int_equal(call_script(&script, SECONDS(10), &code, &body, &error),
                     wanted);
    assert_non_null(strstr(error.text, sentence));
    assert_non_null(strstr(error.text, address_format(&script.address, text)));
    assert_null(strchr(error.text, '\n'));
    assert_int_equal(code, 77); /* untouched */
    assert_null(body);
}

/* ---- with our own server ---- */

static int call(const struct window *window, const char *method,
                const char *target, char **body)
{
    struct net_error error;
    int code = 0;
    enum status status = admin_call(&window->address, method, target,
                                    SECONDS(10), &code, body, &error);

    if (status != STATUS_OK)
        fail_msg("%s: %s", target, error.text);
    return code;
}

static void check_window(struct window *window)
{
    char *body = NULL;

    assert_int_equal(call(window, "GET", "/now", &body), 200);
    assert_string_equal(body, "{\"now\": true}");
    free(body);
    assert_int_equal(call(window, "GET", "/echo?say=x", &body), 200);
    assert_string_equal(body, "x");
    free(body);
    assert_int_equal(call(window, "POST", "/later", &body), 200);
    assert_string_equal(body, "later\n");
    free(body);
    assert_int_equal(call(window, "GET", "/later", &body), 405);
    assert_string_equal(body, "only POST is possible here\n");
    free(body);
    assert_int_equal(call(window, "GET", "/big", &body), 200);
    assert_int_equal(strlen(body), WINDOW_BIG_BYTES);
    free(body);
    window_close(window);
}

static void it_understands_our_server_however_it_is_reached(void **state)
{
    (void)state;
    check_window(window_open(NULL, NULL, NULL));
    check_window(window_open("127.0.0.1:0", NULL, NULL));
    if (sockets_have(SOCKETS_V6))
        check_window(window_open("[::1]:0", NULL, NULL));
    check_window(window_open("unix:@entente-test-client", NULL, NULL));
}

static void an_answer_that_never_comes_is_not_waited_for(void **state)
{
    static const struct admin_route routes[] = {
        { "POST", "/never", window_never }, { NULL, NULL, NULL }
    };
    struct window *window = window_open(NULL, routes, NULL);
    struct net_error error;
    char *body = NULL;
    int code;

    (void)state;
    assert_int_equal(admin_call(&window->address, "POST", "/never", 200000,
                                &code, &body, &error),
                     STATUS_TIMEOUT);
    assert_non_null(strstr(error.text, "no answer from unix:"));
    assert_non_null(strstr(error.text, "within 200 ms"));
    window_close(window);
}

/* ---- with a server of the test ---- */

static void a_body_ends_by_its_length_or_with_the_connection(void **state)
{
    (void)state;
    check_answer((struct script){ .says = "HTTP/1.1 200 OK\r\n"
                                          "Content-Length: 5\r\n\r\nhello" },
                 200, "hello");
    /* It does not wait for the end then. */
    check_answer((struct script){ .says = "HTTP/1.1 503 No\r\n"
                                          "Content-Length: 5\r\n\r\nhello",
                                  .stays = true },
                 503, "hello");
    check_answer((struct script){ .says = "HTTP/1.0 200 OK\r\n\r\nhello" }, 200,
                 "hello");
    check_answer((struct script){ .says = "HTTP/1.0 404 No\r\n\r\n" }, 404, "");
}

static void what_it_asks_is_a_whole_request(void **state)
{
    struct script script = { .says = "HTTP/1.0 200 OK\r\n\r\n" };
    char expected[256], text[ADDRESS_TEXT];
    struct net_error error;
    char *body = NULL;
    int code;

    (void)state;
    assert_int_equal(call_script(&script, SECONDS(10), &code, &body, &error),
                     STATUS_OK);
    snprintf(expected, sizeof(expected),
             "GET /status HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\n"
             "Connection: close\r\n\r\n",
             address_format(&script.address, text));
    assert_string_equal(script.heard, expected);
    free(body);
}

static void whoever_refuses_without_listening_is_still_heard(void **state)
{
    (void)state;
    check_answer((struct script){ .says = "HTTP/1.1 503 Busy\r\n"
                                          "Content-Length: 4\r\n\r\nbusy",
                                  .is_deaf = true,
                                  .stays = true },
                 503, "busy");
}

static void what_is_no_answer_of_ours_is_refused(void **state)
{
    static const char *const strange[] = {
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "hello",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(strange); i++)
        check_failure((struct script){ .says = strange[i] }, STATUS_PROTOCOL,
                      "is not an ambassador");
    check_failure((struct script){ .says = "HTTP/1.1 200 OK\r\n",
                                   .repeats = "X: y\r\n" },
                  STATUS_PROTOCOL, "is not an ambassador");
}

static void an_answer_that_is_cut_short_is_none(void **state)
{
    (void)state;
    check_failure((struct script){ .says = "HTTP/1.1 200 OK\r\n"
                                           "Content-Length: 6\r\n\r\nhello" },
                  STATUS_RESET, "went away before it had answered");
    check_failure((struct script){ .says = "HTTP/1.0 200 OK\r\n\r\nhello",
                                   .resets = true },
                  STATUS_RESET, "went away before it had answered");
    check_failure((struct script){ .says = "" }, STATUS_RESET,
                  "went away before it had answered");
}

static void the_length_of_an_answer_is_bounded(void **state)
{
    static char flood[64 * 1024];

    (void)state;
    memset(flood, 'x', sizeof(flood) - 1);
    check_failure((struct script){ .says = "HTTP/1.1 200 OK\r\n"
                                           "Content-Length: 16777217\r\n\r\n",
                                   .stays = true },
                  STATUS_LIMIT, "too long an answer");
    check_failure((struct script){ .says = "HTTP/1.0 200 OK\r\n\r\n",
                                   .repeats = flood },
                  STATUS_LIMIT, "too long an answer");
}

static void the_longest_answer_is_taken(void **state)
{
    char *says = malloc(ADMIN_MAX_ANSWER_BYTES + 100);
    struct script script = { .says = says };
    struct net_error error;
    char *body = NULL;
    int code, head;

    (void)state;
    assert_non_null(says);
    head = sprintf(says, "HTTP/1.0 200 OK\r\n\r\n");
    memset(says + head, 'x', ADMIN_MAX_ANSWER_BYTES);
    says[head + ADMIN_MAX_ANSWER_BYTES] = '\0';
    assert_int_equal(call_script(&script, SECONDS(10), &code, &body, &error),
                     STATUS_OK);
    assert_int_equal(strlen(body), ADMIN_MAX_ANSWER_BYTES);
    free(body);
    free(says);
}

/* ---- time ---- */

static void the_deadline_is_of_the_whole_not_of_its_parts(void **state)
{
    struct script dripping = { .says = "HTTP/1.0 200 OK\r\n\r\n",
                               .repeats = "x",
                               .pause_us = 20000 };
    struct script silent = { .says = "", .stays = true };
    struct script *const slow[] = { &dripping, &silent };
    struct net_error error;
    char *body = NULL;
    int code;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(slow); i++) {
        uint64_t begun_us = clock_now_us(), taken_us;

        assert_int_equal(call_script(slow[i], 300000, &code, &body, &error),
                         STATUS_TIMEOUT);
        taken_us = clock_now_us() - begun_us;
        assert_in_range(taken_us, 300000, 3000000);
        assert_non_null(strstr(error.text, "within 300 ms"));
    }
}

static void
a_queue_that_stays_full_is_waited_for_until_the_deadline(void **state)
{
    int listener = sockets_listen(SOCKETS_UNIX, 0), queued[4];
    struct address address;
    struct net_error error;
    char *body = NULL;
    int code;

    (void)state;
    assert_true(address_of_socket(&address, listener));
    for (size_t i = 0; i < ARRAY_LENGTH(queued); i++) {
        queued[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(queued[i], &address.any, address.length);
    }
    assert_int_equal(admin_call(&address, "GET", "/", 200000, &code, &body,
                                &error),
                     STATUS_TIMEOUT);
    for (size_t i = 0; i < ARRAY_LENGTH(queued); i++)
        close(queued[i]);
    close(listener);
}

/* ---- nobody there ---- */

static void check_nobody(const char *text)
{
    struct address address;
    struct net_error error;
    char *body = NULL, expected[256];
    int code;

    assert_true(address_parse(&address, text));
    assert_int_equal(admin_call(&address, "GET", "/", SECONDS(10), &code, &body,
                                &error),
                     STATUS_REFUSED);
    snprintf(expected, sizeof(expected),
             "nothing listens at %s: is `entente run` running? --admin ADDR "
             "says where",
             text);
    assert_string_equal(error.text, expected);
}

static void where_nobody_listens_the_advice_names_the_address(void **state)
{
    char directory[] = "/tmp/entente-client-XXXXXX", text[128];
    struct address address;
    int fd;

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(text, sizeof(text), "unix:%s/s", directory);
    check_nobody(text);
    fd = socket(AF_UNIX, SOCK_STREAM, 0); /* the file of a dead one */
    assert_true(address_parse(&address, text));
    assert_int_equal(bind(fd, &address.any, address.length), 0);
    close(fd);
    check_nobody(text);
    assert_int_equal(unlink(address.path.sun_path), 0);
    assert_int_equal(rmdir(directory), 0);

    check_nobody("unix:@entente-nobody");
    fd = sockets_listen(SOCKETS_V4, 1);
    assert_true(address_of_socket(&address, fd));
    close(fd);
    check_nobody(address_format(&address, text));
}

static void who_may_not_ask_is_told_so(void **state)
{
    struct window *window;
    int status;
    pid_t child;

    (void)state;
    if (geteuid() != 0)
        skip();
    window = window_open(NULL, NULL, NULL);
    assert_int_equal(chmod(window->directory, 0755), 0);
    child = fork();
    if (child == 0) {
        struct net_error error;
        char *body = NULL;
        int code;

        _exit(setuid(65534) == 0 &&
                      admin_call(&window->address, "GET", "/now", SECONDS(5),
                                 &code, &body, &error) == STATUS_DENIED &&
                      strstr(error.text, "no permission to ask at unix:")
                  ? 0
                  : 1);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    window_close(window);
}

static void a_call_leaves_no_descriptor(void **state)
{
    size_t before = sockets_count();

    it_understands_our_server_however_it_is_reached(state);
    what_is_no_answer_of_ours_is_refused(state);
    where_nobody_listens_the_advice_names_the_address(state);
    assert_int_equal(sockets_count(), before);
}

RUN_TESTS(TEST(it_understands_our_server_however_it_is_reached),
          TEST(an_answer_that_never_comes_is_not_waited_for),
          TEST(a_body_ends_by_its_length_or_with_the_connection),
          TEST(what_it_asks_is_a_whole_request),
          TEST(whoever_refuses_without_listening_is_still_heard),
          TEST(what_is_no_answer_of_ours_is_refused),
          TEST(an_answer_that_is_cut_short_is_none),
          TEST(the_length_of_an_answer_is_bounded),
          TEST(the_longest_answer_is_taken),
          TEST(the_deadline_is_of_the_whole_not_of_its_parts),
          TEST(a_queue_that_stays_full_is_waited_for_until_the_deadline),
          TEST(where_nobody_listens_the_advice_names_the_address),
          TEST(who_may_not_ask_is_told_so), TEST(a_call_leaves_no_descriptor))
