import hashlib
import os
from pathlib import Path

import pytest

from hive_contracts.plan import ArtifactRef
from hive_shared.artifacts import (
    MAX_ARTIFACT,
    PIECE,
    ArtifactCorrupt,
    ArtifactMismatch,
    ArtifactMissing,
    Artifacts,
    ArtifactTooLarge,
    InvalidDigest,
    pieces,
)


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path)


def _files(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def _ref(content: bytes) -> ArtifactRef:
    return ArtifactRef(hashlib.sha256(content).hexdigest(), len(content))


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_a_blob_comes_back_in_pieces(artifacts: Artifacts, size: int) -> None:
    content = os.urandom(size)
    ref = artifacts.put(content)
    assert ref == _ref(content)
    with artifacts.reader(ref.digest) as reader:
        assert reader.ref == ref
        assert b"".join(pieces(reader)) == content


def test_storing_twice_keeps_one_file(artifacts: Artifacts, tmp_path: Path) -> None:
    ref = artifacts.put(b"same")
    for _ in range(2):
        with artifacts.writer(ref) as writer:
            writer.write(b"same")
            writer.commit()
    assert _files(tmp_path) == [ref.digest]


@pytest.mark.parametrize(
    ("announced", "sent"),
    [
        pytest.param(_ref(b"right"), b"wrong", id="another digest"),
        pytest.param(_ref(b"right"), b"righ", id="too short"),
        pytest.param(_ref(b"right"), b"right!", id="too long"),
    ],
)
def test_what_is_not_as_announced_leaves_nothing(
    artifacts: Artifacts, tmp_path: Path, announced: ArtifactRef, sent: bytes
) -> None:
    with pytest.raises(ArtifactMismatch), artifacts.writer(announced) as writer:
        writer.write(sent)
        writer.commit()
    assert _files(tmp_path) == []
    assert not artifacts.has(announced.digest)


def test_an_interrupted_write_leaves_nothing(artifacts: Artifacts, tmp_path: Path) -> None:
    with artifacts.writer(_ref(b"right")) as writer:
        writer.write(b"ri")
    assert _files(tmp_path) == []


def test_a_blob_that_is_too_large_is_refused_before_anything_is_written(
    artifacts: Artifacts, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactTooLarge):
        artifacts.writer(ArtifactRef("0" * 64, MAX_ARTIFACT + 1))
    assert _files(tmp_path) == []


def test_a_missing_blob_is_named(artifacts: Artifacts) -> None:
    digest = "0" * 64
    for call in (artifacts.reader, artifacts.path):
        with pytest.raises(ArtifactMissing, match=digest):
            call(digest)
    assert not artifacts.has(digest)


@pytest.mark.parametrize("damage", [b"", b"tamper", b"tampered with"])
def test_a_damaged_blob_is_not_handed_out(
    artifacts: Artifacts, tmp_path: Path, damage: bytes
) -> None:
    ref = artifacts.put(b"intact")
    (tmp_path / ref.digest[:2] / ref.digest).write_bytes(damage)
    with pytest.raises(ArtifactCorrupt):
        artifacts.get(ref.digest, limit=PIECE)


def test_a_blob_above_the_readers_limit_is_not_read(artifacts: Artifacts) -> None:
    ref = artifacts.put(b"four")
    assert artifacts.get(ref.digest, limit=4) == b"four"
    with pytest.raises(ArtifactTooLarge):
        artifacts.get(ref.digest, limit=3)


@pytest.mark.parametrize("digest", ["", "abc", "../" * 22, "A" * 64, "0" * 63 + "\n", "0" * 65])
def test_what_is_no_digest_names_no_file(artifacts: Artifacts, digest: str) -> None:
    with pytest.raises(InvalidDigest):
        artifacts.has(digest)


def test_leftovers_of_a_crash_are_discarded_by_age(artifacts: Artifacts, tmp_path: Path) -> None:
    old, new = tmp_path / "part" / "old", tmp_path / "part" / "new"
    for part, modified in ((old, 1_000), (new, 3_000)):
        part.write_bytes(b"x")
        os.utime(part, (modified, modified))
    assert artifacts.discard_leftovers(before=2_000) == 1
    assert not old.exists()
    assert new.exists()


def test_a_blob_that_is_old_enough_is_deleted_once_and_for_all(artifacts: Artifacts) -> None:
    ref = artifacts.put(b"old")
    os.utime(artifacts.path(ref.digest), (1000, 1000))
    assert not artifacts.delete(ref.digest, 1000)
    assert artifacts.has(ref.digest)
    assert artifacts.delete(ref.digest, 1001)
    assert not artifacts.has(ref.digest)
    assert artifacts.delete(ref.digest, 1001)


def test_a_blob_that_is_handed_in_again_while_it_is_deleted_stays(
    artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = artifacts.put(b"wanted")
    os.utime(artifacts.path(ref.digest), (1000, 1000))
    rename = Path.rename

    def touched_before(self: Path, target: Path) -> Path:
        """Somebody hands it in between the first look and the renaming."""
        monkeypatch.undo()
        assert artifacts.touch(ref.digest)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", touched_before)
    assert not artifacts.delete(ref.digest, 2000)
    assert artifacts.get(ref.digest, 100) == b"wanted"
    assert not artifacts.touch("0" * 64)


def test_a_deletion_that_was_cut_short_is_undone(artifacts: Artifacts, tmp_path: Path) -> None:
    ref = artifacts.put(b"wanted")
    (tmp_path / "gone").mkdir()
    artifacts.path(ref.digest).rename(tmp_path / "gone" / ref.digest)
    artifacts.put_back()
    assert artifacts.get(ref.digest, 100) == b"wanted"
