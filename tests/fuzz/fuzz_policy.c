/* Fuzz target: policies. The input is the signed fields of a SIGSTRUCT and the text of a policy. What is
 * refused is refused with one line; what is accepted says the same when its values are written again, and
 * judges the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/ceremony/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void must_be_printable(struct view v)
{
    for (size_t i = 0; i < v.len; i++)
        must(v.data[i] == '\n' || (v.data[i] >= ' ' && v.data[i] <= '~'));
}

/* The bytes go over the fields that are not constants, in the order of the table. */
static struct view take_fields(struct view in, struct sigstruct *ret)
{
    sigstruct_init(ret);
    for (int f = 0; f < CSS_FIELDS; f++) {
        const struct css_row *row = &css_table[f];

        if (!row->is_signed || row->kind == CSS_FIXED || row->kind == CSS_RESERVED || row->size > in.len)
            continue;
        sigstruct_put(ret, (enum css_field)f, view_slice(in, 0, row->size));
        in = view_slice(in, row->size, in.len - row->size);
    }
    return in;
}

static struct policy_outcome judge(const struct policy *p, const struct sigstruct *css, size_t size)
{
    static const uint8_t mrsigner[MRSIGNER_SIZE] = {1};
    const struct policy_claims claims = {1, 0, -1, 1, 0, -1, 1};
    struct policy_outcome o = {0};

    policy_outcome_begin(p, &o);
    policy_check_fields(p, css, &o);
    policy_check_items(p, size, &o);
    policy_check_mrsigner(p, mrsigner, &o);
    policy_check_claims(p, &claims, &o);
    policy_check_sole_key(p, &o);
    policy_check_approvals(p, size % 5, size % 3, size % 7 == 0 ? "bob" : NULL, &o);
    policy_check_transcript(p, size % 2 == 0, &o);
    policy_check_confirm(p, size % 2 == 1, &o);
    return o;
}

/* Every line again, from its value. */
static void write_again(const struct policy *p, struct buf *ret)
{
    struct ens_err err = {0};

    must(buf_printf(ret, &err, "policy 1\n"));
    for (int c = 0; c < POLICY_KEYWORDS; c++) {
        if (policy_has(p, (enum policy_check)c))
            must(buf_printf(ret, &err, "%s ", policy_name((enum policy_check)c)) &&
                 policy_value(p, (enum policy_check)c, ret, &err) && buf_printf(ret, &err, "\n"));
    }
    must(buf_printf(ret, &err, "end\n"));
}

/* A list over several lines may be more than one line can hold: that is the one thing that can be lost. */
static void check_again(const struct policy *p, const struct sigstruct *css, size_t size,
                        const struct policy_outcome *first)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    ENS_CLEANUP(policy_freep) struct policy *again = NULL;
    struct ens_err err = {0};

    write_again(p, &text);
    must_be_printable(buf_view(&text));
    if (!policy_parse(buf_view(&text), "again", &again, &err)) {
        must(policy_has(p, POLICY_MRENCLAVE) &&
             (strstr(err.msg, "many-words: ") || strstr(err.msg, "long-line: ")));
        return;
    }
    struct policy_outcome second = judge(again, css, size);

    for (int c = 0; c < POLICY_CHECKS; c++)
        must(first->rows[c].result == second.rows[c].result &&
             strcmp(first->rows[c].text, second.rows[c].text) == 0);
    must(strcmp(policy_unchecked(p), policy_unchecked(again)) == 0);
}

static void check_policy(const struct policy *p, const struct sigstruct *css, size_t size)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    struct ens_err err = {0};
    struct policy_outcome o = judge(p, css, size);
    bool fails = false;
    size_t lines = 0;
    size_t hold = 0;

    must(policy_render(&o, &text, &err));
    must_be_printable(buf_view(&text));
    for (int c = 0; c < POLICY_CHECKS; c++)
        fails = fails || o.rows[c].result == POLICY_FAILS;
    must(policy_met(&o, &err) == !fails);
    policy_count(p, &o, &lines, &hold);
    must(hold <= lines);
    check_again(p, css, size, &o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ENS_CLEANUP(policy_freep) struct policy *p = NULL;
    struct sigstruct css;
    struct view text = take_fields(view_of(data, size), &css);
    struct ens_err err = {0};

    if (!policy_parse(text, "p", &p, &err)) {
        must(err.code == ENS_DATA && strchr(err.msg, '\n') == NULL);
        return 0;
    }
    check_policy(p, &css, size);
    check_policy(p, NULL, size);
    return 0;
}
