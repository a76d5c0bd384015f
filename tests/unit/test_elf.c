/* ELF headers: a small file that is built here and opens, and the same with one thing wrong, for everything
 * that can be wrong; cut at every byte; and what the readers of an opened file find. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bundle/elf/elf.h"
#include "signer/base/magic.h"
#include "signer/base/mem.h"
#include "tests/support/support.h"

/* The file: header, program headers, what is in the sections, their names, section headers. */
#define PHDRS       64
#define PHDRS_LEN   4
#define TEXT        0x120
#define TEXT_LEN    0x40
#define NAMES       (TEXT + TEXT_LEN)
#define SHDRS       0x200
#define SHDRS_LEN   7
#define FILE_LEN    (SHDRS + 64 * SHDRS_LEN)
#define PHDR(i, at) (PHDRS + 56 * (i) + (at))
#define SHDR(i, at) (SHDRS + 64 * (i) + (at))

/* Offsets in a program header, and in a section header. */
enum { P_TYPE = 0, P_FLAGS = 4, P_OFFSET = 8, P_VADDR = 16, P_FILESZ = 32, P_MEMSZ = 40, P_ALIGN = 48 };
enum {
    S_NAME = 0,
    S_TYPE = 4,
    S_FLAGS = 8,
    S_ADDR = 16,
    S_OFFSET = 24,
    S_SIZE = 32,
    S_LINK = 40,
    S_ALIGN = 48
};
enum { S_ENTSIZE = 56 };

/* In the ELF header. */
enum { E_TYPE = 16, E_MACHINE = 18, E_ENTRY = 24, E_PHOFF = 32, E_SHOFF = 40, E_EHSIZE = 52 };
enum { E_PHENTSIZE = 54, E_PHNUM = 56, E_SHENTSIZE = 58, E_SHNUM = 60, E_SHSTRNDX = 62 };

static const char names[] = "\0.text\0.tbss\0.data\0.bss\0.debug\0.shstrtab";

struct file {
    uint8_t bytes[FILE_LEN];
};

static void put(struct file *f, size_t at, size_t len, uint64_t value)
{
    assert_true(at + len <= sizeof f->bytes);
    bytes_put_le(f->bytes + at, len, value);
}

static void put_segment(struct file *f, size_t i, const uint64_t values[6])
{
    static const size_t at[] = {P_TYPE, P_OFFSET, P_VADDR, P_FILESZ, P_MEMSZ, P_FLAGS};

    for (size_t k = 0; k < 6; k++)
        put(f, PHDR(i, at[k]), at[k] < P_OFFSET ? 4 : 8, values[k]);
    put(f, PHDR(i, P_ALIGN), 8, 0x1000);
}

static void put_section(struct file *f, size_t i, const char *name, const uint64_t values[5])
{
    static const size_t at[] = {S_TYPE, S_FLAGS, S_ADDR, S_OFFSET, S_SIZE};
    size_t where = 0;

    while (strcmp(names + where, name) != 0)
        where += strlen(names + where) + 1;
    put(f, SHDR(i, S_NAME), 4, where);
    for (size_t k = 0; k < 5; k++)
        put(f, SHDR(i, at[k]), at[k] == S_TYPE ? 4 : 8, values[k]);
    put(f, SHDR(i, S_ALIGN), 8, 16);
}

static struct file good_file(void)
{
    struct file f = {0};

    memcpy(f.bytes, "\177ELF\2\1\1", 7);
    put(&f, E_TYPE, 2, 3);
    put(&f, E_MACHINE, 2, 62);
    put(&f, E_ENTRY, 8, 0x1004);
    put(&f, E_PHOFF, 8, PHDRS);
    put(&f, E_SHOFF, 8, SHDRS);
    put(&f, E_EHSIZE, 2, 64);
    put(&f, E_PHENTSIZE, 2, 56);
    put(&f, E_PHNUM, 2, PHDRS_LEN);
    put(&f, E_SHENTSIZE, 2, 64);
    put(&f, E_SHNUM, 2, SHDRS_LEN);
    put(&f, E_SHSTRNDX, 2, 6);
    /* type, offset, address, bytes in the file, bytes in memory, flags */
    put_segment(&f, 0, (const uint64_t[]){1, TEXT, 0x1000, TEXT_LEN, TEXT_LEN, 5});
    put_segment(&f, 1, (const uint64_t[]){1, TEXT, 0x2000, 0x20, 0x2000, 6});
    put_segment(&f, 2, (const uint64_t[]){7, TEXT, 0x2000, 0x10, 0x30, 4});
    put_segment(&f, 3, (const uint64_t[]){0x6474e551, UINT64_MAX, UINT64_MAX, UINT64_MAX, 1, 6});
    /* type, flags, address, offset, size */
    put_section(&f, 1, ".text", (const uint64_t[]){1, 6, 0x1000, TEXT, TEXT_LEN});
    put_section(&f, 2, ".tbss", (const uint64_t[]){8, 0x403, 0x2010, TEXT, 0x20});
    put_section(&f, 3, ".data", (const uint64_t[]){1, 3, 0x2010, TEXT, 0x10});
    put_section(&f, 4, ".bss", (const uint64_t[]){8, 3, 0x2020, UINT64_MAX, 0x1fe0});
    put_section(&f, 5, ".debug", (const uint64_t[]){1, 0, 0, TEXT, 8});
    put_section(&f, 6, ".shstrtab", (const uint64_t[]){3, 0, 0, NAMES, sizeof names});
    memcpy(f.bytes + NAMES, names, sizeof names);
    for (size_t i = 0; i < TEXT_LEN; i++)
        f.bytes[TEXT + i] = (uint8_t)(0x40 + i);
    return f;
}

/* An open memory file of these bytes, and zeros up to `size`. */
static int memory_file(const void *bytes, size_t len, off_t size)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    assert_int_equal(ftruncate(fd, size), 0);
    return fd;
}

/* The file with `size` bytes opens; the caller releases both. */
static struct elf *opened(const struct file *f, off_t size, int *ret_fd)
{
    struct elf *e = NULL;
    struct ens_err err = {0};

    *ret_fd = memory_file(f->bytes, sizeof f->bytes, size);
    assert_ok(elf_open(*ret_fd, "x.so", (uint64_t)size, false, &e, &err), err);
    assert_non_null(e);
    return e;
}

static void opens(const struct file *f)
{
    int fd = -1;
    struct elf *e = opened(f, FILE_LEN, &fd);

    elf_freep(&e);
    (void)close(fd);
}

/* The file of these bytes is refused; the message is one line that begins with the file's name. */
static void refused_at(const struct file *f, off_t size, const char *says)
{
    int fd = memory_file(f->bytes, sizeof f->bytes, size);
    struct elf *e = NULL;
    struct ens_err err;

    assert_fails(elf_open(fd, "x.so", (uint64_t)size, false, &e, &err), err, ENS_DATA, says);
    assert_null(e);
    assert_memory_equal(err.msg, "x.so: ", 6);
    assert_null(strchr(err.msg, '\n'));
    (void)close(fd);
}

static void refused(const struct file *f, const char *says)
{
    refused_at(f, FILE_LEN, says);
}

/* One value wrong. */
static void wrong(size_t at, size_t len, uint64_t value, const char *says)
{
    struct file f = good_file();

    put(&f, at, len, value);
    refused(&f, says);
}

static void fine(size_t at, size_t len, uint64_t value)
{
    struct file f = good_file();

    put(&f, at, len, value);
    opens(&f);
}

/* ---- what is read ---- */

static void every_header_is_read(void **state)
{
    const struct file f = good_file();
    int fd = -1;
    struct elf *e = opened(&f, FILE_LEN, &fd);

    (void)state;
    assert_int_equal(e->fd, fd);
    assert_string_equal(e->label, "x.so");
    assert_int_equal(e->size, FILE_LEN);
    assert_int_equal(e->entry, 0x1004);
    assert_int_equal(e->segments_len, PHDRS_LEN);
    assert_int_equal(e->sections_len, SHDRS_LEN);
    const struct elf_segment *g = &e->segments[1];

    assert_int_equal(g->type, ELF_PT_LOAD);
    assert_int_equal(g->flags, ELF_PF_R | ELF_PF_W);
    assert_int_equal(g->offset, TEXT);
    assert_int_equal(g->vaddr, 0x2000);
    assert_int_equal(g->filesz, 0x20);
    assert_int_equal(g->memsz, 0x2000);
    assert_int_equal(g->align, 0x1000);
    assert_int_equal(e->segments[2].type, 7);
    assert_string_equal(e->sections[0].name, "");
    const struct elf_section *s = elf_section(e, ".data");

    assert_ptr_equal(s, &e->sections[3]);
    assert_string_equal(s->name, ".data");
    assert_int_equal(s->type, 1);
    assert_int_equal(s->flags, 3);
    assert_int_equal(s->addr, 0x2010);
    assert_int_equal(s->offset, TEXT);
    assert_int_equal(s->size, 0x10);
    assert_int_equal(s->align, 16);
    elf_freep(&e);
    assert_null(e);
    elf_freep(&e);
    (void)close(fd);
}

static void link_and_entry_size_are_read(void **state)
{
    struct file f = good_file();
    int fd = -1;

    (void)state;
    put(&f, SHDR(3, S_LINK), 4, 0x01020304);
    put(&f, SHDR(3, S_ENTSIZE), 8, 24);
    struct elf *e = opened(&f, FILE_LEN, &fd);

    assert_int_equal(e->sections[3].link, 0x01020304);
    assert_int_equal(e->sections[3].entsize, 24);
    elf_freep(&e);
    (void)close(fd);
}

static void an_elf_file_is_known_by_four_bytes(void **state)
{
    const struct file f = good_file();

    (void)state;
    for (size_t len = 0; len < 8; len++)
        assert_int_equal(magic_of(view_of(f.bytes, len)) == MAGIC_ELF, len >= 4);
    assert_int_equal(magic_of(view_of("\177ELF\1\1\1", 7)),
                     MAGIC_ELF); /* told later that it is none of these */
    assert_int_equal(magic_of(view_of("\177ELG", 4)), MAGIC_NONE);
    assert_int_equal(magic_of(view_of("ELF\177", 4)), MAGIC_NONE);
    assert_int_equal(magic_of(view_of(NULL, 0)), MAGIC_NONE);
}

static void sections_are_found_by_name(void **state)
{
    const struct file f = good_file();
    int fd = -1;
    struct elf *e = opened(&f, FILE_LEN, &fd);

    (void)state;
    assert_ptr_equal(elf_section(e, ".text"), &e->sections[1]);
    assert_ptr_equal(elf_section(e, ".shstrtab"), &e->sections[6]);
    assert_ptr_equal(elf_section(e, ""), &e->sections[0]);
    assert_null(elf_section(e, "text"));
    assert_null(elf_section(e, ".tex"));
    assert_null(elf_section(e, ".text2"));
    elf_freep(&e);
    (void)close(fd);
}

/* The first of two sections of one name is the one that is meant. */
static void the_first_of_a_name_is_found(void **state)
{
    struct file f = good_file();
    int fd = -1;

    (void)state;
    put(&f, SHDR(4, S_NAME), 4, 1);
    struct elf *e = opened(&f, FILE_LEN, &fd);

    assert_string_equal(e->sections[4].name, ".text");
    assert_ptr_equal(elf_section(e, ".text"), &e->sections[1]);
    elf_freep(&e);
    (void)close(fd);
}

static void assert_at(const struct elf *e, uint64_t addr, const char *want)
{
    const struct elf_section *s = elf_section_at(e, addr);

    if ((s == NULL) != (want == NULL) || (s != NULL && strcmp(s->name, want) != 0))
        fail_msg("at 0x%llx is %s", (unsigned long long)addr, s != NULL ? s->name : "nothing");
}

/* .tbss says where it would be, but takes no room there: .data does. .debug is not loaded. */
static void sections_are_found_by_address(void **state)
{
    struct file f = good_file();
    int fd = -1;
    struct elf *e = opened(&f, FILE_LEN, &fd);

    (void)state;
    assert_at(e, 0xfff, NULL);
    assert_at(e, 0x1000, ".text");
    assert_at(e, 0x103f, ".text");
    assert_at(e, 0x1040, NULL);
    assert_at(e, 0x200f, NULL);
    assert_at(e, 0x2010, ".data");
    assert_at(e, 0x201f, ".data");
    assert_at(e, 0x2020, ".bss");
    assert_at(e, 0x3fff, ".bss");
    assert_at(e, 0x4000, NULL);
    assert_at(e, 0, NULL);
    assert_at(e, UINT64_MAX, NULL);
    elf_freep(&e);
    (void)close(fd);
}

static void a_section_at_the_end_of_the_addresses_does_not_wrap(void **state)
{
    struct file f = good_file();
    int fd = -1;

    (void)state;
    put(&f, SHDR(4, S_ADDR), 8, UINT64_MAX - 1);
    put(&f, SHDR(4, S_SIZE), 8, UINT64_MAX);
    put(&f, SHDR(1, S_SIZE), 8, 0);
    struct elf *e = opened(&f, FILE_LEN, &fd);

    assert_at(e, UINT64_MAX, ".bss");
    assert_at(e, UINT64_MAX - 1, ".bss");
    assert_at(e, UINT64_MAX - 2, NULL);
    assert_at(e, 0, NULL);
    assert_at(e, 0x1000, NULL); /* a section without bytes is nowhere */
    elf_freep(&e);
    (void)close(fd);
}

/* ---- what is refused ---- */

static void only_x86_64_shared_objects_are_read(void **state)
{
    static const char none[] = "ELF header: is not an x86-64 shared object: give an enclave's ELF file";

    (void)state;
    for (size_t i = 0; i < 4; i++)
        wrong(i, 1, 0, none);
    wrong(4, 1, 1, none); /* 32 bits */
    wrong(4, 1, 3, none);
    wrong(5, 1, 2, none); /* big-endian */
    wrong(6, 1, 0, none);
    fine(7, 1, 3); /* the ABI of the system is nobody's business */
    wrong(E_TYPE, 2, 0, none);
    wrong(E_TYPE, 2, 1, none);
    wrong(E_TYPE, 2, 2, none); /* a program that is not position-independent */
    wrong(E_TYPE, 2, 4, none);
    wrong(E_TYPE, 2, 0x0300, none);
    wrong(E_MACHINE, 2, 3, none);
    wrong(E_MACHINE, 2, 183, none);
    fine(E_EHSIZE, 2, 65); /* no loader looks at it */
    fine(E_ENTRY, 8, UINT64_MAX);
}

static void tables_have_their_sizes(void **state)
{
    (void)state;
    wrong(E_PHNUM, 2, 0,
          "ELF header: 0 program headers of 56 bytes (one or more of 56 are read): it is damaged");
    wrong(E_PHENTSIZE, 2, 55, "4 program headers of 55 bytes");
    wrong(E_PHENTSIZE, 2, 0, "4 program headers of 0 bytes");
    wrong(E_SHENTSIZE, 2, 63,
          "ELF header: 7 sections of 63 bytes, names in number 6 (of 64 bytes are read): it is damaged");
    wrong(E_SHNUM, 2, 6, "6 sections of 64 bytes, names in number 6");
    wrong(E_SHSTRNDX, 2, 7, "names in number 7");
    wrong(E_SHSTRNDX, 2, 0xffff, "names in number 65535");
    wrong(E_SHNUM, 2, 8, "section header: 0x40 bytes at 0x3c0 lie outside the file");
}

/* As many headers as their numbers can say, all of zeros. */
static void as_many_headers_as_there_can_be_are_read(void **state)
{
    struct file f = good_file();
    int fd = -1;

    (void)state;
    put(&f, E_PHOFF, 8, FILE_LEN);
    put(&f, E_PHNUM, 2, UINT16_MAX);
    put(&f, E_SHOFF, 8, FILE_LEN);
    put(&f, E_SHNUM, 2, UINT16_MAX);
    off_t size = FILE_LEN + 64 * UINT16_MAX;
    struct elf *e = opened(&f, size, &fd);

    assert_int_equal(e->segments_len, UINT16_MAX);
    assert_int_equal(e->sections_len, UINT16_MAX);
    assert_string_equal(e->sections[UINT16_MAX - 1].name, "");
    assert_null(elf_section(e, ".text"));
    elf_freep(&e);
    (void)close(fd);
    refused_at(&f, size - 1, "lie outside the file");
}

static void a_file_without_sections_is_read(void **state)
{
    struct file f = good_file();
    int fd = -1;

    (void)state;
    put(&f, E_SHNUM, 2, 0);
    /* Nothing is said about a table that is not there. */
    put(&f, E_SHOFF, 8, UINT64_MAX);
    put(&f, E_SHENTSIZE, 2, 0);
    put(&f, E_SHSTRNDX, 2, 77);
    struct elf *e = opened(&f, FILE_LEN, &fd);

    assert_int_equal(e->sections_len, 0);
    assert_null(elf_section(e, ".text"));
    assert_null(elf_section_at(e, 0x1000));
    elf_freep(&e);
    (void)close(fd);
}

static void tables_lie_in_the_file(void **state)
{
    static const uint64_t outside[] = {
        FILE_LEN, FILE_LEN + 1, FILE_LEN - 1, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX, UINT64_MAX - 55,
        /* Where the table would come back to the start of the file after one entry, or after six. */
        UINT64_MAX - 56 + 1, UINT64_MAX - 64 + 1, UINT64_MAX - 6 * 64 + 1};

    (void)state;
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        wrong(E_PHOFF, 8, outside[i], "program header: 0x38 bytes at 0x");
        wrong(E_SHOFF, 8, outside[i], "section");
    }
    wrong(E_PHOFF, 8, FILE_LEN, "lie outside the file: it is cut or damaged");
    wrong(E_PHOFF, 8, FILE_LEN - 56, "program header: 0x38 bytes at 0x3c0 lie outside the file");
    wrong(E_SHOFF, 8, SHDRS + 1, "section");
}

static void loaded_segments_lie_in_the_file(void **state)
{
    static const char outside[] = "the segment at 0x2000 lies outside the file: it is cut or damaged";

    (void)state;
    for (size_t i = 1; i < 2; i++) {
        wrong(PHDR(i, P_OFFSET), 8, FILE_LEN - 0xf, outside);
        wrong(PHDR(i, P_OFFSET), 8, FILE_LEN + 1, outside);
        wrong(PHDR(i, P_OFFSET), 8, UINT64_MAX, outside);
        wrong(PHDR(i, P_OFFSET), 8, UINT64_MAX - 0xf, outside);
        wrong(PHDR(i, P_FILESZ), 8, UINT64_MAX, outside);
        wrong(PHDR(i, P_FILESZ), 8, FILE_LEN - TEXT + 1, outside);
    }
    fine(PHDR(1, P_OFFSET), 8, FILE_LEN - 0x20);
    fine(PHDR(1, P_FILESZ), 8, FILE_LEN - TEXT);
    fine(PHDR(2, P_OFFSET), 8, UINT64_MAX); /* of thread-locals: the loaders read the sections */
    fine(PHDR(0, P_TYPE), 4, 0);            /* a header that is not used may say anything */
}

static void segments_hold_no_more_than_they_take(void **state)
{
    (void)state;
    wrong(PHDR(0, P_MEMSZ), 8, TEXT_LEN - 1,
          "the segment at 0x1000 has 0x40 bytes in the file and 0x3f in memory: it is damaged");
    wrong(PHDR(1, P_MEMSZ), 8, UINT64_MAX - 0x1fff, "has 0x20 bytes in the file and 0xffffffffffffe000 in");
    wrong(PHDR(1, P_VADDR), 8, UINT64_MAX - 0x1fff, "the segment at 0xffffffffffffe000 has 0x20 bytes");
    wrong(PHDR(1, P_VADDR), 8, UINT64_MAX, "the segment at 0xffffffffffffffff has");
    fine(PHDR(1, P_MEMSZ), 8, UINT64_MAX - 0x2000);
    fine(PHDR(1, P_MEMSZ), 8, 0x20);
}

/* A loader looks at the sections that it needs: one of the others may lie anywhere, and only
 * who reads it is told. */
static void a_section_may_lie_outside_the_file(void **state)
{
    struct file f = good_file();
    uint8_t byte = 0;
    int fd = -1;
    struct ens_err err;

    (void)state;
    fine(SHDR(1, S_OFFSET), 8, FILE_LEN - 0x3f);
    fine(SHDR(1, S_OFFSET), 8, UINT64_MAX);
    fine(SHDR(1, S_SIZE), 8, FILE_LEN - TEXT + 1);
    fine(SHDR(5, S_SIZE), 8, UINT64_MAX);
    put(&f, SHDR(1, S_OFFSET), 8, UINT64_MAX);
    struct elf *e = opened(&f, FILE_LEN, &fd);

    assert_fails(elf_read(e, elf_section(e, ".text")->offset, &byte, 1, ".text", &err), err, ENS_DATA,
                 ".text: 0x1 bytes at 0xffffffffffffffff lie outside the file");
    elf_freep(&e);
    (void)close(fd);
}

/* Executable sections by address, whatever wraps. */
static void code_is_found_by_address(void **state)
{
    struct file f = good_file();
    int fd = -1;
    struct elf *e = opened(&f, FILE_LEN, &fd);

    (void)state;
    assert_true(elf_is_code(e, 0x1000, 1));
    assert_true(elf_is_code(e, 0xff9, 8));
    assert_true(elf_is_code(e, 0x103f, UINT64_MAX));
    assert_true(elf_is_code(e, 0, UINT64_MAX));
    assert_false(elf_is_code(e, 0xff8, 8));
    assert_false(elf_is_code(e, 0x1040, 8));
    assert_false(elf_is_code(e, 0x1000, 0));
    assert_false(elf_is_code(e, 0x2010, 8));
    elf_freep(&e);
    (void)close(fd);
    put(&f, SHDR(1, S_ADDR), 8, UINT64_MAX - 7);
    e = opened(&f, FILE_LEN, &fd);
    assert_true(elf_is_code(e, UINT64_MAX, 1));
    assert_true(elf_is_code(e, UINT64_MAX - 8, 2));
    assert_false(elf_is_code(e, UINT64_MAX - 8, 1));
    elf_freep(&e);
    (void)close(fd);
}

static void names_lie_in_their_table(void **state)
{
    struct file f = good_file();
    int fd = -1;

    (void)state;
    /* A name outside of it is nobody's. */
    put(&f, SHDR(3, S_NAME), 4, sizeof names + 1);
    put(&f, SHDR(1, S_NAME), 4, UINT32_MAX);
    struct elf *without = opened(&f, FILE_LEN, &fd);

    assert_string_equal(without->sections[3].name, "");
    assert_string_equal(without->sections[1].name, "");
    assert_null(elf_section(without, ".data"));
    elf_freep(&without);
    (void)close(fd);
    f = good_file();
    wrong(SHDR(6, S_OFFSET), 8, FILE_LEN, "section names: 0x");
    wrong(SHDR(6, S_OFFSET), 8, UINT64_MAX, "lie outside the file");
    wrong(SHDR(6, S_TYPE), 4, 8, "the section names are not in the file: it is damaged");
    /* A table that is cut inside a name: the name ends there. */
    put(&f, SHDR(6, S_SIZE), 8, sizeof names - 3);
    put(&f, SHDR(2, S_NAME), 4, sizeof names - 3);
    struct elf *e = opened(&f, FILE_LEN, &fd);

    assert_non_null(elf_section(e, ".shstrt"));
    assert_string_equal(e->sections[2].name, "");
    elf_freep(&e);
    (void)close(fd);
}

/* The name table at its limit, and one byte above it. */
static void names_have_a_limit(void **state)
{
    struct file f = good_file();
    off_t size = FILE_LEN + (off_t)ELF_NAMES_MAX;
    int fd = -1;

    (void)state;
    put(&f, SHDR(6, S_OFFSET), 8, NAMES);
    put(&f, SHDR(6, S_SIZE), 8, ELF_NAMES_MAX);
    struct elf *e = opened(&f, size, &fd);

    assert_non_null(elf_section(e, ".shstrtab"));
    elf_freep(&e);
    (void)close(fd);
    put(&f, SHDR(6, S_SIZE), 8, ELF_NAMES_MAX + 1);
    refused_at(&f, size, "the section names have 16777217 bytes (limit 16777216): it is damaged");
}

/* Section number 0 stands for: there are no names. */
static void a_file_without_names_is_read(void **state)
{
    struct file f = good_file();
    int fd = -1;

    (void)state;
    put(&f, E_SHSTRNDX, 2, 0);
    for (size_t i = 0; i < SHDRS_LEN; i++)
        put(&f, SHDR(i, S_NAME), 4, 0);
    struct elf *e = opened(&f, FILE_LEN, &fd);

    assert_int_equal(e->sections_len, SHDRS_LEN);
    assert_string_equal(e->sections[1].name, "");
    elf_freep(&e);
    (void)close(fd);
}

/* The section headers are the last in the file, so that every cut takes something away. */
static void a_file_that_is_cut_anywhere_is_refused(void **state)
{
    const struct file f = good_file();

    (void)state;
    for (off_t size = 0; size < FILE_LEN; size++)
        refused_at(&f, size, "outside the file: it is cut or damaged");
    refused_at(&f, 63, "ELF header: 0x40 bytes at 0x0 lie outside the file");
    refused_at(&f, 64, "program header: 0x38 bytes at 0x40 lie outside the file");
    opens(&f);
}

/* Any byte of the headers with any of a few values: it opens or it is refused, and never breaks. */
static void any_byte_of_the_headers_may_be_anything(void **state)
{
    static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
    size_t opened_len = 0;

    (void)state;
    for (size_t at = 0; at < FILE_LEN; at++) {
        for (size_t i = 0; i < sizeof values; i++) {
            struct file f = good_file();
            struct elf *e = NULL;
            struct ens_err err = {0};

            f.bytes[at] = values[i];
            int fd = memory_file(f.bytes, sizeof f.bytes, FILE_LEN);

            if (elf_open(fd, "x.so", FILE_LEN, false, &e, &err)) {
                opened_len++;
                for (size_t k = 0; k < e->sections_len; k++)
                    assert_true(strlen(e->sections[k].name) < FILE_LEN);
            } else {
                assert_int_equal(err.code, ENS_DATA);
            }
            elf_freep(&e);
            (void)close(fd);
        }
    }
    assert_true(opened_len > 0 && opened_len < 5 * FILE_LEN);
}

/* ---- reading from it ---- */

static void reading_stays_in_the_file(void **state)
{
    static const struct {
        uint64_t offset;
        size_t len;
    } outside[] = {
        {FILE_LEN, 1},       {FILE_LEN - 1, 2}, {FILE_LEN + 1, 0},          {UINT64_MAX, 1},
        {UINT64_MAX - 7, 8}, {UINT64_MAX, 0},   {UINT64_MAX, SIZE_MAX},     {0, FILE_LEN + 1},
        {1, SIZE_MAX},       {0, SIZE_MAX},     {UINT64_C(1) << 63, 0x100},
    };
    const struct file f = good_file();
    uint8_t got[FILE_LEN] = {0};
    int fd = -1;
    struct elf *e = opened(&f, FILE_LEN, &fd);
    struct ens_err err = {0};

    (void)state;
    assert_ok(elf_read(e, 0, got, FILE_LEN, "all", &err), err);
    assert_memory_equal(got, f.bytes, FILE_LEN);
    assert_ok(elf_read(e, FILE_LEN, got, 0, "nothing", &err), err);
    assert_ok(elf_read(e, FILE_LEN - 3, got, 3, "end", &err), err);
    assert_ok(elf_read(e, TEXT + 2, got, 2, "text", &err), err);
    assert_memory_equal(got, "\x42\x43", 2);
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        assert_fails(elf_read(e, outside[i].offset, got, outside[i].len, "the thing", &err), err, ENS_DATA,
                     "lie outside the file: it is cut or damaged");
        assert_memory_equal(err.msg, "x.so: the thing: 0x", 19);
    }
    assert_memory_equal(got, "\x42\x43", 2);
    elf_freep(&e);
    (void)close(fd);
}

/* The size was asked for once; a file that is cut afterwards is not a damaged one. */
static void a_file_that_shrinks_is_told(void **state)
{
    const struct file f = good_file();
    uint8_t got[8];
    int fd = -1;
    struct elf *e = opened(&f, FILE_LEN, &fd);
    struct elf *again = NULL;
    struct ens_err err;

    (void)state;
    assert_int_equal(ftruncate(fd, FILE_LEN - 1), 0);
    assert_fails(elf_read(e, FILE_LEN - 8, got, 8, "end", &err), err, ENS_IO,
                 "x.so: became shorter while it was read: repeat when it is complete");
    assert_fails(elf_open(fd, "x.so", FILE_LEN, false, &again, &err), err, ENS_IO, "became shorter");
    assert_null(again);
    elf_freep(&e);
    (void)close(fd);
    assert_fails(elf_open(-1, "x.so", FILE_LEN, false, &again, &err), err, ENS_IO, "x.so: cannot be read");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_header_is_read),
        cmocka_unit_test(link_and_entry_size_are_read),
        cmocka_unit_test(an_elf_file_is_known_by_four_bytes),
        cmocka_unit_test(sections_are_found_by_name),
        cmocka_unit_test(the_first_of_a_name_is_found),
        cmocka_unit_test(sections_are_found_by_address),
        cmocka_unit_test(a_section_at_the_end_of_the_addresses_does_not_wrap),
        cmocka_unit_test(only_x86_64_shared_objects_are_read),
        cmocka_unit_test(tables_have_their_sizes),
        cmocka_unit_test(as_many_headers_as_there_can_be_are_read),
        cmocka_unit_test(a_file_without_sections_is_read),
        cmocka_unit_test(tables_lie_in_the_file),
        cmocka_unit_test(loaded_segments_lie_in_the_file),
        cmocka_unit_test(segments_hold_no_more_than_they_take),
        cmocka_unit_test(a_section_may_lie_outside_the_file),
        cmocka_unit_test(code_is_found_by_address),
        cmocka_unit_test(names_lie_in_their_table),
        cmocka_unit_test(names_have_a_limit),
        cmocka_unit_test(a_file_without_names_is_read),
        cmocka_unit_test(a_file_that_is_cut_anywhere_is_refused),
        cmocka_unit_test(any_byte_of_the_headers_may_be_anything),
        cmocka_unit_test(reading_stays_in_the_file),
        cmocka_unit_test(a_file_that_shrinks_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
