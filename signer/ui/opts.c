/* The command line: GNU long options in full, short ones with or without a gap, operands anywhere, `--`
 * ends the options. Abbreviations are not taken: a script must mean the same after an option is added. */
#include "signer/ui/opts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "signer/base/text.h"

/* Options that one command can have, all lists together. */
#define OPTS_MAX 64

static const struct opt *find_long(const struct cmd *cmd, const char *name, size_t len)
{
    for (size_t g = 0; g < OPT_GROUPS_MAX && cmd->groups[g] != NULL; g++) {
        for (const struct opt *o = cmd->groups[g]; o->name != NULL; o++) {
            if (strlen(o->name) == len && strncmp(o->name, name, len) == 0)
                return o;
        }
    }
    return NULL;
}

bool opts_loads_module(const struct cmd *cmd)
{
    return find_long(cmd, "module", 6) != NULL;
}

static const struct opt *find_short(const struct cmd *cmd, char letter)
{
    for (size_t g = 0; g < OPT_GROUPS_MAX && cmd->groups[g] != NULL; g++) {
        for (const struct opt *o = cmd->groups[g]; o->name != NULL; o++) {
            if (o->letter == letter)
                return o;
        }
    }
    return NULL;
}

static bool fail_unknown_option(const struct cmd *cmd, const char *name, size_t len, struct ens_err *err)
{
    const char *names[OPTS_MAX + 1] = {0};
    char typed[64];
    size_t n = 0;

    for (size_t g = 0; g < OPT_GROUPS_MAX && cmd->groups[g] != NULL; g++) {
        for (const struct opt *o = cmd->groups[g]; o->name != NULL && n < OPTS_MAX; o++)
            names[n++] = o->name;
    }
    (void)snprintf(typed, sizeof typed, "%.*s", (int)(len < 60 ? len : 60), name);
    const char *near = text_nearest(typed, names);

    if (near != NULL)
        return ens_fail(err, ENS_USAGE, "--%s: unknown option of %s: did you mean --%s?", typed, cmd->name,
                        near);
    return ens_fail(err, ENS_USAGE, "--%s: unknown option of %s: see ensign %s --help", typed, cmd->name,
                    cmd->name);
}

/* Notes that the option is in use, or, of a flag that is false, that it is not; no command has more options
 * than the list takes. */
static void note_option(const struct opt *o, struct text_list *list, bool is_used)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->len; i++) {
        if (list->items[i] != o->name)
            list->items[kept++] = list->items[i];
    }
    list->len = kept;
    if (is_used && list->len < TEXT_LIST_MAX)
        list->items[list->len++] = o->name;
}

/* A flag, or a flag=VALUE with one of the words for yes and no that Go's flags take (strconv.ParseBool). */
static bool store_flag(const struct opt *o, const char *value, char *member, struct ens_err *err)
{
    static const char *const words[] = {"false", "False", "FALSE", "f", "F", "0",
                                        "true",  "True",  "TRUE",  "t", "T", "1"};
    const size_t len = sizeof words / sizeof words[0];
    bool known = value == NULL;
    bool yes = known;

    for (size_t i = 0; i < len && !known; i++) {
        known = strcmp(value, words[i]) == 0;
        yes = known && i >= len / 2;
    }
    if (!known)
        return ens_fail(err, ENS_USAGE, "--%s=%s: is a flag: leave out the =, or write =true or =false",
                        o->name, value);
    memcpy(member, &yes, sizeof yes);
    return true;
}

/* A URI may hold a PIN: where a file is named it would be taken for one, and said and recorded as one. */
static bool check_no_uri(const char *option, const char *value, struct ens_err *err)
{
    static const char scheme[] = "pkcs11:";

    if (strncasecmp(value, scheme, sizeof scheme - 1) != 0 && strcasestr(value, "pin-value=") == NULL)
        return true;
    return ens_fail(err, ENS_USAGE,
                    "%s is a PKCS#11 URI, not a file: give it with --key, --token or --require", option);
}

/* True if the option takes a URI, which is then judged as one. */
static bool takes_uri(const struct opt *o)
{
    return o->kind == OPT_TEXT && o->arg != NULL && strcmp(o->arg, "URI") == 0;
}

static bool check_option_value(const struct opt *o, const char *value, struct ens_err *err)
{
    char option[64];

    (void)snprintf(option, sizeof option, "--%s", o->name);
    return o->kind == OPT_FLAG || takes_uri(o) || check_no_uri(option, value, err);
}

/* By which rules is signed, what must hold, and where it is recorded, is said once: of two only one would be
 * asked. */
static bool check_once(const struct opt *o, const struct text_list *used, struct ens_err *err)
{
    static const char *const names[] = {"policy",     "transcript", "mrsigner",  "pubkey",
                                        "min-isvsvn", "mrenclave",  "witnesses", "signed-head"};
    bool is_used = false;

    for (size_t i = 0; i < used->len; i++)
        is_used = is_used || used->items[i] == o->name;
    for (size_t i = 0; is_used && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], o->name) == 0)
            return ens_fail(err, ENS_USAGE, "--%s: is given twice: give it once", o->name);
    }
    return true;
}

static bool store(const struct opt *o, const char *value, struct args *ret, struct ens_err *err)
{
    char *member = (char *)ret + o->offset;
    struct text_list list;

    if (!check_option_value(o, value, err) || !check_once(o, &ret->options, err))
        return false;
    if (o->kind == OPT_FLAG && !store_flag(o, value, member, err))
        return false;
    note_option(o, &ret->options, o->kind != OPT_FLAG || *(const bool *)member);
    if (o->kind == OPT_FLAG)
        return true;
    if (o->kind == OPT_MAYBE && value[0] == '\0')
        value = NULL;
    if (o->kind != OPT_LIST) {
        memcpy(member, &value, sizeof value);
    } else {
        memcpy(&list, member, sizeof list);
        if (list.len == TEXT_LIST_MAX)
            return ens_fail(err, ENS_USAGE, "--%s: is given more than %d times", o->name, TEXT_LIST_MAX);
        list.items[list.len++] = value;
        memcpy(member, &list, sizeof list);
    }
    return true;
}

/* Where in argv the parser stands. */
struct cursor {
    int argc;
    char **argv;
    int at;
};

/* The next word, for an option whose argument is not attached. */
static bool next_word(struct cursor *c, const char *option, const char **ret, struct ens_err *err)
{
    if (c->at + 1 >= c->argc)
        return ens_fail(err, ENS_USAGE, "%s: needs an argument: give it after the option", option);
    *ret = c->argv[++c->at];
    return true;
}

static bool take_long(const struct cmd *cmd, struct cursor *c, struct args *ret, struct ens_err *err)
{
    const char *name = c->argv[c->at] + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const struct opt *o = find_long(cmd, name, len);
    const char *value = equals != NULL ? equals + 1 : NULL;

    if (o == NULL)
        return fail_unknown_option(cmd, name, len, err);
    if (o->kind != OPT_FLAG && equals == NULL && !next_word(c, c->argv[c->at], &value, err))
        return false;
    return store(o, value, ret, err);
}

/* A cluster such as -d, -s7, -s 7, -s=7, -ds7 or -d=false. */
static bool take_short(const struct cmd *cmd, struct cursor *c, struct args *ret, struct ens_err *err)
{
    for (const char *letter = c->argv[c->at] + 1; *letter != '\0'; letter++) {
        const struct opt *o = find_short(cmd, *letter);
        const char *value = letter + 1;

        if (o == NULL)
            return ens_fail(err, ENS_USAGE, "-%c: unknown option of %s: see ensign %s --help", *letter,
                            cmd->name, cmd->name);
        bool equals = *value == '=';

        value += equals ? 1 : 0;
        if (o->kind == OPT_FLAG && !equals) {
            if (!store(o, NULL, ret, err))
                return false;
            continue;
        }
        if (*value == '\0' && !equals && !next_word(c, c->argv[c->at], &value, err))
            return false;
        return store(o, value, ret, err);
    }
    return true;
}

/* Options that were not given, from the environment; an empty variable says nothing. ENSIGN_PKCS11_MODULE is
 * not among them: module-path in the URI comes before it. */
static void take_environment(const struct cmd *cmd, struct args *ret)
{
    const struct {
        const char *option, *variable;
        const char **value;
    } rows[] = {{"key", "ENSIGN_KEY", &ret->key}, {"token", "ENSIGN_TOKEN", &ret->token}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *value = getenv(rows[i].variable);

        if (find_long(cmd, rows[i].option, strlen(rows[i].option)) != NULL && *rows[i].value == NULL &&
            value != NULL && value[0] != '\0')
            *rows[i].value = value;
    }
}

/* A file may have a name that is an option, and *.signdata in a directory that was carried brings it along:
 * --policy=other.signdata would decide by which rules is signed. What follows a '=' may hold a PIN. */
static bool check_no_file(const char *word, struct ens_err *err)
{
    struct stat st;

    if (lstat(word, &st) != 0)
        return true;
    return ens_fail(err, ENS_USAGE,
                    "%.*s: is an option, and a file here has this name: write -- before the operands, or ./ "
                    "before their names",
                    (int)strcspn(word, "="), word);
}

static bool check_operands(const struct cmd *cmd, size_t n, struct ens_err *err)
{
    if (n < cmd->min)
        return ens_fail(err, ENS_USAGE, "%s: %zu operands are given, too few: ensign %s [OPTIONS] %s",
                        cmd->name, n, cmd->name, cmd->operands);
    if (n > cmd->max)
        return ens_fail(err, ENS_USAGE, "%s: %zu operands are given, too many: ensign %s [OPTIONS] %s",
                        cmd->name, n, cmd->name, cmd->operands);
    return true;
}

bool opts_parse(const char *program, const struct cmd *cmd, int argc, char **argv, struct args *ret,
                struct ens_err *err)
{
    struct cursor c = {.argc = argc, .argv = argv, .at = 0};
    struct args args = {.program = program, .command = cmd->name};
    size_t operands = 0;
    bool ended = false;

    for (; c.at < argc; c.at++) {
        char *word = argv[c.at];

        if (ended || word[0] != '-' || word[1] == '\0') {
            if (!check_no_uri("an operand", word, err))
                return false;
            argv[operands++] = word;
        } else if (strcmp(word, "--") == 0) {
            ended = true;
        } else if (!check_no_file(word, err) ||
                   !(word[1] == '-' ? take_long(cmd, &c, &args, err) : take_short(cmd, &c, &args, err))) {
            return false;
        }
    }
    take_environment(cmd, &args);
    args.operands = argv;
    args.operands_len = operands;
    if (!args.help && !check_operands(cmd, operands, err))
        return false;
    *ret = args;
    return true;
}

void opts_help(const char *program, const struct cmd *cmd)
{
    printf("Usage: %s %s [OPTIONS]%s%s\n%s\n\nOptions:\n", program, cmd->name,
           cmd->operands[0] != '\0' ? " " : "", cmd->operands, cmd->summary);
    for (size_t g = 0; g < OPT_GROUPS_MAX && cmd->groups[g] != NULL; g++) {
        for (const struct opt *o = cmd->groups[g]; o->name != NULL; o++) {
            char left[64];
            char letter[4] = "   ";

            if (o->letter != 0)
                (void)snprintf(letter, sizeof letter, "-%c,", o->letter);
            (void)snprintf(left, sizeof left, "%s --%s%s%s", letter, o->name, o->arg != NULL ? " " : "",
                           o->arg != NULL ? o->arg : "");
            printf("  %-30s %s\n", left, o->help);
        }
    }
}

void opts_help_all(const char *program, const struct cmd *table)
{
    printf("Usage: %s [--version | --help] COMMAND [OPTIONS] [ARGUMENTS]\n"
           "Signs SGX enclaves with a key that never leaves its HSM.\n\nCommands:\n",
           program);
    for (const struct cmd *cmd = table; cmd->name != NULL; cmd++)
        printf("  %-18s %s\n", cmd->name, cmd->summary);
    printf("\n%s help COMMAND tells more; the manual is ensign(1).\n", program);
}
