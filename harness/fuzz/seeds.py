#!/usr/bin/env python3
"""Writes the seeds of all targets into corpus/. The same bytes each time, under any user, at any time."""

import gzip
import hashlib
import io
import json
import pathlib
import struct
import sys
import tarfile
import zlib

CORPUS = pathlib.Path(__file__).parent / "corpus"
BESIDE = b"\n--the other layer--\n"


def packed(data):
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0, filename="") as stream:
        stream.write(data)
    return out.getvalue()


def zstd(data):
    """A frame of raw blocks: what a decoder sees is a tar, and no library is needed to write it."""
    blocks = [data[at:at + 1000] for at in range(0, len(data), 1000)] or [b""]
    head = b"\x28\xb5\x2f\xfd\x00\x58"
    sized = [(len(b) << 3 | (at + 1 == len(blocks))).to_bytes(3, "little") + b for at, b in enumerate(blocks)]
    return head + b"".join(sized)


def member(name, kind=tarfile.REGTYPE, content=b"", **fields):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.mtime = kind, len(content), 1_700_000_000
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def tar(*members, form=tarfile.USTAR_FORMAT, end=True):
    out = io.BytesIO()
    for info, content in members:
        out.write(info.tobuf(form, "utf-8", "surrogateescape"))
        out.write(content + bytes(-len(content) % 512))
    return out.getvalue() + bytes(1024 if end else 0)


def header(kind, content=b"", name=b"x", size=None, magic=b"ustar\x0000"):
    """A header block as no library writes it, and the content behind it."""
    block = bytearray(512)
    block[:len(name)] = name
    block[100:124] = b"0000644\x000000000\x000000000\x00"
    block[124:136] = size if size else b"%011o\x00" % len(content)
    block[136:148] = b"00000000000\x00"
    block[156:157] = kind
    block[257:265] = magic
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\x00 " % sum(block)
    return bytes(block) + content + bytes(-len(content) % 512)


def pax(*records, kind=b"x"):
    text = b""
    for key, value in records:
        body = b" " + key + b"=" + value + b"\n"
        length = len(body) + len(str(len(body) + len(str(len(body)))))
        text += str(length).encode() + body
    return header(kind, text, b"PaxHeaders/x")


def zip_file(time):
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, 0, 0, time, 2, zlib.crc32(b"x"), 1, 1, 1, 0) + b"ax"
    central = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 788, 20, 0, 0, time, 2, zlib.crc32(b"x"), 1, 1, 1, 0, 0, 0, 0, 0, 0)
    central += b"a"
    return local + central + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, len(central), len(local), 0)


def pyc(mtime, flag=0xE9):
    return b"\xa7\x0d\r\n" + bytes(4) + struct.pack("<I", mtime) + b"\5\0\0\0\xa9\2" + bytes([flag]) + b"\1\0\0\0N"


def elf(byte):
    out = bytearray(b"\x7fELF\2\1".ljust(64, b"\0"))
    out[32], out[54], out[56] = 64, 56, 1
    note = bytearray(56)
    note[0], note[8], note[32] = 4, 120, 36
    return bytes(out + note) + b"\4\0\0\0\x14\0\0\0\3\0\0\0GNU\0" + bytes([byte]) * 20


def ar(time):
    return f"!<arch>\n{'a.o/':<16}{time:<12}{0:<6}{0:<6}{644:<8}{8:<10}`\n12345678".encode()


PLAIN = tar(member("a", content=b"one"), member("d/", tarfile.DIRTYPE), member("d/b", content=b"two"))
LINKS = tar(
    member("a", content=b"x"),
    member("l", tarfile.SYMTYPE, linkname="../../etc"),
    member("h", tarfile.LNKTYPE, linkname="a"),
    member("l/in", content=b"y"),
)
DEVICES = tar(
    member("c", tarfile.CHRTYPE, devmajor=1, devminor=3),
    member("b", tarfile.BLKTYPE, devmajor=8),
    member("f", tarfile.FIFOTYPE),
)
WHITEOUTS = tar(member(".wh.a"), member("d/.wh..wh..opq"), member(".wh..wh.plnk"), member("d/.wh.b"))
PACKAGES = tar(
    member("var/lib/dpkg/status", content=b"Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n"),
    member("usr/lib/python3/dist-packages/p-1.dist-info/METADATA", content=b"Name: p\nVersion: 1\n"),
    form=tarfile.GNU_FORMAT,
)

LAYERS = {
    "plain": PLAIN,
    "gzip": packed(PLAIN),
    "gzip-two-members": packed(PLAIN[:512]) + packed(PLAIN[512:]),
    "zstd": zstd(PLAIN),
    "empty": bytes(1024),
    "no-end-mark": tar(member("a"), end=False),
    "behind-the-end": bytes(1024) + b"not zero" * 8,
    "links": LINKS,
    "link-loop": tar(member("a", tarfile.SYMTYPE, linkname="b"), member("b", tarfile.SYMTYPE, linkname="a"), member("a/x")),
    "dangling-link": tar(member("h", tarfile.LNKTYPE, linkname="nowhere")),
    "devices": DEVICES,
    "whiteouts": WHITEOUTS,
    "whiteout-of-nothing": tar(member("d/.wh.")),
    "dots": tar(member("../../a"), member("./b//c/../d"), member("/")),
    "same-path-twice": tar(member("a", content=b"1"), member("a", content=b"2")),
    "pax": pax((b"path", b"long/" * 20), (b"mtime", b"-1.5"), (b"SCHILY.xattr.user.a", b"\0b")) + header(b"0", b"x"),
    "pax-size": pax((b"size", b"3"), (b"uid", b"70000"), (b"uname", b"root")) + header(b"0", b"abc"),
    "pax-global": pax((b"comment", b"x"), kind=b"g") + header(b"0"),
    "pax-sparse": pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.name", b"s")) + header(b"0", b"1\n0\n1\n"),
    "pax-bad": header(b"x", b"9999 path=x\n") + header(b"0"),
    "pax-huge-whiteout": pax((b"size", b"18446744073709551615")) + header(b"0", name=b".wh.a"),
    "gnu-names": header(b"L", b"n" * 120 + b"\0", b"././@LongLink", magic=b"ustar  \0")
    + header(b"K", b"t" * 120 + b"\0", b"././@LongLink", magic=b"ustar  \0")
    + header(b"2", magic=b"ustar  \0"),
    "gnu-sparse": header(b"S", magic=b"ustar  \0"),
    "old": header(b"\0", name=b"dir/", magic=bytes(8)) + header(b"\0", b"x", magic=bytes(8)),
    "base-256": header(b"0", size=b"\x80" + bytes(10) + b"\x05") + b"12345".ljust(512, b"\0"),
    "size-beyond": header(b"0", size=b"\x80\0\0\0\x7f" + b"\xff" * 7),
    "unknown-type": header(b"V"),
    "cut": PLAIN[:700],
    "cut-gzip": packed(PLAIN)[:-9],
    "cut-zstd": zstd(PLAIN)[:-300],
    "packages": packed(PACKAGES),
    "secret": tar(member("e", content=b"TOKEN=TAREcanary0123456789")),
    "secret-gzip": tar(member("e.gz", content=packed(b"TAREcanary0123456789"))),
}


def file(name, content):
    return tar(member(name, content=content), end=False)


PAIRS = {
    "times": (PLAIN, tar(member("a", content=b"one", mtime=7), member("d/", tarfile.DIRTYPE, mode=0o700))),
    "order": (tar(member("a"), member("b")), tar(member("b"), member("a"))),
    "gzip-and-zstd": (packed(PLAIN), zstd(PLAIN)),
    "links-and-whiteouts": (packed(LINKS), packed(WHITEOUTS)),
    "dialects": (tar(member("a")), tar(member("a"), form=tarfile.GNU_FORMAT)),
    "xattr": (pax((b"SCHILY.xattr.a", b"1")) + header(b"0"), pax((b"SCHILY.xattr.a", b"2")) + header(b"0")),
    "pyc": (file("m/__pycache__/m.cpython-311.pyc", pyc(1)), file("m/__pycache__/m.cpython-311.pyc", pyc(2))),
    "pyc-refs": (file("m.pyc", pyc(1)), file("m.pyc", pyc(1, 0x69))),
    "zip": (file("x.zip", zip_file(1)), file("x.zip", zip_file(9))),
    "ar": (file("x.a", ar(1)), file("x.a", ar(2))),
    "elf": (file("x.so", elf(1)), file("x.so", elf(2))),
    "sqlite": (packed(file("x.db", b"SQLite format 3\0".ljust(512, b"\0"))), packed(file("x.db", b"SQLite format 3\0".ljust(511, b"\0") + b"1"))),
    "gz": (file("x.gz", packed(b"built 2026-11-24T18:19:48Z")), file("x.gz", packed(b"built 2026-11-25T18:19:48Z"))),
    "tar": (packed(file("x.tar", file("a", b"1"))), packed(file("x.tar", file("b", b"1")))),
    "record": (file("p-1.dist-info/RECORD", b'"a,b",sha256=x,1\nc,,\n'), file("p-1.dist-info/RECORD", b'c,,\n"a,b",sha256=x,1\n')),
    "dpkg": (file("var/lib/dpkg/status", b"Package: a\nVersion: 1\n\n"), file("var/lib/dpkg/status", b"Package: a\nVersion: 2\n\n")),
    "shadow": (file("etc/shadow", b"r:*:20000:0:99999:7:::\n"), file("etc/shadow", b"r:*:20001:0:99999:7:::\n")),
    "text": (file("x.json", b'{"at": "2026-11-24T00:00:00Z", "h": "0xdeadbeef1"}'), file("x.json", b'{"at": "2026-11-25T00:00:00Z", "h": "0xdeadbeef2"}')),
}


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def descriptor(kind, data, **more):
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest(data), "size": len(data)} | more


def dump(value):
    return json.dumps(value, separators=(",", ":")).encode()


def config(tars, **more):
    history = [{"created_by": f"RUN step {at}"} for at, _ in enumerate(tars)]
    made = {"architecture": "amd64", "os": "linux", "config": {"Env": ["A=1"]}, "history": history}
    return dump(made | {"rootfs": {"type": "layers", "diff_ids": [digest(tar) for tar in tars]}} | more)


def layout(tars, pack=packed, nested=False, beside=(), layer="layer.v1.tar+gzip", without=False, kind=tarfile.REGTYPE, **more):
    blobs = [pack(tar) for tar in tars]
    text = config(tars, **more)
    named = [descriptor(layer, blob) for blob in blobs]
    manifest = dump({"schemaVersion": 2, "config": descriptor("config.v1+json", text), "layers": named})
    files = ([] if without else blobs) + [text, manifest]
    index = {"schemaVersion": 2, "manifests": [descriptor("manifest.v1+json", manifest), *beside]}
    if nested:
        files.append(dump(index))
        index["manifests"] = [descriptor("index.v1+json", files[-1])]
    kinds = [kind] + [tarfile.REGTYPE] * len(files)
    members = [member("blobs/sha256/" + digest(data)[7:], of, data) for of, data in zip(kinds, files)]
    return tar(*members, member("index.json", content=dump(index)))


def docker(tars, *members, layers, name=None):
    text = config(tars)
    name = name or digest(text)[7:] + ".json"
    manifest = dump([{"Config": name, "RepoTags": ["a:1"], "Layers": layers}])
    return tar(*members, member(name, content=text), member("manifest.json", content=manifest))


ATTESTED = {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
OTHER = {"platform": {"os": "linux", "architecture": "s390x"}}
HERE = {"platform": {"os": "linux", "architecture": "amd64"}}

IMAGES = {
    "none": layout([]),
    "one": layout([PLAIN]),
    "two": layout([PLAIN, WHITEOUTS]),
    "same-twice": layout([PLAIN, PLAIN]),
    "zstd": layout([PLAIN], zstd),
    "plain": layout([LINKS], bytes),
    "old-tar": layout([header(b"0", b"x", magic=bytes(8))], bytes),
    "nested": layout([PLAIN], nested=True),
    "attested": layout([PLAIN], beside=[descriptor("manifest.v1+json", b"{}", **ATTESTED)]),
    "platforms": layout([PLAIN], beside=[descriptor("manifest.v1+json", b"{}", **OTHER), descriptor("manifest.v1+json", b"[]", **HERE)]),
    "foreign": layout([PLAIN], layer="layer.nondistributable.v1.tar+gzip", without=True),
    "layer-that-is-no-file": layout([PLAIN], kind=b"D"),
    "no-history": layout([PLAIN], history=[]),
    "empty-steps": layout([PLAIN], history=[{"empty_layer": True, "created_by": "ENV a"}, {"created_by": "COPY a b"}]),
    "packages": layout([PACKAGES]),
    "broken-layer": layout([PLAIN[:700]]),
    "docker": docker([PLAIN], member("l/layer.tar", content=PLAIN), layers=["l/layer.tar"]),
    "docker-gzip": docker([PLAIN], member("l", content=packed(PLAIN)), layers=["l"]),
    "docker-link": docker(
        [PLAIN, PLAIN],
        member("r", content=PLAIN),
        member("d/s", tarfile.SYMTYPE, linkname="../r"),
        member("h", tarfile.LNKTYPE, linkname="r"),
        layers=["d/s", "h"],
    ),
    "docker-loop": docker([PLAIN], member("l", tarfile.SYMTYPE, linkname="l"), layers=["l"]),
    "docker-missing": docker([PLAIN], layers=["../x"], name="c.json"),
    "docker-two": tar(member("manifest.json", content=b'[{"Config":"a","Layers":[]},{"Config":"b","Layers":[]}]')),
    "bad-json": tar(member("index.json", content=b'{"schemaVersion":2,"manifests":[{}]}')),
    "nothing": tar(member("readme")),
    "cut": layout([PLAIN])[:-2000],
    "size-beyond": header(b"0", name=b"index.json", size=b"\x80" + bytes(6) + b"\xff" * 5),
}

# Patterns, and behind a NUL each: paths that COPY names, paths that are matched.
PATHS = "a.md\na/a.md\na/b/c/d\nsrc/[x]/y\nl/x.c"
IGNORES = {
    "plain": ("# a comment\n*.md\n!a/a.md\n", "", PATHS),
    "stars": ("**/x.c\na/**\n**\n!**/d\n", "a/*/x.c", PATHS),
    "suffix": ("**/*.rs\n**a\n", "**", PATHS),
    "classes": ("[a-c]/[^x]\nsrc/[[]x]\n[]a]\n[a-]\n", "src/[[]x]", PATHS),
    "escapes": ("\\!c\n\\[x\\]\nsrc/\\[x\\]\n\\d\\w\\b\n", "\\l", PATHS),
    "bad": ("[\n", "", PATHS),
    "bad-late": ("a\n[z-a]\n", "", PATHS),
    "trailing": ("a\\\n", "", PATHS),
    "exclamation": ("!\n! a\n!!a\n", "", PATHS),
    "dots": ("./a/../a/./b//c\n..\n/a\n.\n", "../../a\n./a", "../a"),
    "exceptions": ("*\n!a/b\na/b/c\n!a/b/c/d\n", "a/b/c", PATHS),
    "exception-prefix": ("a\n!a/b/*\n!src/**\n", "", PATHS),
    "links": ("src/back\n", "l/x.c\nloop/a\nup/b\nroot/a\nsrc/back/a", "l"),
    "link-stars": ("", "*/x.c\n[a-z]*\n?", "up\nloop"),
    "regex": ("a.b+(c|d){2}$^\n?*.c\n", "", "a.b+(c|d){2}$^"),
    "named-classes": ("[[:alpha:]]\n[[:^digit:]]*\n[[:x:]]\n[a&&b]\n[a--b~~]\n", "", PATHS),
    "unicode": ("\u00e9\n[\u00e0-\u00ff]*\ne\u00e9\n\ufeffa\n", "e\u00e9", "e\u00e9\n\u00e9"),
    "crlf": ("a\r\n\tab \r\n", "", PATHS),
}


def write(target, seeds):
    (CORPUS / target).mkdir(parents=True, exist_ok=True)
    for name, data in seeds.items():
        assert len(data) <= 4096, (target, name, len(data))
        (CORPUS / target / name).write_bytes(data)


def main():
    small = {name: pair if len(b"".join(pair)) < 4000 else map(packed, pair) for name, pair in PAIRS.items()}
    pairs = {f"pair-{name}": BESIDE.join(pair) for name, pair in small.items()}
    write("layer", LAYERS | pairs)
    write("image", {name: packed(data) for name, data in IMAGES.items()})
    write("ignore", {name: "\0".join(parts).encode() for name, parts in IGNORES.items()})


if __name__ == "__main__":
    sys.exit(main())
