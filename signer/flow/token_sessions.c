/* More sessions with one token. The processes are started here, by the main thread, with which they end; then a thread
 * for each of them loads the module, which takes the longest. Logins follow one another: if one fails, that is the last. */
#include "signer/flow/token_sessions.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/ui/notice.h"

struct gate {
    pthread_mutex_t lock;
    bool is_shut; /* a login failed */
};

struct opening {
    const struct token_sessions *more;
    struct gate *gate;
    struct hsm *hsm;
    struct ens_err err;
    bool is_ready, was_skipped;
    bool has_thread;
    pthread_t thread;
};

/* One at a time. */
static bool login_next(struct opening *o)
{
    bool ok = false;

    (void)pthread_mutex_lock(&o->gate->lock);
    o->was_skipped = o->gate->is_shut;
    if (!o->was_skipped)
        ok = hsm_login(o->hsm, o->more->pin, o->more->allow_final_try, &o->err);
    o->gate->is_shut = !ok;
    (void)pthread_mutex_unlock(&o->gate->lock);
    return ok;
}

/* One that wants the PIN for each signature in this process only would try a wrong one once in each. */
static bool is_same_key(const struct hsm_key *a, const struct hsm_key *b)
{
    return strcmp(a->uri, b->uri) == 0 && a->has_pubkey == b->has_pubkey &&
           (a->always_authenticate == HSM_YES) == (b->always_authenticate == HSM_YES) &&
           memcmp(a->pubkey.modulus, b->pubkey.modulus, PUBKEY_SIZE) == 0;
}

static bool open_one(struct opening *o)
{
    ENS_CLEANUP(hsm_uri_freep) struct hsm_uri *uri = NULL;
    const struct token_sessions *more = o->more;
    const struct hsm_token *token = NULL;
    const struct hsm_key *key = NULL;

    if (!hsm_load(o->hsm, more->open, &o->err) || !hsm_uri_parse(more->token->uri, &uri, &o->err) ||
        !hsm_select_token(o->hsm, uri, &token, &o->err))
        return false;
    if (strcmp(token->uri, more->token->uri) != 0)
        return ens_fail(&o->err, ENS_DEVICE, "it has another token, %s", token->uri);
    if (!login_next(o) || !hsm_select_key(o->hsm, more->uri, &key, &o->err))
        return false;
    return is_same_key(key, more->key) || ens_fail(&o->err, ENS_DEVICE, "it has another key, %s", key->uri);
}

static void *run_opening(void *arg)
{
    struct opening *o = arg;

    o->is_ready = open_one(o);
    return NULL;
}

/* Signals are for the main thread. */
static void start_openings(struct opening *list, unsigned len)
{
    sigset_t all;
    sigset_t before;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    for (unsigned i = 0; i < len; i++)
        list[i].has_thread =
            list[i].hsm != NULL && pthread_create(&list[i].thread, NULL, run_opening, &list[i]) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Takes those that are ready, and says how many are not, and why the first. */
static void take_ready(struct opening *list, unsigned len, struct token_session *s)
{
    const struct ens_err *why = NULL;

    for (unsigned i = 0; i < len; i++) {
        if (list[i].has_thread)
            (void)pthread_join(list[i].thread, NULL);
        if (list[i].is_ready)
            s->more[s->more_len++] = ens_take(list[i].hsm);
        else if (why == NULL || (why->code == ENS_OK && !list[i].was_skipped))
            why = &list[i].err;
        hsm_closep(&list[i].hsm);
    }
    if (why != NULL)
        notice_warn("%u of %u sessions: %s", s->more_len + 1, len + 1,
                    why->msg[0] != '\0' ? why->msg : "no thread for another");
}

bool token_sessions_open(const struct token_sessions *more, unsigned wanted, struct token_session *s,
                         struct ens_err *err)
{
    unsigned len = wanted - 1;

    if (more->token->pin_pad || more->key->always_authenticate == HSM_YES) {
        notice_say("--sessions: 1 and not %u: the %s", wanted,
                   more->token->pin_pad ? "PIN is typed at the token's PIN pad"
                                        : "key asks for the PIN before each signature");
        return true;
    }
    ENS_CLEANUP(mem_freep) struct opening *list = mem_alloc(len, sizeof *list, err);

    s->more = mem_alloc(len, sizeof(struct hsm *), err);
    if (list == NULL || s->more == NULL)
        return false;
    struct gate gate = {.lock = PTHREAD_MUTEX_INITIALIZER};

    for (unsigned i = 0; i < len; i++) {
        list[i].more = more;
        list[i].gate = &gate;
        if (!hsm_start(more->open, &list[i].hsm, &list[i].err))
            break; /* the next one would fail as well */
    }
    start_openings(list, len);
    take_ready(list, len, s);
    (void)pthread_mutex_destroy(&gate.lock);
    return true;
}

void token_sessions_close(struct token_session *s)
{
    for (unsigned i = 0; i < s->more_len; i++)
        hsm_closep(&s->more[i]);
    mem_free(s->more);
    s->more = NULL;
    s->more_len = 0;
}
