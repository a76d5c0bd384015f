/* ORC bundles: the zip archive with META-INF/MANIFEST.MF that the Oasis runtime loader reads. Opens and
 * validates everything that can be said without knowing SGX (zip rules, manifest rules, digests),
 * streams entries, attaches a signature file, writes deterministically. What needs SGX (is the SIGSTRUCT
 * valid, is ENCLAVEHASH the stream's) is checked by signer/flow/enclave_bundle.c over the streams given here.
 *
 * Errors: ENS_NOINPUT the file cannot be opened, ENS_IO, ENS_RESOURCE, ENS_DATA everything else; the message
 * names the entry or the manifest field, the rule, and the remedy. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "signer/base/bytes.h"
#include "signer/base/err.h"
#include "signer/base/file.h"

/* Limits on what is read from a bundle; each refusal names its limit. */
#define BUNDLE_ENTRIES_MAX    65536         /* files in the archive */
#define BUNDLE_NAME_MAX       255           /* bytes in an entry's name */
#define BUNDLE_MANIFEST_MAX   (16u << 20)   /* bytes of MANIFEST.MF */
#define BUNDLE_ENTRY_MAX      (64ull << 30) /* declared bytes of one file, unpacked */
#define BUNDLE_RATIO_MAX      1000 /* unpacked / packed, above 1 MiB: deflate reaches 1032 on zeros only */
#define BUNDLE_COMPONENTS_MAX 4096

struct bundle;

/* Initialises the JSON library for the process; called before several threads open bundles. */
void bundle_before_threads(void);

/* Opens the archive, validates directory and manifest; reads no other entry. Release with bundle_closep. */
bool bundle_open(const char *path, struct bundle **ret, struct ens_err *err) ENS_MUST_CHECK;
/* The same over an open, seekable file; `fd` stays the caller's. */
bool bundle_open_fd(int fd, const char *name_for_messages, struct bundle **ret,
                    struct ens_err *err) ENS_MUST_CHECK;
/* The same as oasis-core reads the archive, for verify: what bundle_open refuses by a rule of ensign's own (`own` in
 * the error). ENS_DATA: oasis-core refuses it, or, if `own` again, may not. Not for writing. */
bool bundle_open_as_core(int fd, const char *name_for_messages, struct bundle **ret,
                         struct ens_err *err) ENS_MUST_CHECK;
void bundle_closep(struct bundle **b);

/* The open file of bundle_open; else -1. */
int bundle_fd(const struct bundle *b);

/* ---- what the manifest says; texts are owned by the bundle, printable-safe is NOT guaranteed ---- */

enum bundle_tee { BUNDLE_TEE_NONE, BUNDLE_TEE_SGX, BUNDLE_TEE_TDX };

struct bundle_version {
    uint16_t major, minor, patch;
};

struct bundle_tdx {
    const char *firmware, *kernel, *initrd, *stage2_image, *stage2_format; /* NULL if absent */
    const char *const *kernel_options;
    size_t kernel_options_len;
    bool stage2_persist;
    uint64_t memory; /* MiB */
    uint8_t cpus;
    bool has_gpu;
    uint8_t gpu_count;
    const char *gpu_model;
};

struct bundle_identity {
    const char *hypervisor;
    uint8_t enclave[64];
}; /* MRENCLAVE || MRSIGNER */

struct bundle_component {
    const char *id;   /* "ronl" or "rofl.NAME" */
    const char *kind; /* "ronl" or "rofl" */
    const char *name; /* NULL if absent */
    struct bundle_version version;
    const char *executable; /* NULL if absent; for legacy top-level ones the top-level value */
    const char *elf_executable;
    enum bundle_tee tee;
    const char *sgx_executable; /* file name of the SGXS stream; NULL unless tee is SGX */
    const char *sgx_signature;  /* file name of the SIGSTRUCT; NULL if unsigned */
    struct bundle_tdx tdx;
    const struct bundle_identity *identities;
    size_t identities_len;
    bool disabled;
    bool legacy; /* the top-level executable/sgx of an old manifest, seen as the component ronl */
};

struct bundle_info {
    const char *name; /* NULL if absent */
    uint8_t id[32];
    struct bundle_version version;
    const struct bundle_component *components;
    size_t components_len;
};

const struct bundle_info *bundle_info(const struct bundle *b);

/* The bundle's name in messages; owned by it. */
const char *bundle_label(const struct bundle *b);

/* The component `id`; NULL id: the only SGX component. ENS_DATA: none, several, or no SGX,
 * listing what there is. */
bool bundle_find_sgx(const struct bundle *b, const char *id, const struct bundle_component **ret,
                     struct ens_err *err) ENS_MUST_CHECK;

/* ---- files ---- */

struct bundle_file {
    const char *name;
    uint64_t size; /* unpacked, declared; checked against what is really there while streaming */
    uint64_t packed_size;
    uint8_t digest[32]; /* SHA-512/256 the manifest gives */
};

size_t bundle_files_len(const struct bundle *b); /* without the manifest, by name */
struct bundle_file bundle_file_at(const struct bundle *b, size_t index);
bool bundle_has_file(const struct bundle *b, const char *name);

/* A digest of the manifest. One without a file is accepted, warned of, and not written again. */
struct bundle_digest {
    const char *name;
    uint8_t digest[32];
    bool has_file;
};

size_t bundle_digests_len(const struct bundle *b); /* by name */
struct bundle_digest bundle_digest_at(const struct bundle *b, size_t index);

/* Streams one file, checks its length, CRC and digest; every piece also goes to `sink` (NULL: only check). A
 * large one is unpacked by a second thread, ahead of this one; several threads may stream
 * files of one bundle. */
bool bundle_stream(const struct bundle *b, const char *name, const struct sink *sink,
                   struct ens_err *err) ENS_MUST_CHECK;

/* Bytes of the whole archive file, and of the manifest in it, as they were opened. */
uint64_t bundle_size(const struct bundle *b);
uint64_t bundle_manifest_size(const struct bundle *b);

/* The manifest hash: SHA-512/256 over the known fields in canonical CBOR (manifest_hash.h). ENS_RESOURCE. */
bool bundle_manifest_hash(const struct bundle *b, uint8_t ret[static 32], struct ens_err *err) ENS_MUST_CHECK;

/* Receives one reason, naming the field and the rule. */
struct bundle_reasons {
    bool (*add)(void *ctx, const char *text, struct ens_err *err);
    void *ctx;
};

/* Every reason why the ROFL scheduler's stricter parser refuses the manifest (manifest_scheduler.h). */
bool bundle_scheduler_check(const struct bundle *b, const struct bundle_reasons *reasons,
                            struct ens_err *err) ENS_MUST_CHECK;

/* ---- making ---- */

/* Texts of the command line, by the rules of manifests; ENS_USAGE naming the text and the rule. An id is 32
 * bytes in hex or base64, and has no flags but test and key manager; a component's id is "ronl", or "rofl."
 * and a name. */
bool bundle_parse_id(const char *text, uint8_t ret[static 32], struct ens_err *err) ENS_MUST_CHECK;
bool bundle_check_component_id(const char *id, struct ens_err *err) ENS_MUST_CHECK;

/* Begins a bundle without components; `label` is what messages call it, `name` is UTF-8.
 * Release with bundle_closep. */
bool bundle_new(const char *label, const char *name, const uint8_t id[static 32],
                struct bundle_version version, struct bundle **ret, struct ens_err *err) ENS_MUST_CHECK;

/* A file that goes into a bundle: regular, not empty, open for reading. It is read twice, for its digest and
 * when the bundle is written; until then `path` (for messages) and `fd` stay the caller's. */
struct bundle_input {
    const char *path;
    int fd;
};

/* A component that is to be added. Its files get the names "<id>.elf", "<id>.sgx" and "<id>.sgx.sig". */
struct bundle_addition {
    const char *id;
    struct bundle_input elf;
    bool elf_metadata;               /* named in the newer elf: {executable}, else in executable */
    const struct bundle_input *sgxs; /* NULL: no SGX */
    struct view sigstruct;           /* empty: unsigned; copied */
};

/* Adds the component, behind those that are there; an edit, as those below. ENS_DATA: the bundle has such a
 * component, or a file of such a name, already. */
bool bundle_add_component(struct bundle *b, const struct bundle_addition *add,
                          struct ens_err *err) ENS_MUST_CHECK;

/* ---- writing ---- */

/* An edit is kept in memory until bundle_write; one that fails changes nothing. bundle_info and the files
 * show the bundle as it will be written; what they showed before stays readable until bundle_closep.
 *
 * Puts `sigstruct` in as the signature of component `id` (NULL: the only SGX component), under the file
 * name the manifest already gives it, else "<id>.sgx.sig" ("runtime.sgx.sig" for a legacy component); copies
 * the bytes. A name that the manifest uses for something else as well is not overwritten: the component
 * then gets the second form, and ENS_DATA if that is taken, too. The manifest's digests follow; unknown
 * fields stay. */
bool bundle_set_signature(struct bundle *b, const char *id, struct view sigstruct,
                          struct ens_err *err) ENS_MUST_CHECK;

/* The edit of one entry of a component's identity list. Readers trust that list over the files, so it
 * must follow the signature. */
enum bundle_identity_edit { BUNDLE_IDENTITY_KEEP, BUNDLE_IDENTITY_SET, BUNDLE_IDENTITY_DROP };

/* Edits the identity list of component `id`: `edits` has an entry for each of its identities; those to set
 * get `enclave`, 64 bytes of MRENCLAVE || MRSIGNER. A list that becomes empty is removed. */
bool bundle_edit_identities(struct bundle *b, const char *id, const enum bundle_identity_edit *edits,
                            const uint8_t enclave[static 64], struct ens_err *err) ENS_MUST_CHECK;

/* Writes the bundle into `out`: manifest first (stored), then files by name, DOS time 1980-01-01 00:00,
 * untouched entries with their compressed bytes as they are, new files deflated (stored where they would
 * grow beyond BUNDLE_RATIO_MAX); digests without a file are left out. The
 * same content gives the same bytes. Does not commit: the caller reopens
 * file_out_fd(out), checks it, and commits. */
bool bundle_write(struct bundle *b, struct file_out *out, struct ens_err *err) ENS_MUST_CHECK;

/* Compares a file of `b`, which is what bundle_write made of `from` and was opened again, with the file that
 * it was copied from, as bundle_stream read that: method, sizes, CRC, digest, and its bytes as they are in
 * the archive, by a keyed sum (signer/base/tie.h). What is in the file of `from` by now does not count.
 * `*ret_copied` false: it did not come from the archive of `from`, or nobody read it there; nothing was
 * compared. ENS_DATA if they differ. */
bool bundle_compare_copy(const struct bundle *b, const struct bundle *from, const char *name,
                         bool *ret_copied, struct ens_err *err) ENS_MUST_CHECK;
