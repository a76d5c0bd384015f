/* quorum combine: the partials of M holders make the one signature. No secret is here, so that any host will do: what
 * verifies is the signature, whoever wrote the files. */
#include <stdio.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/armour.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/quorum/quorum.h"
#include "signer/flow/record.h"
#include "signer/flow/request.h"
#include "signer/quorum/combine.h"
#include "signer/quorum/prove.h"
#include "signer/sgx/rsa3072.h"
#include "signer/ui/notice.h"
#include "signer/ui/output.h"

#define PARTIALS_MAX 64

struct combine_options {
    struct output_options out;
    struct record_options record;
    const char *public, *sign_data, *mrsigner, *pubkey;
    bool strict;
};

/* One run of quorum combine. */
struct run {
    const struct command_line *line;
    const struct combine_options *args;
    struct transcript *transcript; /* NULL: none is kept */
    struct quorum_public *quorum;
    struct requests requests; /* the sign-data */
    struct output *out, *pubkey_out;
    struct quorum_partial *partials; /* one for each operand */
    const struct quorum_partial *good[PARTIALS_MAX];
    size_t good_len;
    uint8_t sums[PARTIALS_MAX][DIGEST_SIZE]; /* of the files */
    size_t bad;
};

static void combine_free(struct run *r)
{
    output_closep(&r->pubkey_out);
    output_closep(&r->out);
    mem_free(r->partials);
    requests_free(&r->requests);
    mem_free(r->quorum);
    transcript_closep(&r->transcript);
}

/* ---- verdicts ---- */

static const struct {
    const char *key, *words;
} verdicts[] = {
    [QUORUM_OK] = {"ok", "good"},
    [QUORUM_DUPLICATE] = {"duplicate", "is there twice: counted once"},
    [QUORUM_MALFORMED] = {"malformed", "has not the number of values of that holder"},
    [QUORUM_RANGE] = {"range", "a number is out of range"},
    [QUORUM_OTHER_QUORUM] = {"other-quorum", "was made with another quorum, or another epoch of this one"},
    [QUORUM_OTHER_SIGN_DATA] = {"other-sign-data", "is over other sign-data"},
    [QUORUM_BAD_PROOF] = {"bad-proof", "the proof does not hold"},
};

/* The holder (0: not read) of a file that is bad is a claim: anybody can write it. */
static void say_verdict(struct run *r, const char *path, unsigned holder, enum quorum_verdict verdict,
                        const char *why)
{
    ENS_CLEANUP(buf_free) struct buf line = {0};
    struct ens_err ignored = {0};
    bool is_named = holder >= 1 && holder <= r->quorum->holders;
    const char *name = is_named ? r->quorum->holder[holder - 1].name : "";
    char number[16] = "";

    if (holder > 0)
        (void)snprintf(number, sizeof number, "%u", holder);
    transcript_put(r->transcript, "verdict", path, number, verdicts[verdict].key);
    if (is_named && verdict == QUORUM_OK) {
        notice_say("%s: holder %u (%s): good", path, holder, name);
        return;
    }
    if (verdict != QUORUM_DUPLICATE)
        r->bad++;
    if (why == NULL)
        why = verdicts[verdict].words;
    /* Said also with --quiet: somebody made that file. */
    if (is_named ? buf_printf(&line, &ignored, "%s (says holder %u, %s): %s\n", path, holder, name, why)
                 : buf_printf(&line, &ignored, "%s: %s\n", path, why))
        notice_details(buf_view(&line));
}

static bool is_duplicate(const struct run *r, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (memcmp(r->sums[i], r->sums[index], DIGEST_SIZE) == 0)
            return true;
    }
    return false;
}

/* A file that cannot be opened or read ends the run; all else is a verdict. */
static bool judge_partial(struct run *r, size_t index, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    const char *path = r->line->operands[index];
    struct quorum_partial *p = &r->partials[index];
    enum quorum_verdict verdict = QUORUM_OK;
    struct ens_err why = {0};

    bool ok = armour_read(path, QUORUM_FILE_MAX, ARMOUR_ONLY(ARMOUR_PARTIAL), &file, &why);

    if (ok && !digest_of(DIGEST_SHA256, buf_view(&file), r->sums[index], err))
        return false;
    if (ok && is_duplicate(r, index)) {
        say_verdict(r, path, 0, QUORUM_DUPLICATE, NULL);
        return true;
    }
    if (!ok || !quorum_read(buf_view(&file), path, p, &why)) {
        size_t len = strlen(path);

        if (why.code != ENS_DATA) {
            *err = why;
            return false;
        }
        /* The message begins with the name. */
        bool has_name = strncmp(why.msg, path, len) == 0 && strncmp(why.msg + len, ": ", 2) == 0;

        say_verdict(r, path, 0, QUORUM_MALFORMED, has_name ? why.msg + len + 2 : why.msg);
        return true;
    }
    transcript_put(r->transcript, "partial", path, hex_of(view_of(r->sums[index], DIGEST_SIZE)).text,
                   hex_of(view_of(p->digest, sizeof p->digest)).text);
    if (!prove_verify(r->quorum, p, r->requests.items[0].digest, &verdict, err))
        return false;
    say_verdict(r, path, p->holder, verdict, NULL);
    if (verdict == QUORUM_OK)
        r->good[r->good_len++] = p;
    return true;
}

/* ---- the walk ---- */

static bool read_inputs(struct run *r, struct ens_err *err)
{
    char *sign_data[] = {(char *)(uintptr_t)r->args->sign_data};
    const struct requests_wanted wanted = {
        .paths = sign_data, .len = 1, .blind = true, .allow_unusual = true};

    if (!quorum_load_public(r->args->public, &r->quorum, err) ||
        !quorum_pin(r->args->mrsigner, r->quorum->mrsigner, err) ||
        !requests_read(&wanted, &r->requests, err))
        return false;
    if (requests_any_blind(&r->requests))
        return ens_fail(err, ENS_DATA, "%s: is a bare digest: give the sign-data", r->args->sign_data);
    quorum_record(r->transcript, r->quorum);
    record_requests(r->transcript, &r->requests);
    return true;
}

/* Why there is no signature. */
static bool fail_combine(const struct run *r, const struct combine_result *result, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf holders = {0};
    unsigned present = 0;
    unsigned count = 0;

    if (result->is_complete)
        return ens_fail(
            err, ENS_BADSIG,
            "quorum: %u good partials are there, and none of their combinations verifies: leave out one "
            "file after the other, and compare the quorum id with the holders",
            r->quorum->threshold);
    for (size_t i = 0; i < r->good_len; i++)
        present |= 1U << (r->good[i]->holder - 1);
    for (unsigned i = 1; i <= r->quorum->holders; i++) {
        if ((present >> (i - 1) & 1) == 1 &&
            !buf_printf(&holders, err, "%s %u", count++ == 0 ? ": holder" : ",", i))
            return false;
    }
    return ens_fail(err, r->bad > 0 ? ENS_DATA : ENS_REFUSED, "quorum: %u of %u are needed, %u %s here%.*s%s",
                    r->quorum->threshold, r->quorum->holders, count, count == 1 ? "is" : "are",
                    (int)holders.len, (const char *)holders.data,
                    r->bad > 0 ? " (the bad files are named above)" : "");
}

static bool write_results(struct run *r, const struct combine_result *result, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf pem = {0};
    uint8_t sum[DIGEST_SIZE];
    char holders[2 * QUORUM_HOLDERS_MAX] = ""; /* "1,3" */
    size_t len = 0;
    struct pubkey key;
    bool is_verified = false;

    memcpy(key.modulus, r->quorum->modulus, sizeof key.modulus);
    if (!rsa3072_verify(&key, r->requests.items[0].digest, result->signature, &is_verified, err))
        return false;
    if (!is_verified)
        return ens_fail(err, ENS_BUG,
                        "quorum: the signature was found, and does not verify: nothing was written");
    if (!digest_of(DIGEST_SHA256, view_of(result->signature, SIGNATURE_SIZE), sum, err))
        return false;
    for (unsigned i = 1; i <= r->quorum->holders; i++) {
        if ((result->holders >> (i - 1) & 1) == 1)
            len += (size_t)snprintf(holders + len, sizeof holders - len, len == 0 ? "%u" : ",%u", i);
    }
    transcript_put(r->transcript, "combined", hex_of(view_of(sum, sizeof sum)).text, holders);
    if (!output_commit(r->out, view_of(result->signature, SIGNATURE_SIZE), err))
        return false;
    return r->pubkey_out == NULL ||
           (rsa3072_write_pubkey(&key, &pem, err) && output_commit(r->pubkey_out, buf_view(&pem), err));
}

static bool combine_walk(struct run *r, struct ens_err *err)
{
    const struct combine_options *a = r->args;
    struct combine_result result = {0};

    if (!read_inputs(r, err) || !output_open(a->out.output, true, a->out.force, &r->out, err) ||
        (a->pubkey != NULL && !output_open(a->pubkey, false, a->out.force, &r->pubkey_out, err)))
        return false;
    r->partials = mem_alloc(r->line->operands_len, sizeof *r->partials, err);
    if (r->partials == NULL)
        return false;
    for (size_t i = 0; i < r->line->operands_len; i++) {
        if (!judge_partial(r, i, err))
            return false;
    }
    if (a->strict && r->bad > 0)
        return ens_fail(err, ENS_DATA, "--strict: %zu of the files are bad: leave them out", r->bad);
    if (!combine_partials(r->quorum, r->good, r->good_len, r->requests.items[0].digest, &result, err))
        return false;
    if (result.holders == 0)
        return fail_combine(r, &result, err);
    if (!write_results(r, &result, err))
        return false;
    notice_say("%s: the signature of %u of %u; it verifies. Next: set-sig, as with any signature.",
               output_name(a->out.output), r->quorum->threshold, r->quorum->holders);
    return true;
}

static bool run_combine(const struct command_line *line, struct ens_err *err)
{
    const struct combine_options *args = line->options;
    ENS_CLEANUP(combine_free) struct run r = {.line = line, .args = args};

    if (args->public == NULL || args->sign_data == NULL)
        return ens_fail(err, ENS_USAGE,
                        "%s: is missing: quorum combine needs --public FILE and --sign-data FILE",
                        args->public == NULL ? "--public" : "--sign-data");
    if (!record_open(line, &args->record, &r.transcript, err))
        return false;
    return record_end(r.transcript, &(struct record_end){0}, combine_walk(&r, err), err);
}

#define COMBINE(KIND, member) OPTION(KIND, struct combine_options, member)

static const struct option combine_rows[] = {
    OPTION_TOPIC("What was signed, and by whom"),
    {"public", 0, COMBINE(FILE_ONCE, public), "FILE", "the public file of the quorum"},
    {"sign-data", 0, COMBINE(FILE_ONCE, sign_data), "FILE", "what the holders were given"},
    {"mrsigner", 0, COMBINE(ONCE, mrsigner), "HEX", "only for the quorum that has this MRSIGNER"},
    {"strict", 0, COMBINE(FLAG, strict), NULL, "no signature if any file is bad"},
    OPTION_TOPIC(TOPIC_OUTPUT),
    {"pubkey", 0, COMBINE(BESIDE_ONCE, pubkey), "FILE", "write the public key as well, PEM"},
    {0},
};

const struct command cmd_quorum_combine = {
    .name = "quorum combine",
    .operands = "[PARTIAL...]",
    .summary = "make one signature of the partials of M holders",
    .examples = "quorum combine --public quorum/quorum.pub \\\n"
                "    --sign-data app.signdata -o app.sig partials/*.partial",
    .see_also = "quorum deal; set-sig (what is done with the signature)",
    .size = sizeof(struct combine_options),
    .groups = {{combine_rows, 0},
               {output_rows, offsetof(struct combine_options, out)},
               {record_rows, offsetof(struct combine_options, record)}},
    .max = PARTIALS_MAX,
    .run = run_combine,
};
