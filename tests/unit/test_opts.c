/* The command line: each way to write an option, what ends them, what is refused with the nearest match, and
 * a table of commands without contradictions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signer/cmd/cmd.h"
#include "tests/support/support.h"

static const struct cmd *find(const char *name)
{
    const struct cmd *cmd = NULL;
    struct ens_err err = {0};

    assert_ok(cmd_find(name, &cmd, &err), err);
    return cmd;
}

/* At most this many words on a command line of these tests. */
#define WORDS_MAX 16

/* Parses a list of words that ends with NULL. `argv` keeps the operands. */
static bool parse(const char *cmd, const char *const words[], char *argv[WORDS_MAX], struct args *ret,
                  struct ens_err *err)
{
    static char room[WORDS_MAX][64];
    int argc = 0;

    for (; words[argc] != NULL; argc++) {
        assert_true(argc < WORDS_MAX && strlen(words[argc]) < sizeof room[0]);
        (void)snprintf(room[argc], sizeof room[argc], "%s", words[argc]);
        argv[argc] = room[argc];
    }
    return opts_parse("ensign", find(cmd), argc, argv, ret, err);
}

#define PARSE(cmd, args, ...)                                                                                \
    char *argv_[WORDS_MAX];                                                                                  \
    struct ens_err err_ = {0};                                                                               \
    assert_ok(parse(cmd, (const char *const[]){__VA_ARGS__, NULL}, argv_, args, &err_), err_)

#define REFUSED(cmd, why, ...)                                                                               \
    do {                                                                                                     \
        char *argv_[WORDS_MAX];                                                                              \
        struct ens_err err_;                                                                                 \
        struct args args_ = {.output = "untouched"};                                                         \
        assert_fails(parse(cmd, (const char *const[]){__VA_ARGS__, NULL}, argv_, &args_, &err_), err_,       \
                     ENS_USAGE, why);                                                                        \
        assert_string_equal(args_.output, "untouched");                                                      \
        assert_null(strchr(err_.msg, '\n'));                                                                 \
    } while (0)

/* ---- what is read ---- */

static void nothing_given_is_nothing_set(void **state)
{
    struct args args;

    (void)state;
    memset(&args, 0x55, sizeof args);
    PARSE("gen-sign-data", &args, "app.orc");
    assert_int_equal(args.operands_len, 1);
    assert_string_equal(args.operands[0], "app.orc");
    assert_null(args.output);
    assert_null(args.params.date);
    assert_false(params_any(&args.params));
    assert_false(args.force || args.quiet || args.help);
}

static void long_options_take_their_argument_either_way(void **state)
{
    struct args args;

    (void)state;
    PARSE("gen-sign-data", &args, "--isvsvn=7", "--isvprodid", "5", "--date", "20260131", "--output=-",
          "app.orc");
    assert_string_equal(args.params.isvsvn, "7");
    assert_string_equal(args.params.isvprodid, "5");
    assert_string_equal(args.params.date, "20260131");
    assert_string_equal(args.output, "-");
    assert_int_equal(args.operands_len, 1);
}

static void an_argument_may_be_empty_or_look_like_an_option(void **state)
{
    struct args args;

    (void)state;
    PARSE("gen-sign-data", &args, "--isvsvn=", "--isvprodid", "--debug", "--date=a=b", "-o", "--", "app.orc");
    assert_string_equal(args.params.isvsvn, "");
    assert_string_equal(args.params.isvprodid, "--debug");
    assert_string_equal(args.params.date, "a=b");
    assert_string_equal(args.output, "--");
    assert_false(args.params.debug);
}

static void short_options_have_the_letters_of_orc(void **state)
{
    struct args args;

    (void)state;
    PARSE("sgx-gen-sign-data", &args, "-s1", "-p", "2", "-v3", "-m", "4/0", "-a5/0", "-x", "6/0", "-d",
          "app.orc");
    assert_string_equal(args.params.swdefined, "1");
    assert_string_equal(args.params.isvprodid, "2");
    assert_string_equal(args.params.isvsvn, "3");
    assert_string_equal(args.params.miscselect, "4/0");
    assert_string_equal(args.params.attributes, "5/0");
    assert_string_equal(args.params.xfrm, "6/0");
    assert_true(args.params.debug);
}

static void short_options_can_be_joined(void **state)
{
    struct args args;

    (void)state;
    PARSE("gen-sign-data", &args, "-dqv", "9", "-qo-", "app.orc");
    assert_true(args.params.debug && args.quiet);
    assert_string_equal(args.params.isvsvn, "9");
    assert_string_equal(args.output, "-");
}

static void every_option_of_the_contract_has_a_place(void **state)
{
    struct args args;

    (void)state;
    PARSE("gen-sign-data", &args, "--32bit", "--debug", "--forbid-debug", "--allow-unusual",
          "--isvfamilyid=a", "--isvextprodid=b", "--cet-attributes=c", "--from=d", "--component=e",
          "--digest=f", "--force", "--quiet", "app.orc");
    assert_true(args.params.bit32 && args.params.debug && args.params.forbid_debug &&
                args.params.allow_unusual);
    assert_string_equal(args.params.isvfamilyid, "a");
    assert_string_equal(args.params.isvextprodid, "b");
    assert_string_equal(args.params.cet_attributes, "c");
    assert_string_equal(args.from, "d");
    assert_string_equal(args.component, "e");
    assert_string_equal(args.digest, "f");
    assert_true(args.force && args.quiet);
}

static void options_and_operands_come_in_any_order(void **state)
{
    struct args args;

    (void)state;
    PARSE("set-sig", &args, "app.orc", "-v", "3", "app.sig", "--force", "key.pem", "--quiet");
    assert_int_equal(args.operands_len, 3);
    assert_string_equal(args.operands[0], "app.orc");
    assert_string_equal(args.operands[1], "app.sig");
    assert_string_equal(args.operands[2], "key.pem");
    assert_string_equal(args.params.isvsvn, "3");
    assert_true(args.force && args.quiet);
}

static void two_dashes_end_the_options(void **state)
{
    struct args args;

    (void)state;
    PARSE("set-sig", &args, "--force", "--", "--quiet", "-v", "--");
    assert_true(args.force);
    assert_false(args.quiet);
    assert_int_equal(args.operands_len, 3);
    assert_string_equal(args.operands[0], "--quiet");
    assert_string_equal(args.operands[1], "-v");
    assert_string_equal(args.operands[2], "--");
}

static void one_dash_is_an_operand(void **state)
{
    struct args args;

    (void)state;
    PARSE("show", &args, "-");
    assert_string_equal(args.operands[0], "-");
}

static void the_last_of_several_counts(void **state)
{
    struct args args;

    (void)state;
    PARSE("gen-sign-data", &args, "-v1", "--isvsvn=2", "app.orc", "-v", "3");
    assert_string_equal(args.params.isvsvn, "3");
}

static void help_needs_no_operands(void **state)
{
    static const char *const spellings[] = {"--help", "-h"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct args args;

        PARSE("set-sig", &args, spellings[i]);
        assert_true(args.help);
        assert_int_equal(args.operands_len, 0);
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
        struct args args = {0};
        PARSE("gen-sign-data", &args, yes[i], "x");
        assert_true(args.params.debug);
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        struct args args = {0};
        PARSE("gen-sign-data", &args, "--debug", no[i], "x");
        assert_false(args.params.debug);
    }
    REFUSED("gen-sign-data", "--debug=yes: is a flag", "--debug=yes", "x");
    REFUSED("gen-sign-data", "--debug=: is a flag", "--debug=", "x");
    REFUSED("gen-sign-data", "--debug=: is a flag", "-d=", "x");
    REFUSED("show", "--help=tRUE: is a flag", "--help=tRUE");
}

/* D3: an = after a letter is not a part of the value; an empty value of what orc has as well is none. */
static void values_as_orc_takes_them(void **state)
{
    struct args args = {0};

    (void)state;
    {
        PARSE("gen-sign-data", &args, "-s=7", "-p=", "--date", "20240229", "--date=", "x");
    }
    assert_string_equal(args.params.swdefined, "7");
    assert_string_equal(args.params.isvprodid, "");
    assert_null(args.params.date);
    {
        PARSE("init", &args, "--runtime-name", "", "--runtime-id=", "--sgx-executable=", "--sgx-signature",
              "");
    }
    assert_null(args.runtime_name);
    assert_null(args.runtime_id);
    assert_null(args.sgx_executable);
    assert_null(args.sgx_signature);
    {
        PARSE("sign", &args, "--key=", "--policy", "", "--mrsigner=", "x");
    }
    assert_string_equal(args.key, "");
    assert_string_equal(args.policy, "");
    assert_string_equal(args.mrsigner, "");
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
    struct args args;

    (void)state;
    REFUSED("gen-sign-data",
            "gen-sign-data: 0 operands are given, too few: ensign gen-sign-data [OPTIONS] ENCLAVE",
            "--force");
    REFUSED("gen-sign-data", "2 operands are given, too many", "a", "b");
    REFUSED("set-sig", "4 operands are given, too many", "a", "b", "c", "d");
    REFUSED("keys", "1 operands are given, too many", "a");
    PARSE("set-sig", &args, "a", "b", "c");
    assert_int_equal(args.operands_len, 3);
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
    struct args args;
    struct ens_err err;

    (void)state;
    memset(word + 2, 'q', sizeof word - 3);
    assert_fails(opts_parse("ensign", find("show"), 1, argv, &args, &err), err, ENS_USAGE,
                 "unknown option of show: see");
    assert_true(strlen(err.msg) < 200);
}

/* ---- the table ---- */

static void every_command_is_found_and_only_they(void **state)
{
    const struct cmd *cmd = NULL;
    struct ens_err err;

    (void)state;
    for (const struct cmd *c = cmd_table; c->name != NULL; c++)
        assert_ptr_equal(find(c->name), c);
    assert_fails(cmd_find("gensigndata", &cmd, &err), err, ENS_USAGE,
                 "unknown command: did you mean gen-sign-data?");
    assert_fails(cmd_find("sing", &cmd, &err), err, ENS_USAGE, "sing: unknown command: did you mean sign?");
    assert_fails(cmd_find("frobnicate", &cmd, &err), err, ENS_USAGE,
                 "frobnicate: unknown command: see ensign help");
    assert_fails(cmd_find("", &cmd, &err), err, ENS_USAGE, "unknown command");
    assert_fails(cmd_find("SIGN", &cmd, &err), err, ENS_USAGE, "unknown command");
    assert_null(cmd);
}

static bool same_option(const struct opt *a, const struct opt *b)
{
    return strcmp(a->name, b->name) == 0 || (a->letter != 0 && a->letter == b->letter);
}

/* All options of a command, in one list. */
static size_t options_of(const struct cmd *cmd, const struct opt *ret[64])
{
    size_t n = 0;

    for (size_t g = 0; g < OPT_GROUPS_MAX && cmd->groups[g] != NULL; g++) {
        for (const struct opt *o = cmd->groups[g]; o->name != NULL; o++) {
            assert_true(n < 64);
            ret[n++] = o;
        }
    }
    return n;
}

static void no_command_has_an_option_twice(void **state)
{
    (void)state;
    for (const struct cmd *cmd = cmd_table; cmd->name != NULL; cmd++) {
        const struct opt *all[64];
        size_t n = options_of(cmd, all);

        assert_true(n > 0);
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < i; j++) {
                if (same_option(all[i], all[j]))
                    fail_msg("%s has --%s and --%s", cmd->name, all[i]->name, all[j]->name);
            }
        }
    }
}

static void every_row_is_complete(void **state)
{
    (void)state;
    for (const struct cmd *cmd = cmd_table; cmd->name != NULL; cmd++) {
        const struct opt *all[64];
        size_t n = options_of(cmd, all);

        assert_true(cmd->summary[0] != '\0' && cmd->min <= cmd->max && cmd->run != NULL);
        assert_int_equal(cmd->operands[0] == '\0', cmd->max == 0);
        for (size_t i = 0; i < n; i++) {
            assert_true(all[i]->help[0] != '\0');
            assert_int_equal(all[i]->arg != NULL, all[i]->kind != OPT_FLAG);
            assert_true(all[i]->offset < sizeof(struct args));
        }
    }
}

static void every_option_of_every_command_sets_its_own_member(void **state)
{
    (void)state;
    for (const struct cmd *cmd = cmd_table; cmd->name != NULL; cmd++) {
        const struct opt *all[64];
        size_t n = options_of(cmd, all);

        for (size_t i = 0; i < n; i++) {
            char word[80];
            char value[] = "value";
            char operand[] = "operand";
            char help[] = "--help";
            char *argv[4] = {word, value, operand, help};
            struct args got;
            struct args want = {.help = true};
            struct ens_err err = {0};
            int argc = 4;

            (void)snprintf(word, sizeof word, "--%s", all[i]->name);
            if (all[i]->kind == OPT_FLAG) {
                argv[1] = help;
                argc = 2;
                *((bool *)(void *)((char *)&want + all[i]->offset)) = true;
            } else if (all[i]->kind == OPT_LIST) {
                const struct text_list list = {.items = {value}, .len = 1};

                memcpy((char *)&want + all[i]->offset, &list, sizeof list);
            } else {
                const char *pointer = value;

                memcpy((char *)&want + all[i]->offset, &pointer, sizeof pointer);
            }
            assert_ok(opts_parse("ensign", cmd, argc, argv, &got, &err), err);
            /* It is noted as one in use, by its name, once. */
            assert_string_equal(got.command, cmd->name);
            assert_int_equal(got.options.len, strcmp(all[i]->name, "help") == 0 ? 1 : 2);
            assert_string_equal(got.options.items[0], all[i]->name);
            got.program = got.command = NULL;
            got.options = (struct text_list){0};
            got.operands = NULL;
            got.operands_len = 0;
            assert_memory_equal(&got, &want, sizeof got);
        }
    }
}

static void a_list_takes_so_many_values_and_no_more(void **state)
{
    static char value[] = "value";
    static char option[] = "--approval";
    char *argv[2 * (TEXT_LIST_MAX + 1) + 1];
    const struct cmd *cmd = NULL;
    struct args got;
    struct ens_err err = {0};

    (void)state;
    assert_ok(cmd_find("sign", &cmd, &err), err);
    for (int i = 0; i <= TEXT_LIST_MAX; i++) {
        argv[2 * i] = option;
        argv[2 * i + 1] = value;
    }
    argv[2 * TEXT_LIST_MAX] = value; /* one operand in place of one option too many */
    assert_ok(opts_parse("ensign", cmd, 2 * TEXT_LIST_MAX + 1, argv, &got, &err), err);
    assert_int_equal(got.approvals.len, TEXT_LIST_MAX);
    for (int i = 0; i <= TEXT_LIST_MAX; i++) {
        argv[2 * i] = option;
        argv[2 * i + 1] = value;
    }
    assert_fails(opts_parse("ensign", cmd, 2 * (TEXT_LIST_MAX + 1), argv, &got, &err), err, ENS_USAGE,
                 "more than 64 times");
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
        cmocka_unit_test(an_option_at_the_end_lacks_its_argument),
        cmocka_unit_test(the_number_of_operands_is_checked),
        cmocka_unit_test(hostile_words_do_not_reach_the_terminal),
        cmocka_unit_test(a_very_long_option_is_cut_in_the_message),
        cmocka_unit_test(every_command_is_found_and_only_they),
        cmocka_unit_test(no_command_has_an_option_twice),
        cmocka_unit_test(every_row_is_complete),
        cmocka_unit_test(every_option_of_every_command_sets_its_own_member),
        cmocka_unit_test(a_list_takes_so_many_values_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
