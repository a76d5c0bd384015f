/* A holder's own share. */
#include "signer/cmd/quorum/share.h"

#include <stdio.h>

#include "signer/base/digest.h"
#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/cmd/quorum/quorum.h"
#include "signer/quorum/check.h"
#include "signer/ui/notice.h"

void share_free(struct own_share *s)
{
    secret_wipe(&s->pieces.bytes);
    mem_freep(&s->file);
}

const struct quorum_holder *share_holder(const struct own_share *s)
{
    return &s->file->public.holder[s->file->holder - 1];
}

static bool record_share(const struct own_share *s, struct view file, struct transcript *t,
                         struct ens_err *err)
{
    uint8_t sum[DIGEST_SIZE];
    char number[16];

    if (!digest_of(DIGEST_SHA256, file, sum, err))
        return false;
    const struct hex hash = hex_of(view_of(sum, sizeof sum));
    const struct hex key = hex_of(view_of(s->file->box.key, QUORUM_ID));

    (void)snprintf(number, sizeof number, "%u", s->file->holder);
    quorum_record(t, &s->file->public);
    transcript_put(t, "holder", number, share_holder(s)->name);
    transcript_put(t, "share", s->path, hash.text, key.text);
    return true;
}

bool share_load(const char *path, struct transcript *t, struct own_share *ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};

    ret->path = path;
    ret->file = mem_alloc(1, sizeof *ret->file, err);
    if (ret->file == NULL || !file_read_all(path, QUORUM_FILE_MAX, &file, err) ||
        !quorum_read(buf_view(&file), path, ret->file, err))
        return false;
    if (!check_public(&ret->file->public, err))
        return ens_wrap(err, "%s", path);
    return record_share(ret, buf_view(&file), t, err);
}

bool share_is_named(const struct own_share *s)
{
    ENS_CLEANUP(buf_free) struct buf line = {0};
    struct ens_err ignored = {0};

    if (memcmp(s->file->box.key, share_holder(s)->key, QUORUM_ID) == 0)
        return true;
    if (text_line(
            &line, &ignored,
            "%s: sealed to another key than the quorum file names for holder %u, %s: so it is after a repair "
            "onto a new card; at a dealing somebody was in between",
            s->path, s->file->holder, share_holder(s)->name))
        notice_details(buf_view(&line));
    return false;
}

bool share_fits(const struct own_share *s, const struct sealing_key *k, struct ens_err *err)
{
    const struct quorum_sealed *box = &s->file->box;

    return memcmp(sealing_key_card(k)->key, box->key, QUORUM_ID) == 0 ||
           ens_fail(err, ENS_BADKEY, "%s: is sealed to another key, %s: name the key of that fingerprint",
                    s->path, hex_of(view_of(box->key, QUORUM_ID)).text);
}

bool share_open(struct own_share *s, struct sealing_key *k, struct ens_err *err)
{
    ENS_CLEANUP(secret_wipe) struct secret file_key = {0};

    return (sealing_key_unwrap(k, &s->file->box, &file_key, err) &&
            seal_open(s->file, &file_key, &s->pieces, err) &&
            check_pieces(&s->file->public, 1U << (s->file->holder - 1), &s->pieces, &number_openssl, err)) ||
           ens_wrap(err, "%s", s->path);
}
