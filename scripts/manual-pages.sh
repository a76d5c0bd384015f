#!/bin/sh
# manual-pages.sh PROGRAM DIRECTORY: the pages of section 1 of ensign or ensign-offline, and that of its JSON, cut out of
# docs/ensign.1: an overview, and a page for each group of commands with the options that they share. All text stays.
# Needs awk only: packages are built with it.
set -eu
program=$1
directory=$2
mkdir -p "$directory"

# Group, its commands, and what they are for; ensign-offline has those with a name in its list.
LC_ALL=C awk -v program="$program" -v directory="$directory" '
function group(name, words, purpose) {
    groups[++groups_len] = name
    commands[name] = words
    purposes[name] = purpose
}
function has(command) {
    return program == "ensign" || index(",sign,approve,check,transcript,keygen,destroy-key,pubkey,keys,show,", "," command ",") || command ~ /^quorum /
}
# Other pages by their names, and the name of the program where a page of another name says "this program".
function name_all(text, is_overview) {
    gsub(/\n\.Xr ensign-quorum 7/, "\n.Xr " program "-quorum 7", text)
    gsub(/\n\.Xr ensign /, "\n.Xr " program " ", text)
    gsub(/\n\.Sx JSON/, "\n.Xr " program "-json 5", text)
    if (!is_overview) {
        gsub(/\n\.Nm\n/, "\n.Nm " program "\n", text)
        gsub(/\n\.Nm Fl /, "\n.Nm " program " Fl ", text)
        gsub(/\n\.Nm Ic /, "\n.Nm " program " Ic ", text)
        gsub(/\n\.Nm Ar /, "\n.Nm " program " Ar ", text)
        gsub(/\n\.D1 Nm Ic /, "\n.D1 Nm " program " Ic ", text)
        gsub(/\n\.Nm \. *\n/, "\n.Nm " program " .\n", text)
    }
    return text
}
# Adds the sections to which the text refers, and those to which they do.
function want_sections(text,    rest, name) {
    rest = text
    while (match(rest, /\n\.Sx [A-Z][A-Z ]*/)) {
        name = substr(rest, RSTART + 5, RLENGTH - 5)
        sub(/ +$/, "", name)
        rest = substr(rest, RSTART + RLENGTH)
        if (name in section && name != "JSON" && !(name in wanted)) {
            wanted[name] = 1
            want_sections(section[name])
        }
    }
}
function wanted_sections(    i, text) {
    text = ""
    for (i = 1; i <= order_len; i++)
        if (order[i] in wanted)
            text = text section[order[i]]
    return text
}
function head(name, number, what) {
    return date "\n.Dt " toupper(name) " " number "\n.Os\n.Sh NAME\n.Nm " name "\n.Nd " what "\n"
}
function write_page(name, number, text) {
    printf "%s", text >(directory "/" name "." number)
    close(directory "/" name "." number)
}
# The other pages, in the order of their sections and names.
function see_also(but,    i, n, names, text) {
    text = ".Sh SEE ALSO\n.Xr " program " 1 ,\n"
    n = split("enclave keys quorum resign sign verify", names, " ")
    for (i = 1; i <= n; i++)
        if (names[i] != but && names[i] in is_present)
            text = text ".Xr " program "-" names[i] " 1 ,\n"
    text = text ".Xr " program " 5 ,\n"
    if (but != "json")
        text = text ".Xr " program "-json 5 ,\n"
    return text ".Xr " program " 7\n"
}
function group_page(name,    words, i, n, synopsis, text) {
    n = split(commands[name], words, ",")
    text = ""
    for (i = 1; i <= n; i++) {
        if (!has(words[i]))
            continue
        synopsis = synopsis ".Nm " program "\n.Ic " words[i] "\n.Op Ar options\n.Op Ar arguments\n"
        text = text command[words[i]]
    }
    split("", wanted)
    want_sections(text)
    text = "\n" text wanted_sections()
    write_page(program "-" name, 1, head(program "-" name, 1, purposes[name]) ".Sh SYNOPSIS\n" synopsis \
        ".Sh DESCRIPTION\nThese are commands of\n.Xr " program " 1 ,\nwhich has what holds for all of them: enclaves and their containers, output, help,\n" \
        "environment and exit status.\n.Sh COMMANDS" name_all(text, 0) see_also(name))
}
function overview(    i, j, n, words, text, list, line) {
    list = ".Sh COMMANDS\nEach group has a page.\n.Bl -tag -width Ds\n"
    for (i = 1; i <= present_len; i++) {
        n = split(commands[present[i]], words, ",")
        line = ""
        for (j = 1; j <= n; j++)
            if (has(words[j]))
                line = line (line == "" ? ".Ic " : " ,\n.Ic ") words[j]
        list = list ".It Xr " program "-" present[i] " 1\n" toupper(substr(purposes[present[i]], 1, 1)) substr(purposes[present[i]], 2) ":\n" line " .\n"
    }
    list = list ".It Xr " program "-json 5\nThe documents of\n.Fl -json .\n.El\n"
    text = ""
    split("", wanted)
    for (i = 1; i <= order_len; i++)
        if (order[i] !~ / OPTIONS$/ && order[i] != "COMMANDS" && order[i] != "JSON")
            want_sections(section[order[i]])
    wanted["COMMON OPTIONS"] = 1
    for (i = 1; i <= order_len; i++) {
        if (order[i] == "COMMANDS")
            text = text list
        else if (order[i] in wanted || (order[i] !~ / OPTIONS$/ && order[i] != "JSON"))
            text = text section[order[i]]
    }
    text = name_all("\n" text, 1)
    sub(/\n\.Nm ensign\n/, "\n.Nm " program "\n", text)
    write_page(program, 1, date "\n.Dt " toupper(program) " 1\n.Os" text)
}
BEGIN {
    group("enclave", "elf2sgxs,init,component-add,gen-sign-data,set-sig,extract,sgx-gen-sign-data,sgx-set-sig",
        "measure an enclave, and put its signature into its file")
    group("sign", "sign,approve,check,transcript", "review, approve and sign, and keep a record of it")
    group("keys", "keygen,destroy-key,pubkey,keys", "the keys in a token")
    group("quorum", "", "one key, shared by several people")
    group("verify", "show,verify,compare", "what is in a file, whether it holds, and whether two are the same")
    group("resign", "resign", "sign many files again through one login")
}
/^\.Dd / { date = $0 }
/^\.Sh / {
    at = substr($0, 5)
    order[++order_len] = at
    in_command = ""
}
at == "COMMANDS" && /^\.Ss / {
    in_command = substr($0, 5)
    known[in_command] = 1
    if (in_command ~ /^quorum /)
        commands["quorum"] = commands["quorum"] (commands["quorum"] == "" ? "" : ",") in_command
}
at != "" && in_command == "" { section[at] = section[at] $0 "\n" }
in_command != "" { command[in_command] = command[in_command] $0 "\n" }
END {
    for (i = 1; i <= groups_len; i++) {
        n = split(commands[groups[i]], words, ",")
        for (j = 1; j <= n; j++) {
            placed[words[j]] = 1
            if (has(words[j]) && !(groups[i] in is_present)) {
                is_present[groups[i]] = 1
                present[++present_len] = groups[i]
            }
        }
    }
    for (name in known)
        if (!(name in placed)) {
            print "manual-pages: " name ": is in no group" >"/dev/stderr"
            exit 1
        }
    for (i = 1; i <= present_len; i++)
        group_page(present[i])
    write_page(program "-json", 5, head(program "-json", 5, "the JSON documents that the commands print") ".Sh DESCRIPTION" \
        name_all("\n" substr(section["JSON"], index(section["JSON"], "\n") + 1), 0) see_also("json"))
    overview()
}' "$(dirname "$0")/../docs/ensign.1"
