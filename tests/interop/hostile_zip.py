"""Hostile bundles whose fault lies in the zip archive: names, headers, sizes, bombs.

Every case starts from the good signed bundle of hostile_manifest.py and breaks one thing; files
that are added have a right digest, so that nothing but the fault can refuse them. CASES holds
(name, why it must be refused, a part of what orc.py says about it, a function that returns the
bundle's bytes).
"""

import bz2
import hashlib
import lzma
import stat
import zlib

import mkbundle
import zipmake
from hostile_manifest import base

CASES = []
CENTRAL_MAGIC, END_MAGIC = b"PK\x01\x02", b"PK\x05\x06"
ELF_AT = 1                              # index of ronl.elf in the good bundle's entries
MIB = 1 << 20


def add(name, why, says, make):
    CASES.append((name, why, says, make))


def extra(name, why, says, entry_name, data=b"extra\n", **entry):
    """A case with one more file of that name (bytes), with digest, and whatever else an Entry
    takes."""
    def make():
        bundle = base()
        try:
            bundle.files[entry_name.decode()] = data
        except UnicodeDecodeError:
            pass                        # a manifest cannot name it
        bundle.seal()
        entries = bundle.entries()[:4]
        return zipmake.pack([*entries, zipmake.Entry(entry_name, data, **entry)])
    add(name, why, says, make)


def lie(name, why, says, **entry):
    """A case that sets attributes of the entry of ronl.elf; a callable is given the entry."""
    def make():
        entries = base().entries()
        for key, value in entry.items():
            one = entries[ELF_AT]
            setattr(one, key, value(one) if callable(value) else value)
        return zipmake.pack(entries)
    add(name, why, says, make)


# -- duplicates and names ----------------------------------------------------------------------------

def _twice(index, data=None):
    entries = base().entries()
    one = entries[index]
    entries.append(zipmake.Entry(one.name, one.data if data is None else data))
    return zipmake.pack(entries)


TWICE = "of two entries with one name every reader takes another"
add("entry-twice-same", TWICE, "there twice", lambda: _twice(ELF_AT))
add("entry-twice-other", TWICE, "there twice", lambda: _twice(ELF_AT, b"other"))
add("entry-twice-signature", TWICE, "there twice", lambda: _twice(3, bytes(1808)))
add("entry-twice-manifest", TWICE, "there twice", lambda: _twice(0))
add("entry-twice-manifest-other", TWICE, "there twice", lambda: _twice(0, b"{}"))

PATH = "every name but the manifest's is a plain file name"
for _name, _entry in (
        ("parent", b"../x"), ("parent-deep", b"../../etc/x"), ("slash", b"a/b"),
        ("backslash", b"a\\b"), ("backslash-parent", b"..\\x"), ("absolute", b"/x"),
        ("dot", b"."), ("dotdot", b".."), ("empty", b""), ("dot-slash", b"./x"),
        ("drive", b"C:\\x"), ("directory", b"x/"), ("directory-meta", b"META-INF/"),
        ("beside-manifest", b"META-INF/x"), ("double-slash", b"a//b"),
        ("hidden-parent", b"a/../../x")):
    extra(f"name-{_name}", PATH, "is a path", _entry)

CONTROL = "a control character in a name deceives terminals and logs"
for _name, _entry in (("soh", b"a\x01b"), ("newline", b"a\nb"), ("return", b"a\rb"),
                      ("tab", b"a\tb"), ("escape", b"a\x1b[2Jb"), ("delete", b"a\x7fb"),
                      ("nul", b"ronl.elf\0.txt")):
    extra(f"name-{_name}", CONTROL, "control character", _entry)
extra("name-no-utf8", "no digest can name such a file", "not UTF-8", b"\xff\xfe.bin",
      fields={"flags": 0})
extra("name-bad-utf8", "the name says it is UTF-8 and is not", "no readable zip",
      b"\xff\xfe.bin", fields={"flags": zipmake.UTF8})
extra("name-over-limit", "a name of 60,000 bytes is over every sensible limit", "bytes, more",
      b"n" * 60000)

LINK = "a bundle holds plain files and nothing else"
UNIX = 3 << 8 | 20
for _name, _mode in (("symlink", stat.S_IFLNK | 0o777), ("directory", stat.S_IFDIR | 0o755),
                     ("device", stat.S_IFCHR | 0o600), ("fifo", stat.S_IFIFO | 0o600),
                     ("socket", stat.S_IFSOCK | 0o600)):
    extra(f"attribute-{_name}", LINK, "no plain file", b"extra.bin", b"/etc/passwd",
          fields={"made_by": UNIX, "external": _mode << 16})
extra("attribute-dos-directory", LINK, "no plain file", b"extra.bin", b"",
      fields={"external": 0x10})

# -- the manifest's place ----------------------------------------------------------------------------

FIRST = "the first entry of the central directory is META-INF/MANIFEST.MF, spelled so"


def _ordered(order, first=None):
    entries = base().entries()
    if first is not None:
        entries[0].name = first
    return zipmake.pack(entries, order=order)


add("manifest-last", FIRST, "first entry", lambda: _ordered([1, 2, 3, 0]))
add("manifest-second", FIRST, "first entry", lambda: _ordered([1, 0, 2, 3]))
add("manifest-last-in-both", FIRST, "first entry",
    lambda: zipmake.pack(base().entries()[1:] + base().entries()[:1]))
add("manifest-missing", FIRST, "first entry", lambda: _ordered([1, 2, 3]))
for _name, _entry in (("lower-case", b"meta-inf/manifest.mf"), ("flat", b"MANIFEST.MF"),
                      ("backslash", b"META-INF\\MANIFEST.MF"),
                      ("absolute", b"/META-INF/MANIFEST.MF"),
                      ("space", b"META-INF/MANIFEST.MF "),
                      ("nul", b"META-INF/MANIFEST.MF\0x")):
    add(f"manifest-{_name}", FIRST, "control character" if _name == "nul" else "first entry",
        lambda e=_entry: _ordered(None, e))

# -- truncation --------------------------------------------------------------------------------------

CUT = "the archive ends too early"


def _cut(where):
    """The good bundle up to `where`: a count of bytes from either end, or a mark to look for and
    how far behind it to cut."""
    data = base().pack()
    at = where if isinstance(where, int) else data.index(where[0]) + where[1]
    return data[:at]


for _name, _where in (
        ("local-header", 10), ("manifest", 200), ("data", (b"ronl.sgx", 60)),
        ("before-central", (CENTRAL_MAGIC, 0)), ("central", (CENTRAL_MAGIC, 100)),
        ("before-end", (END_MAGIC, 0)), ("end", (END_MAGIC, 11)), ("last-byte", -1)):
    add(f"truncated-{_name}", CUT, "no readable zip", lambda w=_where: _cut(w))
add("empty-file", "nothing is no archive", "no readable zip", lambda: b"")
add("empty-archive", FIRST, "first entry", lambda: zipmake.pack([]))
add("no-archive", "a text is no archive", "no readable zip", lambda: b"not a zip file\n" * 100)
add("front-missing", "the offsets point before the data", "outside the archive",
    lambda: base().pack()[100:])

# -- methods, flags and headers ----------------------------------------------------------------------

METHOD = "entries are stored or deflated"
for _name, _method, _pack in (("bzip2", 12, bz2.compress), ("lzma", 14, lzma.compress),
                              ("xz", 95, lzma.compress), ("zstd", 93, bytes),
                              ("deflate64", 9, zipmake.deflate), ("implode", 6, bytes),
                              ("unknown", 99, bytes)):
    lie(f"method-{_name}", METHOD, "neither stored nor", method=_method,
        raw=lambda e, p=_pack: p(e.data))
lie("encrypted", "an encrypted entry cannot be checked", "encrypted",
    flags=zipmake.ENCRYPTED, raw=lambda e: bytes(12) + zipmake.deflate(e.data))
lie("encrypted-strong", "an encrypted entry cannot be checked", "encrypted",
    flags=zipmake.ENCRYPTED | 1 << 6, raw=lambda e: bytes(12) + zipmake.deflate(e.data))

TWO_HEADERS = "the two headers of an entry contradict each other"
lie("local-name", TWO_HEADERS, "another name", local={"name": b"RONL.ELF"})
lie("local-name-long", TWO_HEADERS, "another name", local={"name": b"ronl.elf.old"})
lie("local-method", TWO_HEADERS, "another method", local={"method": zipmake.STORE})
lie("local-crc", TWO_HEADERS, "another CRC", local={"crc": 1})
lie("local-size", TWO_HEADERS, "other sizes", local={"size": 1})
lie("local-csize", TWO_HEADERS, "other sizes", local={"csize": 1})

CRC = "the CRC is not the data's"
lie("crc-wrong", CRC, "CRC is wrong", fields={"crc": 1})
lie("crc-wrong-stored", CRC, "CRC is wrong", method=zipmake.STORE, fields={"crc": 1})
lie("crc-wrong-descriptor", CRC, "CRC is wrong", flags=zipmake.DESCRIPTOR, fields={"crc": 1})

SIZE = "the data are not as long as the headers say"
lie("size-small", SIZE, "more than the", fields=lambda e: {"size": len(e.data) - 1})
lie("size-large", SIZE, "bytes, not the", fields=lambda e: {"size": len(e.data) + 1})
lie("size-zero", SIZE, "more than the", fields={"size": 0, "crc": 0})
lie("size-stored", SIZE, "two sizes", method=zipmake.STORE,
    fields=lambda e: {"size": len(e.data) + 1})
lie("csize-small", SIZE, "not whole", fields=lambda e: {"csize": len(zipmake.deflate(e.data)) - 2})
lie("csize-beyond", SIZE, "central directory", fields={"csize": 1 << 30})
lie("csize-overlap", "two entries share bytes", "share bytes",
    fields=lambda e: {"csize": len(zipmake.deflate(e.data)) + 100})
lie("size-4-gib", SIZE, "more than", fields={"size": 0xFFFFFFFE})
lie("deflate-garbage", "the data are no deflate stream", "Error -3",
    raw=b"\xff" * 40, fields={"csize": 40})
lie("deflate-cut", "the deflate stream has no end", "not whole",
    raw=lambda e: zipmake.deflate(e.data)[:-3])
lie("offset-beyond", "the local header lies outside the file", "outside the archive",
    central={"at": 0x7FFFFFFF})
lie("offset-inside", "there is no local header at the offset", "no local header",
    central={"at": 5})
lie("offset-other", "the offset points to another entry's header", "another name",
    central={"at": 0})


# -- bombs -------------------------------------------------------------------------------------------

BOMB = "a small file may not become a large one"


def _zeros(megabytes, hash_name):
    """A digest over that many MiB of zeros, and their CRC."""
    one, state, crc = bytes(MIB), hashlib.new(hash_name), 0
    for _ in range(megabytes):
        state.update(one)
        crc = zlib.crc32(one, crc)
    return state.hexdigest(), crc


def _bomb(megabytes, declared=None):
    """An extra file of zeros at more than 1000:1. With `declared`, that is the size in both
    headers; without, everything is true and the digest is right."""
    bundle = base()
    found, crc = (mkbundle.digest(bytes(declared)), zlib.crc32(bytes(declared))) \
        if declared is not None else _zeros(megabytes, "sha512_256")
    bundle.manifest["digests"]["zeros.bin"] = found
    size = megabytes * MIB if declared is None else declared
    return zipmake.pack([*bundle.entries(), zipmake.Entry(
        b"zeros.bin", raw=zipmake.deflated_zeros(megabytes), fields={"crc": crc, "size": size})])


def _large_manifest(filler):
    """A valid manifest with 64 MiB more, in a field that nobody knows."""
    raw = mkbundle.encode(base().manifest)
    return base().pack(raw[:-1] + b',"x":"' + filler * (64 * MIB // len(filler)) + b'"}')


def _many_entries(number):
    """Empty files, each with a name of its own."""
    entries = [zipmake.Entry(b"%x" % i, b"", zipmake.STORE) for i in range(number)]
    return zipmake.pack(base().entries() + entries)


def _shared(number):
    """Entries that all use the bytes of the same compressed zeros, as a bomb without nesting
    does: the local headers are right for one of them only."""
    bundle = base()
    entries = bundle.entries()
    kernel = zipmake.Entry(b"000", raw=zipmake.deflated_zeros(1),
                           fields={"crc": zlib.crc32(bytes(MIB)), "size": MIB})
    at = zipmake.pack(entries).index(CENTRAL_MAGIC)
    ghosts = [zipmake.Entry(b"%03d" % i, raw=b"", central={
        "at": at, "csize": len(kernel.raw), "size": MIB, "crc": kernel.fields["crc"]})
        for i in range(1, number)]
    for i in range(number):
        bundle.manifest["digests"]["%03d" % i] = mkbundle.digest(bytes(MIB))
    entries[0].data = mkbundle.encode(bundle.manifest)
    at = zipmake.pack(entries).index(CENTRAL_MAGIC)
    for ghost in ghosts:
        ghost.central["at"] = at
    return zipmake.pack(entries + [kernel] + ghosts)


add("bomb-ratio", BOMB, "1000:1", lambda: _bomb(400))
add("bomb-declared-small", BOMB + ", least of all when it claims to stay small", "more than the",
    lambda: _bomb(400, 100))
add("bomb-declared-zero", BOMB + ", least of all when it claims to be empty", "more than the",
    lambda: _bomb(400, 0))
add("bomb-manifest-spaces", "a manifest has a limit", "1000:1",
    lambda: base().pack(mkbundle.encode(base().manifest) + b" " * (64 * MIB)))
add("bomb-manifest", "a manifest has a limit", "larger than",
    lambda: _large_manifest(hashlib.shake_256(b"x").hexdigest(200).encode()))
add("bomb-entries", "a bundle has a limit of entries: this one has 70,000", "entries, more",
    lambda: _many_entries(70000))
add("bomb-shared", "entries do not share bytes", "another name", lambda: _shared(100))
lie("bomb-zip64-size", "no file has 2^62 bytes", "more than", zip64=True,
    fields={"size": 1 << 62})
