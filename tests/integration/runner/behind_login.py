"""A repository behind a login: git's own HTTP server, and basic authentication before it."""

import base64
import hmac
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

USER, PASSWORD = "ada", "k33p-this-s3cret"
LOGIN = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


class Door:
    """What came to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.refused = 0
        self.let_in = 0


@contextmanager
def behind_login(folder: Path) -> Iterator[Door]:
    """All repositories of a folder, at `url`/NAME."""
    env = {
        "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(folder), "GIT_HTTP_EXPORT_ALL": "1",
        "HOME": "/nonexistent", "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }  # fmt: skip

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # named by the library
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a test has nobody who reads it."""

        def _answer(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(size)
            given = self.headers.get("Authorization", "")
            if not hmac.compare_digest(given, f"Basic {LOGIN}"):
                door.refused += 1
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            door.let_in += 1
            path, _, query = self.path.partition("?")
            asked = {
                "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(size),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "REMOTE_USER": USER,
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            }  # fmt: skip
            said = subprocess.run(
                ["git", "http-backend"], input=body, env=env | asked, capture_output=True,
                check=True,
            ).stdout  # fmt: skip
            head, _, content = said.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            self.send_response(int(headers.pop("Status", "200").split()[0]))
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    door = Door(f"http://127.0.0.1:{server.server_address[1]}")
    serving = threading.Thread(target=server.serve_forever, args=(0.05,))
    serving.start()
    try:
        yield door
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
