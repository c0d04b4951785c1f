/* SPDX-License-Identifier: MIT */
#include "app/pki.h"
#include "support/check_test.h"
#include "support/crypto/forge.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *directory;
static char output[16384]; /* of the last command, both streams */

static int set_up(void **state)
{
    (void)state;
    directory = forge_directory();
    return chdir(directory);
}

static int tear_down(void **state)
{
    (void)state;
    if (chdir("/") != 0)
        return -1;
    forge_remove(directory);
    return 0;
}

/* Both streams go to a file while |words| run. */
static int run_words(int count, char **words)
{
    int streams[2] = { dup(STDOUT_FILENO), dup(STDERR_FILENO) };
    FILE *file = fopen("output", "w+");
    size_t length;
    int code;

    assert_non_null(file);
    fflush(stdout);
    dup2(fileno(file), STDOUT_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    code = pki_main(count, words);
    fflush(stdout);
    dup2(streams[0], STDOUT_FILENO);
    dup2(streams[1], STDERR_FILENO);
    close(streams[0]);
    close(streams[1]);
    rewind(file);
    length = fread(output, 1, sizeof(output) - 1, file);
    output[length] = '\0';
    fclose(file);
    remove("output");
    return code;
}

static int run(const char *line)
{
    char copy[256], *words[16] = { (char[]){ "pki" } };
    char *rest = copy;
    int count = 1;

    snprintf(copy, sizeof(copy), "%s", line);
    while ((words[count] = strsep(&rest, " ")) != NULL)
        if (*words[count] != '\0')
            count++;
    return run_words(count, words);
}

static bool says(const char *words)
{
    if (strstr(output, words))
        return true;
    print_message("said: %s\n", output);
    return false;
}

static void a_pair_takes_one_command(void **state)
{
    static const char *const files[] = {
        "certs/ca.crt",           "certs/ca.key",
        "certs/ca.crl",           "certs/redis-client.crt",
        "certs/redis-client.key", "certs/redis-server.crt",
        "certs/redis-server.key",
    };

    (void)state;
    assert_int_equal(run("pair redis --domain acme"), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(files); i++)
        assert_int_equal(access(files[i], F_OK), 0);
    assert_true(says("On the host of the application"));
    assert_true(says("certificate: certs/redis-client.crt"));
    assert_true(says("peer: [spiffe://acme/redis-server]"));
    assert_true(says("On the host of the service"));
    assert_true(says("allow: [spiffe://acme/redis-client]"));
    assert_true(says("revocation: certs/ca.crl"));
}

static void a_second_pair_keeps_the_ca(void **state)
{
    (void)state;
    assert_int_equal(run("pair redis --domain acme"), 0);
    assert_int_equal(system("cp certs/ca.crt before"), 0);
    assert_int_equal(run("pair postgres"), 0);
    assert_true(says("spiffe://acme/postgres-server"));
    assert_int_equal(system("cmp -s certs/ca.crt before"), 0);
    assert_int_equal(run("pair mysql --domain acme"), 0);
    assert_int_equal(run("pair nginx --domain other"), 1);
    assert_true(says("is for spiffe://acme, not for other"));
    assert_int_equal(access("certs/nginx-client.crt", F_OK), -1);
}

static void a_pair_is_made_whole_or_not_at_all(void **state)
{
    (void)state;
    assert_int_equal(run("init"), 0);
    assert_int_equal(run("issue redis-server"), 0);
    assert_int_equal(run("pair redis"), 1);
    assert_true(says("redis-server.crt exists already; --force"));
    assert_int_equal(access("certs/redis-client.crt", F_OK), -1);
    assert_int_equal(run("pair redis --force"), 0);
}

static void the_days_of_a_pair_are_not_the_days_of_its_ca(void **state)
{
    (void)state;
    assert_int_equal(run("pair redis --days 7"), 0);
    assert_int_equal(run("show --json"), 0);
    /* The last second of a day may be over already. */
    assert_true(strstr(output, "\"days_left\": 3649") ||
                says("\"days_left\": 3650"));
    assert_true(strstr(output, "\"days_left\": 6,") ||
                says("\"days_left\": 7"));
    assert_null(strstr(output, "\"days_left\": 36,"));
    assert_null(strstr(output, "\"days_left\": 365,"));
}

static void every_step_can_be_taken_alone(void **state)
{
    (void)state;
    assert_int_equal(run("init --dir pki --domain prod.example"), 0);
    assert_int_equal(run("issue web-1 --dir pki --days 30"), 0);
    assert_true(says("pki/web-1.key"));
    assert_int_equal(run("renew web-1 --dir pki"), 0);
    assert_true(says("entente reload"));
    assert_int_equal(run("show --dir pki"), 0);
    assert_true(says("spiffe://prod.example/web-1"));
    assert_true(says("valid"));
    assert_false(strstr(output, "revoked") != NULL);
    assert_int_equal(run("revoke web-1 --dir pki"), 0);
    assert_true(says("pki/ca.crl"));
    assert_int_equal(run("show --dir pki"), 0);
    assert_true(says("revoked"));
}

static void options_may_stand_anywhere(void **state)
{
    (void)state;
    assert_int_equal(run("--dir pki init"), 0);
    assert_int_equal(run("issue --dir=pki web-1"), 0);
    assert_int_equal(access("pki/web-1.crt", F_OK), 0);
}

static void what_programs_read_is_json(void **state)
{
    FILE *file;

    (void)state;
    assert_int_equal(run("pair redis"), 0);
    assert_int_equal(run("show --json"), 0);
    file = fopen("shown", "w");
    assert_non_null(file);
    fputs(output, file);
    fclose(file);
    assert_int_equal(
        system("python3 -c 'import json; e = json.load(open(\"shown\")); "
               "assert [x[\"name\"] for x in e] == [\"ca\", "
               "\"redis-client\", \"redis-server\"], e'"),
        0);
}

static void refusals_are_one_line_and_code_1(void **state)
{
    static const char *const lines[] = {
        "issue web-1", "renew web-1",         "revoke web-1", "show",
        "show --json", "init --domain UPPER", "pair ../x",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(lines); i++) {
        char *newline;

        assert_int_equal(run(lines[i]), 1);
        assert_true(says("entente pki: "));
        newline = strstr(strstr(output, "entente pki: "), "\n");
        assert_non_null(newline);
        assert_string_equal(newline, "\n");
    }
    assert_int_equal(run("init"), 0);
    assert_int_equal(run("init"), 1);
    assert_true(says("--force"));
}

static void misuse_is_code_2_and_does_nothing(void **state)
{
    static const char *const lines[] = {
        "",
        "make",
        "issue",
        "pair",
        "issue a b",
        "init acme",
        "show web-1",
        "init --days 0",
        "init --days many",
        "init --days 36501",
        "init --colour",
        "init --dir",
        "issue web-1 --domain acme",
        "init --json",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(lines); i++) {
        assert_int_equal(run(lines[i]), 2);
        assert_true(says("see entente pki --help\n"));
        assert_false(says("usage: "));
        assert_int_equal(access("certs", F_OK), -1);
    }
    assert_int_equal(run("--help"), 0);
    assert_true(says("usage: entente pki"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

RUN_TESTS(T(a_pair_takes_one_command), T(a_second_pair_keeps_the_ca),
          T(a_pair_is_made_whole_or_not_at_all),
          T(the_days_of_a_pair_are_not_the_days_of_its_ca),
          T(every_step_can_be_taken_alone), T(options_may_stand_anywhere),
          T(what_programs_read_is_json), T(refusals_are_one_line_and_code_1),
          T(misuse_is_code_2_and_does_nothing))
