"""Importing the gateway does nothing but define things."""

import subprocess
import sys

MODULES = """
import importlib, pkgutil, sys
sys.addaudithook(lambda event, args: (
    event in ("socket.connect", "socket.bind", "subprocess.Popen") and sys.exit(f"{event} {args}")
))
import hive_gateway
for module in pkgutil.walk_packages(hive_gateway.__path__, "hive_gateway."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
import threading
assert threading.active_count() == 1, threading.enumerate()
heavy = {"faststream", "pydantic", "opentelemetry.sdk", "hive_orchestrator"} & set(sys.modules)
assert not heavy, heavy
"""


def test_no_module_opens_a_socket_a_thread_or_a_process_or_needs_an_environment() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", MODULES],
        env={},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
