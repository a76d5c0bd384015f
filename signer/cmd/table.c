/* The commands of a program. That of the signing host, ensign-offline, is built with ENSIGN_OFFLINE: it has no
 * command that opens or makes a bundle. */
#include "signer/cmd/cmd.h"

#include <string.h>

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

bool cmd_find(int argc, char *const *argv, const struct command **ret, int *ret_words, struct ens_err *err)
{
    bool is_group = cmd_is_group(argv[0]);

    if (is_group && argc < 2)
        return ens_fail(err, ENS_USAGE, "%s: wants a second word: see ensign %s help", argv[0], argv[0]);
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
    /* A URI that was typed in its place may hold a PIN in its query. */
    int shown = (int)strcspn(word, "?");
    const char *near = nearest_command(word, group);
    const char *first = group != NULL ? group : "";
    const char *gap = group != NULL ? " " : "";

    if (near != NULL)
        return ens_fail(err, ENS_USAGE, "%s%s%.*s: unknown command: did you mean %s%s%s?", first, gap, shown,
                        word, first, gap, near);
    return ens_fail(err, ENS_USAGE, "%s%s%.*s: unknown command: see ensign %s%shelp", first, gap, shown, word,
                    first, gap);
}
