/* From what this program was built: the only object that changes with every commit. */
#include "signer/base/version.h"

#ifndef ENSIGN_COMMIT /* for checkers that read the sources by themselves */
#define ENSIGN_COMMIT "-"
#endif

const char version_commit[] = ENSIGN_COMMIT;
