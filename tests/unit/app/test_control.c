/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memfd_create() */
#include "app/control.h"

#include "unit/admin/window.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* ---- an ambassador that says what the test wants ---- */

struct play {
    struct window *window;
    char address[128];
    _Atomic int code;         /* of every route but /probe */
    const char *_Atomic says; /* the same */
    _Atomic unsigned probes;
    _Atomic unsigned probes_refused; /* so many 503 first */
    char asked[64];                  /* the last service, or path */
    char asked_set[8 * 1024];        /* by set */
    char printed[16 * 1024];
    char complained[4 * 1024];
};

static const char document[] =
    "{\"node\": \"n\", \"version\": \"1\", \"uptime_s\": 5, \"state\": "
    "\"ready\", \"services\": [], \"tunnels\": [], \"certificates\": []}";

static void play_any(struct play *play, struct admin_request *request,
                     const char *path)
{
    strcpy(play->asked, path);
    admin_answer(request, play->code, "text/plain", play->says);
}

static void play_status(void *context, struct admin_request *request)
{
    play_any(context, request, "status");
}

static void play_health(void *context, struct admin_request *request)
{
    play_any(context, request, "health");
}

static void play_drain(void *context, struct admin_request *request)
{
    play_any(context, request, "drain");
}

static void play_reload(void *context, struct admin_request *request)
{
    play_any(context, request, "reload");
}

static void play_quit(void *context, struct admin_request *request)
{
    play_any(context, request, "quit");
}

static void play_probe(void *context, struct admin_request *request)
{
    struct play *play = context;
    const char *service = admin_argument(request, "service");

    if (!service || strcmp(service, "stranger") == 0) {
        admin_answer(request, 404, "text/plain", "no such service here\n");
        return;
    }
    strcpy(play->asked, service);
    if (play->probes++ < play->probes_refused)
        admin_answer(request, 503, "text/plain", "no tunnel is up\n");
    else
        admin_answer(request, 200, "text/plain", "reached\n");
}

static void play_explain(void *context, struct admin_request *request)
{
    struct play *play = context;
    const char *client = admin_argument(request, "client");

    snprintf(play->asked, sizeof(play->asked), "%s%s%s",
             admin_argument(request, "service"), client ? " " : "",
             client ? client : "");
    admin_answer(request, play->code, "application/json", play->says);
}

static void play_set(void *context, struct admin_request *request)
{
    static const char *const names[] = { "service", "role", "keep", "sources",
                                         "endpoints" };
    struct play *play = context;

    play->asked_set[0] = '\0';
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        const char *value = admin_argument(request, names[i]);
        size_t used = strlen(play->asked_set);

        if (value)
            snprintf(play->asked_set + used, sizeof(play->asked_set) - used,
                     "%s=%s;", names[i], value);
    }
    admin_answer(request, play->code, "text/plain", play->says);
}

static const struct admin_route routes[] = {
    { "GET", "/status", play_status },
    { "GET", "/explain", play_explain },
    { "POST", "/set", play_set },
    { "GET", "/health", play_health },
    { "POST", "/probe", play_probe },
    { "POST", "/drain", play_drain },
    { "POST", "/reload", play_reload },
    { "POST", "/quit", play_quit },
    { NULL, NULL, NULL },
};

static int set_up(void **state)
{
    struct play *play = calloc(1, sizeof(*play));

    if (!play)
        return -1;
    play->code = 200;
    play->says = document;
    play->window = window_open(NULL, routes, play);
    snprintf(play->address, sizeof(play->address), "unix:%s",
             play->window->path);
    unsetenv("ENTENTE_ADMIN");
    /* Where ambassadors are looked for when nobody says where: nowhere. */
    setenv("RUNTIME_DIRECTORY", play->window->directory, 1);
    *state = play;
    return 0;
}

static int tear_down(void **state)
{
    struct play *play = *state;

    window_close(play->window);
    free(play);
    return 0;
}

/* ---- a command and what it prints ---- */

struct capture {
    FILE *stream;
    int saved;
    int file;
};

static struct capture capture(FILE *stream)
{
    struct capture captured = { .stream = stream,
                                .saved = dup(fileno(stream)),
                                .file = memfd_create("captured", 0) };

    fflush(stream);
    assert_true(captured.saved >= 0 && captured.file >= 0);
    assert_true(dup2(captured.file, fileno(stream)) >= 0);
    return captured;
}

static void release(struct capture *captured, char *text, size_t size)
{
    ssize_t length;

    fflush(captured->stream);
    dup2(captured->saved, fileno(captured->stream));
    length = pread(captured->file, text, size - 1, 0);
    assert_true(length >= 0);
    text[length] = '\0';
    close(captured->saved);
    close(captured->file);
}

/* |words| are separated by blanks; ADDR is the address of the play. */
static int run(struct play *play, const char *words)
{
    struct capture out, error;
    char line[512], *argv[16] = { NULL }, *rest = NULL;
    int argc = 0, exit_code;

    assert_true(strlen(words) < sizeof(line));
    strcpy(line, words);
    for (char *word = strtok_r(line, " ", &rest); word;
         word = strtok_r(NULL, " ", &rest))
        argv[argc++] = strcmp(word, "ADDR") == 0 ? play->address : word;
    out = capture(stdout);
    error = capture(stderr);
    exit_code = control_main(argc, argv);
    release(&error, play->complained, sizeof(play->complained));
    release(&out, play->printed, sizeof(play->printed));
    return exit_code;
}

static void check(struct play *play, const char *words, int exit_code,
                  const char *printed, const char *complained)
{
    assert_int_equal(run(play, words), exit_code);
    assert_string_equal(play->printed, printed);
    assert_string_equal(play->complained, complained);
}

/* ---- status ---- */

static void status_is_printed_for_people_or_programs(void **state)
{
    struct play *play = *state;
    char expected[512];

    check(play, "status --admin ADDR", 0, "n: ready, entente 1, up 5s\n", "");
    snprintf(expected, sizeof(expected), "%s\n", document);
    check(play, "status --json --admin ADDR", 0, expected, "");
    play->says = "no document\n";
    check(play, "status --json --admin ADDR", 0, "no document\n", "");
    check(play, "status --admin ADDR", 1, "",
          "entente: what answers is not an ambassador of this version: try "
          "--json\n");
}

static void an_explanation_is_printed_for_people_or_programs(void **state)
{
    static const char explained[] =
        "{\"service\": \"redis\", \"roles\": [{\"role\": \"consume\", "
        "\"balance\": \"hash\", \"sources\": [], \"endpoints\": [], "
        "\"next\": []}]}";
    struct play *play = *state;
    char expected[512];

    play->says = explained;
    check(play, "explain redis --admin ADDR", 0,
          "redis (consume), balance hash\nsources:\nendpoints: none\n", "");
    assert_string_equal(play->asked, "redis");
    snprintf(expected, sizeof(expected), "%s\n", explained);
    check(play, "explain --json redis --admin ADDR", 0, expected, "");
    check(play, "explain redis --client 192.0.2.1 --admin ADDR --json", 0,
          expected, "");
    assert_string_equal(play->asked, "redis 192.0.2.1");
    check(play, "explain redis --client=2001:db8::1 --admin ADDR --json", 0,
          expected, "");
    assert_string_equal(play->asked, "redis 2001:db8::1");
    play->code = 404;
    play->says = "no such service here; there is web\n";
    check(play, "explain redis --admin ADDR", 1, "",
          "entente: redis: no such service here; there is web\n");
    play->code = 200;
    check(play, "explain redis --admin ADDR", 1, "",
          "entente: what answers is not an ambassador of this version: try "
          "--json\n");
}

static void what_the_ambassador_refuses_it_says_why(void **state)
{
    static const char *const commands[] = {
        "status --admin ADDR",      "status --json --admin ADDR",
        "healthcheck --admin ADDR", "drain --admin ADDR",
        "reload --admin ADDR",      "quit --admin ADDR"
    };
    struct play *play = *state;

    for (size_t i = 0; i < ARRAY_LENGTH(commands); i++) {
        play->code = 409;
        play->says = "a.yaml:3:1: \x1b[31mwrong\nand more\n";
        check(play, commands[i], 1, "", "entente: a.yaml:3:1: ?[31mwrong\n");
        play->code = 503;
        play->says = "";
        check(play, commands[i], 1, "",
              "entente: the ambassador refuses (HTTP 503)\n");
        play->code = 404;
        play->says = "<html>\n";
        check(play, commands[i], 1, "",
              "entente: what answers is not an ambassador (HTTP 404); --admin "
              "ADDR says where one is\n");
    }
}

static void what_cannot_be_written_is_a_failure(void **state)
{
    struct play *play = *state;
    int full = open("/dev/full", O_WRONLY), saved = dup(STDOUT_FILENO);
    char words[] = "status\0--json\0--admin";
    char *argv[] = { words, words + 7, words + 14, play->address, NULL };
    struct capture error;
    int exit_code;

    if (full < 0)
        skip();
    fflush(stdout);
    assert_true(dup2(full, STDOUT_FILENO) >= 0);
    error = capture(stderr);
    exit_code = control_main(4, argv);
    release(&error, play->complained, sizeof(play->complained));
    assert_true(dup2(saved, STDOUT_FILENO) >= 0);
    clearerr(stdout);
    close(saved);
    close(full);
    assert_int_equal(exit_code, 1);
    assert_non_null(strstr(play->complained, "entente: standard output: "));
}

/* ---- orders ---- */

static void an_order_is_given_and_nothing_said(void **state)
{
    static const char *const names[] = { "drain", "reload", "quit" };
    struct play *play = *state;
    char words[64];

    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        play->code = strcmp(names[i], "reload") == 0 ? 200 : 202;
        play->says = "doing it\n";
        snprintf(words, sizeof(words), "%s --admin ADDR", names[i]);
        check(play, words, 0, "", "");
        assert_string_equal(play->asked, names[i]);
    }
    check(play, "healthcheck --admin ADDR", 0, "", "");
    assert_string_equal(play->asked, "health");
    play->code = 202;
    play->says = "reloaded, but what is new of node needs a restart\n";
    check(play, "reload --admin ADDR", 0, play->says, "");
}

static void set_tells_the_endpoints_as_they_are_meant(void **state)
{
    static const struct {
        const char *words;
        const char *asked;
    } cases[] = {
        { "set redis 10.0.0.1:1 --admin ADDR",
          "service=redis;endpoints=10.0.0.1:1;" },
        { "set --keep redis [::1]:1 db-1.example.com:2 unix:@a&b=%41+c,d "
          "--role offer --admin ADDR",
          "service=redis;role=offer;keep=1;"
          "endpoints=[::1]:1\ndb-1.example.com:2\nunix:@a&b=%41+c,d;" },
        { "set redis --sources --role=direct --admin ADDR",
          "service=redis;role=direct;sources=1;" },
    };
    struct play *play = *state;

    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        check(play, cases[i].words, 0, "", "");
        assert_string_equal(play->asked_set, cases[i].asked);
    }
    play->code = 202;
    play->says = "the names are looked up\n";
    check(play, cases[0].words, 0, "the names are looked up\n", "");
    play->code = 409;
    play->says = "no such service here\n";
    check(play, cases[0].words, 1, "",
          "entente: redis: no such service here\n");
}

static void set_asks_nobody_for_what_is_no_endpoint(void **state)
{
    struct play *play = *state;
    char *argv[1000], words[1000][32];

    check(play, "set redis 10.0.0.1:1 10.0.0.2 --admin ADDR", 1, "",
          "entente: \"10.0.0.2\": expected host:port, with a port from 1 to "
          "65535, got 10.0.0.2\n");
    check(play, "set redis none --admin ADDR", 1, "",
          "entente: \"none\": no endpoint\n");
    argv[0] = strcpy(words[0], "set");
    argv[1] = strcpy(words[1], "redis");
    for (int i = 2; i < 1000; i++) {
        snprintf(words[i], sizeof(words[i]), "10.0.0.1:%d", i);
        argv[i] = words[i];
    }
    assert_int_equal(control_main(1000, argv), 1);
    assert_string_equal(play->asked_set, "");
}

/* ---- wait ---- */

static void wait_asks_until_each_service_is_reached(void **state)
{
    struct play *play = *state;
    uint64_t begun_us = clock_now_us();

    play->probes_refused = 3;
    check(play, "wait redis postgres --admin ADDR", 0, "", "");
    assert_int_equal(play->probes, 5);
    assert_string_equal(play->asked, "postgres");
    assert_in_range(clock_now_us() - begun_us, 600000, 5000000);
}

static void wait_says_which_was_not_reached_and_why(void **state)
{
    struct play *play = *state;
    uint64_t begun_us = clock_now_us();

    play->probes_refused = 1000;
    check(play, "wait --timeout 500ms redis postgres --admin ADDR", 1, "",
          "entente: redis: not reached within 500ms: no tunnel is up; "
          "see entente explain redis\n");
    assert_in_range(clock_now_us() - begun_us, 500000, 3000000);
    assert_in_range(play->probes, 2, 4);
    play->probes = 0;
    check(play, "wait --timeout 0 redis --admin ADDR", 1, "",
          "entente: redis: not reached within 0: no tunnel is up; see "
          "entente explain redis\n");
    assert_int_equal(play->probes, 1);
}

static void wait_does_not_wait_for_a_stranger(void **state)
{
    struct play *play = *state;
    uint64_t begun_us = clock_now_us();

    check(play, "wait redis stranger --admin ADDR", 1, "",
          "entente: stranger: no such service here\n");
    assert_in_range(clock_now_us() - begun_us, 0, 5000000);
}

static void *open_late(void *context)
{
    const char *path = context;
    char address[128];
    struct play *play = calloc(1, sizeof(*play));

    usleep(400000);
    snprintf(address, sizeof(address), "unix:%s", path);
    play->window = window_open(address, routes, play);
    return play;
}

static void wait_waits_for_the_ambassador_too(void **state)
{
    struct play *play = *state, *late;
    char path[128], words[256];
    pthread_t thread;
    void *result;

    snprintf(path, sizeof(path), "%s/late", play->window->directory);
    assert_int_equal(pthread_create(&thread, NULL, open_late, path), 0);
    snprintf(words, sizeof(words), "wait redis --admin unix:%s", path);
    check(play, words, 0, "", "");
    assert_int_equal(pthread_join(thread, &result), 0);
    late = result;
    assert_string_equal(late->asked, "redis");
    window_close(late->window);
    free(late);
}

/* ---- where ---- */

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void the_address_is_a_flag_a_file_a_variable_or_found(void **state)
{
    struct play *play = *state;
    char path[128], text[512], words[256];

    snprintf(path, sizeof(path), "%s/f.yaml", play->window->directory);
    snprintf(text, sizeof(text),
             "admin: %s\nconsume: {x: {listen: 127.0.0.1:1, "
             "direct: [static:127.0.0.1:2]}}\n",
             play->address);
    write_file(path, text);
    setenv("ENTENTE_ADMIN", play->address, 1);
    check(play, "healthcheck", 0, "", "");
    setenv("ENTENTE_ADMIN", "unix:/nowhere/at/all", 1);
    check(play, "healthcheck", 1, "",
          "entente: nothing listens at unix:/nowhere/at/all: is `entente run` "
          "running? --admin ADDR says where\n");
    check(play, "healthcheck --admin ADDR", 0, "", "");
    snprintf(words, sizeof(words), "healthcheck --config %s", path);
    check(play, words, 0, "", "");
    snprintf(words, sizeof(words),
             "healthcheck --config %s --admin unix:/not/here", path);
    assert_int_equal(run(play, words), 1);
    assert_non_null(strstr(play->complained, "unix:/not/here"));
    write_file(path, "admin: [1\n");
    snprintf(words, sizeof(words), "healthcheck --config=%s", path);
    assert_int_equal(run(play, words), 1);
    assert_non_null(strstr(play->complained, "f.yaml:"));
    unlink(path);
}

static void the_only_ambassador_here_is_found(void **state)
{
    struct play *play = *state, *found = calloc(1, sizeof(*found));
    char address[128];

    assert_non_null(found);
    assert_int_equal(run(play, "healthcheck"), 1);
    assert_non_null(strstr(play->complained, "no ambassador of this user"));
    found->code = 200;
    found->says = "ready\n";
    snprintf(address, sizeof(address), "unix:%s/x.sock",
             play->window->directory);
    found->window = window_open(address, routes, found);
    check(play, "healthcheck", 0, "", "");
    assert_string_equal(found->asked, "health");
    window_close(found->window);
    free(found);
}

/* ---- usage ---- */

static void help_is_printed_and_no_error(void **state)
{
    static const char *const commands[] = { "status",      "explain", "wait",
                                            "healthcheck", "drain",   "reload",
                                            "quit",        "set" };
    struct play *play = *state;
    char words[64], usage[64];

    for (size_t i = 0; i < ARRAY_LENGTH(commands); i++) {
        snprintf(words, sizeof(words), "%s --help", commands[i]);
        snprintf(usage, sizeof(usage), "Usage: entente %s ", commands[i]);
        assert_int_equal(run(play, words), 0);
        assert_ptr_equal(strstr(play->printed, usage), play->printed);
        assert_non_null(strstr(play->printed, "--admin ADDR"));
        assert_int_equal(!strstr(play->printed, "--json"), i > 1);
        assert_int_equal(!strstr(play->printed, "--client IP"), i != 1);
        assert_int_equal(!strstr(play->printed, "--keep"), i != 7);
    }
    assert_int_equal(run(play, "wait -h"), 0);
    assert_non_null(strstr(play->printed, "(default: 30s)"));
}

static void a_command_line_that_is_not_understood_is_refused(void **state)
{
    static const struct {
        const char *words;
        const char *complained;
    } cases[] = {
        { "status --jason", "entente status: unknown option --jason; did you "
                            "mean --json?\n" },
        { "quit --json",
          "entente quit: unknown option --json; see entente quit --help\n" },
        { "quit -x", "entente quit: unknown option -x; see entente quit "
                     "--help\n" },
        { "status now", "entente status: unexpected \"now\"; see entente "
                        "status --help\n" },
        { "status --admin", "entente status: --admin needs a value\n" },
        { "status --json=yes", "entente status: --json takes no value\n" },
        { "status --admin here", NULL },
        { "status --timeout 5",
          "entente status: --timeout 5: expected a time up to 1d, like 500ms "
          "or 30s\n" },
        { "status --timeout 2d", NULL },
        { "status --log-level loud", NULL },
        { "status --log-format xml", NULL },
        { "wait", "entente wait: which service? entente wait SERVICE... "
                  "[OPTION...]\n" },
        { "explain", "entente explain: which service? entente explain SERVICE "
                     "[--json] [--client IP] [OPTION...]\n" },
        { "explain a b", "entente explain: unexpected \"b\"; see entente "
                         "explain --help\n" },
        { "explain a --client b",
          "entente explain: --client b: expected an IP address like "
          "192.0.2.1\n" },
        { "explain a --client 10.0.0.1:1", NULL },
        { "explain a --client fe80::1%lo", NULL },
        { "explain a&client=1", NULL },
        { "wait --client 10.0.0.1", "entente wait: unknown option --client; "
                                    "see entente wait --help\n" },
        { "set", "entente set: which service? entente set SERVICE "
                 "ENDPOINT... [OPTION...] | SERVICE --sources [OPTION...]\n" },
        { "set redis", "entente set: which endpoints? entente set SERVICE "
                       "ENDPOINT..., or --sources for where its sources "
                       "say\n" },
        { "set a/b 10.0.0.1:1", NULL },
        { "set redis 10.0.0.1:1 --sources",
          "entente set: --sources or endpoints, not both\n" },
        { "set redis --sources --keep", NULL },
        { "set redis 10.0.0.1:1 --role both",
          "entente set: --role both: expected consume, direct or offer\n" },
        { "wait a --keep", "entente wait: unknown option --keep; see entente "
                           "wait --help\n" },
        { "wait a/b", NULL },
        { "wait -- --timeout", NULL },
    };
    struct play *play = *state;

    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        assert_int_equal(run(play, cases[i].words), 2);
        assert_string_equal(play->printed, "");
        if (cases[i].complained)
            assert_string_equal(play->complained, cases[i].complained);
        assert_int_equal(strcspn(play->complained, "\n") + 1,
                         strlen(play->complained));
    }
}

static void options_and_services_come_in_any_order(void **state)
{
    struct play *play = *state;

    check(play,
          "wait a --log-level debug b --admin ADDR --log-format json "
          "--timeout=1s -- c",
          0, "", "");
    assert_int_equal(play->probes, 3);
    assert_string_equal(play->asked, "c");
}

#define WITH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

RUN_TESTS(WITH(status_is_printed_for_people_or_programs),
          WITH(an_explanation_is_printed_for_people_or_programs),
          WITH(what_the_ambassador_refuses_it_says_why),
          WITH(what_cannot_be_written_is_a_failure),
          WITH(an_order_is_given_and_nothing_said),
          WITH(set_tells_the_endpoints_as_they_are_meant),
          WITH(set_asks_nobody_for_what_is_no_endpoint),
          WITH(wait_asks_until_each_service_is_reached),
          WITH(wait_says_which_was_not_reached_and_why),
          WITH(wait_does_not_wait_for_a_stranger),
          WITH(wait_waits_for_the_ambassador_too),
          WITH(the_address_is_a_flag_a_file_a_variable_or_found),
          WITH(the_only_ambassador_here_is_found),
          WITH(help_is_printed_and_no_error),
          WITH(a_command_line_that_is_not_understood_is_refused),
          WITH(options_and_services_come_in_any_order))
