/* The ground of a PKCS#11 module that stands in front of a real one (fault.c, quirk.c): every function that a program of
 * this tree calls is passed on, and the module replaces those that it does otherwise. */
#ifndef TESTS_HSM_FORWARD_H
#define TESTS_HSM_FORWARD_H

#include <p11-kit/pkcs11.h>

/* The real module: NULL before forward_load. */
extern CK_FUNCTION_LIST *forward_real;

/* The module's own: called first in every function that is passed on, with its name. CKR_OK: go on; else what that
 * function returns at once. */
CK_RV forward_enter(const char *call);

/* Loads the module that ENSIGN_FAULT_MODULE names, once, and gives a list of functions that pass on to it.
 * CKR_GENERAL_ERROR if it cannot be loaded. */
CK_RV forward_load(CK_FUNCTION_LIST *ret_list);

#endif
