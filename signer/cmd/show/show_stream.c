/* show of what a stream measures, in a file of its own or in a container. */
#include <inttypes.h>

#include "bundle/stream/sgxs.h"
#include "signer/base/hex.h"
#include "signer/cmd/show/show.h"

void show_enclave_line(struct report *r, const struct sgxs_report *stream)
{
    const char *unit = stream->size % (1 << 20) == 0   ? " MiB"
                       : stream->size % (1 << 10) == 0 ? " KiB"
                                                       : " bytes";
    unsigned shift = stream->size % (1 << 20) == 0 ? 20 : stream->size % (1 << 10) == 0 ? 10 : 0;

    report_note(r, "Enclave",
                "%" PRIu64 "%s, %" PRIu64 " pages (%" PRIu64 " TCS), %" PRIu64 " chunks measured, %" PRIu64
                " not",
                stream->size >> shift, unit, stream->pages, stream->tcs, stream->measured_chunks,
                stream->unmeasured_chunks);
    if (stream->ssaframesize != 1)
        report_note(r, "", "SSA frames of %" PRIu32 " pages", stream->ssaframesize);
}

void show_stream(struct report *r, const struct sgxs_report *stream, bool has_hashes)
{
    const struct hex hex = hex_of(view_of(stream->sha256, 32));

    report_hash(r, "mrenclave", has_hashes ? "MRENCLAVE" : NULL, view_of(stream->mrenclave, MRENCLAVE_SIZE));
    report_text(r, "sha256", NULL, hex.text);
    if (has_hashes)
        report_note(r, "SHA-256", "%s", hex.text);
    if (has_hashes && !stream->equal)
        report_note(r, "", "of the stream: it is not MRENCLAVE");
    report_bool(r, "equal_to_sha256", stream->equal);
    report_mask(r, "size", NULL, stream->size, 8, NULL);
    report_uint(r, "ssaframesize", NULL, stream->ssaframesize);
    show_enclave_line(r, stream);
    report_uint(r, "pages", NULL, stream->pages);
    report_uint(r, "tcs", NULL, stream->tcs);
    report_uint(r, "measured_chunks", NULL, stream->measured_chunks);
    report_uint(r, "unmeasured_chunks", NULL, stream->unmeasured_chunks);
    show_findings(r, &stream->problems);
}

void show_stream_or_problem(struct report *r, const struct sgxs_report *stream, const struct ens_err *problem,
                            bool has_hashes)
{
    bool is_stream = problem->code == ENS_OK;

    report_object(r, "stream", NULL, 0);
    report_text(r, "problem", NULL, is_stream ? NULL : problem->msg);
    if (is_stream)
        show_stream(r, stream, has_hashes);
    report_close(r);
}
