/* Out of memory at every single allocation of a whole run over a bundle: opened, streamed, given a component,
 * signed, written; and of a new one.
 * This program's own malloc, calloc, realloc and reallocarray serve everybody in the process, libzip, zlib
 * and jansson as well, and fail when they are told to. Whatever fails, the answer is ENS_RESOURCE, nothing
 * leaks (the sanitizer and valgrind builds skip this: they bring an allocator of their own),
 * and the next run works. */
#include "tests/support/zip.h"

#include <errno.h>

#include "bundle/orc/bundle.h"
#include "signer/base/ossl.h"

#if defined(__SANITIZE_ADDRESS__)
#define OWN_ALLOCATOR 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OWN_ALLOCATOR 0
#endif
#endif
#ifndef OWN_ALLOCATOR
#define OWN_ALLOCATOR 1
#endif

/* Volatile, for a compiler knows what malloc does, and that it changes no variable of the program. */
static volatile size_t calls;     /* allocations since the count began */
static volatile size_t fail_from; /* the first that fails; 0: none */
static volatile bool fail_on;     /* and all after it */
static volatile long long live;   /* blocks that were given and not taken back, while counting */
static volatile bool counting;

#if OWN_ALLOCATOR
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void __libc_free(void *block);

static bool refuse(void)
{
    if (!counting)
        return false;
    calls++;
    if (fail_from == 0 || calls < fail_from || (!fail_on && calls > fail_from))
        return false;
    errno = ENOMEM;
    return true;
}

static void *given(void *block)
{
    if (counting && block != NULL)
        live++;
    return block;
}

void *malloc(size_t size)
{
    return refuse() ? NULL : given(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return refuse() ? NULL : given(__libc_calloc(count, size));
}

void *realloc(void *block, size_t size)
{
    if (refuse())
        return NULL;
    return block == NULL ? given(__libc_realloc(block, size)) : __libc_realloc(block, size);
}

void *reallocarray(void *block, size_t count, size_t size)
{
    return realloc(block, count * size); /* no count here comes near an overflow */
}

void free(void *block)
{
    if (counting && block != NULL)
        live--;
    __libc_free(block);
}
#endif

/* What a run writes, and what the first one wrote: all must write the same. */
static uint8_t result[16384];
static ssize_t result_len;
static uint8_t wanted[sizeof result];
static ssize_t wanted_len;

static const uint8_t wanted_id[32] = {0x80};
static struct bundle_input input = {"input", -1};

static const struct bundle_part parts[] = {{"ronl.elf", "elf"}, {"ronl.sgx", "stream"}, {NULL, NULL}};
static const char before[] = "{\"name\":\"a name that is long enough to make the buffer of a lexer "
                             "grow\",\"components\":[{\"kind\":\"ronl\","
                             "\"executable\":\"ronl.elf\",\"sgx\":{\"executable\":\"ronl.sgx\"},\"x\":[1.5,"
                             "\"<>\",{}],\"identity\":[{\"enclave\":"
                             "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                             "AAAAAAAAA==\"}]},{\"kind\":"
                             "\"rofl\",\"name\":\"tdx\",\"tdx\":{\"firmware\":\"ronl.elf\",\"extra_kernel_"
                             "options\":[\"a\"],\"resources\":{"
                             "\"memory\":16,\"cpus\":1}}}],";

static bool stream_all(struct bundle *b, struct ens_err *err)
{
    for (size_t i = 0; i < bundle_files_len(b); i++) {
        if (!bundle_stream(b, bundle_file_at(b, i).name, NULL, err))
            return false;
    }
    return true;
}

/* Begins another bundle beside the one that is opened, with a component from files. */
static bool run_made(struct bundle *b, const struct bundle_input *in, struct ens_err *err)
{
    struct bundle *made = NULL;
    const struct bundle_addition add = {
        .id = "rofl.new", .elf = *in, .sgxs = in, .sigstruct = view_of_string("css")};
    bool ok = bundle_new("made", "name", wanted_id, (struct bundle_version){1, 2, 3}, &made, err) &&
              bundle_add_component(made, &add, err) && stream_all(made, err) &&
              bundle_add_component(b, &add, err);

    bundle_closep(&made);
    return ok;
}

static bool run_opened(struct bundle *b, const char *path, struct ens_err *err)
{
    struct file_out *out = NULL;
    struct bundle *again = NULL;
    const struct bundle_component *c = NULL;
    static const uint8_t enclave[64] = {1};
    enum bundle_identity_edit edits[8] = {BUNDLE_IDENTITY_DROP};

    if (!stream_all(b, err) || !run_made(b, &input, err) ||
        !bundle_set_signature(b, "ronl", view_of_string("sigstruct"), err) ||
        !bundle_edit_identities(b, "ronl", edits, enclave, err) || !bundle_find_sgx(b, "ronl", &c, err))
        return false;
    assert_string_equal(c->sgx_signature, "ronl.sgx.sig");
    bool ok = file_out_open(path, FILE_OUT_NEW, &out, err) && bundle_write(b, out, err) &&
              bundle_open_fd(file_out_fd(out), "new", &again, err) && stream_all(again, err);

    if (ok) {
        assert_int_equal(bundle_files_len(again), 6);
        result_len = pread(file_out_fd(out), result, sizeof result, 0);
    }
    bundle_closep(&again);
    file_out_closep(&out);
    return ok;
}

/* The whole run; the file `fd` is the bundle. */
static bool run(int fd, const char *path, struct ens_err *err)
{
    struct bundle *b = NULL;
    bool ok = bundle_open_fd(fd, "x.orc", &b, err) && run_opened(b, path, err);

    bundle_closep(&b);
    return ok;
}

/* One run that fails at allocation `at`; returns whether it went through. */
static bool run_failing(int fd, const char *path, size_t at, bool on, struct ens_err *ret_err)
{
    struct ens_err err = {0};

    calls = 0;
    live = 0;
    fail_from = at;
    fail_on = on;
    counting = true;
    bool ok = run(fd, path, &err);

    counting = false;
    *ret_err = err;
    return ok;
}

/* One run for each allocation that the whole run makes. libzip lives without some of them; then the result
 * must be the right one. */
static void walk(int fd, const char *path, size_t allocations, bool on)
{
    struct ens_err err = {0};
    size_t survived = 0;

    for (size_t at = 1; at <= allocations; at++) {
        if (run_failing(fd, path, at, on, &err)) {
            survived++;
            assert_int_equal(result_len, wanted_len);
            assert_memory_equal(result, wanted, (size_t)wanted_len);
        } else if (err.code != ENS_RESOURCE) {
            fail_msg("allocation %zu: %d: %s", at, (int)err.code, err.msg);
        }
        /* Where libzip itself runs out of memory, it loses a block here and there. */
        if (live > 0 && strstr(err.msg, "libzip") == NULL)
            fail_msg("allocation %zu: %lld blocks leaked", at, live);
    }
    assert_true(survived < allocations / 10);
}

/* Does this program's allocator serve the libraries? Under valgrind it does not. */
static bool own_allocator(void)
{
    const char *volatile some_text = "text";

    calls = 0;
    fail_from = 0;
    counting = true;
    char *volatile copy = strdup(some_text); /* not to be optimised away */

    counting = false;
    free(copy);
    return calls == 1;
}

static void test_walk(void **state)
{
    struct buf manifest = manifest_with(before, parts, "}");
    struct buf bytes = bundle_with(buf_view(&manifest), parts);
    int fd = memory_file(buf_view(&bytes));
    char *dir = support_mkdir();
    char path[512];
    struct ens_err err = {0};
    bool own = own_allocator();

    (void)state;
    (void)snprintf(path, sizeof path, "%s/out.orc", dir);
    input.fd = memory_file(view_of_string("a file that comes in"));
    (void)ossl_fail(&err, ENS_RESOURCE, "the texts of OpenSSL's errors, which come with the first one");
    assert_true(run_failing(fd, path, 0, false, &err));
    assert_true(run_failing(fd, path, 0, false, &err)); /* now what is allocated once for all is there */
    memcpy(wanted, result, sizeof wanted);
    wanted_len = result_len;
    if (own) {
        size_t allocations = calls;

        assert_true(allocations > 200);
        walk(fd, path, allocations, false);
        walk(fd, path, allocations, true);
    }
    (void)close(fd);
    (void)close(input.fd);
    support_rmdir(dir);
    buf_free(&manifest);
    buf_free(&bytes);
    if (!own)
        support_skip("the allocator is a sanitizer's or valgrind's");
}

int main(void)
{
    (void)setenv("TZ", "UTC0", 1); /* libzip asks for the time zone, which the C library keeps */
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_walk)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
