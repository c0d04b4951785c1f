/* SPDX-License-Identifier: MIT */
/* The files of Unix sockets: whose they are, who may come in, who removes. */
#include "net/listener.h"

#include "support/check_test.h"
#include "support/sockets.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- two calls of the layer, with a closer look ---- */

static mode_t mode_when_bound; /* of the file, before anything else */

int bind(int fd, const struct sockaddr *name, socklen_t length)
{
    const struct sockaddr_un *path = (const void *)name;
    int result = (int)syscall(SYS_bind, fd, name, length);
    struct stat file;

    if (result == 0 && name->sa_family == AF_UNIX &&
        lstat(path->sun_path, &file) == 0)
        mode_when_bound = file.st_mode & 07777;
    return result;
}

/* Others have time to find the same socket stale. */
int unlink(const char *path)
{
    usleep(1000);
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

/* A directory of the test's own, and the path of a socket in it. */
struct place {
    char directory[32];
    char path[64];
    char text[80]; /* "unix:" and the path */
    struct loop *loop;
    struct listener *listener;
    unsigned accepted;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    if (!place)
        return -1;
    strcpy(place->directory, "/tmp/entente-test-XXXXXX");
    if (!mkdtemp(place->directory))
        return -1;
    (void)snprintf(place->path, sizeof(place->path), "%s/socket",
                   place->directory);
    (void)snprintf(place->text, sizeof(place->text), "unix:%s", place->path);
    place->loop = loop_new();
    *state = place;
    return place->loop ? 0 : -1;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    listener_close(place->listener);
    loop_free(place->loop);
    (void)unlink(place->path);
    (void)rmdir(place->path);
    if (rmdir(place->directory) != 0)
        return -1;
    free(place);
    return 0;
}

static void on_accepted(void *context, int fd, const struct address *from)
{
    struct place *place = context;

    assert_true(address_is_unix(from));
    place->accepted++;
    close(fd);
}

static enum status open_at(struct place *place, const char *text, unsigned mode,
                           struct net_error *error)
{
    struct listener_options options = { .mode = mode,
                                        .accepted = on_accepted,
                                        .context = place };

    assert_true(address_parse(&options.address, text));
    return listener_open(place->loop, &options, &place->listener, error);
}

static void open_it(struct place *place, unsigned mode)
{
    struct net_error error;

    if (open_at(place, place->text, mode, &error) != STATUS_OK)
        fail_msg("%s", error.text);
}

static void close_it(struct place *place)
{
    listener_close(place->listener);
    place->listener = NULL;
}

static void assert_refused(struct place *place, const char *text,
                           enum status status, const char *sentence)
{
    size_t before = sockets_count();
    struct net_error error;

    assert_int_equal(open_at(place, text, 0, &error), status);
    if (!strstr(error.text, sentence) || !strstr(error.text, text))
        fail_msg("%s", error.text);
    loop_turn(place->loop, 0);
    assert_int_equal(sockets_count(), before);
}

static bool is_there(const struct place *place)
{
    struct stat file;

    return lstat(place->path, &file) == 0;
}

static bool can_connect(const struct place *place)
{
    struct address address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_connected;

    assert_true(address_parse(&address, place->text));
    is_connected = connect(fd, &address.any, address.length) == 0;
    close(fd);
    return is_connected;
}

/* Bind, and die without removing the file. */
static void leave_stale(const struct place *place, int type)
{
    struct address address;
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    assert_true(address_parse(&address, place->text));
    assert_int_equal(bind(fd, &address.any, address.length), 0);
    close(fd);
    assert_true(is_there(place));
}

static void a_socket_lives_as_long_as_its_listener(void **state)
{
    struct place *place = *state;

    open_it(place, 0);
    assert_true(can_connect(place));
    loop_turn(place->loop, 100000);
    assert_int_equal(place->accepted, 1);
    close_it(place);
    assert_false(is_there(place));
}

static mode_t mode_of(const struct place *place)
{
    struct stat file;

    assert_int_equal(lstat(place->path, &file), 0);
    return file.st_mode & 07777;
}

static void its_mode_is_0600_or_what_was_asked_for(void **state)
{
    struct place *place = *state;
    mode_t umasks[] = { 0, 022, 077, 0777 };
    mode_t before = umask(0);

    for (size_t i = 0; i < ARRAY_LENGTH(umasks); i++) {
        umask(umasks[i]);
        open_it(place, 0);
        assert_int_equal(mode_of(place), 0600);
        assert_int_equal(mode_when_bound & ~0600u, 0); /* at no time */
        close_it(place);
        open_it(place, 0666);
        assert_int_equal(mode_of(place), 0666);
        close_it(place);
    }
    umask(before);
}

static void a_stale_socket_is_taken_over(void **state)
{
    struct place *place = *state;

    leave_stale(place, SOCK_STREAM);
    open_it(place, 0);
    assert_true(can_connect(place));
}

static void a_live_socket_is_left_alone(void **state)
{
    struct place *place = *state, other = *place;

    open_it(place, 0);
    other.listener = NULL;
    assert_refused(&other, place->text, STATUS_CONFIG,
                   "another process listens there");
    assert_true(can_connect(place));
}

static void a_bound_socket_of_another_kind_is_left_alone(void **state)
{
    struct place *place = *state;
    struct address address;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(address_parse(&address, place->text));
    assert_int_equal(bind(fd, &address.any, address.length), 0);
    assert_refused(place, place->text, STATUS_CONFIG,
                   "another process listens there");
    assert_true(is_there(place));
    close(fd);
}

static void other_files_are_left_alone(void **state)
{
    struct place *place = *state;
    int fd = open(place->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    close(fd);
    assert_refused(place, place->text, STATUS_CONFIG, "not a socket");
    assert_true(is_there(place));
    unlink(place->path);
    assert_int_equal(symlink("nowhere", place->path), 0);
    assert_refused(place, place->text, STATUS_CONFIG, "not a socket");
    assert_true(is_there(place));
    unlink(place->path);
    assert_int_equal(mkdir(place->path, 0700), 0);
    assert_refused(place, place->text, STATUS_CONFIG, "not a socket");
    assert_true(is_there(place));
}

static void a_directory_that_is_none_is_refused(void **state)
{
    struct place *place = *state;
    char text[96];
    int fd;

    (void)snprintf(text, sizeof(text), "%s/socket", place->text);
    assert_refused(place, text, STATUS_CONFIG, "directory does not exist");
    fd = open(place->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_refused(place, text, STATUS_CONFIG, "not a directory");
}

/* In a child that is nobody. */
static void a_directory_of_others_is_refused(void **state)
{
    struct place *place = *state;
    int outcome;
    pid_t child;

    if (geteuid() != 0)
        skip();
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(1);
        assert_refused(place, place->text, STATUS_DENIED, "no permission");
        _exit(0);
    }
    assert_int_equal(waitpid(child, &outcome, 0), child);
    assert_int_equal(outcome, 0);
}

static void a_socket_that_is_no_longer_ours_is_not_removed(void **state)
{
    struct place *place = *state;

    open_it(place, 0);
    assert_int_equal(unlink(place->path), 0);
    leave_stale(place, SOCK_STREAM);
    close_it(place);
    assert_true(is_there(place));
}

/* ---- several at once ---- */

enum { RIVALS = 8 };

/* Open when |start| ends, tell whether it was possible, live on to |stop|. */
static _Noreturn void compete(struct place *place, int start, int tell,
                              int stop)
{
    struct net_error error;
    char byte;

    if (read(start, &byte, 1) != 0)
        abort();
    byte = open_at(place, place->text, 0, &error) == STATUS_OK ? 'y' : 'n';
    if (byte == 'n' && !strstr(error.text, "another process listens"))
        abort();
    if (write(tell, &byte, 1) != 1 || read(stop, &byte, 1) != 0)
        abort();
    listener_close(place->listener);
    loop_free(place->loop);
    _exit(0);
}

static void one_of_many_takes_over(void **state)
{
    struct place *place = *state;

    for (int round = 0; round < 20; round++) {
        int start[2], tell[2], stop[2], winners = 0;
        pid_t rivals[RIVALS];

        leave_stale(place, SOCK_STREAM);
        assert_int_equal(pipe(start) | pipe(tell) | pipe(stop), 0);
        for (int i = 0; i < RIVALS; i++) {
            rivals[i] = fork();
            assert_true(rivals[i] >= 0);
            if (rivals[i] == 0) {
                close(start[1]);
                close(stop[1]);
                compete(place, start[0], tell[1], stop[0]);
            }
        }
        close(start[1]);
        for (int i = 0; i < RIVALS; i++) {
            char byte = 0;

            assert_int_equal(read(tell[0], &byte, 1), 1);
            winners += byte == 'y';
        }
        assert_int_equal(winners, 1);
        assert_true(can_connect(place));
        close(stop[1]);
        for (int i = 0; i < RIVALS; i++) {
            int outcome;

            assert_int_equal(waitpid(rivals[i], &outcome, 0), rivals[i]);
            assert_int_equal(outcome, 0);
        }
        close(start[0]);
        close(stop[0]);
        close(tell[0]);
        close(tell[1]);
        unlink(place->path);
    }
}

#define AT_A_PLACE(name) \
    cmocka_unit_test_setup_teardown(name, set_up, tear_down)

RUN_TESTS(AT_A_PLACE(a_socket_lives_as_long_as_its_listener),
          AT_A_PLACE(its_mode_is_0600_or_what_was_asked_for),
          AT_A_PLACE(a_stale_socket_is_taken_over),
          AT_A_PLACE(a_live_socket_is_left_alone),
          AT_A_PLACE(a_bound_socket_of_another_kind_is_left_alone),
          AT_A_PLACE(other_files_are_left_alone),
          AT_A_PLACE(a_directory_that_is_none_is_refused),
          AT_A_PLACE(a_directory_of_others_is_refused),
          AT_A_PLACE(a_socket_that_is_no_longer_ours_is_not_removed),
          AT_A_PLACE(one_of_many_takes_over))
