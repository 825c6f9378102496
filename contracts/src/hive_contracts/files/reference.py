"""The page that lists every key of the files, made from their structs."""

from collections.abc import Iterator
from typing import Final

import msgspec

from hive_contracts.files.described import ROOTS, Key, keys_of, structs_of, summary_of, title_of

_HEAD: Final = """\
# Every key of the files

Made from the code by `make reference`; do not edit. What the keys do together is told in
[the mission file](mission-file.md), [the repository file](repository-file.md) and
[health](health.md). Editors that read JSON Schema get the same from `hive schema`.

Numbers and truth values stand for text where text is wanted, and a list of one needs no brackets. A
duration is seconds, or such as `90s`, `30m`, `2h`, `1d`.
"""
_FILES: Final = {
    "mission": "The mission file",
    "repository": "The repository file, `.hive/repo.yaml`",
    "incidents": "The file of incidents, `incidents.yaml`",
    "policy": "The error-budget policy, `policy.yaml`",
}


def reference() -> str:
    parts = [_HEAD]
    for kind, root in ROOTS.items():
        parts.append(f"## {_FILES[kind]}\n")
        parts += [section for struct in structs_of(root) for section in _section(struct, root)]
    return "\n".join(parts)


def _section(struct: type[msgspec.Struct], root: type[msgspec.Struct]) -> Iterator[str]:
    if struct is not root:
        yield f"### {title_of(struct)}\n"
    yield f"{summary_of(struct)}\n"
    keys = keys_of(struct)
    if keys:
        rows = "\n".join(_row(key) for key in keys)
        yield f"| key | form | meaning |\n|---|---|---|\n{rows}\n"


def _row(key: Key) -> str:
    meaning = key.meaning
    if key.required:
        meaning = f"{meaning} Required."
    elif key.default:
        meaning = f"{meaning} Default: `{key.default}`."
    return f"| `{key.name}` | {key.form} | {meaning.strip().replace('|', chr(92) + '|')} |"
