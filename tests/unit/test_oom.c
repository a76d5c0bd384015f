/* Out of memory at every point: the allocators of the product are wrapped (Makefile, WRAP_test_oom) so that
 * the n-th allocation fails, or all from the n-th on, and n walks until nothing fails any more. A failure is
 * ENS_RESOURCE, nothing is left behind, and under AddressSanitizer nothing leaks. */
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/digest.h"
#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/ceremony/review.h"
#include "signer/sgx/diagnose.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/sgxs.h"
#include "signer/sgx/verify.h"
#include "tests/support/support.h"
#include "tests/support/testkey.h"

/* ---- the allocators ---- */

void *__real_mem_alloc(size_t count, size_t size, struct ens_err *err);
bool __real_mem_grow(void **block, size_t count, size_t size, struct ens_err *err);
char *__real_mem_strndup(const char *text, size_t len, struct ens_err *err);
char *__real_mem_strdup(const char *text, struct ens_err *err);
void *__wrap_mem_alloc(size_t count, size_t size, struct ens_err *err);
bool __wrap_mem_grow(void **block, size_t count, size_t size, struct ens_err *err);
char *__wrap_mem_strndup(const char *text, size_t len, struct ens_err *err);
char *__wrap_mem_strdup(const char *text, struct ens_err *err);
char *__wrap_mem_printf(struct ens_err *err, const char *fmt, ...) ENS_PRINTF(2, 3);

static struct {
    bool armed;
    bool for_good; /* all later ones fail as well */
    size_t left;   /* allocations before the one that fails */
    size_t failed;
} fault;

static bool fails(struct ens_err *err)
{
    if (!fault.armed)
        return false;
    if (fault.left > 0) {
        fault.left--;
        return false;
    }
    if (fault.failed > 0 && !fault.for_good)
        return false;
    fault.failed++;
    (void)ens_fail(err, ENS_RESOURCE, "out of memory, as the test wants it");
    return true;
}

void *__wrap_mem_alloc(size_t count, size_t size, struct ens_err *err)
{
    return fails(err) ? NULL : __real_mem_alloc(count, size, err);
}

bool __wrap_mem_grow(void **block, size_t count, size_t size, struct ens_err *err)
{
    return !fails(err) && __real_mem_grow(block, count, size, err);
}

char *__wrap_mem_strndup(const char *text, size_t len, struct ens_err *err)
{
    return fails(err) ? NULL : __real_mem_strndup(text, len, err);
}

char *__wrap_mem_strdup(const char *text, struct ens_err *err)
{
    return fails(err) ? NULL : __real_mem_strdup(text, err);
}

char *__wrap_mem_printf(struct ens_err *err, const char *fmt, ...)
{
    char *text = NULL;
    va_list args;

    if (fails(err))
        return NULL;
    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        text = NULL;
    va_end(args);
    return text;
}

/* ---- the walk ---- */

/* Does `work` with the n-th allocation failing, for every n, until it is done without. Returns how many
 * allocations there are. `check` (or NULL) looks at what a failure left behind. */
static size_t walk_one_way(bool (*work)(struct ens_err *err), void (*check)(void), bool for_good)
{
    for (size_t n = 0; n < 10000; n++) {
        struct ens_err err = {0};

        fault.armed = true;
        fault.for_good = for_good;
        fault.left = n;
        fault.failed = 0;
        bool ok = work(&err);

        fault.armed = false;
        if (fault.failed == 0) {
            assert_ok(ok, err);
            return n;
        }
        if (ok)
            fail_msg("allocation %zu failed, and nobody said so", n);
        if (err.code != ENS_RESOURCE)
            fail_msg("allocation %zu failed: %d, %s", n, (int)err.code, err.msg);
        if (check != NULL)
            check();
    }
    fail_msg("more allocations than expected");
    return 0;
}

static void walk(bool (*work)(struct ens_err *err), void (*check)(void))
{
    size_t once = walk_one_way(work, check, false);

    assert_int_equal(walk_one_way(work, check, true), once);
    /* A walk over nothing shows nothing. */
    assert_true(once > 0);
}

/* ---- what is walked ---- */

static struct sigstruct css;
static struct buf stream;
static struct testkey key;
static uint8_t digest[32];

static int set_up(void **state)
{
    struct buf file = support_vector("sigstruct/good.sig");
    struct ens_err err = {0};

    (void)state;
    memcpy(css.bytes, file.data, SIGSTRUCT_SIZE);
    buf_free(&file);
    stream = support_vector("sgxs/unmeasured-page.sgxs");
    key = testkey_load();
    return !signdata_digest(&css, digest, &err);
}

static int tear_down(void **state)
{
    (void)state;
    buf_free(&stream);
    testkey_free(&key);
    return 0;
}

static bool hash(struct ens_err *err)
{
    uint8_t got[32];

    return digest_of(DIGEST_SHA512_256, view_of("abc", 3), got, err);
}

static void a_digest(void **state)
{
    (void)state;
    walk(hash, NULL);
}

static bool grow(struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf b = {0};

    for (unsigned i = 0; i < 3000; i++) {
        size_t before = b.len;

        if (!buf_printf(&b, err, "line %u\n", i)) {
            /* What was there is still there. */
            assert_int_equal(b.len, before);
            assert_true(before == 0 || b.data[before - 1] == '\n');
            return false;
        }
    }
    return true;
}

static void a_buffer_that_grows(void **state)
{
    (void)state;
    walk(grow, NULL);
}

static bool copy_texts(struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) char *a = mem_strdup("abc", err);
    ENS_CLEANUP(mem_freep) char *b = a != NULL ? mem_strndup(a, 2, err) : NULL;
    ENS_CLEANUP(mem_freep) char *c = b != NULL ? mem_printf(err, "%s%s", a, b) : NULL;

    return c != NULL && strcmp(c, "abcab") == 0;
}

static void texts(void **state)
{
    (void)state;
    walk(copy_texts, NULL);
}

static bool measure(struct ens_err *err)
{
    ENS_CLEANUP(sgxs_freep) struct sgxs *s = NULL;
    struct sgxs_report report;

    return sgxs_new(&s, err) && sgxs_put(s, buf_view(&stream), err) && sgxs_finish(s, &report, err);
}

static void a_stream_that_is_measured(void **state)
{
    (void)state;
    walk(measure, NULL);
}

static bool judge(struct ens_err *err)
{
    struct findings found = {0};

    return verify_sigstruct(view_of(css.bytes, SIGSTRUCT_SIZE), &found, err) &&
           findings_count(&found, SEVERITY_ERROR) == 0;
}

static void a_sigstruct_that_is_judged(void **state)
{
    (void)state;
    walk(judge, NULL);
}

static bool review(struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf b = {0};
    uint8_t mrsigner[32];
    struct review r = {.css = &css, .digest = digest, .mrsigner = mrsigner};

    return rsa3072_mrsigner(&key.pub, mrsigner, err) && review_render(&r, &b, err);
}

static void a_review(void **state)
{
    (void)state;
    walk(review, NULL);
}

static bool write_key(struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf b = {0};
    struct pubkey again;

    return rsa3072_write_pubkey(&key.pub, &b, err) && rsa3072_read_pubkey(buf_view(&b), "key", &again, err);
}

static void a_key_that_is_written_and_read(void **state)
{
    (void)state;
    walk(write_key, NULL);
}

static bool find_date(struct ens_err *err)
{
    struct sigstruct dated = css;
    bool found = false;

    /* Two days from the first one that is tried, for a failure at each point takes a walk of its own. */
    sigstruct_put_int(&dated, CSS_DATE, 0x20000102);
    uint8_t want[32];

    if (!signdata_digest(&dated, want, err))
        return false;
    sigstruct_put_int(&dated, CSS_DATE, 0);
    return diagnose_find_date(&dated, want, &found, err) && found;
}

static void a_date_that_is_searched(void **state)
{
    (void)state;
    walk(find_date, NULL);
}

/* A diagnosis never becomes a success, whatever fails inside it. */
static void a_diagnosis(void **state)
{
    uint8_t signature[384];

    (void)state;
    testkey_sign_payload(&key, digest, 32, signature);
    for (size_t n = 0; n < 40; n++) {
        struct ens_err err = {0};

        fault.armed = true;
        fault.for_good = n % 2 != 0;
        fault.left = n / 2;
        fault.failed = 0;
        assert_false(diagnose_fail(&key.pub, signature, &css, "app.sig", &err));
        fault.armed = false;
        assert_true(err.code == ENS_DATA || (fault.failed > 0 && err.code == ENS_RESOURCE));
    }
}

/* ---- files ---- */

static char *dir;
static char path[300];
static const char *content; /* what must stand at `path` after a failure; NULL: nothing */

static void check_files(void)
{
    DIR *d = opendir(dir);
    char got[16] = "";

    assert_non_null(d);
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        if (strncmp(e->d_name, ".ensign-", 8) == 0)
            fail_msg("%s is left behind", e->d_name);
    }
    assert_int_equal(closedir(d), 0);
    FILE *f = fopen(path, "rb");

    if (content == NULL) {
        assert_null(f);
        return;
    }
    assert_non_null(f);
    assert_int_equal(fread(got, 1, sizeof got - 1, f), strlen(content));
    assert_int_equal(fclose(f), 0);
    assert_string_equal(got, content);
}

static bool write_new(struct ens_err *err)
{
    return file_write_atomic(path, FILE_OUT_NEW, view_of_string("new"), err);
}

static bool replace(struct ens_err *err)
{
    return file_write_atomic(path, FILE_OUT_REPLACE, view_of_string("new"), err);
}

/* Something old stands there before each attempt. */
static bool replace_old(struct ens_err *err)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_true(fputs("old", f) >= 0);
    assert_int_equal(fclose(f), 0);
    return replace(err);
}

static bool read_it(struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf all = {0};

    return file_read_all(path, 100000, &all, err) && all.len == 50000;
}

static void an_output_that_is_written(void **state)
{
    char link[300];
    static const char zeros[50000];

    (void)state;
    dir = support_mkdir();
    (void)snprintf(path, sizeof path, "%s/out", dir);
    content = NULL;
    (void)walk_one_way(write_new, check_files, false);
    assert_int_equal(unlink(path), 0);
    (void)walk_one_way(write_new, check_files, true);
    content = "old";
    walk(replace_old, check_files);
    (void)snprintf(link, sizeof link, "%s/link", dir);
    assert_int_equal(symlink("out", link), 0);
    (void)snprintf(path, sizeof path, "%s/link", dir);
    walk(replace_old, check_files);
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(zeros, 1, sizeof zeros, f), sizeof zeros);
    assert_int_equal(fclose(f), 0);
    walk(read_it, NULL);
    support_rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_digest),
        cmocka_unit_test(a_buffer_that_grows),
        cmocka_unit_test(texts),
        cmocka_unit_test(a_stream_that_is_measured),
        cmocka_unit_test(a_sigstruct_that_is_judged),
        cmocka_unit_test(a_review),
        cmocka_unit_test(a_key_that_is_written_and_read),
        cmocka_unit_test(a_date_that_is_searched),
        cmocka_unit_test(a_diagnosis),
        cmocka_unit_test(an_output_that_is_written),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
