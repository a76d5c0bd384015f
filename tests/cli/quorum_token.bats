#!/usr/bin/env bats
# quorum with keys in tokens: what holders do with their sealing keys, and what is left of a share that goes.

load helpers

share_file() { # NAME [KIND]
    printf 'ensign quorum %s 1\nquorum: 00\n' "${2:-share}" >"$1"
}

@test "quorum destroy: the bytes are overwritten, the name is gone, and the record says so" {
    share_file a.share
    ln a.share other
    ens quorum destroy --share a.share --yes --transcript room
    ok
    [ ! -s "$OUT" ]
    warned 'has 2 names'
    says 'overwritten and removed'
    says 'flash'
    files other room
    [ "$(tr -d '\0' <other | wc -c)" -eq 0 ]
    [ "$(wc -c <other)" -gt 20 ]
    grep -qx 'command: quorum destroy --share --transcript --yes' room || grep '^command' room
    grep -Eq '^share: a.share [0-9a-f]{64}$' room
    grep -qx 'gone: yes' room
    ens transcript room
    ok
    for kind in delta repair identity; do
        share_file x "$kind"
        ens quorum destroy --share x --yes --quiet
        ok
        [ ! -s "$ERR" ]
        [ ! -e x ]
    done
}

@test "quorum destroy: what is no secret file of a quorum stays, and so does all without a yes" {
    share_file a.share
    ens quorum destroy --share a.share
    refused 77 'a.share: .*terminal.*--yes'
    for kind in public card partial; do
        share_file x "$kind"
        ens quorum destroy --share x --yes
        refused 65 'x: is not a share'
    done
    mkfifo pipe
    ens quorum destroy --share pipe --yes
    refused 65 'pipe: '
    ens quorum destroy --share none --yes
    refused 66 'none: '
    ens quorum destroy --yes
    usage '--share: is missing'
    ens quorum destroy --share a.share --yes x
    usage 'quorum destroy'
    tty_ens 'Type yes' no -- quorum destroy --share a.share
    exits 77
    [ -s a.share ]
    tty_ens 'Type yes' yes -- quorum destroy --share a.share
    exits 0
    [ ! -e a.share ]
}
