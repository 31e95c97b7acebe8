"""A service that answers: POST a JSON list of numbers to /predict."""

import json
import os
import pathlib
from http.server import BaseHTTPRequestHandler, HTTPServer

# Becomes a token that no other build has, so that no build finds this file in an earlier one's cache.
BUILD = "@TARE_NONCE@"
SCALE = int(pathlib.Path("/assets/scale").read_text())


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({"build": BUILD})

    def do_POST(self):
        numbers = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer([SCALE * float(number) for number in numbers])

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8000"))), Handler).serve_forever()
