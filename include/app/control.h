/* SPDX-License-Identifier: MIT */
#ifndef APP_CONTROL_H
#define APP_CONTROL_H

/*
 * The commands that ask a running ambassador: `entente status | explain |
 * wait | healthcheck | set | drain | reload | quit`.  |argv[0]| is the command.
 * Returns the exit code: 0 done, 1 refused or failed (one line on stderr), 2
 * usage.
 */
int control_main(int argc, char **argv);
#endif
