/* SPDX-License-Identifier: MIT */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H
#include "base/check.h"
#include "service/options.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * THE table of what can be configured.  The file's parser, the command line,
 * the environment, `--help`, `check --print`, docs/CONFIGURATION.md and reload
 * all read it: to add a key is to add its row and the member it fills.
 */
enum key_type {
    KEY_NAME,       /* char [TEXT_MAX_NAME + 1] */
    KEY_FILE,       /* char * */
    KEY_DIRECTORY,  /* char * */
    KEY_ADMIN,      /* char *: an address that only this machine reaches */
    KEY_LISTEN,     /* struct text_list: addresses to listen on */
    KEY_DIAL,       /* struct text_list: name:port or address */
    KEY_ADVERTISE,  /* char *: a host, perhaps with its port */
    KEY_RESOLVERS,  /* struct text_list: ip:port */
    KEY_SOURCES,    /* struct text_list */
    KEY_IDENTITIES, /* struct text_list: patterns of identities */
    KEY_REGISTRIES, /* struct text_list: where to announce something */
    KEY_DURATION,   /* uint64_t: microseconds */
    KEY_MOVE,       /* uint64_t: as service_options.move_us */
    KEY_NUMBER,     /* uint32_t */
    KEY_FLAG,       /* bool */
    KEY_WORD,       /* char [max + 1]: without white space */
    KEY_URL_PATH,   /* char [max + 1]: what a request of HTTP asks for */
    KEY_HOST,       /* char [max + 1]: a name or an IP, perhaps with a port */
    KEY_CHOICE,     /* an enum */
    KEY_LATER,      /* nothing: designed, but not in this version */
    KEY_TYPES
};

/* Of which services a key speaks: bits, by role. */
#define KEY_OF(role) (1u << (role))
/* With which health.protocol it means something: bits. */
#define KEY_WITH(protocol) (1u << (protocol))

struct key {
    const char *path; /* "identity.trust"; '*' is the name of a service */
    enum key_type type;
    unsigned roles;     /* 0: a key of the ambassador itself */
    unsigned protocols; /* KEY_WITH(); 0: with any, and with none */
    size_t offset;      /* in struct config, or in struct service_options */
    uint64_t min;       /* of numbers and durations */
    uint64_t max;       /* likewise; of a text, bytes */
    /* The words of a choice, by value; of a number, the word for 0. */
    const char *(*word)(unsigned value);
    const char *initial; /* what an absent key stands for; NULL: nothing */
    bool needs_restart;  /* a reload cannot change it */
    const char *flag;    /* "listen" is --listen and ENTENTE_LISTEN */
    const char *help;
};

const struct key *keys_all(size_t *count); /* in the order of the document */

/*
 * The key that |path|, like "consume.redis.listen", names, and the name within
 * it (not NUL-terminated; length 0: the key has none).  NULL: there is none.
 */
const struct key *key_find(const char *path, const char **name,
                           size_t *name_length);

/* The row with exactly this path, '*' and all; NULL: there is none. */
const struct key *key_at(const char *path);

/* Whether there are keys below |path| ("identity", "consume", "consume.*"). */
bool key_is_section(const char *path);

bool key_is_list(const struct key *key);
/* Whether it means anything for |service|, as far as that is known. */
bool key_is_meant(const struct key *key, const struct service_options *service);
/* Its path below its service, "health.every"; of the ambassador's, its path. */
const char *key_name(const struct key *key);
/* The last word of its path. */
const char *key_word(const struct key *key);
/* For people: "address", "time" ... and how one looks on a command line. */
const char *key_type_text(const struct key *key);
const char *key_metavariable(const struct key *key);

enum { KEY_ENVIRONMENT = 64 }; /* bytes for any variable's name */
/* "ENTENTE_LISTEN"; returns |name|.  The key has a flag. */
const char *key_environment(const struct key *key, char *name);

/*
 * Walk the words that follow |section| ("", "identity", "consume.*") in keys
 * of this version: start with |*position| 0; NULL at the end.  A word is
 * |*length| bytes of the table.
 */
const char *key_next_word(const char *section, size_t *position,
                          size_t *length);
#endif
