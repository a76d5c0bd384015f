/* quorum repair: what a holder has of the share that another one lost, sealed to that one's card. It is the most
 * dangerous thing that a holder can be talked into, and says so. */
#include <stdio.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/base/num.h"
#include "signer/base/text.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/quorum/quorum.h"
#include "signer/cmd/quorum/share.h"
#include "signer/flow/record.h"
#include "signer/flow/sealing_key.h"
#include "signer/quorum/deal.h"
#include "signer/quorum/seal.h"
#include "signer/quorum/subsets.h"
#include "signer/ui/notice.h"
#include "signer/ui/output.h"

struct repair_options {
    struct sealing_key_options key;
    struct output_options out;
    struct record_options record;
    const char *share, *for_holder, *card;
    bool yes;
};

/* One run of quorum repair. */
struct run {
    const struct repair_options *args;
    struct transcript *transcript; /* NULL: none is kept */
    struct own_share share;
    struct quorum_card card;
    struct quorum_repair *repair;
    struct sealing_key *key;
    struct output *out;
    unsigned holder; /* who lost his share */
    unsigned count;  /* of the pieces that both have */
};

static void repair_free(struct run *r)
{
    output_closep(&r->out);
    sealing_key_closep(&r->key);
    mem_free(r->repair);
    share_free(&r->share);
    transcript_closep(&r->transcript);
}

static bool read_repaired(struct run *r, struct ens_err *err)
{
    uint64_t holder = 0;

    if (!share_load(r->args->share, r->transcript, &r->share, err) ||
        !quorum_load_card(r->args->card, &r->card, err))
        return false;
    const struct quorum_public *q = &r->share.file->public;

    if (!num_parse(r->args->for_holder, "--for", QUORUM_HOLDERS_MAX, &holder, err))
        return false;
    r->holder = (unsigned)holder;
    if (r->holder < 1 || r->holder > q->holders || r->holder == r->share.file->holder)
        return ens_fail(err, ENS_USAGE, "--for: %u: name another holder of the %u of this quorum", r->holder,
                        q->holders);
    struct subsets s = subsets_of_quorum(q);

    for (unsigned a = 0; a < s.len; a++)
        r->count += subsets_has(&s, r->holder, a) && subsets_has(&s, r->share.file->holder, a) ? 1 : 0;
    if (r->count == 0)
        return ens_fail(
            err, ENS_DATA,
            "%s: in %u of %u no two holders have a piece in common: a lost share is lost for ever",
            r->args->share, q->threshold, q->holders);
    if (!quorum_record_card(r->transcript, r->holder, &r->card, err))
        return false;
    return true;
}

/* The name and the first four words are typed if the card is not the one that the quorum names. */
static bool review_repair(struct run *r, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    ENS_CLEANUP(mem_freep) char *words = NULL;
    const struct quorum_public *q = &r->share.file->public;
    const struct quorum_holder *named = &q->holder[r->holder - 1];
    unsigned others = q->threshold - 1;
    bool is_named = memcmp(named->key, r->card.key, QUORUM_ID) == 0;
    struct quorum_question question = {.object = r->args->share,
                                       .verb = "make the repair",
                                       .question = "Make it? Type yes to make it: ",
                                       .no = "nothing was made"};

    if (!text_line(&text, err,
                   "Gives %u piece%s of the key to whoever holds this card. If %u other holder%s dishonest "
                   "and the card is not %s's, that one has the whole key.",
                   r->count, r->count == 1 ? "" : "s", others, others == 1 ? " is" : "s are", named->name) ||
        !text_line(&text, err, "For holder %u, %s; the card says %s", r->holder, named->name, r->card.name) ||
        !review_groups(r->card.key, &text, err) || !review_rows_of_words(r->card.key, &text, err))
        return false;
    if (!is_named) {
        if (!text_line(&text, err,
                       "This is NOT the card that the quorum names for %s. Never take one that came by mail: "
                       "have its words read to you by a voice or a face that you know.",
                       named->name))
            return false;
        words = quorum_name_and_words(named->name, r->card.key, err);
        if (words == NULL)
            return false;
        question.question = "Type the holder's name and the first four words of the card: ";
        question.answer = words;
    }
    question.text = buf_view(&text);
    return quorum_confirm(&question, r->args->yes, r->transcript, err);
}

static bool make_repair(struct run *r, struct buf *ret, struct ens_err *err)
{
    struct quorum_pieces given = {0};

    memcpy(r->repair->quorum, r->share.file->public.id, QUORUM_ID);
    r->repair->from = r->share.file->holder;
    r->repair->holder = r->holder;
    bool ok = share_open(&r->share, r->key, err) &&
              deal_select(&r->share.file->public, 1U << (r->share.file->holder - 1), &r->share.pieces.bytes,
                          r->holder, &given, err) &&
              seal_pieces(r->repair, &r->card, &given, err);

    secret_wipe(&r->share.pieces.bytes);
    secret_wipe(&given.bytes);
    return ok && quorum_write(r->repair, ret, err);
}

static bool repair_walk(struct run *r, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};

    r->repair = mem_alloc(1, sizeof *r->repair, err);
    if (r->repair == NULL || !read_repaired(r, err) ||
        !output_open(r->args->out.output, false, r->args->out.force, &r->out, err) ||
        !sealing_key_open(&r->args->key, &r->key, err) || !share_fits(&r->share, r->key, err) ||
        !review_repair(r, err) || !record_intent(r->transcript, NULL, 0, err) ||
        !make_repair(r, &text, err) || !output_commit(r->out, buf_view(&text), err))
        return false;
    notice_say(
        "%s: %u pieces for holder %u, who needs those of %u others. Next: quorum restore, by that holder.",
        output_name(r->args->out.output), r->count, r->holder, r->share.file->public.threshold);
    return true;
}

static bool run_repair(const struct command_line *line, struct ens_err *err)
{
    const struct repair_options *args = line->options;
    ENS_CLEANUP(repair_free) struct run r = {.args = args};

    if (args->share == NULL || args->for_holder == NULL || args->card == NULL)
        return ens_fail(err, ENS_USAGE,
                        "%s: is missing: quorum repair needs --share FILE, --for I and --card CARD",
                        args->share == NULL        ? "--share"
                        : args->for_holder == NULL ? "--for"
                                                   : "--card");
    if (!sealing_key_require(&args->key, err) || !number_lock_memory(err) ||
        !record_open(line, &args->record, &r.transcript, err))
        return false;
    return record_end(r.transcript, &(struct record_end){0}, repair_walk(&r, err), err);
}

#define REPAIR(KIND, member) OPTION(KIND, struct repair_options, member)

static const struct option repair_rows[] = {
    OPTION_TOPIC("Whose share is lost, and who helps"),
    {"share", 0, REPAIR(FILE_ONCE, share), "FILE", "your own share"},
    {"for", 0, REPAIR(ONCE, for_holder), "I", "the number of the holder who lost the share"},
    {"card", 0, REPAIR(FILE_ONCE, card), "CARD", "that holder's card"},
    {"yes", 0, REPAIR(FLAG, yes), NULL, "do not ask for confirmation"},
    {0},
};

const struct command cmd_quorum_repair = {
    .name = "quorum repair",
    .operands = "",
    .summary = "give a holder what you have of a lost share",
    .examples = "quorum repair --share alice.share --identity alice.identity \\\n"
                "    --for 2 --card bob.card -o alice.repair",
    .see_also = "quorum restore (which takes the repairs), quorum refresh",
    .size = sizeof(struct repair_options),
    .groups = {{repair_rows, 0},
               {sealing_key_rows, offsetof(struct repair_options, key)},
               {token_rows, offsetof(struct repair_options, key.token)},
               {output_rows, offsetof(struct repair_options, out)},
               {record_rows, offsetof(struct repair_options, record)}},
    .run = run_repair,
};
