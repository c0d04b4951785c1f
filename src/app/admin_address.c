/* SPDX-License-Identifier: MIT */
#include "app/admin_address.h"
#include "base/text.h"
#include "net/address.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const char suffix[] = ".sock";

enum { MAX_SAME_NAME = 100, MAX_LISTED = 8 };

static enum status refuse(struct config_error *error, const char *text)
{
    *error = (struct config_error){ .text = "" };
    (void)text_format(error->text, sizeof(error->text), "%s", text);
    return STATUS_CONFIG;
}

/* ---- the directory ---- */

static const char *variable(const char *name, const char *otherwise)
{
    const char *value = getenv(name);

    return value && value[0] == '/' ? value : otherwise;
}

static bool find_directory(char *directory, size_t size)
{
    const char *given = variable("RUNTIME_DIRECTORY", NULL);
    const char *session = variable("XDG_RUNTIME_DIR", NULL);

    if (given && !strchr(given, ':')) /* systemd may give several */
        return text_copy(directory, size, given);
    if (geteuid() == 0)
        return text_copy(directory, size, "/run/entente");
    if (session)
        return text_format(directory, size, "%s/entente", session);
    return text_format(directory, size, "%s/entente-%u",
                       variable("TMPDIR", P_tmpdir), (unsigned)geteuid());
}

/* Does somebody listen at |address|? */
static bool is_alive(const char *address)
{
    struct address to;
    bool alive;
    int fd;

    if (!address_parse(&to, address))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    /* EAGAIN: its queue is full, so there is one. */
    alive = connect(fd, &to.any, to.length) == 0 || errno == EAGAIN;
    close(fd);
    return alive;
}

enum status admin_address_choose(const char *name, char *address,
                                 struct config_error *error)
{
    char directory[ADMIN_ADDRESS_TEXT], number[16] = "";
    struct address unused;

    for (int i = 1; i <= MAX_SAME_NAME; i++) {
        if (i > 1)
            (void)text_format(number, sizeof(number), "-%d", i);
        if (!find_directory(directory, sizeof(directory)) ||
            !text_format(address, ADMIN_ADDRESS_TEXT, "unix:%s/%s%s%s",
                         directory, name, number, suffix) ||
            !address_parse(&unused, address))
            break;
        if (!is_alive(address))
            return STATUS_OK;
    }
    return refuse(error, "admin: no socket's path was found that is free and "
                         "short enough; say where: --admin ADDR");
}

enum status admin_address_prepare(const char *address,
                                  struct config_error *error)
{
    char path[ADMIN_ADDRESS_TEXT], mine[ADMIN_ADDRESS_TEXT], text[512];
    const char *slash;
    struct stat found;

    slash = strrchr(address, '/');
    if (strncmp(address, "unix:/", 6) != 0 || slash == address + 5)
        return STATUS_OK;
    if (!text_format(path, sizeof(path), "%.*s", (int)(slash - address - 5),
                     address + 5))
        return STATUS_OK; /* too long for a socket too, which will say so */
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        (void)text_format(text, sizeof(text),
                          "%s: the directory cannot be made: %s; say where "
                          "the admin socket may be: --admin ADDR",
                          path, strerror(errno));
        (void)refuse(error, text);
        return STATUS_IO;
    }
    if (!find_directory(mine, sizeof(mine)) || strcmp(path, mine) != 0)
        return STATUS_OK; /* the operator's choice */
    if (lstat(path, &found) == 0 && S_ISDIR(found.st_mode) &&
        found.st_uid == geteuid() && (found.st_mode & 022) == 0)
        return STATUS_OK;
    (void)text_format(text, sizeof(text),
                      "%s: it is not a directory that only we can write to; "
                      "say where the admin socket may be: --admin ADDR",
                      path);
    return refuse(error, text);
}

/* ---- finding ---- */

struct search {
    char directory[ADMIN_ADDRESS_TEXT];
    char address[ADMIN_ADDRESS_TEXT]; /* the last one found */
    char list[640];
    size_t count;
};

static void look_at(struct search *search, const char *name)
{
    size_t length = strlen(name), used = strlen(search->list);
    char address[ADMIN_ADDRESS_TEXT];

    if (length <= strlen(suffix) ||
        strcmp(name + length - strlen(suffix), suffix) != 0 ||
        !text_format(address, sizeof(address), "unix:%s/%s", search->directory,
                     name) ||
        !is_alive(address))
        return;
    memcpy(search->address, address, sizeof(search->address));
    if (search->count++ < MAX_LISTED)
        (void)text_format(search->list + used, sizeof(search->list) - used,
                          "%s%s", used ? ", " : "", address);
}

static void look_around(struct search *search)
{
    struct dirent *entry;
    DIR *directory;

    if (!find_directory(search->directory, sizeof(search->directory)))
        return;
    directory = opendir(search->directory);
    while (directory && (entry = readdir(directory)))
        look_at(search, entry->d_name);
    if (directory)
        closedir(directory);
}

enum status admin_address_find(const char *said, char *address,
                               struct config_error *error)
{
    struct search search = { .count = 0 };
    char text[1024];

    if (said && said[0] != '\0') {
        if (text_copy(address, ADMIN_ADDRESS_TEXT, said))
            return STATUS_OK;
        return refuse(error, "--admin: the address is too long");
    }
    look_around(&search);
    if (search.count == 1) {
        memcpy(address, search.address, ADMIN_ADDRESS_TEXT);
        return STATUS_OK;
    }
    if (search.count == 0)
        (void)text_format(text, sizeof(text),
                          "no ambassador of this user runs here (none listens "
                          "in %s); say where: --admin ADDR or ENTENTE_ADMIN",
                          search.directory);
    else
        (void)text_format(text, sizeof(text),
                          "%zu ambassadors run here; say which: --admin one "
                          "of %s%s",
                          search.count, search.list,
                          search.count > MAX_LISTED ? " ..." : "");
    (void)refuse(error, text);
    return search.count == 0 ? STATUS_REFUSED : STATUS_CONFIG;
}
