/* The commands: one table, and a file each. */
#pragma once

#include "signer/ui/options.h"

/* The table of this program, which ends with NULL (table.c). */
extern const struct command *const cmd_table[];

/* "ensign" or "ensign-offline". */
extern const char cmd_program[];

/* Names of the commands that the other program has and this one has not, ended by NULL. */
extern const char *const cmd_elsewhere[];

/* Does a command of two words ("quorum sign") begin with this one? */
bool cmd_is_group(const char *word);
/* The command that the first words of `argv` name (`argc` of them, at least one), and how many they are: one or two.
 * ENS_USAGE with the nearest match. */
bool cmd_find(int argc, char *const *argv, const struct command **ret, int *ret_words,
              struct ens_err *err) ENS_MUST_CHECK;

/* For an option that stands before a command: false, ENS_USAGE, with what may have been meant. */
bool cmd_fail_option(const char *word, struct ens_err *err) ENS_MUST_CHECK;

/* Prints the help of the command that the words name, of those with two words of which it is the first, or, if there is
 * no word, the list of all. ENS_USAGE. */
bool cmd_help(int argc, char *const *argv, struct ens_err *err) ENS_MUST_CHECK;

/* Commands, one file or room each. */
extern const struct command cmd_init, cmd_component_add, cmd_gen_sign_data, cmd_sgx_gen_sign_data, cmd_sign,
    cmd_set_sig, cmd_sgx_set_sig, cmd_keygen, cmd_pubkey, cmd_keys, cmd_extract, cmd_compare, cmd_verify,
    cmd_show, cmd_approve, cmd_check, cmd_resign, cmd_transcript, cmd_elf2sgxs, cmd_destroy_key;

/* Of two words: "quorum destroy". */
extern const struct command cmd_quorum_enroll, cmd_quorum_deal, cmd_quorum_check, cmd_quorum_sign,
    cmd_quorum_combine, cmd_quorum_repair, cmd_quorum_restore, cmd_quorum_refresh, cmd_quorum_apply,
    cmd_quorum_destroy;

/* Two of them as ensign has them, which opens enclaves. */
extern const struct command cmd_show_any, cmd_approve_rebuilt;
