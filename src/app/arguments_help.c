/* SPDX-License-Identifier: MIT */
/* What --help prints: the table of keys, as far as the command has them. */
#include "app/arguments_internal.h"
#include "base/text.h"
#include "config/rule.h"
#include <string.h>

enum { HELP_COLUMN = 30, LINE_WIDTH = 79 };

static const char *const introductions[] = {
    [ARGUMENTS_RUN] =
        "Usage: entente run [--config FILE] [OPTION...]\n\n"
        "An ambassador, in the foreground, as a file says; logs go to standard "
        "error.\n",
    [ARGUMENTS_CHECK] =
        "Usage: entente check [--config FILE] [--print] [OPTION...]\n\n"
        "Whether `entente run` with the same options would understand them; "
        "exit 0, or 1\nwith file:line:column: message.\n",
    [ARGUMENTS_CONSUME] =
        "Usage: entente consume NAME --listen ADDR... --from SOURCE... "
        "--peer ID...\n"
        "                       --certificate FILE --private-key FILE "
        "--trust FILE\n"
        "       entente consume NAME --listen ADDR... --direct SOURCE...\n\n"
        "Applications reach the service NAME at ADDR: through a tunnel to an "
        "ambassador\nthat offers it, or with --direct from here.\n",
    [ARGUMENTS_OFFER] =
        "Usage: entente offer NAME --to SOURCE... --allow ID...\n"
        "                     --tunnel-listen ADDR... | --tunnel-dial "
        "HOST:PORT...\n"
        "                     --certificate FILE --private-key FILE "
        "--trust FILE\n\n"
        "Peers that are allowed to reach the service NAME through tunnels.\n",
};

/* Words of |text| from |HELP_COLUMN| on, in lines of at most |LINE_WIDTH|. */
static void print_wrapped(FILE *to, size_t column, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, " ");

        if (column > HELP_COLUMN && column + 1 + length > LINE_WIDTH) {
            fputc('\n', to);
            column = 0;
        }
        if (column < HELP_COLUMN) {
            fprintf(to, "%*s", HELP_COLUMN - (int)column, "");
            column = HELP_COLUMN;
        } else if (column > HELP_COLUMN) {
            fputc(' ', to);
            column++;
        }
        fprintf(to, "%.*s", (int)length, text);
        column += length;
        text += length;
        text += strspn(text, " ");
    }
    fputc('\n', to);
}

static void print_option(FILE *to, const char *option, const char *help)
{
    size_t column = strlen(option) + 2;

    fprintf(to, "  %s", option);
    if (column >= HELP_COLUMN) {
        fputc('\n', to);
        column = 0;
    }
    print_wrapped(to, column, help);
}

static void print_key(FILE *to, const struct key *key)
{
    char option[64], choices[128] = "", help[512];

    (void)text_format(option, sizeof(option), "--%s%s%s%s", key->flag,
                      key->type == KEY_FLAG ? "" : " ", key_metavariable(key),
                      key_is_list(key) ? "..." : "");
    if (key->type == KEY_CHOICE || key->type == KEY_MOVE)
        rule_expected(key, choices, sizeof(choices));
    (void)text_format(help, sizeof(help), "%s%s%s%s%s%s", key->help,
                      choices[0] ? ": " : "", choices,
                      key->initial ? " (default: " : "",
                      key->initial ? key->initial : "",
                      key->initial ? ")" : "");
    print_option(to, option, help);
}

static void print_keys(FILE *to, enum arguments_command command, bool own)
{
    const struct key *keys;
    size_t count;

    keys = keys_all(&count);
    for (size_t i = 0; i < count; i++)
        if (arguments_has_key(command, &keys[i]) && (keys[i].roles != 0) == own)
            print_key(to, &keys[i]);
}

void arguments_print_help(enum arguments_command command, FILE *to)
{
    fputs(introductions[command], to);
    if (arguments_has_file(command)) {
        fputs("\nOptions:\n", to);
        print_option(to, "--config FILE",
                     "the configuration (default: entente.yaml)");
        if (command == ARGUMENTS_CHECK)
            print_option(to, "--print",
                         "print what it amounts to, defaults included");
    } else {
        fputs("\nThe service:\n", to);
        print_keys(to, command, true);
    }
    fputs("\nThe ambassador:\n", to);
    print_keys(to, command, false);
    fputs("\nWhat has ... takes several values: --listen A B or --listen A "
          "--listen B.\n"
          "Every option is also a variable: --private-key is "
          "ENTENTE_PRIVATE_KEY.  There,\n"
          "white space is between several values.  An option wins over a "
          "variable",
          to);
    fputs(arguments_has_file(command) ? ", and\na variable over the file.  "
                                      : ".\n",
          to);
    fputs("docs/CONFIGURATION.md has the whole story.\n", to);
}
