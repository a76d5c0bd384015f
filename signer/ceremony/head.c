/* Signed heads. */
#include "signer/ceremony/head.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/transcript_internal.h"

#define FIRST   "ensign head 1\n"
#define ID_TEXT 32

/* The content of a statement. */
struct head {
    struct view id, head;
    uint64_t records;
};

/* Finds a record by its number, and the begin. */
struct finder {
    uint64_t number;
    uint8_t hash[DIGEST_SIZE];
    struct view id;
    bool found;
};

static bool find(void *ctx, const struct transcript_record *r, struct ens_err *err)
{
    struct finder *f = ctx;

    (void)err;
    if (r->kind == TRANSCRIPT_BEGIN)
        (void)transcript_find(r->entries, "id", &f->id);
    if (r->number == f->number) {
        memcpy(f->hash, r->hash, sizeof f->hash);
        f->found = true;
    }
    return true;
}

bool head_statement(const struct transcript_sum *sum, struct view text, const char *name, struct buf *ret,
                    struct ens_err *err)
{
    struct finder f = {.number = sum->records};
    const struct transcript_sink sink = {.put = find, .ctx = &f};
    struct transcript_sum again;

    if (!transcript_verify(text, name, &sink, &again, err))
        return false;
    if (!f.found)
        return ens_fail(err, ENS_DATA, "%s: has no record, and so no head", name);
    return buf_printf(ret, err, FIRST "id: %.*s\nrecords: %" PRIu64 "\nhead: %s\n", (int)f.id.len,
                      (const char *)f.id.data, f.number, hex_of(view_of(f.hash, sizeof f.hash)).text);
}

/* ---- reading ---- */

/* Takes "KEY: VALUE\n" off the text. */
static bool take_head_line(struct view *left, const char *key, struct view *ret)
{
    size_t len = strlen(key);
    const uint8_t *newline = left->len > 0 ? memchr(left->data, '\n', left->len) : NULL;

    if (newline == NULL || !view_equal(view_slice(*left, 0, len), view_of_string(key)))
        return false;
    size_t line = (size_t)(newline - left->data);

    if (line < len)
        return false;
    *ret = view_slice(*left, len, line - len);
    *left = view_slice(*left, line + 1, left->len - line - 1);
    return true;
}

static bool read_head_statement(struct view text, struct head *ret)
{
    struct view first;
    struct view records;

    return take_head_line(&text, "ensign head 1", &first) && first.len == 0 &&
           take_head_line(&text, "id: ", &ret->id) && transcript_is_hex(ret->id, ID_TEXT) &&
           take_head_line(&text, "records: ", &records) && transcript_number(records, 9, &ret->records) &&
           ret->records > 0 && take_head_line(&text, "head: ", &ret->head) &&
           transcript_is_hex(ret->head, 2 * DIGEST_SIZE) && text.len == 0;
}

/* Where the signature begins: at the start of a line. */
static size_t split(struct view file)
{
    const uint8_t *hit =
        file.len > 0 ? memmem(file.data, file.len, "\n" SSHSIG_BEGIN, sizeof SSHSIG_BEGIN) : NULL;

    return hit != NULL ? (size_t)(hit - file.data) + 1 : file.len;
}

static bool fail_head(const char *name, const char *rule, const char *fact, struct ens_err *err)
{
    return ens_fail(err, ENS_DATA, "%s: %s: %s", name, rule, fact);
}

/* Finds the signer first, and then verifies. */
static bool find_signer(const struct people *people, struct view text, const char *name, struct sshsig *ret,
                        const struct person_key **ret_key, struct ens_err *err)
{
    enum sshsig_verdict v = SSHSIG_MALFORMED;

    if (!sshsig_parse(text, SSHSIG_HEAD, ret, &v, err))
        return false;
    if (v == SSHSIG_OTHER_USE)
        return fail_head(name, "namespace", "its signature was made for another purpose than " SSHSIG_HEAD,
                         err);
    if (v == SSHSIG_CERTIFICATE)
        return fail_head(name, "certificate", "signed by a certificate: persons are known by their keys",
                         err);
    if (v != SSHSIG_OK)
        return fail_head(name, "sshsig", "its signature is none, or something stands behind it", err);
    *ret_key = people_find(people, ret->key);
    if (*ret_key == NULL)
        return fail_head(name, "unknown-key", "its key is nobody's of the witnesses", err);
    /* The flags are inside what a FIDO key signs. */
    if (ret->type.is_sk && (ret->flags.data[0] & SSHSIG_TOUCHED) == 0)
        return fail_head(name, "no-touch", "the FIDO key was not touched", err);
    if ((*ret_key)->verify_required && (ret->flags.data[0] & SSHSIG_VERIFIED) == 0)
        return fail_head(name, "not-verified", "the FIDO key asked for neither PIN nor finger", err);
    return true;
}

static bool check_fit(const struct head *h, const char *name, struct view text, struct ens_err *err)
{
    struct finder f = {.number = h->records};
    const struct transcript_sink sink = {.put = find, .ctx = &f};
    struct transcript_sum sum;
    char hex[2 * DIGEST_SIZE + 1];

    if (!transcript_verify(text, name, &sink, &sum, err))
        return false;
    if (!view_equal(f.id, h->id))
        return fail_head(name, "id", "it is of another transcript", err);
    if (!f.found)
        return fail_head(name, "records", "the transcript has fewer records: some are missing at its end",
                         err);
    hex_encode(hex, view_of(f.hash, sizeof f.hash));
    return view_equal(h->head, view_of_string(hex)) ||
           fail_head(name, "head", "that record has another hash: the transcript was replaced", err);
}

bool head_check(const struct sshsig_tool *tool, const struct people *people, struct view file,
                const char *name, struct view text, const char **ret_person, uint64_t *ret_record,
                struct ens_err *err)
{
    ENS_CLEANUP(sshsig_free) struct sshsig s = {0};
    const struct person_key *key = NULL;
    struct head h = {0};
    size_t at = split(file);
    struct view signed_text = view_slice(file, 0, at);
    struct view signature = view_slice(file, at, file.len - at);
    bool yes = false;

    if (!read_head_statement(signed_text, &h))
        return fail_head(name, "statement", "is not a head of this version", err);
    if (!find_signer(people, signature, name, &s, &key, err) ||
        !sshsig_verify(tool, signed_text, signature, &s, &yes, err))
        return false;
    if (!yes)
        return fail_head(name, "signature", "does not verify", err);
    if (!check_fit(&h, name, text, err))
        return false;
    *ret_person = people_name(people, key->person);
    *ret_record = h.records;
    return true;
}
