/* approve in parts: what both programs do (approve.c), the question (approve_question.c), and the reviewer's own
 * builds, which only ensign can measure (rebuilt.c). */
#pragma once

#include "signer/base/digest.h"
#include "signer/sgx/sigstruct.h"
#include "signer/ceremony/sshsig.h"
#include "signer/ceremony/statement.h"
#include "signer/flow/beside.h"
#include "signer/flow/child_env.h"
#include "signer/flow/request.h"
#include "signer/flow/text_form.h"
#include "signer/ui/output.h"

struct approve_options {
    struct beside_options beside;
    struct output_options out;
    struct text_form_options form;
    const char *ssh_key;
    const char *pubkey, *mrsigner; /* the key that will sign */
    struct text_list rebuilt;
    const char *component;
    const char *until, *replaces, *note;
    bool reject, allow_unusual, allow_large, yes, json;
};

/* One build, as its file says. */
struct rebuilt {
    const char *path; /* borrowed from the command line */
    uint8_t mrenclave[MRENCLAVE_SIZE];
    uint8_t sha256[DIGEST_SIZE]; /* of the file that was measured */
};

struct rebuilds {
    struct rebuilt items[TEXT_LIST_MAX];
    size_t len; /* 0: nothing was rebuilt */
};

typedef bool approve_measure_fn(const struct approve_options *args, struct rebuilds *ret,
                                struct ens_err *err);

/* One run of approve. */
struct approve {
    const struct command_line *line;
    const struct approve_options *args;
    approve_measure_fn *measure;
    struct requests requests;
    struct rebuilds rebuilds;
    const struct rebuilt *build; /* of the first sign-data; NULL: nothing was rebuilt */
    struct statement statement;
    struct output *out;
    struct child_env env;
    struct sshsig_tool tool;
    struct sshsig_signer signer;
};

/* Shows it and asks, unless --yes answers; a no may become a rejection (approve_question.c). ENS_REFUSED: nothing is to
 * be written. */
bool approve_confirm(struct approve *r, struct ens_err *err) ENS_MUST_CHECK;

/* Approves. `measure` fills in what every --rebuilt measures to; NULL: the program has no such option. */
typedef bool approve_measure_fn(const struct approve_options *args, struct rebuilds *ret,
                                struct ens_err *err);
bool approve_run(const struct command_line *line, approve_measure_fn *measure,
                 struct ens_err *err) ENS_MUST_CHECK;

/* The options of both programs: those before --rebuilt, and those behind it. */
extern const struct option approve_rows_signer[], approve_rows_answer[];
#define APPROVE(KIND, member) OPTION(KIND, struct approve_options, member)

/* What the command is in both programs. */
#define APPROVE_COMMAND                                                                                      \
    .name = "approve", .operands = "SIGN-DATA...",                                                           \
    .summary = "review sign-data, say yes or no with your SSH key", .host = COMMAND_REVIEW,                  \
    .examples = "approve --ssh-key ~/.ssh/id_ed25519 --pubkey release.pem \\\n"                              \
                "    -o alice.approval app.signdata\n"                                                       \
                "approve --reject --ssh-key ~/.ssh/id_ed25519 \\\n"                                          \
                "    --pubkey release.pem -o alice.no app.signdata",                                         \
    .see_also = "show (what sign-data says), check (do policy and approvals hold?)",                         \
    .size = sizeof(struct approve_options), .min = 1, .max = SIZE_MAX, .has_result = true
