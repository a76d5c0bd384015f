/* show of what a stream measures, in a file of its own or in a container. */
#include <inttypes.h>

#include "bundle/stream/sgxs.h"
#include "signer/base/hex.h"
#include "signer/cmd/show/show.h"

void show_stream(struct report *r, const struct sgxs_report *stream)
{
    const struct hex hex = hex_of(view_of(stream->sha256, 32));
    report_hash(r, "mrenclave", "MRENCLAVE", view_of(stream->mrenclave, MRENCLAVE_SIZE));
    report_text(r, "sha256", NULL, hex.text);
    report_note(r, "SHA-256", "%s%s", hex.text, stream->equal ? "" : "  (not MRENCLAVE)");
    report_bool(r, "equal_to_sha256", stream->equal);
    report_mask(r, "size", NULL, stream->size, 8, NULL);
    report_uint(r, "ssaframesize", NULL, stream->ssaframesize);
    report_note(r, "Enclave", "0x%" PRIx64 " bytes, SSA frames of %" PRIu32 " pages", stream->size,
                stream->ssaframesize);
    report_uint(r, "pages", NULL, stream->pages);
    report_uint(r, "tcs", NULL, stream->tcs);
    report_note(r, "Pages", "%" PRIu64 ", of which %" PRIu64 " TCS", stream->pages, stream->tcs);
    report_uint(r, "measured_chunks", NULL, stream->measured_chunks);
    report_uint(r, "unmeasured_chunks", NULL, stream->unmeasured_chunks);
    report_note(r, "Chunks", "%" PRIu64 " measured, %" PRIu64 " not", stream->measured_chunks,
                stream->unmeasured_chunks);
    show_findings(r, &stream->problems);
}

void show_stream_or_problem(struct report *r, const char *heading, const struct sgxs_report *stream,
                            const struct ens_err *problem)
{
    bool is_stream = problem->code == ENS_OK;

    report_object(r, "stream", is_stream ? heading : NULL, 2);
    report_text(r, "problem", NULL, is_stream ? NULL : problem->msg);
    if (is_stream)
        show_stream(r, stream);
    report_close(r);
}
