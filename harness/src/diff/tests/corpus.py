"""Makes pairs of files, each with one known cause (or several), and pairs that only look like it."""
import gzip, hashlib, io, json, marshal, os, py_compile, random, sqlite3, tarfile, zipfile

random.seed(7)
cases, blobs = [], 0


def keep(content):
    global blobs
    blobs += 1
    name = f"{blobs}.blob"
    with open(name, "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())
    return name


def case(name, a, b, causes):
    """a, b: path to content; causes: path to slugs."""
    cases.append({"name": name, "a": {p: keep(c) for p, c in a.items()},
                  "b": {p: keep(c) for p, c in b.items()},
                  "causes": {p: [c] if isinstance(c, str) else c for p, c in causes.items()}})


def one(name, path, a, b, causes):
    case(name, {path: a}, {path: b}, {path: causes})


# Bytecode.
SOURCE = """import os\nNAMES = ("a", "bb", "a")\ndef f(x, y=3):\n    '''Doc.'''\n    return [n for n in NAMES if n != x]\n
class C:\n    k = {"a": 1}\n    def m(self):\n        return f"{self.k} {os.sep}" or (lambda q: q + 12345678901)\n"""
PYC = "app/__pycache__/m.cpython-311.pyc"
Mode = py_compile.PycInvalidationMode


def pyc(source=SOURCE, mtime=1700000000, mode=Mode.TIMESTAMP, shown="/app/m.py"):
    with open("m.py", "w") as f:
        f.write(source)
    os.utime("m.py", (mtime, mtime))
    py_compile.compile("m.py", cfile="m.pyc", dfile=shown, invalidation_mode=mode, doraise=True)
    with open("m.pyc", "rb") as f:
        return f.read()


one("pyc time", PYC, pyc(), pyc(mtime=1700000009), "pyc-mtime")
one("pyc mode", PYC, pyc(), pyc(mode=Mode.CHECKED_HASH), "pyc-invalidation-mode")
one("pyc path", PYC, pyc(), pyc(shown="/tmp/build/m.py"), "pyc-path")
one("pyc path and time", PYC, pyc(), pyc(mtime=1700000009, shown="/src/m.py"), ["pyc-path", "pyc-mtime"])
again = pyc()[:16] + marshal.dumps(marshal.loads(pyc()[16:]))
assert again != pyc()
one("pyc references", PYC, pyc(), again, "pyc-marshal-refs")
plain = pyc()[:16] + marshal.dumps(marshal.loads(pyc()[16:]), 2)
one("pyc without references", PYC, pyc(), plain, "pyc-marshal-refs")
case("pyc of another source", {"app/m.py": SOURCE, PYC: pyc()},
     {"app/m.py": SOURCE + "x = 1\n", PYC: pyc(SOURCE + "x = 1\n")}, {"app/m.py": "unknown", PYC: "pyc-source"})
other = SOURCE.replace("bb", "cc")
case("pyc of another source of the same length", {"app/m.py": SOURCE, PYC: pyc()},
     {"app/m.py": other, PYC: pyc(other)}, {"app/m.py": "unknown", PYC: "pyc-source"})
one("code that differs and no source to blame", PYC, pyc(), pyc(other), "unknown")
damaged = bytearray(pyc())
damaged[-3] ^= 1
one("a bit flipped in the code", PYC, pyc(), bytes(damaged), "unknown")
case("pyc in one only", {"app/m.py": SOURCE}, {"app/m.py": SOURCE, PYC: pyc()}, {PYC: "pyc-presence"})
magic = bytes([pyc()[0] ^ 1]) + pyc()[1:]
one("pyc of another python", PYC, pyc(), magic, "pyc-python-version")

# What installers write.
SITE = "usr/lib/python3.11/site-packages/"


def dist(name, version, files, record=None, **more):
    info = f"{name}-{version}.dist-info"
    here = {SITE + path: content for path, content in files.items()}
    here[SITE + info + "/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    rows = [f"{path},sha256={hashlib.sha256(content.encode()).hexdigest()},{len(content)}"
            for path, content in files.items()]
    rows += [f"{info}/METADATA,,", f"{info}/RECORD,,"]
    here[SITE + info + "/RECORD"] = "\n".join(record(rows) if record else rows) + "\n"
    for path, content in more.items():
        here[SITE + info + "/" + path] = content
    return here


def installed(version, extra=""):
    return dist("numpy", version, {"numpy/__init__.py": f"v = '{version}'\n", "numpy/core.py": "c = 1\n" + extra,
                                   "numpy/same.py": "s = 1\n", f"numpy/only_{version[-1]}.py": "o = 1\n"})


A, B = installed("2.4.5"), installed("2.4.6", "d = 2\n")
drift = {p: "python-package-version" for p in {**A, **B} if A.get(p) != B.get(p)}
case("numpy in another version", A, B, drift)
more = dist("rich", "1.0", {"rich/__init__.py": "r = 1\n"})
case("a package more", installed("2.4.5"), {**installed("2.4.5"), **more},
     {p: "python-package-set" for p in more})
flip = dist("p", "1", {"p/a.py": "1", "p/b.py": "2"}, record=lambda rows: rows[::-1])
RECORD = SITE + "p-1.dist-info/RECORD"
case("RECORD in another order", dist("p", "1", {"p/a.py": "1", "p/b.py": "2"}), flip, {RECORD: "record-order"})
log_a, log_b = "built 2026-11-24T18:19:48Z\n", "built 2026-11-25T08:19:48Z\n"
case("RECORD follows", dist("p", "1", {"p/b.py": log_a}), dist("p", "1", {"p/b.py": log_b}),
     {SITE + "p/b.py": "embedded-time", RECORD: "record-follows"})
case("RECORD says what is not there", dist("p", "1", {"p/b.py": log_a}),
     {**dist("p", "1", {"p/b.py": log_b}), SITE + "p/b.py": log_a}, {RECORD: "unknown"})
case("where it was installed from", dist("p", "1", {}, **{"direct_url.json": '{"url": "file:///a"}'}),
     dist("p", "1", {}, **{"direct_url.json": '{"url": "file:///b"}'}),
     {SITE + "p-1.dist-info/direct_url.json": "install-metadata"})


def dpkg(version, other="1"):
    stanza = "Package: {}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {}\nDescription: x\n\n"
    return {"var/lib/dpkg/status": stanza.format("libc6", version) + stanza.format("zlib1g", other),
            "var/lib/dpkg/info/libc6:amd64.list": "/.\n/lib\n/lib/libc.so.6\n",
            "var/lib/dpkg/info/libc6:amd64.md5sums": version + "  lib/libc.so.6\n",
            "lib/libc.so.6": "code of " + version, "lib/libz.so": "code of z"}


case("libc6 in another version", dpkg("2.36-9"), dpkg("2.36-10"),
     {p: "dpkg-package-version" for p in ["var/lib/dpkg/status", "var/lib/dpkg/info/libc6:amd64.md5sums",
                                         "lib/libc.so.6"]})
case("a file of a package whose version is the same", dpkg("2.36-9"), {**dpkg("2.36-9"), "lib/libc.so.6": "patched"},
     {"lib/libc.so.6": "unknown"})
case("a package more in dpkg", {"var/lib/dpkg/status": dpkg("1")["var/lib/dpkg/status"]},
     {"var/lib/dpkg/status": dpkg("1")["var/lib/dpkg/status"] + "Package: jq\nVersion: 1\n\n",
      "var/lib/dpkg/info/jq.list": "/usr/bin/jq\n", "usr/bin/jq": "code"},
     {p: "dpkg-package-set" for p in ["var/lib/dpkg/status", "var/lib/dpkg/info/jq.list", "usr/bin/jq"]})
one("apk", "lib/apk/db/installed", "P:musl\nV:1.2.4\n\nP:zlib\nV:1\n", "P:musl\nV:1.2.5\n\nP:zlib\nV:1\n",
    "apk-package-version")

# Places.
for path, slug in [("var/log/apt/history.log", "apt-log"), ("var/log/dpkg.log", "dpkg-log"),
                   ("var/log/alternatives.log", "dpkg-log"), ("var/log/fontconfig.log", "log-file"),
                   ("var/lib/apt/lists/deb_dists_InRelease", "apt-lists"), ("var/cache/apt/pkgcache.bin", "apt-cache"),
                   ("var/cache/ldconfig/aux-cache", "ldconfig-cache"), ("var/cache/debconf/config.dat", "debconf-cache"),
                   ("var/cache/fontconfig/ab.cache-8", "font-cache"), ("var/lib/systemd/random-seed", "random-seed"),
                   ("etc/ssh/ssh_host_rsa_key", "ssh-host-key"), ("root/.cache/pip/http-v2/a", "pip-cache"),
                   ("root/.cache/uv/x", "uv-cache"), ("opt/conda/conda-meta/history", "conda-history"),
                   ("root/.cache/huggingface/hub/x", "hf-cache"), ("srv/model.safetensors", "model-weights"),
                   ("var/lib/rpm/rpmdb.sqlite", "rpm-database"), ("var/lib/dnf/history.sqlite", "dnf-history"),
                   ("lib/apk/db/scripts.tar", "apk-scripts"), ("tmp/x", "temporary-file"),
                   ("root/.wget-hsts", "shell-history"), ("app/.git/index", "git-metadata"),
                   ("run/lock/x", "runtime-state"), ("var/cache/man/index.db", "man-cache")]:
    one(path, path, random.randbytes(40), random.randbytes(50), slug)
    one("not " + path, "srv/copy/" + path.replace(".git", "git").replace("conda-meta", "meta").replace(".safetensors", ".st"),
        random.randbytes(40), random.randbytes(50), "unknown")
one("shadow", "etc/shadow", "root:*:20000:0:99999:7:::\n", "root:*:20001:0:99999:7:::\n", "shadow-day")
one("shadow with a password", "etc/shadow", "root:*:20000:0:99999:7:::\n", "root:$y$x:20001:0:99999:7:::\n", "unknown")
one("machine id", "etc/machine-id", "a" * 32 + "\n", "b" * 32 + "\n", "machine-id")

# Archives.


def zipped(times=(2020, 1, 1, 0, 0, 0), names=("a.txt", "b.txt"), mode=0o644, level=6, content="text " * 300):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as z:
        for n in names:
            info = zipfile.ZipInfo(n, times)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            z.writestr(info, content + n, compresslevel=level)
    return out.getvalue()


ZIP = "app/lib.zip"
one("zip times", ZIP, zipped(), zipped(times=(2021, 1, 1, 0, 0, 0)), "zip-times")
one("zip order", ZIP, zipped(), zipped(names=("b.txt", "a.txt")), "zip-order")
one("zip modes", ZIP, zipped(), zipped(mode=0o755), "zip-modes")
one("zip level", ZIP, zipped(content="".join(random.choices("abcdefgh ", k=3000))),
    zipped(content="other" * 300), "unknown")
varied = "".join(random.choices("abcd ", k=20000))
one("zip compression", ZIP, zipped(content=varied, level=1), zipped(content=varied, level=9), "zip-compression")
one("zip with a time in a file", ZIP, zipped(content="at 2026-11-24T18:19:48Z"),
    zipped(content="at 2026-11-25T18:19:48Z"), "embedded-time")
one("zip with other names", ZIP, zipped(), zipped(names=("a.txt", "c.txt")), "unknown")
GZ = "usr/share/doc/x/changelog.gz"
one("gzip header", GZ, gzip.compress(b"text" * 99, mtime=1), gzip.compress(b"text" * 99, mtime=2), "gzip-header")
one("gzip level", GZ, gzip.compress(varied.encode(), 1, mtime=1), gzip.compress(varied.encode(), 9, mtime=1),
    "gzip-compression")
one("gzip with a time in it", GZ, gzip.compress(log_a.encode(), mtime=0), gzip.compress(log_b.encode(), mtime=0),
    "embedded-time")
one("gzip of other text", GZ, gzip.compress(b"one", mtime=0), gzip.compress(b"two", mtime=0), "unknown")


def tarred(mtime=0, names=("a", "b"), content=b"x"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for n in names:
            info = tarfile.TarInfo(n)
            info.mtime, info.size = mtime, len(content)
            t.addfile(info, io.BytesIO(content))
    return out.getvalue()


one("tar times", "app/x.tar", tarred(), tarred(mtime=9), "nested-tar-headers")
one("tar order", "app/x.tar", tarred(), tarred(names=("b", "a")), "nested-tar-order")
one("tar times in gzip", "app/x.tgz", gzip.compress(tarred(), mtime=1), gzip.compress(tarred(mtime=9), mtime=1),
    "nested-tar-headers")
one("tar content", "app/x.tar", tarred(), tarred(content=b"y"), "unknown")

# SQLite.


def database(*statements):
    if os.path.exists("x.db"):
        os.remove("x.db")
    with sqlite3.connect("x.db", isolation_level=None) as db:
        db.execute("create table t (k integer primary key, v text)")
        db.execute("insert into t values (1, 'same')")
        for statement in statements:
            db.execute(statement)
    db.close()
    with open("x.db", "rb") as f:
        return f.read()


DB = "app/x.db"
one("sqlite counters", DB, database(), database("update t set v = 'emas'", "update t set v = 'same'"), "sqlite-counters")
one("sqlite time", DB, database("insert into t values (2, '2026-11-24 18:19:48')"),
    database("insert into t values (2, '2026-11-25 18:19:48')"), "embedded-time")
one("sqlite content", DB, database("insert into t values (2, 'one')"), database("insert into t values (2, 'two')"), "unknown")

# Text.
for name, a, b, slug in [
        ("iso", log_a, log_b, "embedded-time"),
        ("ctime", "# generated on Tue Nov 24 18:19:48 2026\nx\n", "# generated on Wed Nov 25 18:19:48 2026\nx\n", "embedded-time"),
        ("date", "__build_date__ = '2026-11-24'\n", "__build_date__ = '2026-11-25'\n", "embedded-time"),
        ("epoch", '{"created": 1795544388}', '{"created": 1795544399}', "embedded-time"),
        ("path", "prefix=/tmp/tmpab12cd_4/x\n", "prefix=/tmp/tmpzz12cd_4/x\n", "embedded-path"),
        ("pip path", "cc -I/tmp/pip-req-build-ab12cd34/x\n", "cc -I/tmp/pip-req-build-ab12cd99/x\n", "embedded-path"),
        ("uuid", "id=123e4567-e89b-42d3-a456-426614174000\n", "id=023e4567-e89b-42d3-a456-426614174000\n", "random-id"),
        ("address", "<object at 0x7f00deadbeef>\n", "<object at 0x7f00deadbe0f>\n", "memory-address"),
        ("lines", "b\na\nc\n", "a\nb\nc\n", "unordered-list"),
        ("json", '{"x": 1, "y": [1, 2]}', '{"y": [2, 1], "x": 1}', "unordered-list"),
        ("version", "version = 2026-11-24\n", "version = 2026-11-25\n", "unknown"),
        ("number", "port = 1795544388\n", "port = 1795544399\n", "unknown"),
        ("timeout", "timeout: 00:30:00\n", "timeout: 00:40:00\n", "unknown"),
        ("path of its own", "dir=/tmp/config\n", "dir=/tmp/server\n", "unknown"),
        ("uuid and a word", "id=123e4567-e89b-42d3-a456-426614174000 on\n",
         "id=023e4567-e89b-42d3-a456-426614174000 off\n", "unknown"),
        ("lines and a letter", "b\na\nc\n", "a\nb\nd\n", "unknown"),
        ("source", SOURCE, SOURCE + "\n", "unknown")]:
    one("text: " + name, "app/file.txt", a, b, slug)
one("strings in a binary", "usr/lib/x.so", b"\x7fELF\0\0code\0/tmp/tmpab12cd_4/x.c\0\1", b"\x7fELF\0\0code\0/tmp/tmpzz12cd_4/x.c\0\1",
    "embedded-path")
one("code in a binary", "usr/lib/x.so", b"\x7fELF\0\0code\0\1\2", b"\x7fELF\0\0code\0\1\3", "unknown")

with open("corpus.json", "w") as f:
    json.dump(cases, f)
