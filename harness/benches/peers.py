#!/usr/bin/env python3
"""Times `tare diff` against other tools, on one pair of images.

    cargo build --release
    python3 harness/benches/peers.py [--differ] [TARE]

The pair is what two builds of one Dockerfile give: a shared base of 240 MB, and upon it a layer of 150 MB in which 800
files of bytecode carry another time. With --differ the base is written anew as well, with other times. The tools are
those on PATH: diffoscope (which gets the two differing layers, as tars: it does not look into an OCI layout), diffoci and
dive (which compares nothing: it reads each image once). The floor is inflating what differs, once, with the fastest
program at hand. Medians; the tools take turns. Needs 2 GB of disk and some minutes.
"""

import gzip
import hashlib
import io
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

BASE_BYTES = 240_000_000
LAYER_BYTES = 150_000_000
BYTECODE = 800
FILE_BYTES = 40_000
RUNS = 5


def content(chance: random.Random, size: int) -> bytes:
    """Bytes that gzip takes to about 0.4, as it does compiled code."""
    words = [chance.randbytes(8) for _ in range(4096)]
    return b"".join(chance.choices(words, k=size // 8))


def bytecode(number: int, mtime: int) -> bytes:
    names = f"'name_{number}', " * 40
    code = compile(f"value = ({names})\n" * 20, f"module_{number}.py", "exec")
    import importlib._bootstrap_external as external

    return bytes(external._code_to_timestamp_pyc(code, mtime, 1))


def layer(where: str, size: int, mtime: int, compiled: int) -> bytes:
    """A tar of files of about FILE_BYTES; `compiled` of them are bytecode of sources of the time `mtime`."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        chance = random.Random(where)

        def add(name: str, data: bytes, time_of: int) -> None:
            entry = tarfile.TarInfo(f"{where}/{name}")
            entry.size, entry.mtime = len(data), time_of
            tar.addfile(entry, io.BytesIO(data))

        for number in range(compiled):
            add(f"__pycache__/module_{number}.cpython-311.pyc", bytecode(number, mtime), 0)
        for number in range(size // FILE_BYTES):
            add(f"part_{number}.so", content(chance, FILE_BYTES), mtime if not compiled else 0)
    return out.getvalue()


def image(path: Path, layers: list[bytes]) -> list[Path]:
    """An archive that is an OCI layout and a docker archive, as engines save them; and its layers as tars beside it."""
    blobs: dict[str, bytes] = {}

    def blob(data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return digest

    packed = [gzip.compress(tar, 6, mtime=0) for tar in layers]
    diff_ids = ["sha256:" + hashlib.sha256(tar).hexdigest() for tar in layers]
    history = [{"created_by": f"RUN make layer {number}"} for number in range(len(layers))]
    rootfs = {"type": "layers", "diff_ids": diff_ids}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs, "history": history}).encode()

    def descriptor(kind: str, data: bytes) -> dict:
        media_type = f"application/vnd.oci.image.{kind}"
        return {"mediaType": media_type, "digest": "sha256:" + blob(data), "size": len(data)}

    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("config.v1+json", config),
        "layers": [descriptor("layer.v1.tar+gzip", data) for data in packed],
    }
    top = descriptor("manifest.v1+json", json.dumps(manifest).encode())
    name = f"localhost/{path.stem}:1"
    top["annotations"] = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": "1"}
    place = "blobs/sha256/"
    saved = [{
        "Config": place + manifest["config"]["digest"][7:],
        "RepoTags": [name],
        "Layers": [place + entry["digest"][7:] for entry in manifest["layers"]],
    }]
    files = {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": json.dumps({"schemaVersion": 2, "manifests": [top]}).encode(),
        "manifest.json": json.dumps(saved).encode(),
    }
    files |= {place + digest: data for digest, data in blobs.items()}
    with tarfile.open(path, "w") as tar:
        for file, data in files.items():
            entry = tarfile.TarInfo(file)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    tars = []
    for number, data in enumerate(packed):
        tars.append(path.with_suffix(f".layer{number}.tar.gz"))
        tars[-1].write_bytes(data)
    return tars


def images(here: Path, all_differ: bool) -> dict[str, tuple[Path, list[Path]]]:
    """Both images as archives, with the files of their layers."""
    pair = {}
    for name, mtime in (("a", 1_700_000_000), ("b", 1_700_000_777)):
        base = layer("usr/lib", BASE_BYTES, mtime if all_differ else 1_600_000_000, 0)
        python = layer("usr/lib/python3.11/site-packages", LAYER_BYTES, mtime, BYTECODE)
        pair[name] = (here / f"{name}.tar", image(here / f"{name}.tar", [base, python]))
    return pair


def timed(command: list[str], env: dict[str, str]) -> tuple[float, float, int]:
    """Seconds, the largest memory in MB, and the exit code."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1):
        sys.stderr.write(f"{command[0]} ended with {code}: {said.decode(errors='replace')[-300:]}\n")
    return time.monotonic() - begun, usage.ru_maxrss / 1024, code


def version(program: str) -> str:
    for flag in ("--version", "version"):
        said = subprocess.run([program, flag], capture_output=True, text=True)
        if said.returncode == 0 and said.stdout.strip():
            return said.stdout.strip().splitlines()[0]
    return ""


def main() -> None:
    arguments = [word for word in sys.argv[1:] if word != "--differ"]
    all_differ = "--differ" in sys.argv[1:]
    tare = arguments[0] if arguments else "target/release/tare"
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        env = os.environ | {"CI": "true", "HOME": folder, "XDG_DATA_HOME": folder, "XDG_CACHE_HOME": folder}
        # In a process of its own: what a program takes is counted from the fork on, with all that its parent holds then.
        with ProcessPoolExecutor(1) as maker:
            pair = maker.submit(images, here, all_differ).result()
        (a, layers_a), (b, layers_b) = pair["a"], pair["b"]
        differing = [str(path) for path in (layers_a + layers_b if all_differ else [layers_a[1], layers_b[1]])]
        rivals: dict[str, tuple[list[list[str]], int]] = {"tare diff": ([[tare, "diff", str(a), str(b)]], RUNS)}
        inflate = next((name for name in ("igzip", "libdeflate-gunzip", "pigz", "gzip") if shutil.which(name)), None)
        if inflate:
            rivals[f"floor ({inflate} -dc)"] = ([[inflate, "-dc", path] for path in differing], RUNS)
        if shutil.which("diffoscope"):
            halves = len(differing) // 2
            pairs = zip(differing[:halves], differing[halves:])
            rivals["diffoscope, the layers"] = ([["diffoscope", "--no-progress", *each] for each in pairs], 1)
        if shutil.which("diffoci"):
            for path in (a, b):
                subprocess.run(["diffoci", "--backend", "local", "load", "--input", path], env=env, check=True, capture_output=True)
            names = ["localhost/a:1", "localhost/b:1"]
            rivals["diffoci diff"] = ([["diffoci", "--backend", "local", "diff", "--semantic", *names]], 3)
        if shutil.which("dive"):
            rivals["dive, each image"] = ([["dive", "--ci", f"docker-archive://{path}"] for path in (a, b)], 3)
        seconds: dict[str, list[float]] = {name: [] for name in rivals}
        memory: dict[str, float] = dict.fromkeys(rivals, 0)
        codes: dict[str, set[int]] = {name: set() for name in rivals}
        for turn in range(RUNS):
            for name, (commands, runs) in rivals.items():
                if turn >= runs:
                    continue
                results = [timed(command, env) for command in commands]
                seconds[name].append(sum(result[0] for result in results))
                memory[name] = max([memory[name]] + [result[1] for result in results])
                codes[name] |= {result[2] for result in results}
    print("all layers differ" if all_differ else f"shared base of {BASE_BYTES / 1e6:.0f} MB, one layer differs")
    ours = statistics.median(seconds["tare diff"])
    print(f"{'':26} {'seconds':>8} {'times ours':>10} {'MB':>6}  exit  runs  version")
    for name, all_seconds in seconds.items():
        median = statistics.median(all_seconds)
        shown = "/".join(map(str, sorted(codes[name])))
        program = rivals[name][0][0][0]
        print(
            f"{name:26} {median:8.2f} {median / ours:10.1f} {memory[name]:6.0f}  {shown:>4}  {len(all_seconds):4}  {version(program)}"
        )


if __name__ == "__main__":
    main()
