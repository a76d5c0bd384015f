/* The files of a component that goes into a bundle: each is opened once, and what is in the new bundle is
 * compared with what was measured and judged here. */
#include "signer/flow/component.h"

#include <string.h>
#include <unistd.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/flow/dangers.h"
#include "signer/ui/notice.h"

#define COMPONENT(KIND, member) OPTION(KIND, struct component_options, member)

const struct option component_rows[] = {
    OPTION_TOPIC("What the component is made of"),
    {"sgx-executable", 0, COMPONENT(FILE_MAYBE, sgx_executable), "SGXS", "the enclave's SGXS stream"},
    {"sgx-signature", 0, COMPONENT(FILE_MAYBE, sgx_signature), "SIG", "a finished SIGSTRUCT for that stream"},
    {"elf-metadata", 0, COMPONENT(FLAG, elf_metadata), NULL,
     "name the executable in the newer elf: {executable}"},
    OPTION_TOPIC(TOPIC_LIFTED),
    {"allow-unusual", 0, COMPONENT(FLAG, allow_unusual), NULL, "add a stream that is refused as unusual"},
    {0},
};

bool component_check_usage(const struct component_options *args, struct ens_err *err)
{
    if (args->sgx_signature != NULL && args->sgx_executable == NULL)
        return ens_fail(err, ENS_USAGE,
                        "--sgx-signature: is a signature of the stream: give --sgx-executable as well");
    return true;
}

void component_free(struct component *c)
{
    file_closep(&c->elf.fd);
    file_closep(&c->sgxs.fd);
}

/* ---- the files ---- */

static bool open_elf(const char *path, struct bundle_input *ret, struct ens_err *err)
{
    static const uint8_t magic[] = {0x7f, 'E', 'L', 'F'};
    uint8_t head[sizeof magic] = {0};

    ret->path = path;
    if (!file_open(path, &ret->fd, err))
        return false;
    if (pread(ret->fd, head, sizeof head, 0) >= 0 && memcmp(head, magic, sizeof head) != 0)
        notice_warn("%s: is not an ELF file", path);
    return true;
}

static bool open_sgxs(const struct component_options *args, struct component *c, struct ens_err *err)
{
    const char *path = args->sgx_executable;
    struct sgxs_report report = {0};
    struct notices notices = {0};

    c->sgxs.path = path;
    if (!file_open(path, &c->sgxs.fd, err) || !enclave_measure_stream(c->sgxs.fd, path, &report, err))
        return false;
    bool ok = enclave_judge_stream(path, &report, true, args->allow_unusual, &notices, err);

    notice_all(&notices);
    memcpy(c->mrenclave, report.mrenclave, sizeof c->mrenclave);
    return ok;
}

static bool read_sigstruct(const struct component_options *args, struct component *c, struct ens_err *err)
{
    const char *path = args->sgx_signature;
    ENS_CLEANUP(buf_free) struct buf file = {0};

    if (!file_read_all(path, SIGSTRUCT_SIZE, &file, err) ||
        !sigstruct_parse(buf_view(&file), path, &c->css, err) || !install_judge(&c->css, path, err))
        return false;
    if (!view_equal(sigstruct_get(&c->css, CSS_ENCLAVEHASH), view_of(c->mrenclave, sizeof c->mrenclave)))
        return ens_fail(err, ENS_DATA,
                        "%s: its ENCLAVEHASH is not the MRENCLAVE of %s: give the files of one enclave", path,
                        c->sgxs.path);
    c->is_signed = true;
    return dangers_review_signed(&c->css, err);
}

static void tell_component(const struct component *c)
{
    if (c->sgxs.path == NULL)
        return;
    notice_say("Component %s: MRENCLAVE %s, %s.", c->id,
               hex_for(view_of(c->mrenclave, sizeof c->mrenclave), notice_is_watched()).text,
               c->is_signed ? "signed" : "not signed yet");
}

bool component_open(const struct component_options *args, const char *id, const char *elf,
                    struct component *ret, struct ens_err *err)
{
    ENS_CLEANUP(component_free) struct component c = {.id = id, .elf.fd = -1, .sgxs.fd = -1};

    if (!open_elf(elf, &c.elf, err) || (args->sgx_executable != NULL && !open_sgxs(args, &c, err)) ||
        (args->sgx_signature != NULL && !read_sigstruct(args, &c, err)))
        return false;
    tell_component(&c);
    *ret = c;
    c.elf.fd = c.sgxs.fd = -1;
    return true;
}

/* ---- into the bundle ---- */

/* The enclave in the new bundle is the one that was measured, under the signature that was judged. */
static bool holds_enclave(const struct component *c, const struct site *found, const struct bundle *b,
                          struct ens_err *err)
{
    if (found->stream_error.code != ENS_OK ||
        memcmp(found->report.mrenclave, c->mrenclave, sizeof c->mrenclave) != 0)
        return ens_fail(err, ENS_DATA, "%s: changed while it was read: repeat when it is complete",
                        c->sgxs.path);
    if (found->is_signed != c->is_signed ||
        (c->is_signed && memcmp(found->css.bytes, c->css.bytes, sizeof c->css.bytes) != 0))
        return ens_fail(err, ENS_BUG, "%s: lacks the SIGSTRUCT of component %s", bundle_label(b), c->id);
    return true;
}

static bool holds_component(const void *ctx, const struct bundle *b, const struct enclave_set *set,
                            struct ens_err *err)
{
    const struct component *c = ctx;
    const struct bundle_info *info = bundle_info(b);
    bool there = false;

    for (size_t i = 0; i < info->components_len; i++)
        there = there || strcmp(info->components[i].id, c->id) == 0;
    const struct site *found = c->sgxs.path != NULL ? enclave_find(set, c->id) : NULL;

    if (found != NULL)
        return holds_enclave(c, found, b, err);
    if (!there || c->sgxs.path != NULL)
        return ens_fail(err, ENS_BUG, "%s: lacks component %s", bundle_label(b), c->id);
    return true;
}

bool component_install(const struct component_options *args, const struct component *c, struct bundle *b,
                       const struct enclave_set *known, struct install *i, struct ens_err *err)
{
    struct bundle_addition add = {.id = c->id, .elf = c->elf, .elf_metadata = args->elf_metadata};

    if (c->sgxs.path != NULL)
        add.sgxs = &c->sgxs;
    if (c->is_signed)
        add.sigstruct = view_of(c->css.bytes, sizeof c->css.bytes);
    if (!bundle_add_component(b, &add, err) ||
        !install_bundle(i, b, &(struct install_check){holds_component, c, known}, err) ||
        !install_commit(i, err))
        return false;
    notice_say("Component %s is in %s.", c->id, i->to_stdout ? "the bundle on stdout" : i->name);
    return true;
}
