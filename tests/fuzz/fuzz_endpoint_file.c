/* SPDX-License-Identifier: MIT */
/* Any bytes as a file of endpoints, as lines and as YAML, and as one kept. */
#include "discovery/endpoint_file.h"
#include "discovery/setting.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const char *text, size_t size,
                  enum endpoint_file_format format)
{
    struct endpoint_file file;
    char error[256] = "";
    enum status status;

    status =
        endpoint_file_parse(&file, format, text, size, error, sizeof(error));
    if (status != STATUS_OK) {
        ASSERT(status == STATUS_CONFIG && !file.items);
        ASSERT(strncmp(error, "line ", 5) == 0 ||
               strncmp(error, "no endpoint ", 12) == 0);
        return;
    }
    ASSERT(file.count <= TARGETS_MAX);
    for (size_t i = 0; i < file.count; i++) {
        char name[300], reason[256];
        struct target again;

        target_name(&file.items[i], name, sizeof(name));
        ASSERT(target_parse(&again, name, reason, sizeof(reason)));
        ASSERT(again.port == file.items[i].port);
    }
    free(file.items);
}

static void decode(const char *bytes, size_t size)
{
    char *text, error[256];
    enum status status = setting_decode(bytes, size, &text);

    ASSERT(status == STATUS_OK || status == STATUS_PROTOCOL);
    if (status != STATUS_OK)
        return;
    ASSERT(setting_is_valid(text, error, sizeof(error)));
    ASSERT(strlen(text) < size);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > ENDPOINT_FILE_MAX_BYTES)
        return 0;
    parse((const char *)data, size, ENDPOINT_FILE_LINES);
    parse((const char *)data, size, ENDPOINT_FILE_YAML);
    decode((const char *)data, size);
    return 0;
}
