"""Where the demonstration happens: a folder with a repository and a hive of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from hive_shared.settings import Profile, Sources
from hive_stack import Stack
from hive_stack.ports import free_port, is_free

HERE: Final = Path(__file__).parent
MISSION_FILE: Final = HERE / "shop.yaml"
_AGENT: Final = HERE / "scripted_agent.py"
_IDENTITY: Final = ("-c", "user.name=Shop", "-c", "user.email=shop@example.org")


class Ground(msgspec.Struct, frozen=True):
    folder: Path
    repository: Path
    stack: Stack


@contextmanager
def prepared(keep: Path | None) -> Iterator[Ground]:
    """A fresh folder, with the hive down again and the folder gone at the end.

    A folder to `keep` must not exist yet; it stays, and so does one in which something went wrong.
    """
    folder = _folder(keep)
    stack = Stack(_sources(folder), data=folder / "hive", port=_free_pair())
    try:
        yield Ground(folder, _repository(folder / "shop"), stack)
    except BaseException:
        stack.down()
        raise
    stack.down()
    if keep is None:
        shutil.rmtree(folder, ignore_errors=True)


def _folder(keep: Path | None) -> Path:
    if keep is not None:
        folder = keep.absolute()
        folder.mkdir(parents=True)
        return folder
    folder = Path(tempfile.mkdtemp(prefix="hive-demo-"))
    # Started by root, the database runs as another account, which must reach its data.
    folder.chmod(0o755)
    return folder


def _sources(folder: Path) -> Sources:
    """Nothing of the person's own configuration gets in."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("HIVE_")}
    profiles = {"scripted": Profile(command=(sys.executable, str(_AGENT)))}
    env["HIVE_PROFILES"] = msgspec.json.encode(profiles).decode()
    return Sources(env=env, home=folder, cwd=folder)


def _repository(path: Path) -> Path:
    shutil.copytree(HERE / "shop", path, ignore=shutil.ignore_patterns("__pycache__"))
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "A shop"]):
        subprocess.run(["git", *_IDENTITY, "-C", str(path), *arguments], check=True)
    return path


def _free_pair() -> int:
    """A free port whose next one is free too."""
    while True:
        port = free_port()
        if port < 65535 and is_free(port + 1):
            return port
