/* The end of a key. */
#include "signer/flow/key_destroy.h"

#include <string.h>

#include "signer/base/mem.h"
#include "signer/base/text.h"
#include "signer/ui/screen.h"

bool key_destroy_usage(const char *uri, struct ens_err *err)
{
    return screen_is_there() ||
           ens_fail(err, ENS_REFUSED,
                    "'%.160s': there is no terminal to type a name at: no key is destroyed without a person",
                    uri);
}

bool key_destroy_ask(struct view about, const char *name, struct ens_err *err)
{
    static const char asks[] = "Type its name to destroy it: ";
    const struct screen_text text = {
        .top = about, .question = sizeof asks + strlen(name), .size = screen_size()};
    const struct screen_question question = {
        .text = asks, .yes = name, .again = "Type the name as it stands there: "};
    enum screen_answer answer = SCREEN_NO;
    bool goes_on = false;

    if (!screen_show(&text, &goes_on, err) || (goes_on && !screen_ask(&question, &answer, err)))
        return false;
    return answer == SCREEN_YES ||
           ens_fail(err, ENS_REFUSED, "'%s': not destroyed: its name was not typed", name);
}

bool key_destroy(struct token_session *s, struct transcript *t, struct ens_err *err)
{
    bool ok = hsm_destroy_key(s->hsm, err);

    transcript_put(t, "gone", ok ? "yes" : "no");
    return ok;
}
