/* Errors are values. A fallible function returns bool and takes a struct ens_err as its last
 * parameter; the error is untouched on success. Callers add context on the way up with ens_wrap;
 * only signer/main.c prints it and turns the code into the exit status. */
#pragma once

#include <stdbool.h>

/* The exit statuses of the command line, one meaning each (docs/ensign.1, EXIT STATUS). */
enum ens_code {
    ENS_OK = 0,            /* done, and everything checked holds */
    ENS_NO = 1,            /* checked, and the answer is no */
    ENS_USAGE = 64,        /* the command line is wrong */
    ENS_DATA = 65,         /* an input is malformed, inconsistent or refused */
    ENS_NOINPUT = 66,      /* an input cannot be opened */
    ENS_MODULE = 69,       /* the PKCS#11 module cannot be loaded or initialised */
    ENS_BUG = 70,          /* a bug in ensign */
    ENS_RESOURCE = 71,     /* out of memory or another system resource */
    ENS_CANTCREAT = 73,    /* an output cannot be created, or exists */
    ENS_IO = 74,           /* reading or writing failed */
    ENS_REFUSED = 77,      /* policy not met, operator said no, blind signing not asked for */
    ENS_NOTFOUND = 80,     /* token or key not found */
    ENS_AMBIGUOUS = 81,    /* more than one token or key matches, or a label or id is in use */
    ENS_BADKEY = 82,       /* the key cannot sign enclaves */
    ENS_PIN = 83,          /* PIN wrong */
    ENS_PINLOCKED = 84,    /* PIN locked, or one more wrong PIN would lock it */
    ENS_DEVICE = 85,       /* the token failed, was lost or did not answer in time */
    ENS_BADSIG = 86,       /* the token returned a signature that does not verify */
    ENS_INTERRUPTED = 130, /* SIGINT; after SIGTERM the status is 143 (interrupt_status) */
};

/* Where a message would be longer, its middle is cut: object, rule and remedy stay. */
struct ens_err {
    enum ens_code code;
    bool own; /* of ENS_DATA: the rule is ensign's, and other readers of such a file do not have it */
    /* Of `msg`, from `hidden_at` on: for whoever typed it, and for no record. */
    unsigned short hidden_at, hidden_len;
    char msg[512];
};

#define ENS_MUST_CHECK        __attribute__((warn_unused_result))
#define ENS_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Sets the error and returns false, so that a check reads `return ens_fail(err, ENS_DATA, "...")`.
 * Bytes that could drive a terminal are replaced by '?': messages quote hostile input. */
bool ens_fail(struct ens_err *err, enum ens_code code, const char *fmt, ...) ENS_PRINTF(3, 4);

/* As ens_fail with ENS_DATA, for a rule of ensign's own. */
bool ens_fail_own(struct ens_err *err, const char *fmt, ...) ENS_PRINTF(2, 3);

/* As ens_fail, and appends the text of the system error `errnum` (an errno value). */
bool ens_fail_errno(struct ens_err *err, enum ens_code code, int errnum, const char *fmt, ...)
    ENS_PRINTF(4, 5);

/* Puts "context: " before the message of an error that is already set; keeps its code
 * and `own`. Returns false. */
bool ens_wrap(struct ens_err *err, const char *fmt, ...) ENS_PRINTF(2, 3);

/* Says that `name`, with which the message begins, is for no record (the path of a PIN file). Returns false. */
bool ens_hide(struct ens_err *err, const char *name);
/* The message as a record may hold it: `instead` stands for what is hidden. */
void ens_recorded(const struct ens_err *err, const char *instead,
                  char ret[static sizeof(((struct ens_err *)0)->msg)]);
