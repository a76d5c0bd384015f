/* URIs as text (RFC 7512): the table of attributes, which no other place knows by name; what may be said and
 * recorded of a URI that was given; how ensign writes one. */
#include <string.h>
#include <strings.h>

#include "hsm/uri.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"

static const struct uri_rule rules[URI_ATTRS] = {
    [URI_TOKEN] = {"token", 32, false, true},
    [URI_MANUFACTURER] = {"manufacturer", 32, false, true},
    [URI_MODEL] = {"model", 16, false, true},
    [URI_SERIAL] = {"serial", 16, false, true},
    [URI_SLOT_ID] = {"slot-id", 20, false, false},
    [URI_SLOT_DESCRIPTION] = {"slot-description", 64, false, true},
    [URI_SLOT_MANUFACTURER] = {"slot-manufacturer", 32, false, true},
    [URI_LIBRARY_DESCRIPTION] = {"library-description", 32, false, true},
    [URI_LIBRARY_MANUFACTURER] = {"library-manufacturer", 32, false, true},
    [URI_LIBRARY_VERSION] = {"library-version", 7, false, false},
    [URI_OBJECT] = {"object", 0, false, true},
    [URI_ID] = {"id", 0, false, true},
    [URI_TYPE] = {"type", 0, false, false},
    [URI_PIN_SOURCE] = {"pin-source", 0, true, false},
    [URI_PIN_VALUE] = {"pin-value", 0, true, false},
    [URI_MODULE_PATH] = {"module-path", 0, true, false},
    [URI_MODULE_NAME] = {"module-name", 0, true, false},
};

const struct uri_rule *uri_rule(enum uri_attr attr)
{
    return &rules[attr];
}

bool uri_attr_find(struct view name, enum uri_attr *ret)
{
    for (size_t i = 0; i < URI_ATTRS; i++) {
        if (view_equal(name, view_of_string(rules[i].name))) {
            *ret = (enum uri_attr)i;
            return true;
        }
    }
    return false;
}

/* isalnum would ask the locale. */
bool uri_is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~", c) != NULL);
}

size_t uri_query_in_path(struct view piece)
{
    static const char *const signs[] = {"&", "pin-value", "pin_value", "pin-source", "pin_source"};

    for (size_t at = 0; at < piece.len; at++) {
        for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
            size_t len = strlen(signs[i]);

            if (len <= piece.len - at && strncasecmp((const char *)piece.data + at, signs[i], len) == 0)
                return at;
        }
    }
    return piece.len;
}

bool uri_split(const char *text, struct view *ret_path, struct view *ret_query)
{
    size_t len = strnlen(text, URI_MAX + 1);
    size_t scheme = strlen(URI_SCHEME);

    if (len > URI_MAX || strncasecmp(text, URI_SCHEME, scheme) != 0)
        return false;
    struct view rest = view_of(text + scheme, len - scheme);
    const uint8_t *mark = rest.len > 0 ? memchr(rest.data, '?', rest.len) : NULL;
    size_t path = mark != NULL ? (size_t)(mark - rest.data) : rest.len;

    *ret_path = view_slice(rest, 0, path);
    *ret_query = mark != NULL ? view_slice(rest, path + 1, rest.len - path - 1) : view_of(NULL, 0);
    return true;
}

/* Appends `piece` where it is a known attribute of the path; what could be a query is left out. */
static bool show_piece(struct view piece, struct buf *ret, struct ens_err *err)
{
    const uint8_t *equals = piece.len > 0 ? memchr(piece.data, '=', piece.len) : NULL;
    enum uri_attr attr = URI_ATTRS;
    bool is_first = ret->len == strlen(URI_SCHEME);

    if (equals == NULL || !uri_attr_find(view_slice(piece, 0, (size_t)(equals - piece.data)), &attr))
        return true;
    if (rules[attr].in_query)
        return true;
    return buf_append(ret, view_of_string(is_first ? "" : ";"), err) &&
           buf_append(ret, view_slice(piece, 0, uri_query_in_path(piece)), err);
}

bool hsm_uri_shown(const char *text, char **ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf b = {0};
    struct view path;
    struct view query;
    bool more = true;

    if (!uri_split(text, &path, &query)) {
        *ret = mem_strdup("(no PKCS#11 URI)", err);
        return *ret != NULL;
    }
    if (!buf_append(&b, view_of_string(URI_SCHEME), err))
        return false;
    while (more) {
        const uint8_t *end = path.len > 0 ? memchr(path.data, ';', path.len) : NULL;
        size_t len = end != NULL ? (size_t)(end - path.data) : path.len;

        if (!show_piece(view_slice(path, 0, len), &b, err))
            return false;
        more = end != NULL;
        if (more)
            path = view_slice(path, len + 1, path.len - len - 1);
    }
    *ret = mem_alloc(b.len + 1, 1, err);
    if (*ret == NULL)
        return false;
    text_printable(*ret, b.len + 1, (const char *)b.data, b.len);
    return true;
}

bool uri_put(struct buf *b, enum uri_attr attr, struct view value, struct ens_err *err)
{
    bool first = b->len > 0 && b->data[b->len - 1] == ':';

    if (!buf_printf(b, err, "%s%s=", first ? "" : ";", rules[attr].name))
        return false;
    for (size_t i = 0; i < value.len; i++) {
        /* All of a CKA_ID is encoded, as RFC 7512 section 2.3 recommends for binary data. */
        bool plain = attr != URI_ID && uri_is_unreserved((char)value.data[i]);

        if (!buf_printf(b, err, plain ? "%c" : "%%%02X", value.data[i]))
            return false;
    }
    return true;
}
