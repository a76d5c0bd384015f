#!/usr/bin/env bats
# Gramine: a manifest and libpal.so are an enclave, which no SDK has signed yet.
load helpers

# bad CODE REGEX ARG...: refused, one line, nothing written.
bad() {
    local code=$1 regex=$2
    shift 2
    ens "$@"
    refused "$code" "$regex"
}

@test "--libpal and --gramine are for a Gramine manifest" {
    enclave app.sgxs
    : >libpal.so
    bad 64 'is not a Gramine manifest: leave out --libpal' gen-sign-data --libpal libpal.so -o x app.sgxs
    bad 64 'is not a Gramine manifest: leave out --gramine' gen-sign-data --gramine 1.9 -o x app.sgxs
    bad 64 'is not a Gramine manifest' compare --libpal libpal.so app.sgxs app.sgxs
    bad 66 'gone.so' gen-sign-data --libpal gone.so -o x app.sgxs
}
