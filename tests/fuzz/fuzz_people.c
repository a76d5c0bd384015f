/* Fuzz target: approvers (the first byte is even) and revoked. Whatever is accepted keeps the rules on which
 * the counting of persons rests: names and keys are there once, each key belongs to one person and is found
 * by its bytes, each person has one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/ceremony/people.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_people(const struct people *p)
{
    size_t found = 0;
    struct ens_err err = {0};

    must(people_len(p) >= 1 && people_len(p) <= PEOPLE_MAX);
    for (size_t i = 0; i < people_len(p); i++) {
        must(people_name_valid(people_name(p, i)));
        must(people_find_name(p, people_name(p, i), &found) && found == i);
    }
    size_t next = 0;
    size_t of_this = 0;

    for (size_t i = 0; i < people_keys(p); i++) {
        const struct person_key *k = people_key(p, i);
        struct sshkey key;
        bool yes = false;

        of_this = i > 0 && k->person + 1 == next ? of_this + 1 : 1;
        next += of_this == 1;
        must(k->person + 1 == next && of_this <= PEOPLE_KEYS);
        must(people_find(p, k->blob) == k);
        must(sshkey_read(k->blob, &key) == SSHKEY_OK && key.type == k->key.type);
        must(!k->verify_required || key.is_sk);
        must(sshkey_fingerprint_valid(k->fingerprint, &yes, &err) && yes);
    }
    must(next == people_len(p));
}

static void check_revoked(const struct revoked *r)
{
    for (size_t i = 0; i < revoked_len(r); i++) {
        const char *keyword = NULL;
        const char *value = NULL;

        revoked_entry(r, i, &keyword, &value);
        must(keyword[0] == 'k'   ? revoked_has_key(r, value)
             : keyword[0] == 'p' ? revoked_has_person(r, value) && people_name_valid(value)
                                 : revoked_has_statement(r, value));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ENS_CLEANUP(people_freep) struct people *p = NULL;
    ENS_CLEANUP(revoked_freep) struct revoked *r = NULL;
    struct ens_err err = {0};

    if (size == 0)
        return 0;
    struct view text = view_of(data + 1, size - 1);
    bool ok = data[0] % 2 == 0 ? people_parse(text, "a", &p, &err) : revoked_parse(text, "r", &r, &err);

    must(ok || (err.code == ENS_DATA && strchr(err.msg, '\n') == NULL));
    if (p != NULL)
        check_people(p);
    if (r != NULL)
        check_revoked(r);
    return 0;
}
