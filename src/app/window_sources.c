/* SPDX-License-Identifier: MIT */
#include "app/window_sources.h"
#include "discovery/setting.h"
#include <string.h>

static const char set_text[] = "set";

size_t window_sources(const struct directory *directory,
                      struct asked_source asked[MAX_SOURCES])
{
    const struct directory_setting *setting = directory_setting(directory);
    const struct directory_setting *coming = directory_coming(directory);
    const struct source *source;
    size_t count = 0;

    if (coming && count < MAX_SOURCES)
        asked[count++] = (struct asked_source){ .source = coming->source,
                                                .text = set_text,
                                                .is_idle = true };
    if (setting && count < MAX_SOURCES)
        asked[count++] = (struct asked_source){ .source = setting->source,
                                                .text = set_text };
    for (size_t i = 0;
         count < MAX_SOURCES && (source = directory_source(directory, i)); i++)
        asked[count++] = (struct asked_source){
            .source = source,
            .text = source_text(source),
            .is_fallback = directory_is_fallback(directory, i),
            .is_idle = setting != NULL,
        };
    return count;
}

const struct set_status *window_setting(const struct directory *directory,
                                        struct set_status *set)
{
    const struct directory_setting *setting = directory_setting(directory);
    const struct directory_setting *coming = directory_coming(directory);
    const struct directory_setting *latest = coming ? coming : setting;

    if (!latest)
        return NULL;
    *set = (struct set_status){ .lines = source_text(latest->source) +
                                         strlen(SETTING_SCHEME),
                                .at = latest->at,
                                .is_in_force = latest == setting,
                                .is_kept = latest->is_kept };
    return set;
}
