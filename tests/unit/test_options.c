/* The command line: each way to write an option, what ends them, what is refused with the nearest match, and
 * a table of commands without contradictions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/cmd/cmd.h"
#include "signer/ui/options_internal.h"
#include "tests/support/support.h"

/* Looks up a name of one or two words. */
static bool look_up(const char *name, const struct command **ret, struct ens_err *err)
{
    char first[64];
    char second[64] = "";
    char *argv[] = {first, second, NULL};
    int words = 0;
    bool ok = false;

    assert_in_range(strlen(name), 0, sizeof first - 1);
    (void)strcpy(first, name);
    if (strchr(first, ' ') != NULL) {
        (void)strcpy(second, strchr(name, ' ') + 1);
        *strchr(first, ' ') = '\0';
    }
    ok = cmd_find(second[0] != '\0' ? 2 : 1, argv, ret, &words, err);
    if (ok)
        assert_int_equal(words, second[0] != '\0' ? 2 : 1);
    return ok;
}

static const struct command *find(const char *name)
{
    const struct command *cmd = NULL;
    struct ens_err err = {0};

    assert_ok(look_up(name, &cmd, &err), err);
    return cmd;
}

/* At most this many words on a command line of these tests. */
#define WORDS_MAX 16

/* Where the option has its value. */
static const void *member(const struct command_line *line, const char *option, unsigned type)
{
    struct option_place p;

    assert_true(options_find(line->command, option, strlen(option), &p));
    assert_int_equal(p.row->marks & OPTION_TYPE, type);
    return (p.is_common ? (const char *)line : (const char *)line->options) + p.offset;
}

static const char *text(const struct command_line *line, const char *option)
{
    return *(const char *const *)member(line, option, OPTION_TEXT);
}

static bool flag(const struct command_line *line, const char *option)
{
    return *(const bool *)member(line, option, OPTION_FLAG);
}

/* Parses a list of words that ends with NULL into `ret`, which is empty or has been filled before. `argv` keeps the
 * operands. */
static bool parse(const char *cmd, const char *const words[], char *argv[WORDS_MAX], struct command_line *ret,
                  struct ens_err *err)
{
    static char room[WORDS_MAX][64];
    int argc = 0;

    for (; words[argc] != NULL; argc++) {
        assert_true(argc < WORDS_MAX && strlen(words[argc]) < sizeof room[0]);
        (void)snprintf(room[argc], sizeof room[argc], "%s", words[argc]);
        argv[argc] = room[argc];
    }
    options_free(ret);
    return options_parse("ensign", find(cmd), argc, argv, ret, err);
}

#define PARSE(cmd, line, ...)                                                                                \
    char *argv_[WORDS_MAX];                                                                                  \
    struct ens_err err_ = {0};                                                                               \
    assert_ok(parse(cmd, (const char *const[]){__VA_ARGS__, NULL}, argv_, line, &err_), err_)

#define REFUSED(cmd, why, ...)                                                                               \
    do {                                                                                                     \
        char *argv_[WORDS_MAX];                                                                              \
        struct ens_err err_;                                                                                 \
        struct command_line line_ = {.program = "untouched"};                                                \
        assert_fails(parse(cmd, (const char *const[]){__VA_ARGS__, NULL}, argv_, &line_, &err_), err_,       \
                     ENS_USAGE, why);                                                                        \
        assert_string_equal(line_.program, "untouched");                                                     \
        assert_null(strchr(err_.msg, '\n'));                                                                 \
    } while (0)

/* ---- what is read ---- */

static void nothing_given_is_nothing_set(void **state)
{
    ENS_CLEANUP(options_free) struct command_line line = {0};

    (void)state;
    memset(&line, 0x55, sizeof line);
    line.options = NULL;
    line.list = NULL;
    line.listed = NULL;
    PARSE("gen-sign-data", &line, "app.orc");
    assert_int_equal(line.operands_len, 1);
    assert_string_equal(line.operands[0], "app.orc");
    assert_null(text(&line, "output"));
    assert_null(text(&line, "date"));
    assert_true(view_is_zero(view_of(line.options, line.command->size)));
    assert_false(flag(&line, "force") || line.quiet || line.help);
}

static void long_options_take_their_argument_either_way(void **state)
{
    ENS_CLEANUP(options_free) struct command_line line = {0};

    (void)state;
    PARSE("gen-sign-data", &line, "--isvsvn=7", "--isvprodid", "5", "--date", "20260131", "--output=-",
          "app.orc");
    assert_string_equal(text(&line, "isvsvn"), "7");
    assert_string_equal(text(&line, "isvprodid"), "5");
    assert_string_equal(text(&line, "date"), "20260131");
    assert_string_equal(text(&line, "output"), "-");
    assert_int_equal(line.operands_len, 1);
}

static void an_argument_may_be_empty_or_look_like_an_option(void **state)
{
    ENS_CLEANUP(options_free) struct command_line line = {0};

    (void)state;
    PARSE("gen-sign-data", &line, "--isvsvn=", "--isvprodid", "--debug", "--date=a=b", "-o", "--", "app.orc");
    assert_string_equal(text(&line, "isvsvn"), "");
    assert_string_equal(text(&line, "isvprodid"), "--debug");
    assert_string_equal(text(&line, "date"), "a=b");
    assert_string_equal(text(&line, "output"), "--");
    assert_false(flag(&line, "debug"));
}

static void short_options_have_the_letters_of_orc(void **state)
{
    ENS_CLEANUP(options_free) struct command_line line = {0};

    (void)state;
    PARSE("sgx-gen-sign-data", &line, "-s1", "-p", "2", "-v3", "-m", "4/0", "-a5/0", "-x", "6/0", "-d",
          "app.orc");
    assert_string_equal(text(&line, "swdefined"), "1");
    assert_string_equal(text(&line, "isvprodid"), "2");
    assert_string_equal(text(&line, "isvsvn"), "3");
    assert_string_equal(text(&line, "miscselect"), "4/0");
    assert_string_equal(text(&line, "attributes"), "5/0");
    assert_string_equal(text(&line, "xfrm"), "6/0");
    assert_true(flag(&line, "debug"));
}

static void short_options_can_be_joined(void **state)
{
    ENS_CLEANUP(options_free) struct command_line line = {0};

    (void)state;
    PARSE("gen-sign-data", &line, "-dqv", "9", "-qo-", "app.orc");
    assert_true(flag(&line, "debug") && line.quiet);
    assert_string_equal(text(&line, "isvsvn"), "9");
    assert_string_equal(text(&line, "output"), "-");
}

static void every_option_of_the_contract_has_a_place(void **state)
{
    ENS_CLEANUP(options_free) struct command_line line = {0};

    (void)state;
    PARSE("gen-sign-data", &line, "--32bit", "--debug", "--forbid-debug", "--allow-unusual",
          "--isvfamilyid=a", "--isvextprodid=b", "--cet-attributes=c", "--from=d", "--component=e",
          "--digest=f", "--force", "--quiet", "app.orc");
    assert_true(flag(&line, "32bit") && flag(&line, "debug") && flag(&line, "forbid-debug") &&
                flag(&line, "allow-unusual"));
    assert_string_equal(text(&line, "isvfamilyid"), "a");
    assert_string_equal(text(&line, "isvextprodid"), "b");
    assert_string_equal(text(&line, "cet-attributes"), "c");
    assert_string_equal(text(&line, "from"), "d");
    assert_string_equal(text(&line, "component"), "e");
    assert_string_equal(text(&line, "digest"), "f");
    assert_true(flag(&line, "force") && line.quiet);
}

static void options_and_operands_come_in_any_order(void **state)
{
    ENS_CLEANUP(options_free) struct command_line line = {0};

    (void)state;
    PARSE("set-sig", &line, "app.orc", "-v", "3", "app.sig", "--force", "key.pem", "--quiet");
    assert_int_equal(line.operands_len, 3);
    assert_string_equal(line.operands[0], "app.orc");
    assert_string_equal(line.operands[1], "app.sig");
    assert_string_equal(line.operands[2], "key.pem");
    assert_string_equal(text(&line, "isvsvn"), "3");
    assert_true(flag(&line, "force") && line.quiet);
}

static void two_dashes_end_the_options(void **state)
{
    ENS_CLEANUP(options_free) struct command_line line = {0};

    (void)state;
    PARSE("set-sig", &line, "--force", "--", "--quiet", "-v", "--");
    assert_true(flag(&line, "force"));
    assert_false(line.quiet);
    assert_int_equal(line.operands_len, 3);
    assert_string_equal(line.operands[0], "--quiet");
    assert_string_equal(line.operands[1], "-v");
    assert_string_equal(line.operands[2], "--");
}

static void one_dash_is_an_operand(void **state)
{
    ENS_CLEANUP(options_free) struct command_line line = {0};

    (void)state;
    PARSE("show", &line, "-");
    assert_string_equal(line.operands[0], "-");
}

static void the_last_of_several_counts(void **state)
{
    ENS_CLEANUP(options_free) struct command_line line = {0};

    (void)state;
    PARSE("gen-sign-data", &line, "-v1", "--isvsvn=2", "app.orc", "-v", "3");
    assert_string_equal(text(&line, "isvsvn"), "3");
}

static void help_needs_no_operands(void **state)
{
    static const char *const spellings[] = {"--help", "-h"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        ENS_CLEANUP(options_free) struct command_line line = {0};

        PARSE("set-sig", &line, spellings[i]);
        assert_true(line.help);
        assert_int_equal(line.operands_len, 0);
    }
}

/* ---- what is refused ---- */

static void an_unknown_option_is_refused_with_the_nearest(void **state)
{
    (void)state;
    REFUSED("gen-sign-data", "--isvsnv: unknown option of gen-sign-data: did you mean --isvsvn?",
            "--isvsnv=1", "x");
    REFUSED("gen-sign-data", "did you mean --forbid-debug?", "--forbiddebug", "x");
    REFUSED("gen-sign-data", "--zzzzzzzz: unknown option of gen-sign-data: see ensign gen-sign-data --help",
            "--zzzzzzzz", "x");
    REFUSED("gen-sign-data", "-z: unknown option of gen-sign-data: see", "-z", "x");
    REFUSED("gen-sign-data", "-z: unknown option", "-dz", "x");
    REFUSED("gen-sign-data", "--: unknown option", "--=x", "x");
    /* Of another command. */
    REFUSED("show", "--isvsvn: unknown option of show", "--isvsvn=1", "x");
    REFUSED("show", "-v: unknown option of show", "-v1", "x");
}

static void abbreviations_are_not_taken(void **state)
{
    (void)state;
    REFUSED("gen-sign-data", "--isvs: unknown option", "--isvs=1", "x");
    REFUSED("gen-sign-data", "--forc: unknown option of gen-sign-data: did you mean --force?", "--forc", "x");
    REFUSED("gen-sign-data", "--force2: unknown option", "--force2", "x");
    REFUSED("gen-sign-data", "--Force: unknown option", "--Force", "x");
}

/* D3: as the flags of orc, which takes them as Go does. */
static void a_flag_takes_yes_or_no(void **state)
{
    static const char *const yes[] = {"--debug", "--debug=true", "--debug=1", "--debug=T", "-d", "-d=true"};
    static const char *const no[] = {"--debug=false", "--debug=0", "--debug=F", "-d=false", "-d=0"};

    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        ENS_CLEANUP(options_free) struct command_line line = {0};
        PARSE("gen-sign-data", &line, yes[i], "x");
        assert_true(flag(&line, "debug"));
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        ENS_CLEANUP(options_free) struct command_line line = {0};
        PARSE("gen-sign-data", &line, "--debug", no[i], "x");
        assert_false(flag(&line, "debug"));
    }
    REFUSED("gen-sign-data", "--debug=yes: is a flag", "--debug=yes", "x");
    REFUSED("gen-sign-data", "--debug=: is a flag", "--debug=", "x");
    REFUSED("gen-sign-data", "--debug=: is a flag", "-d=", "x");
    REFUSED("show", "--help=tRUE: is a flag", "--help=tRUE");
}

/* D3: an = after a letter is not a part of the value; an empty value of what orc has as well is none. */
static void values_as_orc_takes_them(void **state)
{
    ENS_CLEANUP(options_free) struct command_line line = {0};

    (void)state;
    {
        PARSE("gen-sign-data", &line, "-s=7", "-p=", "--date", "20240229", "--date=", "x");
    }
    assert_string_equal(text(&line, "swdefined"), "7");
    assert_string_equal(text(&line, "isvprodid"), "");
    assert_null(text(&line, "date"));
    {
        PARSE("init", &line, "--runtime-name", "", "--runtime-id=", "--sgx-executable=", "--sgx-signature",
              "");
    }
    assert_null(text(&line, "runtime-name"));
    assert_null(text(&line, "runtime-id"));
    assert_null(text(&line, "sgx-executable"));
    assert_null(text(&line, "sgx-signature"));
    {
        PARSE("sign", &line, "--key=", "--policy", "", "--mrsigner=", "x");
    }
    assert_string_equal(text(&line, "key"), "");
    assert_string_equal(text(&line, "policy"), "");
    assert_string_equal(text(&line, "mrsigner"), "");
}

/* Its word stands behind a = or nowhere. */
static void a_word_is_the_one_that_there_is(void **state)
{
    ENS_CLEANUP(options_free) struct command_line line = {0};

    (void)state;
    {
        PARSE("pubkey", &line, "--x509");
        assert_null(text(&line, "armor"));
    }
    {
        PARSE("sign", &line, "--armor", "bare");
        assert_string_equal(text(&line, "armor"), "");
        assert_string_equal(line.operands[0], "bare");
    }
    {
        PARSE("sign", &line, "--armor", "x", "--armor=bare");
        assert_string_equal(text(&line, "armor"), "bare");
    }
    REFUSED("sign", "--armor=: is unknown: leave out the =, or write =bare", "--armor=", "x");
    REFUSED("sign", "--armor=bar: is unknown", "--armor=bar", "x");
}

static void an_option_at_the_end_lacks_its_argument(void **state)
{
    (void)state;
    REFUSED("gen-sign-data", "--isvsvn: needs an argument", "x", "--isvsvn");
    REFUSED("gen-sign-data", "-v: needs an argument", "x", "-v");
    REFUSED("gen-sign-data", "-dv: needs an argument", "x", "-dv");
}

static void the_number_of_operands_is_checked(void **state)
{
    ENS_CLEANUP(options_free) struct command_line line = {0};

    (void)state;
    REFUSED("gen-sign-data",
            "gen-sign-data: 0 operands are given, too few: ensign gen-sign-data [OPTIONS] ENCLAVE",
            "--force");
    REFUSED("gen-sign-data", "2 operands are given, too many", "a", "b");
    REFUSED("set-sig", "4 operands are given, too many", "a", "b", "c", "d");
    REFUSED("keys", "1 operands are given, too many", "a");
    PARSE("set-sig", &line, "a", "b", "c");
    assert_int_equal(line.operands_len, 3);
}

static void hostile_words_do_not_reach_the_terminal(void **state)
{
    (void)state;
    REFUSED("show", "--??[2J: unknown option", "--\n\x1b[2J", "x");
    REFUSED("show", "-?: unknown option", "-\x1b", "x");
}

static void a_very_long_option_is_cut_in_the_message(void **state)
{
    char word[600] = "--";
    char *argv[] = {word};
    ENS_CLEANUP(options_free) struct command_line line = {0};
    struct ens_err err;

    (void)state;
    memset(word + 2, 'q', sizeof word - 3);
    assert_fails(options_parse("ensign", find("show"), 1, argv, &line, &err), err, ENS_USAGE,
                 "unknown option of show: see");
    assert_true(strlen(err.msg) < 200);
}

/* ---- the table ---- */

static void every_command_is_found_and_only_they(void **state)
{
    const struct command *cmd = NULL;
    struct ens_err err;

    (void)state;
    for (size_t t = 0; cmd_table[t] != NULL; t++)
        assert_ptr_equal(find(cmd_table[t]->name), cmd_table[t]);
    assert_fails(look_up("gensigndata", &cmd, &err), err, ENS_USAGE,
                 "unknown command: did you mean gen-sign-data?");
    assert_fails(look_up("sing", &cmd, &err), err, ENS_USAGE, "sing: unknown command: did you mean sign?");
    assert_fails(look_up("frobnicate", &cmd, &err), err, ENS_USAGE,
                 "frobnicate: unknown command: see ensign help");
    assert_fails(look_up("", &cmd, &err), err, ENS_USAGE, "unknown command");
    assert_fails(look_up("SIGN", &cmd, &err), err, ENS_USAGE, "unknown command");
    assert_fails(look_up("quorum", &cmd, &err), err, ENS_USAGE,
                 "quorum: wants a second word: see ensign quorum help");
    assert_fails(look_up("quorum destroi", &cmd, &err), err, ENS_USAGE,
                 "quorum destroi: unknown command: did you mean quorum destroy?");
    assert_fails(look_up("quorum frobnicate", &cmd, &err), err, ENS_USAGE,
                 "quorum frobnicate: unknown command: see ensign quorum help");
    assert_fails(look_up("quorum quorum", &cmd, &err), err, ENS_USAGE, "quorum quorum: unknown command");
    assert_fails(look_up("quorun destroy", &cmd, &err), err, ENS_USAGE,
                 "quorun: unknown command: did you mean quorum?");
    assert_fails(look_up("destroy", &cmd, &err), err, ENS_USAGE, "destroy: unknown command");
    assert_null(cmd);
}

static bool same_option(const struct option *a, const struct option *b)
{
    return strcmp(a->name, b->name) == 0 || (a->letter != 0 && a->letter == b->letter);
}

/* All options of a command, in one list. */
static size_t options_of(const struct command *cmd, struct option_place ret[OPTIONS_MAX])
{
    size_t n = 0;

    while (n < OPTIONS_MAX && options_at(cmd, n, &ret[n]))
        n++;
    assert_true(n < OPTIONS_MAX);
    return n;
}

static void no_command_has_an_option_twice(void **state)
{
    (void)state;
    for (size_t t = 0; cmd_table[t] != NULL; t++) {
        const struct command *cmd = cmd_table[t];
        struct option_place all[OPTIONS_MAX];
        size_t n = options_of(cmd, all);

        assert_true(n > 0);
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < i; j++) {
                if (same_option(all[i].row, all[j].row))
                    fail_msg("%s has --%s and --%s", cmd->name, all[i].row->name, all[j].row->name);
            }
        }
    }
}

static void every_row_is_complete(void **state)
{
    (void)state;
    for (size_t t = 0; cmd_table[t] != NULL; t++) {
        const struct command *cmd = cmd_table[t];
        struct option_place all[OPTIONS_MAX];
        size_t n = options_of(cmd, all);

        assert_true(cmd->summary[0] != '\0' && cmd->min <= cmd->max && cmd->run != NULL);
        assert_true(cmd->examples != NULL && cmd->see_also != NULL);
        assert_int_equal(cmd->operands[0] == '\0', cmd->max == 0);
        for (size_t i = 0; i < n; i++) {
            assert_true(all[i].row->name[0] != '\0' && all[i].row->help[0] != '\0');
            assert_string_not_equal(all[i].topic, "Options");
            assert_int_equal(all[i].row->arg != NULL, (all[i].row->marks & OPTION_TYPE) != OPTION_FLAG);
            assert_true(all[i].offset < (all[i].is_common ? sizeof(struct command_line) : cmd->size));
            assert_int_equal(all[i].is_common, strcmp(all[i].row->name, "help") == 0 ||
                                                   strcmp(all[i].row->name, "quiet") == 0 ||
                                                   strcmp(all[i].row->name, "verbose") == 0);
        }
    }
}

/* What an option that is set leaves in its member, and nowhere else. */
static void check_option(const struct command *cmd, const struct option_place *p)
{
    char word[80];
    char value[] = "value";
    char operand[] = "operand";
    char help[] = "--help";
    char *argv[4] = {word, value, operand, help};
    const char *pointer = value;
    const struct text_list list = {.items = {value}, .len = 1};
    ENS_CLEANUP(options_free) struct command_line got = {0};
    ENS_CLEANUP(options_free) struct command_line want = {.command = cmd, .help = true};
    struct ens_err err = {0};
    int argc = 4;
    unsigned type = p->row->marks & OPTION_TYPE;

    want.options = mem_alloc(1, cmd->size, &err);
    assert_non_null(want.options);
    char *member = (char *)(p->is_common ? (void *)&want : want.options) + p->offset;

    (void)snprintf(word, sizeof word, "--%s", p->row->name);
    if ((p->row->marks & OPTION_HERE) != 0)
        memcpy(value, ".", sizeof "."); /* a directory, else it is an operand */
    if (type == OPTION_FLAG || (p->row->marks & OPTION_WORD) != 0) {
        argv[1] = help;
        argc = 2;
    }
    if (type == OPTION_FLAG) {
        *(bool *)member = true;
    } else if (type == OPTION_LIST) {
        memcpy(member, &list, sizeof list);
    } else {
        memcpy(member, &pointer, sizeof pointer);
    }
    assert_ok(options_parse("ensign", cmd, argc, argv, &got, &err), err);
    /* It is noted as one in use, by its name, once. */
    assert_ptr_equal(got.command, cmd);
    assert_int_equal(got.used.len, strcmp(p->row->name, "help") == 0 ? 1 : 2);
    assert_string_equal(got.used.items[0], p->row->name);
    assert_true(options_uses(&got, p->row->name) && !options_uses(&got, "nothing"));
    if ((p->row->marks & OPTION_WORD) != 0) {
        assert_string_equal(options_text(&got, p), "");
        memcpy((char *)got.options + p->offset, &pointer, sizeof pointer);
    }
    assert_memory_equal(got.options, want.options, cmd->size);
    assert_true(got.quiet == want.quiet && got.help == want.help);
}

static void every_option_of_every_command_sets_its_own_member(void **state)
{
    (void)state;
    for (size_t t = 0; cmd_table[t] != NULL; t++) {
        struct option_place all[OPTIONS_MAX];
        size_t n = options_of(cmd_table[t], all);

        for (size_t i = 0; i < n; i++)
            check_option(cmd_table[t], &all[i]);
    }
}

static void a_list_takes_so_many_values_and_no_more(void **state)
{
    static char value[] = "value";
    static char option[] = "--approval";
    char *argv[2 * (TEXT_LIST_MAX + 1) + 1];
    const struct command *cmd = NULL;
    ENS_CLEANUP(options_free) struct command_line got = {0};
    struct ens_err err = {0};

    (void)state;
    assert_ok(look_up("sign", &cmd, &err), err);
    for (int i = 0; i <= TEXT_LIST_MAX; i++) {
        argv[2 * i] = option;
        argv[2 * i + 1] = value;
    }
    argv[2 * TEXT_LIST_MAX] = value; /* one operand in place of one option too many */
    assert_ok(options_parse("ensign", cmd, 2 * TEXT_LIST_MAX + 1, argv, &got, &err), err);
    const struct text_list *list = member(&got, "approval", OPTION_LIST);

    assert_int_equal(list->len, TEXT_LIST_MAX);
    for (int i = 0; i <= TEXT_LIST_MAX; i++) {
        argv[2 * i] = option;
        argv[2 * i + 1] = value;
    }
    assert_fails(options_parse("ensign", cmd, 2 * (TEXT_LIST_MAX + 1), argv, &got, &err), err, ENS_USAGE,
                 "more than 64 times");
}

/* ---- the files that are named ---- */

/* One that is expected, with its marks but for the type. */
struct expected {
    const char *option, *path;
    unsigned marks;
};

static void check_files(const struct command_line *line, const struct expected *want, size_t len)
{
    ENS_CLEANUP(options_files_free) struct option_files files = {0};
    struct ens_err err = {0};

    assert_ok(options_files(line, &files, &err), err);
    assert_int_equal(files.len, len);
    for (size_t i = 0; i < len; i++) {
        const struct option_file *f = &files.items[i];

        assert_string_equal(f->path, want[i].path);
        assert_true((f->option == NULL) == (want[i].option == NULL));
        if (f->option != NULL)
            assert_string_equal(f->option, want[i].option);
        assert_int_equal(f->marks & ~(unsigned)(OPTION_TYPE | OPTION_SINGLE | OPTION_EMPTY), want[i].marks);
    }
}

static void the_files_of_a_command_line_are_told(void **state)
{
    const struct expected sign[] = {{"policy", "p", OPTION_READ},
                                    {"approval", "a1", OPTION_READ},
                                    {"approval", "a2", OPTION_READ},
                                    {"pubkey", "k", OPTION_WRITTEN | OPTION_BESIDE},
                                    {"transcript", "t", OPTION_WRITTEN | OPTION_APPENDED},
                                    {"output", "o", OPTION_WRITTEN},
                                    {NULL, "x", OPTION_READ}};
    const struct expected resign[] = {{"out-dir", "d", OPTION_DIR},
                                      {"from", "f", OPTION_READ},
                                      {NULL, "x", OPTION_READ},
                                      {NULL, "y", OPTION_READ}};
    const struct expected approve[] = {{"ssh-key", "s", OPTION_READ | OPTION_KEY},
                                       {"pubkey", "k", OPTION_READ},
                                       {"rebuilt", "r", OPTION_READ},
                                       {"replaces", "e", OPTION_READ},
                                       {NULL, "-", OPTION_READ}};
    ENS_CLEANUP(options_free) struct command_line line = {0};

    (void)state;
    {
        PARSE("sign", &line, "-o", "o", "--approval=a1", "--policy=p", "--approval=a2", "--transcript=t",
              "--note=n", "--pubkey=k", "x");
        check_files(&line, sign, sizeof sign / sizeof sign[0]);
    }
    {
        PARSE("resign", &line, "--from=f", "--out-dir=d", "--jobs=3", "x", "y");
        check_files(&line, resign, sizeof resign / sizeof resign[0]);
    }
    {
        PARSE("approve", &line, "-", "--ssh-key=s", "--pubkey=k", "--rebuilt=r", "--replaces=e");
        check_files(&line, approve, sizeof approve / sizeof approve[0]);
    }
    {
        PARSE("keys", &line, "--token=pkcs11:");
        check_files(&line, NULL, 0);
    }
}

/* A row whose argument is called a file says what becomes of it. */
static void no_row_that_names_a_file_forgets_its_mark(void **state)
{
    static const char *const files[] = {"FILE", "DIR", "[DIR]", "ENCLAVE", "RELEASE",
                                        "SGXS", "SIG", "CARD",  "I=CARD"};

    (void)state;
    for (size_t t = 0; cmd_table[t] != NULL; t++) {
        struct option_place all[OPTIONS_MAX];
        size_t n = options_of(cmd_table[t], all);

        for (size_t i = 0; i < n; i++) {
            bool is_file = false;

            for (size_t f = 0; all[i].row->arg != NULL && f < sizeof files / sizeof files[0]; f++)
                is_file = is_file || strcmp(all[i].row->arg, files[f]) == 0;
            if (is_file != ((all[i].row->marks & (OPTION_READ | OPTION_WRITTEN | OPTION_DIR)) != 0))
                fail_msg("%s --%s", cmd_table[t]->name, all[i].row->name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_given_is_nothing_set),
        cmocka_unit_test(long_options_take_their_argument_either_way),
        cmocka_unit_test(an_argument_may_be_empty_or_look_like_an_option),
        cmocka_unit_test(short_options_have_the_letters_of_orc),
        cmocka_unit_test(short_options_can_be_joined),
        cmocka_unit_test(every_option_of_the_contract_has_a_place),
        cmocka_unit_test(options_and_operands_come_in_any_order),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(one_dash_is_an_operand),
        cmocka_unit_test(the_last_of_several_counts),
        cmocka_unit_test(help_needs_no_operands),
        cmocka_unit_test(an_unknown_option_is_refused_with_the_nearest),
        cmocka_unit_test(abbreviations_are_not_taken),
        cmocka_unit_test(a_flag_takes_yes_or_no),
        cmocka_unit_test(values_as_orc_takes_them),
        cmocka_unit_test(a_word_is_the_one_that_there_is),
        cmocka_unit_test(an_option_at_the_end_lacks_its_argument),
        cmocka_unit_test(the_number_of_operands_is_checked),
        cmocka_unit_test(hostile_words_do_not_reach_the_terminal),
        cmocka_unit_test(a_very_long_option_is_cut_in_the_message),
        cmocka_unit_test(every_command_is_found_and_only_they),
        cmocka_unit_test(no_command_has_an_option_twice),
        cmocka_unit_test(every_row_is_complete),
        cmocka_unit_test(every_option_of_every_command_sets_its_own_member),
        cmocka_unit_test(a_list_takes_so_many_values_and_no_more),
        cmocka_unit_test(the_files_of_a_command_line_are_told),
        cmocka_unit_test(no_row_that_names_a_file_forgets_its_mark),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
