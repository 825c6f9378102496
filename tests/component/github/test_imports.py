"""Importing does nothing: no configuration, no environment, no network, no client."""

import subprocess
import sys
from pathlib import Path

import pytest

IMPORT_ALL = """
import importlib, pkgutil, socket, sys

def refuse(*args, **kwargs):
    raise AssertionError("an import reached for the network")

socket.socket.connect = socket.socket.bind = socket.create_connection = refuse
socket.getaddrinfo = socket.gethostbyname = refuse

package = importlib.import_module(sys.argv[1])
names = [package.__name__]
for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
        names.append(found.name)
print(len(names))
if package.__name__ == "hive_github":
    clients = [m for m in sys.modules if m.split(".")[0] in ("github", "githubkit", "gidgethub")]
    assert not clients, clients
"""

MEMBERS = (
    "hive_contracts", "hive_shared", "hive_orchestrator", "hive_gateway", "hive_runner",
    "hive_github", "hive_health", "hive_client", "hive_cli", "hive_stack", "hive_bench",
)  # fmt: skip


@pytest.mark.parametrize("member", MEMBERS)
def test_every_module_of_a_member_imports_without_anything_around_it(
    member: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error::ResourceWarning", "-c", IMPORT_ALL, member],
        capture_output=True,
        text=True,
        env={},
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 1
    assert list(tmp_path.iterdir()) == []
