/* The note in which sgx_sign leaves its metadata. Intel's loader finds it by the section's name, and wants
 * name and size to fit: that is what is refused here as well. Everything else about it is only odd. */
#include "bundle/sdk/elf_intel.h"

#include <inttypes.h>

#define NOTES_MAX   64 /* notes of one program header that are looked at */
#define NOTE_WORDS  12 /* bytes of a note before its name: namesz, descsz, type */
#define USUAL_ALIGN 4

static const uint8_t note_name[13] = "sgx_metadata";

static bool is_sgx(struct view head)
{
    return bytes_get_le(view_slice(head, 0, 4)) == sizeof note_name &&
           view_equal(view_slice(head, NOTE_WORDS, sizeof note_name), view_of(note_name, sizeof note_name));
}

/* ---- where it is ---- */

static uint64_t round_up(uint64_t n, uint64_t align)
{
    return (n + align - 1) & ~(align - 1);
}

/* Walks the notes of a segment, which are padded to 4 bytes or to 8; ours is the last wherever it is, since
 * it is padded otherwise. */
static bool find_in_segment(const struct elf *e, const struct elf_segment *seg, int *left,
                            struct intel_note *ret)
{
    uint64_t align = seg->align == 8 ? 8 : USUAL_ALIGN;
    uint64_t at = 0;
    uint8_t head[INTEL_NOTE_HEAD];
    struct ens_err ignored = {0};

    for (; *left > 0 && at < seg->filesz && seg->filesz - at >= sizeof head; --*left) {
        if (seg->offset > e->size || at > e->size - seg->offset ||
            !elf_read(e, seg->offset + at, head, sizeof head, "note", &ignored))
            return false;
        if (is_sgx(view_of(head, sizeof head))) {
            *ret = (struct intel_note){.offset = seg->offset + at, .size = seg->filesz - at};
            return true;
        }
        /* Both are below 2^32. */
        at = round_up(at + NOTE_WORDS + bytes_get_le(view_of(head, 4)), align);
        at = round_up(at + bytes_get_le(view_of(head + 4, 4)), align);
    }
    return false;
}

bool intel_find_note(const struct elf *e, struct intel_note *ret)
{
    const struct elf_section *s = elf_section(e, INTEL_SECTION);
    int left = NOTES_MAX;

    if (s != NULL) {
        *ret = (struct intel_note){.offset = s->offset, .size = s->size, .section = s};
        return true;
    }
    for (size_t i = 0; i < e->segments_len; i++) {
        if (e->segments[i].type == ELF_PT_NOTE && find_in_segment(e, &e->segments[i], &left, ret))
            return true;
    }
    return false;
}

/* ---- what it is ---- */

static bool is_usual_size(uint32_t desc)
{
    /* From SDK 1.6 to 2.29. */
    return desc == 0x1000 || desc == 0x3000 || desc == 0x5000 || desc == 0x6000;
}

/* Intel's loader demands this size of the section: the note's, rounded up to the section's alignment. */
static bool check_note_size(struct container *c, const struct intel_note *note, uint64_t size,
                            struct ens_err *err)
{
    uint64_t align = note->section == NULL || note->section->align == 0 ? 1 : note->section->align;

    if (note->section == NULL) {
        container_odd(c, 0, "note-section",
                      "there is no section " INTEL_SECTION
                      ", and its note was found by a program header: Intel's loader does not find it");
        return note->size >= size ||
               ens_fail(err, ENS_DATA,
                        "its segment has 0x%" PRIx64 " bytes, the note 0x%" PRIx64 ": " INTEL_REMEDY,
                        note->size, size);
    }
    if (note->size != round_up(size, align))
        return ens_fail(err, ENS_DATA,
                        "the section has 0x%" PRIx64 " bytes, its note 0x%" PRIx64 ", aligned to 0x%" PRIx64
                        ": " INTEL_REMEDY,
                        note->size, size, align);
    if (note->section->type != ELF_SHT_NOTE)
        container_odd(c, 0, "note-type",
                      INTEL_SECTION " has section type %" PRIu32 ", and is not an SHT_NOTE",
                      note->section->type);
    if (align != USUAL_ALIGN)
        container_odd(c, 0, "note-align",
                      INTEL_SECTION " is aligned to %" PRIu64 ", where today's sgx_sign aligns it to %d",
                      align, USUAL_ALIGN);
    return true;
}

bool intel_check_note(struct container *c, struct intel_note *note, struct view head, uint32_t *ret_desc,
                      struct ens_err *err)
{
    uint32_t desc = (uint32_t)bytes_get_le(view_slice(head, 4, 4));

    if (!is_sgx(head))
        return ens_fail(err, ENS_DATA, "the note's name is not \"sgx_metadata\": " INTEL_REMEDY);
    if (!check_note_size(c, note, INTEL_NOTE_HEAD + (uint64_t)desc, err))
        return false;
    if (desc > INTEL_DESC_MAX)
        return ens_fail(err, ENS_DATA,
                        "the metadata have 0x%" PRIx32
                        " bytes (limit 0x%x, and SDKs write 0x6000): " INTEL_REMEDY,
                        desc, INTEL_DESC_MAX);
    if (!is_usual_size(desc))
        container_odd(c, 0, "note-size", "the metadata have 0x%" PRIx32 " bytes, which no SDK reserves",
                      desc);
    note->size = INTEL_NOTE_HEAD + (uint64_t)desc;
    *ret_desc = desc;
    return true;
}
