"""Small programs under the services' names, for tests of the stack that keeps them running.

Each writes its settings down and waits; the gateway answers `/health/ready`. Put in front of the
real ones by PYTHONPATH.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from hive_shared.settings import Sources
from hive_stack.ports import free_port, is_free
from hive_stack.stack import Stack

NAMES = ("orchestrator", "gateway", "github", "health", "runner")

WAITING = """
import os, pathlib, signal, subprocess, sys
told = {key: value for key, value in os.environ.items()}
folder = pathlib.Path(os.environ["HIVE_DATA"]) / "told"
folder.mkdir(exist_ok=True)
(folder / NAME).write_text("\\n".join(f"{key}={value}" for key, value in sorted(told.items())))
"""

BROKEN = 'import sys\nsys.exit("the flux is not compensated")\n'

WITH_AN_AGENT = (
    WAITING
    + """
agent = subprocess.Popen(["sleep", "1000"], start_new_session=True)
(folder / "agent").write_text(str(agent.pid))
"""
)

PAUSE = "signal.pause()\n"

SERVING = """
import http.server
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write(b'{"status": "ready", "checks": []}')
    def log_message(self, *_): pass
port = int(os.environ["HIVE_GATEWAY_HTTP_PORT"])
http.server.HTTPServer(("127.0.0.1", port), Ready).serve_forever()
"""


def write_standins(folder: Path, programs: Mapping[str, str] | None = None) -> Path:
    """Make packages of these names; `programs` goes before the usual ones."""
    usual = {name: WAITING + (SERVING if name == "gateway" else PAUSE) for name in NAMES}
    for name, program in {**usual, **(programs or {})}.items():
        package = folder / f"hive_{name}"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(f"NAME = {name!r}\n{program}")
    return folder


def free_pair() -> int:
    """A port that is free and whose next one is, too."""
    while True:
        port = free_port()
        if port < 65000 and is_free(port + 1):
            return port


def stack_at(data: Path, standins: Path, **env: str) -> Stack:
    path = os.pathsep.join([str(standins), *filter(None, [os.environ.get("PYTHONPATH")])])
    surroundings = {"PATH": os.environ["PATH"], "PYTHONPATH": path, **env}
    sources = Sources(env=surroundings, home=standins, cwd=standins)
    return Stack(sources, data=data, port=free_pair())
