/* Options and files beside an enclave. */
#include "signer/flow/beside.h"

#include "signer/base/file.h"

#define BESIDE(KIND, member) OPTION(KIND, struct beside_options, member)

const struct option beside_rows[] = {
    OPTION_TOPIC(TOPIC_BESIDE),
    {"libpal", 0, BESIDE(FILE_ONCE, libpal), "FILE", "libpal.so of the release that runs a Gramine manifest"},
    {"gramine", 0, BESIDE(ONCE, gramine), "VERSION",
     "the rules of this release of Gramine (default: told by the manifest)"},
    {0},
};

const struct option beside_layout_rows[] = {
    OPTION_TOPIC(TOPIC_BESIDE),
    {"layout-from", 0, BESIDE(FILE_ONCE, layout_from), "RELEASE",
     "measure an unsigned Intel SDK ELF file, laid out as this signed one"},
    {0},
};

bool beside_check_layout(const struct beside_options *o, bool is_elf, const char *path, struct ens_err *err)
{
    return o->layout_from == NULL || is_elf ||
           ens_fail(err, ENS_USAGE, "%s: is not an ELF file of Intel's SDK: leave out --layout-from", path);
}

static bool open_beside(const char *path, struct container_file *ret, struct ens_err *err)
{
    ret->label = path;
    return path == NULL || file_open(path, &ret->fd, err);
}

bool beside_open(const struct beside_options *o, struct beside *ret, struct ens_err *err)
{
    ret->container.gramine = o->gramine;
    if (edp_is_given(&o->edp)) {
        ret->container.find_edp = edp_find;
        ret->container.edp = &o->edp;
    }
    return open_beside(o->libpal, &ret->container.libpal, err) &&
           open_beside(o->sigstruct, &ret->container.sigstruct, err) &&
           open_beside(o->layout_from, &ret->container.release, err);
}

void beside_close(struct beside *b)
{
    file_closep(&b->container.libpal.fd);
    file_closep(&b->container.sigstruct.fd);
    file_closep(&b->container.release.fd);
}

bool beside_check_none(const struct beside_options *o, const char *path, struct ens_err *err)
{
    const char *option = o->libpal != NULL       ? "--libpal"
                         : o->gramine != NULL    ? "--gramine"
                         : o->sigstruct != NULL  ? "--sigstruct"
                         : edp_is_given(&o->edp) ? "the options of elf2sgxs"
                                                 : NULL;

    return option == NULL || ens_fail(err, ENS_USAGE, "%s: is a whole enclave: leave out %s", path, option);
}
