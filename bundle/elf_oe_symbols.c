/* The symbol tables of an Open Enclave ELF file, as far as its loader looks into them. Elf64_Sym is name
 * (u32), info, other, section (u16), value (u64), size (System V ABI, "Symbol Table"). */
#include "bundle/elf_oe.h"

#include <inttypes.h>
#include <string.h>

#define SYM_SIZE  24
#define SYM_VALUE 8
#define NAME_LEN  24  /* the longest name below, and its end */
#define PIECE     128 /* entries that are read at once */

static const char *const names[OE_SYMBOLS] = {
    [OE_ENCLAVE_RVA] = "_enclave_rva",
    [OE_RELOC_RVA] = "_reloc_rva",
    [OE_RELOC_SIZE] = "_reloc_size",
    [OE_TDATA_RVA] = "_tdata_rva",
    [OE_TDATA_SIZE] = "_tdata_size",
    [OE_TDATA_ALIGN] = "_tdata_align",
    [OE_TBSS_SIZE] = "_tbss_size",
    [OE_TBSS_ALIGN] = "_tbss_align",
    [OE_TD_FROM_TCS] = "_td_from_tcs_offset",
    [OE_MODULE_INFO] = "_module_info",
};

const char *oe_symbol_name(enum oe_symbol s)
{
    return names[s];
}

/* The symbol of that name; OE_SYMBOLS: another name. */
static bool identify(const struct elf *e, const struct elf_section *strings, uint32_t name,
                     enum oe_symbol *ret, struct ens_err *err)
{
    char text[NAME_LEN + 1] = {0};

    if (name >= strings->size)
        return ens_fail(err, ENS_DATA, "%s: %s: the name of a symbol lies outside: it is damaged", e->label,
                        strings->name);
    uint64_t left = strings->size - name;

    if (!elf_read(e, strings->offset + name, (uint8_t *)text, left < NAME_LEN ? (size_t)left : NAME_LEN,
                  strings->name, err))
        return false;
    for (*ret = 0; *ret < OE_SYMBOLS; (*ret)++) {
        if (strcmp(text, names[*ret]) == 0)
            break;
    }
    return true;
}

static bool take_symbol(const struct elf *e, const struct elf_section *strings, struct view entry,
                        struct oe_symbols *ret, struct ens_err *err)
{
    uint32_t name = (uint32_t)bytes_get_le(view_slice(entry, 0, 4));
    enum oe_symbol s = OE_SYMBOLS;

    if (name != 0 && !identify(e, strings, name, &s, err))
        return false;
    if (s == OE_SYMBOLS || ret->found[s])
        return true;
    ret->found[s] = true;
    ret->value[s] = bytes_get_le(view_slice(entry, SYM_VALUE, 8));
    return true;
}

static bool check_table(const struct elf *e, const struct elf_section *t, struct ens_err *err)
{
    if (t->type == ELF_SHT_NOBITS || t->entsize != SYM_SIZE || t->size / SYM_SIZE > OE_SYMBOLS_MAX)
        return ens_fail(err, ENS_DATA,
                        "%s: %s: 0x%" PRIx64 " bytes in entries of %" PRIu64
                        " (up to %u of %d are read): it is damaged",
                        e->label, t->name, t->size, t->entsize, OE_SYMBOLS_MAX, SYM_SIZE);
    return true;
}

bool oe_symbols_read(const struct elf *e, bool dynamic, struct oe_symbols *ret, struct ens_err *err)
{
    const struct elf_section *t = elf_section(e, dynamic ? ".dynsym" : ".symtab");
    const struct elf_section *strings = elf_section(e, dynamic ? ".dynstr" : ".strtab");
    uint8_t piece[PIECE * SYM_SIZE];
    struct oe_symbols found = {0};

    if (t != NULL && strings != NULL) {
        if (!check_table(e, t, err))
            return false;
        uint64_t left = t->size / SYM_SIZE;

        for (uint64_t at = t->offset; left > 0; at += sizeof piece) {
            size_t n = left < PIECE ? (size_t)left : PIECE;

            if (!elf_read(e, at, piece, n * SYM_SIZE, t->name, err))
                return false;
            for (size_t i = 0; i < n; i++) {
                if (!take_symbol(e, strings, view_of(piece + i * SYM_SIZE, SYM_SIZE), &found, err))
                    return false;
            }
            left -= n;
        }
    }
    *ret = found;
    return true;
}

bool oe_symbol_value(const struct elf *e, uint64_t index, uint64_t *ret, struct ens_err *err)
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
