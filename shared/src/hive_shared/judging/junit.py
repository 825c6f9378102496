"""JUnit XML to the tests of a run: what pytest, jest, vitest, gotestsum, surefire, cargo-nextest
and their like write.

The format has no standard; what they share is `testcase` with `classname` and `name`, and in it
`failure`, `error` or `skipped`. A report comes from code that nobody has reviewed yet, so reading
it is bounded: no document types (and so no entities), no more than so many bytes, tests and levels.
"""

from typing import IO, Any, Final
from xml.parsers import expat

import msgspec

from hive_shared.judging.results import FAILED, PASSED, SKIPPED, Outcomes, test_name

MAX_BYTES: Final = 64 * 1024 * 1024
"""Of all files of one report together."""
MAX_TESTS: Final = 200_000
MAX_DEPTH: Final = 64
MAX_MESSAGES: Final = 200
"""Failing tests of which it is kept what they say."""
MAX_MESSAGE: Final = 4_000
"""Characters of that, for each: the beginning has the reason, the end the place."""

_PIECE: Final = 256 * 1024
_SKIPPED_STATUS: Final = frozenset({"notrun", "skipped", "disabled"})


class ReportProblem(Exception):
    """A report cannot be read; the text says why, and in which file."""


class Report(msgspec.Struct, frozen=True):
    tests: dict[str, Outcomes]
    messages: dict[str, str]
    """What failing tests say, by name."""


class Reading:
    """The files of one report, one after the other."""

    def __init__(self) -> None:
        self.tests: dict[str, Outcomes] = {}
        self.messages: dict[str, str] = {}
        self._bytes = 0
        self._cases = 0
        self._file = ""
        self._start_file()

    def report(self) -> Report:
        return Report(self.tests, self.messages)

    def read(self, file: IO[bytes], name: str) -> None:
        """Add one file. Raises ReportProblem, OSError."""
        self._file = name
        self._start_file()
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse_document_type
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        try:
            while piece := file.read(_PIECE):
                self._bytes += len(piece)
                if self._bytes > MAX_BYTES:
                    raise self._problem(f"has more than {MAX_BYTES >> 20} MiB")
                parser.Parse(piece, False)
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise self._problem(f"is no XML: {error}") from error
        except (LookupError, ValueError) as error:
            # An encoding that Python does not know, or that is not of single bytes.
            raise self._problem(f"cannot be decoded: {error}") from error

    def _start_file(self) -> None:
        self._depth = 0
        self._suites: list[str] = []
        self._case = ""
        """The test that is being read; empty between tests."""
        self._outcome = PASSED
        self._inside = ""
        """The element of a failing test whose text is being read."""
        self._inside_depth = 0
        self._summary = ""
        """Its attribute `message`, which its text often repeats."""
        self._said: list[str] = []
        self._said_size = 0

    def _refuse_document_type(self, *_: Any) -> None:
        raise self._problem("has a document type, which no test report needs")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._problem(f"has elements within each other deeper than {MAX_DEPTH}")
        match tag:
            case "testsuite":
                self._suites.append(attributes.get("name", ""))
            case "testcase":
                group = attributes.get("classname") or (self._suites[-1] if self._suites else "")
                self._case = test_name(group, attributes.get("name", ""))
                status = attributes.get("status", "").lower()
                self._outcome = SKIPPED if status in _SKIPPED_STATUS else PASSED
            case "failure" | "error":
                if not self._case:
                    # A suite that could not even begin.
                    self._case = test_name(self._suites[-1] if self._suites else "", "")
                    self._add(self._case, FAILED)
                self._outcome = FAILED
                self._inside, self._inside_depth = tag, self._depth
                self._summary = _cut(attributes.get("message", "").strip())
            case "skipped" if self._case and self._outcome is not FAILED:
                self._outcome = SKIPPED

    def _end(self, tag: str) -> None:
        if self._inside and self._depth == self._inside_depth:
            self._inside = ""
            self._keep_message()
        if tag == "testcase":
            self._add(self._case, self._outcome)
            self._case = ""
        elif tag == "testsuite" and self._suites:
            self._suites.pop()
            self._case = ""
        self._depth -= 1

    def _text(self, text: str) -> None:
        if self._inside:
            self._hear(text)

    def _hear(self, text: str) -> None:
        """Text of a failing test; of a long one the middle goes."""
        if len(text) > MAX_MESSAGE:
            half = MAX_MESSAGE // 2
            text = f"{text[:half]}\n[…]\n{text[-half:]}"
        self._said.append(text)
        self._said_size += len(text)
        if self._said_size > 16 * MAX_MESSAGE:
            self._said = [_cut("".join(self._said))]
            self._said_size = len(self._said[0])

    def _keep_message(self) -> None:
        text = "".join(self._said).strip()
        repeated = all(line.strip() in text for line in self._summary.splitlines())
        said = _cut(text if repeated else f"{self._summary}\n{text}".strip())
        self._said, self._said_size = [], 0
        if self._case in self.messages:
            said = _cut(f"{self.messages[self._case]}\n{said}")
        elif len(self.messages) >= MAX_MESSAGES:
            return
        self.messages[self._case] = said

    def _add(self, name: str, outcome: Outcomes) -> None:
        self._cases += 1
        if self._cases > MAX_TESTS:
            raise self._problem(f"has more than {MAX_TESTS:,} tests")
        before = self.tests.get(name)
        self.tests[name] = outcome if before is None else before + outcome

    def _problem(self, why: str) -> ReportProblem:
        return ReportProblem(f"{self._file} {why}")


def _cut(text: str) -> str:
    if len(text) <= MAX_MESSAGE:
        return text
    third = MAX_MESSAGE // 3
    return f"{text[:third]}\n[…]\n{text[-2 * third :]}"
