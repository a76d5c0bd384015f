/* show of what a SIGSTRUCT says, wherever it lies: fields, signer, verdict. */
#include "signer/ceremony/review.h"
#include "signer/cmd/show/show.h"
#include "signer/sgx/known_keys.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/verify.h"

void show_begin(struct report *r, const char *heading, const char *kind, const char *path)
{
    report_line(r, "%s: %s", heading, path);
    report_text(r, "kind", NULL, kind);
    r->indent = 2;
}

static void add_texts(struct report *r, const char *key, const struct findings *found, enum severity severity)
{
    report_array(r, key, NULL, 0);
    for (size_t i = 0; i < found->len; i++) {
        if (found->items[i].severity == severity)
            report_text(r, NULL, NULL, found->items[i].text);
    }
    report_close(r);
}

void show_findings(struct report *r, const struct findings *found)
{
    add_texts(r, "errors", found, SEVERITY_ERROR);
    add_texts(r, "warnings", found, SEVERITY_WARNING);
    for (size_t i = 0; i < found->len; i++)
        report_line(r, "%s: %s", found->items[i].severity == SEVERITY_ERROR ? "error" : "warning",
                    found->items[i].text);
    if (found->dropped > 0)
        report_line(r, "(and %zu more)", found->dropped);
}

bool show_signer(struct report *r, const struct pubkey *key, struct ens_err *err)
{
    uint8_t mrsigner[MRSIGNER_SIZE];

    if (!rsa3072_mrsigner(key, mrsigner, err))
        return false;
    const char *owner = known_key_owner(mrsigner);

    report_hash(r, "mrsigner", "MRSIGNER", view_of(mrsigner, sizeof mrsigner));
    report_text(r, "known_public_key", NULL, owner);
    if (owner != NULL)
        report_line(r, "warning: everybody can sign with this key: %s", owner);
    return true;
}

bool show_sigstruct(struct report *r, const struct sigstruct *css, bool has_signature, struct ens_err *err)
{
    struct findings found = {0};
    struct pubkey key;

    if (has_signature && !verify_sigstruct(view_of(css->bytes, sizeof css->bytes), &found, err))
        return false;
    if (!has_signature)
        verify_signed_fields(css, &found);
    bool is_valid = findings_count(&found, SEVERITY_ERROR) == 0;

    review_fields(css, r);
    if (has_signature) {
        verify_key_of(css, &key);
        if (!show_signer(r, &key, err))
            return false;
        report_bool(r, "valid", is_valid);
        report_note(r, "SIGSTRUCT", "%s", is_valid ? "valid" : "INVALID: EINIT refuses it");
    }
    show_findings(r, &found);
    return true;
}
