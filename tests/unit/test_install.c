/* A bundle that is written is checked before it is put in place, although what was copied is not hashed
 * again: every byte of it is damaged in turn, between writing and checking. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/flow/install.h"
#include "tests/support/support.h"

static const uint8_t id[32] = {[31] = 1};
static const struct bundle_version version = {1, 2, 3};

/* ---- what damages: the opening of what was written (the linker's --wrap) ---- */

static struct {
    bool armed;
    uint64_t at;   /* the byte that is damaged */
    bool accepted; /* by a check of everything, after the damage */
} fault;

bool __real_bundle_open_fd(int fd, const char *name, struct bundle **ret, struct ens_err *err);
bool __wrap_bundle_open_fd(int fd, const char *name, struct bundle **ret, struct ens_err *err);

static bool check_everything(int fd)
{
    struct bundle *b = NULL;
    struct enclave_set set = {0};
    struct ens_err err = {0};
    bool ok = __real_bundle_open_fd(fd, "x", &b, &err) && enclave_check_bundle(b, &set, &err);

    enclave_set_free(&set);
    bundle_closep(&b);
    return ok;
}

bool __wrap_bundle_open_fd(int fd, const char *name, struct bundle **ret, struct ens_err *err)
{
    uint8_t byte = 0;

    if (fault.armed) {
        assert_int_equal(pread(fd, &byte, 1, (off_t)fault.at), 1);
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, (off_t)fault.at), 1);
        fault.accepted = check_everything(fd);
    }
    return __real_bundle_open_fd(fd, name, ret, err);
}

/* ---- a bundle, and one more component for it ---- */

struct world {
    char *dir;
    char source[256], target[256], elf[256], new_elf[256], sgxs[256];
};

static void put_file_at(const char *path, struct view content)
{
    struct ens_err err = {0};

    assert_ok(file_write_atomic(path, FILE_OUT_REPLACE, content, &err), err);
}

static void put_file(char *path, const char *dir, const char *name, struct view content)
{
    (void)snprintf(path, 256, "%s/%s", dir, name);
    put_file_at(path, content);
}

/* Adds the component, and puts the bundle at `path`. */
static bool add_and_install(struct bundle *b, const char *path, const char *component, const char *elf,
                            const char *sgxs, const struct install_check *check, struct ens_err *err)
{
    struct install i = {0};
    struct bundle_input stream = {.path = sgxs, .fd = open(sgxs, O_RDONLY | O_CLOEXEC)};
    const struct bundle_addition add = {
        .id = component, .elf = {.path = elf, .fd = open(elf, O_RDONLY | O_CLOEXEC)}, .sgxs = &stream};
    bool ok = install_open(path, -1, path, true, &i, err) && bundle_add_component(b, &add, err) &&
              install_bundle(&i, b, check, err) && install_commit(&i, err);

    install_free(&i);
    (void)close(add.elf.fd);
    (void)close(stream.fd);
    return ok;
}

static bool has_components(const void *ctx, const struct bundle *b, const struct enclave_set *set,
                           struct ens_err *err)
{
    const size_t *want = ctx;

    (void)err;
    assert_int_equal(bundle_info(b)->components_len, *want);
    assert_int_equal(set->len, *want);
    for (size_t i = 0; i < set->len; i++) {
        assert_int_equal(set->items[i].stream_error.code, ENS_OK);
        assert_int_equal(set->items[i].report.size, set->items[0].report.size);
        assert_memory_equal(set->items[i].report.mrenclave, set->items[0].report.sha256, MRENCLAVE_SIZE);
    }
    return true;
}

/* Of the size that no buffer holds, and that does not deflate: what is copied is read anew. */
static void make_large(const struct world *w)
{
    static uint8_t large[1 << 20];
    uint32_t x = 1;

    for (size_t i = 0; i < sizeof large; i++) {
        x = x * 1664525u + 1013904223u;
        large[i] = (uint8_t)(x >> 24);
    }
    put_file_at(w->elf, view_of(large, sizeof large));
}

static void make_world(struct world *w, bool is_large)
{
    const size_t one = 1;
    struct buf stream = support_vector("sgxs/minimal.sgxs");
    struct bundle *b = NULL;
    struct ens_err err = {0};

    w->dir = support_mkdir();
    put_file(w->elf, w->dir, "old.elf", view_of_string("the executable that is there, the executable"));
    put_file(w->new_elf, w->dir, "new.elf", view_of_string("the executable that comes, that comes"));
    put_file(w->sgxs, w->dir, "minimal.sgxs", buf_view(&stream));
    if (is_large)
        make_large(w);
    (void)snprintf(w->source, sizeof w->source, "%s/source.orc", w->dir);
    (void)snprintf(w->target, sizeof w->target, "%s/target.orc", w->dir);
    assert_ok(bundle_new(w->source, "test", id, version, &b, &err), err);
    assert_ok(add_and_install(b, w->source, "ronl", w->elf, w->sgxs,
                              &(struct install_check){has_components, &one, NULL}, &err),
              err);
    bundle_closep(&b);
    buf_free(&stream);
}

static void free_world(struct world *w)
{
    support_rmdir(w->dir);
}

/* Opens the bundle as a command does, adds a component and puts it at the target. */
static bool run(const struct world *w, struct ens_err *err)
{
    const size_t two = 2;
    struct bundle *b = NULL;
    struct enclave_set set = {0};

    assert_ok(bundle_open(w->source, &b, err), *err);
    assert_ok(enclave_check_bundle(b, &set, err), *err);
    bool ok = add_and_install(b, w->target, "rofl.new", w->new_elf, w->sgxs,
                              &(struct install_check){has_components, &two, &set}, err);

    enclave_set_free(&set);
    bundle_closep(&b);
    return ok;
}

static struct buf result(const struct world *w)
{
    struct buf b = {0};
    struct ens_err err = {0};

    assert_ok(file_read_all(w->target, 1 << 20, &b, &err), err);
    return b;
}

static uint64_t place_of(struct view file, const void *what, size_t len)
{
    const uint8_t *found = memmem(file.data, file.len, what, len);

    assert_non_null(found);
    return (uint64_t)(found - file.data);
}

/* A byte of the entry's data: they lie behind its name, before which the local header has the lengths of name
 * and extra field (APPNOTE 4.3.7). */
static uint64_t data_of(struct view file, const char *name)
{
    uint8_t head[64] = {(uint8_t)strlen(name)};

    memcpy(head + 4, name, strlen(name));
    return place_of(file, head, 4 + strlen(name)) + 4 + strlen(name) + 5;
}

/* With the byte damaged: refused, and nothing is there. */
static void refused_at(const struct world *w, uint64_t at)
{
    struct ens_err err = {0};

    fault.at = at;
    assert_fails(run(w, &err), err, ENS_DATA, "the new bundle does not hold, nothing was changed");
    assert_int_equal(access(w->target, F_OK), -1);
}

/* ---- tests ---- */

static void test_damage_is_found(void **state)
{
    struct world w = {0};
    struct ens_err err = {0};
    size_t stricter = 0;

    (void)state;
    make_world(&w, false);
    assert_ok(run(&w, &err), err);
    struct buf good = result(&w);
    struct view v = buf_view(&good);

    assert_int_equal(unlink(w.target), 0);
    fault.armed = true;
    refused_at(&w, data_of(v, "ronl.elf"));
    refused_at(&w, data_of(v, "ronl.sgx"));
    refused_at(&w, data_of(v, "rofl.new.elf"));
    refused_at(&w, data_of(v, "rofl.new.sgx"));
    refused_at(&w, place_of(v, "\"digests\"", 9) + 20);
    refused_at(&w, place_of(v, "PK\1\2", 4) + 16);
    refused_at(&w, place_of(v, "PK\5\6", 4) + 10);
    for (fault.at = 0; fault.at < v.len; fault.at++) {
        err = (struct ens_err){0};
        bool ok = run(&w, &err);

        if (ok && !fault.accepted)
            fail_msg("byte %zu: a check of everything refuses it", (size_t)fault.at);
        stricter += !ok && fault.accepted ? 1 : 0;
        if (ok)
            assert_int_equal(unlink(w.target), 0);
    }
    fault.armed = false;
    print_message("%zu bytes, %zu of them refused that a check of everything accepts\n", v.len, stricter);
    buf_free(&good);
    free_world(&w);
}

/* Damages one byte of the old bundle where it is, as a store through a shared mapping does: no time moves. */
static void damage(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CLOEXEC);

    assert_int_equal(fstat(fd, &st), 0);
    uint8_t *map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    assert_ptr_not_equal(map, MAP_FAILED);
    map[st.st_size / 2] ^= 0x10;
    assert_int_equal(munmap(map, (size_t)st.st_size), 0);
    assert_int_equal(futimens(fd, (const struct timespec[2]){st.st_atim, st.st_mtim}), 0);
    (void)close(fd);
}

/* A7: where somebody writes to the old bundle after it was checked, what is copied is refused. */
static void test_source_changes(void **state)
{
    const size_t two = 2;
    struct world w = {0};
    struct ens_err err = {0};
    struct bundle *b = NULL;
    struct enclave_set set = {0};
    const struct install_check check = {has_components, &two, &set};

    (void)state;
    make_world(&w, true);
    assert_ok(bundle_open(w.source, &b, &err), err);
    assert_ok(enclave_check_bundle(b, &set, &err), err);
    damage(w.source);
    assert_fails(add_and_install(b, w.target, "rofl.new", w.new_elf, w.sgxs, &check, &err), err, ENS_DATA,
                 "the new bundle does not hold, nothing was changed");
    assert_non_null(strstr(err.msg, "file ronl.elf: is not what was checked"));
    assert_int_equal(access(w.target, F_OK), -1);
    enclave_set_free(&set);
    bundle_closep(&b);
    free_world(&w);
}

/* The set that is handed over says what is known; what it does not know is read. */
static void test_nothing_known(void **state)
{
    const size_t two = 2;
    const struct enclave_set none = {0};
    struct world w = {0};
    struct ens_err err = {0};
    struct bundle *b = NULL;

    (void)state;
    make_world(&w, false);
    assert_ok(bundle_open(w.source, &b, &err), err);
    assert_ok(add_and_install(b, w.target, "rofl.new", w.new_elf, w.sgxs,
                              &(struct install_check){has_components, &two, &none}, &err),
              err);
    bundle_closep(&b);
    free_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage_is_found),
        cmocka_unit_test(test_source_changes),
        cmocka_unit_test(test_nothing_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
