/* approve --rebuilt, for reviewers, who have ensign. */
#include "signer/cmd/approve/approve.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/enclave.h"
#include "signer/ui/notice.h"

/* One descriptor is hashed, measured and hashed again: the hash is that of the file that was measured. */
static bool measure_build(const struct approve_options *args, const struct beside *beside,
                          struct rebuilt *ret, struct notices *ret_notices, struct ens_err *err)
{
    ENS_CLEANUP(artifact_close) struct artifact a = ARTIFACT_NONE;
    ENS_CLEANUP(enclave_free) struct enclave e = {0};
    uint8_t after[DIGEST_SIZE];

    if (!artifact_open(ret->path, &a, err))
        return false;
    (void)lseek(a.fd, 0, SEEK_SET); /* a pipe stays where it is, and no container opens it */
    if (!file_sha256(a.fd, ret->path, ret->sha256, err) ||
        !enclave_open(&a, args->component, &beside->container, ENCLAVE_LOOK, &e, err) ||
        !enclave_require(&e, args->allow_unusual, ret_notices, err))
        return false;
    if (lseek(container_fd(e.container), 0, SEEK_SET) != 0)
        return ens_fail_errno(err, ENS_IO, errno, "%s: cannot be read again", ret->path);
    if (!file_sha256(container_fd(e.container), ret->path, after, err))
        return false;
    if (!e.sites->is_measured)
        return ens_fail(err, ENS_DATA, "%s: %s: nothing can be rebuilt from it, give the enclave", ret->path,
                        container_why_no_stream(e.container));
    if (memcmp(after, ret->sha256, sizeof after) != 0)
        return ens_fail(err, ENS_DATA, "%s: was changed while it was measured: run again", ret->path);
    memcpy(ret->mrenclave, enclave_mrenclave(e.sites), sizeof ret->mrenclave);
    return true;
}

static bool measure_all(const struct approve_options *args, struct rebuilds *ret, struct ens_err *err)
{
    ENS_CLEANUP(beside_close) struct beside beside = BESIDE_NONE;
    struct rebuilds r = {0};
    struct notices notices = {0};
    bool ok = beside_open(&args->beside, &beside, err);

    enclave_allow_large(args->allow_large);
    for (; ok && r.len < args->rebuilt.len; r.len++) {
        r.items[r.len].path = args->rebuilt.items[r.len];
        ok = measure_build(args, &beside, &r.items[r.len], &notices, err);
    }
    notice_all(&notices);
    if (ok)
        *ret = r;
    return ok;
}

static bool run_approve_rebuilt(const struct command_line *line, struct ens_err *err)
{
    return approve_run(line, measure_all, err);
}

static const struct option rebuilt_rows[] = {
    OPTION_TOPIC("What you have built yourself"),
    {"rebuilt", 0, APPROVE(FILES, rebuilt), "ENCLAVE",
     "your own build, one for each enclave: stop unless the sign-data is for it"},
    {"component", 0, APPROVE(TEXT, component), "ID",
     "component of a rebuilt bundle: ronl (default) or rofl.NAME"},
    {0},
};

const struct command cmd_approve_rebuilt = {
    APPROVE_COMMAND,
    .groups = {{approve_rows_signer, 0},
               {rebuilt_rows, 0},
               {beside_rows, offsetof(struct approve_options, beside)},
               {edp_rows, offsetof(struct approve_options, beside.edp)},
               {edp_debug_rows, offsetof(struct approve_options, beside.edp)},
               {beside_layout_rows, offsetof(struct approve_options, beside)},
               {approve_rows_answer, 0},
               {output_rows, offsetof(struct approve_options, out)},
               {text_form_rows, offsetof(struct approve_options, form)}},
    .run = run_approve_rebuilt,
};
