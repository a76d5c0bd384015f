/* Unpacking: pieces, windows and blocks of every size, and what zlib and other readers refuse. What is packed
 * here is packed by zlib. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ZLIB_CONST
#include <zlib.h>

#include "bundle/orc/unpack.h"
#include "tests/support/support.h"

#define TOTAL (1u << 20)

static uint8_t content[TOTAL];
static uint8_t packed[2 * TOTAL];

/* Text that refers far back, then noise. */
static void make_content(void)
{
    uint32_t x = 1;

    for (size_t i = 0; i < TOTAL; i++) {
        x = x * 1664525 + 1013904223;
        content[i] = i > 32768 && i < TOTAL / 2 && (x >> 29) != 0 ? content[i - 32768 + (x >> 27)]
                                                                  : (uint8_t)(x >> 24);
    }
}

/* Deflates `len` bytes, with a flush of this kind after every `step` ones; the length. */
static size_t pack(size_t len, int level, int strategy, size_t step, int flush)
{
    z_stream z = {.next_out = packed, .avail_out = sizeof packed};

    assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, -15, 9, strategy), Z_OK);
    for (size_t at = 0; at < len; at += step) {
        z.next_in = content + at;
        z.avail_in = (uInt)(len - at < step ? len - at : step);
        assert_int_equal(deflate(&z, flush), Z_OK);
    }
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&z), Z_OK);
    return sizeof packed - z.avail_out;
}

static bool compare(void *ctx, struct view piece, struct ens_err *err)
{
    size_t *at = ctx;

    (void)err;
    assert_true(piece.len > 0 && piece.len <= UNPACK_PIECE);
    assert_memory_equal(piece.data, content + *at, piece.len);
    *at += piece.len;
    return true;
}

/* Unpacks it out of a file in which other bytes stand before it. */
static bool unpack_view(struct view v, struct unpack_source from, size_t *ret_len, struct ens_err *err)
{
    from.fd = memfd_create("test", MFD_CLOEXEC);
    from.packed = v.len;
    *ret_len = 0;
    *err = (struct ens_err){0};
    assert_int_equal(pwrite(from.fd, v.data, v.len, (off_t)from.offset), (ssize_t)v.len);
    bool ok = unpack(&from, &(struct sink){compare, ret_len}, err);

    (void)close(from.fd);
    return ok;
}

static struct unpack_source declared(size_t len)
{
    return (struct unpack_source){
        .offset = 11, .size = len, .crc = (uint32_t)crc32(0, content, (uInt)len), .deflated = true};
}

static void unpacks(size_t packed_len, size_t len)
{
    struct ens_err err;
    size_t done = 0;

    assert_ok(unpack_view(view_of(packed, packed_len), declared(len), &done, &err), err);
    assert_int_equal(done, len);
}

static void test_sizes(void **state)
{
    const size_t sizes[] = {0, 1, 32767, 32768, 32769, 65535, 65536, 65537, 98304, 131072, TOTAL};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int level = 0; level <= 9; level += 3)
            unpacks(pack(sizes[i], level, Z_DEFAULT_STRATEGY, TOTAL, Z_NO_FLUSH), sizes[i]);
    }
}

/* Blocks of all kinds and sizes, which begin at every bit and in every place of what is read at a time. */
static void test_blocks(void **state)
{
    const int strategies[] = {Z_DEFAULT_STRATEGY, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED};
    const int flushes[] = {Z_NO_FLUSH, Z_PARTIAL_FLUSH, Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_BLOCK};

    (void)state;
    for (size_t i = 0; i < sizeof strategies / sizeof *strategies; i++) {
        for (size_t j = 0; j < sizeof flushes / sizeof *flushes; j++) {
            unpacks(pack(TOTAL / 4, 6, strategies[i], 37, flushes[j]), TOTAL / 4);
            unpacks(pack(TOTAL, 6, strategies[i], 8191, flushes[j]), TOTAL);
        }
    }
}

static void test_stored(void **state)
{
    struct unpack_source from = declared(TOTAL);
    struct ens_err err;
    size_t done = 0;

    (void)state;
    from.deflated = false;
    assert_ok(unpack_view(view_of(content, TOTAL), from, &done, &err), err);
    assert_int_equal(done, TOTAL);
    from.crc ^= 1;
    assert_fails(unpack_view(view_of(content, TOTAL), from, &done, &err), err, ENS_DATA, "its CRC is not");
}

static void test_declared(void **state)
{
    size_t len = pack(TOTAL, 6, Z_DEFAULT_STRATEGY, TOTAL, Z_NO_FLUSH);
    struct view v = view_of(packed, len);
    struct unpack_source from = declared(TOTAL);
    struct ens_err err;
    size_t done = 0;

    (void)state;
    from.size--;
    assert_fails(unpack_view(v, from, &done, &err), err, ENS_DATA, "unpacks to more than the 1048575 bytes");
    from.size += 2;
    assert_fails(unpack_view(v, from, &done, &err), err, ENS_DATA,
                 "unpacks to 1048576 bytes, and declares 1048577");
    from.size--;
    from.crc++;
    assert_fails(unpack_view(v, from, &done, &err), err, ENS_DATA, "its CRC is not that of its data");
    from.crc--;
    for (size_t cut = 1; cut < 70000; cut = cut * 2 + 1)
        assert_fails(unpack_view(view_of(packed, len - cut), from, &done, &err), err, ENS_DATA,
                     "its data end too early");
    packed[len] = 0xff;
    assert_ok(unpack_view(view_of(packed, len + 1), from, &done, &err), err);
}

/* The file ends where the entry's data do not. */
static void test_file_is_short(void **state)
{
    size_t len = pack(TOTAL, 6, Z_DEFAULT_STRATEGY, TOTAL, Z_NO_FLUSH);
    struct unpack_source from = declared(TOTAL);
    struct ens_err err = {0};
    size_t done = 0;

    (void)state;
    from.fd = memfd_create("test", MFD_CLOEXEC);
    from.packed = len;
    assert_int_equal(pwrite(from.fd, packed, len / 2, (off_t)from.offset), (ssize_t)(len / 2));
    assert_fails(unpack(&from, &(struct sink){compare, &done}, &err), err, ENS_DATA, "end too early");
    from.deflated = false;
    from.packed = TOTAL;
    done = 0;
    assert_int_equal(pwrite(from.fd, content, TOTAL / 2, (off_t)from.offset), TOTAL / 2);
    assert_int_equal(ftruncate(from.fd, (off_t)(from.offset + TOTAL / 2)), 0);
    assert_fails(unpack(&from, &(struct sink){compare, &done}, &err), err, ENS_DATA, "end too early");
    assert_int_equal(done, TOTAL / 2);
    (void)close(from.fd);
}

static void put_bits(size_t *at, uint32_t value, size_t len)
{
    for (size_t i = 0; i < len; i++, (*at)++) {
        if (*at % 8 == 0)
            packed[*at / 8] = 0;
        packed[*at / 8] |= (uint8_t)((value >> i & 1) << *at % 8);
    }
}

/* A dynamic block (RFC 1951, 3.2.7) that is the letter "a" and the end: literal 97 has a code of `a` bits,
 * the end one of `end` bits, distance 0 one of `distance` bits. The code of lengths has two bits for each of
 * 0, 1, 2 and 18 (which repeats zero 11 to 138 times). */
static size_t block_of_a(unsigned a, unsigned end, unsigned distance)
{
    /* The order in which lengths of the code of lengths come: 16 17 18 0 8 7 9 6 10 5 11 4 12 3 13 2 14 1 */
    static const uint8_t lengths[18] = {[2] = 2, [3] = 2, [15] = 2, [17] = 2};
    /* Codes come in the order of what they mean, and are written from their highest bit on. */
    static const uint8_t codes[3] = {0, 2, 1};
    size_t at = 0;

    put_bits(&at, 1 | 2 << 1 | 0 << 3 | 0 << 8 | 14 << 13, 17);
    for (size_t i = 0; i < sizeof lengths; i++)
        put_bits(&at, lengths[i], 3);
    put_bits(&at, 3 | (97 - 11) << 2, 9);
    put_bits(&at, codes[a], 2);
    put_bits(&at, 3 | (138 - 11) << 2, 9);
    put_bits(&at, 3 | (20 - 11) << 2, 9);
    put_bits(&at, codes[end], 2);
    put_bits(&at, codes[distance], 2);
    put_bits(&at, 0, a);                                          /* the first code */
    put_bits(&at, a == 2 && end == 2 ? 2 : (1u << end) - 1, end); /* the second */
    return (at + 7) / 8;
}

/* Codes that leave bits without a meaning: ISA-L takes them, zlib, Go and others do not. */
static void test_incomplete_codes(void **state)
{
    const uint8_t a = 'a';
    struct unpack_source from = {.size = 1, .crc = (uint32_t)crc32(0, &a, 1), .deflated = true};
    struct ens_err err;
    size_t done = 0;
    uint8_t before = content[0];

    (void)state;
    content[0] = a;
    assert_ok(unpack_view(view_of(packed, block_of_a(1, 1, 1)), from, &done, &err), err);
    assert_ok(unpack_view(view_of(packed, block_of_a(1, 1, 0)), from, &done, &err), err);
    assert_fails(unpack_view(view_of(packed, block_of_a(2, 2, 1)), from, &done, &err), err, ENS_DATA,
                 "its compressed data are damaged");
    assert_fails(unpack_view(view_of(packed, block_of_a(1, 1, 2)), from, &done, &err), err, ENS_DATA,
                 "its compressed data are damaged");
    content[0] = before;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),         cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_stored),        cmocka_unit_test(test_declared),
        cmocka_unit_test(test_file_is_short), cmocka_unit_test(test_incomplete_codes),
    };

    make_content();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
