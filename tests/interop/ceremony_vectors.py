#!/usr/bin/env python3
"""Runs ensign over the vectors of the ceremony formats: each kind through the command that reads it.

ceremony_vectors.py --ensign PROGRAM --clock SO VECTORS KIND...

VECTORS holds index.json: a list of {name, args, exit, rule, rows?, chmod?, mkfifo?}, where args begin with the kind.
A kind is a function below: it gives what is wrong, or None. Symbolic links that a copy turned into files with their
target are links again in the copy that is used here."""
import argparse
import base64
import calendar
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

KINDS = {}


def kind(name):
    def add(function):
        KINDS[name] = function
        return function
    return add


class Run:
    """The program in a directory with the vectors."""

    def __init__(self, ensign, clock):
        self.ensign, self.clock = ensign, clock

    def __call__(self, *args, now=None):
        env = dict(os.environ)
        if now:
            # A sanitizer wants to be loaded first, which a clock need not wait for.
            env.update(LD_PRELOAD=self.clock, ENSIGN_TEST_TIME=str(calendar.timegm(time.strptime(now, "%Y%m%d"))),
                       ASAN_OPTIONS=env.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0")
        return subprocess.run([self.ensign, *args], stdin=subprocess.DEVNULL, capture_output=True, env=env,
                              encoding="utf-8", errors="backslashreplace", timeout=60, check=False)


def judge(vector, done, says=True):
    """Exit status, and on refusal the word of the rule in the one error line."""
    if done.returncode != vector["exit"]:
        return "exit %d, must be %d: %s" % (done.returncode, vector["exit"], done.stderr.strip())
    if vector["exit"] == 0:
        return None
    lines = [x for x in done.stderr.splitlines() if x.startswith("ensign: ") and "warning: " not in x]
    if len(lines) != 1:
        return "%d error lines: %s" % (len(lines), done.stderr.strip())
    if says and not re.search(r": %s: " % re.escape(vector["rule"]), lines[0]):
        return "does not say %s: %s" % (vector["rule"], lines[0])
    return None


def begins_as(path, word):
    """Would show recognise it by its first line?"""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as f:
        return re.match(rb"(\xef\xbb\xbf)?%s " % word.encode(), f.read(64)) is not None


def shown(run, vector, word):
    path = vector["args"][1]
    return judge(vector, run("show", path), begins_as(path, word) and vector["exit"] == 65)


@kind("policy")
def policy(run, vector):
    """check reads a policy with its people; show prints it."""
    wrong = judge(vector, run("check", "--policy", vector["args"][1]))
    if wrong or not begins_as(vector["args"][1], "policy"):
        return wrong
    return shown(run, vector, "policy")


def beside(path, lines):
    """A policy in the directory of a people file."""
    out = os.path.join(os.path.dirname(path), "of-" + os.path.basename(path) + ".policy")
    with open(out, "w", encoding="ascii") as f:
        f.write("policy 1\n%s\nend\n" % "\n".join(lines))
    return out


@kind("approvers")
def approvers(run, vector):
    path = vector["args"][1]
    p = beside(path, ["approvals 1", "approvers " + os.path.basename(path)])
    wrong = judge(vector, run("check", "--policy", p))
    return wrong or (shown(run, vector, "approvers") if begins_as(path, "approvers") else None)


@kind("revoked")
def revoked(run, vector):
    path = vector["args"][1]
    string = b"\0\0\0\x0bssh-ed25519" + b"\0\0\0\x20" + b"nobody's key of 32 bytes, unused"
    with open(os.path.join(os.path.dirname(path), "somebody.approvers"), "w", encoding="ascii") as f:
        f.write("approvers 1\nperson somebody.else\nkey ssh-ed25519 %s\nend\n" % base64.b64encode(string).decode())
    p = beside(path, ["approvals 1", "approvers somebody.approvers", "revoked " + os.path.basename(path)])
    wrong = judge(vector, run("check", "--policy", p))
    return wrong or (shown(run, vector, "revoked") if begins_as(path, "revoked") else None)


@kind("dearmour")
def dearmour(run, vector):
    """show takes whatever kind it is; one that is wished for goes to a command that wants it."""
    path = vector["args"][-1]
    if len(vector["args"]) == 2:
        return judge(vector, run("show", path))
    wish = vector["args"][1]
    with tempfile.TemporaryDirectory() as work:
        p = os.path.join(work, "policy")
        with open(p, "w", encoding="ascii") as f:
            f.write("policy 1\nblind allow\nend\n" if wish == "DIGEST" else "policy 1\nend\n")
        if wish in ("SIGN-DATA", "DIGEST"):
            # Either is taken there, so that no line is named.
            return judge(vector, run("check", "--allow-unusual", "--policy", p, path))
    return judge(vector, run("show", path), says=False)


@kind("check")
def check(run, vector):
    """Verdict of each approval, and the rules of all reasons."""
    args = list(vector["args"][1:])
    now = None
    if "--now" in args:
        at = args.index("--now")
        now = args[at + 1]
        del args[at:at + 2]
    done = run("check", "--json", "--allow-unusual", *args, now=now)
    if vector["exit"] not in (0, 77):
        return judge(vector, done, says=vector["exit"] == 65)
    if done.returncode != vector["exit"]:
        return "exit %d, must be %d: %s" % (done.returncode, vector["exit"], done.stderr.strip())
    doc = json.loads(done.stdout)
    rows = " ".join(a["verdict"] for a in doc["approvals"])
    rules = ",".join(sorted({r["rule"] for r in doc["reasons"]})) or "ok"
    if rows != vector.get("rows", rows):
        return "verdicts '%s', must be '%s'" % (rows, vector["rows"])
    return None if rules == vector["rule"] else "reasons %s, must be %s" % (rules, vector["rule"])


@kind("transcript")
def transcript(run, vector):
    """The chain holds, holds with an open intent (1), or is broken by a rule."""
    done = run("transcript", vector["args"][1])
    if vector["exit"] == 1:
        return None if done.returncode == 1 else "exit %d, must be 1: %s" % (done.returncode, done.stderr.strip())
    return judge(vector, done)


def prepare(vectors, work):
    """A copy that may be changed."""
    shutil.copytree(vectors, work, symlinks=True, dirs_exist_ok=True)
    subprocess.run(["chmod", "-R", "u+w,go-w", work], check=True)
    for root, _, files in os.walk(work):
        for name in files:
            path = os.path.join(root, name)
            if os.path.islink(path) or not name.startswith("link") or os.path.getsize(path) > 255:
                continue
            with open(path, encoding="latin-1") as f:
                target = f.read()
            if os.path.isfile(os.path.join(root, target)):
                os.unlink(path)
                os.symlink(target, path)
    with open(os.path.join(work, "index.json"), encoding="utf-8") as f:
        index = json.load(f)["vectors"]
    for vector in index:
        for path, mode in vector.get("chmod", {}).items():
            os.chmod(os.path.join(work, path), int(mode, 8))
        for path in vector.get("mkfifo", []):
            if not os.path.exists(os.path.join(work, path)):
                os.mkfifo(os.path.join(work, path))
    return index


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ensign", required=True)
    parser.add_argument("--clock", required=True, help="a library for LD_PRELOAD whose clock stands")
    parser.add_argument("vectors")
    parser.add_argument("kinds", nargs="+", choices=sorted(KINDS))
    args = parser.parse_args()
    run = Run(os.path.abspath(args.ensign), os.path.abspath(args.clock))
    seen = wrong = 0
    with tempfile.TemporaryDirectory() as work:
        index = prepare(args.vectors, work)
        os.chdir(work)
        for vector in index:
            if vector["args"][0] not in args.kinds:
                continue
            seen += 1
            why = KINDS[vector["args"][0]](run, vector)
            if why:
                wrong += 1
                print("WRONG %s: %s" % (vector["name"], why))
        os.chdir("/")
    print("%d vectors, %d wrong" % (seen, wrong))
    return 1 if wrong or not seen else 0


if __name__ == "__main__":
    sys.exit(main())
