/* The symbols of an Open Enclave ELF file that its loader fills in, and two that tell its release. */
#include "bundle/sdk/elf_oe.h"

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

bool oe_symbols_read(const struct elf *e, bool dynamic, struct oe_symbols *ret, struct ens_err *err)
{
    struct elf_symbol found[OE_SYMBOLS];

    if (!elf_symbols(e, dynamic, names, OE_SYMBOLS, found, err))
        return false;
    for (size_t i = 0; i < OE_SYMBOLS; i++) {
        ret->found[i] = found[i].found;
        ret->value[i] = found[i].value;
    }
    return true;
}
