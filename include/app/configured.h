/* SPDX-License-Identifier: MIT */
#ifndef APP_CONFIGURED_H
#define APP_CONFIGURED_H

/*
 * The commands that need a configuration: `entente run | check | consume |
 * offer`.  |argv[0]| is the command.  Each returns the exit code.
 */
int configured_run_main(int argc, char **argv);
int configured_check_main(int argc, char **argv);
int configured_consume_main(int argc, char **argv);
int configured_offer_main(int argc, char **argv);
#endif
