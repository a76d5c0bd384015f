/* The command line: GNU long options in full, short ones with or without a gap, operands anywhere, `--`
 * ends the options. Abbreviations are not taken: a script must mean the same after an option is added. */
#include "signer/ui/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/ui/options_internal.h"

static bool find_short(const struct command *c, char letter, struct option_place *ret)
{
    for (size_t i = 0; options_at(c, i, ret); i++) {
        if (ret->row->letter == letter)
            return true;
    }
    return false;
}

static bool fail_unknown_option(const struct command *c, const char *name, size_t len, struct ens_err *err)
{
    const char *names[OPTIONS_MAX + 1] = {0};
    char typed[64];
    struct option_place p;

    for (size_t n = 0; n < OPTIONS_MAX && options_at(c, n, &p); n++)
        names[n] = p.row->name;
    (void)snprintf(typed, sizeof typed, "%.*s", (int)(len < 60 ? len : 60), name);
    const char *near = text_nearest(typed, names);

    if (near != NULL)
        return ens_fail(err, ENS_USAGE, "--%s: unknown option of %s: did you mean --%s?", typed, c->name,
                        near);
    return ens_fail(err, ENS_USAGE, "--%s: unknown option of %s: see ensign %s --help", typed, c->name,
                    c->name);
}

/* ---- values ---- */

static void *member_of(struct command_line *line, const struct option_place *p)
{
    return (char *)(p->is_common ? (void *)line : line->options) + p->offset;
}

/* Notes that the option is in use, or, of a flag that is false, that it is not; no command has more options
 * than the list takes. */
static void note_option(const struct option *o, struct text_list *list, bool is_used)
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
static bool store_flag(const struct option *o, const char *value, void *member, struct ens_err *err)
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

/* Does it go without an argument of its own? */
static bool stands_alone(const struct option *o)
{
    return (o->marks & OPTION_TYPE) == OPTION_FLAG || (o->marks & OPTION_WORD) != 0;
}

static bool check_option_value(const struct option *o, const char *value, struct ens_err *err)
{
    char option[64];

    (void)snprintf(option, sizeof option, "--%s", o->name);
    return stands_alone(o) || (o->marks & OPTION_URI) != 0 || check_no_uri(option, value, err);
}

static bool store_word(const struct option *o, const char *value, void *member, struct ens_err *err)
{
    const char *word = value != NULL ? value : "";

    if (value != NULL && strcmp(value, o->arg) != 0)
        return ens_fail(err, ENS_USAGE, "--%s=%s: is unknown: leave out the =, or write =%s", o->name, value,
                        o->arg);
    memcpy(member, &word, sizeof word);
    return true;
}

static bool check_once(const struct option *o, const struct text_list *used, struct ens_err *err)
{
    for (size_t i = 0; (o->marks & OPTION_SINGLE) != 0 && i < used->len; i++) {
        if (used->items[i] == o->name)
            return ens_fail(err, ENS_USAGE, "--%s: is given twice: give it once", o->name);
    }
    return true;
}

static bool store_in_list(const struct option *o, const char *value, void *member, struct ens_err *err)
{
    struct text_list list;

    memcpy(&list, member, sizeof list);
    if (list.len == TEXT_LIST_MAX)
        return ens_fail(err, ENS_USAGE, "--%s: is given more than %d times", o->name, TEXT_LIST_MAX);
    list.items[list.len++] = value;
    memcpy(member, &list, sizeof list);
    return true;
}

static bool store(const struct option_place *p, const char *value, struct command_line *line,
                  struct ens_err *err)
{
    const struct option *o = p->row;
    void *member = member_of(line, p);
    unsigned type = o->marks & OPTION_TYPE;

    if (!check_option_value(o, value, err) || !check_once(o, &line->used, err))
        return false;
    if (type == OPTION_FLAG && !store_flag(o, value, member, err))
        return false;
    note_option(o, &line->used, type != OPTION_FLAG || *(const bool *)member);
    if ((o->marks & OPTION_WORD) != 0)
        return store_word(o, value, member, err);
    if (type == OPTION_LIST)
        return store_in_list(o, value, member, err);
    if ((o->marks & OPTION_EMPTY) != 0 && value != NULL && value[0] == '\0')
        value = NULL;
    if (type == OPTION_TEXT)
        memcpy(member, &value, sizeof value);
    return true;
}

/* ---- words ---- */

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

/* The next word if it is a directory, else this one. */
static const char *next_directory(struct cursor *c)
{
    struct stat st;
    bool is_next = c->at + 1 < c->argc && stat(c->argv[c->at + 1], &st) == 0 && S_ISDIR(st.st_mode);

    return is_next ? c->argv[++c->at] : ".";
}

static bool take_long(struct command_line *line, struct cursor *c, struct ens_err *err)
{
    const char *name = c->argv[c->at] + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const char *value = equals != NULL ? equals + 1 : NULL;
    struct option_place p;

    if (!options_find(line->command, name, len, &p))
        return fail_unknown_option(line->command, name, len, err);
    if ((p.row->marks & OPTION_HERE) != 0 && equals == NULL)
        value = next_directory(c);
    else if (!stands_alone(p.row) && equals == NULL && !next_word(c, c->argv[c->at], &value, err))
        return false;
    return store(&p, value, line, err);
}

/* A cluster such as -d, -s7, -s 7, -s=7, -ds7 or -d=false. */
static bool take_short(struct command_line *line, struct cursor *c, struct ens_err *err)
{
    for (const char *letter = c->argv[c->at] + 1; *letter != '\0'; letter++) {
        const char *value = letter + 1;
        struct option_place p;

        if (!find_short(line->command, *letter, &p))
            return ens_fail(err, ENS_USAGE, "-%c: unknown option of %s: see ensign %s --help", *letter,
                            line->command->name, line->command->name);
        bool equals = *value == '=';

        value += equals ? 1 : 0;
        if (stands_alone(p.row) && !equals) {
            if (!store(&p, NULL, line, err))
                return false;
            continue;
        }
        if (*value == '\0' && !equals && !next_word(c, c->argv[c->at], &value, err))
            return false;
        return store(&p, value, line, err);
    }
    return true;
}

/* Options that were not given, from the environment; an empty variable says nothing. ENSIGN_PKCS11_MODULE is
 * not among them: module-path in the URI comes before it. */
static void take_environment(struct command_line *line)
{
    static const struct {
        const char *option, *variable;
    } rows[] = {{"key", "ENSIGN_KEY"}, {"token", "ENSIGN_TOKEN"}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *value = getenv(rows[i].variable);
        struct option_place p;

        if (value != NULL && value[0] != '\0' &&
            options_find(line->command, rows[i].option, strlen(rows[i].option), &p) &&
            (p.row->marks & OPTION_SAID) == 0 && options_text(line, &p) == NULL)
            memcpy(member_of(line, &p), &value, sizeof value);
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

static bool check_operands(const struct command *c, size_t n, struct ens_err *err)
{
    if (n < c->min)
        return ens_fail(err, ENS_USAGE, "%s: %zu operands are given, too few: ensign %s [OPTIONS] %s",
                        c->name, n, c->name, c->operands);
    if (n > c->max)
        return ens_fail(err, ENS_USAGE, "%s: %zu operands are given, too many: ensign %s [OPTIONS] %s",
                        c->name, n, c->name, c->operands);
    return true;
}

static bool read_words(struct command_line *line, int argc, char **argv, struct ens_err *err)
{
    struct cursor c = {.argc = argc, .argv = argv, .at = 0};
    bool ended = false;

    for (; c.at < argc; c.at++) {
        char *word = argv[c.at];

        if (ended || word[0] != '-' || word[1] == '\0') {
            if (!check_no_uri("an operand", word, err))
                return false;
            argv[line->operands_len++] = word;
        } else if (strcmp(word, "--") == 0) {
            ended = true;
        } else if (!check_no_file(word, err) ||
                   !(word[1] == '-' ? take_long(line, &c, err) : take_short(line, &c, err))) {
            return false;
        }
    }
    return true;
}

bool options_parse(const char *program, const struct command *c, int argc, char **argv,
                   struct command_line *ret, struct ens_err *err)
{
    ENS_CLEANUP(options_free)
    struct command_line line = {
        .program = program, .command = c, .options = mem_alloc(1, c->size, err), .operands = argv};

    if (line.options == NULL || !read_words(&line, argc, argv, err))
        return false;
    take_environment(&line);
    if (!line.help && !check_operands(c, line.operands_len, err))
        return false;
    *ret = line;
    line.options = NULL;
    return true;
}

void options_free(struct command_line *line)
{
    mem_free(line->options);
    mem_free(line->list);
    mem_free(line->listed);
    line->options = NULL;
    line->list = NULL;
    line->listed = NULL;
}
