#!/usr/bin/env python3
"""completion.py PROGRAM bash|zsh|fish: the completion of a shell, from `PROGRAM help`, which prints the table of options.

docs/completion/ holds what this script printed; scripts/check-completion.sh compares, and with --write writes it anew.
"""
import re
import subprocess
import sys

# What an argument is: by the option's name, else by what help calls it. A PKCS#11 URI gets its scheme only: to list
# tokens, a vendor's module would be loaded at each TAB.
BY_OPTION = {
    "mechanism": "words auto rsa-pkcs sha256-rsa-pkcs",
    "profile": "words cpu core registry rofl-scheduler",
    "pin-source": "words tty file: fd:",
    "component": "words ronl rofl.",
    "sign-data": "files signdata",
    "pubkey": "files pem",
    "share": "files share",
    "public": "files pub",
    "identity": "files identity",
}
BY_ARGUMENT = {
    "URI": "words pkcs11:",
    "FILE": "files",
    "PATH": "files",
    "ENCLAVE": "files",
    "RELEASE": "files",
    "SGXS": "files sgxs",
    "SIG": "files sig",
    "CARD": "files card",
    "DIR": "directories",
    "[DIR]": "directories",
}
BY_OPERAND = {"SIGN-DATA": "files signdata", "PARTIAL": "files partial", "DELTA": "files delta", "REPAIR": "files repair"}


class Option:
    def __init__(self, letter, name, argument, text):
        self.letter, self.name, self.text = letter, name, text
        self.kind = BY_OPTION.get(name) or BY_ARGUMENT.get(argument, "nothing") if argument else None
        self.argument = argument


def help_of(program, *words):
    return subprocess.run([program, "help", *words], capture_output=True, text=True, check=True).stdout


def rows(text):
    return re.findall(r"^  ([a-z0-9]\S*(?: [a-z0-9]\S*)?)  +(.*)$", text, re.M)


def read_command(program, name):
    text = help_of(program, *name.split()).split("\nExamples\n")[0]
    synopsis = re.match(r"Usage: .*?\[OPTIONS\] ?(.*)", text).group(1)
    word = re.match(r"\[?([A-Z-]+)", synopsis)
    operand = BY_OPERAND.get(word.group(1), "files") if word else "nothing"
    joined = re.sub(r"\n {7,}(?!-)(?=\S)", " ", text)
    options = [Option(letter, option, argument, words) for letter, option, argument, words in
               re.findall(r"^  (?:-(\w), |    )--([a-z0-9-]+)(?: (\S+)|\[=\w+\])? +(.*)$", joined, re.M)]
    return operand, options


def read_program(program):
    """Summaries of the first words, those of the verbs, and operand and options of each command."""
    first = rows(help_of(program))
    verbs, commands = {}, {}
    for name, _ in first:
        text = help_of(program, name)
        if "\nVerbs\n" in text:
            verbs[name] = [(verb.split()[1], summary) for verb, summary in rows(text)]
        for verb in [f"{name} {word}" for word, _ in verbs.get(name, [])] or [name]:
            commands[verb] = read_command(program, verb)
    return first, verbs, commands


def quote(text):
    return "'" + text.replace("'", "'\\''") + "'"


# ---- bash ----

BASH = r"""# bash completion for @NAME@, made by scripts/completion.py

# Words that begin as the one at the cursor does; what stands before the last : or = in it is there already.
@FN@_words()
{
    local typed= word
    [[ $COMP_WORDBREAKS != *:* || $cur != *:* ]] || typed=${cur%:*}:
    while IFS= read -r word; do
        COMPREPLY+=("${word#"$typed"}")
    done < <(compgen -W "$*" -- "$cur")
    [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *[:.] ]] || compopt -o nospace 2>/dev/null
}

# Directories, and files whose name ends so; every file if none does.
@FN@_files()
{
    local word
    compopt -o filenames 2>/dev/null
    while IFS= read -r word; do
        COMPREPLY+=("$word")
    done < <(compgen -d -- "$cur"; compgen -f -X "!*${1:+.$1}" -- "$cur" | while IFS= read -r word; do [[ -d $word ]] || printf '%s\n' "$word"; done)
    [[ $# -eq 0 || ${#COMPREPLY[@]} -gt 0 ]] || @FN@_files
}

@FN@()
{
    local line=${COMP_LINE:0:COMP_POINT} words cur prev command="" kind=""
    COMPREPLY=()
    read -ra words <<<"$line"
    [[ $line != *[[:space:]] ]] || words+=("")
    cur=${words[-1]}
    prev=${words[-2]}
    if [[ $cur == --*=* ]]; then
        prev=${cur%%=*}
        cur=${cur#*=}
    fi
    if [[ ${#words[@]} -le 2 ]]; then
        @FN@_words '@FIRST@ help --help --version'
        return
    fi
    command=${words[1]}
    if [[ $command == help && ${#words[@]} -eq 3 ]]; then
        @FN@_words '@FIRST@'
        return
    fi
    [[ $command != help ]] || command=${words[2]}
    case $command in
@GROUPS@    esac
    case $command:$prev in
@ARGUMENTS@    esac
    if [[ -z $kind && $cur == -* ]]; then
        case $command in
@OPTIONS@        esac
        return
    fi
    if [[ -z $kind ]]; then
        case $command in
@OPERANDS@        esac
    fi
    case $kind in
        'words '*) @FN@_words "${kind#words }" ;;
        'files '*) @FN@_files "${kind#files }" ;;
        files) @FN@_files ;;
        directories)
            compopt -o filenames 2>/dev/null
            while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$cur")
            ;;
    esac
    # The PIN may be in a file.
    [[ $prev != --pin-source || $cur != file:* ]] || while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "${cur#file:}")
}
complete -F @FN@ @NAME@
"""


def by_kind(pairs, indent):
    kinds = {}
    for pattern, kind in pairs:
        kinds.setdefault(kind, []).append(pattern)
    return "".join(f"{indent}{' | '.join(patterns)}) kind={quote(kind)} ;;\n" for kind, patterns in kinds.items())


def bash(name, first, verbs, commands):
    groups = ""
    for group, words in verbs.items():
        groups += (f"        {group})\n            if [[ ${{#words[@]}} -eq 3 || (${{words[1]}} == help && ${{#words[@]}} -eq 4) ]]; then\n"
                   f"                @FN@_words {quote(' '.join(word for word, _ in words))}\n                return\n            fi\n"
                   f"            [[ ${{words[1]}} == help ]] || command+=\" ${{words[2]}}\"\n            ;;\n")
    arguments = [(f"{quote(command) if ' ' in command else command}:{way}", option.kind)
                 for command, (_, options) in commands.items() for option in options if option.argument
                 for way in ["--" + option.name] + (["-" + option.letter] if option.letter else [])]
    options = "".join(f"            {quote(command)}) @FN@_words {quote(' '.join('--' + o.name for o in options))} ;;\n"
                      for command, (_, options) in commands.items())
    operands = by_kind([(quote(command), operand) for command, (operand, _) in commands.items()], "            ")
    text = BASH
    for mark, value in (("GROUPS", groups), ("ARGUMENTS", by_kind(arguments, "        ")), ("OPTIONS", options),
                        ("OPERANDS", operands), ("FIRST", " ".join(word for word, _ in first)),
                        ("FN", "_" + name.replace("-", "_")), ("NAME", name)):
        text = text.replace(f"@{mark}@", value)
    return text


# ---- zsh ----

def zsh(name, first, verbs, commands):
    def escape(text):
        return re.sub(r"([\\\[\]:])", r"\\\1", text)

    def action(kind):
        if kind.startswith("words "):
            return "(" + kind[6:].replace(":", "\\:") + ")"
        if kind.startswith("files "):
            return f'_files -g "*.{kind[6:]}"'
        return {"files": "_files", "directories": "_files -/", "nothing": " "}[kind]

    def choice(variable, words):
        return [f"    local -a {variable}", f"    {variable}=("] + [
            f"        {quote(word + ':' + escape(summary))}" for word, summary in words] + ["    )"]

    out = [f"#compdef {name}", "# zsh completion, made by scripts/completion.py", "", f"_{name}()", "{"]
    out += choice("first", first + [("help", "the help of a command")])
    out += ["    if ((CURRENT == 2)); then", "        _describe -t commands command first", "        return", "    fi",
            "    local command=$words[2]", "    if [[ $command == help ]]; then",
            "        shift words", "        ((CURRENT--))", "        command=$words[2]",
            "        if ((CURRENT == 2)); then", "            _describe -t commands command first", "            return",
            "        fi", "    fi"]
    for group, words in verbs.items():
        out += [f"    if [[ $command == {group} ]]; then"] + ["    " + line for line in choice("verbs", words)]
        out += ["        if ((CURRENT == 3)); then", "            _describe -t commands verb verbs", "            return",
                "        fi", '        command+=" $words[3]"', "        shift words", "        ((CURRENT--))", "    fi"]
    out += ["    shift words", "    ((CURRENT--))", "    case $command in"]
    for command, (operand, options) in commands.items():
        out += [f"        {quote(command)})", "            _arguments -s \\"]
        for option in options:
            tail = f"[{escape(option.text)}]" + (f":{option.argument.strip('[]')}:{action(option.kind)}" if option.argument else "")
            if option.letter:
                out.append(f"                {{-{option.letter},--{option.name}}}{quote(tail)} \\")
            else:
                repeated = "*" if re.search("several times|once for each", option.text) else ""
                out.append(f"                {quote(f'{repeated}--{option.name}{tail}')} \\")
        # A rule for operands that are none would keep zsh from putting an option in.
        out += [f"                {quote('*:operand:' + action(operand))}"] if operand != "nothing" else []
        out[-1] = out[-1].removesuffix(" \\")
        out.append("            ;;")
    return "\n".join(out + ["    esac", "}", f"_{name} \"$@\"", ""])


# ---- fish ----

def fish(name, first, verbs, commands):
    def files(kind):
        return f"-k -a '(__fish_complete_suffix .{kind[6:]})'"

    def line(condition, *rest):
        out.append(" ".join([f"complete -c {name}"] + ([f"-n {quote(condition)}"] if condition else []) + list(rest)))

    out = ["# fish completion, made by scripts/completion.py", f"complete -c {name} -f"]
    for word, summary in first + [("help", "the help of a command")]:
        line("__fish_use_subcommand", f"-a {word}", f"-d {quote(summary)}")
        if word != "help":
            line("__fish_seen_subcommand_from help", f"-a {word}", f"-d {quote(summary)}")
    for way, text in (("version", "print the version"), ("help", "list the commands")):
        line("__fish_use_subcommand", f"-l {way}", f"-d {quote(text)}")
    for group, words in verbs.items():
        known = " ".join(word for word, _ in words)
        for word, summary in words:
            line(f"__fish_seen_subcommand_from {group}; and not __fish_seen_subcommand_from {known}", f"-a {word}",
                 f"-d {quote(summary)}")
    for command, (operand, options) in commands.items():
        words = command.split()
        condition = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in words)
        condition += "; and not __fish_seen_subcommand_from " + " ".join(["help"] + (list(verbs) if len(words) == 1 else []))
        if operand == "files":
            line(condition, "-F")
        elif operand.startswith("files"):
            line(condition, files(operand))
        for option in options:
            rest = [f"-l {option.name}"] + ([f"-s {option.letter}"] if option.letter else [])
            if option.argument:
                kind = option.kind
                rest.append("-r -F" if kind == "files" else "-x -a '(__fish_complete_directories)'" if kind == "directories" else
                            "-x" if kind == "nothing" else f"-x -a {quote(kind[6:])}" if kind.startswith("words") else f"-r {files(kind)}")
            line(condition, *rest, f"-d {quote(option.text)}")
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    PROGRAM, SHELL = sys.argv[1:]
    sys.stdout.write({"bash": bash, "zsh": zsh, "fish": fish}[SHELL](PROGRAM.rsplit("/", 1)[-1], *read_program(PROGRAM)))
