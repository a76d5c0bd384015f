/* RFC 7512: parses a PKCS#11 URI strictly and compares its attributes with what a token says.
 * Whatever a consumer could read in two ways (a duplicate, an unknown attribute, a raw space) is an error: a
 * signing key is at stake.
 * A query may hold a PIN, in a right place or in a wrong one: no message and no text for a record holds
 * anything of a query but the names of RFC 7512. */
#include "hsm/uri.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"

static const char *const object_types[] = {"public", "private", "cert", "secret-key", "data", NULL};

struct hsm_uri {
    char *text;
    char *path;
    struct buf value[URI_ATTRS]; /* decoded, with a zero byte behind that `len` does not count */
    bool present[URI_ATTRS];
    unsigned long slot_id;
    unsigned version_major, version_minor;
};

/* ---- characters ---- */

/* RFC 7512, section 2.3: pk11-pchar and pk11-qchar without pct-encoded. */
static bool is_allowed(char c, bool in_query)
{
    return uri_is_unreserved(c) || (c != '\0' && strchr(":[]@!$'()*+,=", c) != NULL) ||
           (c != '\0' && strchr(in_query ? "/?|" : "&", c) != NULL);
}

/* Decodes `in` and appends it to `ret`. `name` is for the message. */
static bool decode(const char *name, struct view in, bool in_query, struct buf *ret, struct ens_err *err)
{
    for (size_t i = 0; i < in.len; i++) {
        uint8_t byte = in.data[i];

        if (byte == '%') {
            int high = i + 1 < in.len ? hex_digit((char)in.data[i + 1]) : -1;
            int low = i + 2 < in.len ? hex_digit((char)in.data[i + 2]) : -1;

            if (high < 0 || low < 0)
                return ens_fail(
                    err, ENS_USAGE,
                    "PKCS#11 URI: '%%' in %s is not followed by two hex digits: write %%25 for it", name);
            byte = (uint8_t)(high << 4 | low);
            i += 2;
        } else if (!is_allowed((char)byte, in_query)) {
            return in_query
                       ? ens_fail(err, ENS_USAGE,
                                  "PKCS#11 URI: %s holds a byte that is not allowed: write it as %% and two "
                                  "hex digits",
                                  name)
                       : ens_fail(err, ENS_USAGE,
                                  "PKCS#11 URI: byte 0x%02x in %s is not allowed: write %%%02X", byte, name,
                                  byte);
        }
        if (!buf_append(ret, view_of(&byte, 1), err))
            return false;
    }
    return true;
}

/* ---- values that have a form of their own ---- */

/* A number without a leading 0. */
static bool check_slot_id(struct hsm_uri *uri, const char *text, struct ens_err *err)
{
    bool ok = text[0] != '\0' && (text[0] != '0' || text[1] == '\0');

    uri->slot_id = 0;
    for (size_t i = 0; ok && text[i] != '\0'; i++) {
        unsigned digit = (unsigned)(unsigned char)text[i] - '0';

        ok = digit <= 9 && uri->slot_id <= (ULONG_MAX - digit) / 10;
        uri->slot_id = uri->slot_id * 10 + digit;
    }
    return ok || ens_fail(err, ENS_USAGE, "PKCS#11 URI: slot-id '%s' is not a decimal number", text);
}

/* One to three digits from *text on, at most 255; moves *text behind them. */
static bool take_version(const char **text, unsigned *ret)
{
    unsigned value = 0;
    size_t n = strspn(*text, "0123456789");

    for (size_t i = 0; i < n && n <= 3; i++)
        value = value * 10 + (unsigned)((*text)[i] - '0');
    *text += n;
    *ret = value;
    return n >= 1 && n <= 3 && value <= 255;
}

static bool check_version(struct hsm_uri *uri, const char *text, struct ens_err *err)
{
    const char *at = text;
    bool ok = take_version(&at, &uri->version_major);

    if (ok && *at == '.') {
        at++;
        ok = take_version(&at, &uri->version_minor);
    }
    if (!ok || *at != '\0')
        return ens_fail(err, ENS_USAGE, "PKCS#11 URI: library-version '%s' is not MAJOR or MAJOR.MINOR",
                        text);
    return true;
}

static bool check_type_attr(const char *text, struct ens_err *err)
{
    for (size_t i = 0; object_types[i] != NULL; i++) {
        if (strcmp(text, object_types[i]) == 0)
            return true;
    }
    return ens_fail(err, ENS_USAGE, "PKCS#11 URI: type '%s' is not one of RFC 7512: write type=private",
                    text);
}

static bool check_value(struct hsm_uri *uri, enum uri_attr attr, struct ens_err *err)
{
    const struct uri_rule *rule = uri_rule(attr);
    const struct buf *value = &uri->value[attr];
    const char *text = (const char *)value->data;

    if (!rule->binary && strlen(text) != value->len)
        return ens_fail(err, ENS_USAGE, "PKCS#11 URI: %s holds a zero byte: take %%00 out", rule->name);
    if (rule->max > 0 && uri_trim(buf_view(value)).len > rule->max)
        return ens_fail(err, ENS_USAGE, "PKCS#11 URI: %s has %zu bytes: no token can have more than %zu",
                        rule->name, value->len, rule->max);
    if (attr == URI_SLOT_ID)
        return check_slot_id(uri, text, err);
    if (attr == URI_LIBRARY_VERSION)
        return check_version(uri, text, err);
    if (attr == URI_TYPE)
        return check_type_attr(text, err);
    if (attr == URI_MODULE_PATH && text[0] != '/')
        return ens_fail(err, ENS_USAGE, "PKCS#11 URI: module-path is not absolute: begin it with /");
    return true;
}

/* ---- attributes ---- */

/* "x-" and letters, digits, '-' or '_': for applications that know it. */
static bool is_vendor_name(struct view name)
{
    if (name.len < 3 || memcmp(name.data, "x-", 2) != 0)
        return false;
    for (size_t i = 2; i < name.len; i++) {
        if (!uri_is_unreserved((char)name.data[i]) && name.data[i] != '_')
            return false;
    }
    return true;
}

static bool parse_known(struct hsm_uri *uri, enum uri_attr attr, struct view value, bool in_query,
                        struct ens_err *err)
{
    const struct uri_rule *rule = uri_rule(attr);

    if (rule->in_query != in_query)
        return ens_fail(err, ENS_USAGE, "PKCS#11 URI: %s belongs %s the '?'", rule->name,
                        rule->in_query ? "behind" : "before");
    if (attr == URI_PIN_VALUE)
        return ens_fail(err, ENS_USAGE,
                        "PKCS#11 URI: pin-value is refused, every user of this host can read "
                        "it: use --pin-source or pin-source=file:PATH");
    if (uri->present[attr])
        return ens_fail(err, ENS_USAGE, "PKCS#11 URI: %s is given twice: give it once", rule->name);
    uri->present[attr] = true;
    if (!decode(rule->name, value, in_query, &uri->value[attr], err) ||
        !buf_append(&uri->value[attr], view_of("", 1), err))
        return false;
    uri->value[attr].len--;
    return check_value(uri, attr, err);
}

/* A name of the path is quoted: it may be a slip. One of the query may be a PIN. */
static bool unknown_attribute(struct view name, bool in_query, struct ens_err *err)
{
    const char *names[URI_ATTRS + 1] = {NULL};
    char word[64];

    if (in_query)
        return ens_fail(err, ENS_USAGE,
                        "PKCS#11 URI: an attribute behind the '?' is not one of RFC 7512: give pin-source, "
                        "module-path or module-name");
    for (size_t i = 0; i < URI_ATTRS; i++)
        names[i] = uri_rule((enum uri_attr)i)->name;
    (void)snprintf(word, sizeof word, "%.*s", (int)(name.len < 40 ? name.len : 40), (const char *)name.data);

    const char *near = text_nearest(word, names);
    return ens_fail(err, ENS_USAGE, "PKCS#11 URI: '%s' is not an attribute of RFC 7512%s%s%s", word,
                    near != NULL ? ": did you mean '" : ": see ensign(1)", near != NULL ? near : "",
                    near != NULL ? "'?" : "");
}

/* A value may hold '&' and "pin-value" (RFC 7512), but not "pin-value=": ensign itself would write %3D. */
static bool check_forgotten_mark(struct view value, struct ens_err *err)
{
    size_t at = uri_query_in_path(value);
    struct view rest = view_slice(value, at, value.len - at);

    if (rest.len == 0 || memchr(rest.data, '=', rest.len) == NULL)
        return true;
    return ens_fail(err, ENS_USAGE,
                    "PKCS#11 URI: a query stands before the '?': write ?pin-source=file:PATH at the end, or "
                    "give --pin-source");
}

static bool parse_attribute(struct hsm_uri *uri, struct view piece, bool in_query, struct ens_err *err)
{
    const uint8_t *equals = piece.len > 0 ? memchr(piece.data, '=', piece.len) : NULL;
    enum uri_attr attr = URI_ATTRS;

    if (equals == NULL)
        return ens_fail(err, ENS_USAGE, "PKCS#11 URI: an attribute %s the '?' is not NAME=VALUE%s",
                        in_query ? "behind" : "before",
                        piece.len == 0 ? ": take out the empty attribute"
                                       : ": write the name before its value");

    struct view name = view_slice(piece, 0, (size_t)(equals - piece.data));
    struct view value = view_slice(piece, name.len + 1, piece.len - name.len - 1);

    if (!in_query && !check_forgotten_mark(value, err))
        return false;
    if (uri_attr_find(name, &attr))
        return parse_known(uri, attr, value, in_query, err);
    if (is_vendor_name(name)) {
        struct buf ignored = {0};
        bool ok = decode("a vendor attribute", value, in_query, &ignored, err);

        buf_free(&ignored);
        return ok;
    }
    return unknown_attribute(name, in_query, err);
}

/* Attributes of the path are separated by ';', those of the query by '&'. */
static bool parse_list(struct hsm_uri *uri, struct view list, bool in_query, struct ens_err *err)
{
    bool more = list.len > 0;

    while (more) {
        const uint8_t *end = list.len > 0 ? memchr(list.data, in_query ? '&' : ';', list.len) : NULL;
        size_t len = end != NULL ? (size_t)(end - list.data) : list.len;

        if (!parse_attribute(uri, view_of(list.data, len), in_query, err))
            return false;
        more = end != NULL;
        if (more)
            list = view_of(list.data + len + 1, list.len - len - 1);
    }
    return true;
}

bool hsm_uri_parse(const char *text, struct hsm_uri **ret, struct ens_err *err)
{
    ENS_CLEANUP(hsm_uri_freep) struct hsm_uri *uri = NULL;
    struct view path;
    struct view query;

    if (strnlen(text, URI_MAX + 1) > URI_MAX)
        return ens_fail(err, ENS_USAGE, "PKCS#11 URI: has more than %d characters: shorten it", URI_MAX);
    if (!uri_split(text, &path, &query))
        return ens_fail(err, ENS_USAGE,
                        "is not a PKCS#11 URI: write pkcs11:token=LABEL;object=LABEL (RFC 7512)");
    uri = mem_alloc(1, sizeof *uri, err);
    if (uri == NULL)
        return false;
    uri->path = mem_strndup(text, strlen(URI_SCHEME) + path.len, err);
    if (uri->path == NULL || !hsm_uri_shown(text, &uri->text, err) || !parse_list(uri, path, false, err) ||
        !parse_list(uri, query, true, err))
        return false;
    *ret = ens_take(uri);
    return true;
}

void hsm_uri_freep(struct hsm_uri **uri)
{
    if (*uri == NULL)
        return;
    for (size_t i = 0; i < URI_ATTRS; i++)
        buf_free(&(*uri)->value[i]);
    mem_free((*uri)->text);
    mem_free((*uri)->path);
    mem_free(*uri);
    *uri = NULL;
}

/* ---- asking ---- */

bool uri_get(const struct hsm_uri *uri, enum uri_attr attr, struct view *ret)
{
    if (uri == NULL || !uri->present[attr])
        return false;
    *ret = buf_view(&uri->value[attr]);
    return true;
}

const char *hsm_uri_text(const struct hsm_uri *uri)
{
    return uri != NULL ? uri->text : URI_SCHEME;
}

const char *uri_path(const struct hsm_uri *uri)
{
    return uri->path;
}

struct view uri_trim(struct view v)
{
    while (v.len > 0 && (v.data[v.len - 1] == ' ' || v.data[v.len - 1] == '\0'))
        v.len--;
    return v;
}

bool uri_matches(const struct hsm_uri *uri, enum uri_attr attr, struct view actual)
{
    struct view wanted;

    if (!uri_get(uri, attr, &wanted))
        return true;
    if (uri_rule(attr)->max == 0)
        return view_equal(wanted, actual);
    return view_equal(uri_trim(wanted), uri_trim(actual));
}

bool uri_matches_slot(const struct hsm_uri *uri, unsigned long slot_id)
{
    return uri == NULL || !uri->present[URI_SLOT_ID] || uri->slot_id == slot_id;
}

bool uri_matches_version(const struct hsm_uri *uri, unsigned major, unsigned minor)
{
    return uri == NULL || !uri->present[URI_LIBRARY_VERSION] ||
           (uri->version_major == major && uri->version_minor == minor);
}
