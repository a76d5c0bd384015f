"""Transcripts, read and made a second time from ensign(5), in another language and by another hand.
transcript.py check FILE              the chain holds: prints the head
transcript.py make FILE < RECORDS     one record a line: KIND[ EXIT]|ENTRY|ENTRY..., entries as they are to stand there
transcript.py forge FILE OLD NEW      replaces bytes in the last record and sums it anew (OLD, NEW: with \\x escapes)
transcript.py cut FILE N              keeps the first N records
transcript.py start FILE N            offset of record N
"""
import hashlib
import re
import sys

FIRST = b"ensign transcript 1, record "


def sha(data):
    return hashlib.sha256(data).hexdigest()


def close(body):
    return body + b"sha256: " + sha(body).encode() + b"\n"


def records(data):
    return [FIRST + part for part in data.split(FIRST)[1:]]


def make(lines):
    previous, out = "0" * 64, b""
    for number, line in enumerate(lines, 1):
        head, *entries = line.split(b"|")
        kind, *status = head.split(b" ")
        body = b"ensign transcript 1, record %d\nprevious: %s\ntime: 2026-01-05T10:%02d:%02dZ\nkind: %s\n" % (
            number, previous.encode(), number // 60, number % 60, kind)
        body += b"".join(entry + b"\n" for entry in entries)
        body += b"exit: %s\n" % status[0] if status else b""
        record = close(body)
        out += record
        previous = sha(record)
    return out


def check(data):
    """Every record's frame, sum and link; and that an intent is followed by its outcome or its ack."""
    previous, is_open = "0" * 64, 0
    for number, record in enumerate(records(data), 1):
        lines = record.split(b"\n")
        assert lines[0] == FIRST + b"%d" % number, lines[0]
        assert lines[1] == b"previous: " + previous.encode(), lines[1]
        assert re.fullmatch(rb"time: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", lines[2]), lines[2]
        kind = re.fullmatch(rb"kind: (begin|run|intent|outcome|ack)", lines[3])[1]
        assert (number == 1) == (kind == b"begin"), kind
        assert bool(re.fullmatch(rb"exit: \d{1,3}", lines[-3])) == (kind in (b"run", b"outcome", b"ack")), lines[-3]
        assert lines[-1] == b"" and close(b"\n".join(lines[:-2]) + b"\n") == record
        for line in lines[4:-2]:
            assert re.fullmatch(rb"[a-z][a-z0-9-]{0,30}:( ([!-\[\]-~]|\\\\|\\x[0-9a-f]{2})+)+", line), line
        if kind in (b"outcome", b"ack"):
            assert b"intent: %d" % is_open in lines or (not is_open and b"intent: -" in lines), lines
            is_open = 0
        else:
            assert not is_open, number
            is_open = number if kind == b"intent" else 0
        previous = sha(record)
    assert b"".join(records(data)) == data
    return previous


def main(verb, path, *rest):
    if verb == "make":
        with open(path, "wb") as out:
            out.write(make(sys.stdin.buffer.read().splitlines()))
        return
    with open(path, "rb") as file:
        data = file.read()
    parts = records(data)
    if verb == "check":
        print(check(data))
    elif verb == "start":
        print(sum(map(len, parts[:int(rest[0]) - 1])))
    else:
        if verb == "forge":
            old, new = (text.encode().decode("unicode_escape").encode("latin-1") for text in rest)
            assert old in parts[-1]
            body = parts[-1].replace(old, new)
            parts[-1] = close(body[:body.rindex(b"sha256: ")])
        else:
            parts = parts[:int(rest[0])]
        with open(path, "wb") as out:
            out.write(b"".join(parts))


if __name__ == "__main__":
    main(*sys.argv[1:])
