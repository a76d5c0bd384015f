/* elf2sgxs: the stream that Fortanix' tool of that name makes of an ELF file. Poured once into the judge, who measures
 * it, and once into the output, which is read again. */
#include <string.h>

#include "bundle/open.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/edp.h"
#include "signer/flow/enclave.h"
#include "signer/ui/notice.h"
#include "signer/ui/output.h"
#include "signer/ui/progress.h"
#include "signer/ui/report.h"

struct elf2sgxs_options {
    struct edp_options edp;
    struct output_options out;
    bool allow_large, json;
};

static bool take_edp(const void *ctx, const char *label, struct container_edp *ret, struct ens_err *err)
{
    (void)label;
    (void)err;
    *ret = *(const struct container_edp *)ctx;
    return true;
}

/* Opens the file and judges what it lays out. */
static bool judge_elf(const char *path, const struct container_edp *values, struct enclave *ret,
                      struct ens_err *err)
{
    ENS_CLEANUP(artifact_close) struct artifact file = ARTIFACT_NONE;
    ENS_CLEANUP(notice_free) struct notices notices = {0};
    const struct container_beside beside = {.find_edp = take_edp, .edp = values};

    if (!artifact_open(path, &file, err) || !enclave_open(&file, NULL, &beside, ENCLAVE_LOOK, ret, err))
        return false;
    if (container_kind(ret->container) != CONTAINER_EDP)
        return ens_fail(err, ENS_DATA,
                        "%s: is not an ELF file of x86_64-fortanix-unknown-sgx, but laid out already: give "
                        "what cargo built",
                        path);
    bool ok = enclave_require(ret, true, &notices, err);

    notice_all(&notices);
    return ok;
}

struct writing {
    struct output *out;
    struct digest *digest;
    struct progress progress;
};

static bool write_piece(void *ctx, struct view piece, struct ens_err *err)
{
    struct writing *w = ctx;

    progress_add(&w->progress, piece.len);
    return digest_update(w->digest, piece, err) && output_put(w->out, piece, err);
}

static bool write_stream(struct container *c, struct output *out, uint8_t ret[static DIGEST_SIZE],
                         struct ens_err *err)
{
    ENS_CLEANUP(digest_freep) struct digest *digest = NULL;

    if (!digest_new(DIGEST_SHA256, &digest, err))
        return false;
    struct writing w = {
        .out = out,
        .digest = digest,
        .progress = {.what = "writing", .name = container_label(c), .total = container_size(c)}};

    if (!container_stream(c, 0, &(struct sink){.put = write_piece, .ctx = &w}, err))
        return false;
    progress_end(&w.progress);
    return digest_final(digest, ret, err);
}

static bool write_unsized(const struct enclave *e, const struct container_edp *values, struct output *out,
                          uint8_t ret[static DIGEST_SIZE], struct ens_err *err)
{
    const struct container_beside beside = {.find_edp = take_edp, .edp = values};
    ENS_CLEANUP(container_closep) struct container *c = NULL;

    return container_open_fd(container_fd(e->container), e->path, NULL, &beside, &c, err) &&
           write_stream(c, out, ret, err);
}

/* `mrenclave` NULL: it has none yet. */
static bool print_stream(const struct elf2sgxs_options *args, const char *path,
                         const uint8_t sha256[static DIGEST_SIZE], const uint8_t *mrenclave,
                         struct ens_err *err)
{
    ENS_CLEANUP(report_free) struct report j = {0};

    if (!args->json)
        return true;
    report_begin(&j, REPORT_JSON, 0);
    report_kind(&j, "elf2sgxs");
    report_text(&j, "file", NULL, path);
    report_text(&j, "output", NULL, args->out.output);
    report_hex(&j, "sha256", NULL, view_of(sha256, DIGEST_SIZE));
    report_hex(&j, "mrenclave", NULL, view_of(mrenclave, mrenclave != NULL ? MRENCLAVE_SIZE : 0));
    return report_print(&j, err);
}

static bool run_elf2sgxs(const struct command_line *line, struct ens_err *err)
{
    const struct elf2sgxs_options *args = line->options;
    const char *path = line->operands[0];
    ENS_CLEANUP(output_closep) struct output *out = NULL;
    ENS_CLEANUP(enclave_free) struct enclave e = {0};
    struct container_edp values = {0};
    uint8_t sha256[DIGEST_SIZE];

    enclave_allow_large(args->allow_large);
    if (!output_open(args->out.output, true, args->out.force, &out, err) ||
        !edp_find(&args->edp, path, &values, err))
        return false;
    struct container_edp sized = values;

    sized.is_unsized = false;
    if (!judge_elf(path, &sized, &e, err))
        return false;
    const struct sgxs_report *report = &e.sites[0].report;

    if (!(values.is_unsized ? write_unsized(&e, &values, out, sha256, err)
                            : write_stream(e.container, out, sha256, err)))
        return false;
    if (!values.is_unsized && memcmp(sha256, report->mrenclave, sizeof sha256) != 0)
        return ens_fail(err, ENS_DATA, "%s: was changed while it was read: repeat when it is complete", path);
    if (!output_finish(out, sha256, err))
        return false;
    if (values.is_unsized)
        notice_say("%s: has no MRENCLAVE before sgxs-append gives it its size.",
                   output_name(args->out.output));
    else
        notice_hash(view_of(report->mrenclave, sizeof report->mrenclave), "MRENCLAVE");
    return print_stream(args, path, sha256, values.is_unsized ? NULL : report->mrenclave, err);
}

#define ELF2SGXS(KIND, member) OPTION(KIND, struct elf2sgxs_options, member)

static const struct option elf2sgxs_rows[] = {
    OPTION_TOPIC(TOPIC_BESIDE),
    {"library", 0, ELF2SGXS(FLAG, edp.library), NULL, "a library enclave: no thread is a secondary one"},
    {"unsized", 0, ELF2SGXS(FLAG, edp.is_unsized), NULL, "leave the size to sgxs-append"},
    OPTION_TOPIC(TOPIC_LIFTED),
    {"allow-large", 0, ELF2SGXS(FLAG, allow_large), NULL, "lay out an enclave however large it is"},
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"json", 0, ELF2SGXS(FLAG, json), NULL, "one JSON document about it"},
    {0},
};

const struct command cmd_elf2sgxs = {
    .name = "elf2sgxs",
    .operands = "ELF",
    .summary = "lay out an ELF file of Fortanix' target, as their tool does",
    .host = COMMAND_BUILD,
    .examples = "elf2sgxs --heap-size 0x2000000 --stack-size 0x20000 --threads 2 \\\n"
                "    -o worker.sgxs worker.elf",
    .see_also = "gen-sign-data and compare, which take the ELF file itself",
    .size = sizeof(struct elf2sgxs_options),
    .groups = {{edp_rows, offsetof(struct elf2sgxs_options, edp)},
               {edp_debug_rows, offsetof(struct elf2sgxs_options, edp)},
               {elf2sgxs_rows, 0},
               {output_rows, offsetof(struct elf2sgxs_options, out)}},
    .min = 1,
    .max = 1,
    .has_result = true,
    .run = run_elf2sgxs,
};
