/* The conversation with the process of the module. Replies, its output and its end are waited for together; nobody
 * waits for the end of a file, because what the module left running may keep it open. */
#include "hsm/helper.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "hsm/helper_internal.h"
#include "signer/base/interrupt.h"

/* A tick that took so much longer: ensign itself was stopped meanwhile, and not the module. */
#define STOPPED_MS 2000
/* A call that takes longer than this is told. */
#define TELL_AFTER 3
#define HELLO_S    30
#define FACTOR_MAX 10

/* ---- time ---- */

/* How many times the limit of a call a request may take, if its calls go on and on. */
static long patience(enum wire_type type)
{
    if (type == WIRE_SELECT_KEY || type == WIRE_LIST_KEYS) /* reads up to 4,096 keys, with 20 calls each */
        return 100;
    return type == WIRE_GENERATE ? 2 * FACTOR_MAX : FACTOR_MAX;
}

static void tell_waiting(struct helper *h, long taken, unsigned limit)
{
    const char *name = page_call_name(page_call_of(h->state));

    if (h->args.waiting == NULL || !page_is_calling(h->state) || taken < TELL_AFTER || taken == h->told)
        return;
    h->told = taken;
    h->args.waiting(name, (unsigned)taken, limit);
}

/* A counter that moved begins a call; no time counts in which ensign itself was stopped. */
static void look_at_page(struct helper *h, long now)
{
    uint64_t state = h->page->state;

    if (now - h->seen > HELPER_TICK_MS + STOPPED_MS) {
        h->begun += now - h->seen;
        h->call_begun += now - h->seen;
    }
    h->seen = now;
    if (state == h->state)
        return;
    helper_end_waiting(h);
    h->state = state;
    h->call_begun = now;
}

static bool has_time(struct helper *h, struct ens_err *err)
{
    long now = helper_now();
    unsigned seconds = h->is_greeted ? h->args.timeout_s : HELLO_S;

    look_at_page(h, now);
    unsigned factor = page_factor_of(h->state);
    /* Only at a PIN pad a person is at work; the page is not believed. */
    bool is_typed = factor == 0 && h->has_pin_pad && page_call_of(h->state) == CALL_C_Login;

    if (factor == 0 || factor > FACTOR_MAX)
        factor = factor == 0 ? 1 : FACTOR_MAX;
    tell_waiting(h, (now - h->call_begun) / 1000, is_typed ? 0 : seconds * factor);
    if (seconds == 0 || is_typed)
        return true;
    if (now - h->call_begun >= (long)seconds * factor * 1000)
        return helper_fail_late(h, seconds * factor, err);
    if (now - h->begun >= (long)seconds * patience(h->type) * 1000)
        return helper_fail_late(h, seconds * (unsigned)patience(h->type), err);
    return true;
}

/* The call that is under way cannot be cut short: a token would keep the session. */
static void look_for_interrupt(struct helper *h)
{
    struct ens_err ignored = {0};

    if (h->was_interrupted || interrupt_check(&ignored))
        return;
    h->was_interrupted = true;
    h->page->stop = 1;
    if (h->args.tell != NULL)
        h->args.tell(HSM_TELL_INTERRUPTED, helper_call(h));
}

/* ---- asking and hearing ---- */

bool helper_ask(struct helper *h, struct wire_request *q, struct ens_err *err)
{
    bool is_answer = q->type == WIRE_PIN || q->type == WIRE_NO_PIN;
    size_t len = 0;

    if (h->pid == 0)
        return ens_fail(err, ENS_DEVICE, "the PKCS#11 module's process has ended: run the command again");
    h->sequence += is_answer ? 0 : 1;
    h->type = is_answer ? h->type : q->type;
    q->sequence = h->sequence;
    if (!wire_write_request(q, h->message, &len))
        return ens_fail(err, ENS_USAGE,
                        "a value for the token is longer than ensign-token takes: shorten it");
    /* The PIN goes from its locked page. */
    uint8_t *pin = NULL;

    memcpy(&pin, &q->secret.data, sizeof pin);
    struct iovec parts[2] = {{.iov_base = h->message, .iov_len = len},
                             {.iov_base = pin, .iov_len = q->secret.len}};
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = q->secret.len > 0 ? 2 : 1};

    h->begun = h->call_begun = h->seen = helper_now();
    h->state = h->page->state;
    while (sendmsg(h->socket, &message, MSG_NOSIGNAL) < 0) {
        if (errno != EINTR)
            return helper_fail_lost(h, err);
    }
    return true;
}

/* Until there is a message to read. */
static bool await(struct helper *h, struct ens_err *err)
{
    for (;;) {
        struct pollfd fds[3] = {{.fd = h->socket, .events = POLLIN},
                                {.fd = h->words.fd, .events = POLLIN},
                                {.fd = h->pidfd, .events = POLLIN}};
        bool is_over = h->pidfd < 0 && helper_has_ended(h, 0);
        int n = poll(fds, 3, HELPER_TICK_MS);

        if (n < 0 && errno != EINTR)
            return ens_fail_errno(err, ENS_RESOURCE, errno, "ensign-token cannot be waited for");
        if (fds[1].revents != 0)
            words_take(&h->words);
        if ((fds[0].revents & POLLIN) != 0)
            return true;
        if (fds[0].revents != 0 || fds[2].revents != 0 || is_over)
            return helper_fail_lost(h, err);
        look_for_interrupt(h);
        if (!has_time(h, err))
            return false;
    }
}

static bool is_known(uint64_t code)
{
    static const enum ens_code codes[] = {ENS_USAGE, ENS_DATA,     ENS_MODULE,
                                          ENS_BUG,   ENS_RESOURCE, ENS_REFUSED};

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (code == (uint64_t)codes[i])
            return true;
    }
    return code >= ENS_NOTFOUND && code <= ENS_BADSIG;
}

bool helper_hear(struct helper *h, struct wire_reply *ret, struct ens_err *err)
{
    if (!await(h, err))
        return false;
    helper_end_waiting(h);
    ssize_t len = recv(h->socket, h->message, WIRE_MAX, MSG_DONTWAIT | MSG_TRUNC);

    if (len <= 0)
        return helper_fail_lost(h, err);
    if (len > WIRE_MAX || !wire_read_reply(view_of(h->message, (size_t)len), ret) ||
        ret->sequence != h->sequence || (ret->type == WIRE_ERROR && !is_known(ret->integer)))
        return helper_refuse(h, err);
    if (ret->type != WIRE_ERROR)
        return true;
    if ((ret->flags & WIRE_WAS_STOPPED) != 0)
        return h->was_interrupted ? interrupt_check(err) : helper_refuse(h, err);
    return ens_fail(err, (enum ens_code)ret->integer, "%.*s", (int)ret->text[0].len,
                    (const char *)ret->text[0].data);
}

void helper_forget(struct helper *h)
{
    explicit_bzero(h->message, WIRE_MAX);
}

void helper_opened(struct helper *h)
{
    h->is_open = true;
}

void helper_set_pin_pad(struct helper *h, bool has_one)
{
    h->has_pin_pad = has_one;
}

bool helper_has_called(const struct helper *h)
{
    return page_call_of(h->page->state) > CALL_dlopen;
}

bool helper_is_over(const struct helper *h)
{
    return h->pid == 0;
}

void helper_sign_calls(const struct helper *h, uint64_t *ret_started, uint64_t *ret_completed)
{
    *ret_started = h->page->started;
    *ret_completed = h->page->completed;
}
