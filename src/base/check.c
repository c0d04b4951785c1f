/* SPDX-License-Identifier: MIT */
#include "base/check.h"
#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *sentence, const char *file, int line)
{
    fprintf(stderr, "entente: %s:%d: broken: %s\n", file, line, sentence);
    abort();
}
