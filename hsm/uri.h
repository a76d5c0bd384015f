/* What the rest of hsm/ asks of a parsed URI, and how hsm/ writes URIs of its own (RFC 7512). */
#pragma once

#include "hsm/hsm.h"

/* Longest URI; RFC 7512 sets none, and no attribute of a token is longer than 64 bytes. */
#define URI_MAX 4096

#define URI_SCHEME "pkcs11:"

enum uri_attr {
    URI_TOKEN,
    URI_MANUFACTURER,
    URI_MODEL,
    URI_SERIAL,
    URI_SLOT_ID,
    URI_SLOT_DESCRIPTION,
    URI_SLOT_MANUFACTURER,
    URI_LIBRARY_DESCRIPTION,
    URI_LIBRARY_MANUFACTURER,
    URI_LIBRARY_VERSION,
    URI_OBJECT,
    URI_ID,
    URI_TYPE,
    URI_PIN_SOURCE,
    URI_PIN_VALUE,
    URI_MODULE_PATH,
    URI_MODULE_NAME,
    URI_ATTRS /* their number */
};

/* ---- uri.c ---- */

/* The decoded value of an attribute, with a zero byte behind it; false if the URI does not have it, or is NULL. Owned
 * by `uri`. */
bool uri_get(const struct hsm_uri *uri, enum uri_attr attr, struct view *ret);

/* The URI as it was given, without its query. */
const char *uri_path(const struct hsm_uri *uri);

/* Does `actual` equal the attribute (fields of fixed size: but for the padding at the end)? True if the
 * attribute, or `uri` itself, is absent. */
bool uri_matches(const struct hsm_uri *uri, enum uri_attr attr, struct view actual);
/* The same for slot-id, and for library-version (major, minor; a minor that is left out is 0). */
bool uri_matches_slot(const struct hsm_uri *uri, unsigned long slot_id);
bool uri_matches_version(const struct hsm_uri *uri, unsigned major, unsigned minor);

/* `v` without the spaces and zero bytes that pad a Cryptoki field at its end. */
struct view uri_trim(struct view v);

/* ---- uri_text.c ---- */

struct uri_rule {
    const char *name;
    size_t max;    /* of the Cryptoki field that the value is compared with, in bytes; 0: no such field */
    bool in_query; /* behind the '?' */
    bool binary;   /* may hold zero bytes, with which some modules end or pad what they store */
};

const struct uri_rule *uri_rule(enum uri_attr attr);
/* The attribute of this name, among those of RFC 7512. */
bool uri_attr_find(struct view name, enum uri_attr *ret);

/* RFC 3986 "unreserved": never encoded. */
bool uri_is_unreserved(char c);

/* The part behind the scheme up to the first '?', and what follows it; false: no PKCS#11
 * URI, or a longer one. */
bool uri_split(const char *text, struct view *ret_path, struct view *ret_query);

/* Where in a piece of the path a query seems to begin whose '?' was forgotten; its length: nowhere. */
size_t uri_query_in_path(struct view piece);

/* Appends "NAME=VALUE" for a path attribute, percent-encoded, after ';' where `b` holds one already.
 * Start with "pkcs11:" in `b`. ENS_RESOURCE. */
bool uri_put(struct buf *b, enum uri_attr attr, struct view value, struct ens_err *err) ENS_MUST_CHECK;
