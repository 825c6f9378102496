"""The files of migrations, and what can be wrong with them.

MigrationError
├── MisnumberedMigration   a name that is no NNNN_name.sql, a gap, or a number used twice
├── ChangedMigration       a file was applied and has changed since
└── MigrationFailed        the database refused a file; nothing of that file was kept
"""

import hashlib
import importlib.util
import re
from pathlib import Path
from typing import Final

import msgspec

_NAME: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


class MigrationError(Exception):
    """The migrations cannot be applied."""


class MisnumberedMigration(MigrationError):
    """Migrations are numbered 0001, 0002, … without a gap."""


class ChangedMigration(MigrationError):
    """An applied migration must not change; add another one."""


class MigrationFailed(MigrationError):
    """The database refused a migration; nothing of it was kept."""


class Schema(msgspec.Struct, frozen=True):
    """A schema and the files that make it."""

    name: str
    role: str
    """Runs the files, and so owns what they make."""
    folder: Path


class Migration(msgspec.Struct, frozen=True):
    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


HIVE: Final = Schema("hive", "hive_owner", Path(__file__).parent.parent / "eventstore" / "sql")
"""The log. Goes first: the services' schemas may refer to it."""


def service_schema(service: str) -> Schema:
    """The schema of a service whose package is installed; the package itself is not imported.

    Raises MigrationError where hive_<service> is not installed or brings no `sql` folder.
    """
    package = f"hive_{service}"
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise MigrationError(f"{package} is not installed")
    folder = Path(spec.origin).parent / "sql"
    if not folder.is_dir():
        raise MigrationError(f"{package} brings no migrations: there is no folder {folder}")
    return Schema(service, package, folder)


def migrations_of(schema: Schema) -> list[Migration]:
    """The files of a schema, in order. Raises MisnumberedMigration."""
    found = []
    for wanted, path in enumerate(sorted(schema.folder.glob("*.sql")), start=1):
        match = _NAME.fullmatch(path.name)
        if match is None or int(match[1]) != wanted:
            raise MisnumberedMigration(f"{path}: expected {wanted:04}_name.sql")
        found.append(Migration(wanted, path.stem, path.read_text()))
    return found
