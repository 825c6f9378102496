"""The tests of one run, as any later run is compared with them."""

import hashlib
from typing import Final

import msgspec

MAX_NAME: Final = 400
"""Characters of a test's name; a longer one keeps its beginning and gets a digest of the rest."""


class Outcomes(msgspec.Struct, frozen=True, array_like=True):
    """How often tests of one name passed, failed and were skipped.

    Usually one of the three is 1. Some reporters give several tests one name, and pytest tells
    twice of a test that fails and cannot be taken down either.
    """

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Outcomes") -> "Outcomes":
        return Outcomes(
            self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped
        )

    @property
    def all(self) -> int:
        return self.passed + self.failed + self.skipped


PASSED: Final = Outcomes(passed=1)
FAILED: Final = Outcomes(failed=1)
SKIPPED: Final = Outcomes(skipped=1)


class Run(msgspec.Struct, frozen=True, omit_defaults=True):
    """A gate's command, run once: how it ended, and its tests by name."""

    exit_code: int | None
    """None where the command did not end by itself; negative is the signal that ended it."""
    tests: dict[str, Outcomes]

    @property
    def failing(self) -> list[str]:
        return [name for name, outcomes in self.tests.items() if outcomes.failed]


def encoded(run: Run) -> bytes:
    """The run as an artifact: the same run is always the same bytes."""
    return msgspec.json.encode(run, order="deterministic")


def decoded(content: bytes) -> Run:
    """Raises msgspec.DecodeError."""
    return msgspec.json.decode(content, type=Run)


def test_name(group: str, name: str) -> str:
    """A test by the names of its class (or file, or package) and of itself."""
    parts = [part for part in (group.strip(), name.strip()) if part]
    full = "::".join(parts) or "(a test without a name)"
    if len(full) <= MAX_NAME:
        return full
    digest = hashlib.sha256(full.encode("utf-8", "replace")).hexdigest()[:16]
    return f"{full[:MAX_NAME]}…{digest}"
