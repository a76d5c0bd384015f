/* Approvals against the real ssh-keygen, with keys made here, FIDO keys in software among them: who counts,
 * who does not, by which word; and what the people say of one sign-data in the end. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/base64.h"
#include "signer/base/file.h"
#include "signer/base/hex.h"
#include "signer/base/mem.h"
#include "signer/ceremony/approval.h"
#include "tests/support/support.h"

#define TODAY 0x20261130u

static char *dir;
static const struct sshsig_tool tool = {.program = ENSIGN_SSH_KEYGEN};
static const uint8_t this_key[MRSIGNER_SIZE] = {0xaa, 1};
static const uint8_t other_key[MRSIGNER_SIZE] = {0xbb, 2};
static const uint8_t digest_a[DIGEST_SIZE] = {0x10};
static const uint8_t digest_b[DIGEST_SIZE] = {0x20};

/* ---- keys, made of a seed ---- */

struct key {
    EVP_PKEY *pkey;
    struct buf blob;
    bool is_sk;
    char fingerprint[SSHKEY_FINGERPRINT_SIZE];
};
enum { ALICE, ALICE_2, BOB, CAROL, FAY, MALLORY, KEYS };
static struct key keys[KEYS];

static void put(struct buf *b, const void *data, size_t len)
{
    struct ens_err err = {0};

    assert_ok(buf_append(b, view_of(data, len), &err), err);
}

static void put_string(struct buf *b, struct view v)
{
    const uint8_t len[4] = {(uint8_t)(v.len >> 24), (uint8_t)(v.len >> 16), (uint8_t)(v.len >> 8),
                            (uint8_t)v.len};

    put(b, len, sizeof len);
    put(b, v.data, v.len);
}

static const char *type_of(const struct key *k)
{
    return k->is_sk ? "sk-ssh-ed25519@openssh.com" : "ssh-ed25519";
}

static void make_key(struct key *k, uint8_t seed_byte, bool is_sk)
{
    uint8_t seed[32];
    uint8_t public[32];
    size_t len = sizeof public;
    struct ens_err err = {0};

    memset(seed, seed_byte, sizeof seed);
    *k = (struct key){.pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed),
                      .is_sk = is_sk};
    assert_non_null(k->pkey);
    assert_int_equal(EVP_PKEY_get_raw_public_key(k->pkey, public, &len), 1);
    put_string(&k->blob, view_of_string(type_of(k)));
    put_string(&k->blob, view_of(public, len));
    if (is_sk)
        put_string(&k->blob, view_of_string("ssh:"));
    assert_ok(sshkey_fingerprint(buf_view(&k->blob), k->fingerprint, &err), err);
}

static void ed25519(const struct key *k, struct view message, uint8_t ret[static 64])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t len = 64;

    assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, k->pkey), 1);
    assert_int_equal(EVP_DigestSign(ctx, ret, &len, message.data, message.len), 1);
    EVP_MD_CTX_free(ctx);
}

/* ---- SSHSIG, by PROTOCOL.sshsig and PROTOCOL.u2f ---- */

/* What a test does differently. */
struct odd {
    const char *use; /* namespace */
    const char *reserved;
    const char *hash;
    const char *algorithm;
    const char *key_type;
    uint8_t version;
    const char *tail;
    unsigned flags; /* of a FIDO key; 0x100: none is touched */
};

static const char * or (const char *odd, const char *usual)
{
    return odd != NULL ? odd : usual;
}

static void sign_fido(const struct key *k, struct view preamble, uint8_t flags, struct buf *inner)
{
    const uint8_t counter[5] = {flags, 0, 0, 0, 7};
    ENS_CLEANUP(buf_free) struct buf message = {0};
    uint8_t hash[DIGEST_SIZE];
    uint8_t raw[64];
    struct ens_err err = {0};

    assert_ok(digest_of(DIGEST_SHA256, view_of_string("ssh:"), hash, &err), err);
    put(&message, hash, sizeof hash);
    put(&message, counter, sizeof counter);
    assert_ok(digest_of(DIGEST_SHA256, preamble, hash, &err), err);
    put(&message, hash, sizeof hash);
    ed25519(k, buf_view(&message), raw);
    put_string(inner, view_of(raw, sizeof raw));
    put(inner, counter, sizeof counter);
}

static struct buf blob_of(const struct key *k, struct view text, const struct odd *odd)
{
    ENS_CLEANUP(buf_free) struct buf preamble = {0};
    ENS_CLEANUP(buf_free) struct buf inner = {0};
    ENS_CLEANUP(buf_free) struct buf key = {0};
    struct buf blob = {0};
    const uint8_t version[4] = {0, 0, 0, odd->version != 0 ? odd->version : 1};
    uint8_t hash[DIGEST_SIZE];
    uint8_t raw[64];
    struct ens_err err = {0};

    assert_ok(digest_of(DIGEST_SHA256, text, hash, &err), err);
    put(&preamble, "SSHSIG", 6);
    put_string(&preamble, view_of_string(or (odd->use, SSHSIG_NAMESPACE)));
    put_string(&preamble, view_of_string(or (odd->reserved, "")));
    put_string(&preamble, view_of_string(or (odd->hash, "sha256")));
    put_string(&preamble, view_of(hash, sizeof hash));
    put_string(&inner, view_of_string(or (odd->algorithm, type_of(k))));
    if (k->is_sk) {
        sign_fido(k, buf_view(&preamble), (uint8_t)(odd->flags != 0 ? odd->flags : 1), &inner);
    } else {
        ed25519(k, buf_view(&preamble), raw);
        put_string(&inner, view_of(raw, sizeof raw));
    }
    if (odd->key_type != NULL) {
        put_string(&key, view_of_string(odd->key_type));
        put_string(&key, view_of(raw, 32));
    }
    put(&blob, "SSHSIG", 6);
    put(&blob, version, sizeof version);
    put_string(&blob, odd->key_type != NULL ? buf_view(&key) : buf_view(&k->blob));
    put_string(&blob, view_of_string(or (odd->use, SSHSIG_NAMESPACE)));
    put_string(&blob, view_of_string(or (odd->reserved, "")));
    put_string(&blob, view_of_string(or (odd->hash, "sha256")));
    put_string(&blob, buf_view(&inner));
    put(&blob, or (odd->tail, ""), strlen(or (odd->tail, "")));
    return blob;
}

static void put_armour(struct buf *file, struct view blob, size_t width)
{
    ENS_CLEANUP(buf_free) struct buf digits = {0};
    struct ens_err err = {0};

    assert_ok(base64_encode(blob, &digits, &err), err);
    put(file, SSHSIG_BEGIN, strlen(SSHSIG_BEGIN));
    for (size_t i = 0; i < digits.len; i += width) {
        put(file, digits.data + i, digits.len - i < width ? digits.len - i : width);
        put(file, "\n", 1);
    }
    put(file, SSHSIG_END, strlen(SSHSIG_END));
}

/* ---- statements ---- */

/* What a test says differently: the rest is a yes for this key over digest_a, rebuilt, until 2026-12-28. */
struct say {
    bool no;
    const uint8_t *mrsigner;
    const uint8_t *digest;
    bool not_rebuilt;
    uint32_t until;
    const uint8_t *replaces;
    const struct key *by; /* NULL: of the key that signs */
};

static struct buf text_of(const struct key *k, const struct say *say)
{
    struct statement_item item = {.is_rebuilt = !say->not_rebuilt, .rebuilt = {9}};
    struct statement s = {.is_yes = !say->no, .items = &item, .items_len = 1};
    struct buf text = {0};
    struct ens_err err = {0};

    memcpy(item.digest, say->digest != NULL ? say->digest : digest_a, DIGEST_SIZE);
    memcpy(s.by, (say->by != NULL ? say->by : k)->fingerprint, sizeof s.by);
    memcpy(s.mrsigner, say->mrsigner != NULL ? say->mrsigner : this_key, MRSIGNER_SIZE);
    s.until = say->no ? 0 : say->until != 0 ? say->until : 0x20261228;
    s.has_replaces = say->replaces != NULL;
    if (say->replaces != NULL)
        memcpy(s.replaces, say->replaces, DIGEST_SIZE);
    assert_ok(statement_encode(&s, &text, &err), err);
    return text;
}

static const char *path_of(const char *name)
{
    static char paths[16][512];
    static size_t next;
    char *path = paths[next++ % 16];

    (void)snprintf(path, 512, "%s/%s", dir, name);
    return path;
}

static void write_file(const char *name, struct view v)
{
    struct ens_err err = {0};

    assert_ok(file_write_atomic(path_of(name), FILE_OUT_REPLACE, v, &err), err);
}

/* Writes the approval NAME; gives the statement's id. */
static void approve(const char *name, int key, struct say say, struct odd odd, uint8_t *ret_id)
{
    ENS_CLEANUP(buf_free) struct buf file = text_of(&keys[key], &say);
    ENS_CLEANUP(buf_free) struct buf blob = blob_of(&keys[key], buf_view(&file), &odd);
    struct ens_err err = {0};

    if (ret_id != NULL)
        assert_ok(statement_id(buf_view(&file), ret_id, &err), err);
    put_armour(&file, buf_view(&blob), 70);
    write_file(name, buf_view(&file));
}

#define SAY(...) ((struct say){__VA_ARGS__})
#define ODD(...) ((struct odd){__VA_ARGS__})
#define PLAIN    SAY(.no = false), ODD(.use = NULL)

/* ---- policies ---- */

static void put_key_line(struct buf *b, const struct key *k, const char *options)
{
    struct ens_err err = {0};

    assert_ok(buf_printf(b, &err, "key %s ", type_of(k)), err);
    assert_ok(base64_encode(buf_view(&k->blob), b, &err), err);
    assert_ok(buf_printf(b, &err, " %s\n", options), err);
}

/* alice has two keys, fay a FIDO key; mallory is nobody. */
static void write_people(const char *bob_options, const char *fay_options)
{
    ENS_CLEANUP(buf_free) struct buf b = {0};
    struct ens_err err = {0};

    assert_ok(buf_printf(&b, &err, "approvers 1\nperson alice\n"), err);
    put_key_line(&b, &keys[ALICE], "");
    put_key_line(&b, &keys[ALICE_2], "");
    assert_ok(buf_printf(&b, &err, "person bob\n"), err);
    put_key_line(&b, &keys[BOB], bob_options);
    assert_ok(buf_printf(&b, &err, "person carol\n"), err);
    put_key_line(&b, &keys[CAROL], "");
    assert_ok(buf_printf(&b, &err, "person fay\n"), err);
    put_key_line(&b, &keys[FAY], fay_options);
    assert_ok(buf_printf(&b, &err, "end\n"), err);
    write_file("people", buf_view(&b));
}

static void write_lines(const char *name, const char *first, const char *lines)
{
    char text[1024];

    (void)snprintf(text, sizeof text, "%s 1\n%send\n", first, lines);
    write_file(name, view_of_string(text));
}

static struct policy *policy_with(const char *lines)
{
    struct policy *p = NULL;
    struct ens_err err = {0};

    write_lines("policy", "policy", lines);
    assert_ok(policy_open(path_of("policy"), &p, &err), err);
    return p;
}

/* ---- judging ---- */

static struct approval_ground ground;

static void ground_of(struct policy *p, const uint8_t *mrsigner, uint32_t today)
{
    ground = (struct approval_ground){.tool = &tool, .policy = p, .mrsigner = mrsigner, .today = today};
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static struct approvals judge(const char *const *names)
{
    struct approvals a = {0};
    struct ens_err err = {0};
    const char *paths[8];
    size_t len = 0;

    for (; names[len] != NULL; len++)
        paths[len] = path_of(names[len]);
    assert_ok(approvals_judge(&ground, paths, len, &a, &err), err);
    assert_int_equal(a.len, len);
    return a;
}

static void expect(const char *name, const char *word)
{
    ENS_CLEANUP(approvals_free) struct approvals a = judge(NAMES(name));

    if (strcmp(approval_word(a.rows[0].verdict), word) != 0)
        fail_msg("%s: %s, not %s (%s)", name, approval_word(a.rows[0].verdict), word, a.rows[0].approval.why);
    /* Whose it is, is known once it verifies, and not before. */
    assert_int_equal(a.rows[0].person != NULL, a.rows[0].verdict > APPROVAL_SIGNATURE);
}

static struct approval_tally count(const struct approvals *a, const struct transcript_rejections *past,
                                   const uint8_t *digest)
{
    struct approval_tally t;

    approval_count(a, &ground, past, digest, &t);
    return t;
}

static void expect_count(const char *const *names, size_t counted, size_t rejected)
{
    ENS_CLEANUP(approvals_free) struct approvals a = judge(names);
    struct approval_tally t = count(&a, NULL, digest_a);

    assert_int_equal(t.counted, counted);
    assert_int_equal(t.rejected, rejected);
}

static int set_up(void **state)
{
    (void)state;
    dir = support_mkdir();
    for (int k = 0; k < KEYS; k++)
        make_key(&keys[k], (uint8_t)(k + 1), k == FAY);
    approve("alice", ALICE, PLAIN, NULL);
    approve("alice2", ALICE_2, PLAIN, NULL);
    approve("bob", BOB, PLAIN, NULL);
    approve("carol", CAROL, SAY(.not_rebuilt = true), ODD(.use = NULL), NULL);
    approve("fay", FAY, PLAIN, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int k = 0; k < KEYS; k++) {
        EVP_PKEY_free(keys[k].pkey);
        buf_free(&keys[k].blob);
    }
    support_rmdir(dir);
    return 0;
}

#define TWO "approvals 2\napprovers people\nrevoked gone\n"
static struct policy *two(const char *lines)
{
    char text[512];

    write_people("", "");
    write_lines("gone", "revoked", "");
    (void)snprintf(text, sizeof text, TWO "%s", lines);
    struct policy *p = policy_with(text);

    ground_of(p, this_key, TODAY);
    return p;
}

/* The policy that wants two persons, and these lines; released with the scope, used by name or not. */
#define POLICY_OF_TWO(lines) ENS_CLEANUP(policy_freep) __attribute__((unused)) struct policy *p = two(lines)

/* ---- who counts ---- */

static void a2_two_persons_are_two_and_two_keys_of_one_are_one(void **state)
{
    POLICY_OF_TWO("");

    (void)state;
    expect("alice", "yes");
    expect_count(NAMES("alice", "bob"), 2, 0);
    expect_count(NAMES("alice", "alice2"), 1, 0);
    expect_count(NAMES("alice", "alice"), 1, 0);
    expect_count(NAMES("alice", "alice2", "bob", "alice"), 2, 0);
    expect_count(NAMES("bob"), 1, 0);
}

static void what_is_for_other_sign_data_counts_there_only(void **state)
{
    POLICY_OF_TWO("");
    ENS_CLEANUP(approvals_free) struct approvals a = {0};

    (void)state;
    approve("bob-b", BOB, SAY(.digest = digest_b), ODD(.use = NULL), NULL);
    approve("bob-b-no", BOB, SAY(.digest = digest_b, .no = true), ODD(.use = NULL), NULL);
    a = judge(NAMES("alice", "bob-b", "bob-b-no"));
    assert_int_equal(count(&a, NULL, digest_a).counted, 1);
    assert_int_equal(count(&a, NULL, digest_a).rejected, 0);
    assert_int_equal(count(&a, NULL, digest_b).counted, 1);
    assert_int_equal(count(&a, NULL, digest_b).rejected, 1);
}

static void rebuilds_are_counted_by_persons(void **state)
{
    POLICY_OF_TWO("rebuilt 1\n");
    ENS_CLEANUP(approvals_free) struct approvals a = judge(NAMES("alice", "alice2", "carol"));
    struct approval_tally t = count(&a, NULL, digest_a);

    (void)state;
    assert_int_equal(t.counted, 2);
    assert_int_equal(t.rebuilt_counted, 1);
}

static void a14_an_approval_is_for_one_key(void **state)
{
    POLICY_OF_TWO("");
    ENS_CLEANUP(approvals_free) struct approvals a = {0};

    (void)state;
    approve("alice-other", ALICE, SAY(.mrsigner = other_key), ODD(.use = NULL), NULL);
    approve("bob-other-no", BOB, SAY(.mrsigner = other_key, .no = true), ODD(.use = NULL), NULL);
    expect("alice-other", "other-key");
    expect("bob-other-no", "other-key");
    expect_count(NAMES("alice-other", "bob", "bob-other-no"), 1, 0);
    /* Before the key is known nothing is said of it; when it is, the same comes out. */
    ground_of(p, NULL, TODAY);
    a = judge(NAMES("alice-other", "alice", "bob-other-no"));
    assert_int_equal(a.rows[0].verdict, APPROVAL_YES);
    assert_int_equal(a.rows[2].verdict, APPROVAL_NO);
    approvals_bind(&a, this_key);
    assert_int_equal(a.rows[0].verdict, APPROVAL_OTHER_KEY);
    assert_int_equal(a.rows[1].verdict, APPROVAL_YES);
    assert_int_equal(a.rows[2].verdict, APPROVAL_OTHER_KEY);
}

/* ---- a no ---- */

static void a_no_stops_until_its_author_takes_it_back(void **state)
{
    POLICY_OF_TWO("");
    uint8_t no[DIGEST_SIZE];

    (void)state;
    approve("alice-no", ALICE, SAY(.no = true), ODD(.use = NULL), no);
    expect("alice-no", "no");
    expect_count(NAMES("bob", "carol", "alice-no"), 2, 1);
    /* An older yes lifts nothing, nor does another person, nor what has expired. */
    expect_count(NAMES("alice", "bob", "carol", "alice-no"), 3, 1);
    approve("bob-lift", BOB, SAY(.replaces = no), ODD(.use = NULL), NULL);
    expect_count(NAMES("alice-no", "bob-lift", "carol"), 2, 1);
    approve("old-lift", ALICE, SAY(.replaces = no, .until = 0x20261129), ODD(.use = NULL), NULL);
    expect_count(NAMES("alice-no", "old-lift", "bob"), 1, 1);
    /* Another key of hers does. */
    approve("alice-lift", ALICE_2, SAY(.replaces = no), ODD(.use = NULL), NULL);
    expect_count(NAMES("alice-no", "alice-lift", "bob"), 2, 0);
    expect_count(NAMES("alice-lift", "bob", "alice-no"), 2, 0);
    /* For other sign-data it does not. */
    approve("lift-b", ALICE, SAY(.replaces = no, .digest = digest_b), ODD(.use = NULL), NULL);
    expect_count(NAMES("alice-no", "lift-b", "bob"), 1, 1);
}

static void a_yes_is_taken_back_by_a_later_no(void **state)
{
    POLICY_OF_TWO("");
    uint8_t yes[DIGEST_SIZE];

    (void)state;
    approve("alice-yes", ALICE, PLAIN, yes);
    approve("alice-back", ALICE, SAY(.no = true, .replaces = yes), ODD(.use = NULL), NULL);
    expect_count(NAMES("alice-yes", "bob", "alice-back"), 1, 1);
    approve("alice-again", ALICE, SAY(.until = 0x20261201, .replaces = yes), ODD(.use = NULL), NULL);
    expect_count(NAMES("alice-yes", "bob", "alice-again"), 2, 0);
}

/* A no needs less than a yes: neither the key's end nor the flags of a FIDO key matter. */
static void a_no_needs_less_than_a_yes(void **state)
{
    ENS_CLEANUP(policy_freep) struct policy *p = NULL;

    (void)state;
    write_people("until=20261129", "verify-required");
    p = policy_with("approvals 1\napprovers people\napprover-keys fido\n");
    ground_of(p, this_key, TODAY);
    approve("bob-no", BOB, SAY(.no = true), ODD(.use = NULL), NULL);
    approve("fay-no", FAY, SAY(.no = true), ODD(.flags = 0x100), NULL);
    expect("bob-no", "no");
    expect("fay-no", "no");
    expect("bob", "key-expired");
}

static void record(struct transcript_rejection *r, const uint8_t *mrsigner, const char *person,
                   const uint8_t *id, const char *key)
{
    static char texts[8][2 * DIGEST_SIZE + 1];

    hex_encode(texts[0], view_of(digest_a, DIGEST_SIZE));
    hex_encode(texts[1], view_of(mrsigner, MRSIGNER_SIZE));
    hex_encode(texts[2], view_of(id, DIGEST_SIZE));
    (void)snprintf(texts[3], sizeof texts[3], "%s", person);
    (void)snprintf(texts[4], sizeof texts[4], "%s", key);
    *r = (struct transcript_rejection){texts[0], texts[1], texts[3], texts[2], texts[4], 7};
}

static void a_no_on_record_is_remembered(void **state)
{
    POLICY_OF_TWO("");
    ENS_CLEANUP(approvals_free) struct approvals a = {0};
    struct transcript_rejection row;
    const struct transcript_rejections past = {.items = &row, .len = 1};
    uint8_t no[DIGEST_SIZE];

    (void)state;
    approve("alice-no", ALICE, SAY(.no = true), ODD(.use = NULL), no);
    approve("alice-lift", ALICE, SAY(.replaces = no), ODD(.use = NULL), NULL);
    record(&row, this_key, "alice", no, keys[ALICE].fingerprint);
    a = judge(NAMES("bob", "carol"));
    struct approval_tally t = count(&a, &past, digest_a);

    assert_int_equal(t.rejected, 1);
    assert_true(t.no[0] && t.no_record[0] == 7);
    assert_int_equal(count(&a, &past, digest_b).rejected, 0);
    /* Under another key, by nobody whom the policy knows. */
    record(&row, other_key, "alice", no, keys[ALICE].fingerprint);
    assert_int_equal(count(&a, &past, digest_a).rejected, 0);
    record(&row, this_key, "mallory", no, keys[ALICE].fingerprint);
    assert_int_equal(count(&a, &past, digest_a).rejected, 0);
    /* Its author lifts it; if the file is there as well, no record is named. */
    record(&row, this_key, "alice", no, keys[ALICE].fingerprint);
    approvals_free(&a);
    a = judge(NAMES("bob", "alice-lift"));
    assert_int_equal(count(&a, &past, digest_a).rejected, 0);
    approvals_free(&a);
    a = judge(NAMES("bob", "alice-no"));
    t = count(&a, &past, digest_a);
    assert_true(t.rejected == 1 && t.no_record[0] == 0);
}

static void a_no_on_record_ends_with_what_is_revoked(void **state)
{
    ENS_CLEANUP(approvals_free) struct approvals a = {0};
    struct transcript_rejection row;
    const struct transcript_rejections past = {.items = &row, .len = 1};
    const uint8_t no[DIGEST_SIZE] = {5};
    char lines[3][128];
    char id[2 * DIGEST_SIZE + 1];

    (void)state;
    hex_encode(id, view_of(no, sizeof no));
    (void)snprintf(lines[0], sizeof lines[0], "person alice\n");
    (void)snprintf(lines[1], sizeof lines[1], "statement %s\n", id);
    (void)snprintf(lines[2], sizeof lines[2], "key %s\n", keys[ALICE].fingerprint);
    record(&row, this_key, "alice", no, keys[ALICE].fingerprint);
    for (size_t i = 0; i < 3; i++) {
        POLICY_OF_TWO("");

        assert_int_equal(count(&a, &past, digest_a).rejected, 1);
        write_lines("gone", "revoked", lines[i]);
        policy_freep(&p);
        p = policy_with(TWO);
        ground_of(p, this_key, TODAY);
        assert_int_equal(count(&a, &past, digest_a).rejected, 0);
    }
}

/* ---- days ---- */

static void the_last_day_counts_and_the_next_does_not(void **state)
{
    ENS_CLEANUP(policy_freep) struct policy *p = NULL;

    (void)state;
    write_people("until=20261220", "");
    p = policy_with("approvals 1\napprovers people\napproval-days 28\n");
    ground_of(p, this_key, TODAY);
    expect("alice", "yes");
    ground_of(p, this_key, 0x20261129);
    expect("alice", "too-long");
    ground_of(p, this_key, 0x20261228);
    expect("alice", "yes");
    ground_of(p, this_key, 0x20261229);
    expect("alice", "expired");
    ground_of(p, this_key, 0x20261220);
    expect("bob", "yes");
    ground_of(p, this_key, 0x20261221);
    expect("bob", "key-expired");
}

/* ---- FIDO ---- */

static void a_fido_key_must_be_touched(void **state)
{
    POLICY_OF_TWO("");

    (void)state;
    approve("fay-0", FAY, SAY(.no = false), ODD(.flags = 0x100), NULL);
    approve("fay-4", FAY, SAY(.no = false), ODD(.flags = 4), NULL);
    approve("fay-5", FAY, SAY(.no = false), ODD(.flags = 5), NULL);
    expect("fay", "yes");
    expect("fay-0", "no-touch");
    expect("fay-4", "no-touch");
    expect("fay-5", "yes");
    policy_freep(&p);
    p = policy_with("approvals 1\napprovers people\napprover-keys fido\n");
    ground_of(p, this_key, TODAY);
    expect("fay", "yes");
    expect("alice", "not-fido");
    policy_freep(&p);
    p = policy_with("approvals 1\napprovers people\napprover-keys fido-verified\n");
    ground_of(p, this_key, TODAY);
    expect("fay", "not-verified");
    expect("fay-5", "yes");
    policy_freep(&p);
    write_people("", "verify-required");
    p = policy_with("approvals 1\napprovers people\n");
    ground_of(p, this_key, TODAY);
    expect("fay", "not-verified");
    expect("fay-5", "yes");
}

/* ---- what does not count ---- */

static void a2_a_certificate_is_nobodys(void **state)
{
    POLICY_OF_TWO("");

    (void)state;
    approve("cert", ALICE, SAY(.no = false), ODD(.key_type = "ssh-ed25519-cert-v01@openssh.com"), NULL);
    expect("cert", "certificate");
}

static void signatures_that_are_none(void **state)
{
    static const struct {
        struct odd odd;
        const char *word;
    } rows[] = {
        {{.use = "ensign-sign-data"}, "namespace"},
        {{.use = "git"}, "namespace"},
        {{.use = ""}, "namespace"},
        {{.version = 2}, "sshsig"},
        {{.reserved = "x"}, "sshsig"},
        {{.hash = "sha1"}, "sshsig"},
        {{.tail = "x"}, "sshsig"},
        {{.algorithm = "ssh-rsa"}, "sshsig"},
        {{.algorithm = "ssh-ed25519-cert-v01@openssh.com"}, "sshsig"},
        {{.key_type = "ssh-dss"}, "sshsig"},
        /* Both are wrong: the first rule speaks. */
        {{.use = "git", .hash = "sha1"}, "namespace"},
        {{.use = "git", .key_type = "ssh-ed25519-cert-v01@openssh.com"}, "namespace"},
    };
    POLICY_OF_TWO("");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        approve("odd", ALICE, SAY(.no = false), rows[i].odd, NULL);
        expect("odd", rows[i].word);
    }
    /* SHA-512 is said, but SHA-256 is what was signed: ssh-keygen finds it. */
    approve("odd", ALICE, SAY(.no = false), ODD(.hash = "sha512"), NULL);
    expect("odd", "signature");
}

static void who_signs_is_who_it_says(void **state)
{
    POLICY_OF_TWO("");

    (void)state;
    approve("by-bob", ALICE, SAY(.by = &keys[BOB]), ODD(.use = NULL), NULL);
    expect("by-bob", "signer");
    approve("mallory", MALLORY, PLAIN, NULL);
    expect("mallory", "unknown-key");
}

static void a_signature_fits_one_statement(void **state)
{
    POLICY_OF_TWO("");
    ENS_CLEANUP(buf_free) struct buf no = text_of(&keys[ALICE], &SAY(.no = true));
    ENS_CLEANUP(buf_free) struct buf yes = text_of(&keys[ALICE], &SAY(.no = false));
    ENS_CLEANUP(buf_free) struct buf blob = blob_of(&keys[ALICE], buf_view(&no), &ODD(.use = NULL));

    (void)state;
    put_armour(&yes, buf_view(&blob), 70);
    write_file("relabelled", buf_view(&yes));
    expect("relabelled", "signature");
}

static void the_frame_is_strict(void **state)
{
    static const size_t widths[] = {1, 76, 77};
    POLICY_OF_TWO("");

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        ENS_CLEANUP(buf_free) struct buf file = text_of(&keys[ALICE], &SAY(.no = false));
        ENS_CLEANUP(buf_free) struct buf blob = blob_of(&keys[ALICE], buf_view(&file), &ODD(.use = NULL));

        put_armour(&file, buf_view(&blob), widths[i]);
        write_file("wide", buf_view(&file));
        expect("wide", widths[i] <= 76 ? "yes" : "sshsig");
        put(&file, "x\n", 2);
        write_file("wide", buf_view(&file));
        expect("wide", "sshsig");
    }
    write_file("bare", view_of_string(SSHSIG_BEGIN SSHSIG_END));
    expect("bare", "statement");
    write_file("bare", view_of_string("hello\n" SSHSIG_BEGIN SSHSIG_END));
    expect("bare", "statement");
    write_file("bare", view_of_string(""));
    expect("bare", "statement");
}

static void what_is_revoked_does_not_count(void **state)
{
    POLICY_OF_TWO("");
    uint8_t id[DIGEST_SIZE];
    char lines[128];
    char hex[2 * DIGEST_SIZE + 1];

    (void)state;
    approve("alice", ALICE, PLAIN, id);
    hex_encode(hex, view_of(id, DIGEST_SIZE));
    (void)snprintf(lines, sizeof lines, "statement %s\n", hex);
    write_lines("gone", "revoked", lines);
    policy_freep(&p);
    p = policy_with(TWO);
    ground_of(p, this_key, TODAY);
    expect("alice", "withdrawn");
    expect("alice2", "yes");
    (void)snprintf(lines, sizeof lines, "key %s\n", keys[ALICE].fingerprint);
    write_lines("gone", "revoked", lines);
    policy_freep(&p);
    p = policy_with(TWO);
    ground_of(p, other_key, 0x20270101);
    expect("alice", "revoked");
    expect("alice2", "other-key");
}

static void a_file_that_is_too_large_is_a_row_and_one_that_is_none_an_error(void **state)
{
    POLICY_OF_TWO("");
    ENS_CLEANUP(mem_freep) uint8_t *large = NULL;
    struct approvals a = {0};
    struct ens_err err = {0};

    (void)state;
    large = mem_alloc(APPROVAL_FILE_MAX + 1, 1, &err);
    assert_non_null(large);
    write_file("large", view_of(large, APPROVAL_FILE_MAX + 1));
    expect("large", "statement");
    expect_count(NAMES("large", "alice", "bob"), 2, 0);
    assert_fails(approvals_judge(&ground, NAMES(path_of("nosuch")), 1, &a, &err), err, ENS_NOINPUT, "nosuch");
    assert_fails(approvals_judge(&ground, (const char *const[]){dir}, 1, &a, &err), err, ENS_DATA, dir);
}

/* Each byte of an approval, changed: none counts. Those that differ in the armour alone are the same
 * signature only if they decode to it, and base64 here has one spelling. */
static void no_changed_byte_counts(void **state)
{
    POLICY_OF_TWO("");
    ENS_CLEANUP(buf_free) struct buf file = {0};
    struct ens_err err = {0};

    (void)state;
    assert_ok(file_read_all(path_of("bob"), APPROVAL_FILE_MAX, &file, &err), err);
    for (size_t i = 0; i < file.len; i++) {
        ENS_CLEANUP(approvals_free) struct approvals a = {0};

        file.data[i] ^= 1;
        write_file("changed", buf_view(&file));
        a = judge(NAMES("changed"));
        if (a.rows[0].verdict > APPROVAL_SIGNATURE)
            fail_msg("byte %zu: %s", i, approval_word(a.rows[0].verdict));
        file.data[i] ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a2_two_persons_are_two_and_two_keys_of_one_are_one),
        cmocka_unit_test(what_is_for_other_sign_data_counts_there_only),
        cmocka_unit_test(rebuilds_are_counted_by_persons),
        cmocka_unit_test(a14_an_approval_is_for_one_key),
        cmocka_unit_test(a_no_stops_until_its_author_takes_it_back),
        cmocka_unit_test(a_yes_is_taken_back_by_a_later_no),
        cmocka_unit_test(a_no_needs_less_than_a_yes),
        cmocka_unit_test(a_no_on_record_is_remembered),
        cmocka_unit_test(a_no_on_record_ends_with_what_is_revoked),
        cmocka_unit_test(the_last_day_counts_and_the_next_does_not),
        cmocka_unit_test(a_fido_key_must_be_touched),
        cmocka_unit_test(a2_a_certificate_is_nobodys),
        cmocka_unit_test(signatures_that_are_none),
        cmocka_unit_test(who_signs_is_who_it_says),
        cmocka_unit_test(a_signature_fits_one_statement),
        cmocka_unit_test(the_frame_is_strict),
        cmocka_unit_test(what_is_revoked_does_not_count),
        cmocka_unit_test(a_file_that_is_too_large_is_a_row_and_one_that_is_none_an_error),
        cmocka_unit_test(no_changed_byte_counts),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
