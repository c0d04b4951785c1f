/* SPDX-License-Identifier: MIT */
#include "crypto/failure.h"
#include <stdarg.h>
#include <stdio.h>

/* Texts may hold what a peer wrote; a log line must stay one line. */
static void keep_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
            *text = '?';
}

enum status failure_set(struct failure *failure, enum status status, int alert,
                        const char *format, ...)
{
    va_list arguments;

    ASSERT(status != STATUS_OK);
    if (failure->status != STATUS_OK)
        return failure->status;
    failure->status = status;
    failure->alert = alert;
    failure->is_theirs = false;
    va_start(arguments, format);
    vsnprintf(failure->text, sizeof(failure->text), format, arguments);
    va_end(arguments);
    keep_printable(failure->text);
    return status;
}

enum status failure_set_theirs(struct failure *failure, int alert)
{
    if (failure->status == STATUS_OK) {
        failure_set(failure, STATUS_REFUSED, alert, "the peer %s (%s)",
                    alert_words(alert), alert_name(alert));
        failure->is_theirs = true;
    }
    return failure->status;
}
