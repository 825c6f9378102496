"""Files that the command writes for a person: whole or not at all, over nothing that is there."""

import contextlib
import os
import tempfile
from pathlib import Path

from hive_cli.problems import Problem


def write(path: Path, text: str, *, replace: bool = False, within: Path | None = None) -> None:
    """Write a file whose folder may have to be made.

    `within`: a repository, which must not lead what we write out of itself by a symbolic link.
    Raises Problem where the file is there (unless `replace`), or cannot be written.
    """
    for place in (path, *path.parents) if within is not None else ():
        if place == within:
            break
        if place.is_symlink():
            raise Problem(
                "this is a symbolic link, and is not written through", code="link",
                where=str(place), remedy="put a plain folder or file in its place",
            )  # fmt: skip
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w",
            encoding="utf-8",
            newline="\n",
            dir=path.parent,
            prefix=f".{path.name}.",
            delete=False,
        ) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            # As a file that the person had made: the temporary one is theirs alone.
            mask = os.umask(0)
            os.umask(mask)
            Path(file.name).chmod(0o666 & ~mask)
            # A link, unlike a rename, fails where somebody else was first.
            (os.replace if replace else os.link)(file.name, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(file.name)
    except FileExistsError:
        raise Problem(
            "this file is there already", code="exists", where=str(path),
            remedy="take another name, or move it away first",
        ) from None  # fmt: skip
    except OSError as error:
        raise Problem(
            f"the file cannot be written: {error.strerror}", code="unwritable", where=str(path),
            remedy="check the folder's rights and its space",
        ) from error  # fmt: skip
