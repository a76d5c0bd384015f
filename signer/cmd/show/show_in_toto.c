/* show --in-toto: an in-toto Statement v1 about a signed enclave, which a pipeline may sign. The format is in-toto's:
 * github.com/in-toto/attestation, spec/v1. Its predicate has numbers as text, since readers that go through protobuf
 * make floating-point numbers of them. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/base/path.h"
#include "signer/base/version.h"
#include "signer/ceremony/review.h"
#include "signer/cmd/cmd.h"
#include "signer/cmd/show/show.h"
#include "signer/flow/enclave.h"
#include "signer/flow/install.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/verify.h"

#define PREDICATE_TYPE "urn:ensign:sgx-signature:1"

/* Members whose names are not those of this program's other documents. */
static const char type_key[] = "_type", predicate_type_key[] = "predicateType", data_key[] = "signData";

/* What is said, all of it checked. */
struct facts {
    uint8_t file[DIGEST_SIZE];
    struct sigstruct css;
    uint8_t mrsigner[MRSIGNER_SIZE];
    uint8_t digest[DIGEST_SIZE]; /* of the sign-data */
    bool is_measured;
    char *component; /* NULL: the file is not a bundle */
};

static void facts_free(struct facts *f)
{
    mem_free(f->component);
}

/* The hash is that of the file that was judged. */
static bool hash_again(const struct enclave *e, const uint8_t before[static DIGEST_SIZE], struct ens_err *err)
{
    int fd = container_fd(e->container);
    uint8_t after[DIGEST_SIZE];

    if (lseek(fd, 0, SEEK_SET) != 0)
        return ens_fail_errno(err, ENS_IO, errno, "%s: cannot be read again", e->path);
    return file_sha256(fd, e->path, after, err) &&
           (memcmp(after, before, sizeof after) == 0 ||
            ens_fail(err, ENS_DATA, "%s: was changed while it was measured: run again", e->path));
}

static bool judge_facts(const struct show_options *args, const struct beside *beside, struct artifact *a,
                        struct facts *ret, struct notices *ret_notices, struct ens_err *err)
{
    ENS_CLEANUP(enclave_free) struct enclave e = {0};
    const struct sigstruct *css = NULL;
    struct pubkey key;

    (void)lseek(a->fd, 0, SEEK_SET); /* a pipe stays where it is, and no container opens it */
    if (!file_sha256(a->fd, a->path, ret->file, err) ||
        !enclave_open(a, args->component, &beside->container, ENCLAVE_LOOK, &e, err) ||
        !enclave_require(&e, true, ret_notices, err) || !enclave_sigstruct(&e, &css, err))
        return false;
    if (sigstruct_is_unsigned(css))
        return ens_fail(err, ENS_DATA, "%s: is not signed: sign it first", a->path);
    ret->css = *css;
    ret->is_measured = e.sites->is_measured;
    if (e.sites->component != NULL) {
        ret->component = mem_strdup(e.sites->component->id, err);
        if (ret->component == NULL)
            return false;
    }
    verify_key_of(css, &key);
    return install_judge(css, a->path, err) && rsa3072_mrsigner(&key, ret->mrsigner, err) &&
           signdata_digest(css, ret->digest, err) && hash_again(&e, ret->file, err);
}

static void put_sha256(struct report *j, const char *key, const uint8_t sha256[static DIGEST_SIZE])
{
    report_object(j, key, NULL, 0);
    report_hex(j, "sha256", NULL, view_of(sha256, DIGEST_SIZE));
    report_close(j);
}

static void put_mask(struct report *j, const char *key, const struct sigstruct *css, enum css_field field)
{
    struct view v = sigstruct_get(css, field);

    report_mask(j, key, NULL, sigstruct_get_int(css, field), v.len, "");
}

static void put_predicate(struct report *j, const struct facts *f)
{
    const struct sigstruct *css = &f->css;
    char date[REVIEW_DATE_MAX];

    report_object(j, "predicate", NULL, 0);
    report_text(j, "component", NULL, f->component);
    report_hex(j, "mrenclave", NULL, sigstruct_get(css, CSS_ENCLAVEHASH));
    report_bool(j, "measured", f->is_measured);
    report_hex(j, "mrsigner", NULL, view_of(f->mrsigner, sizeof f->mrsigner));
    report_field(j, "isvprodid", NULL, "%u", (unsigned)sigstruct_get_int(css, CSS_ISVPRODID));
    report_field(j, "isvsvn", NULL, "%u", (unsigned)sigstruct_get_int(css, CSS_ISVSVN));
    report_text(j, "date", NULL, review_date(css, date));
    report_text(j, "debug", NULL, review_debug(css)->key);
    put_mask(j, "attributes", css, CSS_ATTRIBUTES);
    put_mask(j, "attributes_mask", css, CSS_ATTRIBUTEMASK);
    put_mask(j, "xfrm", css, CSS_XFRM);
    put_mask(j, "xfrm_mask", css, CSS_XFRM_MASK);
    put_mask(j, "miscselect", css, CSS_MISCSELECT);
    put_mask(j, "miscselect_mask", css, CSS_MISCMASK);
    put_sha256(j, data_key, f->digest);
    report_object(j, "tool", NULL, 0);
    report_text(j, "name", NULL, "ensign");
    report_text(j, "version", NULL, ENSIGN_VERSION);
    report_close(j);
    report_close(j);
}

bool show_in_toto(const struct show_options *args, const char *path, struct ens_err *err)
{
    ENS_CLEANUP(beside_close) struct beside beside = BESIDE_NONE;
    ENS_CLEANUP(artifact_close) struct artifact a = ARTIFACT_NONE;
    ENS_CLEANUP(report_free) struct report j = {0};
    struct notices notices = {0};
    ENS_CLEANUP(facts_free) struct facts facts = {0};
    bool ok = beside_open(&args->beside, &beside, err) && artifact_open(path, &a, err) &&
              judge_facts(args, &beside, &a, &facts, &notices, err);

    notice_all(&notices);
    if (!ok)
        return false;
    report_begin(&j, REPORT_JSON, 0);
    report_text(&j, type_key, NULL, "https://in-toto.io/Statement/v1");
    report_array(&j, "subject", NULL, 0);
    report_object(&j, NULL, NULL, 0);
    report_text(&j, "name", NULL, path_name(path));
    put_sha256(&j, "digest", facts.file);
    report_close(&j);
    report_close(&j);
    report_text(&j, predicate_type_key, NULL, PREDICATE_TYPE);
    put_predicate(&j, &facts);
    return report_print(&j, err);
}
