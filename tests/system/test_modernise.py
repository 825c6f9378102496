"""What docs/modernise.md tells, again, on a package as it is published."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.hive import open_folder
from tests.system.modernise import PACKAGE, SUITE, Modernising, NoIndex, download


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    with open_folder("modernise", request.session) as made:
        yield made


@pytest.mark.full("the package's own suite is run some twenty times")
@pytest.mark.timeout(600)
def test_a_published_package_is_modernised_file_by_file_through_two_kills(folder: Path) -> None:
    try:
        came = Modernising(folder, PACKAGE, SUITE, print).run()
    except NoIndex as reason:
        pytest.skip(str(reason))
    assert came.killed == ("runner", "orchestrator")
    assert came.files >= 8
    assert len(came.changed) == came.merged >= 8
    assert not [path for path in came.changed if path.startswith("tests/")]
    assert len(came.before) > 100
    assert "error" in came.before.values(), "a base that is red, and compared with"
    assert came.after == came.before
    for turn in (
        "was launched, from ", "a person is asked: ", " said yes", ": its runner was lost (",
        "was merged: ", "the mission succeeded",
    ):  # fmt: skip
        assert turn in came.why, came.why
    assert "hive discard" not in came.why
    assert "Fixed " in came.log or "Found " in came.log, came.log


def test_without_a_package_index_it_says_why_it_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    with pytest.raises(NoIndex, match=r"no package index has boltons==20\.2\.1 for us; pip says"):
        download(PACKAGE, tmp_path)
