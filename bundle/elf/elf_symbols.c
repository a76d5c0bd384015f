/* The symbol tables of ELF files, as far as names are looked up in them. Elf64_Sym is name (u32), info,
 * other, section (u16), value (u64), size (u64) (System V ABI, "Symbol Table"). */
#include "bundle/elf/elf.h"

#include <inttypes.h>
#include <string.h>

#define SYM_SIZE    24
#define SYM_SECTION 6
#define SYM_VALUE   8
#define SYM_BYTES   16
#define NAME_MAX    32  /* the longest name that is looked up, and its end */
#define PIECE       128 /* entries that are read at once */

/* A lookup in one table. */
struct lookup {
    const struct elf *e;
    const struct elf_section *strings;
    const char *const *names;
    size_t len;
    struct elf_symbol *found;
};

/* The index of the name; `len`: it is another one. */
static bool identify(const struct lookup *l, uint32_t name, size_t *ret, struct ens_err *err)
{
    char text[NAME_MAX + 1] = {0};

    if (name >= l->strings->size)
        return ens_fail(err, ENS_DATA, "%s: %s: the name of a symbol lies outside: it is damaged",
                        l->e->label, l->strings->name);
    uint64_t left = l->strings->size - name;

    if (!elf_read(l->e, l->strings->offset + name, (uint8_t *)text, left < NAME_MAX ? (size_t)left : NAME_MAX,
                  l->strings->name, err))
        return false;
    for (*ret = 0; *ret < l->len; (*ret)++) {
        if (strcmp(text, l->names[*ret]) == 0)
            break;
    }
    return true;
}

static bool take_symbol(const struct lookup *l, struct view entry, struct ens_err *err)
{
    uint32_t name = (uint32_t)bytes_get_le(view_slice(entry, 0, 4));
    size_t index = l->len;

    if (name != 0 && !identify(l, name, &index, err))
        return false;
    if (index == l->len)
        return true;
    l->found[index].again = l->found[index].found;
    if (l->found[index].found)
        return true;
    l->found[index] = (struct elf_symbol){.found = true,
                                          .value = bytes_get_le(view_slice(entry, SYM_VALUE, 8)),
                                          .size = bytes_get_le(view_slice(entry, SYM_BYTES, 8))};
    return true;
}

static bool check_table(const struct elf *e, const struct elf_section *t, struct ens_err *err)
{
    if (t->type == ELF_SHT_NOBITS || t->entsize != SYM_SIZE || t->size / SYM_SIZE > ELF_SYMBOLS_MAX)
        return ens_fail(err, ENS_DATA,
                        "%s: %s: 0x%" PRIx64 " bytes in entries of %" PRIu64
                        " (up to %u of %d are read): it is damaged",
                        e->label, t->name, t->size, t->entsize, ELF_SYMBOLS_MAX, SYM_SIZE);
    return true;
}

bool elf_symbols(const struct elf *e, bool dynamic, const char *const *names, size_t len,
                 struct elf_symbol *ret, uint64_t *ret_undefined, struct ens_err *err)
{
    const struct elf_section *t = elf_section(e, dynamic ? ".dynsym" : ".symtab");
    const struct lookup l = {.e = e,
                             .strings = elf_section(e, dynamic ? ".dynstr" : ".strtab"),
                             .names = names,
                             .len = len,
                             .found = ret};
    uint8_t piece[PIECE * SYM_SIZE];
    uint64_t undefined = 0;

    memset(ret, 0, len * sizeof *ret);
    if (t == NULL || l.strings == NULL)
        return true;
    if (!check_table(e, t, err))
        return false;
    uint64_t left = t->size / SYM_SIZE;

    for (uint64_t at = t->offset; left > 0; at += sizeof piece) {
        size_t n = left < PIECE ? (size_t)left : PIECE;

        if (!elf_read(e, at, piece, n * SYM_SIZE, t->name, err))
            return false;
        for (size_t i = 0; i < n; i++) {
            struct view entry = view_of(piece + i * SYM_SIZE, SYM_SIZE);

            undefined += at + i > t->offset && bytes_get_le(view_slice(entry, SYM_SECTION, 2)) == 0;
            if (!take_symbol(&l, entry, err))
                return false;
        }
        left -= n;
    }
    if (ret_undefined != NULL)
        *ret_undefined = undefined;
    return true;
}

bool elf_symbol_value(const struct elf *e, uint64_t index, uint64_t *ret, struct ens_err *err)
{
    const struct elf_section *t = elf_section(e, ".dynsym");
    uint8_t value[8];

    if (t == NULL || index >= t->size / SYM_SIZE)
        return ens_fail(err, ENS_DATA,
                        "%s: a relocation names symbol %" PRIu64
                        ", which .dynsym does not have: it is damaged",
                        e->label, index);
    if (!check_table(e, t, err) ||
        !elf_read(e, t->offset + index * SYM_SIZE + SYM_VALUE, value, sizeof value, t->name, err))
        return false;
    *ret = bytes_get_le(view_of(value, sizeof value));
    return true;
}
