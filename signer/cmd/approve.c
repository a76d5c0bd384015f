/* approve: a reviewer's yes to exactly these 256 bytes, as an OpenSSH signature that `sign --approval`
 * counts. The reviewer's own rebuild is held against them first; nothing is written that does not verify. */
#include <string.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/ceremony/approval.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/child_env.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/output.h"
#include "signer/cmd/screen.h"
#include "signer/cmd/rebuilt.h"
#include "signer/sgx/params.h"

static bool check_options(const struct args *args, struct ens_err *err)
{
    if (args->ssh_key == NULL)
        return ens_fail(err, ENS_USAGE,
                        "--ssh-key: is missing: name your SSH key, or the .pub file of a key in ssh-agent");
    if (args->component != NULL && args->rebuilt == NULL)
        return ens_fail(err, ENS_USAGE,
                        "--component: names a part of --rebuilt, which is missing: give both");
    return true;
}

/* Strictly 256 bytes, under the rules that sign applies to them. */
static bool read_signdata(const struct args *args, struct sigstruct *ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    const char *name = args->operands[0];

    if (!file_read_all(name, SIGSTRUCT_SIZE, &file, err) || !signdata_parse(buf_view(&file), name, ret, err))
        return false;
    return args->params.allow_unusual || params_check(ret, false, err) ||
           ens_wrap(err, "%s: refused without --allow-unusual", name);
}

/* ssh-keygen's words on the way, such as that a key waits to be touched. */
static bool say_words(void *ctx, struct view piece, struct ens_err *err)
{
    (void)ctx;
    (void)err;
    notice_child("ssh-keygen", piece);
    return true;
}

static bool confirm(const struct args *args, struct ens_err *err)
{
    const struct screen_question question = {.text = "Approve this? Type yes to approve: ", .yes = "yes"};

    return args->yes || screen_confirm(&question, args->operands[0], "not approved", err);
}

static bool make_approval(const struct args *args, const struct sigstruct *css, struct output *out,
                          struct ens_err *err)
{
    ENS_CLEANUP(child_env_free) struct child_env env = {0};
    ENS_CLEANUP(buf_free) struct buf approval = {0};
    const struct sink words = {.put = say_words};
    struct signdata data;
    char key[SSHSIG_KEY_MAX];
    bool terminal = screen_is_there();

    signdata_extract(css, &data);
    if (!child_env_make(child_env_ssh, &env, err))
        return false;
    const struct sshsig_tool tool = {.program = child_env_ssh_keygen,
                                     .env = child_env_list(&env),
                                     .tmpdir = child_env_tmpdir(),
                                     .terminal = terminal,
                                     .words = terminal ? &words : NULL};

    if (!approval_make(&tool, args->ssh_key, &data, &approval, key, err) ||
        !output_commit(out, buf_view(&approval), err))
        return false;
    notice_say(args, "Approved with the key %s.", key);
    return true;
}

bool cmd_approve(const struct args *args, struct ens_err *err)
{
    ENS_CLEANUP(output_closep) struct output *out = NULL;
    struct sigstruct css;
    uint8_t digest[32];

    if (!check_options(args, err) || !read_signdata(args, &css, err))
        return false;
    if (!args->yes && !screen_is_there())
        return ens_fail(err, ENS_REFUSED,
                        "%s: there is no terminal to ask at: give --yes to approve without asking",
                        args->operands[0]);
    return output_open(args->output, false, args->force, &out, err) && rebuilt_check(args, &css, err) &&
           signdata_digest(&css, digest, err) &&
           notice_review(args, &(struct review){.css = &css, .digest = digest}, err) && confirm(args, err) &&
           make_approval(args, &css, out, err);
}
