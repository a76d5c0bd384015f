/* The command line: one row for each option. The same rows parse it, print the help, and are compared with the
 * manual by scripts/check-manual.sh. */
#pragma once

#include <stddef.h>

#include "signer/base/err.h"
#include "signer/sgx/params.h"

/* The values of an option that may be given several times. */
#define TEXT_LIST_MAX 64
struct text_list {
    const char *items[TEXT_LIST_MAX];
    size_t len;
};

/* The command line, parsed. Texts are borrowed from argv; NULL or false: not given. */
struct args {
    struct params params;
    const char *from;
    const char *component;
    const char *digest;
    const char *output;
    const char *out_dir;
    const char *policy;
    const char *transcript;
    const char *acknowledge;
    struct text_list approvals;
    const char *sign_data;
    const char *to;
    const char *key;
    const char *token;
    const char *label;
    const char *id;
    const char *pubkey;
    const char *require;
    const char *module;
    const char *module_args;
    const char *pin_source;
    const char *mrenclave;
    const char *mrsigner;
    const char *min_isvsvn;
    const char *profile;
    const char *mechanism;
    const char *hsm_timeout;
    const char *sgx_executable;
    const char *sgx_signature;
    const char *runtime_name;
    const char *runtime_id;
    const char *runtime_version;
    const char *head;
    const char *witnesses;
    const char *signed_head;
    bool head_statement;
    const char *jobs;
    bool login;
    bool custom;
    bool elf_metadata;
    bool x509;
    bool allow_final_try;
    bool allow_module_path;
    bool allow_public_key;
    bool allow_large;
    bool ephemeral_key;
    const char *ssh_key;
    struct text_list rebuilt;
    const char *until;
    const char *replaces;
    const char *note;
    bool reject;
    bool signdata_only;
    bool dry_run;
    bool all_components;
    bool resume;
    bool blind;
    bool yes;
    bool json;
    bool force;
    bool quiet;
    bool help;
    const char *program;      /* "ensign" or "ensign-offline" */
    const char *command;      /* its name */
    struct text_list options; /* names of the options in use, each once, without dashes */
    char *const *operands;
    size_t operands_len;
};

/* OPT_MAYBE is a text that counts as not given where it is empty, as in orc. */
enum opt_kind { OPT_TEXT, OPT_MAYBE, OPT_FLAG, OPT_LIST };

struct opt {
    const char *name; /* long name, without dashes; NULL ends a list */
    char letter;      /* short name, or 0 */
    enum opt_kind kind;
    size_t offset;   /* of its member in struct args */
    const char *arg; /* what --help calls its argument; NULL for a flag */
    const char *help;
};

#define OPT_GROUPS_MAX 5

struct cmd {
    const char *name;
    const char *operands; /* for the synopsis */
    const char *summary;
    const struct opt *groups[OPT_GROUPS_MAX]; /* option lists, NULL after the last */
    size_t min, max;                          /* number of operands */
    /* Does the work; its error becomes the exit status. ENS_NO with an empty message is a silent "no". */
    bool (*run)(const struct args *args, struct ens_err *err);
};

/* True if the command loads a PKCS#11 module. */
bool opts_loads_module(const struct cmd *cmd);

/* Reads argv after the command's name; ENS_USAGE. `argv` is reordered: operands come to its front. */
bool opts_parse(const char *program, const struct cmd *cmd, int argc, char **argv, struct args *ret,
                struct ens_err *err) ENS_MUST_CHECK;

/* Prints the help of one command, or the list of the commands in `table`, on stdout. */
void opts_help(const char *program, const struct cmd *cmd);
void opts_help_all(const char *program, const struct cmd *table);
