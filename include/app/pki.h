/* SPDX-License-Identifier: MIT */
#ifndef APP_PKI_H
#define APP_PKI_H

/*
 * `entente pki ...`: the small CA.  |argv[0]| is "pki".  Returns the exit code:
 * 0 done, 1 refused or failed (one line on stderr), 2 usage.
 */
int pki_main(int argc, char **argv);
#endif
