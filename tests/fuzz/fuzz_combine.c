/* Fuzz target: partials of one quorum over one digest, one behind the other and without their trailers, which are made
 * here. Whatever they say, what combines is a signature that verifies, and fewer than M holders make none. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/quorum/combine.h"
#include "signer/quorum/formats.h"
#include "signer/quorum/prove.h"
#include "signer/sgx/rsa3072.h"

#define PARTIALS_MOST 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char public_file[] = "tests/vectors/quorum/quorum.pub";
static const char first[] = "ensign quorum partial 1\n";
/* What the partials of the corpus are over. */
static const char over[] = "da1b6a2de8f05e41ef85b114e1b5a87399314441a2b1432ff9adaa1310219ad1";

static struct quorum_public quorum;
static struct pubkey key;
static uint8_t digest[DIGEST_SIZE];
static struct quorum_partial partials[PARTIALS_MOST];

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void start(void)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    struct ens_err err = {0};

    must(file_read_all(public_file, QUORUM_FILE_MAX, &file, &err) &&
         quorum_read(buf_view(&file), public_file, &quorum, &err) &&
         hex_decode(over, "digest", digest, sizeof digest, &err));
    memcpy(key.modulus, quorum.modulus, sizeof key.modulus);
}

/* Reads and verifies one; what is bad has a verdict, and is no error. */
static bool is_good(struct view text, struct quorum_partial *ret)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};
    enum quorum_verdict verdict = QUORUM_OK;
    uint8_t sum[DIGEST_SIZE];
    struct ens_err err = {0};

    must(digest_of(DIGEST_SHA256, text, sum, &err) && buf_append(&file, text, &err) &&
         buf_printf(&file, &err, "sha256: %s\n", hex_of(view_of(sum, sizeof sum)).text));
    if (!quorum_read(buf_view(&file), "F", ret, &err)) {
        must(err.code == ENS_DATA);
        return false;
    }
    must(prove_verify(&quorum, ret, digest, &verdict, &err));
    return verdict == QUORUM_OK;
}

static void check_combined(const struct quorum_partial *const *good, size_t len)
{
    struct combine_result result = {0};
    struct ens_err err = {0};
    unsigned present = 0;
    bool is_verified = false;

    for (size_t i = 0; i < len; i++)
        present |= 1U << (good[i]->holder - 1);
    must(combine_partials(&quorum, good, len, digest, &result, &err));
    must(result.is_complete == ((present & (present - 1)) != 0));
    must((result.holders & ~present) == 0);
    if (result.holders != 0)
        must(rsa3072_verify(&key, digest, result.signature, &is_verified, &err) && is_verified);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct quorum_partial *good[PARTIALS_MOST] = {NULL};
    struct view left = view_of(data, size);
    size_t len = 0;

    if (quorum.holders == 0)
        start();
    for (size_t i = 0; i < PARTIALS_MOST && view_begins(left, view_of_string(first)); i++) {
        const uint8_t *next = memmem(left.data + 1, left.len - 1, first, sizeof first - 1);
        size_t own = next != NULL ? (size_t)(next - left.data) : left.len;

        if (is_good(view_slice(left, 0, own), &partials[len])) {
            good[len] = &partials[len];
            len++;
        }
        left = view_slice(left, own, left.len - own);
    }
    check_combined(good, len);
    return 0;
}
