/* Why two builds of one enclave differ: two SGXS streams are compared page by page. Each is poured once to
 * make an index of 64 bytes per page (pages.h); what the indices cannot say, how many bytes of a page differ
 * and where, is found by pouring both again for a bounded number of pages at a time. Facts only: the commands
 * put them into words and name the sections that an offset lies in. */
#pragma once

#include "bundle/stream/pages.h"

/* Pages whose content is held at a time: 32 MiB, of one side. */
#define PAGEDIFF_BATCH 8192

/* Rows of a kind that are kept; what comes after is counted in the totals only. */
#define PAGEDIFF_ROWS_MAX 8192

/* Bytes of a sample, aligned to as many. */
#define PAGEDIFF_SAMPLE 16

/* What differs, in the order of the report. `from` and `to` are addresses in the enclave, from its base. */
enum pagediff_kind {
    /* ECREATE SIZE in bytes, SSAFRAMESIZE in pages: value_a, value_b. No pages. */
    PAGEDIFF_SIZE,
    PAGEDIFF_SSAFRAMESIZE,
    /* Pages that only one side adds: flags_a or flags_b. */
    PAGEDIFF_ONLY_A,
    PAGEDIFF_ONLY_B,
    /* Pages of A that B adds elsewhere, in the same number and otherwise equal: `from` is where A has the
     * first of them, value_b where B has it. They are in no ONLY row. */
    PAGEDIFF_MOVED,
    /* Other permissions or another type: flags_a, flags_b. */
    PAGEDIFF_SECINFO,
    /* Other chunks are given or measured: measured_a, unmeasured_a, measured_b, unmeasured_b. */
    PAGEDIFF_CHUNKS,
    /* Other bytes: bytes, first_offset, chunks. A chunk that is not given is zero. */
    PAGEDIFF_CONTENT,
    /* The same of a page that is a TCS on both sides: tcs. */
    PAGEDIFF_TCS,
    /* A TCS of A that B adds elsewhere, with as many threads: `from`, value_b, and as TCS what else changed
     * in it. In no ONLY row. */
    PAGEDIFF_TCS_MOVED,
    /* The same chunks in another order: value_a and value_b are the chunks of A and B where the orders part,
     * and first_offset is value_a. */
    PAGEDIFF_CHUNK_ORDER,
    /* The same chunks, but one is given more than once, and not so on the other side: first_offset is that
     * chunk, or the page if it is not among the first 16 that are given. */
    PAGEDIFF_CHUNK_REPEAT,
    /* The same pages in another order: the first of the row is the value_a-th that A adds and the value_b-th
     * that B adds, from 1, of those that both have. */
    PAGEDIFF_PAGE_ORDER,
    /* Bytes of record headers that are not measured: reserved bytes of SECINFO, padding. No pages where they
     * are those of ECREATE. */
    PAGEDIFF_PADDING,
    PAGEDIFF_KINDS,
};

/* The fields of a TCS that an enclave's author chooses (Intel SDM, "TCS"). */
enum pagediff_tcs_field {
    TCS_FLAGS,
    TCS_OSSA, /* offset of the stack of SSA frames */
    TCS_NSSA, /* their number */
    TCS_OENTRY,
    TCS_OFSBASE,
    TCS_OGSBASE,
    TCS_FSLIMIT,
    TCS_GSLIMIT,
    TCS_FIELDS,
};

struct pagediff_tcs {
    uint64_t a[TCS_FIELDS];
    uint64_t b[TCS_FIELDS];
    uint64_t other; /* differing bytes outside these fields */
};

/* Adjacent pages with the same kind of difference, the same type and permissions. What a kind does not name
 * is zero; flags_a and flags_b are set wherever that side has the pages. */
struct pagediff_row {
    enum pagediff_kind kind;
    bool measured;    /* it changes MRENCLAVE */
    uint64_t from;    /* of the first page */
    uint64_t to;      /* after the last page; UINT64_MAX if that is not a number */
    uint64_t pages;   /* at least 1, but for ECREATE */
    uint64_t flags_a; /* SECINFO.FLAGS */
    uint64_t flags_b;
    uint64_t value_a;
    uint64_t value_b;
    uint16_t measured_a; /* CHUNKS: bit n is the n-th 256 bytes of the page, by EEXTEND */
    uint16_t measured_b;
    uint16_t unmeasured_a; /* by UNMEASRD */
    uint16_t unmeasured_b;
    uint64_t bytes;           /* CONTENT, TCS, TCS_MOVED: how many differ */
    uint64_t bytes_measured;  /* of these, in chunks that a side measures */
    uint64_t chunks;          /* that differ, 256 bytes each */
    uint64_t chunks_measured; /* of these, those that a side measures */
    uint16_t chunk_mask;      /* which, of all pages of the row together */
    uint64_t first_offset;    /* CONTENT, TCS, TCS_MOVED (in A): address of the first byte; CHUNK_ORDER */
    struct pagediff_tcs tcs;
    /* CONTENT: the PAGEDIFF_SAMPLE bytes that hold the first one that differs, of both sides, and their address. */
    uint64_t sample;
    uint8_t sample_a[PAGEDIFF_SAMPLE];
    uint8_t sample_b[PAGEDIFF_SAMPLE];
};

/* Pages that are added without any content, by where they lie: what runtimes call heap and stack. A run of
 * them is what lies side by side; what lies right behind a TCS are its SSA frames, and is left out. The last
 * run before the first TCS is a stack where the last one before the second TCS is as long, or, with one TCS,
 * where another run lies before it; what else lies before the first TCS is heap. */
struct pagediff_memory {
    uint64_t heap;
    uint64_t stack; /* of one thread; 0: it has content, or none is to be seen */
};

/* How many pages of each kind, and of all: rows that were not kept are in here as well. */
struct pagediff_totals {
    uint64_t pages_of[PAGEDIFF_KINDS];
    uint64_t pages; /* addresses at which anything differs */
    uint64_t bytes; /* of CONTENT and TCS */
    uint64_t bytes_measured;
    uint64_t pages_a; /* that A adds */
    uint64_t pages_b;
    uint64_t threads_a; /* of these, TCS */
    uint64_t threads_b;
    struct pagediff_memory memory_a;
    struct pagediff_memory memory_b;
};

struct pagediff {
    struct pagediff_row *rows; /* by kind, then by `from` */
    size_t len;
    uint64_t dropped; /* rows beyond PAGEDIFF_ROWS_MAX of their kind, so that none hides another kind */
    bool measured;    /* a difference changes MRENCLAVE: without one, MRENCLAVE is the same */
    struct pagediff_totals totals;
};

/* Compares two streams; no row means that they are the same bytes. Each source is poured once, and again for
 * each PAGEDIFF_BATCH pages that differ, then only as far as is needed. `*ret` is the caller's:
 * pagediff_freep. ENS_DATA, with the label of the source in front, where a side is not an SGXS stream (as
 * sgxs_finish says), has more than PAGES_MAX pages or is not the same each time; ENS_RESOURCE; what pour
 * gives, as it is. */
bool pagediff_compare(const struct page_source *a, const struct page_source *b, struct pagediff **ret,
                      struct ens_err *err) ENS_MUST_CHECK;

/* The same, with at most `batch` pages at a time (0: one): for tests. */
bool pagediff_compare_in(const struct page_source *a, const struct page_source *b, size_t batch,
                         struct pagediff **ret, struct ens_err *err) ENS_MUST_CHECK;

void pagediff_freep(struct pagediff **d);

/* A stable name of the kind, for --json: "only-a", "content"... */
const char *pagediff_kind_name(enum pagediff_kind kind);

/* The name of a field of the TCS, as in Intel's manual: "OSSA"... */
const char *pagediff_tcs_field_name(enum pagediff_tcs_field field);
