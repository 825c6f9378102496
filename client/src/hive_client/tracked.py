"""What a glob finds among the files of a commit, as the runner will see it."""

import tempfile
from pathlib import Path

from hive_client.checkout import Checkout, GitProblem, git
from hive_contracts import globs
from hive_contracts.plan import Globbed, Item


def found(checkout: Checkout, globbed: Globbed) -> list[Item]:
    """Raises GitProblem, such as for a pattern that leaves the repository."""
    with tempfile.TemporaryDirectory(prefix="hive-index-") as folder:
        # The person's own index stays as it is.
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git(checkout.path, "read-tree", checkout.commit, extra=index)

        def tracked(pathspecs: tuple[str, ...]) -> list[str]:
            if not pathspecs:
                return []
            said = git(
                checkout.path, "ls-files", "-z", "--cached", "--full-name", "--", *pathspecs,
                check=False, extra=index,
            )  # fmt: skip
            if said.returncode != 0:
                raise GitProblem(
                    f"the glob cannot be used: {said.stderr.strip()}",
                    "for_each",
                    "write such as src/*.py, relative to the repository's root",
                )
            return [path for path in said.stdout.split("\0") if path]

        files = tracked(globs.file_pathspecs(globbed))
        return globs.found(globbed, files, tracked(globs.folder_pathspecs(globbed)))
