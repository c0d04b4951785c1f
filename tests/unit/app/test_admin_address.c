/* SPDX-License-Identifier: MIT */
#include "app/admin_address.h"
#include "base/text.h"
#include "net/address.h"
#include "support/check_test.h"
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory of our own instead of the system's. */
static char directory[64];

static int make_directory(void **state)
{
    (void)state;
    text_format(directory, sizeof(directory), "%s/entente-test-XXXXXX",
                P_tmpdir);
    if (!mkdtemp(directory))
        return -1;
    return setenv("RUNTIME_DIRECTORY", directory, 1);
}

static int remove_directory(void **state)
{
    DIR *listing = opendir(directory);
    struct dirent *entry;
    char path[512];

    (void)state;
    while (listing && (entry = readdir(listing)))
        if (entry->d_name[0] != '.') {
            text_format(path, sizeof(path), "%s/%s", directory, entry->d_name);
            if (unlink(path) != 0)
                (void)!rmdir(path);
        }
    if (listing)
        closedir(listing);
    return rmdir(directory);
}

static int listen_at(const char *text)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct address address;

    assert_true(fd >= 0);
    assert_true(address_parse(&address, text));
    assert_int_equal(bind(fd, &address.any, address.length), 0);
    assert_int_equal(listen(fd, 5), 0);
    return fd;
}

static void assert_chosen(const char *name, const char *expected)
{
    char address[ADMIN_ADDRESS_TEXT], full[ADMIN_ADDRESS_TEXT];
    struct config_error error;

    assert_int_equal(admin_address_choose(name, address, &error), STATUS_OK);
    text_format(full, sizeof(full), "unix:%s/%s", directory, expected);
    assert_string_equal(address, full);
}

static void a_second_ambassador_of_a_name_gets_another_socket(void **state)
{
    char address[ADMIN_ADDRESS_TEXT];
    struct config_error error;
    int fd;

    (void)state;
    assert_chosen("web-1", "web-1.sock");
    assert_int_equal(admin_address_choose("web-1", address, &error), STATUS_OK);
    fd = listen_at(address);
    assert_chosen("web-1", "web-1-2.sock");
    assert_chosen("web-2", "web-2.sock");
    close(fd);
    assert_chosen("web-1", "web-1.sock"); /* left behind: taken over */
}

static void a_name_that_is_too_long_is_refused(void **state)
{
    char name[128], address[ADMIN_ADDRESS_TEXT];
    struct config_error error;

    (void)state;
    memset(name, 'a', sizeof(name));
    name[107 - strlen(directory) - strlen("/.sock")] = '\0';
    assert_int_equal(admin_address_choose(name, address, &error), STATUS_OK);
    strcat(name, "a");
    assert_int_equal(admin_address_choose(name, address, &error),
                     STATUS_CONFIG);
    assert_non_null(strstr(error.text, "say where: --admin ADDR"));
}

static void what_was_said_is_where_to_ask(void **state)
{
    char address[ADMIN_ADDRESS_TEXT], longer[ADMIN_ADDRESS_TEXT + 1];
    struct config_error error;

    (void)state;
    assert_int_equal(admin_address_find("127.0.0.1:7412", address, &error),
                     STATUS_OK);
    assert_string_equal(address, "127.0.0.1:7412");
    memset(longer, 'a', sizeof(longer));
    longer[ADMIN_ADDRESS_TEXT] = '\0';
    assert_int_equal(admin_address_find(longer, address, &error),
                     STATUS_CONFIG);
    assert_string_equal(error.text, "--admin: the address is too long");
}

static void the_only_one_is_found_and_several_are_listed(void **state)
{
    char one[ADMIN_ADDRESS_TEXT], two[ADMIN_ADDRESS_TEXT],
        address[ADMIN_ADDRESS_TEXT], text[512];
    struct config_error error;
    int first, second;

    (void)state;
    assert_int_equal(admin_address_find("", address, &error), STATUS_REFUSED);
    text_format(text, sizeof(text),
                "no ambassador of this user runs here (none listens in %s); "
                "say where: --admin ADDR or ENTENTE_ADMIN",
                directory);
    assert_string_equal(error.text, text);

    assert_int_equal(admin_address_choose("one", one, &error), STATUS_OK);
    first = listen_at(one);
    assert_int_equal(admin_address_find(NULL, address, &error), STATUS_OK);
    assert_string_equal(address, one);

    assert_int_equal(admin_address_choose("two", two, &error), STATUS_OK);
    second = listen_at(two);
    assert_int_equal(admin_address_find(NULL, address, &error), STATUS_CONFIG);
    assert_memory_equal(error.text, "2 ambassadors run here", 22);
    assert_non_null(strstr(error.text, one));
    assert_non_null(strstr(error.text, two));
    close(first);
    assert_int_equal(admin_address_find(NULL, address, &error), STATUS_OK);
    assert_string_equal(address, two);
    close(second);
}

static void the_directory_is_made_for_us_alone(void **state)
{
    char address[ADMIN_ADDRESS_TEXT], ours[sizeof(directory) + 16];
    struct config_error error;
    struct stat made;

    (void)state;
    text_format(ours, sizeof(ours), "%s/entente", directory);
    text_format(address, sizeof(address), "unix:%s/x.sock", ours);
    assert_int_equal(setenv("RUNTIME_DIRECTORY", ours, 1), 0);
    assert_int_equal(admin_address_prepare(address, &error), STATUS_OK);
    assert_int_equal(stat(ours, &made), 0);
    assert_int_equal(made.st_mode & 07777, 0700);
    assert_int_equal(admin_address_prepare(address, &error), STATUS_OK);

    assert_int_equal(chmod(ours, 0777), 0);
    assert_int_equal(admin_address_prepare(address, &error), STATUS_CONFIG);
    assert_non_null(strstr(error.text, "that only we can write to"));
    assert_int_equal(rmdir(ours), 0);
    assert_int_equal(symlink(directory, ours), 0);
    assert_int_equal(admin_address_prepare(address, &error), STATUS_CONFIG);
    assert_int_equal(unlink(ours), 0);
    assert_int_equal(setenv("RUNTIME_DIRECTORY", directory, 1), 0);
}

static void other_places_are_the_operators(void **state)
{
    char address[ADMIN_ADDRESS_TEXT], path[128];
    struct config_error error;

    (void)state;
    assert_int_equal(admin_address_prepare("127.0.0.1:1", &error), STATUS_OK);
    assert_int_equal(admin_address_prepare("unix:@x", &error), STATUS_OK);
    assert_int_equal(admin_address_prepare("unix:/x", &error), STATUS_OK);
    text_format(path, sizeof(path), "%s/other", directory);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(chmod(path, 0777), 0);
    text_format(address, sizeof(address), "unix:%s/x.sock", path);
    assert_int_equal(admin_address_prepare(address, &error), STATUS_OK);
    text_format(address, sizeof(address), "unix:%s/no/no/x", directory);
    assert_int_equal(admin_address_prepare(address, &error), STATUS_IO);
    assert_non_null(strstr(error.text, "the directory cannot be made: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_second_ambassador_of_a_name_gets_another_socket),
        TEST(a_name_that_is_too_long_is_refused),
        TEST(what_was_said_is_where_to_ask),
        TEST(the_only_one_is_found_and_several_are_listed),
        TEST(the_directory_is_made_for_us_alone),
        TEST(other_places_are_the_operators),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
