/* Approvers: a state machine of two keywords. What is revoked is in revoked.c. */
#include "signer/ceremony/people.h"

#include "signer/base/base64.h"
#include "signer/base/date.h"
#include "signer/base/mem.h"
#include "signer/ceremony/hand.h"

struct people {
    char names[PEOPLE_MAX][PEOPLE_NAME_MAX + 1];
    size_t len;
    struct person_key *keys;
    size_t keys_len;
    uint8_t *blobs; /* of all keys, one behind the other */
    size_t blobs_len;
};

void people_freep(struct people **p)
{
    if (*p == NULL)
        return;
    mem_free((*p)->keys);
    mem_free((*p)->blobs);
    mem_free(*p);
    *p = NULL;
}

bool people_name_valid(const char *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    size_t len = strlen(name);

    return len >= 1 && len <= PEOPLE_NAME_MAX && memchr(first, name[0], sizeof first - 1) != NULL &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._@+-") == len;
}

size_t people_len(const struct people *p)
{
    return p->len;
}

const char *people_name(const struct people *p, size_t person)
{
    return p->names[person];
}

size_t people_keys(const struct people *p)
{
    return p->keys_len;
}

const struct person_key *people_key(const struct people *p, size_t index)
{
    return &p->keys[index];
}

const struct person_key *people_find(const struct people *p, struct view blob)
{
    for (size_t i = 0; i < p->keys_len; i++) {
        if (view_equal(p->keys[i].blob, blob))
            return &p->keys[i];
    }
    return NULL;
}

bool people_find_name(const struct people *p, const char *name, size_t *ret)
{
    for (size_t i = 0; i < p->len; i++) {
        if (strcmp(p->names[i], name) != 0)
            continue;
        *ret = i;
        return true;
    }
    return false;
}

static size_t count_keys(const struct people *p, size_t person)
{
    size_t count = 0;

    for (size_t i = 0; i < p->keys_len; i++)
        count += p->keys[i].person == person;
    return count;
}

/* ---- lines ---- */

/* The person whose lines end here needs a key. */
static bool end_person(const struct people *p, struct ens_err *err)
{
    if (p->len == 0 || count_keys(p, p->len - 1) > 0)
        return true;
    return ens_fail(err, ENS_DATA, "no-key: %s has no key: add a line key TYPE BASE64", p->names[p->len - 1]);
}

static bool read_person(struct people *p, const struct hand_line *l, struct ens_err *err)
{
    size_t same = 0;

    if (l->len != 2 || !people_name_valid(l->words[1]))
        return ens_fail(
            err, ENS_DATA,
            "name: '%s' is not a name: write 1 to %d of a-z 0-9 . _ @ + -, a letter or digit first",
            l->len > 1 ? l->words[1] : "", PEOPLE_NAME_MAX);
    if (people_find_name(p, l->words[1], &same))
        return ens_fail(err, ENS_DATA, "twice: %s is there twice: leave one", l->words[1]);
    if (!end_person(p, err))
        return false;
    if (p->len == PEOPLE_MAX)
        return ens_fail(err, ENS_DATA, "many: there are more than %d persons", PEOPLE_MAX);
    memcpy(p->names[p->len++], l->words[1], strlen(l->words[1]) + 1);
    return true;
}

/* Decodes and judges the key, behind the blobs that are there. */
static bool read_blob(struct people *p, const struct hand_line *l, struct person_key *ret,
                      struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf blob = {0};
    bool is_base64 = false;

    if (!base64_decode(view_of_string(l->words[2]), &blob, &is_base64, err))
        return false;
    if (!is_base64)
        return ens_fail(err, ENS_DATA, "key: the key is not base64: copy the line of the .pub file");
    switch (sshkey_read(buf_view(&blob), &ret->key)) {
    case SSHKEY_OK:
        break;
    case SSHKEY_CUT:
        return ens_fail(err, ENS_DATA, "sshsig: the key is cut: copy the line of the .pub file");
    case SSHKEY_CERTIFICATE:
        return ens_fail(err, ENS_DATA, "certificate: is not a key: give the key itself");
    case SSHKEY_REFUSED:
        return ens_fail(
            err, ENS_DATA,
            "key: no type that may approve (Ed25519, ECDSA, FIDO, RSA of %d to %d bits), or not as "
            "ssh-keygen writes it: let it write the .pub file again (ssh-keygen -e, then -i)",
            SSHKEY_RSA_MIN, SSHKEY_RSA_MAX);
    }
    if (strcmp(ret->key.type, l->words[1]) != 0)
        return ens_fail(err, ENS_DATA, "key: says %.64s and is %s: copy the line of the .pub file",
                        l->words[1], ret->key.type);
    /* Base64 is longer than what it stands for, so all blobs together are shorter than the file. */
    memcpy(p->blobs + p->blobs_len, blob.data, blob.len);
    ret->blob = view_of(p->blobs + p->blobs_len, blob.len);
    return sshkey_fingerprint(ret->blob, ret->fingerprint, err);
}

static bool read_options(const struct hand_line *l, struct person_key *ret, struct ens_err *err)
{
    static const char until[] = "until=";
    struct date d;

    for (size_t i = 3; i < l->len; i++) {
        const char *word = l->words[i];

        if (strcmp(word, "verify-required") == 0 && ret->key.is_sk && !ret->verify_required) {
            ret->verify_required = true;
        } else if (strncmp(word, until, sizeof until - 1) == 0 && ret->until == 0) {
            if (!date_parse(word + sizeof until - 1, "value: until", &d, err)) {
                err->code = ENS_DATA;
                return false;
            }
            ret->until = date_to_bcd(d);
        } else {
            return ens_fail(err, ENS_DATA,
                            "option: '%s' is none here: write verify-required (FIDO keys) or until=YYYYMMDD, "
                            "once each, and no comment",
                            word);
        }
    }
    return true;
}

/* Also as a key of another type: who holds the one can sign as the other. */
static bool has_secret(const struct people *p, struct view blob)
{
    for (size_t i = 0; i < p->keys_len; i++) {
        if (sshkey_same_secret(p->keys[i].blob, blob))
            return true;
    }
    return false;
}

static bool read_key_line(struct people *p, const struct hand_line *l, struct ens_err *err)
{
    struct person_key key = {0};
    void *grown = p->keys;

    if (p->len == 0)
        return ens_fail(err, ENS_DATA, "no-person: a key before the first person: whose is it?");
    if (l->len < 3)
        return ens_fail(err, ENS_DATA, "value: a key needs a type and base64: key TYPE BASE64");
    key.person = p->len - 1;
    if (!read_blob(p, l, &key, err) || !read_options(l, &key, err))
        return false;
    if (has_secret(p, key.blob))
        return ens_fail(err, ENS_DATA,
                        "key-twice: this key is there already: it speaks for one person, once");
    if (count_keys(p, key.person) == PEOPLE_KEYS)
        return ens_fail(err, ENS_DATA, "many: %s has more than %d keys", p->names[key.person], PEOPLE_KEYS);
    if (!mem_grow(&grown, p->keys_len + 1, sizeof *p->keys, err))
        return false;
    p->keys = grown;
    p->keys[p->keys_len++] = key;
    p->blobs_len += key.blob.len;
    return true;
}

static bool read_people_line(void *ctx, const struct hand_line *l, struct ens_err *err)
{
    struct people *p = ctx;

    if (strcmp(l->words[0], "person") == 0)
        return read_person(p, l, err);
    if (strcmp(l->words[0], "key") == 0)
        return read_key_line(p, l, err);
    return ens_fail(err, ENS_DATA, "unknown-keyword: '%s': write person or key", l->words[0]);
}

bool people_parse(struct view text, const char *name, struct people **ret, struct ens_err *err)
{
    ENS_CLEANUP(people_freep) struct people *p = mem_alloc(1, sizeof *p, err);

    if (p == NULL)
        return false;
    p->blobs = mem_room(text.len + 1, err);
    if (p->blobs == NULL ||
        !hand_parse(text, "approvers", name, (struct hand_sink){.line = read_people_line, .ctx = p}, err))
        return false;
    if (p->len == 0)
        return ens_fail(err, ENS_DATA, "%s: no-person: names nobody: add a line person NAME", name);
    if (!end_person(p, err))
        return ens_wrap(err, "%s", name);
    *ret = ens_take(p);
    return true;
}
