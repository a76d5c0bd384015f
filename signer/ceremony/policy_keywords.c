/* The keywords of a policy: one table, and what a policy says of each. */
#include "signer/ceremony/policy_internal.h"

static const char *const bit_words[] = {"forbid", "require", "allow", NULL};
static const char *const blind_words[] = {"forbid", "allow", NULL};
static const char *const confirm_words[] = {"yes", "words", NULL};
static const char *const transcript_words[] = {"require", NULL};
static const char *const share_words[] = {"token", NULL};
static const char *const keys_words[] = {"any", "fido", "fido-verified", NULL};

#define NUMBERS(field_, max_)                                                                                \
    .shape = SHAPE_NUMBERS, .max = (max_), .is_field = true, .field = (field_),                              \
    .takes = "N, >= N, <= N, N..M, up to 16 N, or any"
#define PAIR(field_, mask_, max_)                                                                            \
    .shape = SHAPE_PAIR, .max = (max_), .is_field = true, .field = (field_), .mask = (mask_),                \
    .takes = "V/M, within V/M, or any; M is the inverse mask"
#define BIT(bit_)                                                                                            \
    .shape = SHAPE_BIT, .bit = (bit_), .is_field = true, .words = bit_words,                                 \
    .takes = "forbid, require or allow"
#define HEX(field_, size_)                                                                                   \
    .shape = SHAPE_HEX, .size = (size_), .is_field = true, .is_list = true, .field = (field_)
#define COUNT(max_)          .shape = SHAPE_COUNT, .max = (max_), .takes = "a number from 1"
#define WORD(words_, takes_) .shape = SHAPE_WORD, .words = (words_), .takes = (takes_)

const struct policy_keyword policy_keywords[POLICY_KEYWORDS] = {
    [POLICY_MRSIGNER] = {.name = "mrsigner",
                         .shape = SHAPE_HEX,
                         .size = 32,
                         .takes = "64 hexadecimal digits",
                         .unchecked = "no token here (--pubkey or --mrsigner checks it)"},
    [POLICY_MRENCLAVE] = {.name = "mrenclave",
                          HEX(CSS_ENCLAVEHASH, 32),
                          .takes = "64 hexadecimal digits each"},
    [POLICY_ISVPRODID] = {.name = "isvprodid", NUMBERS(CSS_ISVPRODID, UINT16_MAX)},
    [POLICY_ISVSVN] = {.name = "isvsvn", NUMBERS(CSS_ISVSVN, UINT16_MAX)},
    [POLICY_DATE] = {.name = "date",
                     .shape = SHAPE_DATES,
                     .is_field = true,
                     .field = CSS_DATE,
                     .takes = "YYYYMMDD, >= or <= one, one..another, up to 16, or any"},
    [POLICY_ATTRIBUTES] = {.name = "attributes", PAIR(CSS_ATTRIBUTES, CSS_ATTRIBUTEMASK, UINT64_MAX)},
    [POLICY_XFRM] = {.name = "xfrm", PAIR(CSS_XFRM, CSS_XFRM_MASK, UINT64_MAX)},
    [POLICY_DEBUG] = {.name = "debug", BIT(ATTR_DEBUG)},
    [POLICY_MODE64] = {.name = "mode64", BIT(ATTR_MODE64BIT)},
    [POLICY_PROVISION_KEY] = {.name = "provision-key", BIT(ATTR_PROVISIONKEY)},
    [POLICY_EINITTOKEN_KEY] = {.name = "einittoken-key", BIT(ATTR_EINITTOKENKEY)},
    [POLICY_CET] = {.name = "cet", BIT(ATTR_CET)},
    [POLICY_KSS] = {.name = "kss", BIT(ATTR_KSS)},
    [POLICY_AEX_NOTIFY] = {.name = "aex-notify", BIT(ATTR_AEXNOTIFY)},
    [POLICY_VENDOR] = {.name = "vendor", NUMBERS(CSS_VENDOR, UINT32_MAX)},
    [POLICY_SWDEFINED] = {.name = "swdefined", NUMBERS(CSS_SWDEFINED, UINT32_MAX)},
    [POLICY_MISCSELECT] = {.name = "miscselect", PAIR(CSS_MISCSELECT, CSS_MISCMASK, UINT32_MAX)},
    [POLICY_CET_ATTRIBUTES] = {.name = "cet-attributes",
                               PAIR(CSS_CET_ATTRIBUTES, CSS_CET_ATTRIBUTES_MASK, UINT8_MAX)},
    [POLICY_ISVFAMILYID] = {.name = "isvfamilyid",
                            HEX(CSS_ISVFAMILYID, 16),
                            .may_be_any = true,
                            .takes = "32 hexadecimal digits each, or any"},
    [POLICY_ISVEXTPRODID] = {.name = "isvextprodid",
                             HEX(CSS_ISVEXTPRODID, 16),
                             .may_be_any = true,
                             .takes = "32 hexadecimal digits each, or any"},
    [POLICY_BLIND] = {.name = "blind", WORD(blind_words, "forbid or allow")},
    [POLICY_KEY] = {.name = "key",
                    .shape = SHAPE_CLAIMS,
                    .takes = "claims of the token, once each: sensitive, always-sensitive, not-extractable, "
                             "never-extractable, local, no-decrypt, always-authenticate",
                    .unchecked = "no token here"},
    [POLICY_QUORUM] = {.name = "quorum", .shape = SHAPE_HEX, .size = 32, .takes = "64 hexadecimal digits"},
    [POLICY_THRESHOLD] = {.name = "threshold",
                          .shape = SHAPE_NUMBERS,
                          .min = 2,
                          .max = 7,
                          .takes = "N, >= N, <= N, N..M, several N, or any; from 2 to 7"},
    [POLICY_SHARE] = {.name = "share", WORD(share_words, "token")},
    [POLICY_APPROVALS] = {.name = "approvals", COUNT(PEOPLE_MAX)},
    [POLICY_APPROVERS] = {.name = "approvers",
                          .shape = SHAPE_FILE,
                          .takes = "FILE, or FILE sha256:HEX64; no blanks in names"},
    [POLICY_REVOKED] = {.name = "revoked",
                        .shape = SHAPE_FILE,
                        .takes = "FILE, or FILE sha256:HEX64; no blanks in names"},
    [POLICY_REBUILT] = {.name = "rebuilt", COUNT(PEOPLE_MAX)},
    [POLICY_APPROVER_KEYS] = {.name = "approver-keys", WORD(keys_words, "any, fido or fido-verified")},
    [POLICY_APPROVAL_DAYS] = {.name = "approval-days", COUNT(3650)},
    [POLICY_CONFIRM] = {.name = "confirm",
                        WORD(confirm_words, "yes or words"),
                        .unchecked = "nobody is asked here"},
    [POLICY_TRANSCRIPT] = {.name = "transcript",
                           WORD(transcript_words, "require"),
                           .unchecked = "nothing is signed here"},
    [POLICY_MAX_ITEMS] = {.name = "max-items", COUNT(UINT32_MAX)},
};

const char *policy_name(enum policy_check check)
{
    return check == POLICY_REJECTED ? "rejected" : policy_keywords[check].name;
}

/* ---- what it says ---- */

const uint8_t *policy_id(const struct policy *p)
{
    return p->id;
}

/* A keyword of SHAPE_COUNT; 0 without a line. */
static unsigned count_of(const struct policy *p, enum policy_check check)
{
    return p->lines[check].is_present ? (unsigned)p->lines[check].numbers[0] : 0;
}

unsigned policy_approvals(const struct policy *p)
{
    return count_of(p, POLICY_APPROVALS);
}

unsigned policy_rebuilt(const struct policy *p)
{
    return count_of(p, POLICY_REBUILT);
}

unsigned policy_approval_days(const struct policy *p)
{
    return count_of(p, POLICY_APPROVAL_DAYS);
}

enum policy_approver_keys policy_approver_keys(const struct policy *p)
{
    return (enum policy_approver_keys)p->lines[POLICY_APPROVER_KEYS].word;
}

enum policy_confirm policy_confirm(const struct policy *p)
{
    const struct policy_line *l = &p->lines[POLICY_CONFIRM];

    return l->is_present ? (enum policy_confirm)(l->word + 1) : POLICY_CONFIRM_ANY;
}

const uint8_t *policy_mrsigner(const struct policy *p)
{
    return policy_has(p, POLICY_MRSIGNER) ? p->lines[POLICY_MRSIGNER].hex[0] : NULL;
}

const struct people *policy_people(const struct policy *p)
{
    return p->people;
}

const struct revoked *policy_revoked(const struct policy *p)
{
    return p->revoked;
}

const struct policy_file *policy_file(const struct policy *p, enum policy_check check)
{
    const struct policy_file *f = &p->files[check == POLICY_REVOKED];

    return f->path != NULL ? f : NULL;
}

bool policy_has(const struct policy *p, enum policy_check check)
{
    return check < POLICY_KEYWORDS && p->lines[check].is_present;
}

const char *policy_unchecked(const struct policy *p)
{
    return p->unchecked;
}
