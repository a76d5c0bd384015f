/* Secrets: locked, kept out of core files, wiped; and what happens where memory cannot be locked. munmap is
 * wrapped, to look at the page in its last moment. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signer/base/mem.h"
#include "signer/base/secret.h"
#include "tests/support/support.h"

/* AddressSanitizer makes mlock do nothing: what rests on it is tested in every other build. */
#if defined(__SANITIZE_ADDRESS__)
#define MLOCK_WORKS false
#elif defined(__has_feature)
#define MLOCK_WORKS !__has_feature(address_sanitizer)
#else
#define MLOCK_WORKS true
#endif

/* The linker leads the product's munmap here (Makefile, WRAP_test_base_secret). */
int __real_munmap(void *page, size_t len);
int __wrap_munmap(void *page, size_t len);

static const void *watched;
static int wiped = -1; /* 1: the watched page was all zero when it was given back; 0: it was not */

int __wrap_munmap(void *page, size_t len)
{
    if (page == watched) {
        wiped = view_is_zero(view_of(page, len));
        watched = NULL;
    }
    return __real_munmap(page, len);
}

/* Is `flag` (two letters of VmFlags in smaps) set on the mapping that holds `p`? */
static bool has_flag(const void *p, const char *flag)
{
    FILE *f = fopen("/proc/self/smaps", "r");
    bool inside = false;
    bool found = false;
    char line[1024];

    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        uintptr_t first = 0;
        uintptr_t end = 0;

        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &first, &end) == 2)
            inside = first <= (uintptr_t)p && (uintptr_t)p < end;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            found = strstr(line, flag) != NULL;
    }
    assert_int_equal(fclose(f), 0);
    return found;
}

static void a_secret_is_locked_and_not_dumped(void **state)
{
    ENS_CLEANUP(secret_wipe) struct secret s = {0};
    struct ens_err err = {0};

    (void)state;
    assert_ok(support_secret(view_of_string("123456"), &s, &err), err);
    assert_int_equal(s.len, 6);
    assert_string_equal(s.data, "123456");
    if (MLOCK_WORKS)
        assert_true(has_flag(s.data, " lo"));
    assert_true(has_flag(s.data, " dd"));
    /* The same question about an ordinary page gets another answer. */
    assert_false(has_flag(&wiped, " lo"));
    assert_false(has_flag(&wiped, " dd"));
}

static void a_secret_has_room_up_to_its_limit(void **state)
{
    char text[SECRET_MAX + 1];
    struct secret s = {0};
    struct ens_err err = {0};

    (void)state;
    memset(text, 'x', sizeof text);
    assert_ok(support_secret(view_of(text, SECRET_MAX), &s, &err), err);
    assert_int_equal(s.len, SECRET_MAX);
    assert_int_equal(strlen(s.data), SECRET_MAX);
    secret_wipe(&s);
    assert_fails(support_secret(view_of(text, SECRET_MAX + 1), &s, &err), err, ENS_DATA,
                 "more than 1024 bytes");
    assert_null(s.data);
    assert_ok(support_secret(view_of(NULL, 0), &s, &err), err);
    assert_int_equal(s.len, 0);
    assert_string_equal(s.data, "");
    secret_wipe(&s);
    assert_ok(secret_alloc(&s, &err), err);
    assert_true(view_is_zero(view_of(s.data, SECRET_MAX + 1)));
    memset(s.data, 'x', SECRET_MAX);
    secret_wipe(&s);
}

/* The pages of a share: more than one, wiped to the last byte. */
static void a_secret_has_the_room_that_is_asked_for(void **state)
{
    static const size_t room = 3 * 4096;
    struct secret s = {0};
    struct ens_err err = {0};

    (void)state;
    assert_ok(secret_alloc_size(&s, room, &err), err);
    assert_true(view_is_zero(view_of(s.data, room + 1)));
    if (MLOCK_WORKS)
        assert_true(has_flag(s.data + room, " lo"));
    memset(s.data, 'x', room);
    watched = s.data;
    wiped = -1;
    secret_wipe(&s);
    assert_int_equal(wiped, 1);
}

static void a_secret_is_wiped_before_it_is_given_back(void **state)
{
    struct ens_err err = {0};

    (void)state;
    for (int early = 0; early < 2; early++) {
        ENS_CLEANUP(secret_wipe) struct secret s = {0};

        assert_ok(support_secret(view_of_string("very secret"), &s, &err), err);
        watched = s.data;
        wiped = -1;
        if (early == 1) {
            secret_wipe(&s);
            assert_int_equal(wiped, 1);
            assert_null(s.data);
            assert_int_equal(s.len, 0);
            secret_wipe(&s);
        }
    }
    /* The second round ended early, the first by its scope; `watched` is NULL once it was seen. */
    assert_null(watched);
    assert_int_equal(wiped, 1);
}

/* Runs in a child, whose limit ends with it. */
static int without_lockable_memory(void)
{
    struct rlimit none = {0, 0};
    struct secret s = {0};
    struct ens_err err = {0};

    /* Root may lock whatever the limit says. */
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (geteuid() == 0 && setuid(65534) != 0))
        return 2;
    if (support_secret(view_of_string("123456"), &s, &err))
        return 3;
    if (err.code != ENS_RESOURCE || strstr(err.msg, "RLIMIT_MEMLOCK") == NULL || s.data != NULL)
        return 4;
    return 0;
}

static void a_secret_that_cannot_be_locked_is_refused(void **state)
{
    int status = 0;

    (void)state;
    if (!MLOCK_WORKS)
        support_skip("AddressSanitizer makes mlock do nothing");
    (void)fflush(NULL);
    pid_t pid = fork();

    if (pid == 0)
        _exit(without_lockable_memory());
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 2)
        support_skip("memory is locked without limit here");
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_locked_and_not_dumped),
        cmocka_unit_test(a_secret_has_room_up_to_its_limit),
        cmocka_unit_test(a_secret_has_the_room_that_is_asked_for),
        cmocka_unit_test(a_secret_is_wiped_before_it_is_given_back),
        cmocka_unit_test(a_secret_that_cannot_be_locked_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
