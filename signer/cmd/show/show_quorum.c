/* show for the files of a quorum: what they say, without opening what is sealed and without arithmetic. */
#include <stdio.h>

#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/show/show.h"
#include "signer/quorum/formats.h"

static void add_hash(struct report *r, const char *key, const char *label,
                     const uint8_t hash[static QUORUM_ID])
{
    report_hash(r, key, label, view_of(hash, QUORUM_ID));
}

/* The same with the words by which people compare it. */
static void add_voice(struct report *r, const char *key, const char *label,
                      const uint8_t hash[static QUORUM_ID])
{
    ENS_CLEANUP(buf_free) struct buf words = {0};
    struct ens_err err = {0};

    add_hash(r, key, label, hash);
    if (review_rows_of_words(hash, &words, &err))
        report_lines(r, buf_view(&words));
    else if (r->err.code == ENS_OK)
        r->err = err;
}

/* Names and keys; a name stands last on its line. */
static void show_holders(struct report *r, const struct quorum_holder *list, unsigned len)
{
    char label[24];

    report_array(r, "holders", NULL, 0);
    for (unsigned i = 0; i < len; i++) {
        (void)snprintf(label, sizeof label, "Holder %u", i + 1);
        report_object(r, NULL, NULL, 0);
        report_uint(r, "number", NULL, i + 1);
        report_text(r, "name", label, list[i].name);
        add_hash(r, "key", "", list[i].key);
        report_close(r);
    }
    report_close(r);
}

/* What is sealed, and to which key. */
static void show_box(struct report *r, const struct quorum_sealed *box)
{
    add_hash(r, "sealed_to", "Sealed to", box->key);
    report_field(r, "seal", "Seal", "rsa%u-oaep-%s", box->bits,
                 box->oaep == QUORUM_OAEP_SHA1 ? "sha1" : "sha256");
    report_uint(r, "pieces", "Pieces", box->pieces);
}

static void show_public_half(struct report *r, const struct quorum_public *p)
{
    report_field(r, NULL, "Threshold", "%u of %u, epoch %u", p->threshold, p->holders, p->epoch);
    report_uint(r, "threshold", NULL, p->threshold);
    report_uint(r, "epoch", NULL, p->epoch);
    show_signer(r, p->mrsigner);
    add_voice(r, "quorum", "Quorum id", p->id);
    show_holders(r, p->holder, p->holders);
}

static void show_partial(struct report *r, const struct quorum_partial *p)
{
    report_uint(r, "holder", "Says holder", p->holder);
    add_hash(r, "quorum", "Quorum id", p->quorum);
    show_signer(r, p->mrsigner);
    add_voice(r, "digest", "SHA-256", p->digest);
    report_uint(r, "values", "Values", p->count);
}

static void show_card(struct report *r, const struct quorum_card *c)
{
    report_text(r, "name", "Name", c->name);
    report_field(r, NULL, "Key", "RSA-%u, OAEP %s", c->bits,
                 c->oaep == QUORUM_OAEP_SHA1 ? "SHA-1" : "SHA-256");
    report_uint(r, "bits", NULL, c->bits);
    report_text(r, "oaep", NULL, c->oaep == QUORUM_OAEP_SHA1 ? "sha1" : "sha256");
    add_voice(r, "key", "Fingerprint", c->key);
}

static void show_document(struct report *r, enum quorum_kind kind, const union quorum_document *d)
{
    switch (kind) {
    case QUORUM_PUBLIC:
        show_public_half(r, &d->public);
        return;
    case QUORUM_SHARE:
        report_field(r, NULL, "Holder", "%u: %s", d->share.holder,
                     d->share.public.holder[d->share.holder - 1].name);
        report_uint(r, "holder", NULL, d->share.holder);
        show_box(r, &d->share.box);
        show_public_half(r, &d->share.public);
        return;
    case QUORUM_PARTIAL:
        show_partial(r, &d->partial);
        return;
    case QUORUM_CARD:
        show_card(r, &d->card);
        return;
    case QUORUM_IDENTITY:
        report_field(r, "kdf", "Passphrase", "scrypt %u 8 1", d->identity.log2n);
        return;
    case QUORUM_REPAIR:
        report_uint(r, "from", "From holder", d->repair.from);
        report_uint(r, "holder", "To holder", d->repair.holder);
        add_hash(r, "quorum", "Quorum id", d->repair.quorum);
        show_box(r, &d->repair.box);
        return;
    case QUORUM_DELTA:
        report_uint(r, "holder", "For holder", d->delta.holder);
        add_hash(r, "quorum", "Quorum before", d->delta.quorum);
        report_hex(r, "serial", "Serial", view_of(d->delta.serial, QUORUM_SERIAL));
        show_box(r, &d->delta.box);
        show_holders(r, d->delta.list, d->delta.holders);
        return;
    case QUORUM_KINDS:
        return;
    }
}

bool show_quorum(struct report *r, const struct artifact *a, struct ens_err *err)
{
    static const char *const headings[QUORUM_KINDS] = {
        "Quorum", "Share", "Partial", "Card", "Identity", "Repair", "Delta",
    };
    ENS_CLEANUP(buf_free) struct buf file = {0};
    ENS_CLEANUP(mem_freep) union quorum_document *d = mem_alloc(1, sizeof *d, err);
    enum quorum_kind kind = QUORUM_KINDS;
    char format[32];

    if (d == NULL || !artifact_read(a, QUORUM_FILE_MAX, &file, err))
        return false;
    if (!quorum_recognise(buf_view(&file), &kind))
        return ens_fail(err, ENS_DATA, "%s: is no file of a quorum that this version knows", a->path);
    if (!formats_read(kind, buf_view(&file), a->path, d, err))
        return false;
    (void)snprintf(format, sizeof format, "quorum-%s", quorum_kind_name(kind));
    show_begin(r, headings[kind], format, a->path, "");
    show_document(r, kind, d);
    return true;
}
