/* Numbers on the command line. */
#include "signer/base/num.h"

#include <string.h>

#include "signer/base/bytes.h"
#include "signer/base/hex.h"

/* The radix that the prefix of `*text` announces; steps over the prefix. */
static unsigned take_radix(struct view *text)
{
    static const struct {
        char letter;
        unsigned radix;
    } prefixes[] = {{'x', 16}, {'o', 8}, {'b', 2}};

    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        if (text->len >= 2 && text->data[0] == '0' && (text->data[1] | 0x20) == prefixes[i].letter) {
            *text = view_slice(*text, 2, text->len - 2);
            return prefixes[i].radix;
        }
    }
    return 10;
}

static bool parse_view(struct view text, const char *whole, const char *what, uint64_t max, uint64_t *ret,
                       struct ens_err *err)
{
    uint64_t value = 0;
    unsigned radix = take_radix(&text);

    if (radix == 10 && text.len > 1 && text.data[0] == '0')
        return ens_fail(err, ENS_USAGE,
                        "%s: '%s' is ambiguous: write it without the leading 0, or with 0o for octal", what,
                        whole);
    if (text.len == 0)
        return ens_fail(err, ENS_USAGE, "%s: '%s' is not a number: give decimal, 0x, 0o or 0b", what, whole);
    for (size_t i = 0; i < text.len; i++) {
        int digit = hex_digit((char)text.data[i]);

        if (digit < 0 || (unsigned)digit >= radix)
            return ens_fail(err, ENS_USAGE, "%s: '%s' is not a number: give decimal, 0x, 0o or 0b", what,
                            whole);
        if (value > (max - (unsigned)digit) / radix || (unsigned)digit > max)
            return ens_fail(err, ENS_USAGE, "%s: '%s' is too large: the largest is 0x%llx", what, whole,
                            (unsigned long long)max);
        value = value * radix + (unsigned)digit;
    }
    *ret = value;
    return true;
}

bool num_parse(const char *text, const char *what, uint64_t max, uint64_t *ret, struct ens_err *err)
{
    return parse_view(view_of_string(text), text, what, max, ret, err);
}

bool num_parse_pair(const char *text, const char *what, uint64_t max, uint64_t *ret_value, uint64_t *ret_mask,
                    struct ens_err *err)
{
    const char *slash = strchr(text, '/');
    uint64_t value = 0;

    if (slash != NULL && strchr(slash + 1, '/') != NULL)
        return ens_fail(err, ENS_USAGE, "%s: '%s' is not a number and one mask: write VALUE/INVERSE-MASK",
                        what, text);
    if (slash == NULL)
        return ens_fail(err, ENS_USAGE, "%s: '%s' has no mask: write VALUE/INVERSE-MASK, such as %s/0", what,
                        text, text);
    if (!parse_view(view_of(text, (size_t)(slash - text)), text, what, max, &value, err) ||
        !parse_view(view_of_string(slash + 1), text, what, max, ret_mask, err))
        return false;
    *ret_value = value;
    return true;
}
