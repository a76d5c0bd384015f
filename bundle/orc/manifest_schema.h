/* The fields of a manifest, each written once: its type and range, how it is hashed, and what the ROFL
 * scheduler makes of it. Types and ranges are those of the Go structures into which oasis-core decodes the
 * manifest (go/runtime/bundle: Manifest, Component, TDXResources, GPUResource; go/common/version: Version): a
 * number beyond them is one that no node reads. Rows of an object stand in the order of canonical CBOR
 * (RFC 7049, section 3.9): shorter keys first, then bytewise. */
#pragma once

#include "bundle/orc/bundle.h"

enum field_kind {
    FIELD_TEXT,
    FIELD_UINT8,
    FIELD_UINT16,
    FIELD_UINT64, /* up to INT64_MAX, which is all that the JSON tree holds */
    FIELD_BOOLEAN,
    FIELD_TEXTS,
    FIELD_OBJECT,
    FIELD_OBJECTS,
    FIELD_ID,
    FIELD_DIGESTS,
    FIELD_ENCLAVE,
};

/* When a field is hashed: always, or only if it is not empty (omitempty). */
enum field_hashed { ALWAYS, NONEMPTY };
enum field_scheduler { UNKNOWN, OPTIONAL, REQUIRED };

/* Objects that a component, or an old manifest's top level, may have. */
enum field_seen { SEEN_SGX = 1, SEEN_ELF = 2, SEEN_TDX = 4, SEEN_GPU = 8 };

struct field {
    const char *key; /* NULL ends the object */
    enum field_kind kind;
    enum field_hashed hashed;
    enum field_scheduler scheduler;
    size_t offset;             /* in struct bundle_component, of what schema_load fills */
    unsigned seen;             /* enum field_seen, of an object that is asked for; else 0 */
    const struct field *below; /* of the object, or of the objects in the array */
};

extern const struct field schema_top[], schema_component[], schema_identity[], schema_version[];

/* The row of `key`, or NULL. */
const struct field *schema_find(const struct field *rows, const char *key);

/* Fills what the rows name of the zeroed `c`, held to type, range and case of the keys; adds the objects that
 * are there to `*seen`. Of schema_top, fills what a legacy component has. Left to the caller: arrays of
 * objects, and binary values. ENS_DATA naming the field. */
bool schema_load(const struct field *rows, const void *object, struct bundle_component *c, unsigned *seen,
                 struct ens_err *err) ENS_MUST_CHECK;
