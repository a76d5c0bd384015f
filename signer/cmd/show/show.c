/* show: any artifact, recognised by content. Containers are in show_container.c, which only ensign links. */
#include "signer/cmd/show/show.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "signer/base/date.h"
#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/magic.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/ceremony/approval.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/cmd.h"
#include "signer/flow/artifact.h"
#include "signer/sgx/bits.h"
#include "signer/sgx/known_keys.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/verify.h"

#define SHOW_LINE_MAX 1024

bool show_line(struct show *s, struct ens_err *err, const char *fmt, ...)
{
    char raw[SHOW_LINE_MAX];
    char line[SHOW_LINE_MAX];
    va_list args;

    if (s->text == NULL)
        return true;
    va_start(args, fmt);
    if (vsnprintf(raw, sizeof raw, fmt, args) < 0)
        raw[0] = '\0';
    va_end(args);
    text_printable(line, sizeof line, raw, strlen(raw));
    return buf_append(s->text, view_of_string(line), err) && buf_append(s->text, view_of_string("\n"), err);
}

/* ---- findings ---- */

static void add_texts(struct doc *at, const char *key, const struct findings *found, enum severity severity)
{
    struct doc *list = doc_array(at, key);

    for (size_t i = 0; i < found->len; i++) {
        if (found->items[i].severity == severity)
            doc_text(list, NULL, found->items[i].text);
    }
}

bool show_findings(struct show *s, struct doc *at, const struct findings *found, unsigned indent,
                   struct ens_err *err)
{
    if (s->text == NULL) {
        add_texts(at, "errors", found, SEVERITY_ERROR);
        add_texts(at, "warnings", found, SEVERITY_WARNING);
        return true;
    }
    for (size_t i = 0; i < found->len; i++) {
        const char *kind = found->items[i].severity == SEVERITY_ERROR ? "error" : "warning";

        if (!show_line(s, err, "%*s%s: %s", (int)indent, "", kind, found->items[i].text))
            return false;
    }
    return found->dropped == 0 || show_line(s, err, "%*s(and %zu more)", (int)indent, "", found->dropped);
}

/* ---- SIGSTRUCT ---- */

/* Every signed field, by its name in lower case. */
static void add_fields(struct doc *at, const struct sigstruct *css)
{
    static const struct {
        const char *key;
        enum css_field field;
    } masks[] = {
        {"attributes", CSS_ATTRIBUTES},
        {"attributes_mask", CSS_ATTRIBUTEMASK},
        {"xfrm", CSS_XFRM},
        {"xfrm_mask", CSS_XFRM_MASK},
        {"miscselect", CSS_MISCSELECT},
        {"miscselect_mask", CSS_MISCMASK},
        {"cet_attributes", CSS_CET_ATTRIBUTES},
        {"cet_attributes_mask", CSS_CET_ATTRIBUTES_MASK},
        {"swdefined", CSS_SWDEFINED},
        {"vendor", CSS_VENDOR},
    };
    char date[REVIEW_DATE_MAX];

    doc_hex(at, "mrenclave", sigstruct_get(css, CSS_ENCLAVEHASH));
    doc_int(at, "isvprodid", sigstruct_get_int(css, CSS_ISVPRODID));
    doc_int(at, "isvsvn", sigstruct_get_int(css, CSS_ISVSVN));
    doc_text(at, "date", review_date(css, date));
    struct date meant;
    uint32_t value = (uint32_t)sigstruct_get_int(css, CSS_DATE);

    if (!date_of_bcd(value, &meant) && date_of_binary(value, &meant))
        (void)snprintf(date, sizeof date, "%04u-%02u-%02u", meant.year % 10000, meant.month % 100,
                       meant.day % 100);
    else
        date[0] = '\0';
    doc_text(at, "date_in_binary", date[0] != '\0' ? date : NULL);
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++)
        doc_mask(at, masks[i].key, sigstruct_get_int(css, masks[i].field), css_table[masks[i].field].size);
    doc_hex(at, "isvfamilyid", sigstruct_get(css, CSS_ISVFAMILYID));
    doc_hex(at, "isvextprodid", sigstruct_get(css, CSS_ISVEXTPRODID));
}

static bool show_signer(struct show *s, struct doc *at, const struct sigstruct *css, unsigned indent,
                        struct ens_err *err)
{
    struct pubkey key;
    uint8_t mrsigner[MRSIGNER_SIZE];
    char hex[2 * MRSIGNER_SIZE + 1];

    verify_key_of(css, &key);
    if (!rsa3072_mrsigner(&key, mrsigner, err))
        return false;
    const char *owner = known_key_owner(mrsigner);

    if (s->text == NULL) {
        doc_hex(at, "mrsigner", view_of(mrsigner, sizeof mrsigner));
        doc_text(at, "known_public_key", owner);
        return true;
    }
    hex_encode(hex, view_of(mrsigner, sizeof mrsigner));
    if (!show_line(s, err, "%*s%-13s %s", (int)indent, "", "MRSIGNER", hex))
        return false;
    return owner == NULL ||
           show_line(s, err, "%*swarning: everybody can sign with this key: %s", (int)indent, "", owner);
}

bool show_sigstruct(struct show *s, struct doc *at, const struct sigstruct *css, bool has_signature,
                    unsigned indent, struct ens_err *err)
{
    struct findings found = {0};

    if (has_signature && !verify_sigstruct(view_of(css->bytes, sizeof css->bytes), &found, err))
        return false;
    if (!has_signature)
        verify_signed_fields(css, &found);
    if (s->text == NULL)
        add_fields(at, css);
    else if (!review_fields(css, indent, s->text, err))
        return false;
    if (has_signature && !show_signer(s, at, css, indent, err))
        return false;
    const char *verdict = findings_count(&found, SEVERITY_ERROR) == 0 ? "valid" : "INVALID: EINIT refuses it";

    if (has_signature && s->text == NULL)
        doc_bool(at, "valid", findings_count(&found, SEVERITY_ERROR) == 0);
    if (has_signature && !show_line(s, err, "%*s%-13s %s", (int)indent, "", "SIGSTRUCT", verdict))
        return false;
    return show_findings(s, at, &found, indent, err);
}

/* ---- the other kinds ---- */

static bool show_sigstruct_file(struct show *s, const char *path, struct view bytes, struct ens_err *err)
{
    struct sigstruct css;

    if (!sigstruct_parse(bytes, path, &css, err))
        return false;
    bool has_signature = !sigstruct_is_unsigned(&css);

    if (s->text == NULL)
        doc_text(s->doc, "kind", has_signature ? "sigstruct" : "unsigned-sigstruct");
    return show_line(s, err, "%s: %s", has_signature ? "SIGSTRUCT" : "Unsigned SIGSTRUCT", path) &&
           show_sigstruct(s, s->doc, &css, has_signature, 2, err);
}

static bool show_signdata_file(struct show *s, const char *path, struct view bytes, struct ens_err *err)
{
    struct sigstruct css;
    uint8_t digest[32];

    if (!signdata_parse(bytes, path, &css, err) || !signdata_digest(&css, digest, err) ||
        !show_line(s, err, "Sign-data: %s", path))
        return false;
    if (s->text == NULL) {
        doc_text(s->doc, "kind", "sign-data");
        doc_hex(s->doc, "digest", view_of(digest, sizeof digest));
    }
    if (!show_sigstruct(s, s->doc, &css, false, 2, err))
        return false;
    return s->text == NULL || review_digest(digest, s->text, err);
}

static bool show_pubkey_file(struct show *s, const char *path, struct view bytes, struct ens_err *err)
{
    struct pubkey key;
    struct sigstruct css = {0};

    if (!rsa3072_read_pubkey(bytes, path, &key, err) || !show_line(s, err, "Public key: %s", path) ||
        !show_line(s, err, "  RSA, %d bits, exponent %d", PUBKEY_BITS, PUBKEY_EXPONENT))
        return false;
    if (s->text == NULL) {
        doc_text(s->doc, "kind", "public-key");
        doc_int(s->doc, "bits", PUBKEY_BITS);
        doc_int(s->doc, "exponent", PUBKEY_EXPONENT);
        doc_hex(s->doc, "modulus", view_of(key.modulus, sizeof key.modulus));
    }
    sigstruct_put_key(&css, &key);
    return show_signer(s, s->doc, &css, 2, err);
}

/* A signature or a digest: nothing is known of it but its bytes. */
static bool show_opaque(struct show *s, const char *path, const char *kind, struct view bytes,
                        struct ens_err *err)
{
    char hex[2 * SIGNATURE_SIZE + 1];

    hex_encode(hex, bytes);
    if (s->text == NULL) {
        doc_text(s->doc, "kind", kind);
        doc_hex(s->doc, "bytes", bytes);
    }
    return show_line(s, err, "%s: %s", kind, path) && show_line(s, err, "  %s", hex);
}

/* A text whose first line nobody wrote for ensign, or bytes of no known size. */
static bool fail_unknown(const char *path, struct view bytes, struct ens_err *err)
{
    if (bytes.len == 0)
        return ens_fail(err, ENS_DATA, "%s: empty: the file has no bytes: name the right file", path);
    if (magic_mistake(bytes) != NULL)
        return ens_fail(err, ENS_DATA, "%s: is no container, but %s", path, magic_mistake(bytes));
    return ens_fail(err, ENS_DATA,
                    "%s: no-header: is no bundle, SGXS stream, enclave ELF file, SIGSTRUCT (1808 bytes), "
                    "sign-data (256), public key, policy, approvers, revoked or armour: it has %zu%s bytes",
                    path, bytes.len, bytes.len >= ARTIFACT_HEAD_MAX ? " or more" : "");
}

bool show_bytes(struct show *s, const char *path, struct view bytes, struct ens_err *err)
{
    if (approval_recognise(bytes))
        return show_approval(s, path, bytes, err);
    if (bytes.len == SIGNDATA_SIZE)
        return show_signdata_file(s, path, bytes, err);
    if (sigstruct_recognise(bytes) || bytes.len == SIGSTRUCT_SIZE)
        return show_sigstruct_file(s, path, bytes, err);
    if (rsa3072_recognise(bytes))
        return show_pubkey_file(s, path, bytes, err);
    if (bytes.len == SIGNATURE_SIZE)
        return show_opaque(s, path, "signature", bytes, err);
    if (bytes.len == 32)
        return show_opaque(s, path, "digest", bytes, err);
    return fail_unknown(path, bytes, err);
}

static bool show_file(struct show *s, const char *path, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    uint8_t head[ARTIFACT_HEAD_MAX];
    bool is_done = false;
    size_t len = 0;

    if (!artifact_read_head(path, head, &len, err))
        return false;
    struct view v = view_of(head, len);

    if (approval_recognise(v))
        return file_read_all(path, APPROVAL_FILE_MAX, &file, err) &&
               show_approval(s, path, buf_view(&file), err);
    if (!show_ceremony(s, path, v, &is_done, err))
        return false;
    if (is_done)
        return true;
    if (magic_of(v) != MAGIC_NONE)
        return s->container(s, path, artifact_recognise(v), err);
    if (len == ARTIFACT_HEAD_MAX && !file_read_all(path, RSA3072_KEY_FILE_MAX, &file, err))
        return magic_mistake(v) != NULL && err->code == ENS_DATA
                   ? fail_unknown(path, v, err)
                   : ens_wrap(err, "is no bundle, SGXS stream, enclave ELF file, SIGSTRUCT, sign-data or "
                                   "public key");
    if (file.len > 0)
        v = buf_view(&file);
    if (artifact_recognise(v) == ARTIFACT_SIGSTRUCT && v.len != SIGNDATA_SIZE)
        return show_sigstruct_file(s, path, v, err);
    return show_bytes(s, path, v, err);
}

bool show_run(const struct args *args,
              bool (*container)(struct show *s, const char *path, enum artifact_kind kind,
                                struct ens_err *err),
              struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    ENS_CLEANUP(doc_freep) struct doc *doc = NULL;
    struct show s = {.container = container, .text = args->json ? NULL : &text};

    if (args->json && !doc_new(&doc, err))
        return false;
    s.doc = doc;
    if (!show_file(&s, args->operands[0], err))
        return false;
    return args->json ? doc_print(doc, err) : notice_result(buf_view(&text), err);
}

static bool refuse_container(struct show *s, const char *path, enum artifact_kind kind, struct ens_err *err)
{
    (void)s;
    return ens_fail(err, ENS_DATA,
                    "%s: is %s, and ensign-offline opens no enclave: use ensign show on the build host", path,
                    artifact_kind_name(kind));
}

bool cmd_show(const struct args *args, struct ens_err *err)
{
    return show_run(args, refuse_container, err);
}
