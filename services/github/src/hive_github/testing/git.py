"""Real git on the test GitHub's bare repositories."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from hive_github.testing.clock import TestClock

ZERO: Final = "0" * 40
_SHA: Final = re.compile(r"[0-9a-f]{40}")
_FULL: Final = re.compile(r"[0-9a-f]{40}(?:\.\.[0-9a-f]{40})?")
_NAMED_FOR_EVER: Final = re.compile(r"[0-9a-f]{40}[:^]")
_CONFIG: Final = """[core]
	repositoryformatversion = 0
	filemode = true
	bare = true
[uploadpack]
	allowAnySHA1InWant = true
	allowFilter = true
[receive]
	autogc = false
	denyDeleteCurrent = ignore
[gc]
	auto = 0
"""
"""The format's version 0 keeps each ref in a file of its own until somebody packs them."""
_HOOK: Final = """#!/bin/sh
# update: ref old new. What the branch's rules refuse is written in the file `protected`.
case "$1" in
    refs/pull/*|refs/heads/gh-readonly-queue/*)
        echo "error: GH013: Cannot update this protected ref: $1." >&2; exit 1;;
esac
[ -s protected ] || exit 0
grep -qxF "push $1" protected && {
    echo "error: GH006: Protected branch update failed for $1." >&2
    echo "error: Changes must be made through a pull request." >&2; exit 1; }
case "$3" in *[!0]*) ;; *)
    grep -qxF "delete $1" protected && {
        echo "error: GH006: Cannot delete protected branch $1." >&2; exit 1; }
    exit 0;; esac
case "$2" in *[!0]*)
    grep -qxF "force $1" protected || exit 0
    git merge-base --is-ancestor "$2" "$3" || {
        echo "error: GH006: Cannot force-push to protected branch $1." >&2; exit 1; };;
esac
"""


class GitProblem(Exception):
    """git said no."""


class Change(msgspec.Struct, frozen=True):
    """One file of a comparison."""

    status: str
    path: str
    old_path: str
    old_blob: str
    blob: str
    additions: int
    deletions: int
    patch: str | None


class CommitFacts(msgspec.Struct, frozen=True):
    sha: str
    tree: str
    parents: tuple[str, ...]
    author: tuple[str, str, str]
    """Name, address, moment."""
    committer: tuple[str, str, str]
    message: str


class Git:
    """Runs git by the clock of the test, without anybody's configuration."""

    def __init__(self, folder: Path, clock: TestClock) -> None:
        self.folder = folder
        self._clock = clock
        self._known: dict[tuple[Path | str, ...], bytes] = {}
        self._commits: dict[tuple[Path, str], CommitFacts] = {}
        self.environment: Final[Mapping[str, str]] = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "LC_ALL": "C.UTF-8",
        }

    def run(
        self,
        path: Path,
        *arguments: str,
        given: bytes | None = None,
        who: str = "GitHub <noreply@github.com>",
        ok: Sequence[int] = (0,),
    ) -> bytes:
        """Raises GitProblem."""
        name, _, address = who.rstrip(">").partition(" <")
        moment = f"{int(self._clock.now())} +0000"
        environment = {
            **self.environment,
            "GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": address, "GIT_AUTHOR_DATE": moment,
            "GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": address,
            "GIT_COMMITTER_DATE": moment,
        }  # fmt: skip
        done = subprocess.run(
            ["git", *arguments], cwd=path, env=environment, input=given or b"",
            capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode not in ok:
            said = done.stderr.decode(errors="replace").strip()
            raise GitProblem(f"git {' '.join(arguments[:3])}: {said}")
        return done.stdout

    def _once(self, path: Path, *arguments: str, ok: Sequence[int] = (0,)) -> bytes:
        """What is said of commits by their full names stays true, so git is asked once; where it
        says nothing, what is asked for may come yet.

        Raises GitProblem.
        """
        key: tuple[Path | str, ...] = (path, *arguments)
        said = self._known.get(key)
        if said is None:
            said = self.run(path, *arguments, ok=ok)
            if said:
                self._known[key] = said
        return said

    def create(self, path: Path, branch: str) -> None:
        """A bare repository with nothing in it, as `git init` makes it."""
        for folder in ("hooks", "objects/info", "objects/pack", "refs/heads", "refs/tags"):
            (path / folder).mkdir(parents=True)
        (path / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
        (path / "config").write_text(_CONFIG)
        hook = path / "hooks" / "update"
        hook.write_text(_HOOK)
        hook.chmod(0o755)

    def copy(self, source: Path, path: Path) -> None:
        shutil.copytree(source, path)

    def resolve(self, path: Path, name: str) -> str | None:
        """The commit that a branch, a tag or a sha names."""
        if (head := self.ref(path, f"refs/heads/{name}")) is not None:
            return head
        named = self.ref(path, f"refs/tags/{name}") or name
        return None if named.startswith("-") else self._parsed(path, f"{named}^{{commit}}")

    def ref(self, path: Path, ref: str) -> str | None:
        """What a ref or `<sha>:<path>` names."""
        if ref.startswith("refs/") and not (path / "packed-refs").exists():
            return _in_its_file(path, ref)
        return self._parsed(path, ref)

    def _parsed(self, path: Path, name: str) -> str | None:
        asked = self._once if _NAMED_FOR_EVER.match(name) else self.run
        shown = asked(path, "rev-parse", "--verify", "--quiet", name, ok=(0, 1, 128))
        return shown.decode().strip() or None

    def refs(self, path: Path, prefix: str = "refs/") -> dict[str, str]:
        """Under a folder, in the order of their names."""
        if (path / "packed-refs").exists():
            shown = self.run(path, "for-each-ref", "--format=%(objectname) %(refname)", prefix)
            pairs = (line.split(" ", 1) for line in shown.decode().splitlines())
            return {name: sha for sha, name in pairs}
        named = sorted(str(file.relative_to(path)) for file in (path / prefix).rglob("*"))
        found = ((name, _in_its_file(path, name)) for name in named if not name.endswith(".lock"))
        return {name: sha for name, sha in found if sha is not None}

    def set_ref(self, path: Path, ref: str, new: str, old: str | None = None) -> None:
        """`new` ZERO deletes. Raises GitProblem when the ref is no longer `old`."""
        expected = [] if old is None else [old]
        if new == ZERO:
            self.run(path, "update-ref", "-d", ref, *expected)
        else:
            self.run(path, "update-ref", ref, new, *expected)

    def commit(
        self,
        path: Path,
        ref: str,
        files: Mapping[str, str | bytes | None],
        message: str,
        who: str,
        parent: str | None,
    ) -> str:
        """Put files (None: gone) on top of `parent`, under `ref`; the new commit."""
        moment = f"{int(self._clock.now())} +0000"
        name, _, address = who.rstrip(">").partition(" <")
        text = message.encode()
        lines = [
            b"commit %s\n" % ref.encode(),
            b"author %s <%s> %s\n" % (name.encode(), address.encode(), moment.encode()),
            b"committer %s <%s> %s\n" % (name.encode(), address.encode(), moment.encode()),
            b"data %d\n%s\n" % (len(text), text),
        ]
        if parent is not None:
            lines.append(b"from %s\n" % parent.encode())
        for file, content in files.items():
            quoted = '"' + file.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
            if content is None:
                lines.append(b"D %s\n" % quoted.encode())
                continue
            data = content.encode() if isinstance(content, str) else content
            lines.append(b"M 100644 inline %s\ndata %d\n%s\n" % (quoted.encode(), len(data), data))
        self.run(path, "fast-import", "--quiet", "--force", given=b"".join(lines))
        made = self.ref(path, ref)
        assert made is not None
        return made

    def is_ancestor(self, path: Path, older: str, newer: str) -> bool:
        if older == newer:
            return True
        try:
            return self.merge_base(path, older, newer) == older
        except GitProblem:
            return False  # what is not there yet

    def merge_base(self, path: Path, one: str, other: str) -> str | None:
        """Of commits by their full names. Raises GitProblem for one that is not there."""
        known = self._commits.get((path, other))
        if known is not None and one in known.parents:
            return one
        found = self._once(path, "merge-base", one, other, ok=(0, 1))
        return found.decode().strip() or None

    def merged_tree(self, path: Path, one: str, other: str) -> str | None:
        """The tree of their merge, or None for a conflict."""
        try:
            shown = self.run(path, "merge-tree", "--write-tree", "--no-messages", one, other)
        except GitProblem:
            return None
        return shown.decode().split()[0]

    def commit_tree(
        self, path: Path, tree: str, parents: Sequence[str], message: str, who: str
    ) -> str:
        named = [word for parent in parents for word in ("-p", parent)]
        made = self.run(path, "commit-tree", tree, *named, given=message.encode(), who=who)
        return made.decode().strip()

    def rebased(self, path: Path, onto: str, base: str, head: str, who: str) -> str | None:
        """The commits of base..head on top of `onto`, or None for a conflict."""
        picked = self.run(path, "rev-list", "--reverse", "--no-merges", f"{base}..{head}")
        place = Path(tempfile.mkdtemp(prefix="rebase-", dir=self.folder)) / "tree"
        self.run(path, "worktree", "add", "--quiet", "--detach", str(place), onto)
        try:
            for sha in picked.decode().split():
                self.run(place, "cherry-pick", "--allow-empty", sha, who=who)
            return self.run(place, "rev-parse", "HEAD").decode().strip()
        except GitProblem:
            return None
        finally:
            self.run(path, "worktree", "remove", "--force", str(place))

    def commits(self, path: Path, span: str, most: int = 250) -> list[CommitFacts]:
        """The newest first."""
        if most == 1 and (known := self._commits.get((path, span))) is not None:
            return [known]
        shape = "%H%x00%T%x00%P%x00%an%x00%ae%x00%at%x00%cn%x00%ce%x00%ct%x00%B%x00%x01"
        asked = self._once if _FULL.fullmatch(span) else self.run
        shown = asked(path, "log", "--encoding=UTF-8", f"--format={shape}", f"-n{most}", span, "--")
        found = []
        for entry in shown.decode(errors="replace").split("\x01")[:-1]:
            sha, tree, parents, an, ae, at, cn, ce, ct, message, _ = entry.lstrip("\n").split("\0")
            found.append(
                CommitFacts(
                    sha, tree, tuple(parents.split()), (an, ae, at), (cn, ce, ct),
                    message.rstrip("\n"),
                )
            )  # fmt: skip
        self._commits |= {(path, one.sha): one for one in found}
        return found

    def count(self, path: Path, span: str) -> int:
        """Of `<sha>..<sha>`."""
        return int(self._once(path, "rev-list", "--count", span))

    def changes(self, path: Path, base: str, head: str) -> list[Change]:
        """What `head` changed since it left `base`."""
        since = self.merge_base(path, base, head) or base
        shown = self.run(
            path, "diff", "--raw", "-z", "--numstat", "--patch", "-M", "--no-abbrev", since, head
        )
        listed, _, patches = shown.partition(b"\0\0")
        if not listed:
            return []
        words = listed.decode(errors="surrogateescape").split("\0")
        parts = [_hunks(part) for part in _PATCH.split(patches.decode(errors="replace"))[1:]]
        return _changes(words, parts)


def _in_its_file(path: Path, ref: str) -> str | None:
    if ".." in ref:
        return None  # is in no ref's name
    try:
        kept = (path / ref).read_text().strip()
    except (OSError, ValueError):
        return None  # no such file, or none can have that name
    return kept if _SHA.fullmatch(kept) else None


_PATCH: Final = re.compile(r"^diff --git ", re.MULTILINE)
"""No line of a hunk begins like that."""


def _hunks(patch: str) -> str | None:
    """None for what has none: binary files, mere renames."""
    _, found, hunks = patch.partition("\n@@")
    return ("@@" + hunks).rstrip("\n") if found else None


_STATUSES: Final = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "T": "changed"}


def _changes(words: list[str], patches: list[str | None]) -> list[Change]:
    """Of `--raw -z --numstat`: first all raw records, then all counts in the same order."""
    records: list[tuple[str, str, str, str, str]] = []
    at = 0
    while words[at].startswith(":"):
        _, _, old, new, status = words[at].split(" ")
        two = status[0] in "RC"
        names = words[at + 1 : at + 3] if two else [words[at + 1]] * 2
        records.append((status[0], names[0], names[1], old, new))
        at += 3 if two else 2
    found = []
    for (status, old_name, name, old, new), patch in zip(records, patches, strict=True):
        added, removed, single = words[at].split("\t", 2)
        at += 1 if single else 3
        binary = added == "-"
        found.append(
            Change(
                _STATUSES[status], name, old_name, old, new,
                0 if binary else int(added), 0 if binary else int(removed), patch,
            )
        )  # fmt: skip
    return found
