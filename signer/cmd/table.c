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
    &cmd_pubkey,
    &cmd_keys,
    &cmd_transcript,
#ifndef ENSIGN_OFFLINE
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

bool cmd_find(const char *name, const struct command **ret, struct ens_err *err)
{
    const char *names[sizeof cmd_table / sizeof cmd_table[0]] = {0};
    size_t n = 0;

    for (; cmd_table[n] != NULL; n++) {
        names[n] = cmd_table[n]->name;
        if (strcmp(names[n], name) == 0) {
            *ret = cmd_table[n];
            return true;
        }
    }
    /* A URI that was typed in its place may hold a PIN in its query. */
    int shown = (int)strcspn(name, "?");
    const char *near = text_nearest(name, names);

    if (near != NULL)
        return ens_fail(err, ENS_USAGE, "%.*s: unknown command: did you mean %s?", shown, name, near);
    return ens_fail(err, ENS_USAGE, "%.*s: unknown command: see ensign help", shown, name);
}
