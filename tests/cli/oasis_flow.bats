#!/usr/bin/env bats
# The flow of the Oasis documentation (oasis-sdk, docs/runtime/reproducibility.md), each command as it stands
# there, with ensign for orc.

load helpers
load make

# The page's commands print to the terminal and read nothing; a failure ends the test.
orc() {
    "$ENSIGN" "$@" 2>>"$BATS_TEST_TMPDIR/said"
}

@test "D3: the flow of the Oasis page, word for word" {
    mkdir -p path/to
    app path/to/elf-binary
    enclave path/to/binary.sgxs
    cargo_toml >Cargo.toml

    orc init path/to/elf-binary --sgx-executable path/to/binary.sgxs
    mv my-runtime.orc bundle.orc

    openssl genrsa -3 3072 > private.pem 2>/dev/null
    openssl rsa -in private.pem -pubout > public.pem 2>/dev/null

    orc sgx-gen-sign-data bundle.orc > sigstruct.sha256.bin
    [ "$(stat -c %s sigstruct.sha256.bin)" -eq 32 ]

    openssl pkeyutl -sign \
          -in sigstruct.sha256.bin \
          -inkey private.pem \
          -out sigstruct.sha256.sig \
          -pkeyopt digest:sha256

    orc sgx-set-sig bundle.orc sigstruct.sha256.sig public.pem

    orc show bundle.orc > shown
    while IFS= read -r line; do
        grep -qE -- "$line" shown || fail "not shown: $line" "$(cat shown)"
    done <<END
^Bundle:         bundle\.orc\$
^Name:           my-runtime\$
^Runtime ID:     $RELEASE_ID\$
^Version:        0\.4\.17\$
^Components:\$
^- ronl\$
^  Executable:     ronl\.elf\$
^  TEE kind:       sgx\$
^  SGXS:           ronl\.sgx\$
^  SGXS MRENCLAVE: $MRENCLAVE\$
^  SGXS signature: ronl\.sgx\.sig\$
^  SGXS SIGSTRUCT:\$
^    MRSIGNER:         [0-9a-f]{64}\$
^Digests:\$
^  ronl\.sgx\.sig => [0-9a-f]{64}\$
END
    accepted bundle --written bundle.orc

    # And with a signature from the start, or a finished one afterwards, as the page has it as well.
    orc extract -o path/to/binary.sig bundle.orc
    orc init path/to/elf-binary --sgx-executable path/to/binary.sgxs --sgx-signature path/to/binary.sig
    same my-runtime.orc bundle.orc
    orc sgx-set-sig bundle.orc path/to/binary.sig
    same my-runtime.orc bundle.orc
}
