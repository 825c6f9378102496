"""`stack.json`: what runs in a data directory, and on which ports. It holds no secret."""

from pathlib import Path
from typing import Literal

import msgspec

from hive_stack.errors import StackError
from hive_stack.processes import ProcessId, alive

Phase = Literal["starting", "ready", "stopping", "stopped", "failed"]


class Failure(msgspec.Struct, frozen=True):
    """A StackError on its way from the supervisor to whoever waits."""

    code: str
    message: str
    where: str
    remedy: str

    def error(self) -> StackError:
        return StackError(self.code, self.message, where=self.where, remedy=self.remedy)


class Program(msgspec.Struct, frozen=True):
    """A server or service of the stack."""

    name: str
    process: ProcessId | None
    """None while it waits to be started again, and where somebody else runs it."""
    restarts: int = 0
    exit_status: int | None = None
    """Of its last end; negative is a signal."""


class StackState(msgspec.Struct, frozen=True):
    phase: Phase
    supervisor: ProcessId | None
    http_port: int
    grpc_port: int
    postgres_port: int
    """0 where the stack runs no server of its own."""
    nats_port: int
    postgres: str = ""
    """As people see it: "PostgreSQL 18.6"."""
    nats: str = ""
    redis_port: int = 0
    redis: str = ""
    """As people see it; empty where there is none."""
    redis_missing: str = ""
    """Why there is none, and what to do about it."""
    second_grpc_port: int = 0
    """Of the second gateway; 0 where there is one only."""
    runners: str = "1"
    """As many as it was told to have: a number, or MIN:MAX."""
    programs: tuple[Program, ...] = ()
    up_in_s: float | None = None
    """Seconds that the last start took."""
    failure: Failure | None = None

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def gateway(self) -> str:
        """The API's address; of two gateways with a comma between."""
        ports = [port for port in (self.grpc_port, self.second_grpc_port) if port]
        return ",".join(f"127.0.0.1:{port}" for port in ports)

    def program(self, name: str) -> Program | None:
        return next((program for program in self.programs if program.name == name), None)

    def running(self) -> list[ProcessId]:
        """The processes named here that are still there, the supervisor first."""
        named = [self.supervisor, *(program.process for program in self.programs)]
        return [process for process in named if process is not None and alive(process)]


def read_state(path: Path) -> StackState | None:
    """What was written last; None where nothing ever was. Raises StackError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=StackState)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StackError(
            "broken-data-directory",
            f"stack.json cannot be read: {error}",
            where=str(path),
            remedy="remove that file: the data beside it is kept, new ports are chosen",
        ) from error


def write_state(path: Path, state: StackState) -> None:
    new = path.with_name(path.name + ".new")
    new.write_bytes(msgspec.json.format(msgspec.json.encode(state), indent=1))
    new.rename(path)
