/* Kinds of files, by content. */
#include "signer/flow/kind.h"

#include <stdio.h>
#include <string.h>

#include "bundle/orc/bundle.h"
#include "bundle/stream/sgxs.h"
#include "signer/ceremony/approval.h"
#include "signer/flow/enclave.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/sigstruct.h"

static bool begins(struct view head, const char *text)
{
    size_t len = strlen(text);

    return head.len >= len && memcmp(head.data, text, len) == 0;
}

static bool holds(struct view head, const char *text)
{
    return memmem(head.data, head.len, text, strlen(text)) != NULL;
}

/* Is it 256 bytes with the fixed fields of sign-data? */
static bool is_signdata(struct view head)
{
    struct sigstruct css;
    struct ens_err ignored = {0};

    return head.len == SIGNDATA_SIZE && signdata_parse(head, "", &css, &ignored);
}

static enum kind kind_of_text(struct view head)
{
    if (approval_recognise(head))
        return KIND_APPROVAL;
    if (begins(head, "ensign transcript "))
        return KIND_TRANSCRIPT;
    if (begins(head, "policy 1\n"))
        return KIND_POLICY;
    if (holds(head, "PRIVATE KEY-----"))
        return KIND_PRIVATE_KEY;
    if (holds(head, "PUBLIC KEY-----") || holds(head, "-----BEGIN CERTIFICATE-----"))
        return KIND_PUBKEY;
    return KIND_UNKNOWN;
}

enum kind kind_of(struct view head)
{
    if (head.len == 0)
        return KIND_UNKNOWN;
    if (bundle_recognise(head))
        return KIND_BUNDLE;
    if (sgxs_recognise(head))
        return KIND_SGXS;
    if (begins(head, "\177ELF"))
        return KIND_ELF;
    if (sigstruct_recognise(head))
        return KIND_SIGSTRUCT;
    if (is_signdata(head))
        return KIND_SIGNDATA;
    enum kind text = kind_of_text(head);

    return text == KIND_UNKNOWN && head.len == SIGNATURE_SIZE ? KIND_SIGNATURE : text;
}

/* "app" of "dir/app.orc": for the names that are proposed. */
static int stem_of(const char *path, const char **ret)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');

    *ret = name;
    return (int)(dot != NULL && dot != name ? (size_t)(dot - name) : strlen(name));
}

/* What an enclave that is to be signed has to go through first. */
static bool fail_enclave(const char *path, const char *what, const char *wanted, const char *from,
                         struct ens_err *err)
{
    const char *stem = NULL;
    int len = stem_of(path, &stem);
    const char *source = from[0] != '\0' ? path : "";

    return ens_fail(
        err, ENS_DATA,
        "%s: is %s, not %s: run ensign gen-sign-data%s%s -o %.*s.signdata %s on the build host, then "
        "sign %.*s.signdata",
        path, what, wanted, from, source, len, stem, path, len, stem);
}

static bool fail_kind(const char *path, enum kind kind, const char *wanted, struct ens_err *err)
{
    static const char *const others[][2] = {
        [KIND_SIGSTRUCT] = {"a SIGSTRUCT", "run ensign show on it"},
        [KIND_SIGNDATA] = {"sign-data, which nobody has signed",
                           "sign it, then put the signature into the enclave's file with ensign set-sig"},
        [KIND_SIGNATURE] = {"a signature", "put it into the enclave's file with ensign set-sig"},
        [KIND_PUBKEY] = {"a public key", "give it with --pubkey"},
        [KIND_PRIVATE_KEY] = {"a private key", "keep it off this command: keys stay in the token"},
        [KIND_APPROVAL] = {"an approval", "give --approval before each, or --approval DIR for all in a "
                                          "directory"},
        [KIND_TRANSCRIPT] = {"a transcript", "run ensign transcript on it"},
        [KIND_POLICY] = {"a policy", "give it with --policy"},
    };

    if (kind == KIND_BUNDLE)
        return fail_enclave(path, "a bundle", wanted, "", err);
    if (kind == KIND_SGXS)
        return fail_enclave(path, "an SGXS stream", wanted, "", err);
    if (kind == KIND_ELF)
        return fail_enclave(path, "an ELF file", wanted, " --from ", err);
    return ens_fail(err, ENS_DATA, "%s: is %s, not %s: %s", path, others[kind][0], wanted, others[kind][1]);
}

/* Kinds that an enclave's file, or a signed container, may have: what is wrong with such a one was said. */
static bool is_container(enum kind kind)
{
    return kind == KIND_BUNDLE || kind == KIND_SGXS || kind == KIND_ELF || kind == KIND_SIGSTRUCT;
}

bool kind_explain(const char *path, enum kind_wanted wanted, struct ens_err *err)
{
    uint8_t head[ENCLAVE_HEAD_MAX];
    struct ens_err ignored = {0};
    size_t len = 0;

    if (err->code != ENS_DATA || !enclave_read_head(path, head, &len, &ignored))
        return false;
    enum kind kind = kind_of(view_of(head, len));

    if (kind == KIND_UNKNOWN || (wanted == KIND_WANT_ENCLAVE && is_container(kind)) ||
        (wanted == KIND_WANT_SIGNDATA && (kind == KIND_SIGNDATA || kind == KIND_SIGSTRUCT)))
        return false;
    return fail_kind(path, kind, wanted == KIND_WANT_ENCLAVE ? "an enclave's file" : "sign-data", err);
}
