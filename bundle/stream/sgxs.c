/* The judge of SGXS records. The CPU measures the stream itself as long as it is canonical, so that one
 * digest serves for both; at the first difference a second one is forked from it. */
#include "bundle/stream/sgxs.h"

#include <inttypes.h>
#include <string.h>

#include "bundle/stream/cover.h"
#include "bundle/stream/sgxs_read.h"
#include "signer/base/digest.h"
#include "signer/base/mem.h"

struct sgxs {
    struct digest *file;     /* SHA-256 of the stream as it is */
    struct digest *measured; /* SHA-256 of what the CPU measures; NULL as long as it is the same */
    struct sgxs_report report;
    struct sgxs_reader reader;
    struct sgxs_record record; /* that is being taken */
    struct view unhashed; /* of the piece: what `file` has not taken yet; the record is in it or before it */
    bool created;
    bool paged;    /* an EADD was seen */
    uint64_t page; /* offset of the last page */
    bool page_is_tcs;
    struct cover cover; /* which chunks and pages came */
    bool broken;        /* `why` says how; the rest of the stream is hashed, not read */
    struct ens_err why;
};

bool sgxs_new(struct sgxs **ret, struct ens_err *err)
{
    ENS_CLEANUP(sgxs_freep) struct sgxs *s = mem_alloc(1, sizeof *s, err);

    if (s == NULL || !digest_new(DIGEST_SHA256, &s->file, err))
        return false;
    *ret = ens_take(s);
    return true;
}

void sgxs_freep(struct sgxs **s)
{
    if (*s == NULL)
        return;
    digest_freep(&(*s)->file);
    digest_freep(&(*s)->measured);
    cover_free(&(*s)->cover);
    mem_free(*s);
    *s = NULL;
}

/* Hashes the next `len` bytes of the piece. */
static bool hash_piece(struct sgxs *s, size_t len, struct ens_err *err)
{
    struct view done = view_slice(s->unhashed, 0, len);

    s->unhashed = view_slice(s->unhashed, len, s->unhashed.len - len);
    return len == 0 || digest_update(s->file, done, err);
}

/* From this record on, the CPU measures something else than the stream. */
static bool diverge(struct sgxs *s, struct ens_err *err)
{
    size_t before = s->record.joined ? 0 : (size_t)(s->record.header - s->unhashed.data);

    return s->measured != NULL || (hash_piece(s, before, err) && digest_fork(s->file, &s->measured, err));
}

/* Measures a record header: the `used` leading bytes as they are, the padding as zero. Says whether the
 * padding was zero. */
static bool measure_header(struct sgxs *s, size_t used, bool *ret_clean, struct ens_err *err)
{
    static const uint8_t zeros[SGXS_HEADER_SIZE];

    *ret_clean = memcmp(s->record.header + used, zeros, SGXS_HEADER_SIZE - used) == 0;
    if (*ret_clean && s->measured == NULL)
        return true;
    uint8_t canonical[SGXS_HEADER_SIZE] = {0};

    memcpy(canonical, s->record.header, used);
    return diverge(s, err) && digest_update(s->measured, view_of(canonical, sizeof canonical), err);
}

/* What follows the tag of the record header. */
static struct reader operands(const struct sgxs *s)
{
    return reader_of(view_of(s->record.header + SGXS_TAG_SIZE, SGXS_HEADER_SIZE - SGXS_TAG_SIZE));
}

static bool take_ecreate(struct sgxs *s, struct ens_err *err)
{
    struct reader r = operands(s);
    bool clean = false;

    if (s->created)
        return ens_fail(err, ENS_DATA, "a second ECREATE at 0x%" PRIx64 ": one stream is one enclave",
                        s->record.at);
    s->created = true;
    s->report.ssaframesize = reader_le32(&r);
    s->report.size = reader_le64(&r);
    if (!measure_header(s, SGXS_USED_ECREATE, &clean, err))
        return false;
    if (!clean)
        findings_add(&s->report.problems, SEVERITY_WARNING, "ecreate-padding",
                     "ECREATE has non-zero padding");
    /* Intel SDM, SECS: SIZE is a power of two, SSAFRAMESIZE is not zero. That ECREATE asks for two pages is
     * not held against a stream: one page is the smallest that the vectors know (tests/vectors/sgxs). */
    if (s->report.size < SGXS_PAGE_SIZE || (s->report.size & (s->report.size - 1)) != 0)
        findings_add(&s->report.problems, SEVERITY_ERROR, "ecreate-size",
                     "ECREATE size 0x%" PRIx64 " is not a power of two from 0x1000", s->report.size);
    if (s->report.ssaframesize == 0)
        findings_add(&s->report.problems, SEVERITY_ERROR, "ecreate-ssaframesize",
                     "ECREATE SSAFRAMESIZE is 0");
    return true;
}

/* Intel SDM, EADD: what makes the instruction fault, or differ from what the stream says. */
static void judge_secinfo(struct sgxs *s, uint64_t flags)
{
    struct findings *problems = &s->report.problems;
    uint64_t type = SECINFO_TYPE(flags);

    if (type != SECINFO_TCS && type != SECINFO_REG)
        findings_add(problems, SEVERITY_ERROR, "page-type",
                     "EADD 0x%" PRIx64 " has page type %" PRIu64 ": only TCS and REG can be added", s->page,
                     type >> 8);
    if (type == SECINFO_TCS && (flags & SECINFO_RWX) != 0)
        findings_add(problems, SEVERITY_WARNING, "tcs-permissions", "TCS 0x%" PRIx64 " has permissions",
                     s->page);
    if (type == SECINFO_REG && (flags & (SECINFO_R | SECINFO_W)) == SECINFO_W)
        findings_add(problems, SEVERITY_ERROR, "write-without-read",
                     "EADD 0x%" PRIx64 " is writable but not readable", s->page);
    if ((flags & SECINFO_RESERVED) != 0)
        findings_add(problems, SEVERITY_ERROR, "secinfo-flags",
                     "EADD 0x%" PRIx64 " has reserved SECINFO flags", s->page);
}

static bool take_eadd(struct sgxs *s, struct ens_err *err)
{
    const uint8_t *header = s->record.header;
    struct findings *problems = &s->report.problems;
    uint64_t last = s->page;
    uint64_t flags = bytes_get_le64(header + 2 * SGXS_TAG_SIZE);
    bool clean = false;

    s->page = bytes_get_le64(header + SGXS_TAG_SIZE);

    if (!measure_header(s, SGXS_USED_EADD, &clean, err))
        return false;
    if (!clean)
        findings_add(problems, SEVERITY_WARNING, "secinfo-reserved",
                     "EADD 0x%" PRIx64 " has non-zero reserved SECINFO bytes", s->page);
    if (s->page % SGXS_PAGE_SIZE != 0)
        findings_add(problems, SEVERITY_ERROR, "page-aligned",
                     "EADD offset 0x%" PRIx64 " is not page-aligned", s->page);
    if (s->page >= s->report.size)
        findings_add(problems, SEVERITY_ERROR, "page-outside",
                     "EADD offset 0x%" PRIx64 " is outside the enclave", s->page);
    if (s->paged && s->page < last)
        findings_add(problems, SEVERITY_WARNING, "page-order",
                     "EADD offset 0x%" PRIx64 " is not above the last one", s->page);
    judge_secinfo(s, flags);
    s->paged = true;
    s->page_is_tcs = SECINFO_TYPE(flags) == SECINFO_TCS;
    s->report.pages++;
    s->report.tcs += s->page_is_tcs;
    return cover_page(&s->cover, s->page, flags, err);
}

/* Intel SDM, "TCS": EADD faults on reserved bytes and clears STATE, FLAGS.DBGOPTIN, CSSA and AEP, so that
 * what is measured differs from what such a stream holds. STATE @0, FLAGS @8, OSSA @16, CSSA @24, NSSA @28,
 * OENTRY @32, AEP @40, OFSBASE @48, OGSBASE @56, FSLIMIT @64, GSLIMIT @68, reserved from 72. */
static void judge_tcs_start(struct sgxs *s, struct view chunk)
{
    struct reader r = reader_of(chunk);
    uint64_t state = reader_le64(&r);
    uint64_t flags = reader_le64(&r);

    (void)reader_le64(&r);
    uint32_t cssa = reader_le32(&r);
    uint32_t nssa = reader_le32(&r);

    (void)reader_le64(&r);
    uint64_t aep = reader_le64(&r);

    (void)reader_take(&r, 24);
    /* FLAGS bit 0 is DBGOPTIN, bit 1 AEXNOTIFY. */
    if (state != 0 || (flags & 1) != 0 || cssa != 0 || aep != 0)
        findings_add(&s->report.problems, SEVERITY_ERROR, "tcs-cleared",
                     "TCS 0x%" PRIx64 " sets fields EADD clears", s->page);
    if ((flags & ~3ull) != 0 || !view_is_zero(r.left))
        findings_add(&s->report.problems, SEVERITY_ERROR, "tcs-reserved",
                     "TCS 0x%" PRIx64 " has reserved bytes set", s->page);
    if (nssa == 0)
        findings_add(&s->report.problems, SEVERITY_WARNING, "tcs-nssa", "TCS 0x%" PRIx64 " has no SSA frame",
                     s->page);
}

/* EADD looks into a TCS. */
static void judge_chunk(struct sgxs *s, uint64_t offset, struct view chunk)
{
    if (s->page_is_tcs && offset == s->page)
        judge_tcs_start(s, chunk);
    else if (s->page_is_tcs && !view_is_zero(chunk))
        findings_add(&s->report.problems, SEVERITY_ERROR, "tcs-reserved",
                     "TCS 0x%" PRIx64 " has reserved bytes set", s->page);
}

static bool take_chunk(struct sgxs *s, struct ens_err *err)
{
    bool measured = s->record.tag == SGXS_EEXTEND;
    const char *name = measured ? "EEXTEND" : "UNMEASRD";
    uint64_t offset = bytes_get_le64(s->record.header + SGXS_TAG_SIZE);
    struct view chunk = view_of(s->record.chunk, SGXS_CHUNK_SIZE);
    bool clean = true;

    if (!s->paged || offset < s->page || offset - s->page >= SGXS_PAGE_SIZE || offset % SGXS_CHUNK_SIZE != 0)
        return ens_fail(err, ENS_DATA,
                        "%s 0x%" PRIx64 " at 0x%" PRIx64 " is not a chunk of the page before it", name,
                        offset, s->record.at);
    if (cover_chunk(&s->cover, (unsigned)((offset - s->page) / SGXS_CHUNK_SIZE), measured))
        findings_add(&s->report.problems, SEVERITY_WARNING, "chunk-twice",
                     "chunk 0x%" PRIx64 " is given twice", offset);
    if (measured ? !measure_header(s, SGXS_USED_CHUNK, &clean, err) : !diverge(s, err))
        return false;
    s->report.measured_chunks += measured;
    s->report.unmeasrd_chunks += !measured;
    if (!clean)
        findings_add(&s->report.problems, SEVERITY_WARNING, "chunk-padding",
                     "%s 0x%" PRIx64 " has non-zero padding", name, offset);
    /* A record that is cut has no chunk. */
    if (s->record.chunk == NULL)
        return true;
    judge_chunk(s, offset, chunk);
    return !measured || s->measured == NULL || digest_update(s->measured, chunk, err);
}

static bool judge_record(struct sgxs *s, struct ens_err *err)
{
    const uint8_t *tag = s->record.header;

    if (s->record.tag == SGXS_UNSIZED)
        return ens_fail(err, ENS_DATA,
                        "an UNSIZED stream has no MRENCLAVE yet: give it its size first (sgxs-append)");
    if (!s->created && s->record.tag != SGXS_ECREATE)
        return ens_fail(err, ENS_DATA, "the stream does not start with ECREATE: give an SGXS stream");
    if (s->record.tag == SGXS_EEXTEND || s->record.tag == SGXS_UNMEASRD)
        return take_chunk(s, err);
    if (s->record.tag == SGXS_EADD)
        return take_eadd(s, err);
    if (s->record.tag == SGXS_ECREATE)
        return take_ecreate(s, err);
    return ens_fail(err, ENS_DATA,
                    "unknown record tag %02x%02x%02x%02x%02x%02x%02x%02x at 0x%" PRIx64
                    ": the stream is damaged",
                    tag[0], tag[1], tag[2], tag[3], tag[4], tag[5], tag[6], tag[7], s->record.at);
}

/* Takes the records of the piece. A joined one is hashed at once: the piece goes on behind it. */
static bool take_records(struct sgxs *s, struct ens_err *err)
{
    while (!s->broken && sgxs_next(&s->reader, &s->record)) {
        s->broken = !judge_record(s, &s->why);
        if (s->broken && s->why.code != ENS_DATA) {
            *err = s->why;
            return false;
        }
        if (!s->record.joined)
            continue;
        s->unhashed = s->reader.piece;
        if (!digest_update(s->file, view_of(s->record.header, s->record.len), err))
            return false;
    }
    return true;
}

bool sgxs_put(struct sgxs *s, struct view piece, struct ens_err *err)
{
    s->unhashed = piece;
    sgxs_feed(&s->reader, piece);
    if (!take_records(s, err))
        return false;
    /* The rest may reach back into earlier pieces. */
    size_t kept = s->broken ? 0 : sgxs_rest(&s->reader).len;

    return kept >= s->unhashed.len || hash_piece(s, s->unhashed.len - kept, err);
}

/* Judges the header of a record whose chunk is cut: what is wrong with it says more than that. */
static void take_cut(struct sgxs *s, struct view cut)
{
    if (s->broken || cut.len < SGXS_HEADER_SIZE)
        return;
    s->record = (struct sgxs_record){.tag = bytes_get_le64(cut.data),
                                     .at = s->reader.at,
                                     .header = cut.data,
                                     .len = cut.len,
                                     .joined = true};
    s->broken = !judge_record(s, &s->why);
}

static bool check_end(const struct sgxs *s, struct view cut, struct ens_err *err)
{
    if (s->broken) {
        *err = s->why;
        return false;
    }
    if (s->reader.at == 0 && cut.len == 0)
        return ens_fail(err, ENS_DATA, "empty stream: give an SGXS stream");
    if (cut.len >= SGXS_HEADER_SIZE)
        return ens_fail(err, ENS_DATA, "the stream ends inside a chunk at 0x%" PRIx64 ": it is cut",
                        s->reader.at + SGXS_HEADER_SIZE);
    return cut.len == 0 ||
           ens_fail(err, ENS_DATA,
                    "the stream ends inside a record header at 0x%" PRIx64 ": it is cut or has a tail",
                    s->reader.at);
}

bool sgxs_finish(struct sgxs *s, struct sgxs_report *ret, struct ens_err *err)
{
    struct sgxs_report *report = &s->report;
    struct view cut = sgxs_rest(&s->reader);

    take_cut(s, cut);
    if ((cut.len > 0 && !digest_update(s->file, cut, err)) || !digest_final(s->file, ret->sha256, err) ||
        !check_end(s, cut, err))
        return false;
    memcpy(report->sha256, ret->sha256, sizeof report->sha256);
    memcpy(report->mrenclave, report->sha256, sizeof report->mrenclave);
    if (s->measured != NULL && !digest_final(s->measured, report->mrenclave, err))
        return false;
    report->equal = memcmp(report->sha256, report->mrenclave, MRENCLAVE_SIZE) == 0;
    if (report->unmeasrd_chunks > 0)
        findings_add(&report->problems, SEVERITY_WARNING, "unmeasured",
                     "%" PRIu64 " unmeasured chunks: MRENCLAVE is not the file's SHA-256",
                     report->unmeasrd_chunks);
    cover_end(&s->cover, &report->unmeasured_chunks, &report->problems);
    *ret = *report;
    return true;
}
