"""Pins a list of packages: for each, the version and the hash of the one file that pip would install.

    python3.11 lock.py NAME.in [--keep OTHER.txt] [--from-source PACKAGE]... [--before DATE] > NAME.txt

Run on x86-64 Linux with Python 3.11, as in the images: a lock names the files of one platform, since the
package index of a run holds every file that a lock names, and no others. --keep holds the versions of
another lock where both name a package; --from-source takes a package's sdist instead of its wheel; --before
(a date such as 2026-06-01, with a pip that knows --uploaded-prior-to) takes what there was before that day.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("wanted")
parser.add_argument("--keep")
parser.add_argument("--from-source", action="append", default=[])
parser.add_argument("--before")
args = parser.parse_args()

with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
    if args.keep:
        # pip wants hashes for everything once one line has some: keep the versions alone.
        with open(args.keep) as lock:
            constraints.write("\n".join(re.findall(r"^\S+==\S+", lock.read(), re.MULTILINE)))
        constraints.flush()
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    command += ["--only-binary", ":all:", "-r", args.wanted, "-c", constraints.name]
    if args.before:
        command += ["--uploaded-prior-to", f"{args.before}T00:00:00Z"]
    for package in args.from_source:
        command += ["--no-binary", package]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)

pins = {}
for package in report["install"]:
    name = re.sub(r"[-_.]+", "-", package["metadata"]["name"]).lower()
    sha256 = package["download_info"]["archive_info"]["hashes"]["sha256"]
    pins[name] = f"{name}=={package['metadata']['version']} \\\n    --hash=sha256:{sha256}"
print("# Made by scenarios/lock.py for x86-64 Linux and Python 3.11; edit the .in file instead.")
print("\n".join(pins[name] for name in sorted(pins)))
