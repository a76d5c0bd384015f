/* The people of a ceremony: who may approve, and with which keys (approvers), and what no longer counts
 * (revoked).
 *
 *   approvers 1                                   revoked 1
 *   person alice@example.org                      key SHA256:XQ+3hyEGRvLqKJIFW+tsygEQ9CzasCyZZOzO0DhmWKQ
 *   key ssh-ed25519 AAAAC3Nz...                   person bob@example.org
 *   key sk-ssh-ed25519@openssh.com AAAA...        statement 6ee0d328...     64 lower-case digits
 *   end                                           end
 *
 * A signature belongs to the person below whose line its key stands, and a key stands once in the file: as
 * many approvals as persons. Names are [a-z0-9][a-z0-9._@+-]{0,62}, so that no two look alike
 * and none is a pattern. */
#pragma once

#include "signer/ceremony/sshkey.h"

#define PEOPLE_MAX      64 /* persons */
#define PEOPLE_KEYS     16 /* of one person */
#define PEOPLE_NAME_MAX 63 /* bytes of a name */

/* One `key` line. */
struct person_key {
    size_t person;    /* index, for people_name */
    struct view blob; /* as SSH writes it; owned by the people */
    struct sshkey key;
    char fingerprint[SSHKEY_FINGERPRINT_SIZE];
    bool verify_required; /* its signatures must say that PIN or finger was checked */
    uint32_t until;       /* last day it counts, BCD as in date.h; 0: no end */
};

struct people;
struct revoked;

/* Parses an approvers file; ENS_DATA naming `name`, the line and the rule (hand.h; and name, twice, no-key,
 * many, no-person, value, key, sshsig, certificate, option, key-twice, unknown-keyword).
 * Release with people_freep. */
bool people_parse(struct view text, const char *name, struct people **ret,
                  struct ens_err *err) ENS_MUST_CHECK;
void people_freep(struct people **p);

/* Persons, in the order of the file; each has at least one key. */
size_t people_len(const struct people *p);
const char *people_name(const struct people *p, size_t person);

/* All keys, in the order of the file: those of one person stand together. */
size_t people_keys(const struct people *p);
const struct person_key *people_key(const struct people *p, size_t index);

/* The line on which exactly these bytes stand; NULL: nobody's. */
const struct person_key *people_find(const struct people *p, struct view blob);

/* The person of that name; false: nobody. */
bool people_find_name(const struct people *p, const char *name, size_t *ret);

/* Parses a revoked file; ENS_DATA as people_parse (unknown-keyword, value, twice).
 * Release with revoked_freep. */
bool revoked_parse(struct view text, const char *name, struct revoked **ret,
                   struct ens_err *err) ENS_MUST_CHECK;
void revoked_freep(struct revoked **r);

/* True if it is listed: a key by its fingerprint, a statement by its id (64 lower-case
 * digits). `r` NULL: false. */
bool revoked_has_key(const struct revoked *r, const char *fingerprint);
bool revoked_has_person(const struct revoked *r, const char *name);
bool revoked_has_statement(const struct revoked *r, const char *id);

/* Its lines, in the order of the file: the keyword ("key", "person", "statement") and the value. */
size_t revoked_len(const struct revoked *r);
void revoked_entry(const struct revoked *r, size_t index, const char **ret_keyword, const char **ret_value);

/* True for a name that a person may have. */
bool people_name_valid(const char *name);
