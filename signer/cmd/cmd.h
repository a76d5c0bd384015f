/* The commands: one table, and a file each. */
#pragma once

#include "signer/ui/notice.h"
#include "signer/ui/opts.h"

/* The table, ended by a row without name (table.c). */
extern const struct cmd cmd_table[];

/* "ensign" or "ensign-offline". */
extern const char cmd_program[];

/* The command of this name; ENS_USAGE with the nearest match. */
bool cmd_find(const char *name, const struct cmd **ret, struct ens_err *err) ENS_MUST_CHECK;

/* What options change for the whole run, before the command's handler. */
void cmd_begin(const struct args *args);

/* Commands, one file each. */
bool cmd_init(const struct args *args, struct ens_err *err);
bool cmd_component_add(const struct args *args, struct ens_err *err);
bool cmd_gen_sign_data(const struct args *args, struct ens_err *err);
bool cmd_sgx_gen_sign_data(const struct args *args, struct ens_err *err);
bool cmd_sign(const struct args *args, struct ens_err *err);
bool cmd_set_sig(const struct args *args, struct ens_err *err);
bool cmd_keygen(const struct args *args, struct ens_err *err);
bool cmd_pubkey(const struct args *args, struct ens_err *err);
bool cmd_keys(const struct args *args, struct ens_err *err);
bool cmd_extract(const struct args *args, struct ens_err *err);
bool cmd_compare(const struct args *args, struct ens_err *err);
bool cmd_verify(const struct args *args, struct ens_err *err);
bool cmd_show(const struct args *args, struct ens_err *err);
bool cmd_approve(const struct args *args, struct ens_err *err);
bool cmd_check(const struct args *args, struct ens_err *err);
bool cmd_resign(const struct args *args, struct ens_err *err);
bool cmd_transcript(const struct args *args, struct ens_err *err);

/* Two of them as ensign has them, which opens enclaves. */
bool cmd_show_any(const struct args *args, struct ens_err *err);
bool cmd_approve_rebuilt(const struct args *args, struct ens_err *err);
