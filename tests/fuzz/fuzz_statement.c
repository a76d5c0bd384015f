/* Fuzz target: approvals. What is accepted as a statement encodes again to the same bytes, and so does the
 * blob of a signature that is accepted; what is refused is refused with one line. The input is also taken as
 * the bytes of a blob, so that its parser is reached without base64. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/base64.h"
#include "signer/base/mem.h"
#include "signer/ceremony/approval.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void put(struct buf *b, struct view v)
{
    struct ens_err err = {0};

    must(buf_append(b, v, &err));
}

static void put_string(struct buf *b, struct view v)
{
    const uint8_t len[4] = {(uint8_t)(v.len >> 24), (uint8_t)(v.len >> 16), (uint8_t)(v.len >> 8),
                            (uint8_t)v.len};

    put(b, view_of(len, 4));
    put(b, v);
}

static void check_statement(const struct statement *s, struct view text)
{
    ENS_CLEANUP(buf_free) struct buf again = {0};
    struct ens_err err = {0};

    must(statement_encode(s, &again, &err) && view_equal(buf_view(&again), text));
    must(s->is_yes == (s->until != 0) && s->items_len >= 1 && s->items_len <= STATEMENT_ITEMS_MAX);
    for (size_t i = 0; i < s->items_len; i++)
        must(statement_find(s, s->items[i].digest) == &s->items[i]);
}

/* PROTOCOL.sshsig, "Blob format", from the parts. */
static void check_signature(const struct sshsig *s)
{
    ENS_CLEANUP(buf_free) struct buf inner = {0};
    ENS_CLEANUP(buf_free) struct buf again = {0};

    put_string(&inner, s->algorithm);
    put_string(&inner, s->signature);
    put(&inner, s->flags);
    put(&again, view_of("SSHSIG\0\0\0\1", 10));
    put_string(&again, s->key);
    put_string(&again, view_of_string(SSHSIG_NAMESPACE));
    put_string(&again, view_of("", 0));
    put_string(&again, s->hash);
    put_string(&again, buf_view(&inner));
    must(view_equal(buf_view(&again), buf_view(&s->blob)));
}

static void check_file(struct view file)
{
    ENS_CLEANUP(approval_free) struct approval a = {0};
    enum approval_verdict verdict = APPROVAL_VERDICTS;
    struct ens_err err = {0};

    must(approval_read(file, &a, &verdict, &err));
    must(verdict <= APPROVAL_SIGNER || verdict == APPROVAL_YES);
    must(strchr(a.why, '\n') == NULL && a.has_statement == (verdict != APPROVAL_STATEMENT));
    if (a.has_statement)
        check_statement(&a.statement, a.signed_text);
    if (verdict == APPROVAL_YES || verdict == APPROVAL_SIGNER)
        check_signature(&a.signature);
}

static void check_text(struct view text)
{
    ENS_CLEANUP(statement_free) struct statement s = {0};
    struct ens_err err = {0};

    if (statement_parse(text, "input", &s, &err))
        check_statement(&s, text);
    else
        must(err.code == ENS_DATA && strchr(err.msg, '\n') == NULL);
}

/* In lines of 76, as long as the armour's frame says. */
static void check_blob(struct view blob)
{
    ENS_CLEANUP(buf_free) struct buf digits = {0};
    ENS_CLEANUP(buf_free) struct buf text = {0};
    ENS_CLEANUP(sshsig_free) struct sshsig s = {0};
    enum sshsig_verdict verdict = SSHSIG_MALFORMED;
    struct ens_err err = {0};

    must(base64_encode(blob, &digits, &err));
    put(&text, view_of_string(SSHSIG_BEGIN));
    for (size_t i = 0; i < digits.len; i += 76) {
        put(&text, view_slice(buf_view(&digits), i, digits.len - i < 76 ? digits.len - i : 76));
        put(&text, view_of_string("\n"));
    }
    put(&text, view_of_string(SSHSIG_END));
    must(sshsig_parse(buf_view(&text), SSHSIG_NAMESPACE, &s, &verdict, &err));
    if (verdict != SSHSIG_OK)
        return;
    must(view_equal(buf_view(&s.blob), blob));
    check_signature(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view v = view_of(data, size);

    check_file(v);
    check_text(v);
    check_blob(v);
    return 0;
}
