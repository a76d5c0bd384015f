/* More sessions with one token. The main thread starts the processes, with which they end; a thread for each of them
 * loads the module, which takes the longest. Then they log in one after another: if one fails, that is the last, and
 * while one writes to its token's files, as SoftHSM2 does, none reads them for the first time. */
#include "signer/flow/token_sessions.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "signer/base/mem.h"
#include "signer/ui/notice.h"

struct opening {
    const struct token_sessions *more;
    struct hsm *hsm;
    struct ens_err err;
    bool is_loaded;
    bool has_thread;
    pthread_t thread;
};

/* One that wants the PIN for each signature in this process only would try a wrong one once in each. */
static bool is_same_key(const struct hsm_key *a, const struct hsm_key *b)
{
    return strcmp(a->uri, b->uri) == 0 && a->has_pubkey == b->has_pubkey &&
           (a->always_authenticate == HSM_YES) == (b->always_authenticate == HSM_YES) &&
           memcmp(a->pubkey.modulus, b->pubkey.modulus, PUBKEY_SIZE) == 0;
}

static bool load_one(struct opening *o)
{
    ENS_CLEANUP(hsm_uri_freep) struct hsm_uri *uri = NULL;
    const struct hsm_token *token = NULL;

    if (!hsm_load(o->hsm, o->more->open, &o->err) || !hsm_uri_parse(o->more->token->uri, &uri, &o->err) ||
        !hsm_select_token(o->hsm, uri, &token, &o->err))
        return false;
    /* A PIN pad that only this process sees would be waited for, and nobody is told to use it. */
    return (strcmp(token->uri, o->more->token->uri) == 0 && !token->pin_pad) ||
           ens_fail(&o->err, ENS_DEVICE, "it has another token, %s", token->uri);
}

static void *run_opening(void *arg)
{
    struct opening *o = arg;

    o->is_loaded = load_one(o);
    return NULL;
}

static bool select_same_key(struct opening *o)
{
    const struct hsm_key *key = NULL;

    if (!hsm_select_key(o->hsm, o->more->uri, &key, &o->err))
        return false;
    return is_same_key(key, o->more->key) ||
           ens_fail(&o->err, ENS_DEVICE, "it has another key, %s", key->uri);
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

/* Logs in those that are loaded, takes those that have the key, and says how many do not, and why the first. */
static void take_ready(struct opening *list, unsigned len, struct token_session *s)
{
    const struct ens_err *why = NULL;
    bool may_login = true;

    for (unsigned i = 0; i < len; i++) {
        struct opening *o = &list[i];
        bool tries = o->is_loaded && may_login;

        if (tries)
            may_login = hsm_login(o->hsm, o->more->pin, o->more->allow_final_try, &o->err);
        if (tries && may_login && select_same_key(o))
            s->more[s->more_len++] = ens_take(o->hsm);
        else if (why == NULL || (why->code == ENS_OK && o->err.code != ENS_OK))
            why = &o->err;
        hsm_closep(&o->hsm);
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
    for (unsigned i = 0; i < len; i++) {
        list[i].more = more;
        if (!hsm_start(more->open, &list[i].hsm, &list[i].err))
            break; /* the next one would fail as well */
    }
    start_openings(list, len);
    for (unsigned i = 0; i < len; i++) {
        if (list[i].has_thread)
            (void)pthread_join(list[i].thread, NULL);
    }
    take_ready(list, len, s);
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
