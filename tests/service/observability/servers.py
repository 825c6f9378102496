"""Prometheus and Alertmanager as they are shipped for a hive, told where this one is."""

import contextlib
import json
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from hive_stack.ports import free_port
from tests.component.docs.pages import ROOT
from tests.system.hive import RealHive

STACK: Final = ROOT / "infra/observability_stack"
PROMETHEUS: Final = shutil.which("prometheus")
ALERTMANAGER: Final = shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")
SOON: Final = 60.0


class Servers:
    """Both, at work."""

    def __init__(self, prometheus: int, receiver: "Receiver") -> None:
        self._prometheus = prometheus
        self.receiver = receiver

    def query(self, query: str) -> list[dict[str, Any]]:
        """What an instant query finds now."""
        found: list[dict[str, Any]] = self._get("query", query=query)["result"]
        return found

    def exemplars(self, query: str) -> list[dict[str, Any]]:
        now = time.time()
        found = self._get("query_exemplars", query=query, start=now - 600, end=now)
        return [each for series in found for each in series["exemplars"]]

    def rules(self) -> list[dict[str, Any]]:
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def _get(self, what: str, **arguments: object) -> Any:
        asked = urllib.parse.urlencode(arguments)
        url = f"http://127.0.0.1:{self._prometheus}/api/v1/{what}?{asked}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            told = json.load(answer)
        assert told["status"] == "success", told
        return told["data"]


class Receiver:
    """What Alertmanager posts to."""

    def __init__(self) -> None:
        self._told: list[dict[str, Any]] = []
        self._news = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    @contextlib.contextmanager
    def listening(self) -> Iterator["Receiver"]:
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first alert that is as wanted. Raises TimeoutError."""
        with self._news:
            if not self._news.wait_for(lambda: any(map(wanted, self._told)), SOON):
                raise TimeoutError(self._told)
            return next(filter(wanted, self._told))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with receiver._news:
                    receiver._told += told["alerts"]
                    receiver._news.notify_all()
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        return Handler


Changes = tuple[tuple[str, str], ...]

HURRY: Final[Mapping[str, Changes]] = {
    "prometheus_setup.yaml": (
        ("scrape_interval: 15s", "scrape_interval: 1s"),
        ("evaluation_interval: 1m", "evaluation_interval: 1s"),
    ),
    "hive_rules.yaml": (("for: 1m", "for: 1s"),),
    "slo_rules.yaml": (("interval: 1m", "interval: 5s"),),
    "alertmanager_config.yaml": (
        ("group_wait: 30s", "group_wait: 1s"),
        ("group_interval: 5m", "group_interval: 1s"),
    ),
}
"""What has to be quicker than it ships, for a test that people wait for."""


@contextlib.contextmanager
def watching(
    hive: RealHive,
    door: int,
    folder: Path,
    *,
    gateways: int = 0,
    hurry: Mapping[str, Changes] = HURRY,
) -> Iterator[Servers]:
    """The shipped files with this hive's addresses, and in a hurry. `door` is the port at which
    the hive takes alerts, `gateways` the one at which the gateway is read (0 is its own)."""
    assert PROMETHEUS and ALERTMANAGER
    alerts, metrics = free_port(), free_port()
    gateway = f"127.0.0.1:{hive.state.http_port}"
    one, whole = '[{targets: ["gateway:8000"]}]\n  # One', '["gateway:8000"]'
    with Receiver().listening() as receiver:
        prometheus = _written(
            folder / "prometheus.yaml", "prometheus_setup.yaml", hurry,
            ("/etc/hive/prometheus.token", str(hive.stack.paths.secrets / "admin.token")),
            (one, one.replace("gateway:8000", f"127.0.0.1:{gateways}" if gateways else gateway)),
            (whole, f'["{gateway}"]'),
            ('"alertmanager:9093"', f'"127.0.0.1:{alerts}"'),
        )  # fmt: skip
        for rules in ("hive_rules.yaml", "slo_rules.yaml"):
            _written(folder / rules, rules, hurry)
        alertmanager = _written(
            folder / "alertmanager.yaml", "alertmanager_config.yaml", hurry,
            ("/etc/hive/alerts.token", str(hive.stack.paths.secrets / "alerts.token")),
            (
                "      - url: http://health:8003/alerts",
                f"      - url: {receiver.url}\n      - url: http://127.0.0.1:{door}/alerts",
            ),
        )  # fmt: skip
        with (
            _running(
                ALERTMANAGER, f"--config.file={alertmanager}", "--cluster.listen-address=",
                f"--storage.path={folder / 'alerts'}", f"--web.listen-address=127.0.0.1:{alerts}",
                log=folder / "alertmanager.log",
            ),
            _running(
                PROMETHEUS, f"--config.file={prometheus}", "--enable-feature=exemplar-storage",
                f"--storage.tsdb.path={folder / 'series'}",
                f"--web.listen-address=127.0.0.1:{metrics}",
                log=folder / "prometheus.log",
            ),
        ):  # fmt: skip
            _wait_for_port(metrics, folder / "prometheus.log")
            yield Servers(metrics, receiver)


def _written(
    path: Path, shipped: str, hurry: Mapping[str, Changes], *addresses: tuple[str, str]
) -> Path:
    text = (STACK / shipped).read_text()
    for old, new in (*hurry.get(shipped, ()), *addresses):
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)
    return path


@contextlib.contextmanager
def _running(*command: str, log: Path) -> Iterator[None]:
    with log.open("wb") as told:
        process = subprocess.Popen(command, stdout=told, stderr=told, cwd=log.parent)
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


def _wait_for_port(port: int, log: Path) -> None:
    until = time.monotonic() + SOON
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5).close()
            return
        time.sleep(0.1)
    raise TimeoutError(log.read_text()[-3000:])
