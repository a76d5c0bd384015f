/* Files that are given by mistake, known by their first bytes, so that a message can say what they are. */
#include "bundle/open.h"

#include <string.h>

struct other {
    const char *magic;
    size_t at, len;
    const char *what;
};

static const struct other others[] = {
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
    {"-----BEGIN ", 0, 11, "a PEM file, with a key or a certificate: give a container"},
    {"<EnclaveConfiguration", 0, 21, "a configuration for Intel's sgx_sign: give the enclave that it made"},
    {"<?xml", 0, 5, "XML, perhaps a configuration for Intel's sgx_sign: give the enclave that it made"},
    {"{\"", 0, 2, "JSON: give a container"},
    {"{\n", 0, 2, "JSON: give a container"},
};

const char *container_other(struct view head)
{
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        const struct other *o = &others[i];

        if (head.len >= o->at + o->len && memcmp(head.data + o->at, o->magic, o->len) == 0)
            return o->what;
    }
    return NULL;
}
