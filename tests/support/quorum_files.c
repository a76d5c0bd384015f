/* The seven files of a quorum, made for tests. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signer/quorum/card.h"
#include "signer/sgx/rsa3072.h"
#include "tests/support/quorum.h"

void quorum_fill(uint8_t *ret, size_t len, unsigned seed)
{
    for (size_t i = 0; i < len; i++)
        ret[i] = (uint8_t)(seed += 7 + (seed >> 3));
}

static void make_public(struct quorum_public *p)
{
    static const char *const names[] = {"Alice Example", "bob@example.org", "Carol (legal)"};
    struct pubkey key;
    struct ens_err err = {0};

    p->threshold = 2;
    p->holders = 3;
    p->count = 3;
    quorum_fill(p->modulus, sizeof p->modulus, 1);
    memcpy(key.modulus, p->modulus, sizeof key.modulus);
    assert_ok(rsa3072_mrsigner(&key, p->mrsigner, &err), err);
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(p->holder[i].name, sizeof p->holder[i].name, "%s", names[i]);
        quorum_fill(p->holder[i].key, sizeof p->holder[i].key, 30 + i);
        quorum_fill(p->values[i], sizeof p->values[i], 60 + i);
    }
    assert_ok(quorum_set_id(p, &err), err);
}

static void make_box(struct quorum_sealed *box, unsigned pieces)
{
    quorum_fill(box->key, sizeof box->key, 2);
    box->bits = 2049;
    box->oaep = QUORUM_OAEP_SHA1;
    box->wrapped_len = 257;
    quorum_fill(box->wrapped, box->wrapped_len, 3);
    box->pieces = pieces;
    quorum_fill(box->sealed, pieces * QUORUM_PIECE + QUORUM_TAG, 4);
}

struct buf quorum_file_of(enum quorum_kind kind)
{
    union quorum_document *d = calloc(1, sizeof *d);
    struct buf text = {0};
    struct ens_err err = {0};
    uint8_t modulus[256];

    assert_non_null(d);
    switch (kind) {
    case QUORUM_PUBLIC:
        make_public(&d->public);
        break;
    case QUORUM_SHARE:
        make_public(&d->share.public);
        memcpy(d->share.quorum, d->share.public.id, QUORUM_ID);
        d->share.holder = 2;
        make_box(&d->share.box, 2);
        break;
    case QUORUM_PARTIAL:
        d->partial.holder = 3;
        d->partial.count = 2;
        quorum_fill(d->partial.values[0], 2 * QUORUM_NUMBER, 5);
        quorum_fill(d->partial.proof.z, QUORUM_Z, 6);
        break;
    case QUORUM_CARD:
        (void)snprintf(d->card.name, sizeof d->card.name, "Dan O'Hara-2");
        quorum_fill(modulus, sizeof modulus, 7);
        modulus[0] |= 0x80;
        modulus[sizeof modulus - 1] |= 1;
        assert_ok(card_set_key(&d->card, view_of(modulus, sizeof modulus), &err), err);
        break;
    case QUORUM_IDENTITY:
        d->identity.log2n = 18;
        d->identity.size = 700;
        quorum_fill(d->identity.sealed, 700 + QUORUM_TAG, 8);
        break;
    case QUORUM_REPAIR:
        d->repair.from = 1;
        d->repair.holder = 2;
        make_box(&d->repair.box, 1);
        break;
    case QUORUM_DELTA:
        d->delta.holder = 1;
        d->delta.holders = 2;
        (void)snprintf(d->delta.list[0].name, sizeof d->delta.list[0].name, "A");
        (void)snprintf(d->delta.list[1].name, sizeof d->delta.list[1].name, "B");
        quorum_fill(d->delta.list[1].key, QUORUM_ID, 9);
        d->delta.count = 2;
        quorum_fill(d->delta.commitments[0], 2 * QUORUM_NUMBER, 10);
        make_box(&d->delta.box, 1);
        break;
    case QUORUM_KINDS:
        break;
    }
    assert_ok(formats_write(kind, d, &text, &err), err);
    free(d);
    return text;
}
