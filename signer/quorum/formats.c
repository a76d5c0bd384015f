/* The files of a quorum. One description for each kind reads and writes it; strictness is in the end: what was read
 * is written again and compared. */
#include "signer/quorum/formats.h"

#include <stdio.h>
#include "signer/base/mem.h"
#include "signer/quorum/card.h"
#include "signer/quorum/lines.h"
#include "signer/sgx/rsa3072.h"

static const char *const kind_names[QUORUM_KINDS] = {
    [QUORUM_PUBLIC] = "public", [QUORUM_SHARE] = "share",       [QUORUM_PARTIAL] = "partial",
    [QUORUM_CARD] = "card",     [QUORUM_IDENTITY] = "identity", [QUORUM_REPAIR] = "repair",
    [QUORUM_DELTA] = "delta",
};
static const char begins[] = "ensign quorum ";

static void lines_public(struct lines *l, struct quorum_public *p)
{
    lines_number(l, "threshold", &p->threshold, QUORUM_THRESHOLD_MIN, QUORUM_HOLDERS_MAX);
    lines_number(l, "holders", &p->holders, p->threshold, QUORUM_HOLDERS_MAX);
    lines_number(l, "epoch", &p->epoch, 0, QUORUM_EPOCH_MAX);
    lines_hex(l, "mrsigner", p->mrsigner, sizeof p->mrsigner);
    lines_holders(l, p->holder, &p->holders);
    lines_bytes(l, "modulus", p->modulus, sizeof p->modulus);
    if (l->out == NULL && l->ok)
        p->count = quorum_choose(p->holders, p->threshold - 1);
    lines_body(l, "values", (struct parts){p->values[0], QUORUM_NUMBER, QUORUM_PIECES_MAX, 0, &p->count});
}

static void lines_share(struct lines *l, struct quorum_share *s)
{
    lines_hex(l, "quorum", s->quorum, sizeof s->quorum);
    lines_number(l, "holder", &s->holder, 1, QUORUM_HOLDERS_MAX);
    lines_number(l, "pieces", &s->box.pieces, 1, QUORUM_SHARE_MAX);
    lines_box(l, &s->box);
}

static void lines_partial(struct lines *l, struct quorum_partial *p)
{
    static const char *const forms[] = {"any"};
    unsigned form = 0;

    lines_hex(l, "quorum", p->quorum, sizeof p->quorum);
    lines_hex(l, "mrsigner", p->mrsigner, sizeof p->mrsigner);
    lines_number(l, "holder", &p->holder, 1, QUORUM_HOLDERS_MAX);
    lines_word(l, "with", &form, forms, 1);
    lines_hex(l, "digest", p->digest, sizeof p->digest);
    lines_body(l, "values", (struct parts){p->values[0], QUORUM_NUMBER, QUORUM_SHARE_MAX, 0, &p->count});
    lines_bytes(l, "proof", &p->proof, sizeof p->proof);
}

static void lines_card(struct lines *l, struct quorum_card *c)
{
    lines_name(l, "name", c->name);
    lines_oaep(l, "oaep", &c->oaep);
    lines_number(l, "size", &c->size, QUORUM_SPKI_MIN, QUORUM_SPKI_MAX);
    lines_body(l, "key", (struct parts){c->spki, 1, sizeof c->spki, 0, &c->size});
}

static void lines_identity(struct lines *l, struct quorum_identity *i)
{
    static const char *const kdfs[] = {"scrypt 15 8 1", "scrypt 16 8 1", "scrypt 17 8 1",
                                       "scrypt 18 8 1", "scrypt 19 8 1", "scrypt 20 8 1"};
    unsigned kdf = i->log2n - QUORUM_LOG2N_MIN;

    lines_word(l, "kdf", &kdf, kdfs, sizeof kdfs / sizeof kdfs[0]);
    if (l->out == NULL)
        i->log2n = kdf + QUORUM_LOG2N_MIN;
    lines_hex(l, "salt", i->salt, sizeof i->salt);
    lines_number(l, "size", &i->size, QUORUM_PKCS8_MIN, QUORUM_PKCS8_MAX);
    if (!l->is_head)
        lines_body(l, "sealed", (struct parts){i->sealed, 1, QUORUM_PKCS8_MAX, QUORUM_TAG, &i->size});
}

static void lines_repair(struct lines *l, struct quorum_repair *r)
{
    lines_hex(l, "quorum", r->quorum, sizeof r->quorum);
    lines_number(l, "from", &r->from, 1, QUORUM_HOLDERS_MAX);
    lines_number(l, "holder", &r->holder, 1, QUORUM_HOLDERS_MAX);
    lines_number(l, "pieces", &r->box.pieces, 1, QUORUM_SHARE_MAX);
    lines_box(l, &r->box);
}

static void lines_delta(struct lines *l, struct quorum_delta *d)
{
    lines_hex(l, "quorum", d->quorum, sizeof d->quorum);
    lines_hex(l, "serial", d->serial, sizeof d->serial);
    lines_number(l, "holder", &d->holder, 1, QUORUM_HOLDERS_MAX);
    lines_holders(l, d->list, &d->holders);
    lines_body(l, "commitments",
               (struct parts){d->commitments[0], QUORUM_NUMBER, QUORUM_PIECES_MAX, 0, &d->count});
    lines_box(l, &d->box);
}

/* All lines between the first and the trailer. */
static void lines_all(struct lines *l, enum quorum_kind kind, void *doc)
{
    switch (kind) {
    case QUORUM_PUBLIC:
        lines_public(l, doc);
        return;
    case QUORUM_SHARE:
        lines_share(l, doc);
        return;
    case QUORUM_PARTIAL:
        lines_partial(l, doc);
        return;
    case QUORUM_CARD:
        lines_card(l, doc);
        return;
    case QUORUM_IDENTITY:
        lines_identity(l, doc);
        return;
    case QUORUM_REPAIR:
        lines_repair(l, doc);
        return;
    case QUORUM_DELTA:
        lines_delta(l, doc);
        return;
    case QUORUM_KINDS:
        return;
    }
}

/* ---- writing ---- */

/* Everything but the trailer. */
static bool put_lines(enum quorum_kind kind, const void *doc, bool is_head, struct buf *ret,
                      struct ens_err *err)
{
    struct lines l = {.out = ret, .is_head = is_head, .err = err, .ok = true};

    l.ok = buf_printf(ret, err, "%s%s 1\n", begins, kind_names[kind]);
    /* Only reading writes to a document. */
    lines_all(&l, kind, (void *)(uintptr_t)doc);
    return l.ok;
}

bool formats_head(enum quorum_kind kind, const void *doc, struct buf *ret, struct ens_err *err)
{
    return put_lines(kind, doc, true, ret, err);
}

bool formats_write(enum quorum_kind kind, const void *doc, struct buf *ret, struct ens_err *err)
{
    const struct quorum_share *s = doc;
    size_t begin = ret->len;

    return put_lines(kind, doc, false, ret, err) && lines_end(ret, begin, err) &&
           (kind != QUORUM_SHARE || formats_write(QUORUM_PUBLIC, &s->public, ret, err));
}

bool quorum_set_id(struct quorum_public *p, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};

    return put_lines(QUORUM_PUBLIC, p, false, &text, err) &&
           digest_of(DIGEST_SHA256, buf_view(&text), p->id, err);
}

/* ---- reading ---- */

/* What no line says alone. */
static bool check_document(enum quorum_kind kind, void *doc, const uint8_t sum[static DIGEST_SIZE],
                           struct ens_err *err)
{
    struct quorum_public *p = doc;
    struct pubkey key;
    uint8_t mrsigner[MRSIGNER_SIZE];

    if (kind == QUORUM_CARD)
        return card_read_key(doc, err);
    if (kind != QUORUM_PUBLIC)
        return true;
    memcpy(p->id, sum, sizeof p->id);
    memcpy(key.modulus, p->modulus, sizeof key.modulus);
    if (!rsa3072_mrsigner(&key, mrsigner, err))
        return false;
    return memcmp(mrsigner, p->mrsigner, sizeof mrsigner) == 0 ||
           ens_fail(err, ENS_DATA, "mrsigner: is not that of the modulus");
}

static bool read_share_rest(struct quorum_share *s, struct view rest, struct ens_err *err)
{
    const struct quorum_public *p = &s->public;

    if (!formats_read(QUORUM_PUBLIC, rest, "public file in it", &s->public, err))
        return false;
    if (memcmp(p->id, s->quorum, sizeof s->quorum) != 0)
        return ens_fail(err, ENS_DATA, "quorum: is not that of the public file behind it");
    return (s->holder <= p->holders && s->box.pieces == quorum_pieces_of_one(p)) ||
           ens_fail(err, ENS_DATA, "holder: is none of the quorum, or has another number of pieces");
}

static bool read_whole(enum quorum_kind kind, struct view file, void *ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf first = {0};
    ENS_CLEANUP(buf_free) struct buf again = {0};
    struct lines l = {.err = err, .ok = true};
    uint8_t sum[DIGEST_SIZE];
    struct view rest;

    if (file.len > QUORUM_FILE_MAX)
        return ens_fail(err, ENS_DATA, "has more than %d bytes", QUORUM_FILE_MAX);
    if (!buf_printf(&first, err, "%s%s 1\n", begins, kind_names[kind]))
        return false;
    if (!lines_split(file, &l.in, &rest, sum, err))
        return false;
    if (!view_begins(l.in, buf_view(&first)))
        return ens_fail(err, ENS_DATA, "its first line is not ensign quorum %s 1", kind_names[kind]);
    l.in = view_slice(l.in, first.len, l.in.len - first.len);
    lines_all(&l, kind, ret);
    if (l.ok && kind != QUORUM_SHARE && rest.len > 0)
        return ens_fail(err, ENS_DATA, "has %zu bytes behind its last line: cut them off", rest.len);
    if (!l.ok || !check_document(kind, ret, sum, err) ||
        (kind == QUORUM_SHARE && !read_share_rest(ret, rest, err)) || !formats_write(kind, ret, &again, err))
        return false;
    return view_equal(buf_view(&again), file) ||
           ens_fail(err, ENS_DATA, "is spelt in another way than ensign's, or has lines or bytes too many");
}

bool formats_read(enum quorum_kind kind, struct view file, const char *name, void *ret, struct ens_err *err)
{
    static const size_t sizes[QUORUM_KINDS] = {
        [QUORUM_PUBLIC] = sizeof(struct quorum_public),     [QUORUM_SHARE] = sizeof(struct quorum_share),
        [QUORUM_PARTIAL] = sizeof(struct quorum_partial),   [QUORUM_CARD] = sizeof(struct quorum_card),
        [QUORUM_IDENTITY] = sizeof(struct quorum_identity), [QUORUM_REPAIR] = sizeof(struct quorum_repair),
        [QUORUM_DELTA] = sizeof(struct quorum_delta),
    };

    memset(ret, 0, sizes[kind]);
    return read_whole(kind, file, ret, err) || ens_wrap(err, "%s", name);
}

/* ---- kinds and names ---- */

bool quorum_recognise(struct view head, enum quorum_kind *ret)
{
    char first[40];

    for (int kind = 0; kind < QUORUM_KINDS; kind++) {
        (void)snprintf(first, sizeof first, "%s%s ", begins, kind_names[kind]);
        *ret = (enum quorum_kind)kind;
        if (view_begins(head, view_of_string(first)))
            return true;
    }
    return false;
}

const char *quorum_kind_name(enum quorum_kind kind)
{
    return kind_names[kind];
}
