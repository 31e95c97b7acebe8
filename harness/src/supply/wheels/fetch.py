"""Fetches files of a package index by their hash, and nothing else: no resolution, no build, no install.

`pip download` would build the metadata of a source distribution, and so run its code. This asks pip
only for its session, which holds what the machine says of indexes, proxies, certificates and logins.

Reads a JSON document from standard input: {"directory": DIR, "wanted": {NAME: [SHA256, ...]}}.
Writes DIR/SHA256/FILENAME for each file found, and a line to standard output as each is there:
    file SHA256 FILENAME
    missing SHA256 WHY
"""

import hashlib
import html.parser
import json
import os
import re
import sys
import urllib.parse

from pip._internal.commands import create_command


class Links(html.parser.HTMLParser):
    """The links of a PEP 503 page, or of any page that --find-links may name."""

    def __init__(self, text):
        super().__init__()
        self.hrefs = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.hrefs.extend(value for key, value in attrs if key == "href" and value)


def get(session, url, **options):
    response = session.get(url, headers={
        "Accept": "application/vnd.pypi.simple.v1+json, text/html;q=0.2",
        "Accept-Encoding": "identity",
    }, **options)
    response.raise_for_status()
    return response


def links_of(session, url):
    """Yields (sha256 or None, URL) of each file on a page."""
    response = get(session, url)
    if "json" in response.headers.get("Content-Type", ""):
        for file in response.json()["files"]:
            yield file.get("hashes", {}).get("sha256"), urllib.parse.urljoin(response.url, file["url"])
        return
    for href in Links(response.text).hrefs:
        target, fragment = urllib.parse.urldefrag(urllib.parse.urljoin(response.url, href))
        yield urllib.parse.parse_qs(fragment).get("sha256", [None])[0], target


def local_files(place, name):
    """Yields the paths of a project's files in a --find-links directory on this machine."""
    if place.startswith("file:"):
        place = urllib.parse.unquote(urllib.parse.urlparse(place).path)
    if os.path.isdir(place):
        for filename in sorted(os.listdir(place)):
            if re.sub(r"[-_.]+", "-", filename).lower().startswith(name + "-"):
                yield os.path.join(place, filename)


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def keep(directory, sha256, filename, chunks):
    """Writes a file under its hash, whole or not at all."""
    folder = os.path.join(directory, sha256)
    os.makedirs(folder, exist_ok=True)
    part = os.path.join(folder, ".part-%d" % os.getpid())
    digest = hashlib.sha256()
    try:
        with open(part, "wb") as out:
            for chunk in chunks:
                digest.update(chunk)
                out.write(chunk)
        if digest.hexdigest() != sha256:
            raise ValueError("the index sent a file with another hash: %s" % digest.hexdigest())
        os.rename(part, os.path.join(folder, filename))
    finally:
        if os.path.exists(part):
            os.unlink(part)
    print("file", sha256, filename, flush=True)


def main():
    request = json.load(sys.stdin)
    directory = request["directory"]
    command = create_command("download")
    options, _ = command.parse_args(["--quiet"])
    indexes = [] if options.no_index else [options.index_url, *options.extra_index_urls]
    with command.main_context():
        session = command.get_default_session(options)
        for name, hashes in sorted(request["wanted"].items()):
            wanted, why = set(hashes), []
            # A directory of the machine's own first: it costs nothing.
            for place in options.find_links:
                for path in local_files(place, name):
                    sha256 = sha256_of(path)
                    if sha256 in wanted:
                        with open(path, "rb") as stream:
                            keep(directory, sha256, os.path.basename(path), iter(lambda: stream.read(1 << 20), b""))
                        wanted.discard(sha256)
            pages = [place for place in options.find_links if place.startswith("http")]
            pages += [index.rstrip("/") + "/" + name + "/" for index in indexes]
            for page in pages:
                if not wanted:
                    break
                try:
                    for sha256, url in links_of(session, page):
                        if sha256 not in wanted:
                            continue
                        filename = os.path.basename(urllib.parse.unquote(urllib.parse.urlparse(url).path))
                        keep(directory, sha256, filename, get(session, url, stream=True).iter_content(1 << 18))
                        wanted.discard(sha256)
                except Exception as error:  # one index may fail beside another that has the file
                    why.append("%s: %s" % (type(error).__name__, " ".join(str(error).split())))
            for sha256 in sorted(wanted):
                print("missing", sha256, "; ".join(why) or "no index lists a file with this hash", flush=True)


main()
