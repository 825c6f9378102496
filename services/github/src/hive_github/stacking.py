"""A task's own branch, made of what the mission's branch got by it: no folder of files is needed.

    the mission's branch      base ── a ── b ── c          in the order in which tasks were merged
    a pull request for each   base ── a'                   b needs nothing, c needs a
                              base ── b'
                                 a' ── c'

Each change is carried over as a three-way merge from where the mission's branch was before it, and
becomes one commit. Author, dates and text are those of the work, so that it is the same commit
whenever it is made again. What others have pushed stays: a branch only ever grows.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec

_TEXT: Final = "--format=%an%n%ae%n%aI%n%B"


class Git(Protocol):
    """git in one repository."""

    async def run(self, *arguments: str, variables: dict[str, str] | None = None) -> str: ...

    async def attempt(self, *arguments: str) -> tuple[int, str, str]: ...

    async def continues(self, commit: str, earlier: str) -> bool: ...


class Step(msgspec.Struct, frozen=True):
    """One change of the mission's branch."""

    old: str
    new: str
    merged: str = ""
    """A commit of GitHub's that came in by it."""


class Unfit(Exception):
    """A change does not fit onto where it is to go."""

    def __init__(self, step: Step) -> None:
        super().__init__(f"{step.new[:12]} does not fit there")


async def grow(git: Git, onto: str, steps: Sequence[Step]) -> str:
    """A commit that has the changes, too; `onto` itself where it has them. Raises Unfit, and the
    errors of `git`.
    """
    for step in steps:
        onto = await _add(git, onto, step)
    return onto


async def join(git: Git, onto: str, other: str, text: str) -> str:
    """A merge of both; `onto` where it has the other, empty where they conflict."""
    if await git.continues(onto, other):
        return onto
    tree = await _merged(git, onto, other)
    if not tree:
        return ""
    date = (await git.run("show", "-s", "--format=%cI", other)).strip()
    return await _commit(git, tree, (onto, other), text, ("Agent Hive", "hive@localhost", date))


async def _add(git: Git, onto: str, step: Step) -> str:
    parents = [onto]
    if step.merged and not await git.continues(onto, step.merged):
        parents.append(step.merged)
        tree = await _mended(git, onto, step)
    else:
        common = await _stand_in(git, step.old, ())
        ours, theirs = [await _stand_in(git, each, (common,)) for each in (onto, step.new)]
        tree = await _merged(git, ours, theirs)
    if not tree:
        raise Unfit(step)
    if len(parents) == 1 and tree == await _tree(git, onto):
        return onto
    told = await git.run("log", "-1", "--no-merges", _TEXT, f"{step.old}..{step.new}")
    told = told or await git.run("log", "-1", _TEXT, step.new)
    name, address, date, text = told.split("\n", 3)
    return await _commit(git, tree, parents, text, (name, address, date))


async def _merged(git: Git, ours: str, theirs: str) -> str:
    """The tree of a merge; empty where they conflict."""
    status, said, _ = await git.attempt("merge-tree", "--write-tree", "--no-messages", ours, theirs)
    return said.split("\n", 1)[0].strip() if status == 0 else ""


async def _mended(git: Git, onto: str, step: Step) -> str:
    """The tree of a merge with what came in, where its conflicts are as an agent has mended them on
    the mission's branch; empty where a file there was another one before.
    """
    status, said, _ = await git.attempt(
        "merge-tree", "--write-tree", "--no-messages", "--name-only", "-z", onto, step.merged
    )
    if status not in (0, 1):
        return ""
    tree, *paths = [part for part in said.split("\0") if part]
    if not paths:
        return tree
    with tempfile.TemporaryDirectory(prefix="hive-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        await git.run("read-tree", tree, variables=index)
        for path in dict.fromkeys(paths):
            if await _entry(git, step.old, path) != await _entry(git, onto, path):
                return ""
            mended = await _entry(git, step.new, path)
            change = ("--add", "--cacheinfo", f"{mended},{path}") if mended else (
                "--force-remove", "--", path
            )  # fmt: skip
            await git.run("update-index", *change, variables=index)
        return (await git.run("write-tree", variables=index)).strip()


async def _entry(git: Git, commit: str, path: str) -> str:
    """`mode,blob` of a file; empty where there is none."""
    said = await git.run("ls-tree", "-z", "--full-tree", commit, "--", f":(literal){path}")
    mode, _, rest = said.partition(" ")
    return f"{mode},{rest.split(' ', 1)[1].split(chr(9), 1)[0]}" if said else ""


async def _stand_in(git: Git, commit: str, parents: Sequence[str]) -> str:
    """A commit of the same files whose history is what we say: merge-tree asks that alone."""
    who = ("hive", "hive@localhost", "2000-01-01T00:00:00Z")
    return await _commit(git, await _tree(git, commit), parents, "files", who)


async def _tree(git: Git, commit: str) -> str:
    return (await git.run("rev-parse", f"{commit}^{{tree}}")).strip()


async def _commit(
    git: Git, tree: str, parents: Sequence[str], text: str, who: tuple[str, str, str]
) -> str:
    name, address, date = who
    named = [option for parent in parents for option in ("-p", parent)]
    made = await git.run(
        "commit-tree", tree, *named, "-m", text.strip() or "work",
        variables={
            f"GIT_{whose}_{what}": value
            for whose in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", name), ("EMAIL", address), ("DATE", date))
        },
    )  # fmt: skip
    return made.strip()
