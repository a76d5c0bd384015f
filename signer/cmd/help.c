/* `help`: of one command, of the verbs of one, or the list of all, by the host that they are for. */
#include <stdio.h>
#include <string.h>

#include "signer/cmd/cmd.h"

static const struct {
    enum command_host host;
    const char *title, *aside; /* the aside is for those who have both programs */
} hosts[] = {
    {COMMAND_BUILD, "On the build host", ""},
    {COMMAND_SIGNING, "On the signing host", " (ensign-offline has these, too)"},
    {COMMAND_REVIEW, "For reviewers", ""},
    {COMMAND_EVERYONE, "For everyone", ""},
    {COMMAND_ONE_HOST, "With the token at the build host", ""},
    {COMMAND_AS_ORC, "As orc has them", ""},
};

static void print_row(const char *name, const char *summary)
{
    printf("  %-17s  %s\n", name, summary);
}

/* Verbs of quorum are one row, where the first of them stands. */
static void print_host(size_t h)
{
    bool has_title = false;
    bool has_quorum = false;

    for (size_t i = 0; cmd_table[i] != NULL; i++) {
        const struct command *c = cmd_table[i];
        bool is_verb = strchr(c->name, ' ') != NULL;

        if (c->host != hosts[h].host || (is_verb && has_quorum))
            continue;
        if (!has_title)
            printf("%s%s\n", hosts[h].title, cmd_elsewhere[0] == NULL ? hosts[h].aside : "");
        print_row(is_verb ? "quorum" : c->name, is_verb ? "sign with shares of a key, M of N" : c->summary);
        has_title = true;
        has_quorum |= is_verb;
    }
}

/* Those that ensign-offline does not have. */
static void print_elsewhere(void)
{
    char text[1024] = "";
    size_t len = 0;

    for (size_t i = 0; cmd_elsewhere[i] != NULL && len < sizeof text; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i > 0 ? ", " : "", cmd_elsewhere[i]);
    if (len < sizeof text)
        (void)snprintf(text + len, sizeof text - len, " are commands of ensign, on the build host.");
    putchar('\n');
    options_print_text(0, text);
}

static void print_all(void)
{
    printf("Usage: %s COMMAND [OPTIONS] FILE...\n"
           "Signs SGX enclaves with a key that never leaves its HSM.\n\n",
           cmd_program);
    for (size_t h = 0; h < sizeof hosts / sizeof hosts[0]; h++)
        print_host(h);
    printf("\n%s help COMMAND has examples, and man %s tells all.\n", cmd_program, cmd_program);
    if (cmd_elsewhere[0] != NULL)
        print_elsewhere();
}

static void print_verbs(const char *first)
{
    size_t len = strlen(first);

    printf("Usage: %s %s VERB [OPTIONS] [FILE...]\nSigns with shares of a key, M of N.\n\nVerbs\n",
           cmd_program, first);
    for (size_t i = 0; cmd_table[i] != NULL; i++) {
        if (strncmp(cmd_table[i]->name, first, len) == 0 && cmd_table[i]->name[len] == ' ')
            print_row(cmd_table[i]->name, cmd_table[i]->summary);
    }
    printf("\n%s help %s VERB has examples.\n", cmd_program, first);
}

bool cmd_help(int argc, char *const *argv, struct ens_err *err)
{
    const struct command *cmd = NULL;
    int words = argc;

    if (argc < 1 || (argc == 1 && cmd_is_group(argv[0]))) {
        if (argc < 1)
            print_all();
        else
            print_verbs(argv[0]);
        return true;
    }
    if (!cmd_find(argc, argv, &cmd, &words, err))
        return false;
    if (words < argc)
        return ens_fail(err, ENS_USAGE, "help: takes one command: see %s --help", cmd_program);
    options_help(cmd_program, cmd);
    return true;
}
