/* Magic numbers. */
#include "signer/base/magic.h"

#include <string.h>

enum magic magic_of(struct view head)
{
    static const struct {
        const char *bytes;
        size_t len;
        enum magic kind;
    } kinds[] = {
        {"PK\3\4", 4, MAGIC_ZIP},    {"\177ELF", 4, MAGIC_ELF},     {"ECREATE", 8, MAGIC_SGXS},
        {"UNSIZED", 8, MAGIC_SGXS},  {"EADD\0\0\0", 8, MAGIC_SGXS}, {"EEXTEND", 8, MAGIC_SGXS},
        {"UNMEASRD", 8, MAGIC_SGXS},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (view_begins(head, view_of(kinds[i].bytes, kinds[i].len)))
            return kinds[i].kind;
    }
    return MAGIC_NONE;
}

/* "[[sgx.trusted_files]]", "loader.entrypoint =" */
static bool is_manifest_line(struct view line)
{
    static const char *const tables[] = {"sgx", "loader", "libos", "fs"};
    size_t at = 0;

    while (at < line.len && (line.data[at] == '[' || line.data[at] == ' '))
        at++;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        size_t len = strlen(tables[i]);
        struct view name = view_slice(line, at, len);
        struct view next = view_slice(line, at + len, 1);

        if (view_is(name, tables[i]) && (view_is(next, ".") || (at > 0 && view_is(next, "]"))))
            return true;
    }
    return false;
}

bool magic_is_manifest(struct view head)
{
    size_t len = head.len < MAGIC_MANIFEST_MAX ? head.len : MAGIC_MANIFEST_MAX;

    for (size_t at = 0; at < len;) {
        const uint8_t *end = memchr(head.data + at, '\n', len - at);
        size_t next = end != NULL ? (size_t)(end - head.data) : len;

        if (memchr(head.data + at, '\0', next - at) != NULL)
            return false;
        if (is_manifest_line(view_slice(head, at, next - at)))
            return true;
        at = next + 1;
    }
    return false;
}

struct mistake {
    const char *magic;
    size_t at, len;
    const char *what;
};

static const struct mistake mistakes[] = {
    {"MZ", 0, 2,
     "a Windows program (PE): an enclave of Intel's SDK for Windows is signed with that SDK's sgx_sign, and "
     "is not "
     "read here"},
    {"!<arch>\n", 0, 8, "a static library: give the enclave that is linked from it"},
    {"\xfe\xed\xfa", 0, 3, "a program for macOS: give an enclave"},
    {"\xcf\xfa\xed\xfe", 0, 4, "a program for macOS: give an enclave"},
    {"\x1f\x8b", 0, 2, "compressed with gzip: unpack it first"},
    {"\3757zXZ", 0, 6, "compressed with xz: unpack it first"},
    {"BZh", 0, 3, "compressed with bzip2: unpack it first"},
    {"\x28\xb5\x2f\xfd", 0, 4, "compressed with zstd: unpack it first"},
    {"ustar", 257, 5, "a tar archive: unpack it first"},
    {"#!", 0, 2, "a script: give an enclave"},
    {"-----BEGIN SSH SIGNATURE", 0, 24, "an SSH signature, perhaps an approval: give a container"},
    {"-----BEGIN ENSIGN ", 0, 18, "armour, which ensign show names: give a container"},
    {"-----BEGIN ", 0, 11, "a PEM file, with a key or a certificate: give a container"},
    {"<EnclaveConfiguration", 0, 21, "a configuration for Intel's sgx_sign: give the enclave that it made"},
    {"<?xml", 0, 5, "XML, perhaps a configuration for Intel's sgx_sign: give the enclave that it made"},
    {"{\"", 0, 2, "JSON: give a container"},
    {"{\n", 0, 2, "JSON: give a container"},
};

const char *magic_mistake(struct view head)
{
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        const struct mistake *m = &mistakes[i];

        if (view_equal(view_slice(head, m->at, m->len), view_of(m->magic, m->len)))
            return m->what;
    }
    return NULL;
}
