/* A file that holds an enclave or its SIGSTRUCT, whichever world it comes from: recognised by its content,
 * opened, read copy by copy, poured out as the SGXS stream that its loader would build, and written again
 * with another SIGSTRUCT in it. open.h opens them; each kind is a file of its own: bundle/container_*.c,
 * sdk/elf_intel.c, sdk/elf_oe.c.
 *
 * What is measured, judged or signed is not decided here: the caller pours the stream into sgxs.h, and gives
 * the finished SIGSTRUCT. Errors: ENS_NOINPUT, ENS_IO, ENS_RESOURCE, and ENS_DATA with the object, the rule
 * and the remedy. */
#pragma once

#include "bundle/orc/bundle.h"

#define CONTAINER_SIGSTRUCT_SIZE 1808
#define CONTAINER_FIPS_SIZE      772 /* MODULUS[384], EXPONENT[4], SIGNATURE[384] */
#define CONTAINER_COPIES_MAX     8   /* SIGSTRUCTs in one file: Intel's tools write up to three */
#define CONTAINER_NAME_MAX       32
#define CONTAINER_ODDITY_MAX     190 /* bytes of a text, with its terminator */

enum container_kind {
    CONTAINER_ORC,          /* an Oasis bundle, or rather one SGX component of it */
    CONTAINER_SGXS,         /* an SGXS stream: an enclave, and no place for a SIGSTRUCT */
    CONTAINER_SIGSTRUCT,    /* a raw SIGSTRUCT (Fortanix, Gramine): no enclave */
    CONTAINER_INTEL,        /* ELF with Intel SDK metadata */
    CONTAINER_OPEN_ENCLAVE, /* ELF with .oeinfo */
    CONTAINER_EGO,          /* the same of EGo: its enclave is not all in the file */
};

/* One copy of the SIGSTRUCT, and what stands around it. */
struct container_copy {
    char name[CONTAINER_NAME_MAX]; /* "metadata 2.4"; "" if a file has one place only */
    uint64_t offset;               /* of the SIGSTRUCT in the file; 0 in a bundle */
    uint8_t sigstruct[CONTAINER_SIGSTRUCT_SIZE];
    /* The loader asks the CPU for these, unmeasured (Intel). */
    bool has_launch;
    uint64_t attributes, xfrm;
    uint32_t miscselect;
    uint32_t ssaframesize; /* pages; measured */
    /* A signature over the SIGSTRUCT that Intel's loader checks as well (metadata 1.5 and 3.2 on). */
    bool has_fips;
    uint8_t fips[CONTAINER_FIPS_SIZE];
    /* Values that are measured and say the same as SIGSTRUCT fields (Open Enclave). */
    bool has_config;
    uint16_t isvprodid, isvsvn;
    uint8_t isvfamilyid[16], isvextprodid[16]; /* zero before Open Enclave 0.13 */
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
/* The opened bundle and the component in it; NULL if it is none. */
struct bundle *container_bundle(const struct container *c);
const struct bundle_component *container_component(const struct container *c);

/* The SIGSTRUCTs, in the order of the file: none in a stream or an unsigned component. An Open Enclave file
 * that is not signed has one of zeros. */
size_t container_copies_len(const struct container *c);
const struct container_copy *container_copy_at(const struct container *c, size_t index);

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

/* The number of enclaves that can be poured: one, but an Intel file has one per metadata block (a loader picks a block
 * by what the CPU can do), a raw SIGSTRUCT and an EGo file none: container_why_no_stream says why. */
size_t container_streams_len(const struct container *c);
const char *container_why_no_stream(const struct container *c);
/* Pours stream `index`, which belongs to the copy of that index where there is one, as SGXS records in
 * pieces. Constant memory. ENS_DATA, before the first piece, where container_work is above the limit. */
bool container_stream(struct container *c, size_t index, const struct sink *sink,
                      struct ens_err *err) ENS_MUST_CHECK;

/* True if the open file `fd`, which messages call `label`, holds the same bytes at every place that was read of `c`
 * since container_take (remembering), but for the places that container_write edits? Then it lays out the same
 * enclaves. Not read again afterwards: no container_stream follows. ENS_IO, ENS_INTERRUPTED. */
bool container_same_reads(struct container *c, int fd, const char *label, bool *ret,
                          struct ens_err *err) ENS_MUST_CHECK;

/* True if two streams pour the same records: one of them need not be poured. False if that is not known. */
bool container_same_stream(const struct container *c, size_t a, size_t b);

/* A setting of the enclave's author, which decides the layout: "heap", "stack", in pages... */
struct container_setting {
    const char *name; /* static */
    uint64_t value;
};

#define CONTAINER_SETTINGS_MAX 8

/* Something about a file that does not keep its loader from loading it, and that whoever
 * signs it should know. */
struct container_oddity {
    size_t copy;      /* of which copy it is said; 0 of the file as a whole */
    const char *rule; /* static; "patched-code" is what finding_is_danger knows */
    char text[CONTAINER_ODDITY_MAX];
};

#define CONTAINER_ODDITIES_MAX      96
#define CONTAINER_ODDITIES_RULE_MAX 2 /* of one rule and copy */

/* Owned by the container. */
const struct container_oddity *container_oddities(const struct container *c, size_t *ret_len);

/* Those that the file tells, of the first stream; none if it is a bare stream. Owned by the container. */
const struct container_setting *container_settings(const struct container *c, size_t *ret_len);

/* Names what lies at an offset of the enclave, ".rodata" for example; false if the file does not tell. */
bool container_locate(const struct container *c, uint64_t offset, char ret[static CONTAINER_NAME_MAX]);

/* The new content of the places. */
struct container_edit {
    struct view sigstruct; /* CONTAINER_SIGSTRUCT_SIZE bytes, into every copy */
    /* For copies with `has_launch`: what the loader is to ask for from now on. */
    bool set_attributes, set_xfrm, set_miscselect;
    uint64_t attributes, xfrm;
    uint32_t miscselect;
    struct view fips; /* CONTAINER_FIPS_SIZE bytes; for copies with `has_fips` */
};

/* Writes the file with the edit into `out`: every copy is replaced, every other byte stays. Does not commit:
 * the caller reopens file_out_fd(out) and checks it. ENS_DATA if the kind has no place for a SIGSTRUCT. */
bool container_write(struct container *c, const struct container_edit *edit, struct file_out *out,
                     struct ens_err *err) ENS_MUST_CHECK;
