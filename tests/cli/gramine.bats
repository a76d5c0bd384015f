#!/usr/bin/env bats
# Gramine: a manifest and libpal.so are an enclave, which no SDK has signed yet.
load helpers

@test "--libpal and --gramine are for a Gramine manifest" {
    bundle
    mkstream app.sgxs --seed 1
    : >libpal.so
    check 64 "is not a Gramine manifest: leave out --libpal" gen-sign-data --libpal libpal.so -o x app.sgxs
    check 64 "is not a Gramine manifest: leave out --gramine" gen-sign-data --gramine 1.9 -o x app.sgxs
    check 64 "is not a Gramine manifest" compare --libpal libpal.so app.sgxs app.sgxs
    check 66 "libpal.so.gone" gen-sign-data --libpal libpal.so.gone -o x app.sgxs
    [ ! -e x ]
}
