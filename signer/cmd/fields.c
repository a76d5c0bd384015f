/* The signed fields, from options and --from. */
#include "signer/cmd/fields.h"

#include <string.h>

#include "signer/base/mem.h"
#include "signer/cmd/clock.h"
#include "signer/cmd/enclave.h"
#include "signer/sgx/params.h"

static bool css_of_bundle(const char *path, const char *id, struct sigstruct *ret, struct ens_err *err)
{
    ENS_CLEANUP(bundle_closep) struct bundle *b = NULL;
    ENS_CLEANUP(enclave_set_free) struct enclave_set set = {0};
    const struct enclave_component *c = NULL;

    if (!bundle_open(path, &b, err) || !enclave_check_bundle(b, &set, err) ||
        !enclave_find(b, &set, id, &c, err))
        return false;
    if (!c->is_signed)
        return ens_fail(err, ENS_DATA, "%s: component %s is not signed: sign it first", path, c->meta->id);
    *ret = c->css;
    return true;
}

bool fields_of_container(const char *path, const char *id, struct sigstruct *ret, struct ens_err *err)
{
    uint8_t head[ENCLAVE_HEAD_MAX];
    size_t len = 0;

    if (!enclave_read_head(path, head, &len, err))
        return false;
    struct view v = view_of(head, len);

    if (bundle_recognise(v))
        return css_of_bundle(path, id, ret, err);
    if (len == SIGNDATA_SIZE)
        return signdata_parse(v, path, ret, err);
    if (sgxs_recognise(v))
        return ens_fail(err, ENS_DATA,
                        "%s: is an SGXS stream, which holds no SIGSTRUCT: give a signed container", path);
    return sigstruct_parse(v, path, ret, err);
}

bool fields_is_container(const char *path, bool *ret, struct ens_err *err)
{
    uint8_t head[ENCLAVE_HEAD_MAX];
    size_t len = 0;

    if (!enclave_read_head(path, head, &len, err))
        return false;
    *ret = len == SIGNDATA_SIZE || sigstruct_recognise(view_of(head, len));
    return true;
}

bool fields_of_signdata(const char *path, struct sigstruct *ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};

    return file_read_all(path, SIGSTRUCT_SIZE, &file, err) && signdata_parse(buf_view(&file), path, ret, err);
}

/* The fields of --from, through their signed bytes: nothing unsigned comes along. */
static bool read_from(const struct args *args, struct sigstruct *ret, struct ens_err *err)
{
    struct sigstruct css;
    struct signdata data;

    if (!fields_of_container(args->from, args->component, &css, err))
        return ens_wrap(err, "--from");
    signdata_extract(&css, &data);
    return signdata_parse(view_of(data.bytes, sizeof data.bytes), args->from, ret, err) ||
           ens_wrap(err, "--from");
}

bool fields_of_options(const struct args *args, const uint8_t mrenclave[static MRENCLAVE_SIZE],
                       struct sigstruct *ret, struct ens_err *err)
{
    struct sigstruct from;
    struct sigstruct css;
    uint32_t day = 0;

    if (!clock_today(&day, err) || (args->from != NULL && !read_from(args, &from, err)))
        return false;
    if (!params_build(&args->params, args->from != NULL ? &from : NULL, day, &css, err))
        return false;
    sigstruct_put(&css, CSS_ENCLAVEHASH, view_of(mrenclave, MRENCLAVE_SIZE));
    if (!args->params.allow_unusual && !params_check(&css, args->params.bit32, err))
        return ens_wrap(err, "refused without --allow-unusual");
    *ret = css;
    return true;
}
