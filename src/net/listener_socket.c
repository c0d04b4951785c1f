/* SPDX-License-Identifier: MIT */
/*
 * Sockets that listen: how they are made, and what to tell an operator when
 * they cannot be.
 *
 * A Unix socket's file outlives a process that was killed.  Such a file is
 * taken over, but never that of a live listener, nor any other file; a lock
 * on the directory keeps two processes from taking over each other's.
 */
#include "net/listener_internal.h"

#include "base/text.h"
#include "net/socket_options.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

/* ---- what to tell ---- */

void listener_explain(struct net_error *error, const struct address *address,
                      const char *reason)
{
    char text[ADDRESS_TEXT];

    (void)text_format(error->text, sizeof(error->text),
                      "cannot listen on %s: %s", address_format(address, text),
                      reason);
}

static const char *tcp_reason(const struct address *address, int error_number)
{
    bool is_v6 = address->family == AF_INET6;

    switch (error_number) {
    case EADDRINUSE:
        return "another process listens there; stop it (ss -ltnp shows "
               "which) or choose another port";
    case EACCES:
    case EPERM:
        return address_port(address) < 1024
                   ? "no permission for a port below 1024; grant "
                     "CAP_NET_BIND_SERVICE or choose a higher port"
                   : "no permission; a security policy of this system "
                     "forbids it";
    case EADDRNOTAVAIL:
        return is_v6 ? "no interface of this host has this address; choose "
                       "one that \"ip address\" shows, or [::] for all"
                     : "no interface of this host has this address; choose "
                       "one that \"ip address\" shows, or 0.0.0.0 for all";
    case EAFNOSUPPORT:
        return is_v6 ? "this system has no IPv6; choose an IPv4 address"
                     : "this system has no IPv4; choose an IPv6 address";
    case EINVAL:
        return is_v6 ? "a link-local address needs its interface, like "
                       "[fe80::1%eth0]:6379"
                     : strerror(error_number);
    default:
        return strerror(error_number);
    }
}

static const char *unix_reason(int error_number)
{
    switch (error_number) {
    case EADDRINUSE:
        return "another process listens there; stop it (ss -lxp shows "
               "which) or choose another path";
    case EEXIST:
        return "what is there is not a socket; remove it or choose another "
               "path";
    case ENOENT:
        return "the directory does not exist; create it or choose another "
               "path";
    case ENOTDIR:
        return "a part of the path is not a directory; choose another path";
    case EACCES:
    case EPERM:
        return "no permission for the directory, or for the socket that is "
               "there; change its owner or mode, or choose another path";
    case EROFS:
        return "the file system is read-only; choose another path";
    default:
        return strerror(error_number);
    }
}

static enum status refuse(struct net_error *error,
                          const struct address *address, int error_number)
{
    listener_explain(error, address,
                     address_is_unix(address)
                         ? unix_reason(error_number)
                         : tcp_reason(address, error_number));
    switch (error_number) {
    case EACCES:
    case EPERM:
        return STATUS_DENIED;
    case EMFILE:
    case ENFILE:
        return STATUS_LIMIT;
    case ENOMEM:
    case ENOBUFS:
        return STATUS_NO_MEMORY;
    default:
        return STATUS_CONFIG;
    }
}

/* ---- making it; each returns 0 or an errno ---- */

static int set_option(int fd, int level, int option)
{
    int on = 1;

    return setsockopt(fd, level, option, &on, sizeof(on)) == 0 ? 0 : errno;
}

static int bind_and_listen(int fd, const struct address *address)
{
    if (bind(fd, &address->any, address->length) != 0 ||
        listen(fd, SOMAXCONN) != 0)
        return errno;
    return 0;
}

static int open_tcp(int fd, const struct address *address)
{
    int error = set_option(fd, SOL_SOCKET, SO_REUSEADDR);

    socket_options_set(fd, address);
    if (error == 0 && address->family == AF_INET6)
        error = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    return error ? error : bind_and_listen(fd, address);
}

/*
 * A descriptor that holds the lock on the directory of |path|, or -1: it is
 * an aid for the moment two of us start, not worth failing or hanging for.
 */
static int lock_directory(const char *path)
{
    char directory[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];
    size_t length = (size_t)(strrchr(path, '/') - path) + 1;
    int fd;

    memcpy(directory, path, length);
    directory[length] = '\0';
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; fd >= 0 && i < 100; i++) {
        const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };

        if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
            break;
        nanosleep(&pause, NULL);
    }
    return fd;
}

static void unlock_directory(int fd)
{
    if (fd >= 0)
        close(fd);
}

/*
 * Remove the file at |address| if it is a socket nobody listens on.  0: it is
 * gone.
 */
static int remove_stale(const struct address *address)
{
    struct stat file;
    int fd, error;

    if (lstat(address->path.sun_path, &file) != 0)
        return errno == ENOENT ? 0 : errno;
    if (!S_ISSOCK(file.st_mode))
        return EEXIST;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    error = connect(fd, &address->any, address->length) == 0 ? 0 : errno;
    close(fd);
    switch (error) {
    case ENOENT:
        return 0;
    case ECONNREFUSED:
        return unlink(address->path.sun_path) == 0 || errno == ENOENT ? 0
                                                                      : errno;
    case 0:
    case EAGAIN:     /* its queue is full */
    case EPROTOTYPE: /* it is of another kind, and bound */
        return EADDRINUSE;
    default:
        return error;
    }
}

/*
 * The mode of a socket that is not bound yet is that of the file it will
 * make, less the umask: nobody can come in before chmod() has widened it.
 */
static int open_file(struct listener_socket *socket,
                     const struct address *address, mode_t mode)
{
    const char *path = address->path.sun_path;
    struct stat file;
    int error;

    if (fchmod(socket->fd, mode) != 0)
        return errno;
    if (bind(socket->fd, &address->any, address->length) != 0) {
        error = errno == EADDRINUSE ? remove_stale(address) : errno;
        if (error != 0)
            return error;
        if (bind(socket->fd, &address->any, address->length) != 0)
            return errno;
    }
    if (lstat(path, &file) != 0)
        return errno;
    socket->has_file = true;
    socket->device = file.st_dev;
    socket->inode = file.st_ino;
    if ((file.st_mode & 07777) != mode && chmod(path, mode) != 0)
        return errno;
    return listen(socket->fd, SOMAXCONN) == 0 ? 0 : errno;
}

static int open_unix(struct listener_socket *socket,
                     const struct address *address, unsigned mode)
{
    int lock, error;

    if (address->path.sun_path[0] == '\0')
        return bind_and_listen(socket->fd, address);
    lock = lock_directory(address->path.sun_path);
    error = open_file(socket, address, mode ? mode & 0777 : 0600);
    unlock_directory(lock);
    return error;
}

enum status listener_socket_open(struct listener_socket *opened,
                                 const struct listener_options *options,
                                 struct net_error *error)
{
    const struct address *address = &options->address;
    int error_number;

    *opened = (struct listener_socket){ .address = *address };
    opened->fd =
        socket(address->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (opened->fd < 0)
        return refuse(error, address, errno);
    error_number = address_is_unix(address)
                       ? open_unix(opened, address, options->mode)
                       : open_tcp(opened->fd, address);
    if (error_number == 0 && !address_is_unix(address) &&
        !address_of_socket(&opened->address, opened->fd))
        error_number = errno;
    if (error_number == 0)
        return STATUS_OK;
    listener_socket_close(opened);
    return refuse(error, address, error_number);
}

void listener_socket_close(struct listener_socket *socket)
{
    const char *path = socket->address.path.sun_path;
    struct stat file;

    if (socket->fd < 0)
        return;
    /* First the file: while we listen nobody takes it over. */
    if (socket->has_file && lstat(path, &file) == 0 &&
        file.st_dev == socket->device && file.st_ino == socket->inode)
        (void)unlink(path);
    close(socket->fd);
    socket->fd = -1;
}
