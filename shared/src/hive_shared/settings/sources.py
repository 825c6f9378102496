"""Where settings come from: defaults, then hive.toml, then HIVE_* variables; the later wins.

    ~/.config/agent-hive/hive.toml, then ./hive.toml     runner_slots = 8   or   [runner]
                                                                                 slots = 8
    the environment                                      HIVE_RUNNER_SLOTS=8

A key that no process knows is an error, wherever it stands: a misspelt limit is no limit. Lists in
variables are separated by commas; profiles are JSON there.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar, get_type_hints

import msgspec

from hive_shared.profiles import ProfileProblem, profiles_of
from hive_shared.settings.values import (
    LEAST_DISK,
    ClientSettings,
    GatewaySettings,
    GithubSettings,
    HealthSettings,
    OrchestratorSettings,
    Process,
    RelaySettings,
    RunnerSettings,
    bytes_of,
)

S = TypeVar("S", bound=Process)

PREFIX: Final = "HIVE_"
FILE_NAME: Final = "hive.toml"

ALL: Final[tuple[type[Process], ...]] = (
    ClientSettings,
    GatewaySettings,
    GithubSettings,
    HealthSettings,
    OrchestratorSettings,
    RelaySettings,
    RunnerSettings,
)

NOT_SETTINGS: Final = re.compile(
    # What a runner tells an agent (which may call `hive`), and what the tests are told.
    r"HIVE_(MISSION|PHASE|TASK|EPOCH|ATTEMPT|ATTEMPT_ID|PROMPT_FILE|NO_CHANGE_FILE|TEST_.*)"
)

_PASSWORD: Final = re.compile(r"(://[^:/@\s]*:)[^@\s]*(@)")


class SettingsError(ValueError):
    """A setting that cannot be taken. `where` is the file or the variable."""

    def __init__(self, message: str, *, where: str, remedy: str) -> None:
        super().__init__(f"{where}: {message}; {remedy}")
        self.message = message
        self.where = where
        self.remedy = remedy


class Explained(msgspec.Struct, frozen=True):
    """One value, and where it came from."""

    name: str
    value: str
    """As JSON; passwords are masked."""
    source: str
    """`default`, the path of a file, or the name of a variable."""
    meaning: str


class Sources(msgspec.Struct, frozen=True):
    """Where to look. The defaults are this process's own surroundings."""

    env: Mapping[str, str] = msgspec.field(default_factory=lambda: dict(os.environ))
    home: Path = msgspec.field(default_factory=Path.home)
    cwd: Path = msgspec.field(default_factory=Path.cwd)

    def files(self) -> list[Path]:
        """The files that exist, in order; the later wins."""
        places = [self.home / ".config/agent-hive" / FILE_NAME, self.cwd / FILE_NAME]
        return [place for place in places if place.is_file()]


class _Given(msgspec.Struct, frozen=True):
    value: object
    source: str
    folder: Path
    """Relative paths start here."""
    text: bool
    """From a variable, so that numbers and lists are text."""


def load(process: type[S], sources: Sources | None = None) -> S:
    """The settings of one process. Raises SettingsError."""
    given = _collect(sources or Sources())
    hints = hints_of(process)
    told: dict[str, Any] = {
        name: _convert(name, given[name], hint) for name, hint in hints.items() if name in given
    }
    _check_profiles(told.get("profiles", {}), given)
    _check_disk(told.get("runner_disk"), given)
    return process(**told)


def explain(process: type[Process], sources: Sources | None = None) -> list[Explained]:
    """Every value of one process's settings and where it came from. Raises SettingsError."""
    sources = sources or Sources()
    given = _collect(sources)
    loaded = load(process, sources)
    return [
        Explained(
            name=name,
            value=masked(_to_json(getattr(loaded, name))),
            source=given[name].source if name in given else "default",
            meaning=meaning_of(hint),
        )
        for name, hint in hints_of(process).items()
    ]


def to_env(settings: Process) -> dict[str, str]:
    """The variables that give another process these settings, whatever its files say."""
    return {
        variable(name): _to_text(getattr(settings, name)) for name in settings.__struct_fields__
    }


def variable(name: str) -> str:
    return PREFIX + name.upper()


def masked(text: str) -> str:
    """Hide the passwords of URLs."""
    return _PASSWORD.sub(r"\1***\2", text)


def meaning_of(hint: Any) -> str:
    """What the field means, as `hive config show` and the reference page print it."""
    info = msgspec.inspect.type_info(hint)
    schema = info.extra_json_schema if isinstance(info, msgspec.inspect.Metadata) else None
    return str((schema or {}).get("description", ""))


def known_names() -> list[str]:
    """Every key that some process knows."""
    return sorted({name for process in ALL for name in hints_of(process)})


def hints_of(process: type[Process]) -> dict[str, Any]:
    """The annotated type of every field."""
    hints = get_type_hints(process, include_extras=True)
    return {name: hints[name] for name in process.__struct_fields__}


def _collect(sources: Sources) -> dict[str, _Given]:
    known = known_names()
    given: dict[str, _Given] = {}
    for path in sources.files():
        for name, value in _flat(_read(path), known).items():
            _require_known(name, known, where=str(path))
            given[name] = _Given(value, str(path), path.parent, text=False)
    for key, text in sources.env.items():
        if key.startswith(PREFIX) and not NOT_SETTINGS.fullmatch(key):
            name = key.removeprefix(PREFIX).lower()
            _require_known(name, known, where=key)
            given[name] = _Given(text, key, sources.cwd, text=True)
    return given


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(
            f"it cannot be read: {error}", where=str(path), remedy="correct that place"
        ) from error


def _flat(table: Mapping[str, object], known: list[str], prefix: str = "") -> dict[str, object]:
    """`[runner] slots` is `runner_slots`, unless the table itself is a setting (profiles)."""
    flat: dict[str, object] = {}
    for key, value in table.items():
        name = prefix + key
        if isinstance(value, dict) and name not in known:
            flat |= _flat(value, known, f"{name}_")
        else:
            flat[name] = value
    return flat


def _require_known(name: str, known: list[str], *, where: str) -> None:
    if name in known:
        return
    shown = variable(name) if where.startswith(PREFIX) else name
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    nearest = near[0] if near else ""
    if nearest and where.startswith(PREFIX):
        nearest = variable(nearest)
    raise SettingsError(
        f"unknown key {shown}",
        where=where,
        remedy=f"did you mean {nearest}?" if nearest else "`hive config show` lists the known ones",
    )


def _convert(name: str, given: _Given, hint: Any) -> object:
    def hook(kind: type, value: object) -> object:
        if kind is Path and isinstance(value, str):
            return given.folder / Path(value).expanduser()
        raise NotImplementedError

    try:
        value = _from_text(given.value, hint) if given.text else given.value
        return msgspec.convert(value, hint, strict=not given.text, dec_hook=hook)
    except (msgspec.MsgspecError, RuntimeError) as error:
        raise SettingsError(
            f"{name}: {error}", where=given.source, remedy=f"it is {meaning_of(hint)}"
        ) from error


def _check_profiles(told: dict[str, Any], given: dict[str, _Given]) -> None:
    try:
        profiles_of(told)
    except ProfileProblem as problem:
        raise SettingsError(
            str(problem),
            where=given["profiles"].source,
            remedy="see docs/agents.md",
        ) from problem


def _check_disk(told: str | None, given: dict[str, _Given]) -> None:
    if told is not None and bytes_of(told) < LEAST_DISK:
        raise SettingsError(
            f"runner_disk: {told} is too little",
            where=given["runner_disk"].source,
            remedy=f"it is {meaning_of(hints_of(RunnerSettings)['runner_disk'])}",
        )


def _from_text(value: object, hint: Any) -> object:
    assert isinstance(value, str)
    info = msgspec.inspect.type_info(hint)
    plain = info.type if isinstance(info, msgspec.inspect.Metadata) else info
    if isinstance(plain, msgspec.inspect.DictType):
        return msgspec.json.decode(value)
    if isinstance(plain, msgspec.inspect.ListType):
        return [item.strip() for item in value.split(",") if item.strip()]
    if isinstance(plain, msgspec.inspect.UnionType) and not value:
        return None
    return value


def _to_json(value: object) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()


def _to_text(value: object) -> str:
    match value:
        case None:
            return ""
        case str() | Path():
            return str(value)
        case list():
            return ",".join(map(str, value))
        case _:
            return _to_json(value)
