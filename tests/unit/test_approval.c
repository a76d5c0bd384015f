/* Approvals against the real ssh-keygen, with keys that are thrown away; and against programs of that name
 * that lie. Who counts, who does not, and why. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/ceremony/approval.h"
#include "tests/support/support.h"

static char *dir;
static char path_variable[4096];
static char search_path[4000];
static char home[512];
static const char *env[] = {path_variable, home, "LC_ALL=C", "TZ=UTC", NULL};
static struct signdata data;

/* ---- the ground: a directory with four people's keys, and what they signed ---- */

static void sh(const char *fmt, ...) ENS_PRINTF(1, 2);

static void sh(const char *fmt, ...)
{
    char command[4096];
    va_list args;

    va_start(args, fmt);
    int len = vsnprintf(command, sizeof command, fmt, args);
    va_end(args);
    assert_true(len > 0 && (size_t)len < sizeof command);
    if (system(command) != 0)
        fail_msg("%s", command);
}

static const char *at(const char *name)
{
    static char paths[8][512];
    static size_t next;
    char *path = paths[next++ % 8];

    (void)snprintf(path, 512, "%s/%s", dir, name);
    return path;
}

static void put(const char *name, struct view v)
{
    struct ens_err err = {0};

    assert_ok(file_write_atomic(at(name), FILE_OUT_REPLACE, v, &err), err);
}

/* NAME.sig of the key NAME, and allowed: alice, bob and carol, each with one key. */
static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof data.bytes; i++)
        data.bytes[i] = (uint8_t)i;
    dir = support_mkdir();
    (void)snprintf(search_path, sizeof search_path, "%s", getenv("PATH"));
    (void)snprintf(path_variable, sizeof path_variable, "PATH=%s", search_path);
    (void)snprintf(home, sizeof home, "HOME=%s", dir);
    assert_int_equal(unsetenv("SSH_AUTH_SOCK"), 0);
    assert_int_equal(unsetenv("SSH_ASKPASS"), 0);
    put("data", view_of(data.bytes, sizeof data.bytes));
    put("other", view_of_string("something else"));
    if (system("command -v ssh-keygen >/dev/null") != 0)
        fail_msg("ssh-keygen is not installed: scripts/setup test");
    sh("cd %s && for k in alice alice2 bob ca; do ssh-keygen -q -t ed25519 -N '' -C '' -f $k; done && "
       "ssh-keygen -q -t rsa -b 2048 -N '' -C '' -f carol && "
       "ssh-keygen -q -t ed25519 -N secret -C '' -f locked && "
       "for k in alice alice2 bob carol; do "
       "ssh-keygen -q -Y sign -n ensign-sign-data -f $k <data >$k.sig; done && "
       "for k in alice bob carol; do echo \"$k@example.com $(cat $k.pub)\"; done >allowed",
       dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    support_rmdir(dir);
    return 0;
}

static const char real[] = ENSIGN_SSH_KEYGEN;
static struct sshsig_tool tool = {.program = real, .env = env};

/* approval_check against the lines of a file below `dir`. */
static bool check(const char *const *paths, size_t len, const char *allowed, struct approvals *ret,
                  struct ens_err *err)
{
    struct buf lines = {0};

    assert_true(file_read_all(at(allowed), 1048576, &lines, err));
    bool ok = approval_check(&tool, &data, paths, len, buf_view(&lines), ret, err);

    buf_free(&lines);
    return ok;
}

/* Judges up to four files (names below `dir`, NULL after the last) by the allowed_signers file `allowed`. */
static struct approvals judge(const char *allowed, const char *const *names)
{
    struct approvals a = {0};
    struct ens_err err = {0};
    const char *paths[4] = {0};
    char copies[4][512];
    size_t len = 0;

    for (; names[len] != NULL; len++) {
        (void)snprintf(copies[len], sizeof copies[len], "%s", at(names[len]));
        paths[len] = copies[len];
    }
    assert_ok(check(paths, len, allowed, &a, &err), err);
    assert_int_equal(a.len, len);
    size_t counted = 0;

    for (size_t i = 0; i < a.len; i++) {
        assert_ptr_equal(a.rows[i].path, paths[i]);
        a.rows[i].path = names[i];
        counted += a.rows[i].counts ? 1 : 0;
        /* A reason where one is needed, and only there. */
        assert_int_equal(a.rows[i].why[0] == '\0', a.rows[i].counts);
    }
    assert_int_equal(a.counted, counted);
    return a;
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void assert_counted(const char *allowed, const char *const *names, size_t want)
{
    ENS_CLEANUP(approvals_free) struct approvals a = judge(allowed, names);

    assert_int_equal(a.counted, want);
}

/* The one file `name` does not count, because of `why`. */
static void assert_refused(const char *allowed, const char *name, const char *why)
{
    ENS_CLEANUP(approvals_free) struct approvals a = judge(allowed, NAMES(name));

    assert_int_equal(a.counted, 0);
    if (strstr(a.rows[0].why, why) == NULL)
        fail_msg("%s by %s: '%s' does not say '%s'", name, allowed, a.rows[0].why, why);
}

/* ---- who counts ---- */

static void each_person_counts_once(void **state)
{
    (void)state;
    assert_counted("allowed", NAMES("alice.sig"), 1);
    assert_counted("allowed", NAMES("alice.sig", "bob.sig"), 2);
    assert_counted("allowed", NAMES("carol.sig", "alice.sig", "bob.sig"), 3);
    assert_counted("allowed", NAMES("alice.sig", "alice2.sig"), 1);
    ENS_CLEANUP(approvals_free)
    struct approvals a = judge("allowed", NAMES("bob.sig", "alice.sig", "bob.sig", "carol.sig"));

    assert_int_equal(a.counted, 3);
    assert_string_equal(a.rows[0].principal, "bob@example.com");
    assert_string_equal(a.rows[1].principal, "alice@example.com");
    assert_false(a.rows[2].counts);
    assert_string_equal(a.rows[2].why, "the same key again");
    assert_string_equal(a.rows[2].key, a.rows[0].key);
    assert_string_not_equal(a.rows[3].key, a.rows[0].key);
    assert_int_equal(strncmp(a.rows[3].key, "SHA256:", 7), 0);
    assert_int_equal(strlen(a.rows[3].key), 50);
}

static void nobody_is_nobody(void **state)
{
    ENS_CLEANUP(approvals_free) struct approvals a = {0};
    struct ens_err err = {0};

    (void)state;
    assert_ok(check(NULL, 0, "allowed", &a, &err), err);
    assert_int_equal(a.len, 0);
    assert_int_equal(a.counted, 0);
}

static void a_person_with_two_keys_counts_once(void **state)
{
    (void)state;
    sh("cd %s && (cat allowed; echo \"alice@example.com $(cat alice2.pub)\") >two-keys", dir);
    ENS_CLEANUP(approvals_free)
    struct approvals a = judge("two-keys", NAMES("alice2.sig", "alice.sig", "bob.sig"));

    assert_int_equal(a.counted, 2);
    assert_false(a.rows[1].counts);
    assert_string_equal(a.rows[1].why, "the same principal again");
}

static void a_key_with_two_names_counts_once(void **state)
{
    (void)state;
    sh("cd %s && echo \"alice,deputy $(cat alice.pub)\" >names && "
       "(echo \"alice $(cat alice.pub)\"; echo \"deputy $(cat alice.pub)\") >lines && "
       "ssh-keygen -q -Y sign -n ensign-sign-data -O hashalg=sha256 -f alice <data >alice-sha256.sig",
       dir);
    for (size_t i = 0; i < 2; i++) {
        ENS_CLEANUP(approvals_free)
        struct approvals a = judge(i == 0 ? "names" : "lines", NAMES("alice.sig", "alice-sha256.sig"));

        assert_int_equal(a.counted, 1);
        assert_string_equal(a.rows[0].principal, "alice");
        assert_string_equal(a.rows[1].why, "the same key again");
    }
}

static void a_certificate_is_the_key_that_it_certifies(void **state)
{
    (void)state;
    sh("cd %s && ssh-keygen -q -s ca -I id -n dave@example.com bob.pub && "
       "ssh-keygen -q -Y sign -n ensign-sign-data -f bob-cert.pub <data >cert.sig && "
       "(cat allowed; echo \"*@example.com cert-authority $(cat ca.pub)\") >with-ca",
       dir);
    assert_refused("allowed", "cert.sig", "unknown signer");
    ENS_CLEANUP(approvals_free)
    struct approvals a = judge("with-ca", NAMES("cert.sig", "alice.sig", "bob.sig"));

    assert_int_equal(a.counted, 2);
    assert_string_equal(a.rows[0].principal, "dave@example.com");
    assert_string_equal(a.rows[2].why, "the same key again");
}

/* ---- who does not ---- */

static void validity(void **state)
{
    (void)state;
    sh("cd %s && echo \"alice valid-before=\\\"20200101Z\\\" $(cat alice.pub)\" >expired && "
       "echo \"alice valid-after=\\\"20990101Z\\\" $(cat alice.pub)\" >early && "
       "echo \"alice valid-after=\\\"20200101Z\\\",valid-before=\\\"20990101Z\\\" $(cat alice.pub)\" >valid "
       "&& "
       "cat expired valid >renewed && "
       "echo \"alice namespaces=\\\"git\\\" $(cat alice.pub)\" >for-git && "
       "echo \"alice namespaces=\\\"git,ensign-sign-data\\\" $(cat alice.pub)\" >for-both",
       dir);
    assert_refused("expired", "alice.sig", "expired: approvers file, line 1: key has expired");
    assert_refused("early", "alice.sig", "not yet valid: approvers file, line 1:");
    assert_counted("valid", NAMES("alice.sig"), 1);
    assert_counted("renewed", NAMES("alice.sig"), 1);
    assert_refused("for-git", "alice.sig", "not permitted for use in signature namespace");
    assert_counted("for-both", NAMES("alice.sig"), 1);
}

static void strangers(void **state)
{
    (void)state;
    sh("cd %s && : >nobody && (echo 'garbage'; echo \"x bogus-option $(cat alice2.pub)\") >broken && "
       "(cat broken; echo \"late $(cat alice.pub)\") >half-broken",
       dir);
    assert_refused("allowed", "alice2.sig", "unknown signer");
    assert_refused("nobody", "alice.sig", "unknown signer");
    assert_refused("broken", "alice2.sig", "unknown signer");
    assert_refused("broken", "alice2.sig", "approvers file, line 1: missing key");
    assert_counted("half-broken", NAMES("alice.sig"), 1);
    /* What fits is shown with its key, so that the stranger can be found. */
    ENS_CLEANUP(approvals_free) struct approvals a = judge("allowed", NAMES("alice2.sig"));

    assert_int_equal(strncmp(a.rows[0].key, "SHA256:", 7), 0);
    assert_string_equal(a.rows[0].principal, "");
}

static void other_purposes_and_other_bytes(void **state)
{
    (void)state;
    sh("cd %s && ssh-keygen -q -Y sign -n git -f alice <data >git.sig && "
       "ssh-keygen -q -Y sign -n ensign-sign-data -f alice <other >other.sig && "
       "ssh-keygen -q -Y sign -n ensign-sign-data2 -f alice <data >longer.sig",
       dir);
    assert_refused("allowed", "git.sig", "namespace");
    assert_refused("allowed", "longer.sig", "namespace");
    assert_refused("allowed", "other.sig", "does not fit these bytes");
    /* One bit of the sign-data anywhere. */
    for (size_t i = 0; i < sizeof data.bytes; i += 51) {
        data.bytes[i] ^= 1;
        assert_refused("allowed", "alice.sig", "does not fit these bytes");
        data.bytes[i] ^= 1;
    }
    assert_counted("allowed", NAMES("alice.sig"), 1);
}

static void files_that_are_no_approvals(void **state)
{
    static uint8_t large[SSHSIG_FILE_MAX + 1];

    (void)state;
    sh("cd %s && head -c 150 alice.sig >cut.sig && sed '$d' alice.sig >footless.sig", dir);
    put("empty.sig", view_of(NULL, 0));
    put("large.sig", view_of(large, sizeof large));
    put("full.sig", view_of(large, sizeof large - 1));
    assert_refused("allowed", "cut.sig", "not an approval");
    assert_refused("allowed", "footless.sig", "not an approval");
    assert_refused("allowed", "empty.sig", "not an approval");
    assert_refused("allowed", "full.sig", "not an approval");
    assert_refused("allowed", "large.sig", "too large");
    assert_refused("allowed", "alice.pub", "not an approval");
    assert_refused("allowed", "data", "not an approval");
}

/* A change of any character of the signature's text is noticed. */
static void no_changed_character_counts(void **state)
{
    ENS_CLEANUP(buf_free) struct buf sig = {0};
    struct ens_err err = {0};
    size_t changed = 0;

    (void)state;
    assert_ok(file_read_all(at("alice.sig"), SSHSIG_FILE_MAX, &sig, &err), err);
    const uint8_t *begin = memchr(sig.data, '\n', sig.len);
    const uint8_t *end = memmem(sig.data, sig.len, "\n-----END", 9);

    assert_true(begin != NULL && end != NULL);
    for (size_t i = (size_t)(begin - sig.data) + 1; i < (size_t)(end - sig.data); i += 5) {
        uint8_t was = sig.data[i];

        if (was == '\n')
            continue;
        sig.data[i] = was == 'A' ? 'B' : 'A';
        put("changed.sig", buf_view(&sig));
        assert_counted("allowed", NAMES("changed.sig"), 0);
        sig.data[i] = was;
        changed++;
    }
    assert_true(changed > 40);
}

static void hostile_names(void **state)
{
    (void)state;
    sh("cd %s && printf 'ev\\033[31mil %%s\\n' \"$(cat alice.pub)\" >escape && "
       "printf '\\342\\200\\256eve %%s\\n' \"$(cat alice.pub)\" >override && "
       "printf '%%0127d %%s\\n' 0 \"$(cat alice.pub)\" >longest && "
       "printf '%%0128d %%s\\n' 0 \"$(cat alice.pub)\" >longer && "
       "printf '%%s %%s\\n' '\"x with RSA key SHA256:AAAA\"' \"$(cat alice.pub)\" >words && "
       "printf '%%s %%s\\n' '-Y' \"$(cat alice.pub)\" >dash && "
       "printf '%%s %%s\\n' '$(touch${IFS}made)' \"$(cat alice.pub)\" >shell && "
       "printf 'z\\303\\274rich %%s\\n' \"$(cat alice.pub)\" >umlaut",
       dir);
    assert_refused("escape", "alice.sig", "cannot be printed");
    assert_refused("override", "alice.sig", "cannot be printed");
    assert_refused("longer", "alice.sig", "too long");
    assert_counted("longest", NAMES("alice.sig"), 1);
    assert_counted("dash", NAMES("alice.sig"), 1);
    assert_counted("shell", NAMES("alice.sig"), 1);
    assert_counted("umlaut", NAMES("alice.sig"), 1);
    assert_int_equal(access("made", F_OK), -1);
    ENS_CLEANUP(approvals_free) struct approvals a = judge("escape", NAMES("alice.sig"));

    assert_string_equal(a.rows[0].principal, "ev?[31mil");
    approvals_free(&a);
    a = judge("words", NAMES("alice.sig"));
    assert_int_equal(a.counted, 1);
    assert_string_equal(a.rows[0].principal, "x with RSA key SHA256:AAAA");
    assert_int_equal(strlen(a.rows[0].key), 50);
}

static void files_that_cannot_be_read(void **state)
{
    ENS_CLEANUP(approvals_free) struct approvals a = {0};
    struct ens_err err = {0};
    char sig[512];
    const char *paths[] = {sig};

    (void)state;
    (void)snprintf(sig, sizeof sig, "%s", at("nosuch.sig"));
    assert_fails(check(paths, 1, "allowed", &a, &err), err, ENS_NOINPUT, "nosuch.sig");
    (void)snprintf(sig, sizeof sig, "%s", dir);
    assert_fails(check(paths, 1, "allowed", &a, &err), err, ENS_NOINPUT, "directory");
    assert_null(a.rows);
}

/* ---- programs that are not ssh-keygen ---- */

/* Puts a script in the place of the real one, or with NULL, nothing. */
static void pretend(const char *script)
{
    static char path[4600];

    sh("rm -rf %s/fake && mkdir %s/fake", dir, dir);
    (void)snprintf(path, sizeof path, "%s/fake/ssh-keygen", dir);
    if (script != NULL) {
        put("fake/ssh-keygen", view_of_string(script));
        assert_int_equal(chmod(path, 0755), 0);
    }
    tool.program = path;
}

static void pretend_no_more(void)
{
    tool.program = real;
}

#define FINGERPRINT "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define OTHER_PRINT "SHA256:BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define LIAR(fits, principals, verifies)                                                                     \
    "#!/bin/sh\ncase $2 in\ncheck-novalidate) " fits ";;\nfind-principals) " principals                      \
    ";;\nverify) " verifies ";;\nesac\n"
#define GOOD(print) "echo 'Good \"x\" signature for y with RSA key " print "'"

static void a_liar_is_not_believed(void **state)
{
    (void)state;
    pretend(LIAR(GOOD(FINGERPRINT), "echo mallory", GOOD(FINGERPRINT)));
    /* The script is really what is asked. */
    assert_counted("allowed", NAMES("data"), 1);
    pretend(LIAR(":", "echo mallory", GOOD(FINGERPRINT)));
    assert_refused("allowed", "alice.sig", "names no key");
    pretend(LIAR("echo Good key SHA256:short", "echo mallory", GOOD(FINGERPRINT)));
    assert_refused("allowed", "alice.sig", "names no key: Good key SHA256:short");
    pretend(LIAR(GOOD(FINGERPRINT) "; echo more", "echo mallory", GOOD(FINGERPRINT)));
    assert_refused("allowed", "alice.sig", "names no key");
    pretend(LIAR(GOOD(FINGERPRINT), ":", GOOD(FINGERPRINT)));
    assert_refused("allowed", "alice.sig", "unknown signer");
    pretend(LIAR(GOOD(FINGERPRINT), "echo", GOOD(FINGERPRINT)));
    assert_refused("allowed", "alice.sig", "principal's name");
    pretend(LIAR(GOOD(FINGERPRINT), "echo mallory", GOOD(OTHER_PRINT)));
    assert_refused("allowed", "alice.sig", "not valid for this principal");
    pretend(LIAR(GOOD(FINGERPRINT), "echo mallory", GOOD(FINGERPRINT) "; exit 1"));
    assert_refused("allowed", "alice.sig", "not valid for this principal");
    pretend(LIAR("printf '\\033[2Junheard of' >&2; exit 1", ":", ":"));
    assert_refused("allowed", "alice.sig", "ssh-keygen refuses it: ?[2Junheard of");
    /* Many principals, of whom none is good: an end comes. */
    pretend(LIAR(GOOD(FINGERPRINT), "seq 1000", "exit 1"));
    assert_refused("allowed", "alice.sig", "not valid for this principal");
    pretend_no_more();
}

static void a_program_that_fails(void **state)
{
    ENS_CLEANUP(approvals_free) struct approvals a = {0};
    struct ens_err err = {0};
    char sig[512];
    const char *paths[] = {sig};

    (void)state;
    (void)snprintf(sig, sizeof sig, "%s", at("alice.sig"));
    pretend("#!/bin/sh\nkill -SEGV $$\n");
    assert_fails(check(paths, 1, "allowed", &a, &err), err, ENS_RESOURCE, "signal 11");
    pretend("#!/bin/sh\nhead -c 100000 /dev/zero\n");
    assert_fails(check(paths, 1, "allowed", &a, &err), err, ENS_DATA, "printed more");
    pretend(NULL);
    assert_fails(check(paths, 1, "allowed", &a, &err), err, ENS_RESOURCE, "ssh-keygen: cannot be started");
    assert_non_null(strstr(err.msg, "install openssh-client"));
    pretend_no_more();
}

/* ---- the table ---- */

static void the_table(void **state)
{
    struct approval_row rows[] = {
        {.principal = "alice", .key = "SHA256:abc", .counts = true, .path = "a.approval"},
        {.key = "SHA256:def", .why = "unknown signer", .path = "b\033[2J.approval"},
        {.why = "not an approval", .path = "c"},
    };
    const struct approvals a = {.rows = rows, .len = 3, .counted = 1};
    static const char want[] = "Approvals: 1 of 3 count\n"
                               "  counts   a.approval\n"
                               "           by alice\n"
                               "           key SHA256:abc\n"
                               "  does not b?[2J.approval\n"
                               "           key SHA256:def\n"
                               "           because unknown signer\n"
                               "  does not c\n"
                               "           because not an approval\n";
    ENS_CLEANUP(buf_free) struct buf text = {0};
    struct ens_err err = {0};

    (void)state;
    assert_ok(approval_render(&a, &text, &err), err);
    if (!view_equal(buf_view(&text), view_of_string(want)))
        fail_msg("%.*s", (int)text.len, (const char *)text.data);
}

/* ---- making one ---- */

static size_t entries(const char *path)
{
    DIR *d = opendir(path);
    size_t n = 0;

    assert_non_null(d);
    while (readdir(d) != NULL)
        n++;
    assert_int_equal(closedir(d), 0);
    return n - 2;
}

static struct sshsig_tool making;
static char making_dir[512];

static void prepare_making(void)
{
    sh("rm -rf %s/tmp && mkdir %s/tmp", dir, dir);
    (void)snprintf(making_dir, sizeof making_dir, "%s", at("tmp"));
    making = (struct sshsig_tool){.program = real, .env = env, .tmpdir = making_dir};
}

static void what_is_made_counts(void **state)
{
    static const char *const keys[] = {"alice", "carol", "bob.pub"};

    (void)state;
    prepare_making();
    for (size_t i = 0; i < 3; i++) {
        ENS_CLEANUP(buf_free) struct buf made = {0};
        ENS_CLEANUP(approvals_free) struct approvals a = {0};
        struct ens_err err = {0};
        char key[SSHSIG_KEY_MAX];

        assert_ok(approval_make(&making, at(keys[i]), &data, &made, key, &err), err);
        put("made.sig", buf_view(&made));
        a = judge("allowed", NAMES("made.sig"));
        assert_int_equal(a.counted, 1);
        assert_string_equal(a.rows[0].key, key);
        /* Over the 256 bytes alone, as anybody can make one. */
        sh("cd %s && ssh-keygen -Y verify -n ensign-sign-data -f allowed -I '%s' -s made.sig <data "
           ">/dev/null",
           dir, a.rows[0].principal);
    }
    assert_int_equal(entries(making_dir), 0);
}

static void assert_not_made(const char *key, enum ens_code code, const char *text)
{
    ENS_CLEANUP(buf_free) struct buf made = {0};
    struct ens_err err = {0};
    char print[SSHSIG_KEY_MAX];

    making.program = tool.program;
    assert_fails(approval_make(&making, at(key), &data, &made, print, &err), err, code, text);
    assert_int_equal(made.len, 0);
}

static void what_cannot_be_made(void **state)
{
    (void)state;
    prepare_making();
    sh("cd %s && cp locked.pub absent.pub && sed '2,3d' alice >damaged && chmod 600 damaged", dir);
    assert_not_made("nosuch", ENS_NOINPUT, "nosuch: the SSH key cannot be read");
    assert_not_made("data", ENS_DATA, "data: ssh-keygen made no signature");
    assert_not_made("damaged", ENS_DATA, "damaged: ssh-keygen made no signature");
    assert_not_made("locked", ENS_REFUSED, "(Load key");
    assert_not_made("absent.pub", ENS_REFUSED, "No private key found");
    assert_int_equal(entries(making_dir), 0);
    pretend("#!/bin/sh\nfor f; do :; done; echo rubbish >\"$f.sig\"\n");
    assert_not_made("alice", ENS_BADSIG, "does not verify");
    pretend("#!/bin/sh\n:\n");
    assert_not_made("alice", ENS_NOINPUT, "sign-data.sig");
    pretend(NULL);
    assert_not_made("alice", ENS_RESOURCE, "install openssh-client");
    pretend_no_more();
    assert_int_equal(entries(making_dir), 0);
    making.tmpdir = "/nosuch";
    assert_not_made("alice", ENS_CANTCREAT, "/nosuch");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_person_counts_once),
        cmocka_unit_test(nobody_is_nobody),
        cmocka_unit_test(a_person_with_two_keys_counts_once),
        cmocka_unit_test(a_key_with_two_names_counts_once),
        cmocka_unit_test(a_certificate_is_the_key_that_it_certifies),
        cmocka_unit_test(validity),
        cmocka_unit_test(strangers),
        cmocka_unit_test(other_purposes_and_other_bytes),
        cmocka_unit_test(files_that_are_no_approvals),
        cmocka_unit_test(no_changed_character_counts),
        cmocka_unit_test(hostile_names),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(a_liar_is_not_believed),
        cmocka_unit_test(a_program_that_fails),
        cmocka_unit_test(the_table),
        cmocka_unit_test(what_is_made_counts),
        cmocka_unit_test(what_cannot_be_made),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
