/* The enclaves of a file that resign is given, opened and judged as gen-sign-data does. */
#include "bundle/open.h"
#include "signer/base/mem.h"
#include "signer/cmd/resign/resign.h"
#include "signer/flow/fields.h"

/* What enclave_require says of the one component, of all. */
static bool require_all(struct enclave *e, bool allow_unusual, struct notices *ret, struct ens_err *err)
{
    for (size_t i = 0; i < e->set.len; i++) {
        const struct site *c = &e->set.items[i];

        if (!enclave_require_stream(e, c, err))
            return false;
        if (!enclave_judge_stream(c->component->sgx_executable, &c->report, true, allow_unusual, ret, err))
            return ens_wrap(err, "%s", e->path);
    }
    return true;
}

bool resign_open(const struct resign *r, const char *path, struct enclave *ret, struct notices *ret_notices,
                 struct ens_err *err)
{
    ENS_CLEANUP(artifact_close) struct artifact a = ARTIFACT_NONE;
    ENS_CLEANUP(enclave_free) struct enclave e = {0};
    bool unusual = r->args->fields.params.allow_unusual;

    if (!artifact_open(path, &a, err) ||
        !enclave_open(&a, r->args->all_components ? container_any : r->args->fields.component, NULL,
                      ENCLAVE_CHANGE, &e, err))
        return false;
    if (container_kind(e.container) == CONTAINER_SGXS)
        return ens_fail(err, ENS_DATA,
                        "%s: is a bare stream, which has no place for a signature: use gen-sign-data, sign "
                        "and set-sig --to",
                        path);
    if (r->args->all_components && e.bundle != NULL ? !require_all(&e, unusual, ret_notices, err)
                                                    : !enclave_require(&e, unusual, ret_notices, err))
        return false;
    /* Its own fields are the start; those of a bundle were checked with the rest of it. */
    if (!r->has_from && e.sites[0].is_signed && !fields_check_signed(&e.sites[0].css, path, err))
        return false;
    *ret = e;
    e = (struct enclave){0};
    return true;
}

const struct sigstruct *resign_present(const struct site *site)
{
    return site->is_signed ? &site->css : NULL;
}
