/* quorum deal: a key is cut into shares, on a machine that is switched off for good afterwards. The order is always:
 * memory, swap, cards, entropy, places, key, review, confirmation, dealing, rehearsal with every set of holders, sealing,
 * wiping, writing. */
#include "signer/quorum/deal.h"

#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/interrupt.h"
#include "signer/base/mem.h"
#include "signer/base/num.h"
#include "signer/base/path.h"
#include "signer/base/text.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/quorum/quorum.h"
#include "signer/flow/pin.h"
#include "signer/flow/record.h"
#include "signer/flow/swap.h"
#include "signer/quorum/check.h"
#include "signer/quorum/combine.h"
#include "signer/quorum/prove.h"
#include "signer/quorum/seal.h"
#include "signer/quorum/subsets.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/rsa3072_private.h"
#include "signer/ui/notice.h"
#include "signer/ui/output.h"

#define ENTROPY_MAX (64u << 20) /* bytes of a photograph */

struct deal_options {
    struct record_options record;
    const char *threshold, *from, *pin_source, *mrsigner, *pubkey, *out_dir;
    struct text_list cards, entropy;
    bool allow_swap, yes, force;
};

/* One run of quorum deal. */
struct run {
    const struct deal_options *args;
    struct transcript *transcript; /* NULL: none is kept */
    unsigned threshold, holders;
    struct quorum_card cards[QUORUM_HOLDERS_MAX];
    struct secret primes;
    uint8_t mrsigner[MRSIGNER_SIZE]; /* --from */
    struct quorum_public *quorum;
    struct secret pieces;                                /* all */
    struct quorum_partial *partials[QUORUM_HOLDERS_MAX]; /* of the rehearsal */
    struct quorum_share *share;                          /* the one that is being written */
    struct output *pubkey_out;
    struct file_out *outs[QUORUM_HOLDERS_MAX + 1]; /* the shares, and first the public file */
    char *paths[QUORUM_HOLDERS_MAX + 1];
};

static void deal_free(struct run *r)
{
    for (size_t i = 0; i <= QUORUM_HOLDERS_MAX; i++) {
        file_out_closep(&r->outs[i]);
        mem_free(r->paths[i]);
    }
    for (size_t i = 0; i < QUORUM_HOLDERS_MAX; i++)
        mem_free(r->partials[i]);
    output_closep(&r->pubkey_out);
    secret_wipe(&r->primes);
    secret_wipe(&r->pieces);
    mem_free(r->share);
    mem_free(r->quorum);
    transcript_closep(&r->transcript);
}

/* ---- the machine ---- */

static void addresses_freep(struct ifaddrs **list)
{
    if (*list != NULL)
        freeifaddrs(*list);
}

static void warn_network(void)
{
    ENS_CLEANUP(addresses_freep) struct ifaddrs *list = NULL;

    if (getifaddrs(&list) != 0)
        list = NULL;
    for (const struct ifaddrs *a = list; a != NULL; a = a->ifa_next) {
        if ((a->ifa_flags & IFF_UP) != 0 && (a->ifa_flags & IFF_LOOPBACK) == 0) {
            notice_warn("network interface %s is up: deal on a machine without a network", a->ifa_name);
            return;
        }
    }
}

static bool check_machine(const struct run *r, struct ens_err *err)
{
    bool swaps = false;

    if (!number_lock_memory(err) || !swap_is_used(&swaps, err))
        return false;
    if (swaps && !r->args->allow_swap)
        return ens_fail(err, ENS_REFUSED,
                        "swap is active: memory may reach a disk: swapoff -a, or --allow-swap");
    if (swaps)
        notice_warn("swap is active: memory may reach a disk");
    warn_network();
    return true;
}

/* ---- what the command line names ---- */

static bool read_cards(struct run *r, struct ens_err *err)
{
    for (unsigned i = 0; i < r->holders; i++) {
        struct quorum_card *c = &r->cards[i];

        if (!quorum_load_card(r->args->cards.items[i], c, err) ||
            !quorum_record_card(r->transcript, i + 1, c, err))
            return false;
        for (unsigned j = 0; j < i; j++) {
            if (strcasecmp(r->cards[j].name, c->name) == 0)
                return ens_fail(err, ENS_USAGE,
                                "%s: has the name of %s: a holder is one person with one card",
                                r->args->cards.items[i], r->args->cards.items[j]);
            if (memcmp(r->cards[j].key, c->key, QUORUM_ID) == 0)
                return ens_fail(err, ENS_USAGE, "%s: has the key of %s: a holder is one person with one key",
                                r->args->cards.items[i], r->args->cards.items[j]);
        }
    }
    return true;
}

static bool read_entropy(const struct run *r, struct ens_err *err)
{
    for (size_t i = 0; i < r->args->entropy.len; i++) {
        ENS_CLEANUP(buf_free) struct buf file = {0};

        if (!file_read_all(r->args->entropy.items[i], ENTROPY_MAX, &file, err) ||
            !number_stir(buf_view(&file), err))
            return false;
        explicit_bzero(file.data, file.len);
    }
    return true;
}

/* Nothing may stand at any of the names. */
static bool prepare_places(struct run *r, struct ens_err *err)
{
    size_t swept = 0;

    for (unsigned i = 0; i <= r->holders; i++) {
        r->paths[i] = i == 0 ? mem_printf(err, "%s/quorum.pub", r->args->out_dir)
                             : mem_printf(err, "%s/%u.share", r->args->out_dir, i);
        if (r->paths[i] == NULL)
            return false;
        if (faccessat(AT_FDCWD, r->paths[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return ens_fail(err, ENS_CANTCREAT, "%s: exists: no share is replaced, name another directory",
                            r->paths[i]);
        if (r->args->pubkey != NULL && path_is_same(r->args->pubkey, r->paths[i]))
            return ens_fail(err, ENS_USAGE, "--pubkey: %s is written as well: name another file",
                            r->paths[i]);
        if (!file_out_open(r->paths[i], FILE_OUT_NEVER, &r->outs[i], err))
            return false;
    }
    return (r->args->pubkey == NULL ||
            output_open(r->args->pubkey, false, r->args->force, &r->pubkey_out, err)) &&
           file_sweep(r->args->out_dir, &swept, err);
}

/* ---- the key ---- */

static bool read_key(struct run *r, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = -1;
    ENS_CLEANUP(secret_wipe) struct secret file = {0};
    ENS_CLEANUP(secret_wipe) struct secret passphrase = {0};
    const char *path = r->args->from;

    if (path == NULL)
        return true;
    if (!secret_alloc_size(&file, RSA3072_KEY_FILE_MAX, err) || !file_open(path, &fd, err) ||
        !file_read(fd, path, (uint8_t *)file.data, RSA3072_KEY_FILE_MAX, &file.len, err))
        return false;
    struct view pem = view_of(file.data, file.len);
    struct pubkey key;
    bool is_encrypted = rsa3072_private_is_encrypted(pem);

    if (is_encrypted && (!secret_alloc(&passphrase, err) ||
                         !pin_read(r->args->pin_source, false, "Passphrase of the key", &passphrase, err)))
        return false;
    return rsa3072_private_read(pem, path, is_encrypted ? &passphrase : NULL, &r->primes, &key, err) &&
           rsa3072_mrsigner(&key, r->mrsigner, err) && quorum_pin(r->args->mrsigner, r->mrsigner, err);
}

static bool on_step(struct ens_err *err)
{
    static unsigned steps;
    char line[64];

    if (notice_is_watched() && ++steps % 64 == 0) {
        (void)snprintf(line, sizeof line, "looking for two safe primes: %u steps", steps);
        notice_status(line);
    }
    return interrupt_check(err);
}

static bool generate_key(struct run *r, struct ens_err *err)
{
    if (r->args->from != NULL)
        return true;
    notice_say("Making a key of two safe primes: 5 to 30 seconds.");
    bool ok = number_safe_primes(on_step, &r->primes, err);

    if (notice_is_watched())
        notice_status(NULL);
    return ok;
}

/* ---- review ---- */

static bool add_holders(const struct run *r, struct buf *ret, struct ens_err *err)
{
    for (unsigned i = 0; i < r->holders; i++) {
        if (!quorum_add_holder(ret, i + 1, r->cards[i].name, r->cards[i].key, err))
            return false;
    }
    return true;
}

static bool review_deal(struct run *r, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    unsigned lost = r->holders - r->threshold + 1;

    if (!text_line(&text, err, "Deals %s for %u of %u holders.",
                   r->args->from != NULL ? r->args->from : "a new key", r->threshold, r->holders) ||
        (r->args->from != NULL &&
         !text_line(&text, err, "MRSIGNER %s", hex_of(view_of(r->mrsigner, MRSIGNER_SIZE)).text)) ||
        !add_holders(r, &text, err) ||
        !text_line(&text, err,
                   "%u of %u: losing %u share%s loses MRSIGNER for ever; %u thieves sign anything.",
                   r->threshold, r->holders, lost, lost == 1 ? "" : "s", r->threshold))
        return false;
    return quorum_confirm(&(struct quorum_question){.text = buf_view(&text),
                                                    .object = r->args->out_dir,
                                                    .verb = "deal",
                                                    .question = "Deal it? Type yes to deal: ",
                                                    .no = "nothing was dealt"},
                          r->args->yes, r->transcript, err);
}

/* ---- dealing, and a rehearsal ---- */

static bool deal(struct run *r, struct ens_err *err)
{
    struct quorum_public *q = r->quorum;

    if (!deal_pieces(&r->primes, r->threshold, r->holders, &number_openssl, q, &r->pieces, err))
        return false;
    secret_wipe(&r->primes);
    for (unsigned i = 0; i < r->holders; i++) {
        memcpy(q->holder[i].name, r->cards[i].name, sizeof q->holder[i].name);
        memcpy(q->holder[i].key, r->cards[i].key, sizeof q->holder[i].key);
    }
    return quorum_set_id(q, err) && check_public(q, err);
}

/* A partial of each holder over a text that is no sign-data. */
static bool make_partials(struct run *r, uint8_t ret_digest[static DIGEST_SIZE], struct ens_err *err)
{
    if (!digest_of(DIGEST_SHA256, view_of_string("ensign quorum deal"), ret_digest, err))
        return false;
    for (unsigned i = 1; i <= r->holders; i++) {
        struct quorum_pieces pieces = {0};

        r->partials[i - 1] = mem_alloc(1, sizeof *r->partials[0], err);
        bool ok = r->partials[i - 1] != NULL && interrupt_check(err) &&
                  deal_select(r->quorum, 0, &r->pieces, i, &pieces, err) &&
                  check_pieces(r->quorum, 1U << (i - 1), &pieces, &number_openssl, err) &&
                  prove_partial(r->quorum, i, &pieces, ret_digest, &number_openssl, r->partials[i - 1], err);

        secret_wipe(&pieces.bytes);
        if (!ok)
            return false;
    }
    return true;
}

/* Every set of M holders must make the signature. */
static bool rehearse(struct run *r, struct ens_err *err)
{
    struct subsets s = subsets_of_quorum(r->quorum);
    uint8_t digest[DIGEST_SIZE];
    struct pubkey key;
    unsigned set = 0;

    memcpy(key.modulus, r->quorum->modulus, sizeof key.modulus);
    if (!make_partials(r, digest, err))
        return false;
    while (subsets_next(&s, &set)) {
        const struct quorum_partial *members[QUORUM_HOLDERS_MAX];
        struct combine_result result = {0};
        size_t len = 0;
        bool ok = false;

        for (unsigned i = 0; i < r->holders; i++) {
            if ((set >> i & 1) == 1)
                members[len++] = r->partials[i];
        }
        if (!combine_partials(r->quorum, members, len, digest, &result, err) ||
            !rsa3072_verify(&key, digest, result.signature, &ok, err))
            return false;
        if (result.holders != set || !ok)
            return ens_fail(err, ENS_BUG,
                            "quorum: the rehearsal of a set of holders fails: nothing was written");
    }
    return true;
}

/* ---- writing ---- */

static bool write_public(struct run *r, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};

    return quorum_write(r->quorum, &text, err) && file_out_write(r->outs[0], buf_view(&text), err);
}

static bool write_share(struct run *r, unsigned holder, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    struct quorum_pieces pieces = {0};

    r->share->holder = holder;
    memcpy(r->share->quorum, r->quorum->id, sizeof r->share->quorum);
    r->share->public = *r->quorum;
    bool ok = deal_select(r->quorum, 0, &r->pieces, holder, &pieces, err) &&
              seal_pieces(r->share, &r->cards[holder - 1], &pieces, err);

    secret_wipe(&pieces.bytes);
    return ok && quorum_write(r->share, &text, err) && file_out_write(r->outs[holder], buf_view(&text), err);
}

static bool write_all(struct run *r, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf pem = {0};
    struct pubkey key;
    bool ok = write_public(r, err);

    for (unsigned i = 1; ok && i <= r->holders; i++)
        ok = write_share(r, i, err);
    if (!ok)
        return false;
    secret_wipe(&r->pieces);
    if (!interrupt_check(err) || !quorum_commit(r->outs, r->paths, r->holders + 1, err))
        return false;
    memcpy(key.modulus, r->quorum->modulus, sizeof key.modulus);
    return r->pubkey_out == NULL ||
           (rsa3072_write_pubkey(&key, &pem, err) && output_commit(r->pubkey_out, buf_view(&pem), err));
}

/* ---- the walk ---- */

static bool deal_walk(struct run *r, struct ens_err *err)
{
    (void)umask(077);
    r->quorum = mem_alloc(1, sizeof *r->quorum, err);
    r->share = mem_alloc(1, sizeof *r->share, err);
    if (r->quorum == NULL || r->share == NULL)
        return false;
    if (!check_machine(r, err) || !read_cards(r, err) || !read_entropy(r, err) || !prepare_places(r, err) ||
        !read_key(r, err) || !review_deal(r, err) || !record_intent(r->transcript, NULL, 0, err) ||
        !generate_key(r, err) || !deal(r, err) || !rehearse(r, err) || !write_all(r, err))
        return false;
    quorum_record(r->transcript, r->quorum);
    notice_say(
        "%s: quorum.pub and %u shares, each sealed to its holder's card. Next: each runs quorum check with "
        "the "
        "own key on the own machine, and all read the words aloud, before this machine is switched off.",
        r->args->out_dir, r->holders);
    return quorum_say_id(r->quorum, err);
}

static bool run_deal(const struct command_line *line, struct ens_err *err)
{
    const struct deal_options *args = line->options;
    ENS_CLEANUP(deal_free) struct run r = {.args = args, .holders = (unsigned)args->cards.len};
    uint64_t threshold = 0;

    if (args->threshold == NULL || args->out_dir == NULL || args->cards.len == 0)
        return ens_fail(err, ENS_USAGE,
                        "%s: is missing: quorum deal needs --threshold M, --card CARD for each "
                        "holder, and --out-dir DIR",
                        args->threshold == NULL ? "--threshold"
                        : args->out_dir == NULL ? "--out-dir"
                                                : "--card");
    if (!num_parse(args->threshold, "--threshold", QUORUM_HOLDERS_MAX, &threshold, err))
        return false;
    r.threshold = (unsigned)threshold;
    if (r.holders > QUORUM_HOLDERS_MAX || r.threshold < QUORUM_THRESHOLD_MIN || r.threshold > r.holders)
        return ens_fail(err, ENS_USAGE,
                        "--threshold: %u of %u holders: give 2 to 7 cards, and at least 2 of them",
                        r.threshold, r.holders);
    if (args->mrsigner != NULL && args->from == NULL)
        return ens_fail(err, ENS_USAGE, "--mrsigner: a new key has another one: give --from FILE as well");
    if (!record_open(line, &args->record, &r.transcript, err))
        return false;
    bool ok = record_end(r.transcript, &(struct record_end){0}, deal_walk(&r, err), err);

    if (ok && args->from != NULL)
        notice_warn("%s is still the whole key: whoever has a copy signs alone", args->from);
    return ok;
}

#define DEAL(KIND, member) OPTION(KIND, struct deal_options, member)

static const struct option deal_rows[] = {
    OPTION_TOPIC("Who holds a share"),
    {"threshold", 0, DEAL(ONCE, threshold), "M", "how many holders sign together"},
    {"card", 0, DEAL(FILES, cards), "CARD", "the card of a holder; once for each, in their order"},
    OPTION_TOPIC("Which key is dealt"),
    {"from", 0, DEAL(FILE_ONCE, from), "FILE", "deal this private key (PEM), not a new one"},
    {"pin-source", 0, DEAL(TEXT, pin_source), "SRC", "where its passphrase comes from: tty, file:PATH, fd:N"},
    {"entropy", 0, DEAL(FILES, entropy), "FILE", "bytes of dice or of a photograph, on top of the system's"},
    {"mrsigner", 0, DEAL(ONCE, mrsigner), "HEX", "deal only the key that has this MRSIGNER"},
    OPTION_TOPIC("What is asked"),
    {"yes", 0, DEAL(FLAG, yes), NULL, "do not ask for confirmation"},
    {"allow-swap", 0, DEAL(FLAG, allow_swap), NULL, "deal although memory may reach a disk"},
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"out-dir", 0, DEAL(OUT_DIR, out_dir), "DIR", "write quorum.pub and the shares into DIR"},
    {"pubkey", 0, DEAL(BESIDE_ONCE, pubkey), "FILE", "write the public key as well, PEM"},
    {"force", 0, DEAL(FLAG, force), NULL, "replace an existing public key file"},
    {0},
};

const struct command cmd_quorum_deal = {
    .name = "quorum deal",
    .operands = "",
    .summary = "cut a key into shares, of which M sign together",
    .examples = "quorum deal --threshold 2 --card alice.card --card bob.card \\\n"
                "    --card carol.card --out-dir quorum",
    .see_also = "quorum enroll (whose cards it takes), quorum combine",
    .size = sizeof(struct deal_options),
    .groups = {{deal_rows, 0}, {record_rows, offsetof(struct deal_options, record)}},
    .run = run_deal,
};
