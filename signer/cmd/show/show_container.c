/* show of containers, on the build host. Bundles are in show_bundle.c, ELF files in show_enclave.c. */
#include <inttypes.h>

#include "signer/base/hex.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/show/show.h"
#include "signer/flow/enclave.h"

bool show_stream(struct show *s, struct doc *at, const struct sgxs_report *report, unsigned indent,
                 struct ens_err *err)
{
    char mrenclave[2 * MRENCLAVE_SIZE + 1];
    char sha256[2 * 32 + 1];
    int in = (int)indent;

    if (s->text == NULL) {
        doc_hex(at, "mrenclave", view_of(report->mrenclave, MRENCLAVE_SIZE));
        doc_hex(at, "sha256", view_of(report->sha256, 32));
        doc_bool(at, "equal_to_sha256", report->equal);
        doc_mask(at, "size", report->size, 8);
        doc_int(at, "ssaframesize", report->ssaframesize);
        doc_int(at, "pages", report->pages);
        doc_int(at, "tcs", report->tcs);
        doc_int(at, "measured_chunks", report->measured_chunks);
        doc_int(at, "unmeasured_chunks", report->unmeasured_chunks);
        return show_findings(s, at, &report->problems, indent, err);
    }
    hex_encode(mrenclave, view_of(report->mrenclave, MRENCLAVE_SIZE));
    hex_encode(sha256, view_of(report->sha256, 32));
    if (!show_line(s, err, "%*s%-13s %s", in, "", "MRENCLAVE", mrenclave) ||
        !show_line(s, err, "%*s%-13s %s%s", in, "", "SHA-256", sha256,
                   report->equal ? "" : "  (not MRENCLAVE)") ||
        !show_line(s, err, "%*s%-13s 0x%" PRIx64 " bytes, SSA frames of %" PRIu32 " pages", in, "", "Enclave",
                   report->size, report->ssaframesize) ||
        !show_line(s, err, "%*s%-13s %" PRIu64 ", of which %" PRIu64 " TCS", in, "", "Pages", report->pages,
                   report->tcs) ||
        !show_line(s, err, "%*s%-13s %" PRIu64 " measured, %" PRIu64 " not", in, "", "Chunks",
                   report->measured_chunks, report->unmeasured_chunks))
        return false;
    return show_findings(s, at, &report->problems, indent, err);
}

bool show_stream_or_problem(struct show *s, struct doc *at, const struct sgxs_report *report,
                            const struct ens_err *problem, struct ens_err *err)
{
    doc_text(at, "problem", problem->code != ENS_OK ? problem->msg : NULL);
    return problem->code != ENS_OK || show_stream(s, at, report, 0, err);
}

static bool show_sgxs_file(struct show *s, const char *path, struct ens_err *err)
{
    struct sgxs_report report = {0};

    if (!enclave_measure_stream(path, &report, err) || !show_line(s, err, "SGXS stream: %s", path))
        return false;
    if (s->text == NULL)
        doc_text(s->doc, "kind", "sgxs");
    return show_stream(s, s->doc, &report, 2, err);
}

static bool show_container(struct show *s, const char *path, enum artifact_kind kind, struct ens_err *err)
{
    if (kind == ARTIFACT_BUNDLE)
        return show_bundle(s, path, err);
    if (kind == ARTIFACT_SGXS)
        return show_sgxs_file(s, path, err);
    return show_enclave(s, path, err);
}

bool cmd_show_any(const struct args *args, struct ens_err *err)
{
    return show_run(args, show_container, err);
}
