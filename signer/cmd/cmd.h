/* Commands: one const table of commands, one option row per option. The same rows parse the command line,
 * print the help, and are compared with the manual by scripts/check-manual.sh. */
#pragma once

#include <stddef.h>

#include "signer/base/bytes.h"
#include "signer/sgx/params.h"

/* The values of an option that may be given several times. */
#define TEXT_LIST_MAX 64
struct text_list {
    const char *items[TEXT_LIST_MAX];
    size_t len;
};

/* What the command line said. Texts are borrowed from argv; NULL or false: not given. */
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

/* The table, ended by a row without name (table.c). */
extern const struct cmd cmd_table[];

/* "ensign" or "ensign-offline". */
extern const char cmd_program[];

/* The commit that it was built from, 12 hexadecimal digits, or "-" (version.c). */
extern const char cmd_commit[];

/* The command of this name; ENS_USAGE with the nearest match. */
bool cmd_find(const char *name, const struct cmd **ret, struct ens_err *err) ENS_MUST_CHECK;

/* Does it load a PKCS#11 module? */
bool cmd_loads_module(const struct cmd *cmd);

/* Reads argv after the command's name; ENS_USAGE. `argv` is reordered: operands come to its front. */
bool opts_parse(const struct cmd *cmd, int argc, char **argv, struct args *ret,
                struct ens_err *err) ENS_MUST_CHECK;

/* Prints the help of one command, or the list of commands, on stdout. */
void opts_help(const struct cmd *cmd);
void opts_help_all(void);

/* ---- what commands say on the way (notice.c); nothing else writes text to stderr or stdout, and only
 * screen.c to the terminal. Each text is made printable line by line: what a file or token says cannot drive
 * a terminal. A value that is put into a text of several lines is put there by text_line. ---- */

/* "ensign: warning: ...": never dropped. */
void notice_warn(const char *fmt, ...) ENS_PRINTF(1, 2);
/* A line for the person at the terminal; dropped by --quiet. */
void notice_say(const struct args *args, const char *fmt, ...) ENS_PRINTF(2, 3);
/* The review; with --quiet only its dangers, as warnings. */
struct review;
bool notice_review(const struct args *args, const struct review *r, struct ens_err *err) ENS_MUST_CHECK;
/* A whole text (the table of a batch); dropped by --quiet. */
void notice_text(const struct args *args, struct view text);
/* What a child process says: each of its lines with its name before it. */
void notice_child(const char *program, struct view words);
/* Prints the error of a run: "ensign: ..." on one line. */
void notice_error(const struct ens_err *err);
/* A result that is text for people: to stdout. ENS_IO. */
bool notice_result(struct view text, struct ens_err *err) ENS_MUST_CHECK;

/* Is stderr a terminal? Then its lines are wrapped at blanks, and progress is shown. */
bool notice_is_watched(void);
/* From here on this thread says nothing, or speaks again: for work that is done a second time. Errors are not
 * held back. */
void notice_mute(bool muted);
/* Shows a line that stands until the next one is said; NULL takes it away. For a terminal. */
void notice_status(const char *text);

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
