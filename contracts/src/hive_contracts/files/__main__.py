"""Write what is made from the files' structs; with --check, say whether it is in sync."""

import sys
from pathlib import Path

from hive_contracts.files.described import ROOTS
from hive_contracts.files.reference import reference
from hive_contracts.files.schema import schema_text

HERE = Path(__file__).parent
PAGE = HERE.parents[3] / "docs" / "file-reference.md"


def main() -> None:
    made = {HERE / "schemas" / f"{kind}.json": schema_text(kind) for kind in ROOTS}
    made[PAGE] = reference()
    stale = [path for path, text in made.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        if stale:
            names = ", ".join(path.name for path in stale)
            raise SystemExit(f"out of sync, run `make reference`: {names}")
        return
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(made[path])


if __name__ == "__main__":
    main()
