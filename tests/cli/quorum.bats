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

fixtures() {
    local i names=('' Alice Bob 'Carol (legal)')
    BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
    for i in 1 2 3; do
        openssl genrsa -out "$i.pem" 2048 2>/dev/null
        card "$i.card" "${names[i]}" "$i.pem"
    done
    mkdir two-of-three
    "$ENSIGN" quorum deal --threshold 2 --card 1.card --card 2.card --card 3.card --from "$KEY" --allow-swap --yes --quiet \
        --out-dir two-of-three
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
    grep -Eq "^card: 2 Bob [0-9a-f]{64}$" room
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
