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

#include "tests/support/container.h"
#include "bundle/stream/sgxs.h"
#include "signer/base/digest.h"
#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/ceremony/armour.h"
#include "signer/ceremony/policy.h"
#include "signer/ceremony/review.h"
#include "signer/flow/enclave.h"
#include "signer/sgx/diagnose.h"
#include "signer/sgx/rsa3072.h"
#include "signer/sgx/verify.h"
#include "tests/support/support.h"
#include "tests/support/testkey.h"
#include "tests/support/zip.h"

/* ---- the allocators ---- */

void *__real_mem_alloc(size_t count, size_t size, struct ens_err *err);
void *__real_mem_room(size_t size, struct ens_err *err);
bool __real_mem_grow(void **block, size_t count, size_t size, struct ens_err *err);
char *__real_mem_strndup(const char *text, size_t len, struct ens_err *err);
char *__real_mem_strdup(const char *text, struct ens_err *err);
void *__wrap_mem_alloc(size_t count, size_t size, struct ens_err *err);
void *__wrap_mem_room(size_t size, struct ens_err *err);
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

void *__wrap_mem_room(size_t size, struct ens_err *err)
{
    return fails(err) ? NULL : __real_mem_room(size, err);
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
    const struct review_form form = {.verb = "signed", .grouped = true};
    struct review r = {.css = &css, .digest = digest, .mrsigner = mrsigner};

    return rsa3072_mrsigner(&key.pub, mrsigner, err) && review_render(&r, &form, &b, err);
}

static void a_review(void **state)
{
    (void)state;
    walk(review, NULL);
}

static bool read_policy(struct ens_err *err)
{
    static const char text[] =
        "policy 1\nmrenclave 1111111111111111111111111111111111111111111111111111111111111111\n"
        "isvsvn 1..2\napprovals 1\napprovers people\nend\n";
    ENS_CLEANUP(policy_freep) struct policy *p = NULL;
    ENS_CLEANUP(buf_free) struct buf value = {0};

    return policy_parse(view_of_string(text), "p", &p, err) &&
           policy_value(p, POLICY_MRENCLAVE, &value, err) && policy_value(p, POLICY_APPROVERS, &value, err);
}

static bool read_people(struct ens_err *err)
{
    static const char text[] = "approvers 1\nperson a\nkey ssh-ed25519 "
                               "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
                               "end\n";
    static const char gone[] =
        "revoked 1\nkey SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\nperson b\nend\n";
    ENS_CLEANUP(people_freep) struct people *p = NULL;
    ENS_CLEANUP(revoked_freep) struct revoked *r = NULL;

    return people_parse(view_of_string(text), "a", &p, err) &&
           revoked_parse(view_of_string(gone), "r", &r, err);
}

static bool pass_through_armour(struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf text = {0};
    ENS_CLEANUP(buf_free) struct buf back = {0};
    enum armour_kind kind = ARMOUR_KINDS;

    return armour_encode(ARMOUR_DIGEST, view_of(digest, sizeof digest), false, &text, err) &&
           armour_decode(buf_view(&text), "t", ARMOUR_EVERY, &kind, &back, err);
}

static void policy_people_and_armour(void **state)
{
    (void)state;
    walk(read_policy, NULL);
    walk(read_people, NULL);
    walk(pass_through_armour, NULL);
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

    /* The second day that is tried, for a failure at each point takes a walk of its own. */
    sigstruct_put_int(&dated, CSS_DATE, 0x19700102);
    uint8_t want[32];

    if (!signdata_digest(&dated, want, err))
        return false;
    sigstruct_put_int(&dated, CSS_DATE, 0x19700103);
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

/* ---- containers ---- */

#define VECTORS "tests/vectors/"

/* One of each kind, and more of those that come with several blocks, or that several loaders might load. */
static const char *const containers[] = {
    VECTORS "sgxs/minimal.sgxs",
    VECTORS "sigstruct/good.sig",
    VECTORS "containers/intel-2.4-2.1-1.4.signed.so",
    VECTORS "containers/intel-13.3-11.5.signed.so",
    VECTORS "containers/intel-3.3-1.5-fips.signed.so",
    VECTORS "containers/oe-0.5.signed",
    VECTORS "containers/oe-0.19.signed",
    VECTORS "containers/oe-0.19.unsigned",
    VECTORS "containers/oe-rich-0.12.signed",
    VECTORS "containers/oe-rich-0.16.signed",
    VECTORS "containers/ego.signed",
};

#define CONTAINERS (sizeof containers / sizeof containers[0])

static const char *container_path;
static const char marked[] = "nothing was handed out";

/* What a failure hands out is what was there before. */
static bool open_one(struct container **ret, struct ens_err *err)
{
    struct container *c = (struct container *)(uintptr_t)marked;
    bool ok = container_of_path(container_path, &c, err);

    *ret = NULL;
    if (ok)
        *ret = c;
    else
        assert_ptr_equal(c, marked);
    return ok;
}

static bool open_container(struct ens_err *err)
{
    ENS_CLEANUP(container_closep) struct container *c = NULL;

    return open_one(&c, err);
}

static bool swallow(void *ctx, struct view piece, struct ens_err *err)
{
    (void)err;
    *(size_t *)ctx += piece.len;
    return true;
}

static bool pour_container(struct ens_err *err)
{
    ENS_CLEANUP(container_closep) struct container *c = NULL;
    size_t len = 0;

    if (!open_one(&c, err))
        return false;
    for (size_t i = 0; i < container_streams_len(c); i++) {
        if (!container_stream(c, i, &(struct sink){swallow, &len}, err))
            return false;
    }
    return true;
}

/* How many descriptors are open. */
static size_t count_descriptors(void)
{
    size_t n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void containers_that_are_opened_and_poured(void **state)
{
    size_t before = count_descriptors();

    (void)state;
    for (size_t i = 0; i < CONTAINERS; i++) {
        container_path = containers[i];
        walk(open_container, NULL);
        walk(pour_container, NULL);
    }
    assert_int_equal(count_descriptors(), before);
}

/* Opened, measured and judged, as every command does. */
static bool load_enclave(struct ens_err *err)
{
    ENS_CLEANUP(artifact_close) struct artifact a = ARTIFACT_NONE;
    ENS_CLEANUP(enclave_free) struct enclave e = {0};
    ENS_CLEANUP(notice_free) struct notices notices = {0};
    struct findings found = {0};

    if (!artifact_open(container_path, &a, err) || !enclave_open(&a, NULL, NULL, ENCLAVE_CHANGE, &e, err))
        return false;
    for (size_t i = 0; i < e.sites_len; i++) {
        if (!enclave_judge_site(&e, i, &found, err))
            return false;
    }
    return enclave_require(&e, true, &notices, err);
}

/* Those that can be signed: ENCLAVEHASH of oe-0.5.signed is not a measurement. */
static void enclaves_that_are_measured_and_judged(void **state)
{
    static const size_t sound[] = {0, 1, 2, 3, 4, 6, 7, 8, 9, 10};
    size_t before = count_descriptors();

    (void)state;
    for (size_t i = 0; i < sizeof sound / sizeof sound[0]; i++) {
        container_path = containers[sound[i]];
        walk(load_enclave, NULL);
    }
    assert_int_equal(count_descriptors(), before);
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

static bool write_container(struct ens_err *err)
{
    static const uint8_t fips[FIPS_SIZE];
    const struct container_edit edit = {.sigstruct = view_of(css.bytes, SIGSTRUCT_SIZE),
                                        .fips = view_of(fips, sizeof fips)};
    ENS_CLEANUP(container_closep) struct container *c = NULL;
    ENS_CLEANUP(file_out_closep) struct file_out *out = NULL;

    return open_one(&c, err) && file_out_open(path, FILE_OUT_NEW, &out, err) &&
           container_write(c, &edit, out, err);
}

/* Not committed, so that nothing is ever there. */
static void containers_that_are_written(void **state)
{
    (void)state;
    dir = support_mkdir();
    (void)snprintf(path, sizeof path, "%s/out", dir);
    content = NULL;
    for (size_t i = 1; i < CONTAINERS; i++) {
        container_path = containers[i];
        walk(write_container, check_files);
    }
    support_rmdir(dir);
}

static bool pour_and_write(struct ens_err *err)
{
    return pour_container(err) && write_container(err);
}

/* A component of a bundle, with a SIGSTRUCT of letters. */
static void a_bundle_that_is_opened_poured_and_written(void **state)
{
    static char letters[SIGSTRUCT_SIZE + 1];
    static const char before[] = "{\"components\":[{\"kind\":\"ronl\",\"executable\":\"x.elf\",\"sgx\":{"
                                 "\"executable\":\"x.sgx\",\"signature\":\"x.sig\"}}],";
    const struct bundle_part parts[] = {
        {"x.elf", "elf"}, {"x.sgx", "stream"}, {"x.sig", letters}, {NULL, NULL}};
    char from[300];
    struct ens_err err = {0};

    (void)state;
    memset(letters, 's', SIGSTRUCT_SIZE);
    struct buf manifest = manifest_with(before, parts, "}");
    struct buf b = bundle_with(buf_view(&manifest), parts);

    dir = support_mkdir();
    (void)snprintf(path, sizeof path, "%s/out", dir);
    (void)snprintf(from, sizeof from, "%s/x.orc", dir);
    assert_ok(file_write_atomic(from, FILE_OUT_NEW, buf_view(&b), &err), err);
    content = NULL;
    container_path = from;
    walk(pour_and_write, check_files);
    support_rmdir(dir);
    buf_free(&manifest);
    buf_free(&b);
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
        cmocka_unit_test(policy_people_and_armour),
        cmocka_unit_test(a_key_that_is_written_and_read),
        cmocka_unit_test(a_date_that_is_searched),
        cmocka_unit_test(a_diagnosis),
        cmocka_unit_test(containers_that_are_opened_and_poured),
        cmocka_unit_test(enclaves_that_are_measured_and_judged),
        cmocka_unit_test(an_output_that_is_written),
        cmocka_unit_test(containers_that_are_written),
        cmocka_unit_test(a_bundle_that_is_opened_poured_and_written),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
