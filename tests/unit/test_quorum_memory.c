/* Pieces in memory: after a partial was made they are in locked pages and nowhere else, in neither order of bytes;
 * and nowhere once they are wiped. The memory of this process is read as a thief would read a core file. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "signer/base/mem.h"
#include "signer/quorum/check.h"
#include "signer/quorum/number.h"
#include "signer/quorum/prove.h"
#include "tests/support/quorum.h"

/* The memory of a sanitizer has copies of its own. */
#if defined(__SANITIZE_ADDRESS__)
#define CAN_BE_SEARCHED false
#elif defined(__has_feature)
#define CAN_BE_SEARCHED !__has_feature(address_sanitizer)
#else
#define CAN_BE_SEARCHED true
#endif

#define NEEDLE 12
#define MASK   0xa5 /* what is searched for must not be found in the test's own memory */

/* A place in each piece of holder 1, masked. */
struct needle {
    uint8_t forward[NEEDLE], backward[NEEDLE];
};
static struct needle needles[QUORUM_SHARE_MAX];
static size_t needles_len;

static uint8_t *piece_in; /* the buffer of the search */

static void add_needle(const uint8_t *at)
{
    struct needle *n = &needles[needles_len++];

    for (size_t i = 0; i < NEEDLE; i++) {
        n->forward[i] = at[i] ^ MASK;
        n->backward[i] = at[NEEDLE - 1 - i] ^ MASK;
    }
}

static bool matches(const uint8_t *at, const uint8_t masked[NEEDLE])
{
    for (size_t i = 0; i < NEEDLE; i++) {
        if ((at[i] ^ MASK) != masked[i])
            return false;
    }
    return true;
}

static size_t count_in(const uint8_t *bytes, size_t len)
{
    size_t found = 0;

    for (size_t i = 0; i + NEEDLE <= len; i++) {
        for (size_t k = 0; k < needles_len; k++) {
            if (matches(bytes + i, needles[k].forward) || matches(bytes + i, needles[k].backward))
                found++;
        }
    }
    return found;
}

#define ROOM ((size_t)1 << 20)

/* One mapping. The pieces of the buffer overlap, so that nothing falls between two. */
static size_t count_in_mapping(int mem, uint64_t first, uint64_t end)
{
    size_t found = 0;

    for (uint64_t at = first; at < end; at += ROOM - NEEDLE) {
        size_t want = end - at < ROOM ? (size_t)(end - at) : ROOM;
        ssize_t n = pread(mem, piece_in, want, (off_t)at);

        if (n > 0)
            found += count_in(piece_in, (size_t)n);
        explicit_bzero(piece_in, ROOM);
    }
    return found;
}

/* How often a needle is found in locked pages and in others. */
static void search(size_t *ret_locked, size_t *ret_others)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    int mem = open("/proc/self/mem", O_RDONLY);
    uint64_t first = 0;
    uint64_t end = 0;
    bool is_writable = false;
    char line[1024];

    *ret_locked = *ret_others = 0;
    assert_true(maps != NULL && mem >= 0);
    while (fgets(line, sizeof line, maps) != NULL) {
        char rights[5] = "";
        uint64_t a = 0;
        uint64_t b = 0;

        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &a, &b, rights) == 3) {
            first = a;
            end = b;
            is_writable = rights[1] == 'w';
        } else if (is_writable && strncmp(line, "VmFlags:", 8) == 0 && end - first < (uint64_t)1 << 30) {
            *(strstr(line, " lo") != NULL ? ret_locked : ret_others) += count_in_mapping(mem, first, end);
        }
    }
    assert_int_equal(fclose(maps), 0);
    assert_int_equal(close(mem), 0);
}

static void pieces_are_in_locked_pages_only(void **state)
{
    struct ens_err err = {0};
    size_t locked = 0;
    size_t others = 0;

    (void)state;
    if (!CAN_BE_SEARCHED || getenv("ENSIGN_VALGRIND") != NULL)
        support_skip("a sanitizer and valgrind keep copies of memory of their own");
    piece_in = malloc(ROOM);
    assert_non_null(piece_in);
    assert_ok(number_lock_memory(&err), err);
    struct dealt *d = quorum_dealt(quorum_real_primes("tests/vectors/keys/testkey.pem"), 2, 3, "memory");
    struct quorum_pieces pieces = quorum_pieces_of(d, 1);

    for (size_t j = 0; j < pieces.count; j++) {
        /* Its beginning, its middle and its end. */
        for (size_t at = QUORUM_PIECE - QUORUM_NUMBER; at <= QUORUM_PIECE - NEEDLE; at += 93)
            add_needle((const uint8_t *)pieces.bytes.data + j * QUORUM_PIECE + at);
    }
    struct quorum_partial *p = quorum_partial_of(d, 1);

    assert_ok(check_pieces(&d->q, 1, &pieces, &d->random, &err), err);
    search(&locked, &others);
    assert_true(locked >= needles_len);
    assert_int_equal(others, 0);
    /* A copy would be found. */
    uint8_t *copy = malloc(QUORUM_PIECE);

    assert_non_null(copy);
    for (size_t i = 0; i < QUORUM_PIECE; i++)
        copy[QUORUM_PIECE - 1 - i] = (uint8_t)pieces.bytes.data[i];
    search(&locked, &others);
    assert_true(others > 0);
    explicit_bzero(copy, QUORUM_PIECE);
    free(copy);
    secret_wipe(&pieces.bytes);
    free(p);
    quorum_dealt_free(d);
    search(&locked, &others);
    assert_int_equal(locked, 0);
    assert_int_equal(others, 0);
    free(piece_in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_in_locked_pages_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
