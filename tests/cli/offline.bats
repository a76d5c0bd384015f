#!/usr/bin/env bats
# ensign-offline, the program of the signing host: fewer commands, fewer libraries, the same bytes.

load helpers

OFFLINE=$ROOT/build/$VARIANT/ensign-offline
COMMANDS=(sign approve check show keygen destroy-key pubkey keys transcript quorum)

fixtures() {
    signing_host
    sign_data good.signdata "$MRENCLAVE"
    pem_sign one.pem good.signdata good.sig
}

begin() {
    [ -x "$OFFLINE" ] || fail "$OFFLINE is not there: run make first"
    cp "$BATS_FILE_TMPDIR/good.signdata" s.signdata
    PINFILE=$BATS_FILE_TMPDIR/pin
}

# off ARG...: runs ensign-offline as `ens` runs ensign.
off() {
    ENSIGN=$OFFLINE ens "$@"
}

# options TEXT: the options in a page of help, each with its words in one line, and its examples; columns and questions
# differ, if one program has more options.
options() {
    awk '/^Examples$/ { on = 1 } !on && /^  +-/ { if (line != "") print line; line = $0; next } !on && /^   / { line = line " " $0; next }
        line != "" { print line; line = "" } on { print }' "$1" | tr -s ' ' | sed 's/ensign-offline/ensign/'
}

# The names of the commands in a program's help.
commands() {
    sed -n 's/^  \([a-z0-9-]*\) .*/\1/p' "$1" | LC_ALL=C sort
}

@test "it is linked without libzip, jansson, zlib and ISA-L, and ensign is not" {
    begin
    readelf -d "$OFFLINE" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' >needed
    grep -q '^libcrypto\.so' needed
    not grep -E 'zip|jansson|libz\.|isal|curl|libssl' needed
    readelf -d "$ENSIGN" | grep -E 'NEEDED.*libzip'
    readelf -d "$ENSIGN" | grep -E 'NEEDED.*libjansson'
    # And it asks for no symbol of theirs at run time.
    readelf --dyn-syms -W "$OFFLINE" >symbols
    not grep -E 'UND (zip_|json_)' symbols
    readelf --dyn-syms -W "$ENSIGN" | grep -Eq 'UND zip_'
}

@test "it holds nothing that opens an enclave, and nothing that signs but the token" {
    begin
    local readers=' (container|elf|sgxs|bundle|manifest|archive|pages|pagediff|rsa3072_fips|rsa3072_sign)_[a-z_]*$'
    nm "$OFFLINE" >symbols
    grep -q ' T main$' symbols
    not grep -E "$readers" symbols
    nm "$ENSIGN" | grep -Eq "$readers"
}

@test "it knows exactly the commands of the signing host" {
    begin
    off help
    ok
    commands "$OUT" >have
    printf '%s\n' "${COMMANDS[@]}" | LC_ALL=C sort >want
    same have want
    off --version
    ok
    sed 's/^ensign-offline /ensign /' "$OUT" >version
    ens --version
    same "$OUT" version
}

@test "its commands take what those of ensign take" {
    begin
    for command in "${COMMANDS[@]}"; do
        [ "$command" != quorum ] || continue
        off help "$command"
        ok
        options "$OUT" >text
        grep -q '^ --' text && grep -q '^ ensign [a-z]' text
        ens help "$command"
        ok
        options "$OUT" >all
        # What was rebuilt is measured where it was built, and so is what show opens there.
        [ "$command" != approve ] || sed -i '/^ *--rebuilt /d; /^ *--component /d' all
        case $command in
            approve | show)
                sed -i -E '/^ *(-., )?--(libpal|gramine|heap-size|stack-size|threads|ssaframesize|elf-debug|cargo|debug|layout-from|component|in-toto) /d' all
                ;;
        esac
        same all text
    done
}

@test "the commands of the build host are unknown to it" {
    begin
    ens help
    commands "$OUT" | grep -vxF "$(printf '%s\n' "${COMMANDS[@]}")" >"$BATS_TEST_TMPDIR/others"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/others")" -ge 6 ]
    while read -r command; do
        off "$command" s.signdata
        usage "$command" 'unknown command'
    done <"$BATS_TEST_TMPDIR/others"
}

@test "an enclave is refused with 65, and where to go with it" {
    begin
    bundle b.orc
    enclave e.sgxs
    printf '\177ELF\2\1\1' >e.so
    while read -r file kind; do
        off show "$file"
        refused 65 "$file" "is $kind" 'opens no enclave' 'use ensign show on the build host'
        [ "$(wc -l <"$ERR")" -eq 1 ]
        off show --json --allow-large "$file"
        refused 65 "$file" "is $kind"
    done <<'END'
b.orc a bundle
e.sgxs an SGXS stream
e.so an ELF file
END
    ssh-keygen -q -t ed25519 -N '' -f "$BATS_TEST_TMPDIR/alice"
    off approve --ssh-key "$BATS_TEST_TMPDIR/alice" --mrsigner "$(sha256 s.signdata)" --rebuilt b.orc --yes -o a s.signdata
    usage -- '--rebuilt: unknown option'
    off sign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$PINFILE" --yes -o out.sig b.orc
    refused 65 'b\.orc'
}

@test "everything else is shown and judged as by ensign" {
    begin
    local file form had
    cp "$BATS_FILE_TMPDIR/good.sig" "$BATS_FILE_TMPDIR/one.pem.pub" .
    sigstruct good.css one "$MRENCLAVE"
    cp good.css bad.css
    poke bad.css 600 5a
    cp good.css unsigned.css
    "$PYTHON" -c 'import sys; sys.stdout.buffer.write(bytes(772))' |
        dd of=unsigned.css bs=1 seek=128 conv=notrunc status=none
    head -c 1807 good.css >short.css
    cat good.css s.signdata >long.css
    head -c 5000 /dev/zero | cat good.css - >longer.css
    head -c 32 good.sig >digest
    printf '\37\213' >gzip
    head -c 5000 /dev/zero >zeros
    policy p "mrsigner $(mrsigner one.pem.pub)"
    for file in *; do
        for form in '' --json; do
            ens show ${form:+"$form"} "$file"
            had=$status
            cp "$OUT" "$BATS_TEST_TMPDIR/out"
            cp "$ERR" "$BATS_TEST_TMPDIR/err"
            off show ${form:+"$form"} "$file"
            exits "$had"
            same "$OUT" "$BATS_TEST_TMPDIR/out"
            same "$ERR" "$BATS_TEST_TMPDIR/err"
        done
    done
    off show good.css
    ok
    prints '^Verdict +signature verifies'
    off show bad.css
    prints '^Verdict +does not hold: 3 errors'
    off show short.css
    refused 65 'short\.css' 'is 1808 bytes, not 1807'
}

@test "what ensign made it signs, to the same bytes, with the same review" {
    begin
    enclave e.sgxs
    ens gen-sign-data --date 20240229 --isvsvn 7 -o app.signdata e.sgxs
    ok
    for program in "$ENSIGN" "$OFFLINE"; do
        ENSIGN=$program ens sign --key "$RELEASE" --module "$SOFTHSM" --pin-source "file:$PINFILE" --yes \
            --pubkey "${program##*/}.pem" -o "${program##*/}.sig" app.signdata
        ok
        # The output has another name.
        sed "s/${program##*/}\.\(sig\|pem\)/OUT.\1/g" "$ERR" >"$BATS_TEST_TMPDIR/${program##*/}.review"
    done
    same ensign-offline.sig ensign.sig
    same ensign-offline.pem ensign.pem
    same "$BATS_TEST_TMPDIR/ensign-offline.review" "$BATS_TEST_TMPDIR/ensign.review"
    openssl dgst -sha256 -verify ensign.pem -signature ensign-offline.sig app.signdata
    bundle b.orc
    ens set-sig --sign-data app.signdata b.orc ensign-offline.sig ensign-offline.pem
    ok
    bundle_holds b.orc "$MRENCLAVE" "$(mrsigner ensign.pem)"
}

@test "each of its commands does its work" {
    begin
    export ENSIGN_PKCS11_MODULE=$SOFTHSM
    off keygen --token pkcs11:token=ensign --label fresh --pubkey P.pem --pin-source "file:$PINFILE"
    ok
    off pubkey --key 'pkcs11:token=ensign;object=fresh' --pin-source "file:$PINFILE"
    ok
    same "$OUT" P.pem
    off keys --pin-source "file:$PINFILE" --require 'pkcs11:token=ensign;object=fresh'
    ok
    off show s.signdata
    ok
    prints "$MRENCLAVE"
    off show --json P.pem
    ok
    "$PYTHON" -c 'import json, sys; assert json.load(sys.stdin)["mrsigner"] == sys.argv[1]' \
        "$(mrsigner P.pem)" <"$OUT"
    enclave e.sgxs
    off show e.sgxs
    refused 65 'e\.sgxs' 'is an SGXS stream' 'ensign show'
    ssh-keygen -q -t ed25519 -N '' -C '' -f "$BATS_TEST_TMPDIR/alice"
    off approve --ssh-key "$BATS_TEST_TMPDIR/alice" --pubkey P.pem --yes -o a.approval s.signdata
    ok
    people people alice@example.org "$BATS_TEST_TMPDIR/alice.pub"
    policy p 'approvals 1' 'approvers people' 'key local'
    off sign --key 'pkcs11:token=ensign;object=fresh' --pin-source "file:$PINFILE" --yes --policy p \
        --approval a.approval --transcript t -o s.sig s.signdata
    ok
    openssl dgst -sha256 -verify P.pem -signature s.sig s.signdata
    off transcript t
    ok
    cp "$OUT" text
    ens transcript t
    same "$OUT" text
}

@test "make install-offline installs it and its manual, and nothing of ensign's" {
    begin
    command -v make >/dev/null || fail "make is not there: scripts/setup build"
    MAKEFLAGS='' make -s -C "$ROOT" VARIANT="$VARIANT" install-offline DESTDIR="$PWD/root" PREFIX=/usr \
        LIBEXECDIR=/usr/local/libexec >/dev/null # as it was built: nothing is linked beside other tests
    (cd root && find . -type f -printf '%P %m\n' | LC_ALL=C sort) >have
    cat >want <<'END'
usr/bin/ensign-offline 755
usr/local/libexec/ensign/ensign-token 755
usr/share/bash-completion/completions/ensign-offline 644
usr/share/doc/ensign-offline/minutes.txt 644
usr/share/fish/vendor_completions.d/ensign-offline.fish 644
usr/share/man/man1/ensign-offline-keys.1 644
usr/share/man/man1/ensign-offline-quorum.1 644
usr/share/man/man1/ensign-offline-sign.1 644
usr/share/man/man1/ensign-offline-verify.1 644
usr/share/man/man1/ensign-offline.1 644
usr/share/man/man5/ensign-offline-json.5 644
usr/share/man/man5/ensign-offline.5 644
usr/share/man/man7/ensign-offline-quorum.7 644
usr/share/man/man7/ensign-offline.7 644
usr/share/zsh/vendor-completions/_ensign-offline 644
END
    same have want
    same root/usr/bin/ensign-offline "$OFFLINE"
    ENSIGN=$PWD/root/usr/bin/ensign-offline ens show s.signdata
    ok
    prints "$MRENCLAVE"
}

@test "make install installs ensign and its manual; make uninstall leaves nothing of both" {
    begin
    installs() {
        MAKEFLAGS='' make -s -C "$ROOT" VARIANT="$VARIANT" "$@" DESTDIR="$PWD/root" PREFIX=/usr LIBEXECDIR=/usr/local/libexec >/dev/null
    }
    installs install
    (cd root && find . -type f -printf '%P\n' | LC_ALL=C sort) >have
    printf '%s\n' usr/bin/ensign usr/local/libexec/ensign/ensign-token usr/share/bash-completion/completions/ensign \
        usr/share/doc/ensign/minutes.txt usr/share/fish/vendor_completions.d/ensign.fish usr/share/man/man1/ensign-{enclave,keys,quorum,resign,sign,verify}.1 \
        usr/share/man/man1/ensign.1 usr/share/man/man5/ensign-json.5 usr/share/man/man5/ensign.5 \
        usr/share/man/man7/ensign-quorum.7 usr/share/man/man7/ensign.7 usr/share/zsh/vendor-completions/_ensign >want
    same have want
    installs install-offline
    : >root/usr/bin/other
    installs uninstall
    [ "$(cd root && find . -type f -printf '%P\n')" = usr/bin/other ]
    [ ! -e root/usr/local/libexec/ensign ]
    [ ! -e root/usr/share/doc/ensign ]
    installs uninstall
}
