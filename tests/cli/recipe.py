#!/usr/bin/env python3
"""recipe.py script PAGE NUMBER TOOL... | recipe.py run SCRIPT PIN | recipe.py job PAGE NAME: a recipe of docs/pipelines.md as a shell script, that
script on a terminal, and one job out of a recipe.

A recipe is what stands under "## NUMBER."; what stands before the first heading is run before each. What a block is says its row in a table,
recipes.txt beside this program or $RECIPES, so that the page itself is for its readers: `sh` is run in the recipe's one shell, or with exit=N in a
shell of its own that must end so; with needs=TOOL, where TOOL is among those named, else it is listed on stderr. `job=NAME` runs the script lines of
that job in a new shell with -e, as a runner does; `file=NAME` is written to that file. Table and page have the same blocks in the same order.
"""

import os
import pty
import re
import select
import shlex
import signal
import sys
import time

LIMIT = 300                     # seconds for a recipe
HEADING = re.compile(r"## (\d+)\. ")
TABLE = os.environ.get("RECIPES") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "recipes.txt")


def fenced(path):
    """(section, line number, what stands behind the fence, lines) of every block; section 0 is before the first heading."""
    section, fence, body, start = 0, None, [], 0
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        line = line.rstrip("\n")
        if fence is None and HEADING.match(line):
            section = int(HEADING.match(line).group(1))
        elif fence is None and line.startswith("```"):
            fence, body, start = line[3:], [], number
        elif line == "```":
            yield section, start, fence, body
            fence = None
        elif fence is not None:
            body.append(line)
    if fence is not None:
        sys.exit("%s:%d: a block without an end" % (path, start))


def blocks(path):
    """(section, line number, language, attributes, lines) of every block, by the table."""
    rows = [line.rstrip("\n").partition(": ") for line in open(TABLE, encoding="utf-8") if not line.startswith("#")]
    found = list(fenced(path))
    for (what, _, first), (section, start, fence, body) in zip(rows, found):
        number, language, *attributes = what.split()
        if (int(number), language) != (section, fence) or not (body and body[0].startswith(first)):
            sys.exit("%s:%d: is not the block of %s that comes next: %s: %s" % (path, start, TABLE, what, first))
        yield section, start, language, [word.partition("=")[::2] for word in attributes], body
    if len(rows) != len(found):
        sys.exit("%s: has %d blocks, and %s %d" % (path, len(found), TABLE, len(rows)))


def document(name, body):
    return ["cat >%s <<'END OF FILE'" % shlex.quote(name), *body, "END OF FILE"]


def job(name, body):
    """The lines under `script:`, each an item of a list."""
    lines = [m.group(1) for m in (re.match(r"    - (.*)", line) for line in body) if m]
    if body[0] != name + ":" or not lines:
        sys.exit("job %s: there are no script lines" % name)
    return ["(", "set -e", *lines, ")"]


def must_exit(code, body):
    return ["set +e", "(", "trap - ERR", "set -e", *body, ")", "status=$?", "set -e",
            "[ $status -eq %d ] || { echo \"-- exit $status, must be %d\"; exit 1; }" % (code, code)]


def script(path, recipe, tools):
    name = os.path.basename(path)
    print("set -eu\ntrap 'echo \"-- fails: $BASH_COMMAND\"' ERR")
    seen = set()
    for section, number, language, attributes, body in blocks(path):
        if section not in (0, recipe):
            continue
        seen.add(section)
        where = "%s:%d" % (name, number)
        needs = [value for key, value in attributes if key == "needs"]
        missing = [tool for tool in needs if tool not in tools]
        if missing:
            print("%s: not run, needs %s" % (where, " ".join(missing)), file=sys.stderr)
            continue
        rest = [(key, value) for key, value in attributes if key != "needs"]
        print("echo '== %s'" % where)
        if language == "sh" and not rest:
            lines = body
        elif language == "sh" and len(rest) == 1 and rest[0][0] == "exit":
            lines = must_exit(int(rest[0][1]), body)
        elif language != "sh" and len(rest) == 1 and rest[0][0] == "file":
            lines = document(rest[0][1], body)
        elif language == "yaml" and len(rest) == 1 and rest[0][0] == "job":
            lines = job(rest[0][1], body)
        else:
            sys.exit("%s: a block of no known kind: %s %s" % (where, language, rest))
        print("\n".join(lines))
    if seen != {0, recipe}:
        sys.exit("%s: no recipe %d" % (name, recipe))
    print("echo '== end'")


def run(path, pin):
    """On a terminal of its own; whoever asks for the PIN or for a yes gets it."""
    pid, fd = pty.fork()
    if pid == 0:
        # As in a login's shell; Python ignores both.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        os.execvp("bash", ["bash", "--norc", "--noprofile", path])
    answers = [(rb"PIN[^\n]*: *$", pin), (rb"Type yes[^\n]*: *$", "yes")]
    seen, answered, end = b"", 0, time.time() + LIMIT
    while time.time() < end:
        if not select.select([fd], [], [], 0.2)[0]:
            continue
        try:
            piece = os.read(fd, 65536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
        for pattern, answer in answers:
            if re.search(pattern, seen[answered:]):
                answered = len(seen)
                time.sleep(0.15)
                os.write(fd, answer.encode() + b"\n")
    else:
        os.kill(pid, 9)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    text = seen.decode("utf-8", "replace").replace("\r", "")
    print(text)
    if "\n== end\n" not in "\n" + text:
        sys.exit("the recipe was not run to its end")
    if pin in text:
        sys.exit("the PIN was echoed")
    sys.exit(status)


if __name__ == "__main__":
    if sys.argv[1] == "script":
        script(sys.argv[2], int(sys.argv[3]), sys.argv[4:])
    elif sys.argv[1] == "job":
        found = [b for _, _, _, attributes, b in blocks(sys.argv[2]) if attributes == [("job", sys.argv[3])]]
        print("\n".join(job(sys.argv[3], found[0])))
    else:
        run(sys.argv[2], sys.argv[3])
