/* A file that holds an enclave or its SIGSTRUCT, whichever world it comes from: recognised by its content,
 * opened, read site by site, poured out as the SGXS stream that its loader would build, and written again
 * with another SIGSTRUCT in it. open.h opens them; the kinds are there, in sdk/elf_intel.c and in
 * sdk/elf_oe.c.
 *
 * What is measured, judged or signed is not decided here: the caller pours the stream into sgxs.h, and gives
 * the finished SIGSTRUCT. Errors: ENS_NOINPUT, ENS_IO, ENS_RESOURCE, and ENS_DATA with the object, the rule
 * and the remedy. */
#pragma once

#include "bundle/orc/bundle.h"
#include "bundle/stream/sgxs.h"
#include "signer/sgx/launch.h"
#include "signer/sgx/sigstruct.h"

#define CONTAINER_SITES_MAX  8 /* in one file: Intel's tools write up to three */
#define CONTAINER_NAME_MAX   32
#define CONTAINER_ODDITY_MAX 190 /* bytes of a text, with its terminator */

enum container_kind {
    CONTAINER_ORC,          /* an Oasis bundle, or rather one SGX component of it */
    CONTAINER_SGXS,         /* an SGXS stream: an enclave, and no place for a SIGSTRUCT */
    CONTAINER_SIGSTRUCT,    /* a raw SIGSTRUCT (Fortanix, Gramine): no enclave */
    CONTAINER_INTEL,        /* ELF with Intel SDK metadata */
    CONTAINER_OPEN_ENCLAVE, /* ELF with .oeinfo */
    CONTAINER_EGO,          /* the same of EGo: its enclave is not all in the file */
    CONTAINER_EDP,     /* ELF of Fortanix' EDP: an enclave together with options, no place for a SIGSTRUCT */
    CONTAINER_GRAMINE, /* a Gramine manifest: an enclave together with libpal.so, and no place for a SIGSTRUCT */
};

/* An open file, which messages call `label`; both are borrowed. `label` NULL: there is none. */
struct container_file {
    int fd;
    const char *label;
};

/* The options of Fortanix' elf2sgxs. Heap and stack are whole pages. */
struct container_edp {
    uint64_t heap, stack; /* bytes; the stack of each thread */
    uint64_t threads;
    uint32_t ssaframesize; /* pages */
    bool debug;            /* the image says so; no attribute */
    bool library;          /* no thread is a secondary one */
    bool is_unsized;       /* ECREATE has no size, so that nothing measures it */
};

/* Finds them for the ELF file that messages call `label`. */
typedef bool container_find_edp(const void *ctx, const char *label, struct container_edp *ret,
                                struct ens_err *err);

/* The rest of an enclave that no SDK has signed yet: what its file does not say. Zeros: nothing is given. A kind takes
 * its own part; what is given for another kind is ENS_USAGE. */
struct container_beside {
    struct container_file
        release; /* Intel: this one is laid out as that signed file, if no tool has done it */
    struct container_file sigstruct; /* for any file that has no place for one */
    struct container_file libpal;    /* Gramine */
    const char *gramine;             /* the release whose rules count, "1.9"; NULL: the manifest tells */
    container_find_edp *find_edp;    /* Fortanix; NULL: nothing is given */
    const void *edp;                 /* its `ctx` */
    bool is_for_two; /* files are compared, and what one of them does not take is for the other */
};

/* Values that are measured and say the same as SIGSTRUCT fields (Open Enclave). */
struct site_config {
    uint16_t isvprodid, isvsvn;
    uint8_t isvfamilyid[16], isvextprodid[16]; /* zero before Open Enclave 0.13 */
};

/* The signed fields that the enclave's author wrote beside it, where its SDK's own signer looks for them (Gramine). All
 * bits of MISCSELECT and ATTRIBUTES are enforced. */
struct site_fields {
    uint64_t attributes, xfrm, xfrm_mask;
    uint32_t miscselect;
    uint16_t isvprodid, isvsvn;
    bool has_binary_date; /* DATE is written as date_to_binary does */
};

/* A place for a SIGSTRUCT in a file, and the enclave that belongs to it: a bundle has one for each SGX component, an
 * Intel file one for each metadata block, every other kind exactly one. The file tells the first half; the second is
 * known once the SIGSTRUCT was parsed and the enclave poured (flow/enclave.h). */
struct site {
    const struct bundle_component *component; /* NULL: the file is not a bundle */
    char name[CONTAINER_NAME_MAX];            /* "metadata 2.4"; "" if a file has one site only */
    uint64_t offset;                          /* of the SIGSTRUCT in the file; 0 in a bundle */
    bool has_place;                           /* false: a stream, or a component without a signature */
    bool has_launch;                          /* the loader asks the CPU for `launch` (Intel) */
    bool has_config;
    bool has_fields;
    bool is_rebuild; /* laid out as another file says (container_beside), which has `release` at this place */
    bool
        has_fips; /* Intel's loader checks a signature over the SIGSTRUCT as well (metadata 1.5 and 3.2 on) */
    struct launch launch;
    struct site_config config;
    struct site_fields fields;
    uint8_t fips[FIPS_SIZE];
    struct sigstruct css; /* zeros: there is none yet */
    struct sigstruct release;

    bool is_signed;              /* `css` is a SIGSTRUCT, and finished */
    bool is_measured;            /* the file holds the enclave, and `report` is set */
    struct sgxs_report report;   /* only `sha256` if `stream_error` is set */
    struct ens_err stream_error; /* code ENS_OK: the enclave is well-formed */
};

struct container;

void container_closep(struct container **c);

/* The open file. */
int container_fd(const struct container *c);

enum container_kind container_kind(const struct container *c);
/* Bytes of the file. */
uint64_t container_size(const struct container *c);
/* The file's name in messages; owned by the container. */
const char *container_label(const struct container *c);
/* The opened bundle; NULL if it is none. */
struct bundle *container_bundle(const struct container *c);

/* The sites, in the order of the file, at least one; of a bundle that of the component alone. Owned by the container;
 * the caller fills in what it parses and measures. */
size_t container_sites_len(const struct container *c);
struct site *container_site(const struct container *c, size_t index);

/* The work of measuring all enclaves of the file, told from its tables before anything is poured: bytes that
 * are hashed, 64 for each page and 320 for each of its chunks that is measured, and what else there is to do,
 * in the same unit. 0 if it is not more than the file has bytes. No smaller than what is poured;
 * sticks at UINT64_MAX. */
uint64_t container_work(const struct container *c);

/* The work that container_stream does without container_allow_large: as much as some seconds of hashing, and what a
 * file of this size may need in each of its blocks. */
#define CONTAINER_WORK_MAX      (UINT64_C(8) << 30)
#define CONTAINER_WORK_PER_BYTE 8

/* From now on there is no such limit in this process: its caller knows that the enclave is that large. */
void container_allow_large(void);

/* The number of enclaves that can be poured: that of the sites (Intel's loader picks one by what the CPU can do), or none,
 * as of a raw SIGSTRUCT and an EGo file: container_why_no_stream says why. */
size_t container_streams_len(const struct container *c);
const char *container_why_no_stream(const struct container *c);
/* Pours the enclave of site `index` as SGXS records in pieces. Constant memory. ENS_DATA, before the first piece, if
 * container_work is above the limit. */
bool container_stream(struct container *c, size_t index, const struct sink *sink,
                      struct ens_err *err) ENS_MUST_CHECK;

/* True if the open file `fd`, which messages call `label`, holds the same bytes at every place that was read of `c`
 * since container_take (remembering), but for the places that container_write edits? Then it lays out the same
 * enclaves. Not read again afterwards: no container_stream follows. ENS_IO, ENS_INTERRUPTED. */
bool container_same_reads(struct container *c, int fd, const char *label, bool *ret,
                          struct ens_err *err) ENS_MUST_CHECK;

/* True if two streams pour the same records: one of them need not be poured. False if that is not known. */
bool container_same_stream(const struct container *c, size_t a, size_t b);

/* Something that whoever reads a measurement should know: the rules that were used, a file beside. */
struct container_fact {
    const char *key, *label; /* static: of JSON, and of text */
    char text[CONTAINER_ODDITY_MAX];
};

#define CONTAINER_FACTS_MAX 8

/* Owned by the container. */
const struct container_fact *container_facts(const struct container *c, size_t *ret_len);

/* A setting of the enclave's author, which decides the layout: "heap", "stack", in pages... */
struct container_setting {
    const char *name; /* static */
    uint64_t value;
};

#define CONTAINER_SETTINGS_MAX 8

/* Something about a file that does not keep its loader from loading it, and that whoever
 * signs it should know. */
struct container_oddity {
    size_t site;      /* of which site it is said; 0 of the file as a whole */
    const char *rule; /* static; "patched-code" is what finding_is_danger knows */
    char text[CONTAINER_ODDITY_MAX];
};

#define CONTAINER_ODDITIES_MAX      96
#define CONTAINER_ODDITIES_RULE_MAX 2 /* of one rule and site */

/* Owned by the container. */
const struct container_oddity *container_oddities(const struct container *c, size_t *ret_len);

/* Those that the file tells, of the first stream; none if it is a bare stream. Owned by the container. */
const struct container_setting *container_settings(const struct container *c, size_t *ret_len);

/* Names what lies at an offset of the enclave, ".rodata" for example; false if the file does not tell. */
bool container_locate(const struct container *c, uint64_t offset, char ret[static CONTAINER_NAME_MAX]);

/* The new content of the sites. */
struct container_edit {
    struct view sigstruct; /* SIGSTRUCT_SIZE bytes, into every site */
    const struct launch
        *launch;      /* of each site, for those with `has_launch`; NULL: stays. SSAFRAMESIZE always stays */
    struct view fips; /* FIPS_SIZE bytes; for sites with `has_fips` */
};

/* Writes the file with the edit into `out`: every SIGSTRUCT is replaced, every other byte stays. Does not commit:
 * the caller reopens file_out_fd(out) and checks it. ENS_DATA if the kind has no place for a SIGSTRUCT. */
bool container_write(struct container *c, const struct container_edit *edit, struct file_out *out,
                     struct ens_err *err) ENS_MUST_CHECK;
