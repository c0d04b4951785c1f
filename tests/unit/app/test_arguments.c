/* SPDX-License-Identifier: MIT */
#include "app/arguments.h"
#include "support/check_test.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_WORDS = 48 };

/* "a b c" as an argv; a word may be in quotes. */
struct words {
    char text[1024];
    char *words[MAX_WORDS + 1];
    int count;
};

static char *const *split(struct words *words, const char *text)
{
    char *at = words->text;

    assert_true(text_copy(words->text, sizeof(words->text), text));
    words->count = 0;
    while (*at != '\0') {
        char end = ' ';

        if (*at == '\'') {
            end = '\'';
            at++;
        }
        assert_true(words->count < MAX_WORDS);
        words->words[words->count++] = at;
        at = strchr(at, end);
        if (!at)
            break;
        *at++ = '\0';
        at += strspn(at, " ");
    }
    words->words[words->count] = NULL;
    return words->words;
}

static enum arguments_command command_of(const char *name)
{
    if (strcmp(name, "run") == 0)
        return ARGUMENTS_RUN;
    if (strcmp(name, "check") == 0)
        return ARGUMENTS_CHECK;
    return strcmp(name, "offer") == 0 ? ARGUMENTS_OFFER : ARGUMENTS_CONSUME;
}

/* One command line, and what became of it. */
struct attempt {
    struct words argv;
    struct words environment;
    struct arguments arguments;
    struct config *config;
    struct config_error error;
};

static enum status attempt(struct attempt *attempt, const char *line,
                           const char *environment)
{
    char *const *argv = split(&attempt->argv, line);
    enum status status;

    split(&attempt->environment, environment);
    attempt->config = NULL;
    status = arguments_parse(&attempt->arguments, command_of(argv[0]),
                             attempt->argv.count, argv,
                             attempt->environment.words, &attempt->error);
    if (status == STATUS_OK && !attempt->arguments.wants_help)
        status = arguments_load(&attempt->arguments, &attempt->config,
                                &attempt->error);
    return status;
}

static void finish(struct attempt *attempt)
{
    config_free(attempt->config);
    arguments_clear(&attempt->arguments);
}

static const struct service_options *
succeed(struct attempt *made, const char *line, const char *environment)
{
    if (attempt(made, line, environment) != STATUS_OK)
        fail_msg("%s", made->error.text);
    return &made->config->services[0];
}

static void assert_failure(const char *line, const char *environment,
                           int exit_code, const char *message)
{
    struct attempt made;

    assert_int_not_equal(attempt(&made, line, environment), STATUS_OK);
    assert_string_equal(made.error.text, message);
    assert_int_equal(arguments_exit_code(&made.arguments, &made.error),
                     exit_code);
    finish(&made);
}

static void assert_list(const struct text_list *list, const char *joined)
{
    char text[512] = "";

    for (size_t i = 0; i < list->count; i++) {
        strcat(text, i ? " " : "");
        strcat(text, list->items[i]);
    }
    assert_string_equal(text, joined);
}

#define IDENTITY " --certificate a --private-key b --trust c"
#define ADMIN " --admin 127.0.0.1:99"
#define SOUND "consume r --listen 127.0.0.1:1 --direct static:h:1" ADMIN

/* ---- flags ---- */

static void consume_goes_through_tunnels(void **state)
{
    struct attempt made;
    const struct service_options *service =
        succeed(&made,
                "consume redis --listen 127.0.0.1:6379 --from static:h:7411 "
                "--peer spiffe://a/db --hold 5s --balance hash" IDENTITY
                " --revocation d --workers 2 --log-level debug --log-format "
                "json --node n --state s --drain 1m --dns 10.0.0.1:53" ADMIN,
                "");
    const struct config *config = made.config;

    (void)state;
    assert_string_equal(service->name, "redis");
    assert_int_equal(service->role, SERVICE_CONSUME);
    assert_list(&service->listen, "127.0.0.1:6379");
    assert_list(&service->sources, "static:h:7411");
    assert_list(&service->peers, "spiffe://a/db");
    assert_int_equal(service->hold_us, 5000000);
    assert_int_equal(service->balance, BALANCE_HASH);
    assert_string_equal(config->identity.certificate, "a");
    assert_string_equal(config->identity.private_key, "b");
    assert_string_equal(config->identity.trust, "c");
    assert_string_equal(config->identity.revocation, "d");
    assert_int_equal(config->workers, 2);
    assert_int_equal(config->log_level, LOG_DEBUG);
    assert_int_equal(config->log_format, LOG_JSON);
    assert_string_equal(config->node, "n");
    assert_string_equal(config->state, "s");
    assert_string_equal(config->admin, "127.0.0.1:99");
    assert_list(&config->dns, "10.0.0.1:53");
    finish(&made);
}

static void direct_needs_no_peer_and_no_identity(void **state)
{
    struct attempt made;
    const struct service_options *service =
        succeed(&made, SOUND " --proxy-protocol --connect-timeout 1s",
                "ENTENTE_ON_MOVE=close");

    (void)state;
    assert_int_equal(service->role, SERVICE_DIRECT);
    assert_true(service->proxy_protocol);
    assert_int_equal(service->connect_timeout_us, 1000000);
    assert_true(service->move_us == SERVICE_MOVE_CLOSE);
    finish(&made);
}

static void offer_listens_or_dials(void **state)
{
    static const char *const ways[] = { " --tunnel-listen 0.0.0.0:7411",
                                        " --tunnel-dial h:7411 i:7411" };
    char line[512];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(ways); i++) {
        const struct service_options *service;
        struct attempt made;

        text_format(line, sizeof(line),
                    "offer redis --to static:h:1 --allow spiffe://a/b "
                    "spiffe://a/c%s" IDENTITY ADMIN,
                    ways[i]);
        service = succeed(&made, line, "");
        assert_int_equal(service->role, SERVICE_OFFER);
        assert_list(&service->allow, "spiffe://a/b spiffe://a/c");
        assert_int_equal(made.config->tunnels.listen.count, i == 0 ? 1 : 0);
        assert_int_equal(made.config->tunnels.dial.count, i == 0 ? 0 : 2);
        finish(&made);
    }
}

static void values_of_a_list_come_in_any_way(void **state)
{
    static const char *const ways[] = {
        "consume r --direct static:a:1 static:b:2",
        "consume r --direct static:a:1 --direct static:b:2",
        "consume r --direct=static:a:1 --direct=static:b:2",
        "consume r --direct=static:a:1 static:b:2",
        "consume --direct static:a:1 static:b:2 r",
        "consume --direct static:a:1 r static:b:2",
        "consume --hold 1s r --direct static:a:1 static:b:2",
        "consume --direct static:a:1 --direct static:b:2 -- r",
    };
    char line[512];

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(ways); i++) {
        const char *dashes = strstr(ways[i], " -- ");
        struct attempt made;
        const struct service_options *service;

        text_format(line, sizeof(line), "%.*s --listen 127.0.0.1:1" ADMIN "%s",
                    dashes ? (int)(dashes - ways[i]) : (int)strlen(ways[i]),
                    ways[i], dashes ? dashes : "");
        service = succeed(&made, line, "");
        assert_string_equal(service->name, "r");
        assert_list(&service->sources, "static:a:1 static:b:2");
        finish(&made);
    }
}

static void the_last_of_a_single_value_counts(void **state)
{
    struct attempt made;
    const struct service_options *service =
        succeed(&made,
                SOUND " --hold 1s --hold 2s --proxy-protocol "
                      "--proxy-protocol=false",
                "");

    (void)state;
    assert_int_equal(service->hold_us, 2000000);
    assert_false(service->proxy_protocol);
    finish(&made);
}

/* ---- variables ---- */

static void every_flag_is_a_variable_too(void **state)
{
    struct attempt made;
    const struct service_options *service =
        succeed(&made, "consume r",
                "HOME=/x ENTENTE_LISTEN=127.0.0.1:1 "
                "ENTENTE_FROM=static:h:1 ENTENTE_PEER=spiffe://a/b "
                "ENTENTE_CERTIFICATE=a ENTENTE_PRIVATE_KEY=b ENTENTE_TRUST=c "
                "ENTENTE_HOLD=3s ENTENTE_ADMIN=127.0.0.1:9 ENTENTE_WORKERS=3");

    (void)state;
    assert_int_equal(service->role, SERVICE_CONSUME);
    assert_int_equal(service->hold_us, 3000000);
    assert_int_equal(made.config->workers, 3);
    assert_string_equal(made.config->identity.trust, "c");
    finish(&made);
}

/* split() cannot put spaces into a variable. */
static void a_list_in_a_variable_is_separated_by_white_space(void **state)
{
    char listen[] = "ENTENTE_LISTEN= 127.0.0.1:1 \t127.0.0.1:2\n";
    char state_directory[] = "ENTENTE_STATE=a b";
    char empty[] = "ENTENTE_REVOCATION=";
    char *environment[] = { listen, state_directory, empty, NULL };
    struct arguments arguments;
    struct config_error error;
    struct config *config;
    struct words words;

    (void)state;
    split(&words, "consume r --direct static:h:1" ADMIN);
    assert_int_equal(arguments_parse(&arguments, ARGUMENTS_CONSUME, words.count,
                                     words.words, environment, &error),
                     STATUS_OK);
    assert_int_equal(arguments_load(&arguments, &config, &error), STATUS_OK);
    assert_list(&config->services[0].listen, "127.0.0.1:1 127.0.0.1:2");
    assert_string_equal(config->state, "a b");
    assert_null(config->identity.revocation);
    config_free(config);
    arguments_clear(&arguments);
}

static void a_flag_wins_over_a_variable(void **state)
{
    struct attempt made;
    const struct service_options *service =
        succeed(&made, SOUND " --hold 1s",
                "ENTENTE_HOLD=2s ENTENTE_LISTEN=127.0.0.1:9 "
                "ENTENTE_DIRECT=static:x:1 ENTENTE_MAX_WAITING=5");

    (void)state;
    assert_int_equal(service->hold_us, 1000000);
    assert_list(&service->listen, "127.0.0.1:1");
    assert_list(&service->sources, "static:h:1");
    assert_int_equal(service->max_waiting, 5);
    finish(&made);
}

static void variables_of_others_are_left_alone(void **state)
{
    struct attempt made;

    (void)state;
    /* As an orchestrator makes them for a service called entente. */
    succeed(&made, SOUND,
            "ENTENTE_PORT=tcp://10.0.0.1:7411 ENTENTE_SERVICE_HOST=10.0.0.1 "
            "ENTENTE_SERVICE_PORT=7411 ENTENTE_PORT_7411_TCP_ADDR=10.0.0.1 "
            "ENTENTE_ALLOW=spiffe://a/b ENTENTE_TO=static:h:1 ENTENTED=1 "
            "ENTENTE_CONFIG=x ENTENTE_ ENTENTE_=");
    finish(&made);
    assert_failure(SOUND, "ENTENTE_REVOCATON=ca.crl", 2,
                   "ENTENTE_REVOCATON: unknown variable; did you mean "
                   "ENTENTE_REVOCATION?");
    assert_failure(SOUND, "ENTENTE_PEERS=x", 2,
                   "ENTENTE_PEERS: unknown variable; did you mean "
                   "ENTENTE_PEER?");
}

/* ---- files ---- */

static char file_name[] = "test_arguments-XXXXXX";

static int write_file(void **state)
{
    static const char text[] =
        "node: file\n"
        "drain: 7s\n"
        "tunnels: {dial: [a:1, b:1]}\n"
        "identity: {certificate: a, private_key: b, trust: c}\n"
        "consume: {r: {listen: 127.0.0.1:1, direct: static:h:1}}\n";
    int fd = mkstemp(file_name);
    bool written =
        fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    (void)state;
    if (fd >= 0)
        close(fd);
    return written ? 0 : -1;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(file_name);
}

static void what_a_file_says_is_overridden_list_by_list(void **state)
{
    char line[256], environment[256];
    struct attempt made;

    (void)state;
    text_format(line, sizeof(line),
                "run --config %s --tunnel-dial c:1 --log-level error" ADMIN,
                file_name);
    succeed(&made, line, "ENTENTE_NODE=variable ENTENTE_LOG_LEVEL=debug");
    assert_string_equal(made.config->node, "variable");
    assert_int_equal(made.config->drain_us, 7000000);
    assert_list(&made.config->tunnels.dial, "c:1");
    assert_int_equal(made.config->log_level, LOG_ERROR);
    finish(&made);

    text_format(environment, sizeof(environment),
                "ENTENTE_CONFIG=%s ENTENTE_LISTEN=127.0.0.1:9", file_name);
    succeed(&made, "check --print" ADMIN, environment);
    assert_true(made.arguments.wants_print);
    assert_list(&made.config->services[0].listen, "127.0.0.1:1");
    finish(&made);

    text_format(line, sizeof(line), "check --config %s" ADMIN, file_name);
    succeed(&made, line, "ENTENTE_CONFIG=missing.yaml");
    finish(&made);
}

static void a_missing_file_is_told(void **state)
{
    (void)state;
    assert_failure("run", "", 1,
                   "entente.yaml: cannot be read: No such file or directory; "
                   "say which file: --config FILE");
    assert_failure("check --config no.yaml", "", 1,
                   "no.yaml: cannot be read: No such file or directory");
}

static void loading_again_gives_the_same(void **state)
{
    struct config *again;
    struct attempt made;

    (void)state;
    succeed(&made, "consume r --listen 127.0.0.1:1 --direct static:h:1",
            "XDG_RUNTIME_DIR=/nowhere");
    assert_non_null(made.config->admin);
    assert_int_equal(arguments_load(&made.arguments, &again, &made.error),
                     STATUS_OK);
    assert_true(config_equal(made.config, again));
    config_free(again);
    finish(&made);
}

/* ---- usage ---- */

static const struct {
    const char *line;
    int exit_code;
    const char *message;
} failures[] = {
    { "consume", 2,
      "which service? entente consume NAME ...; see entente consume --help" },
    { "offer --to static:h:1", 2,
      "which service? entente offer NAME ...; see entente offer --help" },
    { "consume r --lisen 127.0.0.1:1", 2,
      "unknown option --lisen; did you mean --listen?" },
    { "consume r --lisen=127.0.0.1:1", 2,
      "unknown option --lisen; did you mean --listen?" },
    { "consume r --list 127.0.0.1:1", 2, /* never abbreviated */
      "unknown option --list; did you mean --listen?" },
    { "consume r -listen 127.0.0.1:1", 2,
      "unknown option -listen; did you mean --listen?" },
    { "consume r --cert a", 2,
      "unknown option --cert; see entente consume --help" },
    { "consume r --allow spiffe://a/b", 2,
      "unknown option --allow; see entente consume --help" },
    { "consume r --config x", 2,
      "unknown option --config; see entente consume --help" },
    { "run --prin", 2, "unknown option --prin; see entente run --help" },
    { "check --prin", 2, "unknown option --prin; did you mean --print?" },
    { "run --listen 127.0.0.1:1", 2,
      "unknown option --listen; see entente run --help" },
    { "run -x", 2, "unknown option -x; see entente run --help" },
    { "run entente.yaml", 2,
      "unexpected \"entente.yaml\"; did you mean --config entente.yaml?" },
    { "run --config", 2, "--config needs a value: --config FILE" },
    { "consume r --listen", 2, "--listen needs a value: --listen ADDR" },
    { "consume r --listen --from static:h:1", 2,
      "--listen needs a value: --listen ADDR" },
    { "consume r s", 2, "unexpected \"s\" behind the service's name, \"r\"" },
    { "consume r --hold 1s 2s", 2,
      "unexpected \"2s\" behind the service's name, \"r\"" },
    { "consume a/b", 2,
      "\"a/b\": a service's name is at most 63 letters, digits, '.', '_' and "
      "'-', like redis" },
    /* Nothing wrong with a value, but one is missing or two too many. */
    { "consume r", 2,
      "consume: r: --from is missing (where the ambassadors are that "
      "offer it, or inbound: for peers that dial us), or --direct (where the "
      "service itself is, to reach it without a tunnel); give a source like "
      "static:db-1.example.com:7411" },
    { "consume r --direct static:h:1", 2,
      "consume: r: --listen is missing (where applications connect); "
      "give an address like 127.0.0.1:6379, [::1]:6379 or "
      "unix:/run/redis.sock" },
    { "consume r --listen 127.0.0.1:1 --from static:h:1", 2,
      "consume: r: --peer is missing (who may claim to offer it); give "
      "an identity like spiffe://acme/web-1 or spiffe://acme/web-*" },
    { "consume r --listen 127.0.0.1:1 --from static:h:1 --peer spiffe://a/b", 2,
      "consume: r goes through tunnels, but --certificate is missing "
      "(our certificate, then the chain to the CA (PEM))" },
    { "consume r --direct static:h:1 --from static:h:2", 2,
      "--from: r: a service is reached either from its ambassadors or direct, "
      "and --direct gives direct" },
    { "offer r --to static:h:1", 2,
      "offer: r: --allow is missing (who may open it; nobody else "
      "can); "
      "give an identity like spiffe://acme/web-1 or spiffe://acme/web-*" },
    { "offer r --to static:h:1 --allow spiffe://a/b", 2,
      "offer: r: no peer can reach it; give --tunnel-listen, like "
      "0.0.0.0:7411, or --tunnel-dial, like web-1.example.com:7411" },
    /* A value is wrong. */
    { "consume r --listen 6379", 1,
      "--listen: \"6379\": expected an address and a port like 127.0.0.1:6379 "
      "or [::1]:6379, or unix:/path" },
    { "consume r --listen 127.0.0.1:1 --direct static:h:1 --hold 10", 1,
      "--hold: \"10\": expected a time like 500ms or 10s, from 0 to 1h" },
    { "consume r --proxy-protocol=maybe", 1,
      "--proxy-protocol: \"maybe\": expected true or false" },
    { "consume r --listen 127.0.0.1:1 127.0.0.1:1 --direct static:h:1", 1,
      "--listen: 127.0.0.1:1 is listened on twice; the other is at --listen" },
};

static void each_failure_is_one_clear_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(failures); i++)
        assert_failure(failures[i].line, "", failures[i].exit_code,
                       failures[i].message);
    assert_failure("consume r --listen 127.0.0.1:1 --direct static:h:1",
                   "ENTENTE_HOLD=long", 1,
                   "ENTENTE_HOLD: \"long\": expected a time like 500ms or 10s, "
                   "from 0 to 1h");
}

/* ---- help ---- */

static void help_is_given_whatever_else_is_there(void **state)
{
    static const char *const lines[] = { "run --help", "consume -h",
                                         "consume r --listen 1 --help --bogus",
                                         "offer --help" };
    struct attempt made;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(lines); i++) {
        assert_int_equal(attempt(&made, lines[i], "ENTENTE_PEERS=x"),
                         STATUS_OK);
        assert_true(made.arguments.wants_help);
        finish(&made);
    }
    assert_int_equal(attempt(&made, "consume -- --help", ""), STATUS_CONFIG);
    assert_false(made.arguments.wants_help);
    finish(&made);
}

static char *help_of(enum arguments_command command)
{
    char *text = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);

    assert_non_null(to);
    arguments_print_help(command, to);
    assert_int_equal(fclose(to), 0);
    return text;
}

static void help_names_the_flags_of_its_command_in_80_columns(void **state)
{
    static const struct {
        const char *flag;
        unsigned commands; /* bits */
    } flags[] = {
        { "  --config FILE ", 1 << ARGUMENTS_RUN | 1 << ARGUMENTS_CHECK },
        { "  --print ", 1 << ARGUMENTS_CHECK },
        { "  --listen ADDR... ", 1 << ARGUMENTS_CONSUME },
        { "  --direct SOURCE... ", 1 << ARGUMENTS_CONSUME },
        { "  --hold TIME ", 1 << ARGUMENTS_CONSUME },
        { "  --to SOURCE... ", 1 << ARGUMENTS_OFFER },
        { "  --allow ID... ", 1 << ARGUMENTS_OFFER },
        { "  --certificate FILE ", 15 },
        { "  --log-level WORD ", 15 },
    };

    (void)state;
    for (int command = ARGUMENTS_RUN; command <= ARGUMENTS_OFFER; command++) {
        char *text = help_of((enum arguments_command)command);

        for (size_t i = 0; i < ARRAY_LENGTH(flags); i++)
            assert_int_equal(strstr(text, flags[i].flag) != NULL,
                             flags[i].commands >> command & 1);
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
            assert_true(strlen(line) < 80);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(consume_goes_through_tunnels),
        TEST(direct_needs_no_peer_and_no_identity),
        TEST(offer_listens_or_dials),
        TEST(values_of_a_list_come_in_any_way),
        TEST(the_last_of_a_single_value_counts),
        TEST(every_flag_is_a_variable_too),
        TEST(a_list_in_a_variable_is_separated_by_white_space),
        TEST(a_flag_wins_over_a_variable),
        TEST(variables_of_others_are_left_alone),
        TEST(what_a_file_says_is_overridden_list_by_list),
        TEST(a_missing_file_is_told),
        TEST(loading_again_gives_the_same),
        TEST(each_failure_is_one_clear_line),
        TEST(help_is_given_whatever_else_is_there),
        TEST(help_names_the_flags_of_its_command_in_80_columns),
    };

    return cmocka_run_group_tests(tests, write_file, remove_file);
}
