"""Whether work kept to the paths that its task names."""

from os import fsdecode

from hive_runner.repositories.workspace import EVERY_SUBMODULE, Workspace


async def outside(
    workspace: Workspace, paths: tuple[str, ...], start: str, commit: str
) -> list[str]:
    """What differs between two commits outside of these pathspecs; without any, nothing does.

    A rename counts on both sides. Raises GitFailed.
    """
    if not paths:
        return []
    inside = [f":(top,exclude,glob){path}" for path in paths]
    said = await workspace.own(
        "diff", "--name-only", "-z", "--no-renames", EVERY_SUBMODULE, start, commit,
        "--", ":(top)", *inside,
    )  # fmt: skip
    return [fsdecode(path) for path in said.stdout.split(b"\0") if path]
