/* SPDX-License-Identifier: MIT */
#include "config/config.h"
#include "config/keys.h"
#include "config/value.h"
#include <string.h>

static void
compare_keys(const struct config *before, const struct config *after,
             void (*differs)(void *context, const struct config_difference *),
             void *context)
{
    const struct key *keys;
    size_t count;

    keys = keys_all(&count);
    for (size_t i = 0; i < count; i++) {
        struct config_difference difference = { .key = keys[i].path,
                                                .needs_restart =
                                                    keys[i].needs_restart };

        if (keys[i].roles == 0 && !value_equal(&keys[i], before, after))
            differs(context, &difference);
    }
}

static const struct service_options *same(const struct config *config,
                                          const struct service_options *as)
{
    return config_find(config, as->role == SERVICE_OFFER, as->name);
}

void config_compare(const struct config *before, const struct config *after,
                    void (*differs)(void *context,
                                    const struct config_difference *),
                    void *context)
{
    compare_keys(before, after, differs, context);
    for (size_t i = 0; i < before->service_count; i++) {
        struct config_difference difference = { .before =
                                                    &before->services[i] };

        difference.after = same(after, difference.before);
        if (!difference.after ||
            !service_options_equal(difference.before, difference.after))
            differs(context, &difference);
    }
    for (size_t i = 0; i < after->service_count; i++) {
        struct config_difference difference = { .after = &after->services[i] };

        if (!same(before, difference.after))
            differs(context, &difference);
    }
}

static void count_difference(void *context,
                             const struct config_difference *difference)
{
    (void)difference;
    ++*(size_t *)context;
}

bool config_equal(const struct config *a, const struct config *b)
{
    size_t count = 0;

    config_compare(a, b, count_difference, &count);
    return count == 0;
}

struct words {
    char *text;
    size_t size;
    size_t used;
};

static void add_word(void *context, const struct config_difference *difference)
{
    struct words *words = context;

    if (!difference->needs_restart)
        return;
    (void)text_format(words->text + words->used, words->size - words->used,
                      "%s%s", words->used ? ", " : "", difference->key);
    words->used += strlen(words->text + words->used);
}

bool config_needs_restart(const struct config *before,
                          const struct config *after, char *text, size_t size)
{
    struct words words = { .text = text, .size = size };

    text[0] = '\0';
    config_compare(before, after, add_word, &words);
    return words.used > 0;
}

static void swap(void *a, void *b, size_t size)
{
    unsigned char *left = a, *right = b;

    for (size_t i = 0; i < size; i++) {
        unsigned char byte = left[i];

        left[i] = right[i];
        right[i] = byte;
    }
}

void config_keep_until_restart(struct config *config, struct config *running)
{
    swap(config->node, running->node, sizeof(config->node));
    swap(&config->admin, &running->admin, sizeof(config->admin));
    swap(&config->workers, &running->workers, sizeof(config->workers));
    swap(&config->dns, &running->dns, sizeof(config->dns));
    swap(&config->state, &running->state, sizeof(config->state));
}
