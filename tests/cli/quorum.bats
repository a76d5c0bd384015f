#!/usr/bin/env bats
# quorum: M of N people make one signature. Sealing keys are keys of openssl here, so that a share can be opened by
# something that is not ensign; keys in tokens: quorum_token.bats; vectors and the second implementation: tests/interop.

load helpers

KEY=$ROOT/tests/vectors/keys/testkey.pem

# card FILE NAME KEY.pem: a card as quorum enroll writes it.
card() {
    openssl pkey -in "$3" -pubout -outform DER >"$BATS_TEST_TMPDIR/spki"
    {
        printf 'ensign quorum card 1\nname: %s\noaep: sha256\nsize: %s\nkey:\n' "$2" "$(stat -c %s "$BATS_TEST_TMPDIR/spki")"
        base64 -w 64 "$BATS_TEST_TMPDIR/spki"
    } >"$1"
    printf 'sha256: %s\n' "$(sha256 "$1")" >>"$1"
}

# finish FILE: its last line anew.
finish() {
    sed -i '/^sha256: /d' "$1"
    printf 'sha256: %s\n' "$(sha256 "$1")" >>"$1"
}

# Holders 1 and 2 have identities, holder 3 a key of openssl.
fixtures() {
    local i names=('' Alice Bob 'Carol (legal)')
    BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    echo 'a long passphrase' >passphrase
    chmod 600 passphrase
    for i in 1 2 3; do
        openssl genrsa -out "$i.pem" 2048 2>/dev/null
        card "$i.card" "${names[i]}" "$i.pem"
    done
    mkdir two-of-three
    for i in 1 2; do
        "$ENSIGN" quorum enroll --name "${names[i]}" --identity "$i.identity" --pin-source file:passphrase -o "two-of-three/$i.card"
    done
    "$ENSIGN" quorum deal --threshold 2 --card two-of-three/1.card --card two-of-three/2.card --card 3.card --from "$KEY" \
        --allow-swap --yes --quiet --out-dir two-of-three
}

# dealt: the files of the quorum, and the identities, in this directory; AS_1, AS_2 open their shares.
dealt() {
    cp "$BATS_FILE_TMPDIR"/two-of-three/* "$BATS_FILE_TMPDIR"/*.identity .
    cp "$BATS_FILE_TMPDIR/passphrase" "$BATS_TEST_TMPDIR/passphrase"
    AS_1=(--identity 1.identity --pin-source "file:$BATS_TEST_TMPDIR/passphrase")
    AS_2=(--identity 2.identity --pin-source "file:$BATS_TEST_TMPDIR/passphrase")
}

cards() {
    cp "$BATS_FILE_TMPDIR"/[123].card .
    THREE=(--card 1.card --card 2.card --card 3.card)
    DEAL=(quorum deal --threshold 2 "${THREE[@]}" --from "$KEY" --allow-swap)
}

@test "quorum deal: a public file and sealed shares, for their owner only, with the words that all compare" {
    cards
    mkdir out
    ens "${DEAL[@]}" --out-dir out --yes --pubkey key.pem --transcript room
    ok
    [ ! -s "$OUT" ]
    files 1.card 2.card 3.card key.pem out out/quorum.pub out/1.share out/2.share out/3.share room
    for i in quorum.pub 1.share 2.share 3.share; do
        mode_is out/$i 600
    done
    same key.pem "$ROOT/tests/vectors/keys/testkey.pub.pem"
    says 'Deals .*testkey.pem for 2 of 3 holders'
    says 'Holder 3: Carol \(legal\)$'
    says '2 of 3: losing 2 shares loses MRSIGNER for ever; 2 thieves sign anything'
    warned 'testkey.pem is still the whole key: whoever has a copy signs alone'
    id=$(sed '$d' out/quorum.pub | sha256sum | cut -d' ' -f1)
    [ "sha256: $id" = "$(tail -1 out/quorum.pub)" ]
    says_hex "$id"
    # The share is the public file behind what is sealed to the holder's card.
    for i in 1 2 3; do
        sed -n "/^ensign quorum public 1$/,\$p" out/$i.share >public
        same public out/quorum.pub
        key=$(openssl pkey -in "$BATS_FILE_TMPDIR/$i.pem" -pubout -outform DER | sha256sum | cut -d' ' -f1)
        grep -qx "key: $key" out/$i.share
        grep -qx "key-$i: $key" out/quorum.pub
        grep -qx "holder: $i" out/$i.share
    done
    grep -qx "card: 2 Bob $(sha256sum <"$BATS_FILE_TMPDIR/2.card" | cut -d' ' -f1)" room
    grep -Eq "^quorum: $id 2.x20of.x203 epoch.x200$" room
    ens transcript room
    ok
    # Once more: other pieces, another quorum; and with --quiet what must be said is said.
    mkdir again
    ens "${DEAL[@]}" --out-dir again --yes --quiet
    ok
    warned 'still the whole key'
    not cmp -s out/quorum.pub again/quorum.pub
}

@test "quorum deal: what cannot be meant is refused, and nothing is written" {
    cards
    mkdir out
    ens quorum deal --threshold 2 "${THREE[@]}" --yes
    usage '--out-dir: is missing'
    ens quorum deal "${THREE[@]}" --out-dir out --yes
    usage '--threshold: is missing'
    ens quorum deal --threshold 2 --out-dir out --yes
    usage '--card: is missing'
    for m in 0 1 4 8 two; do
        ens quorum deal --threshold $m "${THREE[@]}" --from "$KEY" --allow-swap --out-dir out --yes
        usage '--threshold'
    done
    ens quorum deal --threshold 2 "${THREE[@]}" --mrsigner "$(printf '0%.0s' {1..64})" --allow-swap --out-dir out --yes
    usage '--mrsigner: a new key'
    ens "${DEAL[@]}" --mrsigner "$(printf '0%.0s' {1..64})" --out-dir out --yes
    refused 77 'not that of --mrsigner'
    ens "${DEAL[@]}" --out-dir out
    refused 77 'there is no terminal to ask at'
    ens "${DEAL[@]}" --out-dir none --yes
    refused 73 'none/quorum.pub'
    touch out/2.share
    ens "${DEAL[@]}" --out-dir out --yes
    refused 73 'out/2.share: exists: no share is replaced'
    rm out/2.share
    # The public key does not take the place of a share.
    ln -s out link
    for name in out/1.share link/quorum.pub; do
        ens "${DEAL[@]}" --out-dir out --pubkey $name --force --yes
        refused 64 '--pubkey: out/(1.share|quorum.pub) is written as well'
        files out 1.card 2.card 3.card link
    done
    rm link
    # Two cards of one person.
    card 3.card ALICE "$BATS_FILE_TMPDIR/3.pem"
    ens "${DEAL[@]}" --out-dir out --yes
    refused 64 '3.card: has the name of 1.card'
    card 3.card Dora "$BATS_FILE_TMPDIR/2.pem"
    ens "${DEAL[@]}" --out-dir out --yes
    refused 64 '3.card: has the key of 2.card'
    sed -i 's/^name: Dora/name: Dorb/' 3.card
    ens "${DEAL[@]}" --out-dir out --yes
    refused 65 '3.card: '
    rm 3.card
    ens "${DEAL[@]}" --out-dir out --yes
    refused 66 '3.card: '
    files out 1.card 2.card
}

@test "quorum deal: all files or none, whichever cannot be written" {
    [ "$VARIANT" = release ] || skip 'strace slows this variant down'
    cards
    mkdir out
    # fsync 5 is that of the directory, with all names in place.
    for fault in renameat2:error=ENOSPC:when=3 fsync:error=EIO:when=2 fsync:error=EIO:when=5; do
        code=0
        strace -f -qq -o trace -e "trace=${fault%%:*}" -e "inject=$fault" "$ENSIGN" "${DEAL[@]}" --yes --quiet --out-dir out 2>errors || code=$?
        [ $code -ge 73 ] || fail "$fault: exit $code"
        grep -q '^ensign: nothing was written: out/' errors
        [ -z "$(ls -A out)" ] || fail "$fault: left $(ls -A out)"
    done
}

@test "quorum deal --from: only a key that SGX takes, of two primes that fit" {
    cards
    mkdir out
    from() { # KEY CODE REGEX
        ens quorum deal --threshold 2 "${THREE[@]}" --from "$1" --allow-swap --out-dir out --yes
        refused "$2" "$3"
    }
    openssl genrsa -out 65537.pem 3072 2>/dev/null
    from 65537.pem 65 'exponent is not 3'
    openssl genrsa -3 -out short.pem 2048 2>/dev/null
    from short.pem 65 '2048 bits'
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -pkeyopt rsa_keygen_primes:3 -pkeyopt rsa_keygen_pubexp:3 \
        -out three.pem 2>/dev/null
    from three.pem 65 'three.pem: '
    openssl ecparam -name prime256v1 -genkey -noout -out ec.pem
    from ec.pem 65 'not an RSA private key'
    cp "$ROOT/tests/vectors/keys/testkey.pub.pem" public.pem
    from public.pem 65 'not a private key'
    from 1.card 65 'not a private key'
    from none 66 'none: '
    openssl pkcs8 -topk8 -in "$KEY" -passout pass:abc -out locked.pem
    printf abd >pin
    chmod 600 pin
    ens quorum deal --threshold 2 "${THREE[@]}" --from locked.pem --pin-source file:pin --allow-swap --out-dir out --yes
    refused 83 'passphrase does not open it'
    printf abc >pin
    ens quorum deal --threshold 2 "${THREE[@]}" --from locked.pem --pin-source file:pin --allow-swap --out-dir out --yes
    ok
    [ -s out/3.share ]
}

@test "quorum deal: asks, and is ended without a file" {
    cards
    mkdir out
    tty_ens 'Type yes to deal' no -- "${DEAL[@]}" --out-dir out
    exits 77
    unchanged
    tty_ens 'Type yes to deal' '^C' -- "${DEAL[@]}" --out-dir out
    exits 130
    unchanged
    # Killed while it looks for primes.
    "$ENSIGN" quorum deal --threshold 2 "${THREE[@]}" --allow-swap --out-dir out --yes 2>said &
    for _ in {1..100}; do
        grep -q 'Making a key' said && break
        sleep 0.1
    done
    kill -TERM $!
    not wait $!
    [ -z "$(ls -A out)" ]
    tty_ens 'Type yes to deal' yes -- "${DEAL[@]}" --out-dir out
    exits 0
    [ -s out/1.share ]
}

@test "quorum deal: a new key, of two safe primes, with entropy of our own" {
    [ "$VARIANT" = release ] || skip "a new key takes minutes in the variant $VARIANT"
    cards
    mkdir out
    echo '6 3 1 1 2 5 4' >dice
    LIMIT=300 ens quorum deal --threshold 2 --card 1.card --card 2.card --entropy dice --allow-swap --out-dir out --yes --pubkey k.pem
    ok
    says 'two safe primes'
    not_warned 'whole key'
    openssl rsa -pubin -in k.pem -noout -text >text 2>/dev/null
    grep -q 'Exponent: 3 ' text
    grep -q '(3072 bit)' text
    ens quorum deal --threshold 2 --card 1.card --card 2.card --entropy none --allow-swap --out-dir out --yes
    refused 66 'none: '
}

@test "quorum combine: what is missing, and what is no public file or sign-data" {
    cp "$BATS_FILE_TMPDIR/two-of-three/quorum.pub" .
    sign_data a.signdata "$MRENCLAVE"
    ens quorum combine --sign-data a.signdata -o sig
    usage '--public: is missing'
    ens quorum combine --public quorum.pub -o sig
    usage '--sign-data: is missing'
    ens quorum combine --public quorum.pub --sign-data a.signdata -o sig
    refused 77 '2 of 3 are needed, 0 are here'
    ens quorum combine --public quorum.pub --sign-data a.signdata -o sig none
    refused 66 'none: '
    ens quorum combine --public quorum.pub --sign-data a.signdata -o sig a.signdata
    refused 65 '2 of 3 are needed, 0 are here'
    says '^a.signdata: '
    ens quorum combine --public quorum.pub --sign-data a.signdata --strict -o sig a.signdata a.signdata
    refused 65 '--strict: 1 of the files are bad'
    says 'a.signdata: is there twice'
    ens quorum combine --public a.signdata --sign-data a.signdata -o sig
    refused 65 'a.signdata: '
    head -c 32 a.signdata >digest
    ens quorum combine --public quorum.pub --sign-data digest -o sig
    refused 65 'bare digest'
    ens quorum combine --public quorum.pub --sign-data a.signdata --mrsigner "$(printf '0%.0s' {1..64})" -o sig
    refused 77 'not that of --mrsigner'
    sed 's/^epoch: 0$/epoch: 1/' quorum.pub >later.pub
    ens quorum combine --public later.pub --sign-data a.signdata -o sig
    refused 65 'later.pub: sha256'
    finish later.pub
    ens quorum combine --public later.pub --sign-data a.signdata -o sig
    refused 65 'later.pub: values: are not those of this key'
    cp quorum.pub sig
    ens quorum combine --public quorum.pub --sign-data a.signdata -o sig
    refused 73 'sig: '
}

@test "quorum combine: two partials make the signature of the whole key, whatever else is there" {
    dealt
    sign_data a.signdata "$MRENCLAVE"
    openssl dgst -sha256 -binary a.signdata >digest
    openssl pkeyutl -sign -inkey "$KEY" -pkeyopt digest:sha256 -in digest -out want.sig
    ens quorum sign --share 1.share "${AS_1[@]}" --yes -o 1.partial a.signdata
    ok
    ens quorum sign --share 2.share "${AS_2[@]}" --yes -o 2.partial a.signdata
    ok
    combine() { ens quorum combine --public quorum.pub --sign-data a.signdata "$@"; }
    combine -o a.sig --pubkey key.pem --transcript room 2.partial 1.partial
    ok
    same a.sig want.sig
    same key.pem "$ROOT/tests/vectors/keys/testkey.pub.pem"
    says '^1.partial: holder 1 \(Alice\): good$'
    grep -Eq '^verdict: 2.partial 2 ok$' room
    grep -Eq "^combined: $(sha256 a.sig) 1,2$" room
    # To stdout, and with files that are nothing.
    combine 1.partial a.sig 2.partial
    ok
    same "$OUT" want.sig
    combine --strict 1.partial a.sig 2.partial
    refused 65 '--strict: 1 of the files'
    combine 1.partial
    refused 77 '2 of 3 are needed, 1 is here: holder 1'
    combine 1.partial 1.partial
    refused 77 '2 of 3 are needed, 1 is here: holder 1'
    says '^1.partial: is there twice'
    # Under another's name, and over other sign-data: the file is bad, nobody is accused.
    sed 's/^holder: 1$/holder: 2/' 1.partial >forged
    finish forged
    combine -o x 1.partial forged
    refused 65 '1 is here: holder 1'
    says '^forged \(says holder 2, Bob\): the proof does not hold$'
    sign_data b.signdata "$MRENCLAVE" isvsvn=7
    ens quorum combine --public quorum.pub --sign-data b.signdata -o x 1.partial 2.partial
    refused 65 '0 are here'
    says '^2.partial \(says holder 2, Bob\): is over other sign-data$'
    combine -o a.sig 1.partial 2.partial
    refused 73 'a.sig: '
    combine -o a.sig --force --quiet 1.partial 2.partial
    ok
    [ ! -s "$ERR" ]
}

@test "quorum check: the public part for everybody, the share for whoever has its key, and the words" {
    dealt
    ens quorum check quorum.pub
    ok
    prints '^Quorum +2 of 3, epoch 0$'
    prints_hex "$(tail -1 quorum.pub | cut -d' ' -f2)"
    ens quorum check 1.share
    ok
    prints '^Holder +1, Alice$'
    ens quorum check "${AS_1[@]}" --public quorum.pub --transcript room 1.share
    ok
    prints '^Your key'
    prints_hex "$(sed -n 's/^key-1: //p' quorum.pub)"
    grep -Eq '^holder: 1 Alice$' room
    # Somebody else's, and none.
    ens quorum check "${AS_2[@]}" 1.share
    refused 82 'sealed to another key'
    ens quorum check "${AS_1[@]}" quorum.pub
    refused 64 'name the share'
    ens quorum check "${AS_1[@]}" --key pkcs11:token=x 1.share
    usage '--identity'
    echo 'another passphrase' >"$BATS_TEST_TMPDIR/passphrase"
    ens quorum check "${AS_1[@]}" 1.share
    refused 83 'passphrase'
}

@test "quorum check: no, and why" {
    dealt
    sed 's/^epoch: 0$/epoch: 1/' quorum.pub >later.pub
    ens quorum check later.pub
    refused 65 'later.pub: sha256'
    finish later.pub
    ens quorum check later.pub
    refused 1 'later.pub: values: are not those of this key'
    mkdir again
    "$ENSIGN" quorum deal --threshold 2 --card 1.card --card 2.card --from "$KEY" --allow-swap --yes --quiet --out-dir again
    ens quorum check --public again/quorum.pub 1.share
    refused 1 '1.share: belongs to another quorum'
    ens quorum check --public none 1.share
    refused 66 'none: '
    # A share whose sealed part was changed, by somebody who makes its trailer anew.
    sed '/^ensign quorum public 1$/,$d' 1.share >front
    sed -n '/^ensign quorum public 1$/,$p' 1.share >behind
    line=$(grep -n '^sealed:$' front | cut -d: -f1)
    sed -i "$((line + 2))s/^./$(sed -n "$((line + 2))p" front | cut -c1 | tr 'A-Za-z0-9+/' 'B-ZAb-za1-90/+')/" front
    finish front
    cat front behind >changed.share
    ens quorum check changed.share
    ok
    ens quorum check "${AS_1[@]}" changed.share
    refused 1 'changed.share: sealed'
}

@test "quorum repair and restore: a lost share, from what two others have of it" {
    dealt
    # Holder 3, whose key is one of openssl, cannot run ensign: it lost its share to a new person with an identity.
    ens quorum repair --share 1.share "${AS_1[@]}" --for 2 --card 2.card -o 1-to-2 --yes --transcript room
    ok
    grep -qx "card: 2 Bob $(sha256sum <2.card | cut -d' ' -f1)" room
    says 'Gives 1 piece of the key to whoever holds this card. If 1 other holder is dishonest and the card is not Bob.s'
    grep -q '^for\|^from: 1$' 1-to-2
    ens quorum restore --public quorum.pub "${AS_2[@]}" -o new.share 1-to-2
    refused 77 '1 of its 2 pieces is missing'
    # A card that is not the one that the quorum names: typed at a terminal, whatever --yes says.
    ens quorum repair --share 1.share "${AS_1[@]}" --for 3 --card 2.card -o 1-to-3 --yes
    refused 77 '--yes does not stand for it'
    words=$(tty_words)
    tty_ens 'Type the holder' "Carol (legal) $words" -- quorum repair --share 1.share "${AS_1[@]}" --for 3 --card 2.card -o 1-to-3
    exits 0
    prints 'NOT the card that the quorum names'
    tty_ens 'Type the holder' 'yes' 'Type the holder' 'no' -- quorum repair --share 2.share "${AS_2[@]}" --for 3 --card 2.card -o 2-to-3
    exits 77
    tty_ens 'Type the holder' "carol (legal)  $words" -- quorum repair --share 2.share "${AS_2[@]}" --for 3 --card 2.card -o 2-to-3
    exits 0
    ens quorum restore --public quorum.pub "${AS_2[@]}" -o new.share 1-to-3 2-to-3
    ok
    says 'the share of holder 3, Carol \(legal\)$'
    says 'quorum check --repaired'
    ens quorum check "${AS_2[@]}" new.share
    exits 1
    says 'so it is after a repair onto a new card; at a dealing somebody was in between'
    ens quorum check "${AS_2[@]}" --repaired --public quorum.pub new.share
    ok
    prints '^Holder +3, Carol'
    # Repairs for two holders, and of another quorum.
    ens quorum restore --public quorum.pub "${AS_2[@]}" -o x 1-to-2 2-to-3
    refused 65 '2-to-3: is for holder 3, the one before for holder 2'
    ens quorum restore --public quorum.pub "${AS_1[@]}" -o x 1-to-2
    refused 82 '1-to-2: sealed to another key'
    sed 's/^from: 1$/from: 3/' 1-to-2 >other
    finish other
    ens quorum restore --public quorum.pub "${AS_2[@]}" -o x other
    refused 65 'other: sealed'
    ens quorum restore --public quorum.pub "${AS_2[@]}" -o x quorum.pub
    refused 65 'quorum.pub: '
}

# The first four words of card 2.
tty_words() {
    "$ENSIGN" show 2.card | sed -n 's/^ *1 \([A-Za-z]* [A-Za-z]* [A-Za-z]* [A-Za-z]*\) .*/\1/p' | head -1
}

@test "quorum repair: what cannot be meant, and quorums that cannot be repaired" {
    dealt
    ens quorum repair --share 1.share "${AS_1[@]}" --for 2 -o x --yes
    usage '--card: is missing'
    ens quorum repair --share 1.share --for 2 --card 2.card -o x --yes
    usage '--key'
    for i in 0 1 4 two; do
        ens quorum repair --share 1.share "${AS_1[@]}" --for $i --card 2.card -o x --yes
        refused 64 '--for'
    done
    ens quorum repair --share 1.share "${AS_2[@]}" --for 2 --card 2.card -o x --yes
    refused 82 'sealed to another key'
    tty_ens 'Type yes to make it' no -- quorum repair --share 1.share "${AS_1[@]}" --for 2 --card 2.card -o x
    exits 77
    unchanged
    mkdir all
    "$ENSIGN" quorum deal --threshold 2 --card 1.card --card 2.card --from "$KEY" --allow-swap --yes --quiet --out-dir all
    ens quorum repair --share all/1.share "${AS_1[@]}" --for 2 --card 2.card -o x --yes
    refused 65 'a lost share is lost for ever'
    ens quorum restore "${AS_1[@]}" -o x none
    usage '--public: is missing'
}
