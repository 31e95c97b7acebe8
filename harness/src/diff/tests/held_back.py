"""The held-back part of the corpus: real tools, run twice as two builds would run them. Written without looking at
what the catalogue makes of it. Tools that are not on this machine are passed over, and named in `missing`."""
import json, os, pathlib, shutil, subprocess, sys

cases, blobs, missing = [], 0, []


def keep(path):
    global blobs
    blobs += 1
    shutil.copyfile(path, f"{blobs}.blob")
    return f"{blobs}.blob"


def run(*command, cwd=".", **environment):
    subprocess.run(command, cwd=cwd, check=True, env={**os.environ, **environment},
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def tree(root):
    return {str(p.relative_to(root)): p for p in sorted(pathlib.Path(root).rglob("*")) if p.is_file() and not p.is_symlink()}


def case(name, a, b, causes):
    """a, b: folders as they would lie in the image; causes: of each path that differs, by a function."""
    a, b = tree(a), tree(b)
    differ = [p for p in sorted({*a, *b})
              if p not in a or p not in b or a[p].read_bytes() != b[p].read_bytes()]
    assert differ, name
    cases.append({"name": name, "a": {p: keep(x) for p, x in a.items()}, "b": {p: keep(x) for p, x in b.items()},
                  "causes": {p: causes(p) for p in differ}})


def always(*slugs):
    return lambda path: list(slugs)


def need(*tools):
    absent = [t for t in tools if not shutil.which(t)]
    missing.extend(absent)
    return not absent


def fresh(name):
    shutil.rmtree(name, ignore_errors=True)
    pathlib.Path(name).mkdir(parents=True)
    return name


def write(path, text):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).write_text(text)


# The standard library's json, email and asyncio, copied at two times and compiled.
library = pathlib.Path(os.__file__).parent
PACKAGES = ["json", "email", "asyncio"]


def compiled(root, mtime, *options, **environment):
    site = pathlib.Path(fresh(root), "usr/lib/python3/site-packages")
    for package in PACKAGES:
        shutil.copytree(library / package, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    for path in site.rglob("*.py"):
        os.utime(path, (mtime, mtime))
    run(sys.executable, "-m", "compileall", "-q", *options, str(site), **environment)
    return root


compiled("pa", 1700000000, "-s", "pa", "-p", "/")
case("compiled at two times", "pa", compiled("pb", 1700000777, "-s", "pb", "-p", "/"), always("pyc-mtime"))
case("compiled at two places", compiled("pc", 1700000000), compiled("pd", 1700000000), always("pyc-path"))
case("with and without an epoch", "pa", compiled("pe", 1700000000, "-s", "pe", "-p", "/", SOURCE_DATE_EPOCH="1700000000"),
     always("pyc-invalidation-mode"))
case("compiled or not", "pa", (lambda r: [shutil.rmtree(x) for x in list(pathlib.Path(r).rglob("__pycache__"))] and r)(
    compiled("pf", 1700000000)), always("pyc-presence"))
shutil.copytree("pa", "pg", dirs_exist_ok=True)
module = pathlib.Path("pg/usr/lib/python3/site-packages/json/tool.py")
module.write_text(module.read_text().replace("sort_keys", "sort_kexs"))
os.utime(module, (1700000000, 1700000000))
run(sys.executable, "-m", "compileall", "-q", "-f", "-s", "pg", "-p", "/", "pg")
case("one module edited", "pa", "pg", lambda p: ["pyc-source"] if p.endswith(".pyc") else ["unknown"])

if need("gcc", "ar"):
    CODE = '#include <stdio.h>\nconst char *built = __DATE__ " " __TIME__;\nint f(int x) { puts(built); return x * %d; }\n'

    def library_built(root, at, factor=3, *options):
        write(f"{at}/x.c", CODE % factor)
        os.makedirs(f"{root}/usr/lib", exist_ok=True)
        run("gcc", "-g", "-shared", "-fPIC", *options, "-o", os.path.abspath(f"{root}/usr/lib/libx.so"), f"{at}/x.c")
        run("gcc", "-c", "-o", os.path.abspath(f"{at}/x.o"), f"{at}/x.c")
        return root

    os.environ["SOURCE_DATE_EPOCH"] = "1700000000"
    library_built(fresh("ga"), "/tmp/tmpaaaa1111")
    library_built(fresh("gb"), "/tmp/tmpbbbb2222")
    case("compiled in two temporary folders", "ga", "gb", always("embedded-path", "elf-build-id"))
    os.environ["SOURCE_DATE_EPOCH"] = "1700000077"
    case("compiled at two times", "ga", library_built(fresh("gc"), "/tmp/tmpaaaa1111"), always("embedded-time", "elf-build-id"))
    case("another number in the code", library_built(fresh("gd"), "/tmp/tmpaaaa1111", 5),
         library_built(fresh("ge"), "/tmp/tmpaaaa1111", 7), always("unknown"))
    case("another build id", library_built(fresh("gf"), "/tmp/tmpaaaa1111", 3, "-Wl,--build-id=0x" + "ab" * 20),
         library_built(fresh("gg"), "/tmp/tmpaaaa1111", 3, "-Wl,--build-id=0x" + "cd" * 20), always("elf-build-id"))
    del os.environ["SOURCE_DATE_EPOCH"]
    for root, when in [("aa", 1700000000), ("ab", 1700000500)]:
        os.makedirs(f"{fresh(root)}/usr/lib")
        os.utime("/tmp/tmpaaaa1111/x.o", (when, when))
        run("ar", "rcU", f"{root}/usr/lib/libx.a", "/tmp/tmpaaaa1111/x.o")
    case("a static library", "aa", "ab", always("ar-headers"))
    for at in ["/tmp/tmpaaaa1111", "/tmp/tmpbbbb2222"]:
        shutil.rmtree(at)

if need("zip", "gzip", "tar"):
    for root, when in [("za", 1600000000), ("zb", 1650000000)]:
        write(f"{fresh(root)}/w/a.txt", "a\n" * 50)
        write(f"{root}/w/b.txt", "b\n" * 50)
        for name in ["a.txt", "b.txt"]:
            os.utime(f"{root}/w/{name}", (when, when))
    for root in ["za", "zb"]:
        os.makedirs(f"{root}1/app", exist_ok=True)
        run("zip", "-q", f"../../{root}1/app/x.zip", "a.txt", "b.txt", cwd=f"{root}/w")
        os.makedirs(f"{root}2/app", exist_ok=True)
        run("tar", "-cf", f"../../{root}2/app/x.tar", "a.txt", "b.txt", cwd=f"{root}/w")
        os.makedirs(f"{root}3/app", exist_ok=True)
        run("gzip", "-k", "a.txt", cwd=f"{root}/w")
        shutil.copy(f"{root}/w/a.txt.gz", f"{root}3/app/a.txt.gz")
        os.makedirs(f"{root}4/app", exist_ok=True)
        run("tar", "-czf", f"../../{root}4/app/x.tgz", "a.txt", "b.txt", cwd=f"{root}/w")
    case("zip", "za1", "zb1", always("zip-times"))
    case("tar", "za2", "zb2", always("nested-tar-headers"))
    case("gzip", "za3", "zb3", always("gzip-header"))
    case("tar.gz", "za4", "zb4", always("nested-tar-headers", "gzip-header"))
    os.makedirs("zc/app"), os.makedirs("zd/app"), os.makedirs("ze/app"), os.makedirs("zf/app")
    run("zip", "-q", "-X", "../../zc/app/x.zip", "a.txt", "b.txt", cwd="za/w")
    run("zip", "-q", "-X", "../../zd/app/x.zip", "b.txt", "a.txt", cwd="za/w")
    case("zip in another order", "zc", "zd", always("zip-order"))
    shutil.copyfile(os.__file__, "za/w/long.py")
    run("gzip", "-n", "-1", "-k", "long.py", cwd="za/w")
    shutil.move("za/w/long.py.gz", "ze/app/long.py.gz")
    run("gzip", "-n", "-9", "-k", "long.py", cwd="za/w")
    shutil.move("za/w/long.py.gz", "zf/app/long.py.gz")
    case("gzip at two levels", "ze", "zf", always("gzip-compression"))
    # A zip application with bytecode in it.
    for root, when in [("zg", 1700000000), ("zh", 1700000900)]:
        write(f"{fresh(root)}/w/__main__.py", "print('x')\n")
        os.utime(f"{root}/w/__main__.py", (when, when))
        run(sys.executable, "-m", "compileall", "-q", "-b", "-d", "/app", f"{root}/w")
        os.makedirs(f"{root}1/app")
        run(sys.executable, "-m", "zipapp", f"{root}/w", "-o", f"{root}1/app/x.pyz")
    case("zipapp", "zg1", "zh1", always("zip-times", "pyc-mtime"))

if need("sqlite3"):
    for root, when in [("sa", "2026-11-24 18:19:48"), ("sb", "2026-11-24 18:22:03")]:
        os.makedirs(f"{fresh(root)}/app")
        run("sqlite3", f"{root}/app/x.db", "create table log (at text, what text);",
            f"insert into log values ('{when}', 'created');")
    case("a database with a time", "sa", "sb", always("embedded-time"))

if need("dpkg", "dpkg-deb"):
    def package(name, version, content):
        root = fresh(f"deb-{name}-{version}")
        write(f"{root}/usr/lib/{name}/data", content)
        write(f"{root}/usr/lib/{name}/same", "same\n")
        write(f"{root}/DEBIAN/control", f"Package: {name}\nVersion: {version}\nArchitecture: all\n"
                                        f"Maintainer: nobody <nobody@example.org>\nDescription: {name}\n")
        run("dpkg-deb", "--root-owner-group", "-b", root, f"{name}_{version}.deb")
        return f"{name}_{version}.deb"

    def install(root, *packages):
        fresh(f"{root}/var/lib/dpkg/info"), fresh(f"{root}/var/lib/dpkg/updates"), fresh(f"{root}/var/log")
        write(f"{root}/var/lib/dpkg/status", "")
        run("dpkg", f"--root={os.path.abspath(root)}", "--force-not-root", "--force-bad-path",
            f"--log={os.path.abspath(root)}/var/log/dpkg.log", "-i", *packages)
        for name in ["lock", "lock-frontend", "triggers/Lock"]:
            pathlib.Path(root, "var/lib/dpkg", name).unlink(missing_ok=True)
        return root

    both = package("alpha", "1.0", "one\n"), package("beta", "1.0", "two\n")
    newer = package("alpha", "1.1", "three\n")

    def owned(path):
        return ["dpkg-log"] if path == "var/log/dpkg.log" else ["dpkg-package-version"]

    def only(path):
        return ["dpkg-log"] if path == "var/log/dpkg.log" else ["dpkg-package-set"]

    case("a Debian package in another version", install("da", *both), install("db", newer, both[1]), owned)
    case("a Debian package more", install("dc", both[1]), install("dd", both[1], both[0]), only)

# Text that programs write.
for root, seed in [("ta", "1"), ("tb", "2")]:
    os.makedirs(f"{fresh(root)}/app")
    with open(f"{root}/app/names.txt", "w") as f:
        subprocess.run([sys.executable, "-c", "for n in {'alpha', 'beta', 'gamma', 'delta'}: print(n)"],
                       env={**os.environ, "PYTHONHASHSEED": seed}, stdout=f, check=True)
case("a set that was printed", "ta", "tb", always("unordered-list"))
for root in ["tc1", "tc2"]:
    os.makedirs(f"{fresh(root)}/app")
    with open(f"{root}/app/build.txt", "w") as f:
        subprocess.run([sys.executable, "-c", "import tempfile; print('scratch:', tempfile.mkdtemp())"],
                       env={**os.environ, "TMPDIR": "/tmp"}, stdout=f, check=True)
    shutil.rmtree(pathlib.Path(f"{root}/app/build.txt").read_text().split()[1])
case("a folder of tempfile", "tc1", "tc2", always("embedded-path"))
for name, program, slug in [("uuid", "import uuid; print(uuid.uuid4())", "random-id"),
                            ("address", "print(object())", "memory-address"),
                            ("log", "import logging, sys, time; logging.basicConfig(stream=sys.stdout, "
                                    "format='%(asctime)s %(message)s'); logging.warning('built')", "embedded-time"),
                            ("mail", "import email.utils; print('Date:', email.utils.formatdate())", "embedded-time"),
                            ("secret", "import secrets; print(secrets.token_hex(16))", "unknown"),
                            ("random", "import random; print(random.random())", "unknown")]:
    for side in "12":
        os.makedirs(f"{fresh(name + side)}/app")
        while True:
            with open(f"{name}{side}/app/out.txt", "w") as f:
                subprocess.run([sys.executable, "-c", program], stdout=f, check=True)
            if side == "1" or pathlib.Path(f"{name}1/app/out.txt").read_bytes() != pathlib.Path(f"{name}2/app/out.txt").read_bytes():
                break
    case(name, f"{name}1", f"{name}2", always(slug))

with open("corpus.json", "w") as f:
    json.dump(cases, f)
print("missing:", " ".join(missing) or "nothing")
