/* An ELF file that was written, beside the one that was measured: only the places
 * of the SIGSTRUCT may differ. */
#include <sys/mman.h>
#include <unistd.h>

#include "signer/base/mem.h"
#include "signer/flow/enclave.h"
#include "tests/support/support.h"
#include "tests/support/elf.h"

#define VECTOR "tests/vectors/containers/intel-2.4-2.1-1.4.signed.so"

/* Opens a copy of the vector in which the byte at `at` is another one as what was written from it. */
static bool written(size_t at, struct ens_err *err)
{
    ENS_CLEANUP(artifact_close) struct artifact a = ARTIFACT_NONE;
    ENS_CLEANUP(enclave_free) struct enclave before = {0};
    ENS_CLEANUP(enclave_free) struct enclave after = {0};
    struct buf file = intel_vector("2.4-2.1-1.4.signed");
    struct ens_err why = {0};
    int fd = memfd_create("written", MFD_CLOEXEC);

    assert_true(fd >= 0 && at < file.len);
    file.data[at] ^= 1;
    assert_int_equal(write(fd, file.data, file.len), (ssize_t)file.len);
    assert_ok(artifact_open(VECTOR, &a, &why), why);
    assert_ok(enclave_open(&a, NULL, NULL, ENCLAVE_CHANGE, &before, &why), why);
    bool ok = enclave_open_written(fd, "new", &before, &after, err);

    if (ok) {
        assert_int_equal(after.sites_len, before.sites_len);
        for (size_t i = 0; i < after.sites_len; i++) {
            assert_true(after.sites[i].is_measured);
            assert_memory_equal(after.sites[i].report.mrenclave, before.sites[i].report.mrenclave,
                                MRENCLAVE_SIZE);
        }
    }
    (void)close(fd);
    buf_free(&file);
    return ok;
}

static void test_sigstruct(void **state)
{
    struct ens_err err = {0};

    (void)state;
    /* A byte of SIGNATURE at the first place. */
    assert_ok(written(DESC + 64 + 600, &err), err);
}

/* A byte of code, of the ELF header, and of the layout table of the last block. */
static void test_enclave(void **state)
{
    static const size_t places[] = {0x1010, 24, DESC + B_LAYOUT(0) + 4};

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct ens_err err = {0};

        assert_fails(written(places[i], &err), err, ENS_DATA,
                     "new: its enclave is not the one that was measured");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sigstruct),
        cmocka_unit_test(test_enclave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
