/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target without a fuzzer: repeats the files named (of folders, all in
 * them), each also with some bytes changed, and then inputs made up from a
 * fixed seed.  The same every time.
 */
#include "base/check.h"
#include "base/random.h"
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_BYTES = 65536, VARIANTS = 40, MADE_UP = 3000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct random random_state;
static unsigned long long inputs;

/* In memory of exactly its size, for the sanitizers to see its end. */
static void run(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    ASSERT(copy);
    memcpy(copy, bytes, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    inputs++;
}

static void change(uint8_t *bytes, size_t size)
{
    for (uint64_t left = 1 + random_below(&random_state, 4); left > 0; left--) {
        uint64_t at = random_below(&random_state, size);

        if (random_below(&random_state, 2))
            bytes[at] = (uint8_t)random_next(&random_state);
        else
            bytes[at] ^= (uint8_t)(1u << random_below(&random_state, 8));
    }
}

static int run_file(const char *path)
{
    static uint8_t bytes[MAX_BYTES], variant[MAX_BYTES];
    FILE *file = fopen(path, "rb");
    size_t size;

    if (!file) {
        perror(path);
        return 1;
    }
    size = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    run(bytes, size);
    for (int i = 0; i < VARIANTS && size > 0; i++) {
        memcpy(variant, bytes, size);
        change(variant, size);
        run(variant, size - random_below(&random_state, 2) *
                                random_below(&random_state, size));
    }
    return 0;
}

static int run_path(const char *path)
{
    struct dirent **names;
    struct stat about;
    int count, failed = 0;

    if (stat(path, &about) != 0 || !S_ISDIR(about.st_mode))
        return run_file(path);
    count = scandir(path, &names, NULL, alphasort); /* in a fixed order */
    for (int i = 0; i < count; i++) {
        char name[4096];

        snprintf(name, sizeof(name), "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.')
            failed |= run_file(name);
        free(names[i]);
    }
    if (count >= 0)
        free(names);
    return failed;
}

static void make_up(void)
{
    static uint8_t bytes[2048];

    for (int i = 0; i < MADE_UP; i++) {
        uint64_t size = random_below(&random_state, i % 8 ? 64 : sizeof(bytes));

        for (uint64_t j = 0; j < size; j++)
            bytes[j] = random_below(&random_state, 3)
                           ? (uint8_t)random_next(&random_state)
                           : (uint8_t)random_below(&random_state, 12);
        run(bytes, size);
    }
}

int main(int argc, char **argv)
{
    int failed = 0;

    random_state = random_from_seed(1);
    for (int i = 1; i < argc; i++)
        failed |= run_path(argv[i]);
    if (argc == 1 || !failed)
        make_up();
    printf("%llu inputs\n", inputs);
    return failed;
}
