/* The commands and their options: what exists, in one place. The program of the signing host, ensign-offline,
 * is built with ENSIGN_OFFLINE: it has no command that opens or makes a bundle. */
#include "signer/cmd/cmd.h"

#include <string.h>

#include "signer/base/text.h"
#include "signer/flow/enclave.h"
#include "signer/ui/progress.h"

#define TEXT(member)  OPT_TEXT, offsetof(struct args, member)
#define MAYBE(member) OPT_MAYBE, offsetof(struct args, member)
#define LIST(member)  OPT_LIST, offsetof(struct args, member)
#define FLAG(member)  OPT_FLAG, offsetof(struct args, member), NULL

#ifndef ENSIGN_OFFLINE
#define OF_TWO(ensign, offline) ensign
#else
#define OF_TWO(ensign, offline) offline
#endif

static const struct opt common[] = {
    {"quiet", 'q', FLAG(quiet), "no review and no notices; warnings stay"},
    {"help", 'h', FLAG(help), "print this help"},
    {0},
};

static const struct opt token_options[] = {
    {"module", 0, TEXT(module), "PATH", "PKCS#11 module (else ENSIGN_PKCS11_MODULE)"},
    {"allow-module-path", 0, FLAG(allow_module_path), "load what module-path in the URI names"},
    {"module-args", 0, TEXT(module_args), "STRING", "argument string for C_Initialize"},
    {"pin-source", 0, TEXT(pin_source), "SRC", "tty (default), file:PATH or fd:N"},
    {"allow-final-try", 0, FLAG(allow_final_try), "try the PIN although one more wrong one locks it"},
    {"hsm-timeout", 0, TEXT(hsm_timeout), "SEC",
     "how long one call into the module may take (120; 0: no limit)"},
    {0},
};

static const struct opt record_options[] = {
    {"transcript", 0, TEXT(transcript), "FILE", "append a record of this run"},
    {"note", 0, TEXT(note), "TEXT", "who operates, who witnesses: goes into the record"},
    {"acknowledge", 0, TEXT(acknowledge), "N",
     "go on after record N, which says no end (0: after a cut one)"},
    {0},
};

static const struct opt output_options[] = {
    {"output", 'o', TEXT(output), "FILE", "where the result goes (- is stdout)"},
    {"force", 0, FLAG(force), "replace an existing output"},
    {0},
};

static const struct opt sign_options[] = {
    {"key", 0, TEXT(key), "URI", "RFC 7512 URI of the private key (else ENSIGN_KEY)"},
    {"mrsigner", 0, TEXT(mrsigner), "HEX", "sign only with the key that has this MRSIGNER"},
    {"policy", 0, TEXT(policy), "FILE", "sign only what this policy allows"},
    {"approval", 0, LIST(approvals), "FILE",
     "an approval that the policy counts, or a directory of them; may be given several times"},
    {"out-dir", 0, TEXT(out_dir), "DIR", "write NAME.sig for each sign-data into DIR"},
    {"mechanism", 0, TEXT(mechanism), "NAME", "auto (default), rsa-pkcs or sha256-rsa-pkcs"},
    {"blind", 0, FLAG(blind), "sign a 32-byte digest that nobody can review"},
    {"allow-unusual", 0, FLAG(params.allow_unusual), "sign fields that are refused as unusual"},
    {"dry-run", 0, FLAG(dry_run), "do everything but sign"},
    {"yes", 0, FLAG(yes), "do not ask for confirmation"},
    {"pubkey", 0, TEXT(pubkey), "FILE", "write the public key as well, PEM"},
    {0},
};

static const struct opt approve_options[] = {
    {"ssh-key", 0, TEXT(ssh_key), "FILE", "your OpenSSH key, or the .pub file of a key in ssh-agent"},
    {"pubkey", 0, TEXT(pubkey), "FILE", "the key that will sign, PEM; or"},
    {"mrsigner", 0, TEXT(mrsigner), "HEX", "its MRSIGNER"},
#ifndef ENSIGN_OFFLINE
    {"rebuilt", 0, LIST(rebuilt), "ENCLAVE",
     "your own build, one for each enclave: stop unless the sign-data is for it"},
    {"component", 0, TEXT(component), "ID", "component of a rebuilt bundle: ronl (default) or rofl.NAME"},
#endif
    {"until", 0, TEXT(until), "YYYYMMDD", "last day on which it counts (default: today and 30 days)"},
    {"reject", 0, FLAG(reject), "say no: it stops every signature over these bytes"},
    {"replaces", 0, TEXT(replaces), "FILE", "take an earlier answer of yours back"},
    {"note", 0, TEXT(note), "TEXT", "a line about it, for the room"},
    {"allow-unusual", 0, FLAG(params.allow_unusual), "approve fields that are refused as unusual"},
    {"allow-large", 0, FLAG(allow_large), "measure an enclave however large it is"},
    {"yes", 0, FLAG(yes), "do not ask for confirmation"},
    {0},
};

static const struct opt check_options[] = {
    {"policy", 0, TEXT(policy), "FILE", "the policy that sign will be given"},
    {"approval", 0, LIST(approvals), "FILE",
     "an approval, or a directory of them; may be given several times"},
    {"mrsigner", 0, TEXT(mrsigner), "HEX", "MRSIGNER of the key that will sign; or"},
    {"pubkey", 0, TEXT(pubkey), "FILE", "that key, PEM"},
    {"transcript", 0, TEXT(transcript), "FILE", "the record of the room: a no in it is remembered"},
    {"allow-unusual", 0, FLAG(params.allow_unusual), "as it will be given to sign"},
    {"json", 0, FLAG(json), "one JSON document"},
    {0},
};

static const struct opt keygen_options[] = {
    {"token", 0, TEXT(token), "URI", "RFC 7512 URI of the token (else ENSIGN_TOKEN)"},
    {"label", 0, TEXT(label), "L", "CKA_LABEL of the new key"},
    {"id", 0, TEXT(id), "HEX", "CKA_ID of the new key (default: 20 bytes of MRSIGNER)"},
    {"pubkey", 0, TEXT(pubkey), "FILE", "write the public key as well, PEM"},
    {"force", 0, FLAG(force), "replace an existing public key file"},
    {0},
};

static const struct opt pubkey_options[] = {
    {"key", 0, TEXT(key), "URI", "RFC 7512 URI of the private key (else ENSIGN_KEY)"},
    {"x509", 0, FLAG(x509), "a self-signed X.509 certificate; the key signs it"},
    {0},
};

static const struct opt keys_options[] = {
    {"token", 0, TEXT(token), "URI", "only this token (else ENSIGN_TOKEN)"},
    {"login", 0, FLAG(login), "log in to the one token, and list its keys as well"},
    {"require", 0, TEXT(require), "URI", "exit 1 unless this key can sign enclaves"},
    {"json", 0, FLAG(json), "one JSON document"},
    {0},
};

static const struct opt show_options[] = {
    {"allow-large", 0, FLAG(allow_large), "measure an enclave however large it is"},
    {"json", 0, FLAG(json), "one JSON document"},
    {0},
};

static const struct opt transcript_options[] = {
    {"head", 0, TEXT(head), "HEX", "the head that was written down: the last record must be that one"},
    {"head-statement", 0, FLAG(head_statement), "print the four lines that a witness signs"},
    {"witnesses", 0, TEXT(witnesses), "FILE", "persons and their keys, as approvers of a policy"},
    {"signed-head", 0, TEXT(signed_head), "FILE", "a head that one of them signed: the record must have it"},
    {"json", 0, FLAG(json), "one JSON document"},
    {0},
};

#ifndef ENSIGN_OFFLINE
/* The SIGSTRUCT options, as orc 0.3.0 has them; M is the inverse mask. */
static const struct opt sigstruct_options[] = {
    {"date", 0, MAYBE(params.date), "YYYYMMDD", "DATE (default: SOURCE_DATE_EPOCH, else today, UTC)"},
    {"swdefined", 's', TEXT(params.swdefined), "N", "SWDEFINED (0)"},
    {"isvprodid", 'p', TEXT(params.isvprodid), "N", "ISVPRODID (0)"},
    {"isvsvn", 'v', TEXT(params.isvsvn), "N", "ISVSVN (0)"},
    {"miscselect", 'm', TEXT(params.miscselect), "V/M", "MISCSELECT and inverse MISCMASK (0/0)"},
    {"attributes", 'a', TEXT(params.attributes), "V/M", "ATTRIBUTES and inverse ATTRIBUTEMASK (0x4/0x2)"},
    {"xfrm", 'x', TEXT(params.xfrm), "V/M", "XFRM and inverse XFRM_MASK (0x3/0x3)"},
    {"32bit", 0, FLAG(params.bit32), "a 32-bit enclave: MODE64BIT clear and enforced"},
    {"debug", 'd', FLAG(params.debug), "set DEBUG, not enforced"},
    {"forbid-debug", 0, FLAG(params.forbid_debug), "DEBUG clear and enforced by the mask"},
    {"isvfamilyid", 0, TEXT(params.isvfamilyid), "HEX32", "ISVFAMILYID (needs KSS, 0x80, in the attributes)"},
    {"isvextprodid", 0, TEXT(params.isvextprodid), "HEX32", "ISVEXTPRODID (needs KSS)"},
    {"cet-attributes", 0, TEXT(params.cet_attributes), "V/M", "CET_ATTRIBUTES and its inverse mask (0/0xff)"},
    {"from", 0, TEXT(from), "FILE", "start from the fields of a signed container or sign-data"},
    {"allow-unusual", 0, FLAG(params.allow_unusual), "sign fields that are refused as unusual"},
    {"allow-large", 0, FLAG(allow_large), "measure an enclave however large it is"},
    {"component", 0, TEXT(component), "ID", "component of a bundle: ronl (default) or rofl.NAME"},
    {0},
};

static const struct opt init_options[] = {
    {"runtime-name", 0, MAYBE(runtime_name), "NAME", "name (default: that in Cargo.toml)"},
    {"runtime-version", 0, MAYBE(runtime_version), "V", "MAJOR.MINOR.PATCH (default: that in Cargo.toml)"},
    {"runtime-id", 0, MAYBE(runtime_id), "ID", "64 hex digits (default: metadata.orc in Cargo.toml)"},
    {"custom", 0, FLAG(custom), "do not read Cargo.toml: the three above must be given"},
    {0},
};

static const struct opt component_options[] = {
    {"sgx-executable", 0, MAYBE(sgx_executable), "SGXS", "the enclave's SGXS stream"},
    {"sgx-signature", 0, MAYBE(sgx_signature), "SIG", "a finished SIGSTRUCT for that stream"},
    {"allow-unusual", 0, FLAG(params.allow_unusual), "add a stream that is refused as unusual"},
    {"elf-metadata", 0, FLAG(elf_metadata), "name the executable in the newer elf: {executable}"},
    {0},
};

static const struct opt gen_sign_data_options[] = {
    {"digest", 0, TEXT(digest), "FILE", "write the SHA-256 of the sign-data as well, 32 bytes"},
    {"output", 'o', TEXT(output), "FILE", "where the sign-data goes (- is stdout)"},
    {"force", 0, FLAG(force), "replace an existing output"},
    {0},
};

static const struct opt set_sig_options[] = {
    {"sign-data", 0, TEXT(sign_data), "FILE", "the sign-data that was signed, in place of SIGSTRUCT options"},
    {"to", 0, TEXT(to), "FILE", "write the SIGSTRUCT to a file, leave ENCLAVE as it is"},
    {"ephemeral-key", 0, FLAG(ephemeral_key), "sign with a fresh key that is thrown away"},
    {0},
};

static const struct opt verify_options[] = {
    {"mrenclave", 0, TEXT(mrenclave), "HEX", "MRENCLAVE that it must have"},
    {"mrsigner", 0, TEXT(mrsigner), "HEX", "MRSIGNER that it must have"},
    {"pubkey", 0, TEXT(pubkey), "FILE", "public key that must have signed it, PEM"},
    {"min-isvsvn", 0, TEXT(min_isvsvn), "N", "the smallest ISVSVN that is accepted"},
    {"isvprodid", 'p', TEXT(params.isvprodid), "N", "ISVPRODID that it must have"},
    {"forbid-debug", 0, FLAG(params.forbid_debug), "DEBUG must be clear and enforced"},
    {"policy", 0, TEXT(policy), "FILE", "policy whose lines about fields and signer must hold"},
    {"allow-public-key", 0, FLAG(allow_public_key), "accept a signing key whose private half is published"},
    {"allow-unusual", 0, FLAG(params.allow_unusual), "accept code that is not measured"},
    {"allow-large", 0, FLAG(allow_large), "measure an enclave however large it is"},
    {"profile", 0, TEXT(profile), "NAME", "whose rules: core, registry, rofl-scheduler or cpu (default)"},
    {"component", 0, TEXT(component), "ID", "only this component of a bundle"},
    {"json", 0, FLAG(json), "one JSON document"},
    {0},
};

static const struct opt compare_options[] = {
    {"component", 0, TEXT(component), "ID", "component of each bundle: ronl (default) or rofl.NAME"},
    {"allow-large", 0, FLAG(allow_large), "measure an enclave however large it is"},
    {"json", 0, FLAG(json), "one JSON document"},
    {0},
};

static const struct opt resign_options[] = {
    {"key", 0, TEXT(key), "URI", "RFC 7512 URI of the private key (else ENSIGN_KEY)"},
    {"mrsigner", 0, TEXT(mrsigner), "HEX", "sign only with the key that has this MRSIGNER"},
    {"policy", 0, TEXT(policy), "FILE", "sign only what this policy allows"},
    {"mechanism", 0, TEXT(mechanism), "NAME", "auto (default), rsa-pkcs or sha256-rsa-pkcs"},
    {"all-components", 0, FLAG(all_components), "every SGX component of each bundle"},
    {"out-dir", 0, TEXT(out_dir), "DIR", "write each file under its own name into DIR (default: in place)"},
    {"force", 0, FLAG(force), "replace an existing output"},
    {"resume", 0, FLAG(resume), "skip what an earlier run signed, and clean up after one that was killed"},
    {"jobs", 0, TEXT(jobs), "N", "how many files are worked on at a time (default: 4 for each processor)"},
    {"dry-run", 0, FLAG(dry_run), "do everything but sign"},
    {"yes", 0, FLAG(yes), "do not ask for confirmation"},
    {"json", 0, FLAG(json), "JSON Lines: one object for each enclave, and the sums"},
    {0},
};

static const struct opt extract_options[] = {
    {"component", 0, TEXT(component), "ID", "component of a bundle: ronl (default) or rofl.NAME"},
    {"allow-large", 0, FLAG(allow_large), "measure an enclave however large it is"},
    {"sign-data", 0, FLAG(signdata_only), "only the 256 signed bytes"},
    {0},
};
#endif

const struct cmd cmd_table[] = {
    {"sign",
     "SIGN-DATA...",
     "sign the sign-data with a key inside a PKCS#11 token",
     {sign_options, token_options, record_options, output_options, common},
     1,
     SIZE_MAX,
     cmd_sign},
    {"approve",
     "SIGN-DATA...",
     "say yes or no to sign-data with your SSH key, for sign --approval",
     {approve_options, output_options, common},
     1,
     SIZE_MAX,
     OF_TWO(cmd_approve_rebuilt, cmd_approve)},
    {"check",
     "[SIGN-DATA...]",
     "do policy and approvals hold? needs no token",
     {check_options, common},
     0,
     SIZE_MAX,
     cmd_check},
    {"show",
     "FILE",
     "print a bundle, enclave, SIGSTRUCT, sign-data or public key",
     {show_options, common},
     1,
     1,
     OF_TWO(cmd_show_any, cmd_show)},
    {"keygen",
     "",
     "make an RSA-3072 key with e = 3 inside a token",
     {keygen_options, token_options, record_options, common},
     0,
     0,
     cmd_keygen},
    {"pubkey",
     "",
     "write the public half of a key, PEM",
     {pubkey_options, token_options, record_options, output_options, common},
     0,
     0,
     cmd_pubkey},
    {"keys",
     "",
     "list tokens and keys, and whether they can sign enclaves",
     {keys_options, token_options, common},
     0,
     0,
     cmd_keys},
    {"transcript",
     "FILE",
     "verify the transcript of a ceremony, and print it",
     {transcript_options, common},
     1,
     1,
     cmd_transcript},
#ifndef ENSIGN_OFFLINE
    {"init",
     "[ELF]",
     "make a bundle, with a ronl component if an ELF is given",
     {init_options, component_options, output_options, common},
     0,
     1,
     cmd_init},
    {"component-add",
     "BUNDLE ronl|rofl.NAME ELF",
     "add a component to a bundle",
     {component_options, output_options, common},
     3,
     3,
     cmd_component_add},
    {"gen-sign-data",
     "ENCLAVE",
     "write the 256 bytes that are to be signed for an enclave",
     {sigstruct_options, gen_sign_data_options, common},
     1,
     1,
     cmd_gen_sign_data},
    {"set-sig",
     "ENCLAVE [SIGNATURE PUBKEY | SIGSTRUCT]",
     "put a signature into a bundle or another container",
     {set_sig_options, sigstruct_options, output_options, common},
     1,
     3,
     cmd_set_sig},
    {"resign",
     "FILE...",
     "sign many files again through one login, where both they and the token are",
     {resign_options, sigstruct_options, token_options, record_options, common},
     1,
     SIZE_MAX,
     cmd_resign},
    {"verify",
     "FILE",
     "is it what it should be, and which consumer refuses it",
     {verify_options, common},
     1,
     1,
     cmd_verify},
    {"compare",
     "A B",
     "the same enclave? the same signer? and if not, what differs",
     {compare_options, common},
     2,
     2,
     cmd_compare},
    {"extract",
     "CONTAINER",
     "write the SIGSTRUCT out of a container",
     {extract_options, output_options, common},
     1,
     1,
     cmd_extract},
    {"sgx-gen-sign-data",
     "ENCLAVE",
     "as orc: write the 32-byte digest that is to be signed",
     {sigstruct_options, output_options, common},
     1,
     1,
     cmd_sgx_gen_sign_data},
    {"sgx-set-sig",
     "ENCLAVE [SIGNATURE PUBKEY | SIGSTRUCT]",
     "as orc: the same as set-sig",
     {set_sig_options, sigstruct_options, output_options, common},
     1,
     3,
     cmd_set_sig},
#endif
    {0},
};

const char cmd_program[] = OF_TWO("ensign", "ensign-offline");

void cmd_begin(const struct args *args)
{
    (void)args;
#ifndef ENSIGN_OFFLINE
    if (args->quiet)
        progress_disable();
    if (args->allow_large)
        enclave_allow_large();
#endif
}

bool cmd_find(const char *name, const struct cmd **ret, struct ens_err *err)
{
    const char *names[sizeof cmd_table / sizeof cmd_table[0]] = {0};
    size_t n = 0;

    for (const struct cmd *cmd = cmd_table; cmd->name != NULL; cmd++) {
        if (strcmp(cmd->name, name) == 0) {
            *ret = cmd;
            return true;
        }
        names[n++] = cmd->name;
    }
    /* A URI that was typed in its place may hold a PIN in its query. */
    int shown = (int)strcspn(name, "?");
    const char *near = text_nearest(name, names);

    if (near != NULL)
        return ens_fail(err, ENS_USAGE, "%.*s: unknown command: did you mean %s?", shown, name, near);
    return ens_fail(err, ENS_USAGE, "%.*s: unknown command: see ensign help", shown, name);
}
