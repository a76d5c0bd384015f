/* The policy: its lines, whether they can hold together, and the files that it names. */
#include "signer/ceremony/policy.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "signer/base/digest.h"
#include "signer/base/file.h"
#include "signer/base/mem.h"
#include "signer/base/path.h"
#include "signer/ceremony/hand.h"
#include "signer/ceremony/policy_internal.h"

void policy_freep(struct policy **p)
{
    if (*p == NULL)
        return;
    for (int c = 0; c < POLICY_KEYWORDS; c++) {
        mem_free((*p)->lines[c].hex);
        mem_free((*p)->lines[c].file);
    }
    for (int i = 0; i < 2; i++)
        mem_free((*p)->paths[i]);
    people_freep(&(*p)->people);
    revoked_freep(&(*p)->revoked);
    mem_free(*p);
    *p = NULL;
}

/* ---- lines ---- */

static bool read_policy_line(void *ctx, const struct hand_line *l, struct ens_err *err)
{
    struct policy *p = ctx;
    int check = 0;

    while (check < POLICY_KEYWORDS && strcmp(policy_keywords[check].name, l->words[0]) != 0)
        check++;
    /* One list over several lines is a list; anything else twice is a slip. */
    if (check < POLICY_KEYWORDS && p->lines[check].is_present && check != POLICY_MRENCLAVE)
        return ens_fail(err, ENS_DATA, "twice: %s: is there twice: leave one line", l->words[0]);
    if (l->len < 2)
        return ens_fail(err, ENS_DATA, "value: '%s' has no value: see ensign(5)", l->words[0]);
    if (check == POLICY_KEYWORDS)
        return ens_fail(err, ENS_DATA, "unknown-keyword: '%s' is not a keyword: see ensign(5)", l->words[0]);
    p->lines[check].is_present = true;
    return policy_read_value((enum policy_check)check, l, p, err);
}

static bool contradiction(struct ens_err *err, const char *text)
{
    return ens_fail(err, ENS_DATA, "contradiction: %s", text);
}

/* ---- the whole: what can never hold is a mistake, and is best found at the desk ---- */

static bool check_about_people(const struct policy *p, struct ens_err *err)
{
    static const enum policy_check about_approvals[] = {POLICY_REVOKED, POLICY_REBUILT, POLICY_APPROVAL_DAYS,
                                                        POLICY_APPROVER_KEYS};

    if (policy_has(p, POLICY_APPROVALS) != policy_has(p, POLICY_APPROVERS))
        return contradiction(err, "approvals and approvers belong together: add the other line");
    for (size_t i = 0; i < sizeof about_approvals / sizeof about_approvals[0]; i++) {
        if (policy_has(p, about_approvals[i]) && !policy_has(p, POLICY_APPROVERS))
            return ens_fail(err, ENS_DATA, "contradiction: %s: says nothing without approvers",
                            policy_name(about_approvals[i]));
    }
    return policy_rebuilt(p) <= policy_approvals(p) ||
           contradiction(err, "rebuilt: more persons than approvals wants");
}

static bool key_may_count(const struct policy *p, const struct person_key *k)
{
    return !revoked_has_key(p->revoked, k->fingerprint) &&
           !revoked_has_person(p->revoked, people_name(p->people, k->person)) &&
           (policy_approver_keys(p) == POLICY_KEYS_ANY || k->key.is_sk);
}

static bool check_people(const struct policy *p, struct ens_err *err)
{
    size_t able = 0;
    size_t last = SIZE_MAX;

    if (p->people == NULL)
        return true;
    /* The keys of a person stand together. */
    for (size_t i = 0; i < people_keys(p->people); i++) {
        const struct person_key *k = people_key(p->people, i);

        if (k->person == last || !key_may_count(p, k))
            continue;
        last = k->person;
        able++;
    }
    return able >= policy_approvals(p) ||
           ens_fail(err, ENS_DATA,
                    "contradiction: approvals: wants %u persons, and only %zu have a key that may count",
                    policy_approvals(p), able);
}

static bool check_bits(const struct policy *p, struct ens_err *err)
{
    const struct policy_line *a = &p->lines[POLICY_ATTRIBUTES];

    for (int c = 0; a->is_present && !a->is_any && c < POLICY_KEYWORDS; c++) {
        const struct policy_keyword *k = &policy_keywords[c];
        const struct policy_line *l = &p->lines[c];
        bool is_open = (a->open & k->bit) != 0;

        if (k->shape != SHAPE_BIT || !l->is_present || l->word == BIT_ALLOW || (a->is_within && is_open))
            continue;
        if (is_open || ((a->value & k->bit) != 0) != (l->word == BIT_REQUIRE))
            return ens_fail(err, ENS_DATA, "contradiction: %s %s: the line attributes says otherwise",
                            k->name, k->words[l->word]);
    }
    return true;
}

static bool is_zero_or_none(const struct policy_line *l)
{
    for (size_t i = 0; i < l->hex_len; i++) {
        if (!view_is_zero(view_of(l->hex[i], 16)))
            return false;
    }
    return true;
}

static bool check_fields(const struct policy *p, struct ens_err *err)
{
    const struct policy_line *blind = &p->lines[POLICY_BLIND];
    const struct policy_line *kss = &p->lines[POLICY_KSS];

    for (int c = 0; blind->is_present && blind->word == BLIND_ALLOW && c < POLICY_KEYWORDS; c++) {
        if (policy_keywords[c].is_field && p->lines[c].is_present)
            return ens_fail(err, ENS_DATA, "contradiction: blind allow: a bare digest does not show %s",
                            policy_keywords[c].name);
    }
    if (kss->is_present && kss->word == BIT_FORBID &&
        !(is_zero_or_none(&p->lines[POLICY_ISVFAMILYID]) && is_zero_or_none(&p->lines[POLICY_ISVEXTPRODID])))
        return contradiction(err, "kss forbid: without KSS, isvfamilyid and isvextprodid are zero");
    return check_bits(p, err);
}

static bool check_whole(const struct policy *p, struct ens_err *err)
{
    if (policy_has(p, POLICY_KEY) &&
        (policy_has(p, POLICY_QUORUM) || policy_has(p, POLICY_THRESHOLD) || policy_has(p, POLICY_SHARE)))
        return contradiction(err,
                             "key: a quorum has no key on a token: leave key, or quorum, threshold, share");
    return check_about_people(p, err) && check_fields(p, err);
}

static bool is_checked(const struct policy *p, int check)
{
    const struct policy_keyword *k = &policy_keywords[check];
    const struct policy_line *l = &p->lines[check];
    const struct policy_line *a = &p->lines[POLICY_ATTRIBUTES];
    bool is_rare = check >= POLICY_VENDOR && check <= POLICY_ISVEXTPRODID;

    if (!l->is_present && is_rare)
        return true;
    if (k->shape == SHAPE_BIT && a->is_present && !a->is_any && !(a->is_within && (a->open & k->bit) != 0))
        return true;
    return l->is_present && !l->is_any && !(k->shape == SHAPE_BIT && l->word == BIT_ALLOW);
}

static void list_unchecked(struct policy *p)
{
    size_t len = 0;

    for (int c = 0; c < POLICY_KEYWORDS; c++) {
        if (!policy_keywords[c].is_field || is_checked(p, c))
            continue;
        /* All names together are shorter than the room. */
        int n = snprintf(p->unchecked + len, sizeof p->unchecked - len, "%s%s", len > 0 ? ", " : "",
                         policy_keywords[c].name);

        len += n > 0 ? (size_t)n : 0;
    }
}

bool policy_parse(struct view text, const char *name, struct policy **ret, struct ens_err *err)
{
    ENS_CLEANUP(policy_freep) struct policy *p = mem_alloc(1, sizeof *p, err);

    if (p == NULL || !digest_of(DIGEST_SHA256, text, p->id, err) ||
        !hand_parse(text, "policy", name, (struct hand_sink){.line = read_policy_line, .ctx = p}, err))
        return false;
    if (!check_whole(p, err))
        return ens_wrap(err, "%s", name);
    list_unchecked(p);
    *ret = ens_take(p);
    return true;
}

/* ---- files ---- */

bool policy_read(const char *path, struct policy **ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};

    return hand_read(path, &file, err) && policy_parse(buf_view(&file), path, ret, err);
}

/* Relative to the directory of the policy's path as it was given. */
static char *path_beside(const char *policy_path, const char *name, struct ens_err *err)
{
    const char *slash = strrchr(policy_path, '/');

    if (name[0] == '/' || slash == NULL)
        return mem_strdup(name, err);
    return mem_printf(err, "%.*s/%s", (int)(slash - policy_path), policy_path, name);
}

/* The second word of a line whose first is `keyword`; empty if it is another line, or has none. */
static struct view second_word(struct view line, const char *keyword)
{
    static const char blank[] = " \t";
    char copy[HAND_LINE_MAX + 1];

    if (line.len == 0 || line.len > HAND_LINE_MAX)
        return view_of(NULL, 0);
    memcpy(copy, line.data, line.len);
    copy[line.len] = '\0';
    size_t at = strspn(copy, blank);
    size_t len = strlen(keyword);
    size_t gap = strncmp(copy + at, keyword, len) == 0 ? strspn(copy + at + len, blank) : 0;

    return gap == 0 ? view_of(NULL, 0)
                    : view_slice(line, at + len + gap, strcspn(copy + at + len + gap, blank));
}

/* The first bytes of a file that begins as a policy; empty for any other. A regular file stays open for its reader. */
static bool read_policy_bytes(const char *path, struct buf *ret, struct ens_err *err)
{
    ENS_CLEANUP(file_closep) int fd = -1;
    ENS_CLEANUP(mem_freep) uint8_t *bytes = NULL;
    uint8_t head[16];
    struct stat st;
    size_t len = 0;
    bool is_open =
        file_is_stdin(path) ? file_open_stdin(&fd, err) : path_open(path, O_RDONLY, 0, ENS_NOINPUT, &fd, err);
    bool is_policy = is_open && file_read_at(fd, path, 0, head, sizeof head, &len, err) &&
                     hand_is(view_of(head, len), "policy");

    bytes = is_policy ? mem_room(HAND_FILE_MAX, err) : NULL;
    bool ok = bytes != NULL && file_read_at(fd, path, 0, bytes, HAND_FILE_MAX, &len, err) &&
              buf_append(ret, view_of(bytes, len), err);

    if (is_open && !file_is_stdin(path) && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        path_hold(path, fd);
        fd = -1;
    }
    return ok;
}

void policy_list_files(const char *path, void (*visit)(void *ctx, const char *path), void *ctx)
{
    static const char *const keywords[] = {"approvers", "revoked"};
    ENS_CLEANUP(buf_free) struct buf text = {0};
    struct ens_err ignored = {0};
    struct view left = read_policy_bytes(path, &text, &ignored) ? buf_view(&text) : view_of(NULL, 0);

    while (left.len > 0) {
        const uint8_t *end = memchr(left.data, '\n', left.len);
        struct view line = view_slice(left, 0, end != NULL ? (size_t)(end - left.data) : left.len);

        for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
            struct view name = second_word(line, keywords[i]);
            ENS_CLEANUP(mem_freep) char *own = mem_strndup((const char *)name.data, name.len, &ignored);
            ENS_CLEANUP(mem_freep) char *file = own != NULL ? path_beside(path, own, &ignored) : NULL;

            if (name.len > 0 && file != NULL)
                visit(ctx, file);
        }
        left = view_slice(left, line.len + 1, left.len - line.len - (end != NULL));
    }
}

/* Appends the file of that line to `ret`; those bytes are hashed. */
static bool read_beside(struct policy *p, enum policy_check check, const char *policy_path, struct buf *ret,
                        struct ens_err *err)
{
    const struct policy_line *l = &p->lines[check];
    int i = check == POLICY_REVOKED;
    struct policy_file *f = &p->files[i];

    p->paths[i] = path_beside(policy_path, l->file, err);
    f->path = p->paths[i];
    if (f->path == NULL || !hand_read(f->path, ret, err) ||
        !digest_of(DIGEST_SHA256, buf_view(ret), f->sha256, err))
        return false;
    if (l->has_pin && memcmp(l->pin, f->sha256, sizeof l->pin) != 0)
        return ens_fail(err, ENS_DATA,
                        "%s: pin: its SHA-256 is not the one in %s: which of the two is right?", f->path,
                        policy_path);
    return true;
}

/* The policy whose bytes are `file`, with the people files beside it. */
static bool open_policy(struct view file, const char *path, struct policy **ret, struct ens_err *err)
{
    ENS_CLEANUP(policy_freep) struct policy *p = NULL;
    ENS_CLEANUP(digest_freep) struct digest *id = NULL;
    ENS_CLEANUP(buf_free) struct buf approvers = {0};
    ENS_CLEANUP(buf_free) struct buf revoked = {0};

    if (!policy_parse(file, path, &p, err))
        return false;
    if (policy_has(p, POLICY_APPROVERS) &&
        (!read_beside(p, POLICY_APPROVERS, path, &approvers, err) ||
         !people_parse(buf_view(&approvers), p->files[0].path, &p->people, err)))
        return false;
    if (policy_has(p, POLICY_REVOKED) &&
        (!read_beside(p, POLICY_REVOKED, path, &revoked, err) ||
         !revoked_parse(buf_view(&revoked), p->files[1].path, &p->revoked, err)))
        return false;
    if (!check_people(p, err))
        return ens_wrap(err, "%s", path);
    if (!digest_new(DIGEST_SHA256, &id, err) || !digest_update(id, file, err) ||
        !digest_update(id, buf_view(&approvers), err) || !digest_update(id, buf_view(&revoked), err) ||
        !digest_final(id, p->id, err))
        return false;
    *ret = ens_take(p);
    return true;
}

bool policy_open(const char *path, struct policy **ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};

    return hand_read(path, &file, err) && open_policy(buf_view(&file), path, ret, err);
}

bool policy_open_fd(int fd, const char *path, struct policy **ret, struct ens_err *err)
{
    ENS_CLEANUP(buf_free) struct buf file = {0};

    return hand_read_fd(fd, path, &file, err) && open_policy(buf_view(&file), path, ret, err);
}
