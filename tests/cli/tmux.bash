# tmux.bash: a person at a terminal of 80 columns and 24 lines, with a shell in it, for the tests that load it
# after helpers. The terminal is tmux's, which is skipped by name where it is not installed (ENSIGN_REQUIRE_TMUX=1:
# its absence is a failure).
# shellcheck shell=bash disable=SC2154

teardown() {
    [ ! -S "$SOCKET" ] || mux kill-server
}

mux() {
    tmux -S "$SOCKET" -f "$BATS_TEST_TMPDIR/tmux.conf" "$@" 3>&-
}

# Each test begins at a prompt.
begin() {
    SOCKET=$BATS_TEST_TMPDIR/tmux
    if ! command -v tmux >/dev/null; then
        [ "${ENSIGN_REQUIRE_TMUX:-0}" != 1 ] || fail "tmux is required, and is not there"
        skip "tmux is not installed"
    fi
    need_terminal
    need_fault
    cp "$BATS_FILE_TMPDIR/good.signdata" s.signdata
    mkdir "$BATS_TEST_TMPDIR/bin"
    ln -s "$ENSIGN" "$BATS_TEST_TMPDIR/bin/ensign"
    printf '%s\n' 'set -g status off' 'set -g history-limit 2000' 'set -g default-terminal screen' \
        >"$BATS_TEST_TMPDIR/tmux.conf"
    before=$(picture)
    # K: a short name, so that what is typed fits on a line.
    PATH=$BATS_TEST_TMPDIR/bin:$PATH K=$RELEASE M=$MRENCLAVE PINFILE=$BATS_FILE_TMPDIR/pin ENSIGN_PKCS11_MODULE=$FAULT \
        HISTFILE='' mux new-session -d -x 80 -y 24 "exec env PS1='> ' bash --norc --noprofile"
    sees '^>$'
}

# What is on the screen, and with "all" also what has left it; wrapped lines are joined.
look() {
    if [ "${1:-}" = all ]; then
        mux capture-pane -p -J -S - -E - | sed 's/ *$//'
    else
        mux capture-pane -p | sed 's/ *$//'
    fi
}

# sees REGEX: waits until the last line on the screen that is not empty is like this.
sees() {
    local n line=
    for ((n = 0; n < 1500; n++)); do
        line=$(look | sed '/^$/d' | tail -n 1)
        ! grep -Eq "$1" <<<"$line" || return 0
        sleep 0.05
    done
    look >&2
    fail "the last line is '$line', not like /$1/"
}

# types TEXT: with Enter. A key such as C-c is pressed.
types() {
    # A prompt switches the echo off after it is written.
    sleep 0.2
    case $1 in
    C-?) mux send-keys "$1" ;;
    # In one go: what is typed ahead must be there before the program is.
    *) mux send-keys -l -- "$1" \; send-keys Enter ;;
    esac
}

# ended CODE: back at the prompt, with this exit status, and a terminal that echoes.
ended() {
    sees '^>$'
    types 'echo exit $? $(stty -a | grep -owE -- "-?(echo|icanon|isig)")'
    local n
    for ((n = 0; n < 1500; n++)); do
        ! look | grep -q '^exit [0-9]' || break
        sleep 0.05
    done
    look | grep -qx "exit $1 isig icanon echo" || fail "not exit status $1 and a terminal that echoes:" "$(look)"
    look all >"$BATS_TEST_TMPDIR/session"
}

# Nothing was made, changed or left behind.
nothing_left() {
    [ "$(picture)" = "$before" ] || fail "files changed:" "$(diff <(echo "$before") <(picture))"
    [ -z "$(find . -name '.ensign-*')" ]
}

secret() {
    not grep -F "$PIN" "$BATS_TEST_TMPDIR/session"
}

# No line is broken by the edge of the terminal; but what cannot be shortened, a hash of 64 digits and a row of
# eight words, may be.
fits() {
    awk 'length > 80' "$BATS_TEST_TMPDIR/session" | grep -Ev '[0-9a-f]{64}' |
        grep -Ev '^ +[1-4]( [A-Za-z]+){8}$' >"$BATS_TEST_TMPDIR/long" || true
    [ ! -s "$BATS_TEST_TMPDIR/long" ] || fail "longer than 80 columns:" "$(cat "$BATS_TEST_TMPDIR/long")"
}
