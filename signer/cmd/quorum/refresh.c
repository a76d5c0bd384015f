/* quorum refresh: a contributor's delta for each holder. It needs no secret, and whoever makes it learns no piece: the
 * shares are new if one contributor keeps his numbers to himself. */
#include "signer/quorum/refresh.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/quorum/quorum.h"
#include "signer/flow/record.h"
#include "signer/quorum/deal.h"
#include "signer/quorum/seal.h"
#include "signer/ui/notice.h"

struct refresh_options {
    struct record_options record;
    const char *public, *out_dir;
    struct text_list cards, next;
    bool yes;
};

/* One run of quorum refresh. */
struct run {
    const struct refresh_options *args;
    struct transcript *transcript; /* NULL: none is kept */
    struct quorum_public *quorum;
    struct quorum_card cards[QUORUM_HOLDERS_MAX]; /* what the deltas are sealed to */
    struct quorum_delta *delta; /* the one that is being written; names and keys from now on */
    struct secret numbers;
    struct file_out *outs[QUORUM_HOLDERS_MAX];
    char *paths[QUORUM_HOLDERS_MAX];
};

static void refresh_free(struct run *r)
{
    for (size_t i = 0; i < QUORUM_HOLDERS_MAX; i++) {
        file_out_closep(&r->outs[i]);
        mem_free(r->paths[i]);
    }
    secret_wipe(&r->numbers);
    mem_free(r->delta);
    mem_free(r->quorum);
    transcript_closep(&r->transcript);
}

/* ---- what the command line names ---- */

static bool read_delta_cards(struct run *r, struct ens_err *err)
{
    if (r->args->cards.len != r->quorum->holders)
        return ens_fail(err, ENS_USAGE,
                        "--card: %zu are given, for %u holders: give the card of each, in their order",
                        r->args->cards.len, r->quorum->holders);
    for (unsigned i = 0; i < r->quorum->holders; i++) {
        if (!quorum_load_card(r->args->cards.items[i], &r->cards[i], err) ||
            !quorum_record_card(r->transcript, i + 1, &r->cards[i], err))
            return false;
    }
    return true;
}

/* `I=CARD` */
static bool read_next(struct run *r, const char *text, struct ens_err *err)
{
    struct quorum_card c = {0};
    unsigned holder = text[0] >= '1' && text[0] <= '9' && text[1] == '=' ? (unsigned)(text[0] - '0') : 0;

    if (holder < 1 || holder > r->quorum->holders)
        return ens_fail(err, ENS_USAGE, "--next: '%s' is not I=CARD, with a holder from 1 to %u", text,
                        r->quorum->holders);
    if (!quorum_load_card(text + 2, &c, err) || !quorum_record_card(r->transcript, holder, &c, err))
        return false;
    memcpy(r->delta->list[holder - 1].name, c.name, sizeof c.name);
    memcpy(r->delta->list[holder - 1].key, c.key, sizeof c.key);
    return true;
}

static bool read_next_holders(struct run *r, struct ens_err *err)
{
    struct quorum_holder *list = r->delta->list;

    memcpy(list, r->quorum->holder, sizeof r->delta->list);
    for (size_t i = 0; i < r->args->next.len; i++) {
        if (!read_next(r, r->args->next.items[i], err))
            return false;
    }
    for (unsigned i = 0; i < r->quorum->holders; i++) {
        for (unsigned j = 0; j < i; j++) {
            if (strcasecmp(list[i].name, list[j].name) == 0 ||
                memcmp(list[i].key, list[j].key, QUORUM_ID) == 0)
                return ens_fail(err, ENS_USAGE, "--next: holders %u and %u would have one name or one key",
                                j + 1, i + 1);
        }
    }
    return true;
}

static bool prepare_deltas(struct run *r, struct ens_err *err)
{
    size_t swept = 0;

    for (unsigned i = 0; i < r->quorum->holders; i++) {
        r->paths[i] = mem_printf(err, "%s/%u.delta", r->args->out_dir, i + 1);
        if (r->paths[i] == NULL)
            return false;
        if (faccessat(AT_FDCWD, r->paths[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return ens_fail(err, ENS_CANTCREAT, "%s: exists: no delta is replaced, name another directory",
                            r->paths[i]);
        if (!file_out_open(r->paths[i], FILE_OUT_NEVER, &r->outs[i], err))
            return false;
    }
    return file_sweep(r->args->out_dir, &swept, err);
}

/* ---- review ---- */

/* Who gets a delta that the public file does not name gets a new share: somebody must say that it is meant. */
static bool confirm_stranger(struct run *r, unsigned index, struct ens_err *err)
{
    const struct quorum_card *c = &r->cards[index];
    const struct quorum_holder *h = &r->quorum->holder[index];
    ENS_CLEANUP(buf_free) struct buf text = {0};

    if (strcmp(c->name, h->name) == 0 && memcmp(c->key, h->key, QUORUM_ID) == 0)
        return true;
    notice_warn("%s: is not the card that the public file names for holder %u, %s",
                r->args->cards.items[index], index + 1, h->name);
    if (r->args->yes)
        return ens_fail(
            err, ENS_REFUSED,
            "%s: somebody must type the name on it: leave --yes out, or give the card that the public "
            "file names",
            r->args->cards.items[index]);
    if (!text_line(&text, err, "Whoever has this card gets the numbers of holder %u. The public file says",
                   index + 1) ||
        !quorum_add_holder(&text, index + 1, h->name, h->key, err) ||
        !text_line(&text, err, "and the card") || !quorum_add_holder(&text, index + 1, c->name, c->key, err))
        return false;
    return quorum_confirm(&(struct quorum_question){.text = buf_view(&text),
                                                    .object = r->args->cards.items[index],
                                                    .verb = "seal to it",
                                                    .question = "Type the name on the card to seal to it: ",
                                                    .answer = c->name,
                                                    .no = "nothing was made"},
                          false, r->transcript, err);
}

static bool review_refresh(struct run *r, struct ens_err *err)
{
    const struct quorum_public *q = r->quorum;
    ENS_CLEANUP(buf_free) struct buf text = {0};
    unsigned changes = 0;

    if (!text_line(&text, err, "Makes a delta for each of %u holders of quorum %s, epoch %u.", q->holders,
                   hex_of(view_of(q->id, QUORUM_ID)).text, q->epoch))
        return false;
    for (unsigned i = 0; i < q->holders; i++) {
        if (memcmp(&r->delta->list[i], &q->holder[i], sizeof q->holder[i]) == 0)
            continue;
        changes++;
        if (!text_line(&text, err, "Holder %u until now: %s; from this refresh on", i + 1,
                       q->holder[i].name) ||
            !quorum_add_holder(&text, i + 1, r->delta->list[i].name, r->delta->list[i].key, err))
            return false;
    }
    if (changes == 0 && !text_line(&text, err, "No name and no key changes."))
        return false;
    for (unsigned i = 0; i < q->holders; i++) {
        if (!confirm_stranger(r, i, err))
            return false;
    }
    return quorum_confirm(&(struct quorum_question){.text = buf_view(&text),
                                                    .object = r->args->out_dir,
                                                    .verb = "refresh",
                                                    .question = "Make the deltas? Type yes to make them: ",
                                                    .no = "nothing was made"},
                          r->args->yes, r->transcript, err);
}

/* ---- deltas ---- */

static bool draw(struct run *r, struct ens_err *err)
{
    struct quorum_delta *d = r->delta;

    memcpy(d->quorum, r->quorum->id, sizeof d->quorum);
    d->holders = r->quorum->holders;
    d->count = r->quorum->count;
    return number_openssl.fill(number_openssl.ctx, d->serial, sizeof d->serial, err) &&
           refresh_draw(r->quorum, &number_openssl, d->commitments, &r->numbers, err);
}

static bool write_delta(struct run *r, unsigned holder, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    struct quorum_pieces numbers = {0};

    r->delta->holder = holder;
    bool ok = deal_select(r->quorum, 0, &r->numbers, holder, &numbers, err) &&
              seal_pieces(r->delta, &r->cards[holder - 1], &numbers, err);

    secret_wipe(&numbers.bytes);
    return ok && quorum_write(r->delta, &text, err) &&
           file_out_write(r->outs[holder - 1], buf_view(&text), err);
}

static bool refresh_walk(struct run *r, struct ens_err *err)
{
    (void)umask(077);
    r->delta = mem_alloc(1, sizeof *r->delta, err);
    if (r->delta == NULL || !number_lock_memory(err) || !quorum_load_public(r->args->public, &r->quorum, err))
        return false;
    quorum_record(r->transcript, r->quorum);
    if (r->quorum->epoch >= QUORUM_EPOCH_MAX)
        return ens_fail(err, ENS_DATA, "%s: epoch %d is the last: deal the key again", r->args->public,
                        QUORUM_EPOCH_MAX);
    if (!read_delta_cards(r, err) || !read_next_holders(r, err) || !prepare_deltas(r, err) ||
        !review_refresh(r, err) || !record_intent(r->transcript, NULL, 0, err) || !draw(r, err))
        return false;
    for (unsigned i = 1; i <= r->quorum->holders; i++) {
        if (!interrupt_check(err) || !write_delta(r, i, err))
            return false;
    }
    secret_wipe(&r->numbers);
    if (!quorum_commit(r->outs, r->paths, r->quorum->holders, err))
        return false;
    transcript_put(r->transcript, "delta", hex_of(view_of(r->delta->serial, QUORUM_SERIAL)).text);
    notice_say(
        "%s: %u deltas, serial %s. Next: each holder runs quorum apply with those of all contributors.",
        r->args->out_dir, r->quorum->holders, hex_of(view_of(r->delta->serial, QUORUM_SERIAL)).text);
    return true;
}

static bool run_refresh(const struct command_line *line, struct ens_err *err)
{
    const struct refresh_options *args = line->options;
    ENS_CLEANUP(refresh_free) struct run r = {.args = args};

    if (args->public == NULL || args->out_dir == NULL)
        return ens_fail(
            err, ENS_USAGE,
            "%s: is missing: quorum refresh needs --public FILE, --card CARD for each holder, and "
            "--out-dir DIR",
            args->public == NULL ? "--public" : "--out-dir");
    if (!record_open(line, &args->record, &r.transcript, err))
        return false;
    return record_end(r.transcript, &(struct record_end){0}, refresh_walk(&r, err), err);
}

#define REFRESH(KIND, member) OPTION(KIND, struct refresh_options, member)

static const struct option refresh_rows[] = {
    OPTION_TOPIC("Who holds a share"),
    {"public", 0, REFRESH(FILE_ONCE, public), "FILE", "the public file of the quorum"},
    {"card", 0, REFRESH(FILES, cards), "CARD", "the card of a holder; once for each, in their order"},
    {"next", 0, REFRESH(FILES, next), "I=CARD", "name and key of holder I from now on"},
    OPTION_TOPIC("What is asked"),
    {"yes", 0, REFRESH(FLAG, yes), NULL, "do not ask for confirmation"},
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"out-dir", 0, REFRESH(OUT_DIR, out_dir), "DIR", "write I.delta for each holder into DIR"},
    {0},
};

const struct command cmd_quorum_refresh = {
    .name = "quorum refresh",
    .operands = "",
    .summary = "make what gives every holder a new share of the same key",
    .examples = "quorum refresh --public quorum/quorum.pub --card alice.card \\\n"
                "    --card bob.card --card carol.card --out-dir deltas",
    .see_also = "quorum apply (which takes the deltas), quorum destroy",
    .size = sizeof(struct refresh_options),
    .groups = {{refresh_rows, 0}, {record_rows, offsetof(struct refresh_options, record)}},
    .run = run_refresh,
};
