/* Enclaves of Open Enclave and EGo: ELF files with the structure oe_sgx_enclave_properties_t in section
 * .oeinfo, which lies in a loaded segment and is measured, except for the SIGSTRUCT in it. The structure's
 * size tells the releases that write it; where their loaders differ and nothing in the file tells which one
 * is meant, ENCLAVEHASH does: the stream is the one that measures to it. */
#include "bundle/sdk/elf_oe.h"

#include <inttypes.h>
#include <string.h>

#include "signer/base/digest.h"
#include "signer/base/mem.h"

#define SECTION ".oeinfo"

#define TYPE_SGX   2
#define END_MARKER UINT64_C(0xecececececececec)

/* The structure before the SIGSTRUCT, by offset; `config` differs (read_config). */
#define INFO_TYPE   4
#define INFO_HEAP   8
#define INFO_STACK  16
#define INFO_TCS    24
#define INFO_CONFIG 32
#define INFO_FLAGS  36 /* padding before 0.13 */
#define INFO_FAMILY 40 /* since 0.13 */
#define INFO_EXT    56 /* since 0.13 */
#define INFO_START  88 /* since 0.17.1 */

/* EGo's section is a page, with the place of its configuration in the file. */
#define EGO_SECTION_SIZE 0x1000
#define EGO_PAYLOAD      2048 /* offset, size */

#define EHDR_END 64 /* of the ELF header, which begins the image */

/* The releases, by what their loaders (host/sgx/create.c, loadelf.c) do: 0.8 moves the thread data to where
 * FS points, 0.10 writes the size of ECREATE into image_info, 0.11 gives thread-locals the pages that they
 * need (0.11.0 without counting them), 0.16 loads a module and leaves the ELF header as it is. In the order
 * in which they are tried; the last one is taken if none fits. */
static const struct oe_layout layouts[] = {
    /* 0.5 to 0.7 */
    {.size = OE_INFO_0_5,
     .clears_header = true,
     .static_symbols = true,
     .gs_before = true,
     .patches_end = true},
    /* 0.8 and 0.9 */
    {.size = OE_INFO_0_5, .clears_header = true, .static_symbols = true, .patches_end = true},
    /* 0.10 */
    {.size = OE_INFO_0_5, .clears_header = true, .static_symbols = true},
    /* 0.11.0 */
    {.size = OE_INFO_0_5, .clears_header = true, .tls_pages = true, .counts_one_tls = true},
    /* 0.11 and 0.12 */
    {.size = OE_INFO_0_5, .clears_header = true, .tls_pages = true},
    /* 0.13 to 0.15 */
    {.size = OE_INFO_0_13, .clears_header = true, .tls_pages = true},
    /* 0.16 and 0.17.0 */
    {.size = OE_INFO_0_13, .tls_pages = true, .modules = true},
    /* 0.17.1 to 0.19 */
    {.size = OE_INFO_0_17_1, .tls_pages = true, .modules = true},
};

/* The container's own. */
struct oe {
    struct oe_info info;
    struct oe_plan plans[OE_PLANS_MAX]; /* in the order of `layouts` */
    size_t plans_len;
    bool chosen; /* plans[0] is the only one, or the one that was chosen */
};

/* ---- the structure ---- */

/* The section lies in a segment that is loaded, where its address says: else it is not what is measured. */
static bool check_loaded(const struct container *c, const struct elf_section *s, struct ens_err *err)
{
    for (size_t i = 0; i < c->elf->segments_len; i++) {
        const struct elf_segment *g = &c->elf->segments[i];

        if (g->type == ELF_PT_LOAD && s->offset >= g->offset && s->size <= g->filesz &&
            s->offset - g->offset <= g->filesz - s->size && s->addr - g->vaddr == s->offset - g->offset)
            return true;
    }
    return ens_fail(err, ENS_DATA,
                    "%s: " SECTION ": lies outside the segment that is loaded at its address: it is damaged",
                    c->label);
}

/* Where the SIGSTRUCT is, by the size of the structure; the offsets in the SDK's own comments are wrong. */
static bool read_size(const struct container *c, const struct elf_section *s, struct oe_info *ret,
                      struct ens_err *err)
{
    uint8_t head[8];

    if (!elf_read(c->elf, s->offset, head, sizeof head, SECTION, err))
        return false;
    ret->size = (uint32_t)bytes_get_le(view_of(head, 4));
    if (ret->size != OE_INFO_0_4 && ret->size != OE_INFO_0_5 && ret->size != OE_INFO_0_13 &&
        ret->size != OE_INFO_0_17_1)
        return ens_fail(err, ENS_DATA,
                        "%s: " SECTION ": a structure of %" PRIu32 " bytes is of no release of Open Enclave "
                        "that is known (%d, %d, %d, %d): it is damaged, or newer than ensign",
                        c->label, ret->size, OE_INFO_0_4, OE_INFO_0_5, OE_INFO_0_13, OE_INFO_0_17_1);
    if (ret->size > s->size)
        return ens_fail(err, ENS_DATA,
                        "%s: " SECTION ": a structure of %" PRIu32 " bytes in a section of %" PRIu64
                        ": it is cut or damaged",
                        c->label, ret->size, s->size);
    if (bytes_get_le(view_of(head + INFO_TYPE, 4)) != TYPE_SGX)
        return ens_fail(err, ENS_DATA,
                        "%s: " SECTION ": enclave type %" PRIu64 ", SGX is %d: it is none of SGX", c->label,
                        bytes_get_le(view_of(head + INFO_TYPE, 4)), TYPE_SGX);
    ret->offset = s->offset;
    ret->rva = s->addr;
    ret->sigstruct = ret->size - SIGSTRUCT_SIZE - (ret->size == OE_INFO_0_4 ? 0 : 8);
    return true;
}

static bool check_info_end(const struct container *c, const struct oe_info *o, struct ens_err *err)
{
    uint8_t end[8];

    if (o->size == OE_INFO_0_4)
        return true;
    if (!elf_read(c->elf, o->offset + o->size - sizeof end, end, sizeof end, SECTION, err))
        return false;
    if (bytes_get_le(view_of(end, sizeof end)) != END_MARKER)
        return ens_fail(err, ENS_DATA, "%s: " SECTION ": does not end with its end marker: it is damaged",
                        c->label);
    return true;
}

/* Reads the values in front of the SIGSTRUCT, and the SIGSTRUCT. */
static bool read_config(struct container *c, struct oe_info *o, struct ens_err *err)
{
    struct site *site = NULL;
    uint8_t bytes[OE_INFO_0_17_1 - SIGSTRUCT_SIZE] = {0};
    struct view v = view_of(bytes, sizeof bytes);

    if (!container_add_site(c, &site, err) ||
        !elf_read(c->elf, o->offset, bytes, o->sigstruct, SECTION, err) ||
        !elf_read(c->elf, o->offset + o->sigstruct, site->css.bytes, sizeof site->css.bytes, SECTION, err))
        return false;
    o->heap = bytes_get_le(view_slice(v, INFO_HEAP, 8));
    o->stack = bytes_get_le(view_slice(v, INFO_STACK, 8));
    o->tcs = bytes_get_le(view_slice(v, INFO_TCS, 8));
    container_set(c, "heap", o->heap);
    container_set(c, "stack", o->stack);
    container_set(c, "threads", o->tcs);
    site->offset = o->offset + o->sigstruct;
    site->has_config = true;
    site->config.isvprodid = (uint16_t)bytes_get_le(view_slice(v, INFO_CONFIG, 2));
    site->config.isvsvn = (uint16_t)bytes_get_le(view_slice(v, INFO_CONFIG + 2, 2));
    if (o->size >= OE_INFO_0_13) {
        memcpy(site->config.isvfamilyid, bytes + INFO_FAMILY, sizeof site->config.isvfamilyid);
        memcpy(site->config.isvextprodid, bytes + INFO_EXT, sizeof site->config.isvextprodid);
    }
    if (o->size >= OE_INFO_0_17_1) {
        o->flags = (uint32_t)bytes_get_le(view_slice(v, INFO_FLAGS, 4));
        o->start = bytes_get_le(view_slice(v, INFO_START, 8));
        c->shift = (o->flags & OE_FLAG_ZERO_BASE) != 0 ? o->start : 0;
    }
    return true;
}

static bool read_oeinfo(struct container *c, struct oe_info *ret, struct ens_err *err)
{
    const struct elf_section *s = NULL;

    if (!oe_section(c->elf, SECTION, &s, err))
        return false;
    return check_loaded(c, s, err) && read_size(c, s, ret, err) && check_info_end(c, ret, err) &&
           read_config(c, ret, err);
}

/* ---- which layout ---- */

/* `*ret` is true if .dynamic names a library (DT_NEEDED). The loader since 0.16 takes the one beside the enclave in. */
static bool needs_module(const struct elf *e, bool *ret, struct ens_err *err)
{
    const struct elf_section *s = elf_section(e, ".dynamic");
    uint8_t entry[16];

    *ret = false;
    if (s == NULL || s->type == ELF_SHT_NOBITS)
        return true;
    if (s->size / sizeof entry > OE_DYNAMIC_MAX)
        return ens_fail(err, ENS_DATA, "%s: .dynamic has more than %d entries: it is damaged", e->label,
                        OE_DYNAMIC_MAX);
    for (uint64_t i = 0; i < s->size / sizeof entry && !*ret; i++) {
        if (!elf_read(e, s->offset + i * sizeof entry, entry, sizeof entry, s->name, err))
            return false;
        *ret = bytes_get_le(view_of(entry, 8)) == 1 && bytes_get_le(view_of(entry + 8, 8)) != 0;
    }
    return true;
}

/* True if the file may be of the releases that have this layout. */
static bool may_be(const struct oe_layout *l, const struct oe_info *info, const struct oe_symbols *dynamic)
{
    if (l->size != info->size)
        return false;
    if (l->size == OE_INFO_0_5 && l->tls_pages != dynamic->found[OE_TD_FROM_TCS])
        return false;
    return l->modules || !dynamic->found[OE_MODULE_INFO];
}

static bool add_plan(struct container *c, struct oe *oe, const struct oe_layout *l, struct ens_err *err)
{
    struct oe_plan *p = &oe->plans[oe->plans_len];

    if (oe->plans_len == OE_PLANS_MAX)
        return ens_fail(err, ENS_BUG, "%s: more than %d layouts", c->label, OE_PLANS_MAX);
    if (!oe_plan_make(c->elf, &oe->info, l, p, err))
        return false;
    for (size_t i = 0; i < oe->plans_len; i++) {
        if (oe_plan_equal(p, &oe->plans[i]))
            return true;
    }
    oe->plans_len++;
    return true;
}

static bool make_plans(struct container *c, struct oe *oe, struct ens_err *err)
{
    struct oe_symbols dynamic = {0};
    bool module = false;

    if (!oe_symbols_read(c->elf, true, &dynamic, err) || !needs_module(c->elf, &module, err))
        return false;
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        if (may_be(&layouts[i], &oe->info, &dynamic) && !(module && layouts[i].modules) &&
            !add_plan(c, oe, &layouts[i], err))
            return false;
    }
    return true;
}

/* True if it is in a segment of code. */
static bool in_code_segment(const struct elf *e, uint64_t rva)
{
    for (size_t i = 0; i < e->segments_len; i++) {
        const struct elf_segment *s = &e->segments[i];

        if (s->type == ELF_PT_LOAD && (s->flags & ELF_PF_X) != 0 && rva >= s->vaddr &&
            rva - s->vaddr < s->memsz)
            return true;
    }
    return false;
}

/* The loader writes its numbers where symbols are, whose author may put them anywhere. What it writes into
 * .oeinfo and into the ELF header is always there. */
static void judge_patches(struct container *c, const struct oe_info *info, const struct oe_plan *p)
{
    for (size_t i = 0; i < p->patches_len; i++) {
        uint64_t rva = p->patches[i].rva;
        size_t len = p->patches[i].len;
        bool usual = rva - info->rva < info->size || rva < EHDR_END;

        if (elf_is_code(c->elf, rva, len))
            container_odd(c, 0, "patched-code",
                          "the loader overwrites 0x%zx bytes of code at 0x%" PRIx64
                          ", where a symbol of its own lies: what is loaded is not what the file shows",
                          len, rva);
        else if (!usual && in_code_segment(c->elf, rva))
            container_odd(c, 0, "patched-data",
                          "the loader overwrites 0x%zx bytes at 0x%" PRIx64
                          ", which lie in a segment of code, where a symbol of its own lies",
                          len, rva);
    }
}

/* The reason why the file cannot be poured, or NULL. */
static const char *why_not_measured(const struct container *c, const struct oe *oe)
{
    if (oe->info.size == OE_INFO_0_4)
        return "enclaves of Open Enclave 0.4 cannot be measured here: build it with a later release";
    if ((oe->info.flags & ~(OE_FLAG_CAPTURE | OE_FLAG_ZERO_BASE)) != 0)
        return "it asks for more than Open Enclave's loader knows: measure it with the tool that signed it";
    if (oe->plans_len == 0)
        return "it is measured together with a module that lies beside it: measure it with oesign";
    if (oe->plans_len > 1 && view_is_zero(view_of(c->sites[0].css.bytes, sizeof c->sites[0].css.bytes)))
        return "it is not signed, and releases of Open Enclave before 0.17.1 lay it out differently: sign it "
               "once with its own oesign and any key, then with ensign";
    return NULL;
}

/* ---- the container ---- */

static bool recognise_oe(const struct container *c, struct view head)
{
    (void)head;
    return c->elf != NULL && elf_section(c->elf, SECTION) != NULL;
}

static bool recognise_ego(const struct container *c, struct view head)
{
    return recognise_oe(c, head) && elf_section(c->elf, SECTION)->size == EGO_SECTION_SIZE;
}

static bool open_oe(struct container *c, const char *component, struct ens_err *err)
{
    struct oe *oe = mem_alloc(1, sizeof *oe, err);

    (void)component;
    c->own = oe;
    if (oe == NULL || !read_oeinfo(c, &oe->info, err) ||
        (oe->info.size != OE_INFO_0_4 && !make_plans(c, oe, err)))
        return false;
    for (size_t i = 0; i < oe->plans_len; i++)
        judge_patches(c, &oe->info, &oe->plans[i]);
    c->why_no_stream = why_not_measured(c, oe);
    oe->chosen = oe->plans_len == 1;
    /* Each is poured for choosing, and the one that is chosen again. */
    for (size_t i = 0; i < oe->plans_len; i++)
        container_work_add(&c->work, oe->chosen ? 1 : 2, oe_work(&oe->plans[i]));
    return true;
}

static bool open_ego(struct container *c, const char *component, struct ens_err *err)
{
    struct oe_info info = {0};
    uint8_t bytes[16];

    (void)component;
    c->why_no_stream =
        "a part of it, ego-enclave, is not in the file: compare ENCLAVEHASH with `ego uniqueid`";
    if (!read_oeinfo(c, &info, err) ||
        !elf_read(c->elf, info.offset + EGO_PAYLOAD, bytes, sizeof bytes, SECTION, err))
        return false;
    uint64_t offset = bytes_get_le(view_of(bytes, 8));
    uint64_t size = bytes_get_le(view_of(bytes + 8, 8));

    if (offset > c->size || size > c->size - offset)
        return ens_fail(err, ENS_DATA, "%s: EGo's configuration lies outside the file: it is cut or damaged",
                        c->label);
    return true;
}

static void close_oe(struct container *c)
{
    mem_free(c->own);
    c->own = NULL;
}

static bool put_digest(void *ctx, struct view piece, struct ens_err *err)
{
    return digest_update(ctx, piece, err);
}

/* Every record is measured, with its padding zero: SHA-256 of the stream is what the CPU computes. The last
 * layout is taken if none fits. */
static bool choose_layout(const struct container *c, struct oe *oe, struct ens_err *err)
{
    uint8_t hash[DIGEST_SIZE];

    while (!oe->chosen) {
        ENS_CLEANUP(digest_freep) struct digest *d = NULL;

        if (!digest_new(DIGEST_SHA256, &d, err) ||
            !oe_pour(&oe->plans[0], &(struct sink){put_digest, d}, err) || !digest_final(d, hash, err))
            return false;
        if (memcmp(hash, sigstruct_get(&c->sites[0].css, CSS_ENCLAVEHASH).data, sizeof hash) != 0) {
            oe->plans_len--;
            memmove(&oe->plans[0], &oe->plans[1], oe->plans_len * sizeof oe->plans[0]);
        } else {
            oe->plans_len = 1;
        }
        oe->chosen = oe->plans_len == 1;
    }
    return true;
}

static bool pour_enclave(struct container *c, size_t index, const struct sink *sink, struct ens_err *err)
{
    struct oe *oe = c->own;

    (void)index;
    return choose_layout(c, oe, err) && oe_pour(&oe->plans[0], sink, err);
}

const struct container_ops elf_oe = {
    .kind = CONTAINER_OPEN_ENCLAVE,
    .name = "Open Enclave ELF",
    .recognise = recognise_oe,
    .open = open_oe,
    .close = close_oe,
    .stream = pour_enclave,
};

const struct container_ops elf_ego = {
    .kind = CONTAINER_EGO,
    .name = "EGo ELF",
    .recognise = recognise_ego,
    .open = open_ego,
};
