/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_ENDPOINT_H
#define TOOLS_ENDPOINT_H

/*
 * Sockets by name: "127.0.0.1:80", "[::1]:80" or "unix:/path".  Both return a
 * descriptor or -1 with errno; a name that makes no sense ends the program.
 * A port of 0 is chosen by the kernel; endpoint_port() tells which.
 */
int endpoint_connect(const char *name);
int endpoint_listen(const char *name);
int endpoint_port(int listener); /* 0 for a Unix socket */
#endif
