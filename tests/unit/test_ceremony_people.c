/* Approvers, revoked, key blobs and base64: who is one person, and what is refused. The keys are made up:
 * nothing here signs. */
#include <stdio.h>
#include <string.h>

#include "signer/base/base64.h"
#include "signer/base/mem.h"
#include "signer/ceremony/people.h"
#include "tests/support/support.h"

#define ED(c)  "AAAAC3NzaC1lZDI1NTE5AAAAI" c "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define ED_A   "ssh-ed25519 " ED("A")
#define ED_B   "ssh-ed25519 " ED("B")
#define FP     "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
#define DIGITS "47dec2f12a0cb8e6b0e2b2a8cb4ee2ae47dec2f12a0cb8e6b0e2b2a8cb4ee2ae"

/* ---- key blobs ---- */

static void put_string(struct buf *b, const void *data, size_t len)
{
    struct ens_err err = {0};
    const uint8_t size[] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};

    assert_ok(buf_append(b, view_of(size, sizeof size), &err), err);
    assert_ok(buf_append(b, view_of(data, len), &err), err);
}

/* A key of that type with `strings` strings; the last one begins with `top` and has `size` bytes. */
static struct buf blob_of(const char *type, size_t strings, uint8_t top, size_t size)
{
    struct buf b = {0};
    uint8_t last[1100] = {top};

    put_string(&b, type, strlen(type));
    for (size_t i = 2; i < strings; i++)
        put_string(&b, "x", 1);
    put_string(&b, last, size);
    return b;
}

static enum sshkey_verdict verdict(const char *type, size_t strings, uint8_t top, size_t size)
{
    struct buf b = blob_of(type, strings, top, size);
    struct sshkey key = {0};
    enum sshkey_verdict v = sshkey_read(buf_view(&b), &key);

    assert_true(v != SSHKEY_OK || strcmp(key.type, type) == 0);
    assert_true(v != SSHKEY_OK || key.is_sk == (strncmp(type, "sk-", 3) == 0));
    /* Every cut is found. */
    for (size_t len = 0; v == SSHKEY_OK && len < b.len; len++) {
        ENS_CLEANUP(mem_freep) char *cut = mem_strndup((const char *)b.data, len, &(struct ens_err){0});

        assert_int_not_equal(sshkey_read(view_of(cut, len), &key), SSHKEY_OK);
    }
    buf_free(&b);
    return v;
}

static void each_type_has_its_strings(void **state)
{
    static const struct {
        const char *type;
        size_t strings;
    } types[] = {{"ssh-ed25519", 2},
                 {"sk-ssh-ed25519@openssh.com", 3},
                 {"ecdsa-sha2-nistp256", 3},
                 {"ecdsa-sha2-nistp384", 3},
                 {"ecdsa-sha2-nistp521", 3},
                 {"sk-ecdsa-sha2-nistp256@openssh.com", 4},
                 {"ssh-rsa", 3}};

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        assert_int_equal(verdict(types[i].type, types[i].strings, 0x80, 256), SSHKEY_OK);
        assert_int_equal(verdict(types[i].type, types[i].strings + 1, 0x80, 256), SSHKEY_REFUSED);
        if (types[i].strings > 2)
            assert_int_equal(verdict(types[i].type, types[i].strings - 1, 0x80, 256), SSHKEY_REFUSED);
    }
    assert_int_equal(verdict("ssh-dss", 5, 1, 20), SSHKEY_REFUSED);
    assert_int_equal(verdict("", 2, 1, 20), SSHKEY_REFUSED);
    assert_int_equal(verdict("ssh-ed25519-cert-v01@openssh.com", 9, 1, 20), SSHKEY_CERTIFICATE);
    assert_int_equal(verdict("x-cert-v9", 2, 1, 20), SSHKEY_CERTIFICATE);
}

static void rsa_keys_have_2048_to_8192_bits(void **state)
{
    (void)state;
    assert_int_equal(verdict("ssh-rsa", 3, 0x80, 256), SSHKEY_OK);
    assert_int_equal(verdict("ssh-rsa", 3, 0x7f, 256), SSHKEY_REFUSED);
    assert_int_equal(verdict("ssh-rsa", 3, 0x00, 257), SSHKEY_REFUSED); /* all zero */
    assert_int_equal(verdict("ssh-rsa", 3, 0xff, 1024), SSHKEY_OK);
    assert_int_equal(verdict("ssh-rsa", 3, 0x01, 1025), SSHKEY_REFUSED);
    assert_int_equal(verdict("ssh-rsa", 3, 0, 0), SSHKEY_REFUSED);
}

/* A padded modulus or exponent is the same key to ssh-keygen, with another fingerprint. */
static void rsa_keys_have_one_spelling(void **state)
{
    static const struct {
        size_t zeros_e, zeros_n;
        enum sshkey_verdict want;
    } rows[] = {{0, 0, SSHKEY_OK}, {0, 1, SSHKEY_REFUSED}, {1, 0, SSHKEY_REFUSED}, {0, 4, SSHKEY_REFUSED}};
    static const uint8_t zeros[4] = {0};
    uint8_t exponent[4 + 3] = {0};
    uint8_t modulus[4 + 257] = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf b = {0};
        struct sshkey key = {0};

        memcpy(exponent, zeros, sizeof zeros);
        memcpy(exponent + rows[i].zeros_e, "\1\0\1", 3);
        modulus[rows[i].zeros_n + 1] = 0x80;
        put_string(&b, "ssh-rsa", 7);
        put_string(&b, exponent, rows[i].zeros_e + 3);
        put_string(&b, modulus, rows[i].zeros_n + 257);
        assert_int_equal(sshkey_read(buf_view(&b), &key), rows[i].want);
        modulus[rows[i].zeros_n + 1] = 0;
        buf_free(&b);
    }
}

static void base64_has_one_spelling(void **state)
{
    static const char *const wrong[] = {"",          "A",    "AA",       "AAA",  "AAAA=",   "AB==",
                                        "AAB=",      "====", "A===",     "AA=A", " AAAA",   "AAA\n",
                                        "AAAAAA\n=", "AA-_", "AAAA    ", "=AAA", "AAAA===="};
    struct ens_err err = {0};
    bool yes = true;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct buf b = {0};

        assert_ok(base64_decode(view_of_string(wrong[i]), &b, &yes, &err), err);
        assert_false(yes);
        assert_int_equal(b.len, 0);
    }
    for (size_t len = 1; len < 100; len++) {
        struct buf text = {0};
        struct buf back = {0};
        uint8_t bytes[100];

        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)(i * 37 + len);
        assert_ok(base64_encode(view_of(bytes, len), &text, &err), err);
        assert_ok(base64_decode(buf_view(&text), &back, &yes, &err), err);
        assert_true(yes && view_equal(buf_view(&back), view_of(bytes, len)));
        buf_free(&text);
        buf_free(&back);
    }
}

static void fingerprints_are_those_of_ssh_keygen(void **state)
{
    char fp[SSHKEY_FINGERPRINT_SIZE];
    struct ens_err err = {0};
    bool yes = false;

    (void)state;
    /* SHA-256 of nothing. */
    assert_ok(sshkey_fingerprint(view_of(NULL, 0), fp, &err), err);
    assert_string_equal(fp, FP);
    assert_ok(sshkey_fingerprint_valid(FP, &yes, &err), err);
    assert_true(yes);
    /* The last digit stands for four bits only. */
    assert_ok(sshkey_fingerprint_valid("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV", &yes, &err),
              err);
    assert_false(yes);
    assert_ok(sshkey_fingerprint_valid("MD5:aa:bb", &yes, &err), err);
    assert_false(yes);
}

/* ---- approvers ---- */

static bool parse(const char *lines, struct people **ret, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) char *text = mem_printf(err, "approvers 1\n%s\nend\n", lines);

    return people_parse(view_of_string(text), "a", ret, err);
}

static void a_signature_belongs_to_the_person_above_its_key(void **state)
{
    static const char lines[] =
        "# who\nperson alice@example.org\nkey " ED_A "\n key " ED_B " until=20271231 # old\n"
        "person 0.b_c+d-e\nkey ssh-ed25519 " ED("C");
    struct people *p = NULL;
    struct ens_err err = {0};
    struct buf blob = {0};
    bool yes = false;
    size_t who = 9;

    (void)state;
    assert_ok(parse(lines, &p, &err), err);
    assert_int_equal(people_len(p), 2);
    assert_int_equal(people_keys(p), 3);
    assert_string_equal(people_name(p, 1), "0.b_c+d-e");
    assert_ok(base64_decode(view_of_string(ED("B")), &blob, &yes, &err), err);
    const struct person_key *k = people_find(p, buf_view(&blob));

    assert_non_null(k);
    assert_int_equal(k->person, 0);
    assert_int_equal(k->until, 0x20271231);
    assert_false(k->verify_required);
    assert_true(people_find_name(p, "0.b_c+d-e", &who));
    assert_int_equal(who, 1);
    assert_false(people_find_name(p, "alice", &who));
    blob.data[blob.len - 1] ^= 1;
    assert_null(people_find(p, buf_view(&blob)));
    assert_null(people_find(p, view_of(blob.data, blob.len - 1)));
    buf_free(&blob);
    people_freep(&p);
}

static void what_is_no_approvers_file(void **state)
{
    static const struct {
        const char *lines, *says;
    } rows[] = {
        {"", "a: no-person: "},
        {"key " ED_A, "line 2: no-person: "},
        {"person alice", "a: no-key: "},
        {"person alice\nperson bob\nkey " ED_A, "line 3: no-key: alice"},
        {"person Alice\nkey " ED_A, "line 2: name: "},
        {"person a,b\nkey " ED_A, "name: "},
        {"person *@x\nkey " ED_A, "name: "},
        {"person .a\nkey " ED_A, "name: "},
        {"person a b\nkey " ED_A, "name: "},
        {"person\nkey " ED_A, "name: "},
        {"person a23456789012345678901234567890123456789012345678901234567890123x\nkey " ED_A, "name: "},
        {"person a\nkey " ED_A "\nperson a\nkey " ED_B, "line 4: twice: a "},
        {"person a\nkey " ED_A "\nperson b\nkey " ED_A, "line 5: key-twice: "},
        {"person a\nkey " ED_A "\nkey " ED_A, "line 4: key-twice: "},
        {"person a\nkey " ED_A " a@laptop", "line 3: option: 'a@laptop'"},
        {"person a\nkey " ED_A " verify-required", "option: "},
        {"person a\nkey " ED_A " until=20270101 until=20270101", "option: "},
        {"person a\nkey " ED_A " until=20270229", "value: "},
        {"person a\nkey ssh-ed25519", "line 3: value: "},
        {"person a\nkey ssh-rsa " ED("A"), "key: says ssh-rsa and is ssh-ed25519"},
        {"person a\nkey ssh-ed25519 " ED("A") "=", "key: "},
        {"person a\nkey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA", "sshsig: "},
        {"a@example.org " ED_A, "line 2: unknown-keyword: "},
        {"Person a\nkey " ED_A, "unknown-keyword: "},
    };
    struct people *p = NULL;
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_fails(parse(rows[i].lines, &p, &err), err, ENS_DATA, rows[i].says);
        assert_null(p);
    }
}

static void sixteen_keys_and_sixty_four_persons(void **state)
{
    struct buf text = {0};
    struct people *p = NULL;
    struct ens_err err = {0};

    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        text.len = 0;
        assert_ok(buf_printf(&text, &err, "person a"), err);
        for (int i = 0; i < 16 + extra; i++)
            assert_ok(buf_printf(&text, &err,
                                 "\nkey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA%c"
                                 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                 'A' + i),
                      err);
        assert_ok(buf_append(&text, view_of("", 1), &err), err);
        assert_int_equal(parse((const char *)text.data, &p, &err), extra == 0);
        people_freep(&p);
    }
    assert_non_null(strstr(err.msg, "many: "));
    for (int extra = 0; extra < 2; extra++) {
        text.len = 0;
        for (int i = 0; i < 64 + extra; i++)
            assert_ok(buf_printf(&text, &err,
                                 "person p%d\nkey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI%c%c"
                                 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
                                 i, 'A' + i % 16, 'A' + i / 16),
                      err);
        assert_ok(buf_append(&text, view_of("", 1), &err), err);
        assert_int_equal(parse((const char *)text.data, &p, &err), extra == 0);
        people_freep(&p);
    }
    assert_non_null(strstr(err.msg, "many: "));
    buf_free(&text);
}

/* ---- revoked ---- */

static bool parse_revoked(const char *lines, struct revoked **ret, struct ens_err *err)
{
    ENS_CLEANUP(mem_freep) char *text = mem_printf(err, "revoked 1\n%s\nend\n", lines);

    return revoked_parse(view_of_string(text), "r", ret, err);
}

static void what_is_revoked_is_found_by_its_kind(void **state)
{
    struct revoked *r = NULL;
    struct ens_err err = {0};

    (void)state;
    assert_ok(parse_revoked("key " FP "\nperson bob\nstatement " DIGITS, &r, &err), err);
    assert_true(revoked_has_key(r, FP) && revoked_has_person(r, "bob") && revoked_has_statement(r, DIGITS));
    assert_false(revoked_has_person(r, FP) || revoked_has_key(r, "bob") || revoked_has_statement(r, "bob"));
    assert_false(revoked_has_person(r, "bo") || revoked_has_person(r, "bobb"));
    assert_false(revoked_has_person(NULL, "bob") || revoked_has_key(NULL, FP));
    assert_int_equal(revoked_len(r), 3);
    revoked_freep(&r);
    assert_ok(parse_revoked("# nobody", &r, &err), err);
    assert_int_equal(revoked_len(r), 0);
    revoked_freep(&r);
}

static void what_is_no_revoked_file(void **state)
{
    static const struct {
        const char *lines, *says;
    } rows[] = {
        {"serial 5", "line 2: unknown-keyword: "},
        {"key", "value: key"},
        {"key " FP " x", "value: key"},
        {"key MD5:aa:bb:cc", "value: key"},
        {"key ssh-ed25519 " ED("A"), "value: key"},
        {"key SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV", "value: key"},
        {"person Bob", "value: person"},
        {"statement 47DEC2F12A0CB8E6B0E2B2A8CB4EE2AE47DEC2F12A0CB8E6B0E2B2A8CB4EE2AE", "value: statement"},
        {"statement 47", "value: statement"},
        {"person bob\nperson bob", "line 3: twice: "},
    };
    struct revoked *r = NULL;
    struct ens_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_fails(parse_revoked(rows[i].lines, &r, &err), err, ENS_DATA, rows[i].says);
        assert_null(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_has_its_strings),
        cmocka_unit_test(rsa_keys_have_2048_to_8192_bits),
        cmocka_unit_test(rsa_keys_have_one_spelling),
        cmocka_unit_test(base64_has_one_spelling),
        cmocka_unit_test(fingerprints_are_those_of_ssh_keygen),
        cmocka_unit_test(a_signature_belongs_to_the_person_above_its_key),
        cmocka_unit_test(what_is_no_approvers_file),
        cmocka_unit_test(sixteen_keys_and_sixty_four_persons),
        cmocka_unit_test(what_is_revoked_is_found_by_its_kind),
        cmocka_unit_test(what_is_no_revoked_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
