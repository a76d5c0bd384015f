/* SGXS streams: a state machine over records of 64 bytes, some followed by 256 bytes of data. What the CPU
 * measures is the stream itself as long as it is canonical, so that one digest serves for both; where the two
 * part, a second one goes on from there. */
#include "bundle/stream/sgxs.h"

#include <inttypes.h>
#include <string.h>

#include "bundle/stream/cover.h"
#include "bundle/stream/records.h"
#include "signer/base/digest.h"
#include "signer/base/mem.h"

#define CHUNK_SIZE 256
#define PAGE_SIZE  4096

/* What follows the header that was read last. */
enum expect { EXPECT_HEADER, EXPECT_MEASURED, EXPECT_UNMEASURED };

struct sgxs {
    struct digest *file;     /* SHA-256 of the stream as it is */
    struct digest *measured; /* SHA-256 of what the CPU measures; NULL as long as it is the same */
    struct sgxs_report report;
    uint64_t offset;          /* of the part (header or data) that is being taken */
    struct view unhashed;     /* of the piece: what `file` has not taken yet */
    const uint8_t *part;      /* all of the part, in the piece or in `have` */
    uint8_t have[CHUNK_SIZE]; /* a part that began in an earlier piece */
    size_t have_len;
    enum expect expect;
    bool created;
    bool paged;    /* an EADD was seen */
    uint64_t page; /* offset of the last page */
    bool page_is_tcs;
    struct cover cover; /* which chunks and pages came */
    uint64_t chunk;     /* offset of the chunk that is being collected */
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

/* Hashes the piece up to its last `left` bytes. */
static bool hash_piece(struct sgxs *s, size_t left, struct ens_err *err)
{
    size_t len = s->unhashed.len - left;
    struct view done = view_slice(s->unhashed, 0, len);

    s->unhashed = view_slice(s->unhashed, len, left);
    return done.len == 0 || digest_update(s->file, done, err);
}

/* Hashes the part that was put together in `have`, whole or not. */
static bool hash_have(struct sgxs *s, struct ens_err *err)
{
    struct view have = view_of(s->have, s->have_len);

    s->have_len = 0;
    return have.len == 0 || digest_update(s->file, have, err);
}

/* From this part on, the CPU measures something else than the stream. */
static bool diverge(struct sgxs *s, struct ens_err *err)
{
    size_t left = s->unhashed.len;

    if (s->measured != NULL)
        return true;
    if (s->part != s->have)
        left -= (size_t)(s->part - s->unhashed.data);
    return hash_piece(s, left, err) && digest_fork(s->file, &s->measured, err);
}

/* Measures a record header: the `used` leading bytes as they are, the padding as zero. Says whether the
 * padding was zero. */
static bool measure_header(struct sgxs *s, size_t used, bool *ret_clean, struct ens_err *err)
{
    static const uint8_t zeros[RECORD_SIZE];
    uint8_t canonical[RECORD_SIZE] = {0};

    *ret_clean = memcmp(s->part + used, zeros, RECORD_SIZE - used) == 0;
    if (*ret_clean && s->measured == NULL)
        return true;
    memcpy(canonical, s->part, used);
    return diverge(s, err) && digest_update(s->measured, view_of(canonical, sizeof canonical), err);
}

/* What follows the tag of the record header. */
static struct reader operands(const struct sgxs *s)
{
    return reader_of(view_of(s->part + TAG_SIZE, RECORD_SIZE - TAG_SIZE));
}

static bool take_ecreate(struct sgxs *s, struct ens_err *err)
{
    struct reader r = operands(s);
    bool clean = false;

    if (s->created)
        return ens_fail(err, ENS_DATA, "a second ECREATE at 0x%" PRIx64 ": one stream is one enclave",
                        s->offset);
    s->created = true;
    s->report.ssaframesize = reader_le32(&r);
    s->report.size = reader_le64(&r);
    if (!measure_header(s, USED_ECREATE, &clean, err))
        return false;
    if (!clean)
        findings_add(&s->report.problems, SEVERITY_WARNING, "ecreate-padding",
                     "ECREATE has non-zero padding");
    /* Intel SDM, SECS: SIZE is a power of two, SSAFRAMESIZE is not zero. That ECREATE asks for two pages is
     * not held against a stream: one page is the smallest that the vectors know (tests/vectors/sgxs). */
    if (s->report.size < PAGE_SIZE || (s->report.size & (s->report.size - 1)) != 0)
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

    if (type != SECINFO_TYPE_TCS && type != SECINFO_TYPE_REG)
        findings_add(problems, SEVERITY_ERROR, "page-type",
                     "EADD 0x%" PRIx64 " has page type %" PRIu64 ": only TCS and REG can be added", s->page,
                     type);
    if (type == SECINFO_TYPE_TCS && (flags & SECINFO_RWX) != 0)
        findings_add(problems, SEVERITY_WARNING, "tcs-permissions", "TCS 0x%" PRIx64 " has permissions",
                     s->page);
    if (type == SECINFO_TYPE_REG && (flags & 3) == 2)
        findings_add(problems, SEVERITY_ERROR, "write-without-read",
                     "EADD 0x%" PRIx64 " is writable but not readable", s->page);
    if ((flags & SECINFO_RESERVED) != 0)
        findings_add(problems, SEVERITY_ERROR, "secinfo-flags",
                     "EADD 0x%" PRIx64 " has reserved SECINFO flags", s->page);
}

static bool take_eadd(struct sgxs *s, struct ens_err *err)
{
    struct reader r = operands(s);
    struct findings *problems = &s->report.problems;
    uint64_t last = s->page;
    bool clean = false;

    s->page = reader_le64(&r);
    uint64_t flags = reader_le64(&r);

    if (!measure_header(s, USED_EADD, &clean, err))
        return false;
    if (!clean)
        findings_add(problems, SEVERITY_WARNING, "secinfo-reserved",
                     "EADD 0x%" PRIx64 " has non-zero reserved SECINFO bytes", s->page);
    if (s->page % PAGE_SIZE != 0)
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
    s->page_is_tcs = SECINFO_TYPE(flags) == SECINFO_TYPE_TCS;
    s->report.pages++;
    s->report.tcs += s->page_is_tcs;
    return cover_page(&s->cover, s->page, flags, err);
}

static bool take_chunk_header(struct sgxs *s, bool measured, struct ens_err *err)
{
    const char *tag = measured ? "EEXTEND" : "UNMEASRD";
    bool clean = true;

    s->chunk = bytes_get_le64(s->part + TAG_SIZE);
    if (!s->paged || s->chunk < s->page || s->chunk - s->page >= PAGE_SIZE || s->chunk % CHUNK_SIZE != 0)
        return ens_fail(err, ENS_DATA, "%s 0x%" PRIx64 " at 0x%" PRIx64 " is no chunk of the page before it",
                        tag, s->chunk, s->offset);
    if (cover_chunk(&s->cover, (unsigned)((s->chunk - s->page) / CHUNK_SIZE), measured))
        findings_add(&s->report.problems, SEVERITY_WARNING, "chunk-twice",
                     "chunk 0x%" PRIx64 " is given twice", s->chunk);
    if (measured) {
        if (!measure_header(s, USED_CHUNK, &clean, err))
            return false;
        s->report.measured_chunks++;
    } else {
        if (!diverge(s, err))
            return false;
        s->report.unmeasrd_chunks++;
    }
    if (!clean)
        findings_add(&s->report.problems, SEVERITY_WARNING, "chunk-padding",
                     "%s 0x%" PRIx64 " has non-zero padding", tag, s->chunk);
    s->expect = measured ? EXPECT_MEASURED : EXPECT_UNMEASURED;
    return true;
}

static bool take_header(struct sgxs *s, struct ens_err *err)
{
    uint64_t tag = bytes_get_le64(s->part);

    if (tag == TAG_UNSIZED)
        return ens_fail(err, ENS_DATA,
                        "an UNSIZED stream has no MRENCLAVE yet: give it its size first (sgxs-append)");
    if (!s->created && tag != TAG_ECREATE)
        return ens_fail(err, ENS_DATA, "the stream does not start with ECREATE: give an SGXS stream");
    if (tag == TAG_ECREATE)
        return take_ecreate(s, err);
    if (tag == TAG_EADD)
        return take_eadd(s, err);
    if (tag == TAG_EEXTEND || tag == TAG_UNMEASRD)
        return take_chunk_header(s, tag == TAG_EEXTEND, err);
    return ens_fail(err, ENS_DATA,
                    "unknown record tag %02x%02x%02x%02x%02x%02x%02x%02x at 0x%" PRIx64
                    ": the stream is damaged",
                    s->part[0], s->part[1], s->part[2], s->part[3], s->part[4], s->part[5], s->part[6],
                    s->part[7], s->offset);
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

static bool take_chunk(struct sgxs *s, struct ens_err *err)
{
    struct view chunk = view_of(s->part, CHUNK_SIZE);

    if (s->page_is_tcs && s->chunk == s->page)
        judge_tcs_start(s, chunk);
    else if (s->page_is_tcs && !view_is_zero(chunk))
        findings_add(&s->report.problems, SEVERITY_ERROR, "tcs-reserved",
                     "TCS 0x%" PRIx64 " has reserved bytes set", s->page);
    bool measured = s->expect == EXPECT_MEASURED;

    s->expect = EXPECT_HEADER;
    return !measured || s->measured == NULL || digest_update(s->measured, chunk, err);
}

static bool take_part(struct sgxs *s, const uint8_t *part, size_t len, struct ens_err *err)
{
    s->part = part;
    if (!(s->expect == EXPECT_HEADER ? take_header(s, err) : take_chunk(s, err)))
        return false;
    s->offset += len;
    return true;
}

/* Begins or goes on with a part that the piece does not hold whole, and takes it once it is complete. */
static bool join_part(struct sgxs *s, struct view piece, size_t want, struct ens_err *err)
{
    size_t n = want - s->have_len < piece.len ? want - s->have_len : piece.len;

    if (!hash_piece(s, piece.len, err))
        return false;
    memcpy(s->have + s->have_len, piece.data, n);
    s->have_len += n;
    s->unhashed = view_slice(piece, n, piece.len - n);
    return s->have_len < want || (take_part(s, s->have, want, err) && hash_have(s, err));
}

static bool take_parts(struct sgxs *s, struct ens_err *err)
{
    struct view piece = s->unhashed;

    while (piece.len > 0) {
        size_t want = s->expect == EXPECT_HEADER ? RECORD_SIZE : CHUNK_SIZE;

        if (s->have_len > 0 || piece.len < want) {
            if (!join_part(s, piece, want, err))
                return false;
            piece = s->unhashed;
        } else {
            if (!take_part(s, piece.data, want, err))
                return false;
            piece = view_slice(piece, want, piece.len - want);
        }
    }
    return true;
}

bool sgxs_put(struct sgxs *s, struct view piece, struct ens_err *err)
{
    s->unhashed = piece;
    if (!s->broken && !take_parts(s, &s->why)) {
        s->broken = true;
        if (s->why.code != ENS_DATA) {
            *err = s->why;
            return false;
        }
    }
    if (s->broken && !hash_have(s, err))
        return false;
    return hash_piece(s, 0, err);
}

static bool check_end(const struct sgxs *s, struct ens_err *err)
{
    if (s->broken) {
        *err = s->why;
        return false;
    }
    if (s->offset == 0 && s->have_len == 0)
        return ens_fail(err, ENS_DATA, "empty stream: give an SGXS stream");
    if (s->expect == EXPECT_HEADER && s->have_len > 0)
        return ens_fail(err, ENS_DATA,
                        "the stream ends inside a record header at 0x%" PRIx64 ": it is cut or has a tail",
                        s->offset);
    if (s->expect != EXPECT_HEADER)
        return ens_fail(err, ENS_DATA, "the stream ends inside a chunk at 0x%" PRIx64 ": it is cut",
                        s->offset);
    return true;
}

bool sgxs_finish(struct sgxs *s, struct sgxs_report *ret, struct ens_err *err)
{
    struct sgxs_report *report = &s->report;

    struct view have = view_of(s->have, s->have_len);

    if ((have.len > 0 && !digest_update(s->file, have, err)) || !digest_final(s->file, ret->sha256, err) ||
        !check_end(s, err))
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

bool sgxs_recognise(struct view head)
{
    uint64_t tag = head.len < 8 ? 0 : bytes_get_le(view_slice(head, 0, 8));

    return tag == TAG_ECREATE || tag == TAG_UNSIZED || tag == TAG_EADD || tag == TAG_EEXTEND ||
           tag == TAG_UNMEASRD;
}
