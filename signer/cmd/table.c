/* The commands of a program. That of the signing host, ensign-offline, is built with ENSIGN_OFFLINE: it has no
 * command that opens or makes a bundle. */
#include "signer/cmd/cmd.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "signer/base/text.h"

#ifndef ENSIGN_OFFLINE
#define OF_TWO(ensign, offline) ensign
#else
#define OF_TWO(ensign, offline) offline
#endif

const struct command *const cmd_table[] = {
    &cmd_sign,
    &OF_TWO(cmd_approve_rebuilt, cmd_approve),
    &cmd_check,
    &OF_TWO(cmd_show_any, cmd_show),
    &cmd_keygen,
    &cmd_destroy_key,
    &cmd_pubkey,
    &cmd_keys,
    &cmd_transcript,
    &cmd_quorum_enroll,
    &cmd_quorum_deal,
    &cmd_quorum_check,
    &cmd_quorum_sign,
    &cmd_quorum_combine,
    &cmd_quorum_repair,
    &cmd_quorum_restore,
    &cmd_quorum_refresh,
    &cmd_quorum_apply,
    &cmd_quorum_destroy,
#ifndef ENSIGN_OFFLINE
    &cmd_elf2sgxs,
    &cmd_init,
    &cmd_component_add,
    &cmd_gen_sign_data,
    &cmd_set_sig,
    &cmd_resign,
    &cmd_verify,
    &cmd_compare,
    &cmd_extract,
    &cmd_sgx_gen_sign_data,
    &cmd_sgx_set_sig,
#endif
    NULL,
};

const char *const cmd_elsewhere[] = {
#ifdef ENSIGN_OFFLINE
    "gen-sign-data",
    "set-sig",
    "init",
    "component-add",
    "elf2sgxs",
    "resign",
    "verify",
    "compare",
    "extract",
    "sgx-gen-sign-data",
    "sgx-set-sig",
#endif
    NULL,
};

const char cmd_program[] = OF_TWO("ensign", "ensign-offline");

/* The second word of a name whose first one is `word`; NULL: it has another one. */
static const char *behind(const char *name, const char *word)
{
    size_t len = strlen(word);

    return strncmp(name, word, len) == 0 && name[len] == ' ' ? name + len + 1 : NULL;
}

bool cmd_is_group(const char *word)
{
    for (size_t i = 0; cmd_table[i] != NULL; i++) {
        if (behind(cmd_table[i]->name, word) != NULL)
            return true;
    }
    return false;
}

/* What can be written instead of a word that is no command: in a group (NULL: none), else as the first one. */
static const char *nearest_command(const char *word, const char *group)
{
    const char *names[sizeof cmd_table / sizeof cmd_table[0] + 1] = {0};
    size_t n = 0;

    if (group == NULL)
        names[n++] = "quorum";
    for (size_t i = 0; cmd_table[i] != NULL; i++) {
        const char *name = group != NULL ? behind(cmd_table[i]->name, group) : cmd_table[i]->name;

        if (name != NULL)
            names[n++] = name;
    }
    return text_nearest(word, names);
}

static bool is_elsewhere(const char *word)
{
    for (size_t i = 0; cmd_elsewhere[i] != NULL; i++) {
        if (strcmp(cmd_elsewhere[i], word) == 0)
            return true;
    }
    return false;
}

/* No command has this name. A URI that was typed in its place may hold a PIN in its query. */
static bool fail_no_command(const char *word, const char *group, struct ens_err *err)
{
    int shown = (int)strcspn(word, "?");
    const char *first = group != NULL ? group : "";
    const char *gap = group != NULL ? " " : "";
    const char *near = nearest_command(word, group);
    struct stat st;

    if (group == NULL && is_elsewhere(word))
        return ens_fail(err, ENS_USAGE,
                        "%s: unknown command of %s: it is a command of ensign, on the build host", word,
                        cmd_program);
    if (near != NULL)
        return ens_fail(err, ENS_USAGE, "%s%s%.*s: unknown command: did you mean %s%s%s?", first, gap, shown,
                        word, first, gap, near);
    if (group == NULL && stat(word, &st) == 0)
        return ens_fail(err, ENS_USAGE,
                        "%.*s: unknown command: it is a file: write a command before it, as in %s show FILE",
                        shown, word, cmd_program);
    return ens_fail(err, ENS_USAGE, "%s%s%.*s: unknown command: see %s %s%shelp", first, gap, shown, word,
                    cmd_program, first, gap);
}

bool cmd_find(int argc, char *const *argv, const struct command **ret, int *ret_words, struct ens_err *err)
{
    bool is_group = cmd_is_group(argv[0]);

    if (is_group && argc < 2)
        return ens_fail(err, ENS_USAGE, "%s: wants a second word: see %s %s help", argv[0], cmd_program,
                        argv[0]);
    const char *group = is_group ? argv[0] : NULL;
    const char *word = is_group ? argv[1] : argv[0];

    for (size_t i = 0; cmd_table[i] != NULL; i++) {
        const char *name = group != NULL ? behind(cmd_table[i]->name, group) : cmd_table[i]->name;

        if (name != NULL && strcmp(name, word) == 0) {
            *ret = cmd_table[i];
            *ret_words = group != NULL ? 2 : 1;
            return true;
        }
    }
    return fail_no_command(word, group, err);
}

bool cmd_fail_option(const char *word, struct ens_err *err)
{
    static const char *const own[] = {"--version", "--help", "-h", NULL};
    int shown = (int)strcspn(word, "="); /* what follows may hold a PIN */
    char name[64];

    (void)snprintf(name, sizeof name, "%.*s", shown, word);
    for (size_t i = 0; strncmp(name, "--", 2) == 0 && cmd_table[i] != NULL; i++) {
        if (options_has(cmd_table[i], name + 2))
            return ens_fail(err, ENS_USAGE,
                            "%s: unknown option: no command is before it: write one first, as in %s %s %s",
                            name, cmd_program, cmd_table[i]->name, name);
    }
    const char *near = text_nearest(name, own);

    if (near != NULL)
        return ens_fail(err, ENS_USAGE, "%s: unknown option: did you mean %s?", name, near);
    return ens_fail(err, ENS_USAGE, "%s: unknown option: see %s --help", name, cmd_program);
}
